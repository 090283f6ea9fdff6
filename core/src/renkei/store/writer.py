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
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from renkei.store import afterwards

T = TypeVar("T")
Job = Callable[[sa.Connection], T]
Begin = Callable[[], contextlib.AbstractContextManager[sa.Connection]]

log = logging.getLogger("renkei.store")

# Larger groups do not commit faster; they only make the first caller wait longer and the retry alone dearer.
GROUP_SIZE = 256


# PostgreSQL: deadlock detected, could not serialise. Both mean: nothing happened, run it again.
_RUN_AGAIN = ("40P01", "40001")
_RERUNS = 5


class _NotBegun(Exception):
    """The transaction itself could not begin."""

    def __init__(self, cause: BaseException) -> None:
        self.cause = cause
        super().__init__(str(cause))


class Writer:
    """Runs jobs, each at least once and committed once, in the order of their arrival.

    A job is called with a connection inside a transaction; it may be called again after a rollback, so it does
    nothing but read and write through that connection.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._queue: queue.SimpleQueue[tuple[Job[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        # Held while a transaction is open: a fork waits for it (see `database`).
        self.busy = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="renkei-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job[T]) -> Future[T] | None:
        """Queue *job*; the future is done after its commit. Cancelling it may come too late, which does no harm.

        None where this writer has been closed: what is put into its queue now, nobody would take out.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                return None
            self._queue.put((job, future))
        return future

    def is_current_thread(self) -> bool:
        """Whether the caller is the writer itself, which must never wait for itself."""
        return threading.current_thread() is self._thread

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
            # A cancelled future must not be answered: set_result on it raises and would end this thread.
            group = [(job, future) for job, future in group if future.set_running_or_notify_cancel()]
            try:
                self._commit(group)
            except BaseException as error:
                log.exception("the writer met an error it did not expect", extra={"event": "store.writer_error"})
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)

    def _next_group(self) -> tuple[list[tuple[Job[Any], Future[Any]]], bool]:
        group: list[tuple[Job[Any], Future[Any]]] = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            if len(group) >= GROUP_SIZE:
                return group, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _commit(self, group: list[tuple[Job[Any], Future[Any]]]) -> None:
        if not group:
            return
        try:
            results = self._together([job for job, _ in group])
        except _NotBegun as error:
            # Not the jobs' fault: trying each alone would let the last caller wait as many times as long.
            for _, future in group:
                future.set_exception(error.cause)
        except BaseException as error:
            if len(group) == 1:
                group[0][1].set_exception(error)
                return
            for alone in group:
                self._commit([alone])
        else:
            for (_, future), result in zip(group, results, strict=True):
                future.set_result(result)

    def _together(self, jobs: list[Job[Any]]) -> list[Any]:
        """Run the jobs in one transaction, again where the database asks for it (a deadlock, a lost snapshot)."""
        for attempt in range(_RERUNS + 1):
            begun = False
            try:
                with self.busy, self._begin() as connection:
                    begun = True
                    afterwards.begin(connection)
                    results = [job(connection) for job in jobs]
                    afterwards.finish(connection)
                    return results
            except DBAPIError as error:
                if attempt < _RERUNS and getattr(error.orig, "sqlstate", None) in _RUN_AGAIN:
                    continue
                if not begun:
                    raise _NotBegun(error) from None
                raise
        raise AssertionError("unreachable: the last run returns or raises")
