"""What each field type takes and stores: one function a type, the rules of kintone's API as far as they are known."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal, localcontext
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.form import ENTITY_TYPES, LENGTH_TYPES
from renkei_kintone.simulator.richtext import without_unsafe_parts
from renkei_kintone.simulator.unsure import Unsure
from renkei_kintone.simulator.words import Words

Item = Mapping[str, Any]

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?")
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_ZONE = re.compile(r"Z|([+-])([0-9]{2}):?([0-9]{2})")
_LINKS = {
    "WEB": re.compile(r"(?i:https?|ftp)://\S+"),
    "MAIL": re.compile(r"[^\s@]+@[^\s@]+"),
    "CALL": re.compile(r"[-+0-9()#*., ;A-Za-z]+"),
}
_ROUNDING = {"HALF_EVEN": ROUND_HALF_EVEN, "UP": ROUND_UP, "DOWN": ROUND_DOWN}
_UNIQUE_TEXT = 64


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule that a value breaks.

    Attributes:
        suffix: what follows the field's code in the path.
        bracket: True for a value that cannot be parsed; the path then has the code in brackets.
    """

    suffix: str
    words: Words
    bracket: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all fields of an app: its number precision, and the answers to what is not known."""

    digits: int
    decimals: int
    rounding: str = "HALF_EVEN"
    in_table: bool = False
    unsure: Unsure = field(default_factory=Unsure)


def suffix_of(native: str) -> str:
    """The end of a path for a rule that concerns the whole value."""
    if native in ENTITY_TYPES:
        return ".values.value"
    return ".values" if native in ("CHECK_BOX", "MULTI_SELECT", "FILE") else ".value"


def taken_apart(item: Item, raw: Any, rules: Rules) -> tuple[Any, list[Fault]]:
    """The value as it would be stored (None where empty), and the rules that it breaks."""
    reader = _READERS.get(item["type"])
    if reader is None:
        return None, []
    stored, faults = reader(item, raw, rules)
    empty = stored is None or stored in ("", [])
    if item.get("required") is True and empty and item["type"] != "RADIO_BUTTON":
        faults = [*faults, Fault(suffix_of(item["type"]), words.REQUIRED)]
    return (None if empty else stored), faults


def _text(item: Item, raw: Any, rules: Rules) -> tuple[str, list[Fault]]:
    text = "" if raw is None else str(raw)
    if item["type"] not in LENGTH_TYPES:
        return text, []
    if rules.unsure.line_breaks_in_text == "dropped":
        text = text.replace("\r", "").replace("\n", "")
    return text, _lengths(item, text, rules)


def units_of(text: str) -> int:
    """The length of *text* as kintone counts it: in UTF-16, where an emoji counts two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _lengths(item: Item, text: str, rules: Rules) -> list[Fault]:
    units = units_of(text)
    limits = [int(limit) for limit in (item.get("maxLength"),) if limit]
    if item.get("unique") and item["type"] == "SINGLE_LINE_TEXT":
        limits.append(_UNIQUE_TEXT)
    faults = [Fault(".value", words.too_long(min(limits)))] if limits and units > min(limits) else []
    least = int(item.get("minLength") or 0) if text or rules.unsure.least_length_of_empty else 0
    return faults + ([Fault(".value", words.too_short(least))] if units < least else [])


def _rich_text(item: Item, raw: Any, rules: Rules) -> tuple[str, list[Fault]]:
    return without_unsafe_parts("" if raw is None else str(raw), always=rules.unsure.rich_text_rewritten), []


def _number(item: Item, raw: Any, rules: Rules) -> tuple[str, list[Fault]]:
    text = "" if raw is None else str(raw).strip()
    if rules.unsure.full_width_numbers == "read":
        text = unicodedata.normalize("NFKC", text)
    if not text:
        return "", []
    if not _NUMBER.fullmatch(text):
        # Inside a table kintone drops what is no number, without a word.
        return "", [] if rules.in_table else [Fault(".value", words.NOT_A_NUMBER, bracket=True)]
    number = Decimal(text)
    faults = []
    if item.get("maxValue") and number > Decimal(item["maxValue"]):
        faults.append(Fault(".value", words.above(item["maxValue"])))
    if item.get("minValue") and number < Decimal(item["minValue"]):
        faults.append(Fault(".value", words.below(item["minValue"])))
    rounded = _rounded(number, rules)
    if rounded is None:
        return "", [*faults, Fault(".value", words.TOO_MANY_DIGITS)]
    return rounded, faults


def _rounded(number: Decimal, rules: Rules) -> str | None:
    """The number to the app's decimals; None with too many digits before the point."""
    most = rules.digits - rules.decimals
    if number and number.adjusted() > most:
        return None
    with localcontext(prec=200):
        rounded = number.quantize(Decimal(1).scaleb(-rules.decimals), rounding=_ROUNDING[rules.rounding])
    if rounded and rounded.adjusted() >= most:
        return None
    plain = f"{rounded:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain


def _option(item: Item, raw: Any, rules: Rules) -> tuple[str | None, list[Fault]]:
    if raw is None or raw == "":
        return None, []
    text = str(raw)
    return text, [] if text in item["options"] else [Fault(".value", words.not_an_option(text))]


def _options(item: Item, raw: Any, rules: Rules) -> tuple[list[str], list[Fault]]:
    chosen = [str(name) for name in raw or ()]
    faults = [
        Fault(f".values[{at}].value", words.not_an_option(name))
        for at, name in enumerate(chosen)
        if name not in item["options"]
    ]
    ordered = item["options"] if rules.unsure.choices_in_form_order else dict.fromkeys(chosen)
    # A choice that is no option counts as none: a required field is then called empty as well.
    return [name for name in ordered if name in chosen and name in item["options"]], faults


def _entities(item: Item, raw: Any, rules: Rules) -> tuple[list[dict[str, str]], list[Fault]]:
    return [{"code": str(entity["code"]), "name": str(entity["code"])} for entity in raw or ()], []


def _files(item: Item, raw: Any, rules: Rules) -> tuple[list[dict[str, str]], list[Fault]]:
    return [{"fileKey": str(file["fileKey"])} for file in raw or ()], []


def _date(item: Item, raw: Any, rules: Rules) -> tuple[str | None, list[Fault]]:
    if raw is None or raw == "":
        return None, []
    found = _DATE.fullmatch(str(raw))
    moment = _moment(found) if found else None
    if moment is None:
        return None, [Fault(".value", words.NOT_A_DATE, bracket=True)]
    return moment.strftime("%Y-%m-%d"), []


def _time(item: Item, raw: Any, rules: Rules) -> tuple[str | None, list[Fault]]:
    if raw is None or raw == "":
        return None, []
    found = _TIME.fullmatch(str(raw))
    if found is None or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 59:
        return None, [Fault(".value", words.NOT_A_DATE, bracket=rules.unsure.bracket_paths_of_times)]
    return f"{int(found[1]):02}:{found[2]}", []


def _datetime(item: Item, raw: Any, rules: Rules) -> tuple[str | None, list[Fault]]:
    if raw is None or raw == "":
        return None, []
    moment = _instant(str(raw))
    if moment is None:
        return None, [Fault(".value", words.NOT_A_DATE, bracket=rules.unsure.bracket_paths_of_times)]
    return moment.strftime("%Y-%m-%dT%H:%M:00Z"), []


def _instant(text: str) -> datetime | None:
    day, _, rest = text.partition("T")
    date = _DATE.fullmatch(day)
    zone_at = next((at for at, character in enumerate(rest) if character in "Z+-"), len(rest))
    clock = _TIME.fullmatch(rest[:zone_at]) if rest[:zone_at] else None
    zone = _ZONE.fullmatch(rest[zone_at:]) if rest[zone_at:] else None
    if date is None or (rest[:zone_at] and clock is None) or (rest[zone_at:] and zone is None):
        return None
    moment = _moment(date, clock)
    if moment is None:
        return None
    offset = timedelta()
    if zone is not None and zone[1]:
        offset = timedelta(hours=int(zone[2]), minutes=int(zone[3])) * (1 if zone[1] == "+" else -1)
    if abs(offset) >= timedelta(hours=24):
        return None
    try:
        instant = moment.replace(tzinfo=timezone(offset)).astimezone(UTC)
    except OverflowError:
        return None
    return instant if instant.year >= 1000 else None


def _moment(date: re.Match[str], clock: re.Match[str] | None = None) -> datetime | None:
    hour, minute = (int(clock[1]), int(clock[2])) if clock else (0, 0)
    try:
        moment = datetime(int(date[1]), int(date[2] or 1), int(date[3] or 1), hour, minute, tzinfo=UTC)
    except ValueError:
        return None
    return moment if moment.year >= 1000 else None


def _link(item: Item, raw: Any, rules: Rules) -> tuple[str, list[Fault]]:
    text, faults = _text(item, raw, rules)
    if text and not _LINKS[item["protocol"]].fullmatch(text):
        faults = [Fault(".value", words.BAD_LINK), *faults]
    return text, faults


_Reader = Callable[[Item, Any, Rules], tuple[Any, list[Fault]]]

_READERS: Mapping[str, _Reader] = {
    "SINGLE_LINE_TEXT": _text,
    "MULTI_LINE_TEXT": _text,
    "RICH_TEXT": _rich_text,
    "NUMBER": _number,
    "CHECK_BOX": _options,
    "MULTI_SELECT": _options,
    "RADIO_BUTTON": _option,
    "DROP_DOWN": _option,
    "DATE": _date,
    "TIME": _time,
    "DATETIME": _datetime,
    "CREATED_TIME": _datetime,
    "UPDATED_TIME": _datetime,
    "LINK": _link,
    "USER_SELECT": _entities,
    "ORGANIZATION_SELECT": _entities,
    "GROUP_SELECT": _entities,
    "FILE": _files,
}
