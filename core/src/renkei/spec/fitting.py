"""What is wrong with values before a plugin turns them into anything: the limits that a schema declares.

Core holds every rendered value against its field before it asks `crm_map`. A plugin does it again, because its
`crm_map` has to be right by itself; with `problems` that is one call, and only what no `Field` can say is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from renkei.spec.fields import Field, FieldType, LengthUnit
from renkei.spec.requests import MapRequest
from renkei.spec.text import Problem, Text
from renkei.spec.values import FileRef

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_LINES: Final = frozenset({FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL})
_TEXTS: Final = _LINES | {FieldType.LONG_TEXT, FieldType.HTML}
_STRINGS: Final = _TEXTS | {FieldType.CHOICE, FieldType.USER}
_LISTS: Final = frozenset(
    {
        FieldType.CHOICES,
        FieldType.USERS,
        FieldType.ORGANIZATIONS,
        FieldType.GROUPS,
        FieldType.EMAILS,
        FieldType.PHONES,
    }
)
_UNITS: Final = {
    LengthUnit.CODE_POINTS: ("文字", "characters"),
    LengthUnit.UTF16: ("文字（絵文字などは2文字以上）", "UTF-16 units (an emoji counts 2 or more)"),
    LengthUnit.BYTES: ("バイト", "bytes"),
}


class _Misfit(Exception):
    """A value that its field cannot hold."""

    def __init__(self, code: str, *, ja: str, en: str) -> None:
        self.code = code
        self.text = Text(ja=ja, en=en)
        super().__init__(code)


def problems(request: MapRequest, types: Collection[FieldType] | None = None) -> list[Problem]:
    """Everything that is wrong with the values of *request*, as far as its schema tells; empty where nothing is.

    That is: a value for a field that is not there or not writable, of the wrong Python type, empty, too long or too
    short, out of range, with too many digits or decimals, not among the choices, chosen twice, with a line break in one
    line, with NUL or half of a surrogate pair; and no value for a required field without a default. Formats (what is
    an e-mail address?) and what values mean together are the plugin's own.

    Args:
        request: as `crm_map` gets it.
        types: what the plugin writes; a value for a field of another type is a problem. None: any but opaque.
    """
    schema = request.target_schema
    found = [
        _problem(field.code, _missing())
        for field in schema.fields
        if field.required and field.writable and not field.has_default and field.code not in request.values
    ]
    for code, value in request.values.items():
        field = schema.field(code)
        problem = misfit(code, field, value)
        if problem is None and types is not None and field is not None and field.type not in types:
            problem = _problem(code, _unsupported(field))
        if problem is not None:
            found.append(problem)
    return found


def misfit(code: str, field: Field | None, value: object) -> Problem | None:
    """What is wrong with *value* for *field*, whose code is *code*; None where nothing is."""
    try:
        _check(field, value)
    except _Misfit as wrong:
        return _problem(code, wrong)
    return None


def _problem(code: str, wrong: _Misfit) -> Problem:
    return Problem(field=code, code=wrong.code, message=wrong.text)


def _check(field: Field | None, value: object) -> None:
    if field is None:
        raise _Misfit(
            "unknown_field",
            ja="連携先にこの項目がありません。項目を読み込み直して、マッピングを直してください。",
            en="The target has no such field; read its fields again and correct the mapping.",
        )
    if not field.writable or field.type is FieldType.OPAQUE:
        raise _Misfit(
            "not_writable",
            ja="書き込めない項目です。マッピングから外してください。",
            en="This field cannot be written; take it out of the mapping.",
        )
    if not is_canonical(field.type, value):
        raise _Misfit(
            "wrong_type",
            ja=f"値の種類が項目の型（{field.type.label.ja}）に合いません。マッピングを直してください。",
            en=f"The value is of another kind than a field of type {field.type.label.en!r} takes; correct the mapping.",
        )
    if value in ("", ()):
        raise _Misfit(
            "empty", ja="値が空です。空の項目は送らないでください。", en="The value is empty; leave the field out."
        )
    limits = _LIMITS.get(field.type)
    if limits is not None:
        limits(field, value)


def is_canonical(kind: FieldType, value: object) -> bool:
    """Whether *value* is of the Python type that `FieldType` names for *kind*."""
    if kind in _STRINGS:
        return isinstance(value, str)
    if kind in _LISTS:
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    match kind:
        case FieldType.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case FieldType.NUMBER:
            return isinstance(value, Decimal) and value.is_finite()
        case FieldType.BOOLEAN:
            return isinstance(value, bool)
        case FieldType.DATE:
            return isinstance(value, date) and not isinstance(value, datetime)
        case FieldType.TIME:
            return isinstance(value, time) and value.tzinfo is None
        case FieldType.DATETIME:
            return isinstance(value, datetime) and value.utcoffset() is not None
        case FieldType.FILES:
            return isinstance(value, tuple) and all(isinstance(item, FileRef) for item in value)
        case FieldType.TABLE:
            return isinstance(value, tuple) and all(isinstance(item, Mapping) for item in value)
        case _:
            return False


def _text(field: Field, value: Any) -> None:
    if _UNSTORABLE.search(value):
        raise _Misfit(
            "bad_character",
            ja="送信できない文字（NUL文字や壊れた文字）が含まれています。取り除いてから再送してください。",
            en="The text holds a character that cannot be sent (NUL or half of a surrogate pair); remove it, then "
            "replay.",
        )
    if field.type in _LINES and ("\n" in value or "\r" in value):
        raise _Misfit(
            "line_break",
            ja="1行の項目に改行は入れられません。改行を取り除くか、複数行の項目にマッピングしてください。",
            en="A field of one line takes no line break; remove it, or map to a field of several lines.",
        )
    length = field.length_unit.measure(value)
    ja, en = _UNITS[field.length_unit]
    if field.max_length is not None and length > field.max_length:
        raise _Misfit(
            "too_long",
            ja=f"長すぎます。上限は{field.max_length:,}{ja}です。切り詰める設定にするか、連携先の上限を広げてください。",
            en=f"Too long: at most {field.max_length:,} {en}. Let the rule cut it, or widen the field.",
        )
    if field.min_length is not None and length < field.min_length:
        raise _Misfit(
            "too_short",
            ja=f"短すぎます。{field.min_length:,}{ja}以上が必要です。",
            en=f"Too short: at least {field.min_length:,} {en} are needed.",
        )


def _number(field: Field, value: Any) -> None:
    number = Decimal(value)
    low, high = field.minimum, field.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise _out_of_range()
    whole, decimals = digits_of(number)
    if field.decimals is not None and decimals > field.decimals:
        raise _Misfit(
            "too_many_decimals",
            ja=f"小数点以下は{field.decimals}桁までです。値は丸めません。",
            en=f"At most {field.decimals} decimals fit, and values are not rounded.",
        )
    if field.digits is not None and whole + decimals > field.digits:
        raise _out_of_range()


def digits_of(number: Decimal) -> tuple[int, int]:
    """How many digits *number* has before and after the point, written without superfluous zeros.

    Counted on the digits themselves: `Decimal.normalize` would round what is longer than its context, and writing
    `1E+1000000` out would fill a book.
    """
    _sign, digits, exponent = number.as_tuple()
    if not number or not isinstance(exponent, int):
        return 0, 0
    significant = "".join(map(str, digits)).rstrip("0")
    exponent += len(digits) - len(significant)
    return max(len(significant) + exponent, 0), max(-exponent, 0)


def _out_of_range() -> _Misfit:
    return _Misfit(
        "out_of_range",
        ja="項目で決められた範囲（最小値・最大値・桁数）の外です。",
        en="Outside of the range that the field allows (least, greatest, digits).",
    )


def _choice(field: Field, value: Any) -> None:
    chosen = value if isinstance(value, tuple) else (value,)
    known = {choice.code for choice in field.choices}
    if not field.choices_open and not known.issuperset(chosen):
        raise _Misfit(
            "unknown_choice",
            ja="連携先の選択肢にない値です。マッピングの対応表に追加するか、連携先に選択肢を追加してください。",
            en="Not among the field's choices; add it to the mapping's value table, or the choice to the field.",
        )
    if len(set(chosen)) < len(chosen):
        raise _Misfit(
            "repeated_choice",
            ja="同じ選択肢が二度選ばれています。マッピングを直してください。",
            en="One choice is there twice; correct the mapping.",
        )


def _unsupported(field: Field) -> _Misfit:
    return _Misfit(
        "unsupported_type",
        ja="このプラグインが書き込めない種類の項目です。マッピングから外してください。",
        en=f"This plugin does not write fields of type {field.type.label.en!r}; take it out of the mapping.",
    )


def _missing() -> _Misfit:
    return _Misfit(
        "required",
        ja="必須の項目ですが、値がありません。マッピングに項目か固定値を設定してください。",
        en="The field is required, and there is no value for it; map a source field or a constant to it.",
    )


_LIMITS: Final[Mapping[FieldType, Callable[[Field, Any], None]]] = {
    **dict.fromkeys(_TEXTS, _text),
    FieldType.INTEGER: _number,
    FieldType.NUMBER: _number,
    FieldType.CHOICE: _choice,
    FieldType.CHOICES: _choice,
}
