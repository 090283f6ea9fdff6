"""A lane as core drains it (promise 7 of the design), and whether what was said of it is true.

Named culprits are rejected and the others pushed again; suspects are split by core's own rule; what was not stored
goes on waiting.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from renkei.spec import Created, NotStored, Rejected, Suspect, Updated, Value, WireRecord
from renkei.testing.contract import values
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.connection import Connection
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Exchange
from renkei.testing.kit import SeenRecord

_ALARM = 200  # pushes after which something goes round in circles

# Two records of this share fit into one request, three do not.
_SHARE = 0.4

# Above it, records hold no more than they must: what is tried is the count.
_MANY = 200


@dataclass(slots=True)
class Lane:
    """Records on their way.

    Attributes:
        waiting: those without an end yet.
        stored: key → the id that the plugin gave.
        refused: key → the verdict that ended it.
        pushes: all that was pushed.
        suspected: how many were suspected at once, at most.
    """

    connection: Connection
    waiting: list[WireRecord]
    stored: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Rejected | Suspect] = field(default_factory=dict)
    pushes: list[Pushed] = field(default_factory=list)
    suspected: int = 0

    def drained(self) -> Self:
        """Push until nothing waits.

        Raises:
            Broken: a push went wrong in a way that would stop a lane, or claimed what is not true.
        """
        most = self.connection.stage.manifest.limits.push_size
        while self.waiting:
            suspects = self._push(self.waiting[:most])
            if suspects:
                self._isolate(suspects)
        return self

    def allowed(self, culprits: int) -> int:
        """Most pushes that promise 7 allows for that many *culprits*.

        A named one costs the push in which it was found. One that nobody names costs the halving of the suspects
        besides, and a push of its own.
        """
        count = len(self.stored) + len(self.refused)
        regular = math.ceil(count / self.connection.stage.manifest.limits.push_size)
        halving = math.ceil(math.log2(self.suspected)) + 1 if self.suspected > 1 else 0
        return regular + culprits * (1 + halving)

    def _isolate(self, suspects: Sequence[WireRecord]) -> None:
        from renkei.delivery.isolation import isolate  # late: all of delivery comes with it, and the store

        plan = isolate(suspects)
        group = next(plan, None)
        while group is not None:
            refused = len(self._push(group)) == len(group) or self._was_lone_refusal(group)
            try:
                group = plan.send(refused)
            except StopIteration:
                group = None

    def _was_lone_refusal(self, group: Sequence[WireRecord]) -> bool:
        return len(group) == 1 and isinstance(self.refused.get(group[0].key), Suspect)

    def _push(self, batch: Sequence[WireRecord]) -> list[WireRecord]:
        """Push *batch* and settle what can be settled; those that core has to split."""
        require(len(self.pushes) < _ALARM, f"after {_ALARM} pushes there are still records that wait")
        pushed = self.connection.push(batch).require_sound()
        self.pushes.append(pushed)
        require_true(self.connection.stage, pushed)
        if pushed.stopped_by is not None:
            broken(f"a record that is refused stopped the whole lane with {type(pushed.stopped_by).__name__}")
        suspects = [record for record in batch if self._settle(record, pushed, alone=len(batch) == 1)]
        self.suspected = max(self.suspected, len(suspects))
        settled = self.stored.keys() | self.refused.keys()
        self.waiting = [record for record in self.waiting if record.key not in settled]
        if all(isinstance(pushed.outcome.verdicts[record.key], NotStored) for record in batch):
            broken(f"{len(batch)} records were pushed, all came back as not stored, and no reason was given")
        return suspects

    def _settle(self, record: WireRecord, pushed: Pushed, *, alone: bool) -> bool:
        """Take the verdict of *record*; whether it is a suspect among others."""
        match pushed.outcome.verdicts[record.key]:
            case Created() | Updated() as won:
                self.stored[record.key] = won.id
            case Rejected() as rejected:
                self.refused[record.key] = rejected
            case Suspect() as suspect if alone:
                self.refused[record.key] = suspect
            case Suspect():
                return True
            case NotStored():
                pass
            case other:
                broken(f"record {record.key!r} came back as {other.verdict!r} from a push that nothing disturbed")
        return False


def by_key(stage: Stage) -> dict[str, list[SeenRecord]]:
    """What the probe reads, by delivery key."""
    found: defaultdict[str, list[SeenRecord]] = defaultdict(list)
    for record in stage.read():
        found[str(record.values.get(stage.kit.key_field, ""))].append(record)
    return found


def require_true(stage: Stage, pushed: Pushed) -> None:
    """Hold every verdict of the plugin against the probe. For keys that were never stored before.

    Raises:
        Broken: a record is said to be stored and is not, or under another id; or said not to be and is; or is there
            twice.
    """
    seen = by_key(stage)
    for one in pushed.keys:
        verdict, here = pushed.said(one), seen.get(one, [])
        word = verdict.verdict
        require(len(here) < 2, f"record {one!r} is stored {len(here)} times after one push")
        if isinstance(verdict, (Created, Updated)):
            require(here, f"record {one!r} is reported as {word} and is not stored")
            require(
                verdict.id == here[0].id,
                f"record {one!r} is reported as {word} under the id of another record, or of none",
            )
        elif word in ("rejected", "suspect", "not_stored"):
            require(
                not here, f"record {one!r} is stored and reported as {word!r}: it would be sent again or told wrong"
            )


def require_stored_once(stage: Stage, keys: Iterable[str]) -> None:
    """The simulator holds exactly one record for each of *keys*, and nothing else.

    Raises:
        Broken: with the difference.
    """
    wanted, found = sorted(keys), sorted(stage.stored_keys())
    missing = [one for one in wanted if one not in found]
    more = [one for one in found if found.count(one) > 1 or one not in wanted]
    require(not missing, f"{len(missing)} good records are not stored: {', '.join(missing[:3])}")
    require(not more, f"the simulator holds records that it should not hold, or twice: {', '.join(more[:3])}")


def carried_by(exchange: Exchange, records: Iterable[WireRecord]) -> list[str]:
    """Keys of the *records* that a request carried, as its own body shows."""
    return [record.key for record in records if record.key.encode() in exchange.body]


def values_for_requests(connection: Connection, wanted: int, *, least: int = 0) -> list[dict[str, Value]] | None:
    """Values of good records that take at least *wanted* requests in one push, the first and the last of them apart.

    None where a push of this backend never needs so many: then each push is one request.

    Args:
        least: as many records where that many go into a push.
    """
    limits = connection.stage.manifest.limits
    count = limits.request_size * (wanted - 1) + 1
    if count <= limits.push_size:
        count = max(count, min(least, limits.push_size))
        return [connection.values(number, only_required=count > _MANY) for number in range(1, count + 1)]
    large, count = _large_text(connection), 2 * (wanted - 1) + 1
    if large is None or count > limits.push_size:
        return None
    return [connection.values(number, only_required=True, **large) for number in range(1, count + 1)]


def mapped(connection: Connection, made: Sequence[Mapping[str, Value]]) -> list[WireRecord]:
    """Wire records of *made*, each under the key among its values."""
    key_field = connection.stage.kit.key_field
    return [connection.wire_record(one, key=str(one[key_field])) for one in made]


def for_requests(connection: Connection, wanted: int) -> list[WireRecord] | None:
    """The records of `values_for_requests`."""
    made = values_for_requests(connection, wanted)
    return None if made is None else mapped(connection, made)


def _large_text(connection: Connection) -> dict[str, Value] | None:
    """Texts that fill so much of one request that no three records go into it; None where no text can."""
    most = connection.stage.manifest.limits.request_bytes
    if most is None:
        return None
    left = int(most * _SHARE)
    found: dict[str, Value] = {}
    for text in values.text_fields(connection.schema, connection.stage.kit.key_field):
        if text.code in connection.stage.kit.examples or text.code in connection.stage.kit.filled:
            continue
        size = left if text.max_length is None else min(left, text.max_length)
        found[text.code] = "x" * size
        left -= size
        if left <= 0:
            return found
    return None
