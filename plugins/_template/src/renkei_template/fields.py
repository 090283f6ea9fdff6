"""Atelier's field types and their canonical counterparts: what `crm_discover` says of a table.

A type that is not in the table below becomes `opaque`: shown to the admin, never written, never a crash. Labels go
through unchanged, and the backend's own word stays in `native_type`.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from renkei.spec import Choice, Field, FieldType, LengthUnit, Text

CANONICAL = {
    "line": FieldType.TEXT,
    "paragraph": FieldType.LONG_TEXT,
    "whole": FieldType.INTEGER,
    "decimal": FieldType.NUMBER,
    "switch": FieldType.BOOLEAN,
    "day": FieldType.DATE,
    "moment": FieldType.DATETIME,
    "pick": FieldType.CHOICE,
    "picks": FieldType.CHOICES,
    "mail": FieldType.EMAIL,
    "link": FieldType.URL,
}

_SYSTEM = Text(ja="Atelierが自動で入力するフィールドです。", en="Atelier fills this field by itself.")
_NO_WORD_FOR_IT = Text(
    ja="このプラグインが対応していない種類のフィールドです。", en="This plugin does not know fields of this type."
)


class NativeChoice(BaseModel):
    """A choice as Atelier describes it."""

    model_config = ConfigDict(strict=True, frozen=True)

    code: str
    label: str = ""


class NativeField(BaseModel):
    """A field as Atelier describes it. What else it may say in later versions is not read."""

    model_config = ConfigDict(strict=True, frozen=True)

    code: str
    label: str
    type: str
    required: bool = False
    system: bool = False
    has_default: bool = False
    max_length: int | None = None
    min_length: int | None = None
    minimum: str | None = None
    maximum: str | None = None
    digits: int | None = None
    decimals: int | None = None
    choices: list[NativeChoice] = []


def canonical(native: NativeField) -> Field:
    """*native* in canonical words.

    Raises:
        ArithmeticError: a bound that is not a number.
    """
    kind = CANONICAL.get(native.type, FieldType.OPAQUE)
    opaque = kind is FieldType.OPAQUE
    return Field(
        code=native.code,
        label=native.label,
        type=kind,
        native_type=native.type,
        required=native.required,
        unique=False,  # Atelier enforces no uniqueness
        writable=not (native.system or opaque),
        why_not=_SYSTEM if native.system else _NO_WORD_FOR_IT if opaque else None,
        has_default=native.has_default,
        max_length=native.max_length,
        min_length=native.min_length,
        length_unit=LengthUnit.CODE_POINTS,  # an emoji of one code point counts 1
        minimum=None if native.minimum is None else Decimal(native.minimum),
        maximum=None if native.maximum is None else Decimal(native.maximum),
        digits=native.digits,
        decimals=native.decimals,
        choices=tuple(Choice(code=choice.code, label=choice.label) for choice in native.choices),
        precision="microsecond" if kind is FieldType.DATETIME else None,
    )
