"""Pushing as core does it: again, until every record is stored or refused by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from renkei.spec import Rejected, Suspect, Verdict, WireRecord
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.connection import Connection
from renkei.testing.contract.pushed import Pushed


@dataclass(slots=True)
class Settled:
    """What became of records in the end.

    Attributes:
        stored: key → the backend's id.
        refused: key → the verdict of the record that was pushed alone, or named.
        taken: keys of those that were called `duplicate`.
        words: key → the word of its last verdict.
        pushes: all that it took.
    """

    stored: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Rejected | Suspect] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    words: dict[str, str] = field(default_factory=dict)
    pushes: list[Pushed] = field(default_factory=list)

    def __contains__(self, key: str) -> bool:
        return key in self.stored or key in self.refused or key in self.taken


def settle(connection: Connection, records: Sequence[WireRecord]) -> Settled:
    """Push *records*, innocent ones again and suspects alone, until each has its word.

    Raises:
        Broken: a push came to nothing, or core refuses what was said of it.
    """
    settled = Settled()
    size = connection.stage.manifest.limits.push_size
    waiting = [list(records[at : at + size]) for at in range(0, len(records), size)]
    while waiting:
        batch = waiting.pop(0)
        pushed = connection.push(batch).require_sound()
        settled.pushes.append(pushed)
        suspects = [record for record in batch if _note(settled, pushed.said(record.key), alone=len(batch) == 1)]
        left = [record for record in batch if record.key not in settled and record not in suspects]
        require(
            len(left) < len(batch),
            f"a push of {len(batch)} records came to nothing: none was stored, refused or suspected; "
            f"stopped by {type(pushed.stopped_by).__name__}",
        )
        waiting += [[record] for record in suspects] + ([left] if left else [])
    return settled


def _note(settled: Settled, verdict: Verdict, *, alone: bool) -> bool:
    """Keep what is certain of one record; whether it has to be pushed alone."""
    settled.words[verdict.key] = verdict.verdict
    match verdict.verdict:
        case "created" | "updated":
            settled.stored[verdict.key] = verdict.id
        case "duplicate":
            settled.taken.add(verdict.key)
        case "rejected":
            settled.refused[verdict.key] = verdict
        case "suspect" if alone:
            settled.refused[verdict.key] = verdict
        case "unknown":
            broken(f"record {verdict.key!r} is 'unknown', although every request was answered")
    return verdict.verdict == "suspect" and not alone
