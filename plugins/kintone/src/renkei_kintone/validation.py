"""Which record and field a `CB_VA01` is about.

Its paths are `records[i].code.value…`, and `records[i][code].value` where a number or date could not be parsed.
Within a table it goes on with `.value[row].value.column…`.
A code may hold letters of any script, and whether it may hold a dot is documented nowhere: so a path is never split
at dots, but the longest field code that we know is looked for after the record's index.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

_RECORD = re.compile(r"records\[(\d{1,4})\](.*)", re.DOTALL)
_ROW = re.compile(r"\.value\[(\d{1,5})\]\.value(.*)", re.DOTALL)
# What follows the code of a field that is no table.
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
        row: of a table, counted from 1.
        column: its code, where the path names one that we know.
        unread: the code as it stands in the path, where it is none that we know. For people alone: where it ends in the
            path is a guess.
    """

    field: str | None
    messages: tuple[str, ...]
    parsed: bool = True
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
    longest_first = sorted(codes, key=len, reverse=True)
    longest_column_first = sorted(columns, key=len, reverse=True)
    found: dict[int, list[Complaint]] = {}
    for path, messages in errors.items():
        match = _RECORD.fullmatch(path)
        if match is None or int(match[1]) >= count:
            continue
        code, parsed = _field_in(match[2], longest_first)
        row, column = (None, None) if code is None else _cell_in(match[2][len(code) + 1 :], longest_column_first)
        words = tuple(_QUOTED.sub('"…"', message) for message in messages)
        unread = "" if code is not None else _ENDING.sub("", match[2]).strip(".[]")[:_LONGEST_CODE]
        one = Complaint(field=code, messages=words, parsed=parsed, row=row, column=column, unread=unread)
        found.setdefault(int(match[1]), []).append(one)
    return found


def sentence(complaints: list[Complaint], hidden: Iterable[str]) -> str:
    """What kintone says about one record, field by field, of bounded length; empty where it repeats what is hidden."""
    text = "; ".join(f"{item.place}: {' '.join(item.messages)}" for item in complaints)
    repeats = any(len(one) >= _TELLING and one in text for one in hidden)
    return "" if repeats else text[:500]


def _field_in(rest: str, longest_first: list[str]) -> tuple[str | None, bool]:
    for code in longest_first:
        if rest.startswith(f".{code}.") or rest == f".{code}":
            return code, True
        if rest.startswith(f"[{code}]"):
            return code, False
    return None, not rest.startswith("[")


def _cell_in(rest: str, longest_first: list[str]) -> tuple[int | None, str | None]:
    """Row, counted from 1, and column in what follows the code of a table."""
    match = _ROW.fullmatch(rest)
    if match is None:
        return None, None
    return int(match[1]) + 1, _field_in(match[2], longest_first)[0]
