"""What Atelier accepts as the value of a field. Written from its documentation, not from the plugin."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

DECIMAL = re.compile(r"-?(\d+)(?:\.(\d+))?", re.ASCII)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z", re.ASCII)
LINK = re.compile(r"https?://[^/?#\s][^\s]*", re.IGNORECASE)


def fault_in(field: dict[str, Any], value: Any) -> str | None:
    """The code of what is wrong with *value* for *field*, or None."""
    check = _CHECKS.get(field["type"])
    return check(field, value) if check else "read_only_field"


def _paragraph(field: dict[str, Any], value: Any) -> str | None:
    if not isinstance(value, str):
        return "wrong_type"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return "unstorable_text"
    if "\x00" in value:
        return "unstorable_text"
    if not value:
        return "too_short"
    return "too_long" if len(value) > field.get("max_length", 1_000_000) else None


def _line(field: dict[str, Any], value: Any) -> str | None:
    if isinstance(value, str) and ("\n" in value or "\r" in value):
        return "line_break"
    return _paragraph(field, value)


def _mail(field: dict[str, Any], value: Any) -> str | None:
    wrong = _line(field, value)
    if wrong:
        return wrong
    name, _, host = value.partition("@")
    spaced = any(character.isspace() for character in value)
    return "bad_mail" if not name or not host or "@" in host or spaced or len(value) > 254 else None


def _link(field: dict[str, Any], value: Any) -> str | None:
    wrong = _line(field, value)
    return wrong or (None if LINK.fullmatch(value) else "bad_link")


def _whole(field: dict[str, Any], value: Any) -> str | None:
    if type(value) is not int:
        return "wrong_type"
    return _bounds(field, Decimal(value))


def _decimal(field: dict[str, Any], value: Any) -> str | None:
    # Text, so that no digit is lost on the way.
    match = DECIMAL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return "wrong_type"
    before, after = match.group(1).lstrip("0"), (match.group(2) or "").rstrip("0")
    if len(after) > field.get("decimals", 38):
        return "too_precise"
    if len(before) + len(after) > field.get("digits", 38):
        return "out_of_range"
    return _bounds(field, Decimal(value))


def _bounds(field: dict[str, Any], number: Decimal) -> str | None:
    low, high = field.get("minimum", "-9007199254740991"), field.get("maximum", "9007199254740991")
    if field["type"] == "decimal":
        low, high = field.get("minimum", "-Infinity"), field.get("maximum", "Infinity")
    return None if Decimal(low) <= number <= Decimal(high) else "out_of_range"


def _switch(_field: dict[str, Any], value: Any) -> str | None:
    return None if value is True or value is False else "wrong_type"


def _day(_field: dict[str, Any], value: Any) -> str | None:
    return _calendar(DAY, date.fromisoformat, value)


def _moment(_field: dict[str, Any], value: Any) -> str | None:
    return _calendar(MOMENT, datetime.fromisoformat, value)


def _calendar(shape: re.Pattern[str], parse: Callable[[str], object], value: Any) -> str | None:
    if not isinstance(value, str):
        return "wrong_type"
    if not shape.fullmatch(value):
        return "bad_time"
    try:
        parse(value)
    except ValueError:
        return "bad_time"
    return None


def _pick(field: dict[str, Any], value: Any) -> str | None:
    return None if value in [choice["code"] for choice in field["choices"]] else "unknown_choice"


def _picks(field: dict[str, Any], value: Any) -> str | None:
    if not isinstance(value, list):
        return "wrong_type"
    if any(_pick(field, item) for item in value):
        return "unknown_choice"
    return "repeated_choice" if len(set(value)) < len(value) else None


_CHECKS: dict[str, Callable[[dict[str, Any], Any], str | None]] = {
    "line": _line,
    "paragraph": _paragraph,
    "mail": _mail,
    "link": _link,
    "whole": _whole,
    "decimal": _decimal,
    "switch": _switch,
    "day": _day,
    "moment": _moment,
    "pick": _pick,
    "picks": _picks,
}
