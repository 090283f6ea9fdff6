"""Discovery: kintone's form fields as canonical fields. One request that an add-only token may make.

Where the settings say that the token may view records, a second one asks for the precision of numbers, which is in the
app's settings. Which permission that call needs is documented by kind only (viewing), so it is not made otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from renkei.spec import (
    Choice,
    Context,
    DiscoverRequest,
    Field,
    FieldType,
    LengthUnit,
    Reference,
    TargetSchema,
    Text,
    Unavailable,
)
from renkei_kintone.account import NOT_ALLOWED
from renkei_kintone.field_types import (
    CALCULATED,
    CALCULATIONS,
    ENTITIES,
    FILLED_BY_LOOKUP,
    LINKS,
    NAMES,
    NEVER_REQUIRED,
    NOT_WRITTEN,
    TYPES,
    UNKNOWN_TYPE,
)
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.wire import Refusal, checked_app_id, error_for_read, get, read

Properties = Mapping[str, Any]

UNIQUE_TEXT_LENGTH = 64
"""A text that must be unique holds no more, whatever its own setting says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """What the app keeps of every number.

    Attributes:
        digits: in all, of which *decimals* are kept free for those after the point.
        decimals: after the point; kintone rounds what is finer.
        note: where they are not the app's own figures, why.
    """

    digits: int
    decimals: int
    note: Text | None = None


ASSUMED = Precision(
    digits=16,
    decimals=4,
    note=Text(
        ja="桁数はkintoneの初期設定（全体16桁、小数部4桁）とみなしています。アプリの設定が違う場合、小数部はkintoneの設定で"
        "丸められます。APIトークンで「レコード閲覧」にもチェックを入れ、接続の設定で「APIトークンで閲覧もできる」を「はい」にすると、"
        "アプリの設定を読み取ります。",
        en="kintone's default precision is assumed: 16 digits in all, 4 of them decimals. An app set to fewer decimals "
        "rounds. With a token that may view records, and a connection that says so, the app's own setting is read.",
    ),
)
"""kintone's defaults, where the app's own figures were not asked for."""

_REFUSED_PRECISION = Precision(
    digits=ASSUMED.digits,
    decimals=ASSUMED.decimals,
    note=Text(
        ja="アプリの設定を読み取る権限がないため、桁数はkintoneの初期設定（全体16桁、小数部4桁）とみなしています。",
        en="The token may not read the app's settings, so kintone's default precision is assumed: 16 digits in all, 4 "
        "of them decimals.",
    ),
)
_DIGITS, _DECIMALS = range(1, 31), range(11)
_FIGURE = re.compile(r"[0-9]{1,18}")

_MINUTE_NOTE = Text(
    ja="kintoneは日時と時刻を分単位で保存します。秒は切り捨てられます。",
    en="kintone keeps times to the minute; seconds are cut off.",
)
_LENGTH_NOTE = Text(
    ja="最小文字数が設定されているため、空のままでは登録できません。",
    en="The field has a minimum length, so kintone refuses a record that leaves it empty.",
)
_LOOKUP_NOTE = Text(
    ja="ルックアップに書き込むには、参照先のアプリの「レコード閲覧」付きAPIトークンも必要です。参照先にない値は登録できません。"
    "文字数の上限は分かりません。",
    en="Writing to a lookup also takes a token of the referenced app with 'View records', and the value has to be "
    "there. kintone does not tell how long it may be.",
)


async def discover(ctx: Context[KintoneSettings], request: DiscoverRequest) -> TargetSchema:
    """Ask for the live form's fields, and for the precision of numbers where the token may read it.

    The answer does not hold the app's name, and one request is enough for what must be known, so the schema is
    labelled by the app's number; `Account.targets` has the name.
    """
    app = checked_app_id(request.target)
    answer = await read(ctx, "app/form/fields", {"app": app})
    properties = answer.get("properties")
    if not isinstance(properties, dict) or not all(isinstance(item, dict) for item in properties.values()):
        raise Unavailable("unexpected_answer", "kintone's app/form/fields.json holds no 'properties' to read")
    numbers = any(item.get("type") == "NUMBER" for item in _with_columns(properties.values()))
    return schema_of(app, properties, await _precision(ctx, app) if numbers and ctx.settings.may_view else ASSUMED)


async def _precision(ctx: Context[KintoneSettings], app: str) -> Precision:
    """The app's own figures, or kintone's defaults where kintone itself says that the token may not read them."""
    answer = await get(ctx, "app/settings", {"app": app})
    if isinstance(answer, Refusal):
        if answer.code in NOT_ALLOWED:
            return _REFUSED_PRECISION
        raise error_for_read(answer)
    told = answer.data.get("numberPrecision")
    digits = _integer(told.get("digits")) if isinstance(told, dict) else None
    decimals = _integer(told.get("decimalPlaces")) if isinstance(told, dict) else None
    if digits not in _DIGITS or decimals not in _DECIMALS or decimals is None or digits is None:
        raise Unavailable("unexpected_answer", "kintone's app/settings.json holds no 'numberPrecision' to read")
    return Precision(digits=digits, decimals=decimals)


def schema_of(app: str, properties: Properties, precision: Precision = ASSUMED) -> TargetSchema:
    """The schema that `properties`, as kintone gives them, describe."""
    filled = _filled_by_lookups(properties.values())
    hidden = [item for item in _with_columns(properties.values()) if not isinstance(item.get("lookup", {}), dict)]
    return TargetSchema(
        target=app,
        label=f"app {app}",
        fields=tuple(_field(code, item, filled, precision) for code, item in properties.items()),
        warnings=tuple(_hidden_lookup(str(item.get("label") or item.get("code") or "")) for item in hidden),
    )


def _with_columns(items: Iterable[Properties]) -> Iterator[Properties]:
    """The fields of a form, and the columns of its tables."""
    for item in items:
        yield item
        columns = item.get("fields")
        if isinstance(columns, dict):
            yield from (column for column in columns.values() if isinstance(column, dict))


def _hidden_lookup(name: str) -> Text:
    return Text(
        ja=f"ルックアップ「{name}」の設定を見る権限がないため、どのフィールドがルックアップで上書きされるか分かりません。"
        "参照先のアプリの「レコード閲覧」付きAPIトークンを、接続の設定の「参照先アプリのAPIトークン」に追加してください。"
        "ルックアップに書き込むときにも必要です。",
        en=f"The settings of the lookup {name!r} are hidden from this token, so any field may be overwritten by it. "
        "Add a token of the referenced app with 'View records' to the connection, under 'API tokens of referenced "
        "apps'; writing to the lookup takes it, too.",
    )


def _filled_by_lookups(items: Iterable[Properties]) -> frozenset[str]:
    filled: set[str] = set()
    for item in items:
        lookup = item.get("lookup")
        mappings = lookup.get("fieldMappings") if isinstance(lookup, dict) else None
        named = mappings if isinstance(mappings, list) else []
        filled.update(str(mapping.get("field")) for mapping in named if isinstance(mapping, dict))
    return frozenset(filled)


def _field(code: str, item: Properties, filled: frozenset[str], precision: Precision) -> Field:
    native = str(item.get("type", ""))
    why_not = _why_not(code, native, item, filled)
    unique = item.get("unique") is True
    minimum_length = _integer(item.get("minLength"))
    has_default = item.get("defaultNowValue") is True or item.get("defaultValue") not in (None, "", [])
    # A later observation of real kintone says that an omitted value is too short as well; an older one did not.
    too_short_if_empty = bool(minimum_length) and not has_default
    number = native == "NUMBER"
    return Field(
        code=code,
        label=str(item.get("label") or code),
        type=_type(native, item),
        native_type=native,
        native_name=NAMES.get(native),
        required=(item.get("required") is True or too_short_if_empty) and native not in NEVER_REQUIRED,
        unique=unique,
        writable=why_not is None,
        why_not=why_not,
        has_default=has_default,
        max_length=_longest(native, unique, _integer(item.get("maxLength"))),
        min_length=minimum_length or None,
        length_unit=LengthUnit.UTF16,
        minimum=_decimal(item.get("minValue")),
        maximum=_decimal(item.get("maxValue")),
        digits=precision.digits if number else None,
        decimals=precision.decimals if number else None,
        choices=_entities(native, item) if native in ENTITIES else _choices(item.get("options")),
        choices_open=native in ENTITIES,
        precision=_PRECISION.get(native),
        references=_reference(item),
        fields=_columns(item, precision),
        notes=tuple(
            note
            for note, said in (
                (precision.note, number),
                (_MINUTE_NOTE, native in ("TIME", "DATETIME")),
                (_LENGTH_NOTE, too_short_if_empty),
                (_LOOKUP_NOTE, "lookup" in item),
            )
            if said and note is not None
        ),
    )


_PRECISION: Mapping[str, Any] = {
    "DATE": "day",
    "TIME": "minute",
    "DATETIME": "minute",
    "CREATED_TIME": "minute",
    "UPDATED_TIME": "minute",
}


def _type(native: str, item: Properties) -> FieldType:
    if native == "LINK":
        return LINKS.get(str(item.get("protocol")), FieldType.TEXT)
    if native == "CALC":
        return CALCULATIONS.get(str(item.get("format")), FieldType.TEXT)
    return TYPES.get(native, FieldType.OPAQUE)


def _why_not(code: str, native: str, item: Properties, filled: frozenset[str]) -> Text | None:
    if native in NOT_WRITTEN:
        return NOT_WRITTEN[native]
    if native not in TYPES and (native != "LINK" or str(item.get("protocol")) not in LINKS):
        return UNKNOWN_TYPE
    if item.get("expression"):
        return CALCULATED
    return FILLED_BY_LOOKUP if code in filled else None


def _longest(native: str, unique: bool, length: int | None) -> int | None:
    if unique and native == "SINGLE_LINE_TEXT":
        return min(length or UNIQUE_TEXT_LENGTH, UNIQUE_TEXT_LENGTH)
    return length


def _choices(options: Any) -> tuple[Choice, ...]:
    """In the form's order. The key is what is sent; the label may differ from it in another language."""
    if not isinstance(options, dict):
        return ()
    named = [(code, option) for code, option in options.items() if isinstance(option, dict)]
    named.sort(key=lambda pair: _integer(pair[1].get("index")) or 0)
    return tuple(Choice(code=code, label=str(option.get("label") or code)) for code, option in named)


def _entities(native: str, item: Properties) -> tuple[Choice, ...]:
    """Those whom the form offers for a choice. It offers them on the screen alone: the API takes all others, too.

    Where it offers the members of an organization or group, who they are is not told.
    """
    offered = item.get("entities")
    named = [one for one in offered if isinstance(one, dict)] if isinstance(offered, list) else []
    codes = [str(one["code"]) for one in named if one.get("type") == ENTITIES[native] and one.get("code")]
    return tuple(Choice(code=code, label=code) for code in dict.fromkeys(codes))


def _reference(item: Properties) -> Reference | None:
    """A `lookup` key makes a lookup, even where it is null because the other app is hidden."""
    if "lookup" not in item:
        return None
    lookup = item["lookup"]
    if not isinstance(lookup, dict):
        return Reference(target=None, visible=False)
    related = lookup.get("relatedApp")
    app = related.get("app") if isinstance(related, dict) else None
    key = lookup.get("relatedKeyField")
    return Reference(target=str(app) if app else None, field=str(key) if key else None)


def _columns(item: Properties, precision: Precision) -> tuple[Field, ...]:
    columns = item.get("fields")
    if not isinstance(columns, dict):
        return ()
    inner = {code: column for code, column in columns.items() if isinstance(column, dict)}
    filled = _filled_by_lookups(inner.values())
    return tuple(_field(code, column, filled, precision) for code, column in inner.items())


def _integer(text: Any) -> int | None:
    """Settings come as strings, empty where unset. A number longer than any of kintone's limits nothing."""
    written = str(text) if isinstance(text, (str, int)) else ""
    return int(written) if _FIGURE.fullmatch(written) else None


def _decimal(text: Any) -> Decimal | None:
    try:
        number = Decimal(text) if isinstance(text, str) and text else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None
