"""`app/form/fields.json` (5.3): what the form says of each type."""

from __future__ import annotations

from typing import Any

import pytest
from raw_api import Api

_LOOKUP = {"lookup": {"relatedApp": {"app": "1", "code": ""}, "relatedKeyField": "f", "fieldMappings": []}}
_ENTITIES = ["defaultValue", "entities", "required"]
_CALCULATED = ["displayScale", "expression", "format", "hideExpression", "required", "unit", "unitPosition"]

# Type, how it is described, what the form lists besides type, code, label and, but for the process, noLabel.
TYPES: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        "SINGLE_LINE_TEXT",
        {},
        ["defaultValue", "expression", "hideExpression", "maxLength", "minLength", "required", "unique"],
    ),
    ("MULTI_LINE_TEXT", {}, ["defaultValue", "required"]),
    ("RICH_TEXT", {}, ["defaultValue", "required"]),
    (
        "NUMBER",
        {},
        [
            *("defaultValue", "digit", "displayScale", "maxValue", "minValue"),
            *("required", "unique", "unit", "unitPosition"),
        ],
    ),
    ("CALC", {}, _CALCULATED),
    ("LINK", {}, ["defaultValue", "maxLength", "minLength", "protocol", "required", "unique"]),
    ("CHECK_BOX", {}, ["align", "defaultValue", "options", "required"]),
    ("RADIO_BUTTON", {}, ["align", "defaultValue", "options", "required"]),
    ("DROP_DOWN", {}, ["defaultValue", "options", "required"]),
    ("MULTI_SELECT", {}, ["defaultValue", "options", "required"]),
    ("DATE", {}, ["defaultNowValue", "defaultValue", "required", "unique"]),
    ("DATETIME", {}, ["defaultNowValue", "defaultValue", "required", "unique"]),
    ("TIME", {}, ["defaultNowValue", "defaultValue", "required"]),
    ("FILE", {}, ["required", "thumbnailSize"]),
    ("USER_SELECT", {}, _ENTITIES),
    ("ORGANIZATION_SELECT", {}, _ENTITIES),
    ("GROUP_SELECT", {}, _ENTITIES),
    ("SUBTABLE", {"fields": {"c": {"type": "NUMBER"}}}, ["fields"]),
    ("REFERENCE_TABLE", {"referenceTable": {}}, ["referenceTable"]),
    ("GROUP", {}, ["openGroup"]),
    ("STATUS", {}, ["enabled"]),
    ("STATUS_ASSIGNEE", {}, ["enabled"]),
    ("CATEGORY", {}, ["enabled"]),
    *((native, {}, []) for native in ("RECORD_NUMBER", "CREATOR", "CREATED_TIME", "MODIFIER", "UPDATED_TIME")),
]


def listed(api: Api, native: str, **item: Any) -> dict[str, Any]:
    """One field as the form lists it."""
    api.field(native, **item)
    answer = api.world.call("GET", "app/form/fields.json?app=1")
    found: dict[str, Any] = answer.json()["properties"]["f"]
    return found


@pytest.mark.parametrize(("native", "given", "properties"), TYPES, ids=[f"5.3 {native}" for native, *_ in TYPES])
def test_5_3_the_form_lists_the_properties_of_a_type(
    api: Api, native: str, given: dict[str, Any], properties: list[str]
) -> None:
    item = listed(api, native, **given)

    process = native in ("STATUS", "STATUS_ASSIGNEE", "CATEGORY")
    assert sorted(item) == sorted([*properties, "code", "label", "type", *([] if process else ["noLabel"])])
    assert (item["code"], item["type"], item.get("enabled", False)) == ("f", native, False)


@pytest.mark.parametrize(
    ("native", "name"),
    [
        ("SINGLE_LINE_TEXT", "maxLength"),
        ("SINGLE_LINE_TEXT", "minLength"),
        ("LINK", "maxLength"),
        ("NUMBER", "minValue"),
        ("NUMBER", "maxValue"),
        ("NUMBER", "displayScale"),
        ("CALC", "displayScale"),
    ],
)
def test_5_3_a_number_among_the_settings_is_a_string_and_empty_when_unset(api: Api, native: str, name: str) -> None:
    assert listed(api, native)[name] == ""
    assert listed(api, native, **{name: "3"})[name] == "3"


@pytest.mark.parametrize("native", ["SINGLE_LINE_TEXT", "NUMBER", "LINK"])
def test_5_3_a_lookup_has_no_unique_no_default_and_no_lengths(api: Api, native: str) -> None:
    item = listed(api, native, **_LOOKUP)

    assert {"required", "lookup"} <= set(item)
    assert not {"unique", "defaultValue", "minLength", "maxLength"} & set(item)


def test_5_3_an_option_has_a_label_and_its_place_as_a_string(api: Api) -> None:
    assert listed(api, "DROP_DOWN", options=["甲", "乙"])["options"] == {
        "甲": {"label": "甲", "index": "0"},
        "乙": {"label": "乙", "index": "1"},
    }


def test_5_3_fields_of_a_table_stand_only_under_it_and_are_never_unique(api: Api) -> None:
    item = listed(api, "SUBTABLE", fields={"c": {"type": "SINGLE_LINE_TEXT", "unique": True}})

    assert (item["fields"]["c"]["type"], item["fields"]["c"]["unique"]) == ("SINGLE_LINE_TEXT", False)
    assert list(api.kintone.apps["1"].fields) == ["f"]


@pytest.mark.parametrize("native", ["MULTI_LINE_TEXT", "TIME", "DROP_DOWN", "CHECK_BOX"])
def test_5_3_unique_is_dropped_where_it_cannot_be(api: Api, native: str) -> None:
    assert "unique" not in listed(api, native, unique=True)
