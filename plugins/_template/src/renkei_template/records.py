"""Canonical values → one wire record, or problems by field: all of `crm_map`.

The rule is *exactly or not at all*: a value that Atelier cannot hold as it is becomes a problem that names the field;
it is never cut, rounded or left out. Whatever passes here, Atelier accepts, as far as its schema lets one know.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from renkei.spec import Field, FieldType, LengthUnit, MapRequest, MapResult, Problem, Settings, Text, WireRecord
from renkei_template.codes import SENTENCES, Code
from renkei_template.manifest import REQUEST_BYTES

_MAIL = re.compile(r"[^\s@]+@[^\s@]+")
_MAIL_LENGTH = 254
# What a `decimal` holds where the field does not say, and what a `whole` can be without losing its last digits in
# a reader that keeps numbers as doubles.
_DIGITS = 38
_WHOLE = 2**53 - 1


class _Unfit(Exception):
    """A value that its field cannot hold."""

    def __init__(self, code: Code, *, limit: Text | None = None) -> None:
        self.code = code
        self.limit = limit
        super().__init__(code)


def to_wire(request: MapRequest) -> MapResult:
    """The wire record of *request*, or every problem that it has."""
    fields: dict[str, Any] = {}
    problems = _missing(request)
    for code, value in request.values.items():
        try:
            fields[code] = _wire_value(request.target_schema.field(code), value)
        except _Unfit as unfit:
            problems.append(_problem(code, unfit))
    if not problems and len(body_of(fields, request.options)) > REQUEST_BYTES:
        problems.append(_problem(_longest(fields), _Unfit(Code.TOO_LARGE)))
    if problems:
        return MapResult(problems=tuple(problems))
    return MapResult(record=WireRecord(key=request.key, fields=fields))


def body_of(fields: Mapping[str, Any], options: Settings) -> bytes:
    """The request body that stores a record with these *fields*: UTF-8, one byte sequence for one record."""
    stage = getattr(options, "stage", "")
    body = {"values": fields} | ({"stage": stage} if stage else {})
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _missing(request: MapRequest) -> list[Problem]:
    return [
        _problem(field.code, _Unfit(Code.REQUIRED))
        for field in request.target_schema.fields
        # Absent stays absent, so that the backend's own default applies.
        if field.required and field.writable and not field.has_default and field.code not in request.values
    ]


def _wire_value(field: Field | None, value: object) -> Any:
    if field is None:
        raise _Unfit(Code.UNKNOWN_FIELD)
    if not field.writable:
        raise _Unfit(Code.READ_ONLY_FIELD)
    writer = _WRITERS.get(field.type)
    if writer is None:
        raise _Unfit(Code.UNSUPPORTED_TYPE)
    return writer(field, value)


def _long_text(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise _Unfit(Code.WRONG_TYPE)
    # NUL, and halves of a surrogate pair: neither is text that UTF-8 and Atelier can hold.
    if any(character == "\0" or unicodedata.category(character) == "Cs" for character in value):
        raise _Unfit(Code.UNSTORABLE_TEXT)
    length = field.length_unit.measure(value)
    if field.max_length is not None and length > field.max_length:
        raise _Unfit(Code.TOO_LONG, limit=_at_most(field.max_length))
    if length < (field.min_length or 1):
        raise _Unfit(Code.TOO_SHORT)
    return value


def _text(field: Field, value: object) -> str:
    text = _long_text(field, value)
    if "\n" in text or "\r" in text:
        raise _Unfit(Code.LINE_BREAK)
    return text


def _mail(field: Field, value: object) -> str:
    text = _text(field, value)
    if len(text) > _MAIL_LENGTH:
        raise _Unfit(Code.TOO_LONG, limit=_at_most(_MAIL_LENGTH))
    if not _MAIL.fullmatch(text):
        raise _Unfit(Code.BAD_MAIL)
    return text


def _link(field: Field, value: object) -> str:
    text = _text(field, value)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _Unfit(Code.BAD_LINK) from None
    # `urlsplit` drops tabs and control characters in silence, so they are looked for in the text itself.
    if parts.scheme not in ("http", "https") or not parts.netloc or not all(c.isprintable() and c != " " for c in text):
        raise _Unfit(Code.BAD_LINK)
    return text


def _integer(field: Field, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):  # a bool is an int to Python, not to a CRM
        raise _Unfit(Code.WRONG_TYPE)
    if abs(value) > _WHOLE:
        raise _Unfit(Code.OUT_OF_RANGE)
    _check_range(field, Decimal(value))
    return value


def _number(field: Field, value: object) -> str:
    """As a string of plain digits: a JSON number would pass through a double in many a reader."""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise _Unfit(Code.WRONG_TYPE)
    whole, decimals = _places(value)
    if field.decimals is not None and decimals > field.decimals:
        raise _Unfit(Code.TOO_PRECISE, limit=_at_most(field.decimals))
    if whole + decimals > (field.digits or _DIGITS):
        raise _Unfit(Code.OUT_OF_RANGE, limit=_at_most(field.digits or _DIGITS))
    _check_range(field, value)
    # Only now: `1E+1000000` written out would fill a book, and so would its zeros after the point.
    plain = format(value, "f") if value else "0"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _places(value: Decimal) -> tuple[int, int]:
    """How many digits stand before the point of *value* and how many after, zeros at the ends left out.

    Counted on the digits themselves: `Decimal.normalize` would round what is longer than its context.
    """
    _sign, digits, exponent = value.as_tuple()
    if not value or not isinstance(exponent, int):
        return 0, 0
    significant = "".join(map(str, digits)).rstrip("0")
    exponent += len(digits) - len(significant)
    return max(len(significant) + exponent, 0), max(-exponent, 0)


def _check_range(field: Field, number: Decimal) -> None:
    if field.minimum is not None and number < field.minimum:
        raise _Unfit(Code.OUT_OF_RANGE)
    if field.maximum is not None and number > field.maximum:
        raise _Unfit(Code.OUT_OF_RANGE)


def _boolean(_field: Field, value: object) -> bool:
    if not isinstance(value, bool):
        raise _Unfit(Code.WRONG_TYPE)
    return value


def _date(_field: Field, value: object) -> str:
    if not isinstance(value, date) or isinstance(value, datetime):  # a datetime is a date to Python
        raise _Unfit(Code.WRONG_TYPE)
    return value.isoformat()


def _datetime(_field: Field, value: object) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None or value.utcoffset() is None:
        raise _Unfit(Code.WRONG_TYPE)
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise _Unfit(Code.BAD_TIME) from None
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _choice(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise _Unfit(Code.WRONG_TYPE)
    if value not in {choice.code for choice in field.choices}:
        raise _Unfit(Code.UNKNOWN_CHOICE)
    return value


def _choices(field: Field, value: object) -> list[str]:
    if not isinstance(value, tuple):
        raise _Unfit(Code.WRONG_TYPE)
    codes = [_choice(field, item) for item in value]
    if len(set(codes)) != len(codes):
        raise _Unfit(Code.REPEATED_CHOICE)
    return codes


_WRITERS: Mapping[FieldType, Callable[[Field, object], Any]] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _long_text,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.CHOICE: _choice,
    FieldType.CHOICES: _choices,
    FieldType.EMAIL: _mail,
    FieldType.URL: _link,
}


def _problem(code: str, unfit: _Unfit) -> Problem:
    sentence, limit = SENTENCES[unfit.code], unfit.limit
    if limit is not None:
        sentence = Text(ja=sentence.ja + limit.ja, en=f"{sentence.en} {limit.en}")
    return Problem(field=code, code=unfit.code, message=sentence)


def _at_most(number: int) -> Text:
    return Text(ja=f"上限は{number:,}です。", en=f"At most {number:,}.")


def _longest(fields: Mapping[str, Any]) -> str:
    return max(fields, key=lambda code: LengthUnit.BYTES.measure(str(fields[code])))
