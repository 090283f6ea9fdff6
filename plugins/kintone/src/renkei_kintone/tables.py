"""A table's rows: canonical rows → what kintone takes, and problems that name row and column.

Inside a table kintone is silent where it is not outside: what is no number becomes empty without an error. So nothing
is sent for a column that was not checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renkei.spec import Field, Problem, Text
from renkei_kintone.writing import Unfit, missing_from, not_empty, written, wrong_type


def rows(table: Field, value: Any, problems: list[Problem]) -> list[dict[str, Any]]:
    """The rows of *value* as kintone takes them; what is wrong with a cell is added to *problems*.

    A column that a row does not name gets its default, if it has one: kintone fills it in each row that is sent.

    Raises:
        Unfit: these are no rows.
    """
    if not isinstance(value, tuple) or not all(isinstance(row, Mapping) for row in value):
        raise wrong_type(table)
    not_empty(value)
    columns = {column.code: column for column in table.fields}
    return [{"value": _row(table, columns, row, number, problems)} for number, row in enumerate(value, start=1)]


def _row(
    table: Field, columns: Mapping[str, Field], row: Mapping[str, Any], number: int, problems: list[Problem]
) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for code, value in row.items():
        column = columns.get(code)
        try:
            cells[code] = {"value": written(column, value)}
        except Unfit as unfit:
            problems.append(_placed(table, number, column.label if column is not None else code, unfit))
    lacking = missing_from(table.fields, row)
    problems += [_placed(table, number, column.label, why) for column, why in lacking]
    return cells


def _placed(table: Field, number: int, column: str, unfit: Unfit) -> Problem:
    text = Text(
        ja=f"{number}行目の「{column}」: {unfit.text.ja}",
        en=f"Row {number}, {column!r}: {unfit.text.en}",
    )
    return Problem(field=table.code, code=unfit.code, message=text)
