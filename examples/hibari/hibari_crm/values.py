"""What a column takes, and how it is kept: each check returns the value as Hibari gives it back, or raises `Wrong`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

MOST_DIGITS = 15

_NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:\d{2})", re.ASCII)
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_URL = re.compile(r"https?://[^\s/?#]\S*")


class Wrong(Exception):
    """A value that a column does not take; the text is the code."""


def checked(column: dict[str, Any], value: Any) -> Any:
    """*value* as *column* keeps it.

    Raises:
        Wrong: the column does not take it.
    """
    check = _CHECKS.get(column["type"])
    if check is None:
        raise Wrong("wrong_type")
    return check(column, value)


def utf16(text: str) -> int:
    """The length of *text* as Hibari counts it: a character outside of the basic plane, as most emoji, counts 2."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _memo(column: dict[str, Any], value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("wrong_type")
    if not value:
        raise Wrong("empty")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise Wrong("bad_text")
    if utf16(value) > column["max_length"]:
        raise Wrong("too_long")
    return value


def _text(column: dict[str, Any], value: Any) -> str:
    text = _memo(column, value)
    if "\n" in text or "\r" in text:
        raise Wrong("line_break")
    return text


def _email(column: dict[str, Any], value: Any) -> str:
    text = _text(column, value)
    if not _EMAIL.fullmatch(text):
        raise Wrong("bad_email")
    return text


def _url(column: dict[str, Any], value: Any) -> str:
    text = _text(column, value)
    if not _URL.fullmatch(text):
        raise Wrong("bad_url")
    return text


def _number(column: dict[str, Any], value: Any) -> str:
    written = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        raise Wrong("wrong_type")
    whole, decimals = written.group(1).lstrip("0"), (written.group(2) or "").rstrip("0")
    if len(decimals) > column["decimals"]:
        raise Wrong("too_precise")
    if len(whole) + len(decimals) > MOST_DIGITS:
        raise Wrong("out_of_range")
    number = Decimal(value)
    low, high = column["minimum"], column["maximum"]
    if (low is not None and number < Decimal(low)) or (high is not None and number > Decimal(high)):
        raise Wrong("out_of_range")
    sign = "-" if number < 0 else ""
    return f"{sign}{whole or '0'}{'.' if decimals else ''}{decimals}"


def _date(_column: dict[str, Any], value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("wrong_type")
    try:
        if not _DATE.fullmatch(value):
            raise ValueError
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise Wrong("bad_date") from None


def _datetime(_column: dict[str, Any], value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("wrong_type")
    try:
        if not _DATETIME.fullmatch(value):
            raise ValueError
        moment = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong("bad_datetime") from None
    return written(moment)


def written(moment: datetime) -> str:
    """*moment* as Hibari writes it: UTC, whole seconds, what is finer cut off."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _checkbox(_column: dict[str, Any], value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("wrong_type")
    return value


def _select(column: dict[str, Any], value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("wrong_type")
    if value not in [option["key"] for option in column["options"]]:
        raise Wrong("unknown_option")
    return value


def _tags(column: dict[str, Any], value: Any) -> list[str]:
    if not isinstance(value, list):
        raise Wrong("wrong_type")
    if not value:
        raise Wrong("empty")
    keys = [_select(column, item) for item in value]
    if len(set(keys)) < len(keys):
        raise Wrong("repeated_option")
    return keys


_CHECKS: dict[str, Callable[[dict[str, Any], Any], Any]] = {
    "text": _text,
    "memo": _memo,
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "select": _select,
    "tags": _tags,
    "checkbox": _checkbox,
    "email": _email,
    "url": _url,
}
