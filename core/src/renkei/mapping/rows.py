"""The rows of a table: one for each item of the lists that its columns take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from renkei.mapping.conversion import LISTS
from renkei.mapping.rules import Rule
from renkei.mapping.source import SourceSchema

_ABSENT = None


def lists_of(rule: Rule, source: SourceSchema) -> tuple[str, ...]:
    """Keys of the source fields that make the rows of the table rule *rule*, in the order of its columns."""
    offered = (source.field(column.source) for column in rule.columns if column.source is not None)
    return tuple(dict.fromkeys(field.key for field in offered if field is not None and field.type in LISTS))


def rows_of(values: Mapping[str, Any], lists: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    """The raw values of an action as each row sees them: of every one of *lists* the row's item alone.

    Without *lists* there is one row, which sees everything.
    """
    if not lists:
        yield values
        return
    for items in zip_longest(*(_items(values.get(key)) for key in lists), fillvalue=_ABSENT):
        yield {**values, **{key: [item] for key, item in zip(lists, items, strict=True)}}


def _items(raw: Any) -> list[Any] | tuple[Any, ...]:
    if raw is None or raw == "":
        return ()
    # What is no list is not an error of the table, but of the column that takes it, and is said there.
    return raw if isinstance(raw, (list, tuple)) else (raw,)
