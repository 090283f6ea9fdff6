"""Which record and field a `CB_VA01` is about.

Its paths are `records[i].code.value…`, and `records[i][code].value` where a number or date could not be parsed.
Within a table it goes on with `.value[row].value.column…`.
A code may hold letters of any script, and whether it may hold a dot is documented nowhere: so a path is never split
at dots, but the longest field code that we know is looked for after the record's index, first among those behind which
the path goes on as kintone is known to write it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

_RECORD = re.compile(r"records\[(\d{1,4})\](.*)", re.DOTALL)
_ROW = re.compile(r"\.value\[(\d{1,5})\]\.value(.*)", re.DOTALL)
# What follows the code of a field that is no table: what is known, and what else may be.
_KNOWN_ENDING = re.compile(r"\.value|\.values(?:\.value|\[\d{1,5}\]\.value)?")
_ENDING = re.compile(r"\.values?(?:\.value|\[\d{1,5}\](?:\.value)?)?$")
# What kintone repeats of a value stands between double quotes, and may itself hold some.
_QUOTED = re.compile(r'".*"', re.DOTALL)
# Shorter values occur in any sentence.
_TELLING = 4
_LONGEST_CODE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One path of the answer.

    Attributes:
        field: the field's code, None where the path names none that we know.
        messages: kintone's words, without values.
        parsed: False where kintone could not even parse the value.
        ending: what stands behind the code. Where it is none that the field's type has, the code may be the beginning
            of another's.
        row: of a table, counted from 1.
        column: its code, where the path names one that we know.
        unread: the code as it stands in the path, where it is none that we know. For people alone: where it ends in the
            path is a guess.
    """

    field: str | None
    messages: tuple[str, ...]
    parsed: bool = True
    ending: str = ""
    row: int | None = None
    column: str | None = None
    unread: str = ""

    @property
    def place(self) -> str:
        """Field, row and column, for a person of any language: `明細[2] 内容`."""
        row = "" if self.row is None else f"[{self.row}]{'' if self.column is None else f' {self.column}'}"
        return f"{self.field or self.unread or '?'}{row}"


def complaints_by_record(
    errors: Mapping[str, tuple[str, ...]], codes: Collection[str], count: int, columns: Collection[str] = ()
) -> dict[int, list[Complaint]]:
    """What is said about each of *count* records, by index. Paths that name none of them are left out.

    Args:
        errors: path → messages, as kintone gives them.
        codes: of the fields that there may be.
        count: of the records that were sent.
        columns: codes of the columns of tables.
    """
    # Every path is looked up here, and a form that changed can make a hundred thousand of them.
    codes, columns = frozenset(codes), frozenset(columns)
    found: dict[int, list[Complaint]] = {}
    for path, messages in errors.items():
        match = _RECORD.fullmatch(path)
        if match is None or int(match[1]) >= count:
            continue
        code, parsed, ending = _field_in(match[2], codes)
        row, column = _cell_in(ending, columns)
        words = tuple(_QUOTED.sub('"…"', message) for message in messages)
        unread = "" if code is not None else _ENDING.sub("", match[2]).strip(".[]")[:_LONGEST_CODE]
        one = Complaint(field=code, messages=words, parsed=parsed, ending=ending, row=row, column=column, unread=unread)
        found.setdefault(int(match[1]), []).append(one)
    return found


def sentence(complaints: list[Complaint], hidden: Iterable[str]) -> str:
    """What kintone says about one record, field by field, of bounded length; empty where it repeats what is hidden."""
    text = "; ".join(f"{item.place}: {' '.join(item.messages)}" for item in complaints)
    repeats = any(len(one) >= _TELLING and one in text for one in hidden)
    return "" if repeats else text[:500]


def _field_in(rest: str, codes: Collection[str]) -> tuple[str | None, bool, str]:
    """Code, whether its value was parsed, and what follows the code."""
    parsed = not rest.startswith("[")
    found = [(code, ending) for code, ending in _partings(rest, parsed=parsed) if code in codes]
    known = [(code, ending) for code, ending in found if _is_known(ending)]
    for code, ending in known or found:
        return code, parsed, ending
    return None, parsed, ""


def _partings(rest: str, *, parsed: bool) -> Iterator[tuple[str, str]]:
    """Every way to read *rest* as a code and what follows it, longest code first."""
    for at in range(min(len(rest), _LONGEST_CODE + 2), 1, -1):
        if parsed and rest.startswith(".") and (at == len(rest) or rest[at] in ".["):
            yield rest[1:at], rest[at:]
        elif not parsed and rest[at - 1] == "]":
            yield rest[1 : at - 1], rest[at:]


def _is_known(ending: str) -> bool:
    return _KNOWN_ENDING.fullmatch(ending) is not None or _ROW.fullmatch(ending) is not None


def _cell_in(rest: str, columns: Collection[str]) -> tuple[int | None, str | None]:
    """Row, counted from 1, and column in what follows the code of a table."""
    match = _ROW.fullmatch(rest)
    if match is None:
        return None, None
    return int(match[1]) + 1, _field_in(match[2], columns)[0]
