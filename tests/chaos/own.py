"""A host's own transactions: a row of the host's and an action, together or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Protocol

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from chaos.world import Place

# What a host meets beside renkei's own refusals: it takes its transaction back, and begins another.
ERRORS: tuple[type[Exception], ...] = (sqlite3.Error, psycopg.Error, DBAPIError)
_INSERT = "INSERT INTO tickets (subject) VALUES ({}) ON CONFLICT DO NOTHING"


class Own(Protocol):
    """One connection of the host's."""

    name: str

    def transact(self, subject: str, record: Callable[[Any], str], *, commit: bool) -> str:
        """Insert the host's row, have the action recorded, and end the transaction."""
        ...


class OverSqlite3:
    """The driver of SQLite, as a host uses it that begins its transactions itself."""

    name = "within_sqlite3"

    def __init__(self, place: Place) -> None:
        self._connection = sqlite3.connect(place.folder / "renkei.db", timeout=60, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = FULL")

    def transact(self, subject: str, record: Callable[[Any], str], *, commit: bool) -> str:
        """Insert, record, end."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute(_INSERT.format("?"), (subject,))
            outcome = record(self._connection)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT" if commit else "ROLLBACK")
        return outcome


class OverPsycopg:
    """The driver of PostgreSQL, which begins a transaction with the first statement."""

    name = "within_psycopg"

    def __init__(self, place: Place) -> None:
        url = sa.make_url(place.url).set(drivername="postgresql")
        self._connection = psycopg.connect(url.render_as_string(hide_password=False))

    def transact(self, subject: str, record: Callable[[Any], str], *, commit: bool) -> str:
        """Insert, record, end."""
        try:
            self._connection.execute(_INSERT.format("%s"), (subject,))
            outcome = record(self._connection)
            self._connection.commit() if commit else self._connection.rollback()
        except BaseException:
            self._connection.rollback()
            raise
        return outcome


class OverSqlalchemy:
    """SQLAlchemy's connection, on either database."""

    name = "within_sqlalchemy"

    def __init__(self, place: Place) -> None:
        options = {"connect_args": {"timeout": 60}} if place.is_sqlite else {}
        self._engine = sa.create_engine(place.url, **options)  # type: ignore[arg-type]
        if place.is_sqlite:
            sa.event.listen(self._engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = FULL"))

    def transact(self, subject: str, record: Callable[[Any], str], *, commit: bool) -> str:
        """Insert, record, end."""
        with self._engine.connect() as connection, connection.begin() as transaction:
            connection.execute(sa.text(_INSERT.format(":subject")), {"subject": subject})
            outcome = record(connection)
            if not commit:
                transaction.rollback()
        return outcome


def ways(place: Place) -> list[Own]:
    """Those of the run's database."""
    return [OverSqlite3(place) if place.is_sqlite else OverPsycopg(place), OverSqlalchemy(place)]
