"""An app of the simulated kintone: its form, its stored records, its unique values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNIQUE_TYPES = frozenset({"SINGLE_LINE_TEXT", "NUMBER", "LINK", "DATE", "DATETIME"})
LENGTH_TYPES = frozenset({"SINGLE_LINE_TEXT", "LINK"})
ARRAY_TYPES = frozenset({"CHECK_BOX", "MULTI_SELECT", "FILE", "USER_SELECT", "ORGANIZATION_SELECT", "GROUP_SELECT"})
ENTITY_TYPES = frozenset({"USER_SELECT", "ORGANIZATION_SELECT", "GROUP_SELECT"})
NULL_WHEN_UNSET = frozenset({"DROP_DOWN", "RADIO_BUTTON", "DATE", "TIME"})

_SYSTEM_TYPES = frozenset({"RECORD_NUMBER", "CREATOR", "CREATED_TIME", "MODIFIER", "UPDATED_TIME"})
_PROCESS_TYPES = frozenset({"STATUS", "STATUS_ASSIGNEE", "CATEGORY"})

# What kintone lists for each type besides type, code, label and noLabel; numeric settings are strings, "" when unset.
_UNIQUE = {"unique": False}
_LENGTHS = {"minLength": "", "maxLength": ""}
_FORM: Mapping[str, Mapping[str, Any]] = {
    "SINGLE_LINE_TEXT": {"defaultValue": "", **_UNIQUE, **_LENGTHS, "expression": "", "hideExpression": False},
    "MULTI_LINE_TEXT": {"defaultValue": ""},
    "RICH_TEXT": {"defaultValue": ""},
    "NUMBER": {
        "defaultValue": "",
        **_UNIQUE,
        "minValue": "",
        "maxValue": "",
        "digit": False,
        "displayScale": "",
        "unit": "",
        "unitPosition": "BEFORE",
    },
    "CALC": {
        "expression": "",
        "hideExpression": False,
        "format": "NUMBER",
        "displayScale": "",
        "unit": "",
        "unitPosition": "BEFORE",
    },
    "LINK": {"defaultValue": "", **_UNIQUE, **_LENGTHS, "protocol": "WEB"},
    "CHECK_BOX": {"defaultValue": [], "options": {}, "align": "HORIZONTAL"},
    "RADIO_BUTTON": {"defaultValue": "", "options": {}, "align": "HORIZONTAL"},
    "DROP_DOWN": {"defaultValue": "", "options": {}},
    "MULTI_SELECT": {"defaultValue": [], "options": {}},
    "DATE": {"defaultValue": "", **_UNIQUE, "defaultNowValue": False},
    "TIME": {"defaultValue": "", "defaultNowValue": False},
    "DATETIME": {"defaultValue": "", **_UNIQUE, "defaultNowValue": False},
    "FILE": {"thumbnailSize": "150"},
    "USER_SELECT": {"defaultValue": [], "entities": []},
    "ORGANIZATION_SELECT": {"defaultValue": [], "entities": []},
    "GROUP_SELECT": {"defaultValue": [], "entities": []},
}
_NOT_IN_LOOKUPS = ("unique", "defaultValue", "minLength", "maxLength", "expression", "hideExpression")


def complete(code: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """One field as kintone lists it, from a description that leaves out what is unset."""
    native = str(given["type"])
    item: dict[str, Any] = {"type": native, "code": code, "label": code}
    if native not in ("STATUS", "STATUS_ASSIGNEE", "CATEGORY", "GROUP"):
        item["noLabel"] = False
    if native in _FORM:
        item |= {"required": False, **_FORM[native]}
    if "lookup" in given:
        item = {key: value for key, value in item.items() if key not in _NOT_IN_LOOKUPS}
    if native in _PROCESS_TYPES:
        item["enabled"] = False
    item |= given
    if isinstance(item.get("options"), list):
        item["options"] = {name: {"label": name, "index": str(at)} for at, name in enumerate(item["options"])}
    if native == "SUBTABLE":
        item["fields"] = {inner: complete(inner, column) for inner, column in given["fields"].items()}
    if native not in UNIQUE_TYPES:
        item.pop("unique", None)
    return item


@dataclass(slots=True)
class Record:
    """A stored record. What is empty is not kept."""

    id: str
    values: dict[str, Any]
    created_at: str
    creator: str = "Administrator"
    revision: str = "1"


@dataclass(slots=True)
class App:
    """One app.

    Attributes:
        fields: the live form, as `app/form/fields.json` lists it.
        digits, decimals: the app's number precision.
        records: by id, in the order in which they were stored.
        taken: values of unique fields, for a check that does not slow down with the number of records.
    """

    id: str
    name: str
    fields: dict[str, dict[str, Any]]
    guest_space: str | None = None
    digits: int = 16
    decimals: int = 4
    records: dict[str, Record] = field(default_factory=dict)
    taken: dict[str, set[str]] = field(default_factory=dict)
    next_id: int = 1
    next_row: int = 1

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> App:
        """An app from JSON data: id, name, fields and, where they differ from the default, the rest."""
        return cls(
            id=str(data["id"]),
            name=str(data["name"]),
            fields={code: complete(code, given) for code, given in data["fields"].items()},
            guest_space=str(data["guest_space"]) if data.get("guest_space") else None,
            digits=int(data.get("digits", 16)),
            decimals=int(data.get("decimals", 4)),
        )

    def clear(self) -> None:
        """Forget the records; ids are not used again."""
        self.records.clear()
        self.taken.clear()

    def add_text(self, label: str) -> str:
        """Add a single-line text field to the form; its code."""
        code = f"文字列_{len(self.fields) + 1}"
        self.fields[code] = complete(code, {"type": "SINGLE_LINE_TEXT", "label": label})
        return code

    def filled_by_lookups(self) -> frozenset[str]:
        """Codes that a lookup writes; what is sent for them is ignored."""
        lookups = [item["lookup"] for item in self.fields.values() if item.get("lookup")]
        return frozenset(mapping["field"] for lookup in lookups for mapping in lookup.get("fieldMappings", ()))

    def store(self, values: dict[str, Any], created_at: str) -> Record:
        """Keep one record, already checked."""
        record = Record(id=str(self.next_id), values=values, created_at=created_at)
        self.next_id += 1
        self.records[record.id] = record
        for code, key in unique_keys(self, values):
            self.taken.setdefault(code, set()).add(key)
        return record

    def typed(self, record: Record) -> dict[str, Any]:
        """The record as the API gives it: every field with its type, unset ones too."""
        typed = {code: {"type": item["type"], "value": self.value(record, code)} for code, item in self.fields.items()}
        hidden = [
            code for code, item in self.fields.items() if item["type"] in _PROCESS_TYPES or item["type"] == "GROUP"
        ]
        for code in hidden:
            del typed[code]
        typed["$id"] = {"type": "__ID__", "value": record.id}
        typed["$revision"] = {"type": "__REVISION__", "value": record.revision}
        return typed

    def value(self, record: Record, code: str) -> Any:
        """One value of a record; what is unset is "", null or [] by its type."""
        native = self.fields[code]["type"]
        if native in _SYSTEM_TYPES:
            return _system_value(native, record)
        if code in record.values:
            return record.values[code]
        if native in ARRAY_TYPES or native == "SUBTABLE":
            return []
        return None if native in NULL_WHEN_UNSET else ""


def unique_keys(app: App, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Field and value of everything in *values* that must be unique; numbers are kept normalised, so compare so."""
    keys = []
    for code, value in values.items():
        item = app.fields[code]
        if item.get("unique") and isinstance(value, str) and value:
            keys.append((code, value))
    return keys


def _system_value(native: str, record: Record) -> Any:
    if native == "RECORD_NUMBER":
        return record.id
    if native in ("CREATOR", "MODIFIER"):
        return {"code": record.creator, "name": record.creator}
    return record.created_at
