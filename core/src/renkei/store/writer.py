"""One writer thread per process: what many callers bring at once is committed together.

A durable commit costs a disk flush. With a commit for each caller, 64 threads wait for 64 flushes; the writer takes
everything that has arrived, runs it in one transaction and pays for one flush. Nobody hears of a result before the
commit. A job that fails spoils its group only for a moment: the group is rolled back and each job runs alone.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from renkei.store import afterwards

T = TypeVar("T")
Job = Callable[[sa.Connection], T]
Begin = Callable[[], contextlib.AbstractContextManager[sa.Connection]]
# Where a transaction stands; see `renkei.delivery.points`.
Moment = Literal["before_commit", "committed"]

log = logging.getLogger("renkei.store")

# Larger groups do not commit faster; they only make the first caller wait longer and the retry alone dearer.
GROUP_SIZE = 256


# PostgreSQL: deadlock detected, could not serialise, interrupted. All mean: nothing happened, run it again.
_RUN_AGAIN = ("40P01", "40001", "57014")
_RERUNS = 5


def nowhere(_moment: Moment) -> None:
    """Nobody wants to know."""


class _NotBegun(Exception):
    """The transaction itself could not begin."""

    def __init__(self, cause: BaseException) -> None:
        self.cause = cause
        super().__init__(str(cause))


class Pending(Future[T]):
    """The result of a job that a writer has been given.

    Until the writer has begun its transaction, cancelling it takes the job back: nothing will be stored.
    """

    def __init__(self, job: Job[T], writer: Writer, *, alone: bool = False) -> None:
        super().__init__()
        self.job = job
        self.writer = writer
        self.alone = alone
        self._wanted: bool | None = None

    def is_wanted(self) -> bool:
        """Whether it is still to be done; from here on, it cannot be taken back."""
        if self._wanted is None:
            # A cancelled future must not be answered: set_result on it raises and would end the writer's thread.
            self._wanted = self.set_running_or_notify_cancel()
        return self._wanted

    def take_back(self) -> bool:
        """Have it not done, though it may be under way: the caller sees to it that it does not end by itself."""
        if self.cancel():
            return True
        self._wanted = False
        return not self.done()


class Writer:
    """Runs jobs, each at least once and committed once, in the order of their arrival.

    A job is called with a connection inside a transaction; it may be called again after a rollback, so it does
    nothing but read and write through that connection.
    """

    def __init__(self, begin: Begin, reached: Callable[[Moment], None] = nowhere) -> None:
        self._begin = begin
        self._reached = reached
        self._queue: queue.SimpleQueue[Pending[Any] | None] = queue.SimpleQueue()
        self._first_of_next: Pending[Any] | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._begins_since: float | None = None
        # Held while a transaction is open: a fork waits for it (see `database`).
        self.busy = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="renkei-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job[T], *, alone: bool = False) -> Pending[T] | None:
        """Queue *job*; the future is done after its commit. Cancelling it may come too late, which does no harm.

        None where this writer has been closed or has ended: what is put into its queue now, nobody would take out.

        Args:
            job: what to do.
            alone: in a transaction of its own.
        """
        pending = Pending(job, self, alone=alone)
        with self._lock:
            if self._closed or not self._thread.is_alive():
                return None
            self._queue.put(pending)
        return pending

    def is_current_thread(self) -> bool:
        """Whether the caller is the writer itself, which must never wait for itself."""
        return threading.current_thread() is self._thread

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs. One that something from outside has ended will answer nobody."""
        return self._thread.is_alive()

    @property
    def begins_since(self) -> float | None:
        """Since when, by the monotonic clock, it has been waiting for its transaction to begin; None if it is not."""
        return self._begins_since

    @property
    def is_inside(self) -> bool:
        """Whether a transaction of its own is open."""
        return self.busy.locked() and self._begins_since is None

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        with self._lock:
            self._closed = True
            self._queue.put(None)
        if not self.is_current_thread():
            self._thread.join()

    def _run(self) -> None:
        closing = False
        while not closing:
            group, closing = self._next_group()
            try:
                self._commit(group)
            except BaseException as error:
                _fail(group, error)
                log.exception("the writer met an error it did not expect", extra={"event": "store.writer_error"})

    def _next_group(self) -> tuple[list[Pending[Any]], bool]:
        item, self._first_of_next = self._first_of_next or self._queue.get(), None
        group: list[Pending[Any]] = []
        while item is not None:
            if item.alone and group:
                self._first_of_next = item
                return group, False
            group.append(item)
            if item.alone or len(group) >= GROUP_SIZE:
                return group, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _commit(self, group: list[Pending[Any]]) -> None:
        if not group:
            return
        try:
            answers = self._together(group)
        except _NotBegun as error:
            # Not the jobs' fault: trying each alone would let the last caller wait as many times as long.
            _fail(group, error.cause)
        except BaseException as error:
            if len(group) == 1:
                _fail(group, error)
                return
            for alone in group:
                self._commit([alone])
        else:
            for pending, answer in answers:
                pending.set_result(answer)

    def _together(self, group: list[Pending[Any]]) -> list[tuple[Pending[Any], Any]]:
        """Run the jobs in one transaction, again where the database asks for it (a deadlock, a lost snapshot)."""
        for attempt in range(_RERUNS + 1):
            begun = False
            try:
                with self.busy, self._transaction() as connection:
                    begun = True
                    afterwards.begin(connection)
                    # Asked only now: who has found out that waiting is no use can take the job back until here.
                    answers = [(pending, pending.job(connection)) for pending in group if pending.is_wanted()]
                    afterwards.finish(connection)
                    self._reached("before_commit")
                self._reached("committed")
                return answers
            except Exception as error:
                if attempt < _RERUNS and _is_to_run_again(error):
                    continue
                if not begun:
                    raise _NotBegun(error) from None
                raise
        raise AssertionError("unreachable: the last run returns or raises")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        self._begins_since = time.monotonic()
        try:
            with self._begin() as connection:
                self._begins_since = None
                yield connection
        finally:
            self._begins_since = None


def _fail(group: list[Pending[Any]], error: BaseException) -> None:
    for pending in group:
        if not pending.done() and pending.is_wanted():
            pending.set_exception(error)


def _is_to_run_again(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _RUN_AGAIN
