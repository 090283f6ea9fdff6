"""The database: opened on first use, afresh after a fork, written by one thread, read by any.

SQLite is the embedded default: WAL, `synchronous=FULL`, and BEGIN IMMEDIATE for writers, because a transaction that
begins deferred and then writes fails at once with "database is locked" beside another writer, whatever the timeout.
PostgreSQL runs the same code; where it needs a row lock that SQLite's single writer makes unnecessary, the query
says `with_for_update`, which SQLite's compiler leaves out.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from renkei.store import schema
from renkei.store.errors import StoreUnavailable
from renkei.store.writer import Job, T, Writer

# How long a writer waits for another process. A host that meets this bound has outgrown SQLite.
BUSY_TIMEOUT_SECONDS = 60


_FORK_WAIT_SECONDS = 5.0
_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_held_for_fork: list[threading.Lock] = []


def _before_fork() -> None:
    """Let writers finish first.

    SQLite keeps a note per process and file of who holds the write lock. A child that is born while a thread of its
    parent writes inherits the note, and for it the database would be locked for ever.
    """
    for database in tuple(_databases):
        writer = database._writer
        if writer is not None and writer.busy.acquire(timeout=_FORK_WAIT_SECONDS):
            _held_for_fork.append(writer.busy)


def _after_fork_in_parent() -> None:
    while _held_for_fork:
        _held_for_fork.pop().release()


def _after_fork_in_child() -> None:
    _held_for_fork.clear()
    for database in tuple(_databases):
        # Whoever held it is not in this process.
        database._lock = threading.Lock()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


class Database:
    """One database, shared by the threads of this process.

    Args:
        url: `sqlite:///renkei.db` or `postgresql+psycopg://…`. A plain path is taken as SQLite.
    """

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._engine: sa.Engine | None = None
        self._writer: Writer | None = None
        _databases.add(self)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded default."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path | None:
        """The SQLite file."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    def submit(self, job: Job[T]) -> Future[T]:
        """Queue a write; the future is done after its commit."""
        while True:
            future = self._open()[1].submit(job)
            if future is not None:
                return future

    def write(self, job: Job[T]) -> T:
        """Run *job* in a write transaction and return its result after the commit.

        Raises:
            StoreUnavailable: the database refused (read-only, full, locked for over a minute); nothing was stored.
        """
        with translated():
            return self.submit(job).result()

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection to read with, in one snapshot."""
        engine = self._open()[0]
        if not self.is_sqlite:
            # PostgreSQL's default takes a snapshot for each statement, and a ledger would not add up.
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with translated(), engine.connect() as connection:
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
        if self._pid == os.getpid() and engine is not None and writer is not None:
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
            return self._engine, self._writer

    def _start(self) -> tuple[sa.Engine, Writer]:
        with translated():
            engine = _engine(self.url)
            try:
                with _begin(engine) as connection:
                    schema.migrate(connection)
            except BaseException:
                engine.dispose()
                raise
        return engine, Writer(lambda: _begin(engine))


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
        (
            "locked",
            (
                "another process has held the database for over a minute; look for one that hangs. If this very "
                "process holds a write transaction on it, pass that connection: record(..., connection=...)"
            ),
        ),
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


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
    if not url.database or url.database == ":memory:":
        raise StoreUnavailable("an SQLite database in memory is lost with the process; give a file")
    # The pool grows as far as threads read at once; SQLite connections are cheap.
    # Parameters are hidden everywhere: an error's text must not hold what a customer wrote.
    engine = sa.create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, max_overflow=-1, hide_parameters=True
    )
    sa.event.listen(engine, "do_connect", lambda *_: _refuse_read_only(url.database))
    sa.event.listen(engine, "connect", _on_sqlite_connect)
    sa.event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _refuse_read_only(path: str | None) -> None:
    """Refuse before SQLite opens it: read-only, it leaves -wal and -shm behind that stay read-only ever after."""
    if path and Path(path).exists() and not os.access(path, os.W_OK):
        raise StoreUnavailable(
            "Cannot use the database: the database is read-only; make the file and its folder writable for this user."
        )


def _on_sqlite_connect(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver must not begin transactions by itself: it would begin them deferred.
    connection.isolation_level = None
    cursor = connection.cursor()
    # The busy timeout stands before journal_mode: changing the mode takes a lock that another opener may hold.
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Where several open a new file at once, SQLite refuses the switch without waiting, whatever the timeout."""
    ends = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > ends:
                raise
            time.sleep(0.005)
        else:
            return


def _on_sqlite_begin(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("renkei_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextlib.contextmanager
def _begin(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(renkei_write=True) as connection, connection.begin():
        yield connection
