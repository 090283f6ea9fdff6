"""Adding records: shape, defaults, rules, duplicates, look-ups, and all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.form import ARRAY_TYPES, ENTITY_TYPES, App, Record, unique_keys
from renkei_kintone.simulator.values import Fault, Rules, taken_apart

MOST = 100
_IGNORED = frozenset({"CALC", "RECORD_NUMBER", "GROUP", "REFERENCE_TABLE"})
_PROCESS = frozenset({"STATUS", "STATUS_ASSIGNEE", "CATEGORY"})
_MANAGED = frozenset({"CREATOR", "MODIFIER", "CREATED_TIME", "UPDATED_TIME"})
_FILLED = frozenset({"DATE", "TIME", "DATETIME"})


@dataclass(frozen=True, slots=True)
class Writer:
    """Who adds: the apps whose records the tokens may view, and whether they may manage this one."""

    visible_apps: frozenset[str]
    manages: bool


def add(kintone: Kintone, app: App, records: Any, writer: Writer, prefix: str = "records[{}]") -> list[Record]:
    """Store all of *records*, or none.

    *prefix* is the path of one record: `records[i]` in a batch, `record` in a single call.

    Raises:
        Refused: nothing was stored.
    """
    if not isinstance(records, list):
        raise words.bad_json()
    if len(records) > MOST:
        raise words.invalid({"records": [words.TOO_MANY_RECORDS]})
    for record in records:
        _check_shape(app, record)
    errors: words.Errors = {}
    written = _written_fields(app)
    values = [_values(kintone, app, record, written, prefix.format(at), errors) for at, record in enumerate(records)]
    _check_unique(app, values, prefix, errors)
    if errors:
        raise words.invalid(errors)
    for record in values:
        _check_others(kintone, app, record, writer)
        _look_up(kintone, app, record, writer)
    for record in records:
        _check_not_written(app, record, writer)
    instant = kintone.instant()
    return [app.store(record, instant) for record in values]


def _check_shape(app: App, record: Any) -> None:
    """A value of the wrong JSON type refuses the request without saying where."""
    if not isinstance(record, dict):
        raise words.bad_json()
    for code, entry in record.items():
        item = app.fields.get(code)
        if item is None:
            continue
        if not isinstance(entry, dict):
            raise words.bad_json()
        value = entry.get("value")
        if value is not None and not _has_shape(item["type"], value):
            raise words.bad_json()


def _has_shape(native: str, value: Any) -> bool:
    if native == "SUBTABLE":
        return isinstance(value, list) and all(_is_row(row) for row in value)
    if native not in ARRAY_TYPES:
        return not isinstance(value, (list, dict, bool)) or native in _IGNORED | _MANAGED | _PROCESS
    if not isinstance(value, list):
        return False
    if native in ("CHECK_BOX", "MULTI_SELECT"):
        return all(isinstance(item, str) for item in value)
    key = "fileKey" if native == "FILE" else "code"
    return all(isinstance(item, dict) and isinstance(item.get(key), str) for item in value)


def _is_row(row: Any) -> bool:
    cells = row.get("value") if isinstance(row, dict) else None
    return isinstance(cells, dict) and all(isinstance(cell, dict) for cell in cells.values())


def _written_fields(app: App) -> dict[str, dict[str, Any]]:
    """The fields that take what a request sends; for the others it has no effect, or is refused later."""
    filled = app.filled_by_lookups()
    never = _IGNORED | _PROCESS | _MANAGED
    return {
        code: item
        for code, item in app.fields.items()
        if item["type"] not in never and code not in filled and not item.get("expression")
    }


def _values(
    kintone: Kintone,
    app: App,
    record: Mapping[str, Any],
    written: Mapping[str, Mapping[str, Any]],
    path: str,
    errors: words.Errors,
) -> dict[str, Any]:
    """What would be stored of one record; unknown codes are ignored, as kintone ignores them."""
    rules = Rules(app.digits, app.decimals)
    values: dict[str, Any] = {}
    for code, item in written.items():
        if code not in record and _stays_empty(item):
            continue
        if item["type"] == "SUBTABLE":
            stored: Any = _rows(kintone, app, item, record.get(code), f"{path}.{code}", errors)
        else:
            raw = record[code].get("value") if code in record else _default(kintone, item)
            stored, faults = taken_apart(item, raw, rules)
            _note(errors, path, code, faults)
        if stored is not None and stored != []:
            values[code] = stored
    return values


def _stays_empty(item: Mapping[str, Any]) -> bool:
    """Whether the field may be left out and then has no value: true of most fields of most records."""
    get = item.get
    return not (get("defaultValue") or get("defaultNowValue") or get("required") or get("minLength"))


def _note(errors: words.Errors, path: str, code: str, faults: list[Fault]) -> None:
    for fault in faults:
        key = f"{path}[{code}]{fault.suffix}" if fault.bracket else f"{path}.{code}{fault.suffix}"
        errors.setdefault(key, []).append(fault.words)


def _default(kintone: Kintone, item: Mapping[str, Any]) -> Any:
    """Only for a field that the request does not name at all."""
    native = item["type"]
    if native in _FILLED and item.get("defaultNowValue"):
        instant = kintone.instant()
        return {"DATE": instant[:10], "TIME": instant[11:16], "DATETIME": instant}[native]
    default = item.get("defaultValue")
    if native in ENTITY_TYPES:
        return [{"code": "Administrator" if one.get("type") == "FUNCTION" else one["code"]} for one in default or ()]
    return default


def _rows(
    kintone: Kintone, app: App, item: Mapping[str, Any], entry: Any, path: str, errors: words.Errors
) -> list[dict[str, Any]]:
    rules = Rules(app.digits, app.decimals, in_table=True)
    rows = []
    for at, row in enumerate((entry or {}).get("value") or ()):
        cells = {}
        for code, column in item["fields"].items():
            raw = row["value"][code].get("value") if code in row["value"] else _default(kintone, column)
            stored, faults = taken_apart(column, raw, rules)
            _note(errors, f"{path}.value[{at}].value", code, faults)
            cells[code] = {"type": column["type"], "value": "" if stored is None else stored}
        rows.append({"id": str(app.next_row), "value": cells})
        app.next_row += 1
    return rows


def _check_unique(app: App, values: list[dict[str, Any]], prefix: str, errors: words.Errors) -> None:
    """Against what is stored, and within the request: the later of two equal values is named."""
    seen: set[tuple[str, str]] = set()
    for at, record in enumerate(values):
        for pair in unique_keys(app, record):
            if pair in seen or pair[1] in app.taken.get(pair[0], ()):
                errors.setdefault(f"{prefix.format(at)}.{pair[0]}.value", []).append(words.TAKEN)
            seen.add(pair)


def _check_others(kintone: Kintone, app: App, values: Mapping[str, Any], writer: Writer) -> None:
    """Rules whose answer names no record: the first that fails."""
    for code, value in values.items():
        native = app.fields[code]["type"]
        if native == "USER_SELECT":
            for entity in value:
                if entity["code"] not in kintone.users:
                    raise words.no_such_user(entity["code"])
        elif native == "ORGANIZATION_SELECT":
            for entity in value:
                if entity["code"] not in kintone.organizations:
                    raise words.no_such_organization(entity["code"])
        elif native == "FILE":
            for file in value:
                if file["fileKey"] not in kintone.files:
                    raise words.no_such_file(file["fileKey"])
                file |= kintone.files[file["fileKey"]]


def _look_up(kintone: Kintone, app: App, values: dict[str, Any], writer: Writer) -> None:
    """Copy what the referenced record holds; the token set must see the referenced app."""
    for code, item in app.fields.items():
        lookup = item.get("lookup")
        if not lookup or code not in values:
            continue
        source = kintone.apps.get(lookup["relatedApp"]["app"])
        found = None
        if source is not None and source.id in writer.visible_apps:
            key = lookup["relatedKeyField"]
            found = next((one for one in source.records.values() if one.values.get(key) == values[code]), None)
        if found is None or source is None:
            raise words.not_in_lookup(item["label"], str(values[code]))
        for mapping in lookup["fieldMappings"]:
            copied = found.values.get(mapping["relatedField"])
            if copied is not None:
                values[mapping["field"]] = copied


def _check_not_written(app: App, record: Mapping[str, Any], writer: Writer) -> None:
    for code in record:
        item = app.fields.get(code)
        if item is not None and item["type"] in _PROCESS:
            raise words.type_not_writable(item["type"])
        if item is not None and item["type"] in _MANAGED and not writer.manages:
            raise words.needs_manage(item["label"])
