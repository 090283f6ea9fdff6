"""Values for a target's fields, and when what was read back is what was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any, Final

from renkei.spec import Field, FieldType, TargetSchema, Value

_WORDS: Final = (
    "ご返信ありがとうございます",
    "Crème brûlée für Zoë",
    "髙橋﨑 𠮷野家 👩‍🎨",  # four-byte characters, and an emoji of several code points
    "がぎぐ e\u0301",  # combining characters
    "0012",  # leading zeros
    "<b>&amp;</b> \"'(){}[];--",
    "  spaced  within  ".strip(),
)
_SECONDS: Final = {"day": 86_400, "minute": 60, "second": 1}
_TOKYO: Final = timezone(timedelta(hours=9))

# Types whose values must exist at the backend or open a file: only the kit can know some.
UNKNOWABLE: Final = frozenset(
    {FieldType.USER, FieldType.USERS, FieldType.ORGANIZATIONS, FieldType.GROUPS, FieldType.FILES, FieldType.TABLE}
)

SEVERAL: Final = frozenset(
    {
        FieldType.CHOICES,
        FieldType.USERS,
        FieldType.ORGANIZATIONS,
        FieldType.GROUPS,
        FieldType.EMAILS,
        FieldType.PHONES,
    }
)
"""Types whose value is a tuple of texts."""


def settable(schema: TargetSchema, examples: Mapping[str, Sequence[Value]]) -> list[Field]:
    """The writable fields that values can be made for."""
    return [field for field in schema.fields if field.writable and _can_be_made(field, examples)]


def record(
    schema: TargetSchema, examples: Mapping[str, Sequence[Value]], number: int, *, only_required: bool = False
) -> dict[str, Value]:
    """Values for the fields of *schema*; another *number* gives other values, the same one the same."""
    return {
        field.code: sample(field, examples, number)
        for field in settable(schema, examples)
        if not only_required or (field.required and not field.has_default)
    }


def sample(field: Field, examples: Mapping[str, Sequence[Value]], number: int) -> Value:
    """One good value for *field*."""
    given = examples.get(field.code)
    if given:
        return given[number % len(given)]
    return _MAKERS[field.type](field, number)


def same(field: Field, sent: Any, read: Any) -> bool:
    """Whether *read* is what was *sent*, under the rule of the field's type.

    Exactly equal, but: a number by its value; a time, date-time by the field's `precision`, what is finer being cut
    off; several choices, users or groups as a set; every line break of a long text as one; HTML by its text, because a
    backend may clean its tags; files by their names.
    """
    match field.type:
        case FieldType.NUMBER | FieldType.INTEGER:
            return _is_number(sent) and _is_number(read) and Decimal(sent) == Decimal(read)
        case FieldType.DATETIME:
            return _is_instant(sent) and _is_instant(read) and _cut(sent, field) == _cut(read, field)
        case FieldType.TIME:
            return (
                isinstance(sent, time) and isinstance(read, time) and _cut_time(sent, field) == _cut_time(read, field)
            )
        case FieldType.CHOICES | FieldType.USERS | FieldType.ORGANIZATIONS | FieldType.GROUPS:
            both = isinstance(sent, tuple) and isinstance(read, tuple)
            return both and len(set(read)) == len(read) and set(sent) == set(read)
        case FieldType.HTML:
            return isinstance(sent, str) and isinstance(read, str) and text_of(sent) == text_of(read)
        case FieldType.FILES if isinstance(sent, tuple):  # what is in them is for the checks of files
            return isinstance(read, tuple) and [one.name for one in sent] == [name for name, _content in read]
        case FieldType.LONG_TEXT:
            return isinstance(sent, str) and isinstance(read, str) and _lines(sent) == _lines(read)
        case _:
            return type(sent) is type(read) and bool(sent == read)


def text_of(html: str) -> str:
    """What a person reads of *html*, white space folded."""
    reader = _TextOfHtml()
    reader.feed(html)
    reader.close()
    return " ".join("".join(reader.found).split())


def differences(schema: TargetSchema, sent: Mapping[str, Any], read: Mapping[str, Any]) -> list[str]:
    """The fields in *sent* that were not read back equal: codes, and the kinds of both values where they differ."""
    wrong = []
    for code, value in sent.items():
        field = schema.field(code)
        if field is None or code not in read:
            wrong.append(code)
        elif not same(field, value, read[code]):
            kinds = type(value).__name__, type(read[code]).__name__
            wrong.append(code if kinds[0] == kinds[1] else f"{code} (sent {kinds[0]}, read {kinds[1]})")
    return wrong


def long_text_field(schema: TargetSchema, key_field: str) -> Field | None:
    """The writable text field that holds most, apart from the key field: for bodies of many bytes."""
    texts = [
        field
        for field in schema.fields
        if field.type in (FieldType.LONG_TEXT, FieldType.TEXT) and field.writable and field.code != key_field
    ]
    return max(texts, key=lambda field: field.max_length or 10**9, default=None)


def text_fields(schema: TargetSchema, key_field: str) -> list[Field]:
    """Writable plain text fields apart from the key field."""
    return [
        field
        for field in schema.fields
        if field.type in (FieldType.LONG_TEXT, FieldType.TEXT) and field.writable and field.code != key_field
    ]


class _TextOfHtml(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._unseen += tag in ("script", "style")
        self.found.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in ("script", "style") and self._unseen > 0
        self.found.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.found.append(data)


def _can_be_made(field: Field, examples: Mapping[str, Sequence[Value]]) -> bool:
    if field.code in examples:
        return bool(examples[field.code])
    if field.type in UNKNOWABLE or field.type is FieldType.OPAQUE or field.references is not None:
        return False
    return not (field.type in (FieldType.CHOICE, FieldType.CHOICES) and not field.choices)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _is_instant(value: Any) -> bool:
    return isinstance(value, datetime) and value.utcoffset() is not None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _cut(moment: datetime, field: Field) -> datetime:
    unit = timedelta(seconds=_SECONDS.get(field.precision or "", 0))
    try:
        instant = moment.astimezone(UTC)
    except OverflowError:  # the first or last day of the calendar, in another zone
        return moment
    if not unit:
        return instant
    start = datetime(1, 1, 1, tzinfo=UTC)
    return instant - (instant - start) % unit


def _cut_time(value: time, field: Field) -> time:
    match field.precision:
        case "minute":
            return value.replace(second=0, microsecond=0)
        case "second":
            return value.replace(microsecond=0)
        case _:
            return value


def _text(field: Field, number: int) -> str:
    text = f"{_WORDS[number % len(_WORDS)]} {number}"
    return fitted(field, text)


def fitted(field: Field, text: str) -> str:
    """*text* made to fit the field's lengths, from its end where it is too long."""
    measure = field.length_unit.measure
    while field.max_length is not None and measure(text) > field.max_length:
        text = text[1:]
    while field.min_length is not None and measure(text) < field.min_length:
        text += "。"
    return text


def _long_text(field: Field, number: int) -> str:
    return fitted(field, f"{_WORDS[number % len(_WORDS)]}\n\n- {number}\n\tend")


def _number(field: Field, number: int) -> Decimal:
    decimals = 2 if field.decimals is None else min(field.decimals, 2)
    value = Decimal(number % 90 + 1) + Decimal(number % 10**decimals).scaleb(-decimals)
    return _within(field, value)


def _within(field: Field, value: Decimal) -> Decimal:
    if field.minimum is not None:
        value = max(value, field.minimum)
    if field.maximum is not None:
        value = min(value, field.maximum)
    return value


def _integer(field: Field, number: int) -> int:
    return int(_within(field, Decimal(number % 90 + 1)))


def _day(_field: Field, number: int) -> date:
    return date(2026, 1, 1) + timedelta(days=number % 360)


def _moment(_field: Field, number: int) -> datetime:
    # Not at UTC, and past midnight there: a zone that is dropped changes the day.
    return datetime(2026, 1, 1, 3, 4, 5, tzinfo=_TOKYO) + timedelta(minutes=number * 61)


def _time(_field: Field, number: int) -> time:
    return time(number % 24, number * 7 % 60)


def _choice(field: Field, number: int) -> str:
    return field.choices[number % len(field.choices)].code


def _choices(field: Field, number: int) -> tuple[str, ...]:
    codes = [choice.code for choice in field.choices]
    return tuple(dict.fromkeys((codes[number % len(codes)], codes[-1])))


_MAKERS: Final[Mapping[FieldType, Callable[[Field, int], Value]]] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _long_text,
    FieldType.HTML: lambda _field, number: f"<p><b>件名 {number}</b></p><p>a &amp; b</p>",
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: lambda _field, number: number % 2 == 0,
    FieldType.DATE: _day,
    FieldType.TIME: _time,
    FieldType.DATETIME: _moment,
    FieldType.CHOICE: _choice,
    FieldType.CHOICES: _choices,
    FieldType.EMAIL: lambda _field, number: f"customer+{number}@mail.example",
    FieldType.EMAILS: lambda _field, number: (f"a{number}@mail.example", f"b{number}@mail.example"),
    FieldType.PHONE: lambda _field, number: f"03-0000-{number % 10_000:04}",
    FieldType.PHONES: lambda _field, number: (f"03-0000-{number % 10_000:04}",),
    FieldType.URL: lambda _field, number: f"https://desk.example/tickets/{number}?a=1&b=2#x",
}
