"""How long outcomes that this process has seen to be unknown must settle, by a clock that never jumps.

The store's due times are wall-clock times, which all processes share and which somebody may put forward: a
hold-off of a minute would then be over at once, and a record be sent again beside the request that is still running.
The process that knows how long it has really waited does not believe that. Another one, which only sees the clock put
forward, believes nothing until it has waited for as long itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta

from renkei.spec import Clock

# Clocks are put right by less than this all the time.
_JUMP_SECONDS = 1.0


class HoldOffs:
    """Deliveries on hold, by id: until when of the monotonic clock. One for each engine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[int, float] = {}
        self._wall_ahead: float | None = None
        self._jumped_at: float | None = None

    def watch(self, clock: Clock) -> None:
        """Notice that the wall clock was put forward; to be called every few seconds."""
        monotonic = clock.monotonic()
        ahead = clock.now().timestamp() - monotonic
        with self._lock:
            if self._wall_ahead is not None and ahead > self._wall_ahead + _JUMP_SECONDS:
                self._jumped_at = monotonic
            self._wall_ahead = ahead

    def begin(self, deliveries: Iterable[int], length: timedelta, monotonic: float) -> None:
        """Their outcome is unknown since now."""
        until = monotonic + length.total_seconds()
        with self._lock:
            for delivery in deliveries:
                self._until[delivery] = until

    def rest(self, delivery: int, monotonic: float, length: timedelta = timedelta(0)) -> timedelta:
        """How long it must still be held.

        Args:
            length: of a hold-off. One that others began may be as long as that after the wall clock was put forward.
        """
        with self._lock:
            until = self._until.get(delivery)
            if until is None:
                since = monotonic - self._jumped_at if self._jumped_at is not None else float("inf")
                return timedelta(seconds=max(0.0, length.total_seconds() - since))
            if until <= monotonic:
                del self._until[delivery]
                return timedelta(0)
            return timedelta(seconds=until - monotonic)
