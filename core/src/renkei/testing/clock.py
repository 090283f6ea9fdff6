"""A clock that stands still until it is moved."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class ManualClock:
    """Give it to `Renkei(clock=…)`; due times, leases and budgets then follow `forward`.

    Deadlines inside a process are monotonic and real: a hook that hangs is still ended.
    """

    def __init__(self, now: datetime = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)) -> None:
        self._now = now
        self._moved = 0.0

    def now(self) -> datetime:
        """The instant."""
        return self._now

    def monotonic(self) -> float:
        """The machine's own, and what was moved on by hand."""
        return time.monotonic() + self._moved

    def forward(self, by: timedelta) -> None:
        """Move on; a negative step is a clock that is put back."""
        self._now += by
        self._moved += max(by, timedelta(0)).total_seconds()

    def jump(self, by: timedelta) -> None:
        """Somebody sets the wall clock, forward or back: no time passes."""
        self._now += by
