"""The host's own transaction: what `record(connection=…)` is given, made usable and left as it was found."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from renkei.mapping import EnvelopeError
from renkei.store import Store, StoreUnavailable


class HasConnection(Protocol):
    """An SQLAlchemy session."""

    def connection(self) -> sa.Connection:
        """Its connection."""
        ...


class DriverConnection(Protocol):
    """A connection of `sqlite3` or `psycopg` as it is."""

    def cursor(self) -> Any:
        """A cursor in the connection's transaction."""
        ...


class DjangoConnection(Protocol):
    """`django.db.connection`, or one of `django.db.connections`."""

    @property
    def connection(self) -> Any:
        """The driver's connection, None before first use."""
        ...

    def ensure_connection(self) -> None:
        """Open it."""
        ...


HostConnection = sa.Connection | HasConnection | DriverConnection | DjangoConnection


def borrow(given: Any, store: Store) -> sa.Connection:
    """*given* as an SQLAlchemy connection, in a write transaction of the host's.

    Raises:
        EnvelopeError: it is no connection, leads to another database, or commits by itself.
        StoreUnavailable: the host's transaction cannot write any more, or the database is held by another.
    """
    connection = _as_sqlalchemy(given)
    _refuse_autocommit(connection)
    if _is_another_file(connection, store):
        raise _elsewhere()
    _take_write_lock(connection)
    if not store.is_behind(connection):
        raise _elsewhere()
    if connection.dialect.name == "postgresql":
        store.database.lending.note(connection)
    return connection


def _elsewhere() -> EnvelopeError:
    return EnvelopeError("connection", "this connection leads to another database than renkei's.")


def _is_another_file(connection: sa.Connection, store: Store) -> bool:
    """Told without reading the database: on SQLite, what is read before the write lock is taken may cost it."""
    if connection.dialect.name != "sqlite" or store.database.path is None:
        return connection.dialect.name != store.database.url.get_backend_name()
    file = connection.exec_driver_sql("PRAGMA database_list").all()[0][2]
    return not file or not Path(file).exists() or not store.database.path.samefile(file)


def _as_sqlalchemy(given: Any) -> sa.Connection:
    if isinstance(given, sa.Connection):
        return given
    driver = _driver_of(given)
    if isinstance(driver, sqlite3.Connection):
        return _over_driver("sqlite://", driver)
    if _is_psycopg(driver):
        return _over_driver("postgresql+psycopg://", driver, use_native_hstore=False)
    made = given.connection() if callable(getattr(given, "connection", None)) else None
    if isinstance(made, sa.Connection):
        return made
    raise EnvelopeError(
        "connection",
        f"give an SQLAlchemy Connection or Session, Django's connection, or one of sqlite3's or psycopg's, "
        f"not {type(given).__name__}.",
    )


def _driver_of(given: Any) -> Any:
    """The driver's connection; Django opens its own only when it is needed."""
    if not callable(getattr(given, "ensure_connection", None)):
        return given
    given.ensure_connection()
    return given.connection


def _is_psycopg(driver: Any) -> bool:
    return any(kind.__module__.split(".")[0] == "psycopg" for kind in type(driver).__mro__)


def _over_driver(url: str, given: Any, **options: Any) -> sa.Connection:
    engine = sa.create_engine(
        url, creator=lambda: _Borrowed(given), poolclass=StaticPool, hide_parameters=True, **options
    )
    return engine.connect()


def _refuse_autocommit(connection: sa.Connection) -> None:
    """Refuse before anything is written: an intake row without its delivery would break the ledger."""
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        # From Python 3.12 on, `autocommit` may say the same as an isolation level of None.
        alone = driver.isolation_level is None or getattr(driver, "autocommit", -1) is True
        if driver.in_transaction or not alone:
            return
    elif not driver.autocommit or driver.info.transaction_status != 0:
        return
    raise EnvelopeError(
        "connection", "this connection commits each statement by itself; begin a transaction on it first."
    )


def _take_write_lock(connection: sa.Connection) -> None:
    """Begin to write before anything is read.

    The sqlite3 module begins a transaction only with the first write: what was read before it would not be part of
    it, and a deletion could slip in between.
    """
    if connection.dialect.name != "sqlite":
        return
    try:
        connection.exec_driver_sql("UPDATE meta SET value = value WHERE name = 'installation'")
    except OperationalError as error:
        if "locked" not in str(error.orig):
            raise
        raise _cannot_write() from None


def _cannot_write() -> StoreUnavailable:
    return StoreUnavailable(
        "The transaction of the connection given cannot write: it began by reading, and somebody has written since, "
        "or another process holds the database. Roll it back and try again; begin it with BEGIN IMMEDIATE (Django: "
        "transaction_mode IMMEDIATE) to wait for others instead. Nothing was stored."
    )


def _plain_rows() -> Any:
    from psycopg.rows import tuple_row  # an extra; whoever gives such a connection has it

    return tuple_row


class _Borrowed:
    """A driver connection that SQLAlchemy cannot end: commit, rollback and close are the host's."""

    def __init__(self, given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return getattr(self._given, name)

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        cursor = self._given.cursor(*arguments, **options)
        # The host may have set one; rows are plain here.
        cursor.row_factory = None if isinstance(self._given, sqlite3.Connection) else _plain_rows()
        return cursor

    def commit(self) -> None:
        """Left to the host."""

    def rollback(self) -> None:
        """Left to the host."""

    def close(self) -> None:
        """Left to the host."""

    def create_function(self, *_arguments: Any, **_options: Any) -> None:
        """SQLAlchemy adds functions to new connections; this one is not new."""
