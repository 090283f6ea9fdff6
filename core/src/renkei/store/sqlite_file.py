"""Connections to an SQLite file: durable, in WAL mode, and told at once where a wait for its lock would be in vain."""

from __future__ import annotations

import itertools
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from renkei.store.errors import StoreUnavailable
from renkei.store.host_transactions import OwnConnection
from renkei.store.lock_watch import LockWatch, pauses

# How long a writer waits for another process. A host that meets this bound has outgrown SQLite.
BUSY_TIMEOUT_SECONDS = 60
# Where the calling thread itself waits for the file, SQLite gives it a chance this often to look who holds it.
_SLICE_MILLISECONDS = 50
# SQLite asks for the lock after 1, 2, 5, 10 … milliseconds and at last only every 100: whoever has waited longest comes
# last, behind all who have just begun to. So its own tries end after 1 and 2, and begin again a little later. Asking
# still more often would win the lock more often, from a host's own connections, which wait as SQLite does.
_FIRST_TRIES_MILLISECONDS = 3
_NEXT_TRY_SECONDS = 0.02


def engine_for(url: sa.URL, watch: LockWatch) -> sa.Engine:
    """An engine whose transactions begin with `begin_to_read` or `begin_to_write`, and not by themselves.

    SQLAlchemy would begin them in a listener, and an engine with one asks for listeners around every statement.
    """
    if not url.database or url.database == ":memory:":
        raise StoreUnavailable("an SQLite database in memory is lost with the process; give a file")
    # The pool grows as far as threads read at once; SQLite connections are cheap.
    # Parameters are hidden everywhere: an error's text must not hold what a customer wrote.
    engine = sa.create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "factory": OwnConnection},
        max_overflow=-1,
        hide_parameters=True,
    )
    sa.event.listen(engine, "do_connect", lambda *_: _refuse_read_only(url.database))
    sa.event.listen(engine, "connect", lambda connection, _record: _on_sqlite_connect(connection, watch))
    return engine


def _refuse_read_only(path: str | None) -> None:
    """Refuse before SQLite opens it: read-only, it leaves -wal and -shm behind that stay read-only ever after."""
    if path and Path(path).exists() and not os.access(path, os.W_OK):
        raise StoreUnavailable(
            "Cannot use the database: the database is read-only; make the file and its folder writable for this user."
        )


def _on_sqlite_connect(connection: sqlite3.Connection, watch: LockWatch) -> None:
    # The driver must not begin transactions by itself: it would begin them deferred.
    connection.isolation_level = None
    cursor = connection.cursor()
    # A busy timeout stands before journal_mode: changing the mode takes a lock that another opener may hold.
    cursor.execute(f"PRAGMA busy_timeout = {_SLICE_MILLISECONDS}")
    # Where several open a new file at once, SQLite refuses the switch without waiting, whatever the timeout.
    _insist(lambda: cursor.execute("PRAGMA journal_mode = WAL"), watch)
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _insist(act: Callable[[], object], watch: LockWatch) -> None:
    """Do it as soon as nobody holds the file, unless it turns out that the calling thread itself does."""
    began = time.monotonic()
    looks = itertools.accumulate(pauses())
    look_at = next(looks)
    while True:
        try:
            act()
        except sqlite3.OperationalError as error:
            waited = time.monotonic() - began
            if "locked" not in str(error):
                raise
            if waited > BUSY_TIMEOUT_SECONDS:
                raise watch.after_all() from None
            if waited > look_at:
                look_at = next(looks)
                problem = watch.complaint(began, began)
                if problem is not None:
                    raise problem from None
            time.sleep(0.005)
        else:
            return


def begin_to_read(connection: sa.Connection) -> None:
    """Begin a transaction that sees one state of the database."""
    _driver(connection).execute("BEGIN")


def begin_to_write(connection: sa.Connection, watch: LockWatch, *, waits: Literal["writer", "caller"]) -> None:
    """Begin a write transaction.

    Args:
        connection: it is in no transaction yet.
        watch: looks who holds the file.
        waits: `writer`, the writer's thread, for callers who look for themselves; `caller`, the calling thread.

    Raises:
        StoreUnavailable: the file is held for too long, or by the caller.
    """
    if waits == "writer":
        _begin_in_the_writers_thread(_driver(connection), watch)
    else:
        _begin_in_the_callers_thread(_driver(connection), watch)


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.dbapi_connection


def _begin_in_the_callers_thread(driver: Any, watch: LockWatch) -> None:
    driver.execute(f"PRAGMA busy_timeout = {_SLICE_MILLISECONDS}")
    try:
        _insist(lambda: driver.execute("BEGIN IMMEDIATE"), watch)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")


def _begin_in_the_writers_thread(driver: Any, watch: LockWatch) -> None:
    """Begin as soon as the file is free, asking as often after a second as at first."""
    ends = time.monotonic() + BUSY_TIMEOUT_SECONDS
    driver.execute(f"PRAGMA busy_timeout = {_FIRST_TRIES_MILLISECONDS}")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                if time.monotonic() > ends:
                    raise watch.after_all() from None
                time.sleep(_NEXT_TRY_SECONDS)
            else:
                return
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")
