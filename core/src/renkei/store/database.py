"""The database: opened on first use, afresh after a fork, written by one thread, read by any.

SQLite is the embedded default: WAL, `synchronous=FULL`, and BEGIN IMMEDIATE for writers, because a transaction that
begins deferred and then writes fails at once with "database is locked" beside another writer, whatever the timeout.
PostgreSQL runs the same code; where it needs a row lock that SQLite's single writer makes unnecessary, the query
says `with_for_update`, which SQLite's compiler leaves out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from renkei.store import forks, lending, schema, sqlite_file
from renkei.store.errors import StoreUnavailable
from renkei.store.forks import Gate
from renkei.store.lending import Lending
from renkei.store.lock_watch import LockWatch, pauses
from renkei.store.writer import Job, Moment, Pending, T, Writer, nowhere

_databases: weakref.WeakSet[Database] = weakref.WeakSet()

log = logging.getLogger("renkei.store")


class Database:
    """One database, shared by the threads of this process.

    Args:
        url: `sqlite:///renkei.db` or `postgresql+psycopg://…`. A plain path is taken as SQLite.
        reached: called around each commit, for tests that stop the process there.
    """

    def __init__(self, url: str, reached: Callable[[Moment], None] = nowhere) -> None:
        self.url = _parse(url)
        self._reached = reached
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._engine: sa.Engine | None = None
        self._writer: Writer | None = None
        self.gate = Gate()
        self.lending = Lending()
        self._writes_as: int | None = None
        self._watch = LockWatch(self.path or Path(), self._is_written_by_us) if self.is_sqlite else None
        _databases.add(self)
        forks.expect(self)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded default."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path | None:
        """The SQLite file."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    def busy(self) -> threading.Lock | None:
        """What its writer holds while it is in a transaction."""
        return self._writer.busy if self._writer is not None else None

    def begin_anew(self) -> None:
        """In a child after a fork: whoever held the lock is not in this process."""
        self._lock = threading.Lock()

    def submit(self, job: Job[T], *, alone: bool = False) -> Pending[T]:
        """Queue a write; see `result`. What nobody waits for is done all the same.

        Args:
            job: what to do. Jobs that arrive together share a transaction, and take locks in one order.
            alone: this one keeps to no such order. On SQLite, whose writers take turns, it does not matter.
        """
        while True:
            if sys.is_finalizing():
                raise StoreUnavailable("Cannot use the database: this process is ending. Nothing was stored.")
            pending = self._open()[1].submit(job, alone=alone and not self.is_sqlite)
            if pending is not None:
                return pending

    def write(self, job: Job[T]) -> T:
        """Run *job* in a write transaction and return its result after the commit.

        Raises:
            StoreUnavailable: the database refused (read-only, full, locked for over a minute), or this thread holds a
                write transaction on it and would wait for itself; nothing was stored.
        """
        # Two lanes in one transaction would be locked as they come, and `record()` locks them in order: a ring, which
        # PostgreSQL breaks after a second.
        return self.result(self.submit(job, alone=True))

    def result(self, pending: Pending[T]) -> T:
        """Wait for a job's commit and return its result.

        Raises:
            StoreUnavailable: as for `write`.
        """
        began = time.monotonic()
        with translated():
            for pause in pauses():
                try:
                    return pending.result(pause)
                except TimeoutError:
                    if pending.done():
                        raise
                self._give_up_if_in_vain(pending, began)
        raise AssertionError("unreachable: there is always another pause")

    async def aresult(self, pending: Pending[T], task: types.FrameType) -> T:
        """`result` for a coroutine; the event loop is free meanwhile.

        Args:
            task: the coroutine's frame. What another task holds will be let go, as the loop goes on.
        """
        began = time.monotonic()
        answer = asyncio.wrap_future(pending)
        with translated():
            for pause in pauses():
                try:
                    await asyncio.wait((answer,), timeout=pause)
                except asyncio.CancelledError:
                    answer.cancel()  # `wait` alone would leave it queued
                    raise
                if answer.done():
                    return answer.result()
                self._give_up_if_in_vain(pending, began, task)
        raise AssertionError("unreachable: there is always another pause")

    def _give_up_if_in_vain(self, pending: Pending[Any], began: float, task: types.FrameType | None = None) -> None:
        since = pending.writer.begins_since
        if not pending.writer.is_alive or sys.is_finalizing():
            if not pending.done():
                pending.cancel()
                raise _unanswered()
        elif _is_an_engines_thread():
            return
        elif self._watch is None:
            self._give_up_if_lent(pending, in_task=task is not None)
        elif since is not None:
            problem = self._watch.complaint(began, since, task)
            # Where it cannot be taken back, the transaction has begun after all.
            if problem is not None and pending.cancel():
                raise problem

    def _give_up_if_lent(self, pending: Pending[Any], *, in_task: bool) -> None:
        lent, writer = self.lending.lent_here(in_task=in_task), self._writes_as
        if not lent or writer is None:
            return
        with self.read() as connection:
            if lending.is_blocked_by(connection, writer, lent) and pending.take_back():
                lending.interrupt(connection, writer)
                raise lending.waits_for_itself()

    def _is_written_by_us(self) -> bool:
        return any(
            other._writer is not None and other._writer.is_inside
            for other in tuple(_databases)
            if other.path is not None and self.path is not None and _same(other.path, self.path)
        )

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection to read with, in one snapshot."""
        engine = self._open()[0]
        if not self.is_sqlite:
            # PostgreSQL's default takes a snapshot for each statement, and a ledger would not add up.
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with translated(), self.gate.passed(), engine.connect() as connection:
            if self.is_sqlite:
                sqlite_file.begin_to_read(connection)
            yield connection

    def close(self) -> None:
        """Write what is queued and close every connection. The database opens again on the next use."""
        with self._lock:
            engine, writer, owned = self._engine, self._writer, self._pid == os.getpid()
            self._engine = self._writer = self._pid = None
        if owned and writer is not None:
            writer.close()
        if owned and engine is not None:
            engine.dispose()

    def _open(self) -> tuple[sa.Engine, Writer]:
        engine, writer = self._engine, self._writer
        if self._pid == os.getpid() and engine is not None and writer is not None and writer.is_alive:
            return engine, writer
        with self._lock:
            if self._pid != os.getpid():
                if self._engine is not None:
                    # After a fork: the parent's connections are the parent's, and its writer thread is not here.
                    self._engine.dispose(close=False)
                self._engine, self._writer = self._start()
                self._pid = os.getpid()
            assert self._engine is not None
            assert self._writer is not None
            if not self._writer.is_alive:
                # Nothing of ours ends it; something from outside has.
                log.error("the writer's thread has ended; another begins", extra={"event": "store.writer_ended"})
                self._writer = self._new_writer(self._engine)
            return self._engine, self._writer

    def _start(self) -> tuple[sa.Engine, Writer]:
        with translated():
            engine = _engine(self.url, self._watch)
            try:
                with self.gate.passed():
                    self._bring_up_to_date(engine)
            except BaseException:
                engine.dispose()
                raise
        return engine, self._new_writer(engine)

    def _bring_up_to_date(self, engine: sa.Engine) -> None:
        with engine.connect() as connection:
            # Where nothing is to be done, the write lock is not asked for: the host may hold it, and pass it to us.
            if schema.is_up_to_date(connection):
                return
        with _begin(engine, self._watch, waits="caller") as connection:
            schema.migrate(connection)

    def _new_writer(self, engine: sa.Engine) -> Writer:
        return Writer(lambda: self._begin_to_write(engine), self._reached)

    @contextlib.contextmanager
    def _begin_to_write(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        with _begin(engine, self._watch, waits="writer") as connection:
            self._writes_as = None if self.is_sqlite else lending.backend_of(connection)
            yield connection


def _same(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        return one == other or one.samefile(other)
    return False


def _is_an_engines_thread() -> bool:
    """Whether no host's transaction can be this thread's.

    They wait as long as SQLite does: an outcome that cannot be written down becomes doubtful.
    """
    return threading.current_thread().name.startswith("renkei-")


def _unanswered() -> StoreUnavailable:
    return StoreUnavailable(
        "Cannot use the database: the thread that writes in this process has ended, or the process is ending. "
        "It is not certain that this was stored; bring it again: a repeat does no harm."
    )


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's words into ours; SQL, parameters and secrets in them are dropped."""
    try:
        yield
    except DBAPIError as error:
        problem = _explain(error)
        if problem is None:
            raise
    else:
        return
    raise problem


def _explain(error: DBAPIError) -> StoreUnavailable | None:
    if isinstance(error, IntegrityError):
        return None  # the caller's to understand; its text names tables, which may look like any sign below
    text = str(error.orig).lower()
    for sign, sentence in (
        ("readonly", "the database is read-only; make the file and its folder writable for this user"),
        ("read-only", "the database is read-only now; ask whoever runs the server"),
        ("disk is full", "the disk is full; free some space. What was not confirmed was not stored"),
        ("no space left", "the disk is full; free some space. What was not confirmed was not stored"),
        ("disk i/o error", "the disk reports an error (often: it is full); look at the system's log"),
        ("unable to open", "the database file cannot be opened; check that its folder exists and is writable"),
        ("not a database", "the file is not a database of renkei's, or it is damaged; restore a backup"),
        ("malformed", "the database file is damaged; restore a backup"),
        ("deadlock", "two transactions waited for each other, and this one was undone. Do the whole of it again"),
        ("locked", "another process has held the database for over a minute; look for one that hangs"),
        ("lock timeout", "another transaction has held its rows for over a minute; look for one that hangs"),
        ("connection", "the database server cannot be reached or ended the connection; look whether it runs"),
    ):
        if sign in text:
            return StoreUnavailable(f"Cannot use the database: {sentence}.")
    return None


def _parse(url: str) -> sa.URL:
    if "://" not in url:
        return sa.URL.create("sqlite", database=url)
    try:
        parsed = make_url(url)
        name = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        name = ""
    if name not in ("sqlite", "postgresql"):
        raise StoreUnavailable("the database URL must begin with sqlite:/// or postgresql+psycopg://, or be a path")
    if name == "postgresql" and parsed.drivername == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _engine(url: sa.URL, watch: LockWatch | None) -> sa.Engine:
    if watch is not None:
        return sqlite_file.engine_for(url, watch)
    engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
    sa.event.listen(engine, "connect", _on_postgresql_connect)
    return engine


def _on_postgresql_connect(connection: Any, _record: object) -> None:
    # As long as SQLite's writers wait. Without a bound, one hanging transaction would hold up all callers for good.
    connection.execute(f"SET lock_timeout = {int(sqlite_file.BUSY_TIMEOUT_SECONDS * 1000)}")
    connection.commit()


@contextlib.contextmanager
def _begin(
    engine: sa.Engine, watch: LockWatch | None, *, waits: Literal["writer", "caller"]
) -> Iterator[sa.Connection]:
    """A write transaction. Callers who wait for it themselves also look for what makes that vain."""
    with engine.connect().execution_options(renkei_write=waits) as connection, connection.begin():
        if watch is not None:
            sqlite_file.begin_to_write(connection, watch, waits=waits)
        yield connection
