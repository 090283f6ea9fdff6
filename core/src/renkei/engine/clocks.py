"""Which clock a store goes by: one for each store, however many machines use it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from renkei.plugins.deadline import SystemClock
from renkei.spec import Clock
from renkei.store import Store, StoreUnavailable

# A server's clock is put right as others are; asking it more often would cost and tell nothing.
_ASK_AGAIN = 10.0


class ServerClock:
    """The database server's clock, asked now and then and carried on by this machine's monotonic one.

    Leases, due times and hold-offs are written by one machine and read by another. What this machine's wall clock
    says has no part in it; only while the server has never been reached, it stands in.
    """

    def __init__(self, store: Store, own: Clock) -> None:
        self._store = store
        self._own = own
        self._lock = threading.Lock()
        self._asked: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        asked = self._asked
        # One thread at a time asks anew. Nobody waits for it: what was heard last goes on by the monotonic clock.
        if asked is None:
            self._ask()
        elif self._own.monotonic() - asked[1] >= _ASK_AGAIN and self._lock.acquire(blocking=False):
            try:
                self._ask()
            finally:
                self._lock.release()
        if self._asked is None:
            return self._own.now()
        at, monotonic = self._asked
        return at + timedelta(seconds=self._own.monotonic() - monotonic)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return self._own.monotonic()

    def _ask(self) -> None:
        try:
            with self._store.read() as connection:
                before = self._own.monotonic()
                said = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
                half = (self._own.monotonic() - before) / 2
        except StoreUnavailable:
            if self._asked is not None:
                at, monotonic = self._asked
                now = self._own.monotonic()
                self._asked = at + timedelta(seconds=now - monotonic), now
            return
        self._asked = said.astimezone(UTC), before + half


def clock_of(store: Store) -> Clock:
    """The clock that everybody on *store* shares: the server's, or this machine's where the database is a file."""
    own = SystemClock()
    return own if store.database.path is not None else ServerClock(store, own)
