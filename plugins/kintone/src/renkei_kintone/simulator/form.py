"""An app of the simulated kintone: its form, its stored records, its unique values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

UNIQUE_TYPES = frozenset({"SINGLE_LINE_TEXT", "NUMBER", "LINK", "DATE", "DATETIME"})
LENGTH_TYPES = frozenset({"SINGLE_LINE_TEXT", "LINK"})
ARRAY_TYPES = frozenset({"CHECK_BOX", "MULTI_SELECT", "FILE", "USER_SELECT", "ORGANIZATION_SELECT", "GROUP_SELECT"})
ENTITY_TYPES = frozenset({"USER_SELECT", "ORGANIZATION_SELECT", "GROUP_SELECT"})
NULL_WHEN_UNSET = frozenset({"DROP_DOWN", "RADIO_BUTTON", "DATE", "TIME"})
DATE_TYPES = frozenset({"DATE", "TIME"})

_SYSTEM_TYPES = frozenset({"RECORD_NUMBER", "CREATOR", "CREATED_TIME", "MODIFIER", "UPDATED_TIME"})
_PROCESS_TYPES = frozenset({"STATUS", "STATUS_ASSIGNEE", "CATEGORY"})
_WITHOUT_VALUE = frozenset({"GROUP", "REFERENCE_TABLE"})

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
    if native not in _PROCESS_TYPES:
        item["noLabel"] = False
    if native in _FORM:
        item |= {"required": False, **_FORM[native]}
    if "lookup" in given:
        item = {key: value for key, value in item.items() if key not in _NOT_IN_LOOKUPS}
    if native in _PROCESS_TYPES:
        item["enabled"] = False
    if native == "GROUP":
        item["openGroup"] = False
    item |= given
    if isinstance(item.get("options"), list):
        item["options"] = {name: {"label": name, "index": str(at)} for at, name in enumerate(item["options"])}
    if native == "SUBTABLE":
        item["fields"] = {inner: _column(inner, column) for inner, column in given["fields"].items()}
    if native not in UNIQUE_TYPES:
        item.pop("unique", None)
    return item


def _column(code: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A field of a table, where nothing can be unique."""
    item = complete(code, given)
    return item | {"unique": False} if "unique" in item else item


@dataclass(frozen=True, slots=True)
class Record:
    """A stored record. What is empty is not kept. A change makes another one: what is rolled back was never touched.

    Attributes:
        updated_at: None until it is updated.
        status: of the process, None in its first one.
    """

    id: str
    values: dict[str, Any]
    created_at: str
    creator: str = "Administrator"
    revision: str = "1"
    updated_at: str | None = None
    modifier: str | None = None
    status: str | None = None
    assignees: tuple[str, ...] = ()


@dataclass(slots=True)
class App:
    """One app.

    Attributes:
        fields: the live form, as `app/form/fields.json` lists it.
        code: the app code, which record numbers then begin with.
        digits, decimals, rounding: the app's number precision.
        process: of process management: `states`, by name, the first being where records begin, and `actions` with
            `name`, `from` and `to`; None while it is off.
        records: by id, in the order in which they were stored.
        taken: values of unique fields, and the record that has each: a check does not slow down with their number.
    """

    id: str
    name: str
    fields: dict[str, dict[str, Any]]
    guest_space: str | None = None
    digits: int = 16
    decimals: int = 4
    rounding: str = "HALF_EVEN"
    code: str = ""
    process: Mapping[str, Any] | None = None
    records: dict[str, Record] = field(default_factory=dict)
    taken: dict[str, dict[str, str]] = field(default_factory=dict)
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
            rounding=str(data.get("rounding", "HALF_EVEN")),
            code=str(data.get("code", "")),
            process=data.get("process"),
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

    def store(self, values: dict[str, Any], created_at: str, **details: Any) -> Record:
        """Keep one record, already checked; *details* are attributes of `Record` that differ from their default."""
        record = Record(id=str(self.next_id), values=values, created_at=created_at, **details)
        self.next_id += 1
        self._keep(record)
        return record

    def change(self, id: str, *, steps: int = 1, **changes: Any) -> Record:
        """Put a changed record in the place of the one with that *id*; *steps* of revisions."""
        old = self.records[id]
        self._release(old)
        record = replace(old, revision=str(int(old.revision) + steps), **changes)
        self._keep(record)
        return record

    def remove(self, id: str) -> Record:
        """Take a record out; its id is not used again."""
        record = self.records.pop(id)
        self._release(record)
        return record

    def _keep(self, record: Record) -> None:
        self.records[record.id] = record
        for code, key in unique_keys(self, record.values):
            self.taken.setdefault(code, {})[key] = record.id

    def _release(self, record: Record) -> None:
        for code, key in unique_keys(self, record.values):
            self.taken.get(code, {}).pop(key, None)

    def kept(self) -> tuple[Any, ...]:
        """What `restore` brings back."""
        taken = {code: keys.copy() for code, keys in self.taken.items()}
        return self.records.copy(), taken, self.next_id, self.next_row

    def restore(self, kept: tuple[Any, ...]) -> None:
        """Hold the records that were there when *kept* was taken."""
        self.records, self.taken, self.next_id, self.next_row = kept

    def row_id(self) -> str:
        """The id of a new row of a table."""
        self.next_row += 1
        return str(self.next_row - 1)

    def typed(self, record: Record, unset_date: Literal["null", "empty"] = "null") -> dict[str, Any]:
        """The record as the API gives it: every field with its type, unset ones too."""
        typed = {
            code: {"type": item["type"], "value": self.value(record, code, unset_date)}
            for code, item in self.fields.items()
            if not (item["type"] in _WITHOUT_VALUE or (item["type"] in _PROCESS_TYPES and not item["enabled"]))
        }
        typed["$id"] = {"type": "__ID__", "value": record.id}
        typed["$revision"] = {"type": "__REVISION__", "value": record.revision}
        return typed

    def value(self, record: Record, code: str, unset_date: Literal["null", "empty"] = "null") -> Any:
        """One value of a record; what is unset is "", null or [] by its type."""
        native = self.fields[code]["type"]
        if native in _SYSTEM_TYPES or native in _PROCESS_TYPES:
            return self._system_value(native, record)
        if native == "SUBTABLE" and unset_date == "empty":
            return [row | {"value": _without_null_dates(row["value"])} for row in record.values.get(code, ())]
        if code in record.values:
            return record.values[code]
        return "" if native in DATE_TYPES and unset_date == "empty" else unset(native)

    def _system_value(self, native: str, record: Record) -> Any:
        match native:
            case "RECORD_NUMBER":
                return f"{self.code}-{record.id}" if self.code else record.id
            case "CREATOR":
                return {"code": record.creator, "name": record.creator}
            case "MODIFIER":
                modifier = record.modifier or record.creator
                return {"code": modifier, "name": modifier}
            case "CREATED_TIME":
                return record.created_at
            case "UPDATED_TIME":
                return record.updated_at or record.created_at
            case "STATUS":
                return record.status or (self.process["states"][0] if self.process else "")
            case "STATUS_ASSIGNEE":
                return [{"code": code, "name": code} for code in record.assignees]
            case _:
                return []


def _without_null_dates(cells: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of a row, with "" for dates and times that have no value."""
    empty = {code: cell | {"value": ""} for code, cell in cells.items() if cell["type"] in DATE_TYPES}
    return {code: empty[code] if cell["value"] is None and code in empty else cell for code, cell in cells.items()}


def unset(native: str) -> Any:
    """How a field without a value reads."""
    if native in ARRAY_TYPES or native == "SUBTABLE":
        return []
    return None if native in NULL_WHEN_UNSET else ""


def unique_keys(app: App, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Field and value of everything in *values* that must be unique; numbers are kept normalised, so compare so."""
    keys = []
    for code, value in values.items():
        item = app.fields.get(code)  # None where the field was deleted since
        if item is not None and item.get("unique") and isinstance(value, str) and value:
            keys.append((code, value))
    return keys
