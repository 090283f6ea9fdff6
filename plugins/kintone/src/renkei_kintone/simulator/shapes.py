"""JSON types of what is sent: where one is wrong, kintone refuses the request and never says which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.form import ARRAY_TYPES

IGNORED = frozenset({"CALC", "RECORD_NUMBER", "GROUP", "REFERENCE_TABLE"})
"""Types whose values never come from a request."""
PROCESS = frozenset({"STATUS", "STATUS_ASSIGNEE", "CATEGORY"})
MANAGED = frozenset({"CREATOR", "MODIFIER", "CREATED_TIME", "UPDATED_TIME"})
"""Types that are written with the permission to manage the app, when a record is added."""

_Fields = Mapping[str, Mapping[str, Any]]


def check_shape(fields: _Fields, record: Any) -> None:
    """Check every value of one record; unknown codes are not looked at.

    Raises:
        Refused: a value has the wrong JSON type, or a row is named twice.
    """
    if not isinstance(record, dict):
        raise words.bad_json()
    for code, entry in record.items():
        item = fields.get(code)
        if item is None:
            continue
        if not isinstance(entry, dict):
            raise words.bad_json()
        value = entry.get("value")
        if value is not None:
            _check_value(item, value)


def _check_value(item: Mapping[str, Any], value: Any) -> None:
    native = item["type"]
    if native == "SUBTABLE":
        _check_rows(item["fields"], value)
    elif not _has_shape(native, value):
        raise words.bad_json()


def _has_shape(native: str, value: Any) -> bool:
    if native in ("CREATOR", "MODIFIER"):
        return isinstance(value, dict) and isinstance(value.get("code"), str)
    if native in IGNORED or native in PROCESS:
        return True
    if native not in ARRAY_TYPES:
        return not isinstance(value, (list, dict, bool))
    if not isinstance(value, list):
        return False
    if native in ("CHECK_BOX", "MULTI_SELECT"):
        return all(isinstance(item, str) for item in value)
    key = "fileKey" if native == "FILE" else "code"
    return all(isinstance(item, dict) and isinstance(item.get(key), str) for item in value)


def _check_rows(columns: _Fields, rows: Any) -> None:
    if not isinstance(rows, list):
        raise words.bad_json()
    seen = set()
    for row in rows:
        if not isinstance(row, dict):
            raise words.bad_json()
        if row.get("value") is not None:
            check_shape(columns, row["value"])
        id = _row_id(row.get("id"))
        if id is not None and id in seen:
            raise words.repeated_row()
        seen.add(id)


def _row_id(id: Any) -> str | None:
    """The id of a row that is there already, None for a new one."""
    if id is None or id == "":
        return None
    text = str(id)
    if isinstance(id, (bool, float)) or not (text.isascii() and text.isdigit()):
        raise words.bad_json()
    return text
