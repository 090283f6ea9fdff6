"""Which field a refusal is about where kintone names none: its code tells the kind of field, the record has them.

`GAIA_LO04` and its like report the first problem alone, without index and path; field and value stand in the message
only, which is worded in kintone's language and never read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from renkei.spec import Field, TargetSchema, WireRecord


def _native(*types: str) -> Callable[[Field], bool]:
    return lambda field: field.native_type in types


def _is_lookup(field: Field) -> bool:
    return field.references is not None


_ABOUT: Mapping[str, Callable[[Field], bool]] = MappingProxyType(
    {
        "GAIA_LO03": _is_lookup,
        "GAIA_LO04": _is_lookup,
        "GAIA_IL26": _native("USER_SELECT"),
        # Seen for organizations. What kintone says of a group that does not exist is not known.
        "GAIA_IL28": _native("ORGANIZATION_SELECT", "GROUP_SELECT"),
        "GAIA_BL01": _native("FILE"),
    }
)


def fields_at_fault(code: str, schema: TargetSchema, record: WireRecord) -> tuple[str, ...]:
    """Codes of the fields of *record* that *code* can be about: of a table, where it can be about a column."""
    about = _ABOUT.get(code)
    if about is None:
        return ()
    sent = (field for field in schema.fields if _is_filled(record, field.code))
    return tuple(field.code for field in sent if about(field) or any(about(column) for column in field.fields))


def _is_filled(record: WireRecord, code: str) -> bool:
    entry = record.fields.get(code)
    return isinstance(entry, Mapping) and bool(entry.get("value"))
