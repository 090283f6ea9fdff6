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

    def now(self) -> datetime:
        """The instant."""
        return self._now

    def monotonic(self) -> float:
        """The machine's own."""
        return time.monotonic()

    def forward(self, by: timedelta) -> None:
        """Move on; a negative step is a clock that jumps back."""
        self._now += by
