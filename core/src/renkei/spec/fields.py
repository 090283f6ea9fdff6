"""Canonical field types, and the shape of a target."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

from pydantic import ConfigDict, model_validator

from renkei.spec.frozen import Answer
from renkei.spec.text import Text


class FieldType(StrEnum):
    """The one vocabulary of types for source and target fields. In brackets: the canonical Python value.

    An absent value has no key at all; `None` and empty values never reach a plugin.
    """

    TEXT = "text"  # one line [str]
    LONG_TEXT = "long_text"  # several lines, `\n` [str]
    HTML = "html"  # [str]
    INTEGER = "integer"  # [int]
    NUMBER = "number"  # exact, never a float [Decimal]
    BOOLEAN = "boolean"  # [bool]
    DATE = "date"  # [datetime.date]
    TIME = "time"  # wall clock, no zone [datetime.time]
    DATETIME = "datetime"  # [aware datetime.datetime]
    CHOICE = "choice"  # one of the field's choices [str]
    CHOICES = "choices"  # several of them [tuple of str]
    USER = "user"  # a user, by the backend's code [str]
    USERS = "users"  # [tuple of str]
    ORGANIZATIONS = "organizations"  # by code [tuple of str]
    GROUPS = "groups"  # by code [tuple of str]
    EMAIL = "email"  # [str]
    EMAILS = "emails"  # [tuple of str]
    PHONE = "phone"  # [str]
    PHONES = "phones"  # [tuple of str]
    URL = "url"  # [str]
    FILES = "files"  # [tuple of FileRef]
    TABLE = "table"  # rows [tuple of mappings, code → canonical value]
    OPAQUE = "opaque"  # something we have no word for: shown, never written

    @property
    def label(self) -> Text:
        """How people call it. Since spec 1.1."""
        return _LABELS[self]


_LABELS: Mapping[FieldType, Text] = MappingProxyType(
    {
        FieldType.TEXT: Text(ja="文字列（1行）", en="text"),
        FieldType.LONG_TEXT: Text(ja="文字列（複数行）", en="long text"),
        FieldType.HTML: Text(ja="HTML", en="HTML"),
        FieldType.INTEGER: Text(ja="整数", en="integer"),
        FieldType.NUMBER: Text(ja="数値", en="number"),
        FieldType.BOOLEAN: Text(ja="はい・いいえ", en="yes or no"),
        FieldType.DATE: Text(ja="日付", en="date"),
        FieldType.TIME: Text(ja="時刻", en="time"),
        FieldType.DATETIME: Text(ja="日時", en="date and time"),
        FieldType.CHOICE: Text(ja="選択（1つ）", en="choice"),
        FieldType.CHOICES: Text(ja="選択（複数）", en="choices"),
        FieldType.USER: Text(ja="ユーザー", en="user"),
        FieldType.USERS: Text(ja="ユーザー（複数）", en="users"),
        FieldType.ORGANIZATIONS: Text(ja="組織", en="organizations"),
        FieldType.GROUPS: Text(ja="グループ", en="groups"),
        FieldType.EMAIL: Text(ja="メールアドレス", en="e-mail address"),
        FieldType.EMAILS: Text(ja="メールアドレス（複数）", en="e-mail addresses"),
        FieldType.PHONE: Text(ja="電話番号", en="phone number"),
        FieldType.PHONES: Text(ja="電話番号（複数）", en="phone numbers"),
        FieldType.URL: Text(ja="URL", en="web address"),
        FieldType.FILES: Text(ja="ファイル", en="files"),
        FieldType.TABLE: Text(ja="テーブル", en="table"),
        FieldType.OPAQUE: Text(ja="そのほか", en="other"),
    }
)


class LengthUnit(StrEnum):
    """What a backend counts when it limits a length."""

    CODE_POINTS = "code_points"
    UTF16 = "utf16"  # an emoji counts 2
    BYTES = "bytes"  # UTF-8

    def measure(self, text: str) -> int:
        """How long *text* is in this unit."""
        match self:
            case LengthUnit.CODE_POINTS:
                return len(text)
            case LengthUnit.UTF16:
                return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
            case LengthUnit.BYTES:
                return len(text.encode("utf-8", "surrogatepass"))


class Choice(Answer):
    """One option of a choice field. *code* is what is sent; *label* is what people see."""

    code: str
    label: str = ""


class Reference(Answer):
    """A field whose value must exist in another target (a lookup).

    Attributes:
        target: the other target's id, or None where the backend does not say.
        visible: False where our credentials cannot see the other target.
    """

    target: str | None
    field: str | None = None
    visible: bool = True


class Field(Answer):
    """One field of a target, as `crm_discover` describes it.

    Attributes:
        code: stable identifier within the target, as sent on the wire.
        label: what people see, unchanged from the backend.
        type: canonical type; `native_type` keeps the backend's own word.
        native_name: how people call the native type, None where its own word says enough. Since spec 1.1.
        required: a record without a value for it is refused, unless `has_default`.
        unique: the backend refuses a second record with the same value.
        writable: False for computed, system and lookup-filled fields; `why_not` then says why.
        max_length, min_length: in `length_unit`, None where not limited.
        minimum, maximum: inclusive, None where not limited.
        digits, decimals: most digits in all, and after the point; None where not limited.
        choices: the options; `choices_open` where others are accepted too.
        precision: the finest unit of a time or date-time that the backend keeps. What is finer is cut off, by the
            plugin or by the backend: the one place where cutting is right, and never a reason to refuse a value.
        fields: of a table, its columns.
    """

    code: str
    label: str
    type: FieldType
    native_type: str
    native_name: Text | None = None
    required: bool = False
    unique: bool = False
    writable: bool = True
    why_not: Text | None = None
    has_default: bool = False
    max_length: int | None = None
    min_length: int | None = None
    length_unit: LengthUnit = LengthUnit.CODE_POINTS
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    digits: int | None = None
    decimals: int | None = None
    choices: tuple[Choice, ...] = ()
    choices_open: bool = False
    precision: Literal["day", "minute", "second", "microsecond"] | None = None
    references: Reference | None = None
    fields: tuple[Field, ...] = ()
    notes: tuple[Text, ...] = ()


class TargetSchema(Answer):
    """What `crm_discover` found: the target's fields, and a fingerprint of them.

    Attributes:
        target: the target's id.
        label: its name, as people see it.
        fields: in any order; codes are unique.
        warnings: what discovery could not learn and an admin should know.
        fingerprint: changes when a field changes, and only then. Left empty, it is computed from the fields
            (order does not count; labels, names, notes and warnings do not count).
    """

    model_config = ConfigDict(revalidate_instances="always")

    target: str
    label: str
    fields: tuple[Field, ...]
    warnings: tuple[Text, ...] = ()
    fingerprint: str = ""

    @model_validator(mode="after")
    def _unique_codes_and_fingerprint(self) -> TargetSchema:
        codes = [field.code for field in self.fields]
        if len(set(codes)) != len(codes):
            twice = sorted({code for code in codes if codes.count(code) > 1})
            raise ValueError(f"field codes must be unique; more than once: {', '.join(twice)}")
        if not self.fingerprint:
            # The model is frozen for everybody else; this is the moment of its making.
            self.__dict__["fingerprint"] = fingerprint_of(self.fields)
        return self

    def field(self, code: str) -> Field | None:
        """The field of that code, or None."""
        for field in self.fields:
            if field.code == code:
                return field
        return None


def fingerprint_of(fields: tuple[Field, ...]) -> str:
    """A digest over everything in *fields* that decides whether a record is accepted and where it lands."""

    def shape(field: Field) -> dict[str, Any]:
        words = {"label", "native_name", "notes", "why_not"}
        data: dict[str, Any] = field.model_dump(mode="json", exclude=words | {"fields", "choices"})
        data["choices"] = sorted(choice.code for choice in field.choices)
        data["fields"] = [shape(inner) for inner in sorted(field.fields, key=lambda item: item.code)]
        return data

    shapes = [shape(field) for field in sorted(fields, key=lambda item: item.code)]
    text = json.dumps(shapes, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
