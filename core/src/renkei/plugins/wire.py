"""What went over the wire in one call: who was asked, what came back, and which records a request carried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Outcome(StrEnum):
    """What is known about one request."""

    UNSENT = "unsent"  # no connection, or held back: certainly not applied
    ANSWERED = "answered"  # a complete answer with status 2xx
    REFUSED = "refused"  # 429, another 4xx, or what the manifest's `refusals` describe: certainly not applied
    UNKNOWN = "unknown"  # anything else, and every request still under way


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request. Holds no query, no header value and no body.

    Attributes:
        carried: keys of the records it carried, as the plugin told; None where it did not tell, which means all.
        status: of the answer, None where none came.
        ms: from leaving to the end of the answer.
    """

    kind: Literal["read", "write"]
    method: str
    host: str
    path: str
    carried: frozenset[str] | None = field(default=None, repr=False)
    status: int | None = None
    ms: float | None = None
    outcome: Outcome = Outcome.UNKNOWN


@dataclass(slots=True)
class WireLog:
    """The requests of one call, in the order they left."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many may have reached the backend: what a budget counts."""
        return sum(1 for entry in self.entries if entry.outcome is not Outcome.UNSENT)

    @property
    def writes(self) -> int:
        """How many of them were writes."""
        return len(writes_in(self.entries))

    @property
    def unknown_writes(self) -> int:
        """Writes that may or may not have been applied."""
        return sum(1 for entry in writes_in(self.entries) if entry.outcome is Outcome.UNKNOWN)


def writes_in(entries: Iterable[Entry]) -> list[Entry]:
    """The writes that may have reached the backend."""
    return [entry for entry in entries if entry.kind == "write" and entry.outcome is not Outcome.UNSENT]
