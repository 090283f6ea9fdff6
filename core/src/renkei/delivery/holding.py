"""How long outcomes that this process has seen to be unknown must settle, by a clock that never jumps.

The store's due times are wall-clock times, which all processes share and which somebody may put forward: a
hold-off of a minute would then be over at once, and a record be sent again beside the request that is still running.
The process that knows how long it has really waited does not believe that.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta


class HoldOffs:
    """Deliveries on hold, by id: until when of the monotonic clock. One for each engine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[int, float] = {}

    def begin(self, deliveries: Iterable[int], length: timedelta, monotonic: float) -> None:
        """Their outcome is unknown since now."""
        until = monotonic + length.total_seconds()
        with self._lock:
            for delivery in deliveries:
                self._until[delivery] = until

    def rest(self, delivery: int, monotonic: float) -> timedelta:
        """How long it must still be held; nothing for one of which this process knows nothing."""
        with self._lock:
            until = self._until.get(delivery)
            if until is None:
                return timedelta(0)
            if until <= monotonic:
                del self._until[delivery]
                return timedelta(0)
            return timedelta(seconds=until - monotonic)
