"""The host's own transaction: what `record(connection=…)` is given, made usable and left as it was found."""

from __future__ import annotations

import sqlite3
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from renkei.mapping import EnvelopeError
from renkei.store import Store


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


HostConnection = sa.Connection | HasConnection | DriverConnection


def borrow(given: Any, store: Store) -> sa.Connection:
    """*given* as an SQLAlchemy connection, in a write transaction of the host's.

    Raises:
        EnvelopeError: it is no connection, leads to another database, or commits by itself.
    """
    connection = _as_sqlalchemy(given)
    if not store.is_behind(connection):
        raise EnvelopeError("connection", "this connection leads to another database than renkei's.")
    _take_write_lock(connection)
    return connection


def _as_sqlalchemy(given: Any) -> sa.Connection:
    if isinstance(given, sa.Connection):
        return given
    if isinstance(given, sqlite3.Connection):
        return _over_driver("sqlite://", given)
    if type(given).__module__.split(".")[0] == "psycopg":
        return _over_driver("postgresql+psycopg://", given, use_native_hstore=False)
    made = given.connection() if callable(getattr(given, "connection", None)) else None
    if isinstance(made, sa.Connection):
        return made
    raise EnvelopeError(
        "connection",
        f"give an SQLAlchemy Connection or Session, or one of sqlite3's or psycopg's, not {type(given).__name__}.",
    )


def _over_driver(url: str, given: Any, **options: Any) -> sa.Connection:
    engine = sa.create_engine(
        url, creator=lambda: _Borrowed(given), poolclass=StaticPool, hide_parameters=True, **options
    )
    return engine.connect()


def _take_write_lock(connection: sa.Connection) -> None:
    """Begin to write before anything is read.

    The sqlite3 module begins a transaction only with the first write: what was read before it would not be part of
    it, and a deletion could slip in between.
    """
    if connection.dialect.name != "sqlite":
        return
    connection.exec_driver_sql("UPDATE meta SET value = value WHERE name = 'installation'")
    driver: Any = connection.connection.dbapi_connection
    if not driver.in_transaction:
        raise EnvelopeError(
            "connection", "this connection commits each statement by itself; begin a transaction on it first."
        )


class _Borrowed:
    """A driver connection that SQLAlchemy cannot end: commit, rollback and close are the host's."""

    def __init__(self, given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return getattr(self._given, name)

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        cursor = self._given.cursor(*arguments, **options)
        if isinstance(self._given, sqlite3.Connection):
            cursor.row_factory = None  # the host may have set one; rows are plain here
        return cursor

    def commit(self) -> None:
        """Left to the host."""

    def rollback(self) -> None:
        """Left to the host."""

    def close(self) -> None:
        """Left to the host."""

    def create_function(self, *_arguments: Any, **_options: Any) -> None:
        """SQLAlchemy adds functions to new connections; this one is not new."""
