"""kintone's query language, as its documentation describes it: a condition, an order, a limit and an offset."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from renkei_kintone.simulator import refusals

LIMIT, MOST_READ, FURTHEST = 100, 500, 10_000

_ESCAPED = {"t": "\t", "n": "\n", "r": "\r"}
"""Escapes beside those of the quotation mark and the backslash: a text holds none of these characters as they are."""
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"\\\t\r\n]|\\.)*")
    |(?P<sign>!=|>=|<=|=|>|<|\(|\)|,)
    |(?P<number>[+-]?[0-9]+(?:\.[0-9]+)?(?=[\s(),]|$))
    |(?P<word>[^\s"=!<>(),]+)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Function:
    """`TODAY()` and the like, with what stands between the brackets."""

    name: str
    arguments: tuple[str, ...] = ()


Operand = str | Function


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field, an operator, and what it is compared with; several operands with `in`, none with `is empty`."""

    code: str
    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """Two conditions with `and` or `or`."""

    word: Literal["and", "or"]
    left: Condition
    right: Condition


Condition = Comparison | Joined


@dataclass(frozen=True, slots=True)
class Query:
    """A query.

    Attributes:
        order: field codes, each with whether it descends, None where the query does not say; empty for kintone's own
            order, `$id desc`.
        limit, offset: None where the query does not name them.
    """

    condition: Condition | None = None
    order: tuple[tuple[str, bool | None], ...] = ()
    limit: int | None = None
    offset: int | None = None


def read(text: str) -> Query:
    """A query from its text.

    Raises:
        Refused: it is none, or its limit or offset is out of range.
    """
    return _Reader(_tokens(text)).query()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None or token.lastgroup is None:
            raise refusals.bad_query()
        found.append((token.lastgroup, token[token.lastgroup]))
        at = token.end()
    return found


@dataclass(slots=True)
class _Reader:
    """By recursive descent; `and` binds closer than `or`."""

    tokens: list[tuple[str, str]]
    at: int = field(default=0)

    def query(self) -> Query:
        condition = None if self._ahead("order", "limit", "offset") or self._ended() else self._either()
        order = self._order() if self._take("order") else ()
        limit = self._count("limit")
        offset = self._count("offset")
        if not self._ended():
            raise refusals.bad_query()
        if limit is not None and limit > MOST_READ:
            raise refusals.limit_above(MOST_READ)
        if offset is not None and offset > FURTHEST:
            raise refusals.offset_above(FURTHEST)
        return Query(condition, order, limit, offset)

    def _either(self) -> Condition:
        left = self._both()
        while self._take("or"):
            left = Joined("or", left, self._both())
        return left

    def _both(self) -> Condition:
        left = self._one()
        while self._take("and"):
            left = Joined("and", left, self._one())
        return left

    def _one(self) -> Condition:
        if self._take("("):
            inner = self._either()
            self._expect(")")
            return inner
        code = self._word()
        operator = self._operator()
        if operator in ("is", "is not"):
            self._expect("empty")
            return Comparison(code, operator, ())
        if operator in ("in", "not in"):
            return Comparison(code, operator, self._listed())
        return Comparison(code, operator, (self._operand(),))

    def _operator(self) -> str:
        kind, text = self._next()
        word = text.lower()
        if kind == "sign" and text not in "(),":
            return text
        if kind == "word" and word == "not" and self._ahead("in", "like"):
            return f"not {self._next()[1].lower()}"
        if kind == "word" and word == "is":
            return "is not" if self._take("not") else "is"
        if kind == "word" and word in ("in", "like"):
            return word
        raise refusals.bad_query()

    def _listed(self) -> tuple[Operand, ...]:
        self._expect("(")
        operands = [self._operand()]
        while self._take(","):
            operands.append(self._operand())
        self._expect(")")
        return tuple(operands)

    def _operand(self) -> Operand:
        kind, text = self._next()
        if kind == "text":
            return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)
        if kind == "number":
            return text
        if kind != "word" or not text.isidentifier():
            raise refusals.bad_query()
        self._expect("(")
        arguments = []
        while not self._take(")"):
            arguments.append(self._next()[1])
            self._take(",")
        return Function(text.upper(), tuple(arguments))

    def _order(self) -> tuple[tuple[str, bool | None], ...]:
        self._expect("by")
        order: list[tuple[str, bool | None]] = []
        while True:
            code = self._word()
            order.append((code, True if self._take("desc") else False if self._take("asc") else None))
            if not self._take(","):
                return tuple(order)

    def _count(self, word: str) -> int | None:
        if not self._take(word):
            return None
        kind, text = self._next()
        if kind != "number" or not text.isdigit():
            raise refusals.bad_query()
        return int(text)

    def _word(self) -> str:
        kind, text = self._next()
        if kind != "word":
            raise refusals.bad_query()
        return text

    def _ended(self) -> bool:
        return self.at >= len(self.tokens)

    def _next(self) -> tuple[str, str]:
        if self._ended():
            raise refusals.bad_query()
        self.at += 1
        return self.tokens[self.at - 1]

    def _ahead(self, *texts: str) -> bool:
        if self._ended():
            return False
        kind, text = self.tokens[self.at]
        return kind != "text" and text.lower() in texts

    def _take(self, text: str) -> bool:
        taken = self._ahead(text)
        self.at += taken
        return taken

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise refusals.bad_query()
