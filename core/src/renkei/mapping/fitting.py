"""Whether a canonical value keeps the limits of its field, and cutting what is too long."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from renkei.mapping.characters import cut
from renkei.mapping.markup import cut_html
from renkei.mapping.rules import Rule
from renkei.mapping.unfit import Unfit
from renkei.spec import Field, FieldType, LengthUnit, digits_of

Notes = list[Unfit]
Fit = Callable[[Any, Notes], Any]

_TEXTS = (FieldType.TEXT, FieldType.LONG_TEXT, FieldType.HTML)
_LINES = (*_TEXTS, FieldType.URL, FieldType.EMAIL, FieldType.PHONE)
_NUMBERS = (FieldType.INTEGER, FieldType.NUMBER)
_UNITS = {
    LengthUnit.CODE_POINTS: ("文字", "characters"),
    LengthUnit.UTF16: ("文字(UTF-16)", "UTF-16 units"),
    LengthUnit.BYTES: ("バイト", "bytes"),
}


def fitter(rule: Rule, field: Field) -> Fit | None:
    """What holds values to the limits of *field*, or None where it has none.

    The function returns the value, cut where the rule allows it (with a note), or raises `Unfit`.
    """
    if field.type in _LINES and (field.max_length is not None or field.min_length is not None):
        return _text_fitter(rule, field)
    limits = (field.minimum, field.maximum, field.digits, field.decimals)
    if field.type in _NUMBERS and any(limit is not None for limit in limits):
        return lambda value, _notes: _within(value, field)
    return None


def _text_fitter(rule: Rule, field: Field) -> Fit:
    longest, shortest, unit = field.max_length, field.min_length or 0, field.length_unit
    cutting = rule.too_long == "cut" and field.type in _TEXTS

    def fit(value: str, notes: Notes) -> str:
        # Four bytes a character at most: most texts are known to fit without being measured.
        if longest is not None and len(value) * 4 > longest:
            size = unit.measure(value)
            if size > longest:
                value = _cut(value, rule, field) if cutting else ""
                if not value:
                    raise _too_long(longest, unit)
                notes.append(_was_cut(size, longest, unit))
        if shortest and unit.measure(value) < shortest:
            raise Unfit(
                "too_short",
                ja=f"{shortest}{_UNITS[unit][0]}以上が必要です。",
                en=f"at least {shortest} {_UNITS[unit][1]} are needed.",
            )
        return value

    return fit


def _cut(value: str, rule: Rule, field: Field) -> str:
    longest = field.max_length or 0
    if field.type is FieldType.HTML:
        return cut_html(value, longest, field.length_unit, rule.marker)
    return cut(value, longest, field.length_unit, rule.marker)


def _too_long(longest: int, unit: LengthUnit) -> Unfit:
    ja, en = _UNITS[unit]
    return Unfit(
        "too_long",
        ja=f"連携先の上限({longest}{ja})を超えています。長い値を切り詰める設定にするか、連携先の上限を広げてください。",
        en=f"it is longer than the {longest} {en} that fit. Let the rule cut it, or widen the field.",
    )


def _was_cut(size: int, longest: int, unit: LengthUnit) -> Unfit:
    ja, en = _UNITS[unit]
    return Unfit(
        "cut",
        ja=f"{size}{ja}の値を、上限の{longest}{ja}に合わせて切り詰めました。",
        en=f"a value of {size} {en} was cut to fit {longest}.",
    )


def _within(value: int | Decimal, field: Field) -> int | Decimal:
    number = Decimal(value)
    if field.minimum is not None and number < field.minimum:
        raise _out_of_range(f"{field.minimum:f}以上", f"at least {field.minimum:f}")
    if field.maximum is not None and number > field.maximum:
        raise _out_of_range(f"{field.maximum:f}以下", f"at most {field.maximum:f}")
    whole, decimals = digits_of(number)
    if field.decimals is not None and decimals > field.decimals:
        raise Unfit(
            "too_many_decimals",
            ja=f"小数点以下は{field.decimals}桁までです。値は丸めません。連携先の桁数を増やしてください。",
            en=f"at most {field.decimals} decimals fit, and values are not rounded. Widen the field.",
        )
    if field.digits is not None and whole + decimals > field.digits:
        raise _out_of_range(f"{field.digits}桁以内", f"at most {field.digits} digits")
    return value


def _out_of_range(ja: str, en: str) -> Unfit:
    return Unfit("out_of_range", ja=f"連携先に入るのは{ja}の値だけです。", en=f"the field takes {en} only.")
