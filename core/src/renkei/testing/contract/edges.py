"""Values at the edge of each type: what a careless cast, cut or clean-up changes in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal
from typing import Any, Final

from renkei.spec import Field, FieldType, FileRef, LengthUnit, Value
from renkei.spec.fitting import is_canonical
from renkei.testing.contract import rarities

MOST_DIGITS: Final = 38  # what databases keep of a decimal
_EXACT: Final = Context(prec=MOST_DIGITS)
_LONGEST: Final = 300_000  # a longer text than this shows nothing new and takes time
_MANY: Final = 20  # choices; more of them show nothing new
_WIDTHS: Final[Mapping[str, str]] = {"one-byte": "a", "three-byte": "長", "four-byte": "𠮷"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A value and what is special about it."""

    name: str
    value: Value


def edges(field: Field, number: int) -> list[Edge]:
    """What to try on *field*: canonical values at its edges, and values of other types.

    *number* makes the texts of a unique field differ from those of other records.
    """
    made = [*_EDGES.get(field.type, _none)(field), *_of_other_types(field)]
    return [_told_apart(edge, number + at) for at, edge in enumerate(made)] if field.unique else made


def telling(field: Field) -> list[Value]:
    """Values that the schema allows and the field's type promises to hold, chosen to show what changes them."""
    made = [edge.value for edge in _TELLING.get(field.type, _none)(field)]
    return [value for value in made if is_canonical(field.type, value) and not forbidden(field, value)]


def forbidden(field: Field, value: Any) -> str:
    """How the schema itself excludes the canonical *value*; empty where it does not."""
    match value:
        case str() if field.type is FieldType.CHOICE:
            return _no_choice(field, [value])
        case str():
            return _bad_length(field, value)
        case tuple() if field.type is FieldType.CHOICES:
            return _no_choice(field, value)
        case int() | Decimal() if not isinstance(value, bool):
            return _bad_number(field, Decimal(value))
        case _:
            return ""


def strangers(field: Field) -> dict[str, str]:
    """What looks like one of the field's choices and is none, by what is wrong with it."""
    known = {choice.code for choice in field.choices}
    made = {"a choice that is not there": "no such choice 無い"}
    for choice in field.choices:
        near = {
            "a choice's label": choice.label,
            "a choice in upper case": choice.code.upper(),
            "a choice in lower case": choice.code.lower(),
            "a choice with a space": f"{choice.code} ",
            "half a choice": choice.code[: len(choice.code) // 2],
            "two choices in one": f"{choice.code},{choice.code}",
        }
        made |= {name: code for name, code in near.items() if code and code not in known and name not in made}
    return made


def of_some_kind(field: Field) -> Value:
    """A value for a field that takes none: of its type, as far as one can be made."""
    candidates: list[Value] = [
        *("text", 1, Decimal(1), True, date(2026, 1, 2), time(1, 2), datetime(2026, 1, 2, tzinfo=UTC), ("someone",)),
        (FileRef(id="file-1", name="見積.pdf", size=3),),
        ({"a": "b"},),
    ]
    return next((value for value in candidates if is_canonical(field.type, value)), "text")


def long_numbers(decimals: int | None) -> list[Decimal]:
    """Numbers of more digits than `Decimal` keeps when it calculates, which is 28; at most `MOST_DIGITS`."""
    places = min(4 if decimals is None else decimals, 9)
    written = "12345678901234567890123456789012345679"
    return [Decimal(written[:count]).scaleb(-places, _EXACT) for count in (29, MOST_DIGITS)]


# What the schema says.


def _bad_length(field: Field, text: str) -> str:
    length = field.length_unit.measure(text)
    if field.max_length is not None and length > field.max_length:
        return f"{length} {field.length_unit.value} where {field.max_length} are allowed"
    if field.min_length is not None and 0 < length < field.min_length:
        return f"{length} {field.length_unit.value} where {field.min_length} are required"
    return ""


def _no_choice(field: Field, codes: Iterable[str]) -> str:
    known = {choice.code for choice in field.choices}
    return "not among the field's choices" if not field.choices_open and not known.issuperset(codes) else ""


def _bad_number(field: Field, number: Decimal) -> str:
    whole, decimals = _places(number)
    if field.minimum is not None and number < field.minimum:
        return "below the field's minimum"
    if field.maximum is not None and number > field.maximum:
        return "above the field's maximum"
    if field.decimals is not None and decimals > field.decimals:
        return f"{decimals} decimals where {field.decimals} are kept"
    if field.digits is not None and whole + decimals > field.digits:
        return f"{whole + decimals} digits where {field.digits} are kept"
    return ""


def _places(value: Decimal) -> tuple[int, int]:
    """Digits before and after the point that *value* needs, worked out without rounding."""
    _sign, digits, exponent = value.as_tuple()
    if not value or not isinstance(exponent, int):
        return 0, 0
    written = "".join(map(str, digits)).lstrip("0")
    significant = written.rstrip("0")
    exponent += len(written) - len(significant)
    return max(len(significant) + exponent, 0), max(-exponent, 0)


# Texts.


def _texts(field: Field) -> list[Edge]:
    return [*_by_name(rarities.TEXTS), *_lengths(field), _empty("")]


def _lengths(field: Field) -> list[Edge]:
    most, unit = field.max_length, field.length_unit
    if most is None or most > _LONGEST:
        return [Edge(name=f"{length} characters", value="長" * (length - 3) + "end") for length in (256, 1_025, 66_000)]
    made = {f"its longest, {kind}": _filled_up(unit, most, one) for kind, one in _WIDTHS.items()}
    # As many code points as the limit: too long only for a field that counts bytes or UTF-16 units.
    made |= {f"as many {kind} characters as its limit": one * most for kind, one in _WIDTHS.items()}
    made |= {
        "one character too many": "a" * (most + 1),
        "a space too many": "a" * most + " ",
        "twice its longest": "長" * 2 * most,
    }
    return _by_name(made)


def _filled_up(unit: LengthUnit, length: int, character: str) -> str:
    text = character * (length // unit.measure(character))
    return text + "a" * (length - unit.measure(text))


def _pages(field: Field) -> list[Edge]:
    return [*_each("page", rarities.PAGES), *_lengths(field), Edge(name="a NUL", value="<p>a\0b</p>")]


def _shaped(name: str, samples: Iterable[str], shape: str) -> Callable[[Field], list[Edge]]:
    def made(field: Field) -> list[Edge]:
        longest = field.max_length if field.max_length is not None and field.max_length < _LONGEST else 4_000
        long = shape.format("0" * (longest + 1))
        odd = {"one character too many": long, "a NUL": shape.format("\0"), "a line break": shape.format("1\n")}
        return [
            *_each(name, samples),
            *_by_name(odd),
            Edge(name="a line break at its end", value=f"{shape.format(1)}\n"),
        ]

    return made


def _several(name: str, samples: tuple[str, ...]) -> Callable[[Field], list[Edge]]:
    def made(_field: Field) -> list[Edge]:
        good = samples[:3]
        together: dict[str, Value] = {
            f"several: {name}": good,
            f"backwards: {name}": good[::-1],
            f"twice: {name}": (good[0],) * 2,
        }
        return [*_by_name(together), _empty(()), *_each(name, [(one,) for one in samples])]

    return made


def _telling_texts(field: Field) -> list[Edge]:
    made = {name: rarities.TEXTS[name] for name in rarities.HARMLESS}
    if field.max_length is not None and field.max_length <= _LONGEST:
        made |= {
            f"its longest, {kind}": _filled_up(field.length_unit, field.max_length, one)
            for kind, one in _WIDTHS.items()
        }
    if field.type is FieldType.LONG_TEXT:
        made["lines"] = "a\n\n  b\tc"
    return _by_name(made)


# Numbers.


def _numbers(field: Field) -> list[Edge]:
    bounds = [bound for bound in (field.minimum, field.maximum) if bound is not None]
    step = Decimal((0, (1,), -(field.decimals or 0)))
    near = [bound + move for bound in bounds for move in (-step, Decimal(0), step)]
    finer = Decimal((0, (5,), -((field.decimals or 0) + 1)))
    wide = [Decimal("1" * (field.digits + 1))] if field.digits is not None else []
    return [
        *_each("number", [Decimal(text) for text in rarities.NUMBERS]),
        *_each("at its bounds:", near),
        *_telling_numbers(field),
        *_each("one decimal too many:", [finer, finer + 1]),
        *_each("one digit too many:", wide),
    ]


def _telling_numbers(field: Field) -> list[Edge]:
    """All digits that the field keeps, in several endings: some of them no double can hold."""
    digits = 15 if field.digits is None else field.digits
    decimals = min(4 if field.decimals is None else field.decimals, digits)
    made = [_written(whole, decimals, ending) for whole in (digits - decimals, 4, 1, 0) for ending in "12345679"]
    return [*_each("all its digits:", made), *_each("all its digits, negative:", [-number for number in made[:2]])]


def _written(whole: int, decimals: int, ending: str) -> Decimal:
    head = "9" * (whole - 1) + ending if whole > 0 else "0"
    return Decimal(f"{head}.{'9' * (decimals - 1)}{ending}" if decimals else head)


def _integers(field: Field) -> list[Edge]:
    return [*_each("integer", rarities.INTEGERS), *_each("at its bounds:", _near_bounds(field))]


def _near_bounds(field: Field) -> list[int]:
    bounds = [int(bound) for bound in (field.minimum, field.maximum) if bound is not None]
    return [bound + move for bound in bounds for move in (-1, 0, 1)]


# Choices.


def _choices(field: Field) -> list[Edge]:
    return [*_each("choice", [choice.code for choice in field.choices][:_MANY]), *_by_name(strangers(field))]


def _several_choices(field: Field) -> list[Edge]:
    codes = tuple(choice.code for choice in field.choices)[:_MANY]
    together: dict[str, Value] = {
        "all choices": codes,
        "all choices, backwards": codes[::-1],
        "one choice twice": codes[:1] * 2,
    }
    astray = {name: (*codes[:1], code) for name, code in strangers(field).items()}
    return [*_each("choice", [(code,) for code in codes]), *_by_name(together), *_by_name(astray), _empty(())]


def _telling_choices(field: Field) -> list[Edge]:
    codes = tuple(choice.code for choice in field.choices)[:_MANY]
    return _each("choices", [*((code,) for code in codes), codes])


# By type.


def _none(_field: Field) -> list[Edge]:
    return []


def _each(name: str, found: Iterable[Value]) -> list[Edge]:
    return [Edge(name=f"{name} {at}", value=value) for at, value in enumerate(found, 1)]


def _by_name(found: Mapping[str, Value] | Mapping[str, str]) -> list[Edge]:
    return [Edge(name=name, value=value) for name, value in found.items()]


def _empty(value: Value) -> Edge:
    return Edge(name="an empty value", value=value)


def _fixed(name: str, found: Iterable[Value]) -> Callable[[Field], list[Edge]]:
    made = _each(name, found)
    return lambda _field: made


def _of_other_types(field: Field) -> list[Edge]:
    code = field.choices[0].code if field.choices else "text"
    pool: dict[str, Value] = {
        "a text": code,
        "an integer": 7,
        "zero": 0,
        "a boolean": True,
        "false": False,
        "a number": Decimal("1.5"),
        "a day": date(2026, 1, 2),
        "a date-time without a zone": datetime(2026, 1, 2, 3, 4),  # noqa: DTZ001 -- that is what is tried
        "a date-time": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "a time": time(1, 2),
        "a time with a zone": time(1, 2, tzinfo=UTC),
        "several texts": (code,),
    }
    return [
        Edge(name=f"{name} instead", value=value) for name, value in pool.items() if not is_canonical(field.type, value)
    ]


def _told_apart(edge: Edge, number: int) -> Edge:
    """The same edge on both ends of a text that no other record has."""
    if not isinstance(edge.value, str) or not edge.value or len(edge.value) > 30:
        return edge
    return Edge(name=edge.name, value=f"{edge.value} {number} {edge.value}")


_EDGES: Final[Mapping[FieldType, Callable[[Field], list[Edge]]]] = {
    FieldType.TEXT: _texts,
    FieldType.LONG_TEXT: _texts,
    FieldType.HTML: _pages,
    FieldType.EMAIL: _shaped("address", rarities.MAILS, "{}@b.example"),
    FieldType.URL: _shaped("link", rarities.LINKS, "https://desk.example/{}"),
    FieldType.PHONE: _shaped("phone", rarities.PHONES, "03{}"),
    FieldType.EMAILS: _several("addresses", rarities.MAILS),
    FieldType.PHONES: _several("phones", rarities.PHONES),
    FieldType.NUMBER: _numbers,
    FieldType.INTEGER: _integers,
    FieldType.BOOLEAN: _fixed("boolean", (True, False)),
    FieldType.DATE: _fixed("day", rarities.DAYS),
    FieldType.TIME: _fixed("time", rarities.TIMES),
    FieldType.DATETIME: lambda _field: _each("instant", [*rarities.instants(), *rarities.rare_instants()]),
    FieldType.CHOICE: _choices,
    FieldType.CHOICES: _several_choices,
}
_TELLING: Final[Mapping[FieldType, Callable[[Field], list[Edge]]]] = {
    FieldType.TEXT: _telling_texts,
    FieldType.LONG_TEXT: _telling_texts,
    FieldType.HTML: _fixed("page", rarities.PAGES[:3]),
    FieldType.EMAIL: _fixed("address", rarities.MAILS[:2]),
    FieldType.URL: _fixed("link", rarities.PLAIN_LINKS),
    FieldType.PHONE: _fixed("phone", rarities.PHONES[:2]),
    FieldType.NUMBER: _telling_numbers,
    FieldType.INTEGER: lambda field: _each("integer", [0, 1, *_near_bounds(field)]),
    FieldType.BOOLEAN: _fixed("boolean", (True, False)),
    FieldType.DATE: _fixed("day", rarities.DAYS[:6]),
    FieldType.TIME: _fixed("time", rarities.TIMES[:5]),
    FieldType.DATETIME: lambda _field: _each("instant", rarities.instants()),
    FieldType.CHOICE: lambda field: _each("choice", [choice.code for choice in field.choices][:_MANY]),
    FieldType.CHOICES: _telling_choices,
    FieldType.EMAILS: _fixed("addresses", (rarities.MAILS[:2],)),
    FieldType.PHONES: _fixed("phones", (rarities.PHONES[:2],)),
}
