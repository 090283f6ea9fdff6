"""Plugins that change, lose or invent values: checks G."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from renkei import spec
from renkei.testing.contract.saboteurs import Saboteur, damaged, module_saboteur
from saboteurs.rewriting import Change, with_changes

_PLAIN = 'plain = format(value, "f") if value else "0"'
_TOO_LONG = """    if field.max_length is not None and length > field.max_length:
        raise _Unfit(Code.TOO_LONG, limit=_at_most(field.max_length))
    if length <"""
_RETURN_LONG = "        raise _Unfit(Code.TOO_SHORT)\n    return value\n"
_UNKNOWN_CHOICE = "        raise _Unfit(Code.UNKNOWN_CHOICE)\n"
_NOT_BOOL = "not isinstance(value, int) or isinstance(value, bool)"
_PROBLEM = "            problems.append(_problem(code, unfit))\n"
_DASHES = """problems: list[Problem] = []
    fields |= {one.field: "-" for one in _missing(request)}"""
_REQUIRED = "if field.required and field.writable and not field.has_default and field.code not in request.values"


def _schema_keeper(good: ModuleType) -> ModuleType:
    first: list[spec.TargetSchema] = []

    def crm_map(request: spec.MapRequest) -> spec.MapResult:
        first.append(request.target_schema)
        result: spec.MapResult = good.crm_map(request.model_copy(update={"target_schema": first[0]}))
        return result

    return damaged(good, map=crm_map)


def _leftovers(good: ModuleType) -> ModuleType:
    """The form is kept between two records, and what the second does not fill in is still the first one's."""
    form: dict[str, Any] = {}

    def crm_map(request: spec.MapRequest) -> spec.MapResult:
        result: spec.MapResult = good.crm_map(request)
        if result.record is None:
            return result
        form.update(result.record.fields)
        return spec.MapResult(record=spec.WireRecord(key=request.key, fields=dict(form)))

    return damaged(good, map=crm_map)


def _default_inventor(good: ModuleType) -> ModuleType:
    def crm_map(request: spec.MapRequest) -> spec.MapResult:
        result: spec.MapResult = good.crm_map(request)
        if result.record is None:
            return result
        invented = {
            field.code: field.choices[0].code
            for field in request.target_schema.fields
            if field.type is spec.FieldType.CHOICE and field.writable and field.code not in request.values
        }
        return spec.MapResult(record=spec.WireRecord(key=request.key, fields={**invented, **result.record.fields}))

    return damaged(good, map=crm_map)


SABOTEURS: Final[tuple[Saboteur, ...]] = (
    module_saboteur(
        20,
        "LossyCaster",
        "Passes numbers through a float, and writes out two decimals.",
        ("G02", "P09"),
        with_changes(Change("records", _PLAIN, 'plain = f"{float(value):.2f}" if value else "0"')),
    ),
    module_saboteur(
        52,
        "FieldDropper",
        "Leaves out a field that it cannot map, and says nothing.",
        ("G02", "P02"),
        with_changes(
            Change("records", "    FieldType.URL: _link,\n", ""),
            Change("records", _PROBLEM, f"            if unfit.code != Code.UNSUPPORTED_TYPE:\n    {_PROBLEM}"),
        ),
    ),
    module_saboteur(
        140,
        "TextCutter",
        "Cuts a text that is too long.",
        ("G02",),
        with_changes(
            Change(
                "records",
                _TOO_LONG,
                "    if field.max_length is not None and length > field.max_length:\n"
                "        value = value[: field.max_length]\n    if length <",
            ),
        ),
    ),
    module_saboteur(
        141,
        "Stripper",
        "Takes white space off both ends of a text.",
        ("G02",),
        with_changes(
            Change("records", _RETURN_LONG, _RETURN_LONG.replace("return value", "return value.strip() or value"))
        ),
    ),
    module_saboteur(
        142,
        "Composer",
        "Normalises texts (NFC), so that a name is not written as its owner writes it.",
        ("G02", "G05", "P09"),
        with_changes(
            Change("records", _RETURN_LONG, _RETURN_LONG.replace("value\n", 'unicodedata.normalize("NFC", value)\n'))
        ),
    ),
    module_saboteur(
        143,
        "ZoneDropper",
        "Sends the wall clock of a date-time as if it were UTC.",
        ("G02", "P02", "P09"),
        with_changes(Change("records", "moment = value.astimezone(UTC)", "moment = value")),
    ),
    module_saboteur(
        144,
        "ChoiceGuesser",
        "Takes the first choice where it does not know one.",
        ("G02", "G03"),
        with_changes(Change("records", _UNKNOWN_CHOICE, "        return field.choices[0].code\n")),
    ),
    module_saboteur(
        145,
        "SilentCatcher",
        "Leaves out a value that makes its mapping fail, whatever the reason.",
        ("G02",),
        with_changes(Change("records", _PROBLEM, "            continue\n")),
    ),
    module_saboteur(
        146,
        "SchemaKeeper",
        "Maps by the first schema that it ever saw.",
        ("G01", "G02"),
        _schema_keeper,
    ),
    module_saboteur(
        147,
        "DefaultInventor",
        "Fills the choices for which there is no value.",
        ("G04", "P07"),
        _default_inventor,
    ),
    module_saboteur(
        148,
        "LeftoverMapper",
        "Leaves values of the last record in the next one.",
        ("G01",),
        _leftovers,
    ),
    module_saboteur(
        149,
        "BlindMapper",
        "Does not look at lengths, and leaves it to the backend to refuse.",
        ("G02",),
        with_changes(Change("records", "length > field.max_length:", "False:")),
    ),
    module_saboteur(
        409,
        "Normalizer",
        "Rounds numbers to the 28 digits with which Python calculates.",
        ("G02",),
        with_changes(Change("records", _PLAIN, 'plain = format(value.normalize(), "f") if value else "0"')),
    ),
    module_saboteur(
        455,
        "DashFiller",
        "Puts a dash into a required text that has no value.",
        ("G02",),
        with_changes(
            Change("records", "problems = _missing(request)", _DASHES),
        ),
    ),
)
"""Those of the letter G."""
