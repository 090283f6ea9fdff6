"""Which records a query finds, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from renkei_kintone.simulator import refusals, words
from renkei_kintone.simulator.domain import JAPAN
from renkei_kintone.simulator.form import App, Record
from renkei_kintone.simulator.query import Comparison, Condition, Function, Joined, Operand, Query

_EQUAL = ("=", "!=")
_ORDERED = ("=", "!=", ">", "<", ">=", "<=")
_LISTED = ("in", "not in")
_LIKE = ("like", "not like")
_EMPTY = ("is", "is not")

# The operators of each type, after the table of kintone's documentation.
OPERATORS: Mapping[str, tuple[str, ...]] = {
    "__ID__": (*_ORDERED, *_LISTED),
    "RECORD_NUMBER": (*_ORDERED, *_LISTED),
    "CREATED_TIME": _ORDERED,
    "UPDATED_TIME": _ORDERED,
    "CREATOR": _LISTED,
    "MODIFIER": _LISTED,
    "SINGLE_LINE_TEXT": (*_EQUAL, *_LISTED, *_LIKE),
    "LINK": (*_EQUAL, *_LISTED, *_LIKE),
    "MULTI_LINE_TEXT": (*_LIKE, *_EMPTY),
    "RICH_TEXT": _LIKE,
    "NUMBER": (*_ORDERED, *_LISTED),
    "CALC": (*_ORDERED, *_LISTED),
    "CHECK_BOX": _LISTED,
    "RADIO_BUTTON": _LISTED,
    "DROP_DOWN": _LISTED,
    "MULTI_SELECT": _LISTED,
    "USER_SELECT": _LISTED,
    "ORGANIZATION_SELECT": _LISTED,
    "GROUP_SELECT": _LISTED,
    "STATUS": (*_EQUAL, *_LISTED),
    "STATUS_ASSIGNEE": _LISTED,
    "DATE": _ORDERED,
    "TIME": _ORDERED,
    "DATETIME": _ORDERED,
    "FILE": _LIKE,
}
FUNCTIONS = ("LOGINUSER", "NOW", "TODAY", "YESTERDAY", "TOMORROW")
_DAYS = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}
_NUMBERS = frozenset({"__ID__", "RECORD_NUMBER", "NUMBER", "CALC"})
_INSTANTS = frozenset({"CREATED_TIME", "UPDATED_TIME", "DATETIME"})
_PEOPLE = frozenset({"CREATOR", "MODIFIER", "USER_SELECT", "ORGANIZATION_SELECT", "GROUP_SELECT", "STATUS_ASSIGNEE"})

_Span = tuple[Any, Any]
"""The least and the greatest value that an operand stands for: a day has many minutes."""

_COMPARE: Mapping[str, Callable[[Any, _Span], bool]] = {
    "=": lambda value, span: bool(span[0] <= value <= span[1]),
    "!=": lambda value, span: not span[0] <= value <= span[1],
    ">": lambda value, span: bool(value > span[1]),
    ">=": lambda value, span: bool(value >= span[0]),
    "<": lambda value, span: bool(value < span[0]),
    "<=": lambda value, span: bool(value <= span[1]),
}


@dataclass(frozen=True, slots=True)
class Search:
    """A search in one app, as one user, at one moment.

    Attributes:
        descends: whether an order descends that does not say.
    """

    app: App
    user: str
    now: datetime
    descends: bool = False

    def found(self, query: Query) -> list[Record]:
        """All records that the condition holds for, in the query's order, without its limit and offset.

        Raises:
            Refused: a field is unknown, or an operator is not one of its type.
            NotSimulated: a function or an operand is beyond the simulator.
        """
        everything: Iterable[Record] = reversed(self.app.records.values())
        if query.condition is not None:
            holds = self._test(query.condition)
            everything = (record for record in everything if holds(record))
        records = list(everything)
        for code, descends in reversed(query.order):
            key = self._sort_key(code)
            records.sort(key=key, reverse=self.descends if descends is None else descends)
        return records

    def _test(self, condition: Condition) -> Callable[[Record], bool]:
        if isinstance(condition, Joined):
            left, right = self._test(condition.left), self._test(condition.right)
            if condition.word == "and":
                return lambda record: left(record) and right(record)
            return lambda record: left(record) or right(record)
        return self._comparison(condition)

    def _comparison(self, asked: Comparison) -> Callable[[Record], bool]:
        native, read = self._field(asked.code)
        in_table = asked.code not in self.app.fields and asked.code != "$id"
        if in_table and asked.operator in _EQUAL:
            raise refusals.equals_in_table(asked.code)
        allowed = OPERATORS.get(native, ())
        if asked.operator not in allowed and not (in_table and asked.operator in _LISTED and _EQUAL[0] in allowed):
            raise refusals.operator_not_for(asked.code, native, asked.operator)
        one = self._one(native, asked)
        negative = asked.operator in ("!=", "not in", "not like", "is not")
        # A table's row that fits is enough; none may, where the operator says "not".
        return lambda record: (all if negative else any)(one(value) for value in read(record))

    def _one(self, native: str, asked: Comparison) -> Callable[[Any], bool]:
        """The test of one value."""
        if asked.operator in _EMPTY:
            return lambda value: (not str(value or "").strip()) == (asked.operator == "is")
        if asked.operator in _LIKE:
            part = self._text(asked.operands[0]).lower()
            return lambda value: (part in _as_text(value).lower()) == (asked.operator == "like")
        if asked.operator in _LISTED:
            spans = [self._span(native, operand) for operand in asked.operands]
            wanted = asked.operator == "in"
            return lambda value: any(_fits(native, value, span) for span in spans) == wanted
        span = self._span(native, asked.operands[0])
        return lambda value: _compared(native, value, asked.operator, span)

    def _text(self, operand: Operand) -> str:
        if isinstance(operand, Function):
            raise words.NotSimulated(f"{operand.name}() with like")
        return operand

    def _span(self, native: str, operand: Operand) -> _Span | None:
        """What an operand stands for; None for the empty text, which stands for "no value"."""
        if isinstance(operand, Function):
            return self._function(native, operand)
        if operand == "":
            return None
        value = _parsed(native, operand)
        if value is None:
            raise refusals.bad_query()
        return value, value

    def _function(self, native: str, function: Function) -> _Span:
        if function.name not in FUNCTIONS or function.arguments:
            raise words.NotSimulated(f"the function {function.name}() of a query")
        if function.name == "LOGINUSER":
            return self.user, self.user
        if native not in _INSTANTS and native != "DATE":
            raise refusals.bad_query()
        if function.name == "NOW":
            minute = self.now.replace(second=0, microsecond=0)
            return (minute.astimezone(JAPAN).date().isoformat(),) * 2 if native == "DATE" else (minute, minute)
        day = self.now.astimezone(JAPAN).replace(hour=0, minute=0, second=0, microsecond=0)
        day += timedelta(days=_DAYS[function.name])
        if native == "DATE":
            return (day.date().isoformat(),) * 2
        return day, day + timedelta(days=1, microseconds=-1)

    def _field(self, code: str) -> tuple[str, Callable[[Record], Iterable[Any]]]:
        """The type of a field and how its values are read: one, or one for each row of its table."""
        app = self.app
        if code == "$id":
            return "__ID__", lambda record: (record.id,)
        if code in app.fields:
            return app.fields[code]["type"], lambda record: (app.value(record, code),)
        for table, item in app.fields.items():
            if item["type"] == "SUBTABLE" and code in item["fields"]:
                return item["fields"][code]["type"], partial(_column, app, table, code)
        raise words.no_such_field(code)

    def _sort_key(self, code: str) -> Callable[[Record], Any]:
        native, read = self._field(code)
        if code not in self.app.fields and code != "$id":
            raise refusals.operator_not_for(code, native, "order by")

        def key(record: Record) -> Any:
            (value,) = read(record)
            parsed = None if _is_empty(value) else _parsed(native, _as_text(value))
            return (parsed is not None, parsed)  # what has no value comes first

        return lambda record: _Key(key(record))


@dataclass(frozen=True, slots=True)
class _Key:
    """Orders values of one type, with those first that have none."""

    value: tuple[bool, Any]

    def __lt__(self, other: _Key) -> bool:
        if self.value[0] != other.value[0]:
            return other.value[0]
        return self.value[0] and bool(self.value[1] < other.value[1])


def _column(app: App, table: str, code: str, record: Record) -> list[Any]:
    cells = [row["value"].get(code) for row in app.value(record, table)]
    return [None if cell is None else cell["value"] for cell in cells]


def _compared(native: str, value: Any, operator: str, span: _Span | None) -> bool:
    if span is None:
        return _is_empty(value) == (operator == "=") if operator in _EQUAL else False
    if _is_empty(value):
        return operator == "!="
    parsed = _parsed(native, _as_text(value))
    return parsed is not None and _COMPARE[operator](parsed, span)


def _fits(native: str, value: Any, span: _Span | None) -> bool:
    if span is None:
        return _is_empty(value)
    if isinstance(value, list):
        return any(_fits(native, item, span) for item in value)
    return _compared(native, value, "=", span)


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [])


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_as_text(item) for item in value)
    if isinstance(value, Mapping):
        return str(value.get("code") or value.get("name") or "")
    return "" if value is None else str(value)


def _parsed(native: str, text: str) -> Any:
    """A value that compares as kintone compares it; None where the text is no value of the type."""
    if native in _NUMBERS:
        try:
            return Decimal(text.rpartition("-")[2] if native == "RECORD_NUMBER" else text)
        except InvalidOperation:
            return None
    if native in _INSTANTS:
        return _instant(text)
    return text


def _instant(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=JAPAN)
