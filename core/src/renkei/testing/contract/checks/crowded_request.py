"""How many records a request is tried with where their place in it matters: from the tenth on an index is longer."""

from __future__ import annotations

from typing import Final

from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.collisions import Lone
from renkei.testing.contract.checks.settling import settle
from renkei.testing.contract.stage import Stage

_MOST: Final = 100
_LEAST: Final = 20
_START: Final = 820_001
_PLACE: Final = 12


def full_request(stage: Stage) -> int:
    """As many records as one request takes, or what shows the same."""
    limits = stage.manifest.limits
    return min(limits.push_size, max(limits.request_size, _LEAST), _MOST)


def apart(count: int) -> list[int]:
    """Places in a request of *count* that are told apart by whoever reads a place rightly: all of a number's digits."""
    return sorted({min(_PLACE, count - 1), count - 1})


def require_taken_keys_told_apart(stage: Stage, lone: Lone) -> None:
    """In a full request, those records whose keys are taken are the ones that are said to be, and no others.

    Raises:
        Broken: another one is.
    """
    good, count = stage.good, full_request(stage)
    records = [lone(good, _START + place) for place in range(count)]
    taken = {records[place].key: place for place in (0, *apart(count))}
    settle(good, [record for record in records if record.key in taken])
    before = len(stage.read())
    settled = settle(good, records)
    fitting = ("duplicate", "updated", *(("rejected",) if _has_another_key(stage) else ()))
    for place, record in enumerate(records):
        word, what = (
            settled.words[record.key],
            f"record {place + 1} of {count}, {len(taken)} of which have a taken key,",
        )
        if record.key in taken:
            require(word in fitting, f"{what} was called {word!r}, and its key is taken")
        else:
            require(record.key in settled.stored, f"{what} was called {word!r}, and its key is fresh")
    added = len(stage.read()) - before
    require(added == count - len(taken), f"{added} records were added by a push of {count - len(taken)} fresh ones")


def _has_another_key(stage: Stage) -> bool:
    """Whether another unique field cannot be left out: then it is taken as well, and may be what is said."""
    fields = stage.good.schema.fields
    return any(field.unique and field.required and field.code != stage.kit.key_field for field in fields)
