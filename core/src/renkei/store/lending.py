"""PostgreSQL: does the writer wait for a transaction that the very thread which waits for the writer has lent?

A host that records one action inside its own transaction holds the locks of that inbox until it commits. If it then
writes through the plain form, the writer waits for the host and the host for the writer, and PostgreSQL sees only one
of the two. The server says whom the writer waits for; who lent that connection is remembered here.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from typing import Any

import sqlalchemy as sa

from renkei.store.errors import StoreUnavailable

# Server processes of the host's connections; more than any host has open.
_KEPT = 1_000


class Lending:
    """Who lent which connection last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_backend: OrderedDict[int, tuple[int, Any]] = OrderedDict()

    def note(self, connection: sa.Connection) -> None:
        """The calling thread records inside this connection's transaction."""
        with self._lock:
            backend = backend_of(connection)
            if backend is None:
                return
            self._by_backend[backend] = (threading.get_ident(), _task())
            self._by_backend.move_to_end(backend)
            while len(self._by_backend) > _KEPT:
                self._by_backend.popitem(last=False)

    def lent_here(self, *, in_task: bool) -> set[int]:
        """What the calling thread has lent; of a coroutine that waits, what its task has."""
        me, task = threading.get_ident(), _task()
        with self._lock:
            found = tuple(self._by_backend.items())
        return {backend for backend, (thread, by) in found if thread == me and (by is task if in_task else True)}


def backend_of(connection: sa.Connection) -> int | None:
    """The server's process behind a connection, known without asking; None with a driver that does not say."""
    driver: Any = connection.connection.dbapi_connection
    return getattr(getattr(driver, "info", None), "backend_pid", None)


def is_blocked_by(connection: sa.Connection, backend: int, holders: set[int]) -> bool:
    """Whether *backend* waits for one of *holders* now."""
    blocking = connection.execute(sa.select(sa.func.pg_blocking_pids(backend))).scalar_one()
    return not holders.isdisjoint(blocking)


def interrupt(connection: sa.Connection, backend: int) -> None:
    """End the statement that it is running; it is run again without the job that was taken back."""
    connection.execute(sa.select(sa.func.pg_cancel_backend(backend)))


def waits_for_itself() -> StoreUnavailable:
    """What to say to the caller."""
    return StoreUnavailable(
        "Cannot use the database: an earlier call wrote inside a transaction of this thread's, and this one would wait "
        "for its end; pass that connection again, record(..., connection=...), or end its transaction first. "
        "Nothing was stored."
    )


def _task() -> Any:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
