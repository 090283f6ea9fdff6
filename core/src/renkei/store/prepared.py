"""Statements of the hot path, compiled once and run by the driver itself.

SQLAlchemy looks its compiled form up, binds, and wraps the result, anew for each execution: about 45 µs, where SQLite
itself takes 10 to 20, and `record()` runs five. So they are compiled when they are first used, and what does not change
from one execution to the next is kept.

That is for transactions of our own writer. On a connection that a host has passed, everything goes through SQLAlchemy:
the host's listeners see what is written, and its transaction begins as it always does.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement for one dialect."""

    sql: str
    parameters: Callable[[Mapping[str, Any]], Any]
    row: Callable[[Sequence[Any]], Any] | None


class Prepared:
    """A statement of a fixed shape: the same parameters each time, and no lists among them.

    Args:
        statement: the statement, or what makes it for the name of a dialect.
        parameters: names of all its parameters.
    """

    def __init__(self, statement: Any, *parameters: str) -> None:
        self._statement = statement if callable(statement) else lambda _dialect: statement
        self._names = parameters
        self._compiled: dict[str, _Compiled] = {}
        self._through_sqlalchemy: dict[str, Any] = {}

    def first(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:
        """Execute, and return the first row (its columns by name or place), or None where there is none."""
        if connection.get_execution_options().get("renkei_write") != "writer":
            return self._ordinary(connection, values)
        compiled = self._compiled.get(connection.dialect.name) or self._compile(connection.dialect)
        pooled = connection.connection
        cursor = pooled.cursor()
        try:
            cursor.execute(compiled.sql, compiled.parameters(values))
            found = cursor.fetchone() if compiled.row is not None else None
        except connection.dialect.loaded_dbapi.Error as error:
            raise _translated(connection, compiled.sql, error, cursor) from error
        finally:
            cursor.close()
        return compiled.row(found) if compiled.row is not None and found is not None else None

    def _ordinary(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:
        name = connection.dialect.name
        statement = self._through_sqlalchemy.setdefault(name, self._statement(name))
        result = connection.execute(statement, dict(values))
        return result.first() if result.returns_rows else None

    def _compile(self, dialect: sa.Dialect) -> _Compiled:
        statement = self._statement(dialect.name)
        compiled = statement.compile(dialect=dialect, column_keys=self._names)
        made = _Compiled(sql=compiled.string, parameters=self._binder(compiled), row=_row(statement, dialect))
        self._compiled[dialect.name] = made
        return made

    def _binder(self, compiled: Any) -> Callable[[Mapping[str, Any]], Any]:
        """What makes the driver's parameters of ours: a tuple where they are bound by place, else a mapping."""
        converts = {name: _convert(bind, compiled.dialect) for bind, name in compiled.bind_names.items()}
        # What the statement itself says: literals in it, and defaults of columns that are not given.
        defaults = {column.key: column.default.arg for column in compiled.insert_prefetch or ()}
        fixed = {
            name: (converts[name] or _as_it_is)(defaults.get(name, compiled.params[name]))
            for name in converts.keys() - set(self._names)
        }
        if compiled.positiontup is None:
            given = tuple((name, converts[name]) for name in self._names)
            return lambda values: {
                **fixed,
                **{name: values[name] if convert is None else convert(values[name]) for name, convert in given},
            }
        places = tuple((name, converts[name]) for name in compiled.positiontup)
        if not fixed:
            return lambda values: tuple(
                [values[name] if convert is None else convert(values[name]) for name, convert in places]
            )
        return lambda values: tuple(
            [
                fixed[name] if name in fixed else values[name] if convert is None else convert(values[name])
                for name, convert in places
            ]
        )


def _convert(bind: Any, dialect: sa.Dialect) -> Convert | None:
    convert: Convert | None = bind.type.dialect_impl(dialect).bind_processor(dialect)
    return convert


def _as_it_is(value: Any) -> Any:
    return value


def _row(statement: Any, dialect: sa.Dialect) -> Callable[[Sequence[Any]], Any] | None:
    """What makes a row of what the driver gives, or None where the statement gives none."""
    columns = tuple(getattr(statement, "exported_columns", ()))
    if not columns:
        return None
    kind: Any = namedtuple("Row", " ".join(column.name for column in columns))  # type: ignore[misc]  # the statement's
    convert = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    if not any(convert):
        make: Callable[[Sequence[Any]], Any] = kind._make
        return make
    return lambda found: kind._make(
        made(value) if made is not None else value for made, value in zip(convert, found, strict=True)
    )


def _translated(connection: sa.Connection, sql: str, error: Any, cursor: Any) -> Any:
    """The driver's error as SQLAlchemy would raise it, without the parameters."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection, cursor)
    told = sa.exc.DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error, connection_invalidated=lost, dialect=dialect
    )
    if lost:
        connection.invalidate(error)
    return told
