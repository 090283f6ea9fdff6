"""From canonical values of a source type to canonical values of a target type: which pairs there are, and how."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any

from renkei.mapping.characters import lines, one_line, text_to_html
from renkei.mapping.counterpart import (
    CHOICE_TYPES,
    Counterparts,
    NoCounterpart,
    replaced_choice,
    skipped_choice,
    unknown_choice,
)
from renkei.mapping.fitting import Notes
from renkei.mapping.markup import TooHeavy, clean_html, html_to_text
from renkei.mapping.reading import checked, plain_number, read
from renkei.mapping.rules import Rule
from renkei.mapping.source import SourceField
from renkei.mapping.unfit import Unfit
from renkei.spec import Field, FieldType, FileRef

T = FieldType
Convert = Callable[[Any, Notes], Any]

TEXTS = frozenset({T.TEXT, T.LONG_TEXT, T.HTML})
_LISTS = frozenset({T.CHOICES, T.USERS, T.ORGANIZATIONS, T.GROUPS, T.EMAILS, T.PHONES})
_CODED = frozenset({T.CHOICE, T.CHOICES, T.USER, T.USERS, T.ORGANIZATIONS, T.GROUPS})
LISTS = _LISTS | {T.FILES}
"""Types whose values are lists; in a table, each item makes a row."""
_READABLE_AS_TEXT = frozenset(T) - {T.TABLE, T.OPAQUE}
_CHOOSING = frozenset({T.CHOICE, T.CHOICES, T.TEXT, T.BOOLEAN, T.USER, T.USERS})
_PEOPLE = frozenset({T.USER, T.USERS, T.EMAIL, T.EMAILS, T.TEXT})

SOURCES_OF: dict[FieldType, frozenset[FieldType]] = {
    T.TEXT: _READABLE_AS_TEXT,
    T.LONG_TEXT: _READABLE_AS_TEXT,
    T.HTML: _READABLE_AS_TEXT,
    T.INTEGER: frozenset({T.INTEGER, T.NUMBER, T.TEXT}),
    T.NUMBER: frozenset({T.INTEGER, T.NUMBER, T.TEXT}),
    T.BOOLEAN: frozenset({T.BOOLEAN}),
    T.DATE: frozenset({T.DATE, T.DATETIME}),
    T.TIME: frozenset({T.TIME, T.DATETIME}),
    T.DATETIME: frozenset({T.DATETIME}),
    T.CHOICE: _CHOOSING,
    T.CHOICES: _CHOOSING,
    T.USER: _PEOPLE,
    T.USERS: _PEOPLE,
    T.ORGANIZATIONS: frozenset({T.ORGANIZATIONS, T.CHOICE, T.CHOICES, T.TEXT}),
    T.GROUPS: frozenset({T.GROUPS, T.CHOICE, T.CHOICES, T.TEXT}),
    T.EMAIL: frozenset({T.EMAIL, T.EMAILS, T.TEXT}),
    T.EMAILS: frozenset({T.EMAIL, T.EMAILS, T.TEXT}),
    T.PHONE: frozenset({T.PHONE, T.PHONES, T.TEXT}),
    T.PHONES: frozenset({T.PHONE, T.PHONES, T.TEXT}),
    T.URL: frozenset({T.URL, T.TEXT}),
    T.FILES: frozenset({T.FILES}),
    T.TABLE: frozenset(),
    T.OPAQUE: frozenset(),
}
"""Target type → the source types that can be converted into it.

A pair is missing where the conversion would have to guess: no date-time is made of a date, no date of free text.
"""


def compatible(source_type: FieldType, target_field: Field) -> bool:
    """Whether a value of *source_type* can go into *target_field*, as far as types decide."""
    return source_type in SOURCES_OF[target_field.type]


def constant(target: Field, raw: Any) -> Any:
    """The canonical value of the JSON value *raw* for *target*, None where it is empty.

    Raises:
        Unfit: the field cannot take it.
    """
    if not SOURCES_OF[target.type]:
        raise Unfit(
            "not_compatible", ja="この型の項目には書き込めません。", en="fields of this type cannot be written."
        )
    value = read(target.type, raw)
    if value is None:
        return None
    if target.type in CHOICE_TYPES:
        found = [_listed(target, code) for code in (value if isinstance(value, tuple) else (value,))]
        return tuple(found) if target.type is T.CHOICES else found[0]
    return _finish_text(target.type, value) if target.type in TEXTS else value


def converter(rule: Rule, source: SourceField | None, target: Field, zone: tzinfo) -> Convert:
    """What turns canonical values of *source* (None: the text of a template) into values of *target*.

    The function answers None where nothing is left, and raises `Unfit` where the value cannot be converted.
    """
    kind = source.type if source else T.TEXT
    if target.type in TEXTS:
        return _to_text(rule, source, target, zone)
    if target.type in _CODED:
        return _to_codes(rule, source, target)
    if target.type in (T.DATE, T.TIME) and kind is T.DATETIME:
        return _clock_part(target.type, zone)
    if target.type in (T.INTEGER, T.NUMBER):
        return lambda value, _notes: read(target.type, value)
    if target.type in _LISTS:
        return lambda value, _notes: value if isinstance(value, tuple) else (value,)
    if kind in _LISTS:
        return partial(_first, rule)
    if target.type in (T.EMAIL, T.PHONE, T.URL):
        return lambda value, _notes: one_line(value)
    return lambda value, _notes: value


def takes_first_only(source_type: FieldType, target: Field) -> bool:
    """Whether of several values the first alone goes into *target*."""
    return source_type in _LISTS and target.type not in LISTS | TEXTS


def _first(rule: Rule, value: tuple[Any, ...], notes: Notes) -> Any:
    if len(value) > 1 and rule.join != "first":
        notes.append(_left_out())
    return value[0]


def _left_out() -> Unfit:
    return Unfit(
        "only_first",
        ja="複数の値のうち、最初の1つだけを入れました。",
        en="of several values only the first was taken.",
    )


def text_of(source: SourceField, zone: tzinfo) -> Callable[[Any], str | tuple[str, ...]]:
    """What writes canonical values of *source* as text, or as several texts where it is a list.

    Choices stand as their Japanese label, yes/no as はい and いいえ, instants in *zone*.
    """
    labels = {code: label.ja for code, label in source.label_of.items()}
    match source.type:
        case T.HTML:
            return _plain_text
        case T.INTEGER:
            return str
        case T.NUMBER:
            return plain_number
        case T.BOOLEAN:
            return lambda value: "はい" if value else "いいえ"
        case T.DATE:
            return date.isoformat
        case T.TIME:
            return _clock
        case T.DATETIME:
            return lambda value: _in_zone(value, zone).replace(tzinfo=None).isoformat(" ", "seconds")
        case T.CHOICE:
            return lambda value: labels.get(value, value)
        case T.CHOICES:
            return lambda value: tuple(labels.get(code, code) for code in value)
        case T.FILES:
            return _file_names
        case _:
            return lambda value: value  # text, or a tuple of texts, already


def _plain_text(value: str) -> str:
    try:
        return checked(html_to_text(value))  # a character reference such as &#1; becomes a control character
    except TooHeavy:
        raise too_heavy() from None


def too_heavy() -> Unfit:
    """For HTML that would cost seconds."""
    return Unfit(
        "too_heavy",
        ja="HTMLの入れ子が深すぎるか、文字参照が多すぎます。テキスト形式の本文を使うか、HTMLを簡単にして再送してください。",
        en="the HTML is nested too deeply or has too many references. Use the plain text, or simplify it and replay.",
    )


def _file_names(value: tuple[FileRef, ...]) -> tuple[str, ...]:
    return tuple(file.name for file in value)


def _clock(value: time) -> str:
    return value.isoformat("seconds" if value.second or value.microsecond else "minutes")


def _in_zone(value: datetime, zone: tzinfo) -> datetime:
    try:
        return value.astimezone(zone)
    except (OverflowError, ValueError):
        raise Unfit(
            "out_of_range",
            ja="日時が1年から9999年の範囲を外れています。",
            en="the date-time lies outside the years 1 to 9999.",
        ) from None


def _clock_part(kind: FieldType, zone: tzinfo) -> Convert:
    if kind is T.DATE:
        return lambda value, _notes: _in_zone(value, zone).date()
    return lambda value, _notes: _in_zone(value, zone).time()


def _to_text(rule: Rule, source: SourceField | None, target: Field, zone: tzinfo) -> Convert:
    kind = target.type
    if source is None:
        return lambda value, _notes: _finish_text(kind, value, markup=kind is T.HTML)
    if source.type is T.HTML and kind is T.HTML:
        return lambda value, _notes: _finish_text(kind, value)
    write = _worded(rule, source) if rule.choices else text_of(source, zone)
    separator = ", " if rule.join == "comma" or kind is T.TEXT else "\n"

    def convert(value: Any, _notes: Notes) -> str | None:
        written = write(value)
        if not isinstance(written, str):
            written = written[0] if rule.join == "first" and written else separator.join(written)
        return _finish_text(kind, written, markup=False)

    return convert


def _worded(rule: Rule, source: SourceField) -> Callable[[Any], str | tuple[str, ...]]:
    """Like `text_of` where the value table has words of its own; what it lacks keeps its label."""
    labels = {code: label.ja for code, label in source.label_of.items()}

    def word(code: str) -> str:
        return (rule.choices[code] or "") if code in rule.choices else labels.get(code, code)

    def write(value: Any) -> str | tuple[str, ...]:
        if isinstance(value, tuple):
            return tuple(words for words in map(word, map(str, value)) if words)
        if isinstance(value, bool):
            code = "true" if value else "false"
            return word(code) if code in rule.choices else ("はい" if value else "いいえ")
        return word(plain_number(value) if isinstance(value, Decimal) else str(value))

    return write


def _finish_text(kind: FieldType, text: str, *, markup: bool = True) -> str | None:
    """*text* in the form of a text type, None where nothing is left. With *markup* it is HTML already."""
    if kind is T.TEXT:
        text = one_line(text)
    elif kind is T.LONG_TEXT:
        text = lines(text)
    elif not markup:
        return text_to_html(text) if text.strip() else None
    else:
        try:
            text = checked(clean_html(text))
        except TooHeavy:
            raise too_heavy() from None
    return text if text and not text.isspace() else None


def _listed(target: Field, code: str) -> str:
    """*code* as one of the choices of *target*, by code or label."""
    found = Counterparts(Rule(target=target.code, constant=code), None, target).find(code)
    if isinstance(found, str):
        return found
    raise unknown_choice()


def _to_codes(rule: Rule, source: SourceField | None, target: Field) -> Convert:
    """Into choices and users: through the value table, one or several."""
    counterparts = Counterparts(rule, source, target)
    several = target.type not in (T.CHOICE, T.USER)
    replacement = _replacement(rule, target)

    def convert(value: Any, notes: Notes) -> str | tuple[str, ...] | None:
        found: list[str] = []
        codes = _codes_of(value)
        for number, code in enumerate(codes, start=1):
            match = counterparts.find(code)
            if isinstance(match, NoCounterpart):
                found.extend(_otherwise(rule, replacement, notes))
            elif match is not None:
                found.append(match)
            if found and not several:
                if number < len(codes) and rule.join != "first":
                    notes.append(_left_out())
                return found[0]
        return tuple(dict.fromkeys(found)) or None

    return convert


def _codes_of(value: Any) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    if isinstance(value, bool):
        return ("true" if value else "false",)
    return (str(value),)


def _replacement(rule: Rule, target: Field) -> tuple[str, ...]:
    if rule.fallback is None or rule.other_choice != "fallback":
        return ()
    try:
        value = constant(target, rule.fallback)
    except Unfit:
        return ()
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _otherwise(rule: Rule, replacement: tuple[str, ...], notes: Notes) -> tuple[str, ...]:
    match rule.other_choice:
        case "skip":
            notes.append(skipped_choice())
            return ()
        case "fallback" if replacement:
            notes.append(replaced_choice())
            return replacement
        case _:
            raise unknown_choice()
