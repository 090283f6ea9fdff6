"""How much time a call has left."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from renkei.spec import Clock


class SystemClock:
    """Time as the machine tells it."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()


class Deadline:
    """An end by two clocks: whichever comes first.

    The monotonic clock cannot be set back; but it stands still while the machine sleeps, and a request that leaves
    after a night's sleep comes hours after the lease that allowed it. The wall clock sees that.
    """

    def __init__(self, clock: Clock, length: timedelta) -> None:
        self._clock = clock
        self._monotonic = clock.monotonic() + length.total_seconds()
        self._wall = clock.now() + length

    def remaining(self) -> float:
        """Seconds left, not below zero."""
        by_wall = (self._wall - self._clock.now()).total_seconds()
        return max(0.0, min(self._monotonic - self._clock.monotonic(), by_wall))
