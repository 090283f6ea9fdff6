"""What became of it all, counted from sides that know nothing of each other.

The hosts' notes say what was recorded, the simulator says what it holds, renkei's database says what it believes.
"""

from __future__ import annotations

import json
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.world import APPS, DEADLINE, LEASE, Place

# Between the moment of the worker's last look at the clock and the supervisor's, on one machine.
_SLACK = 0.5


@dataclass(frozen=True, slots=True)
class Death:
    """A worker that was killed or frozen, at that time of the wall clock."""

    pid: int
    at: float
    how: str


@dataclass(slots=True)
class Notes:
    """What the hosts noted after `record()` had returned.

    Attributes:
        refusals: what it raised instead, by its words; each was offered again.
        milliseconds: how long it took, by the host and the way in which it was called.
    """

    recorded: set[str] = field(default_factory=set)
    excluded: set[str] = field(default_factory=set)
    conflicts: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    milliseconds: dict[tuple[int, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, host: int, line: str) -> None:
        """One line of that host's list."""
        if line.startswith("refused "):
            self.refusals[line.split(" ", 2)[2]] += 1
            return
        outcome, subject, way, took = line.split()
        if outcome == "recorded":
            self.recorded.add(subject)
            self.milliseconds[host, way].append(float(took))
        elif outcome == "excluded":
            self.excluded.add(subject)
        else:
            self.conflicts += 1


class NoteReader:
    """Reads the hosts' lists on as they grow."""

    def __init__(self, place: Place, hosts: int) -> None:
        self.notes = Notes()
        self._paths = [place.noted(host) for host in range(hosts)]
        self._read = [0] * hosts

    def read(self) -> Notes:
        """Everything noted up to now."""
        for host, path in enumerate(self._paths):
            if path.exists():
                with path.open() as stream:
                    stream.seek(self._read[host])
                    text = stream.read()
                whole = text[: text.rfind("\n") + 1]
                self._read[host] += len(whole.encode())
                for line in whole.splitlines():
                    self.notes.add(host, line)
        return self.notes


def asked(url: str, path: str) -> Any:
    """What the simulator answers on a path that is no part of kintone."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}{path}", timeout=60) as answer:
        return json.load(answer)


def stored(url: str) -> Counter[str]:
    """How many records the simulator holds of each subject."""
    found: Counter[str] = Counter()
    for app in APPS:
        records = asked(url, f"/_sim/records?app={app}")["records"]
        found.update(record["values"]["件名"] for record in records)
    return found


@dataclass(frozen=True, slots=True)
class Delivery:
    """What renkei's database says of one action."""

    id: int
    state: str
    sent_at: float | None
    code: str | None


def deliveries(place: Place) -> dict[str, Delivery]:
    """Every delivery by the subject of its record."""
    query = (
        "SELECT i.inbox || '/' || i.action_id, d.id, d.state, d.sent_at, d.code"
        " FROM deliveries d JOIN intake i ON i.id = d.intake_id"
    )
    return {
        subject: Delivery(number, state, None if sent_at is None else sent_at / 1e6, code)
        for subject, number, state, sent_at, code in place.rows(query)
    }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run came to.

    Attributes:
        lost: recorded, and neither in kintone nor in a person's hands.
        doubled: records beyond the first of an action.
        strangers: in kintone, and never offered.
        misjudged: rejected or cancelled, although nothing was wrong with any of them.
        explained: doubtful ones by what made them so.
        unexplained: doubtful ones for which nothing was found.
    """

    recorded: int
    found: int
    lost: list[str]
    doubled: list[str]
    strangers: list[str]
    misjudged: list[str]
    doubtful: int
    doubtful_stored: int
    explained: dict[str, int]
    unexplained: list[str]


def verdict(place: Place, noted: set[str], found: Counter[str], deaths: Sequence[Death]) -> Verdict:
    """Compare id by id."""
    believed = deliveries(place)
    states = {subject: delivery.state for subject, delivery in believed.items()}
    doubtful = [subject for subject, state in states.items() if state == "doubtful"]
    misjudged = [subject for subject, state in states.items() if state in ("rejected", "cancelled")]
    waiting = [subject for subject, state in states.items() if state in ("waiting", "sending")]
    in_hand = {*doubtful, *misjudged, *waiting}
    causes = _causes(place, {subject: believed[subject] for subject in doubtful}, deaths)
    return Verdict(
        recorded=len(noted),
        found=sum(1 for subject in noted if subject in found),
        lost=sorted(subject for subject in noted | set(states) if subject not in found and subject not in in_hand),
        doubled=sorted(subject for subject, count in found.items() for _ in range(count - 1)),
        strangers=sorted(subject for subject in found if subject not in states),
        misjudged=sorted(misjudged),
        doubtful=len(doubtful),
        doubtful_stored=sum(1 for subject in doubtful if subject in found),
        explained=dict(sorted(Counter(cause for cause in causes.values() if cause).items())),
        unexplained=sorted(subject for subject, cause in causes.items() if not cause),
    )


# -- what made a delivery doubtful ------------------------------------------------------------------------------------


def _causes(place: Place, doubtful: dict[str, Delivery], deaths: Sequence[Death]) -> dict[str, str | None]:
    requests = _requests(place, set(doubtful))
    logged = _logged(place)
    return {
        subject: _cause(requests[subject], delivery, logged.get(delivery.id), deaths)
        for subject, delivery in doubtful.items()
    }


def _requests(place: Place, wanted: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Requests that brought each of the subjects, as the simulator wrote them down."""
    brought: dict[str, list[dict[str, Any]]] = defaultdict(list)
    if place.requests.exists():
        for line in place.requests.read_text().splitlines():
            request = json.loads(line)
            for subject in wanted.intersection(request["subjects"]):
                brought[subject].append(request)
    return brought


def _logged(place: Place) -> dict[int, tuple[str, float]]:
    """The last line of the attempt log of each delivery: its code and when."""
    query = "SELECT delivery_id, code, at FROM attempts WHERE delivery_id IS NOT NULL ORDER BY id"
    return {delivery: (code, at / 1e6) for delivery, code, at in place.rows(query)}


def _cause(
    requests: Sequence[dict[str, Any]], delivery: Delivery, logged: tuple[str, float] | None, deaths: Sequence[Death]
) -> str | None:
    last = requests[-1] if requests and _of_the_last_mark(requests[-1], delivery) else None
    if logged is None or delivery.sent_at is None:
        return None
    code, at = logged
    sender, did = (last["sender"], last["did"]) if last else (None, None)
    took = at - delivery.sent_at
    if code == "interrupted":
        # A holder that could not renew in time has lost its lane as well, dead or alive.
        late = "lease run out" if took > LEASE / 2 else None
        return _death(deaths, sender, delivery.sent_at, at) or did or late
    frozen = _death(deaths, sender, delivery.sent_at, at) if last else None
    return did or frozen or ("deadline passed" if took > DEADLINE * 0.8 else None)


def _of_the_last_mark(request: dict[str, Any], delivery: Delivery) -> bool:
    # One machine, one clock: what came before the mark belongs to an earlier one.
    return delivery.sent_at is not None and bool(request["came_at"] >= delivery.sent_at)


def _death(deaths: Iterable[Death], sender: int | None, since: float | None, until: float) -> str | None:
    """Who was killed or frozen between the mark and the moment at which a successor found what it had left."""
    for death in deaths:
        if (since or 0) - _SLACK <= death.at <= until + _SLACK and sender in (None, death.pid):
            return death.how
    return None


STATES = (
    "offered", "recorded", "excluded", "conflict", "delivered", "waiting", "sending", "rejected", "doubtful",
    "cancelled",
)  # fmt: skip
