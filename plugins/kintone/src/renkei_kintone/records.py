"""One record: canonical values → what kintone takes. Pure; a problem where a value does not fit, never a guess."""

from __future__ import annotations

from typing import Any

from renkei.spec import Field, MapRequest, MapResult, Problem, WireRecord
from renkei_kintone.tables import rows
from renkei_kintone.writing import Unfit, missing_from, written


def map_record(request: MapRequest) -> MapResult:
    """The wire record of *request*, or everything that is wrong with it."""
    fields = request.target_schema.fields
    by_code = {field.code: field for field in fields}
    wire: dict[str, Any] = {}
    problems: list[Problem] = []
    for code, value in request.values.items():
        field = by_code.get(code)
        try:
            if field is not None and field.native_type == "SUBTABLE" and field.writable:
                wire[code] = {"value": rows(field, value, problems)}
            else:
                wire[code] = {"value": written(field, value)}
        except Unfit as unfit:
            problems.append(Problem(field=code, code=unfit.code, message=unfit.text))
    lacking = missing_from(fields, request.values)
    problems += [Problem(field=field.code, code=why.code, message=why.text) for field, why in lacking]
    if problems:
        return MapResult(problems=tuple(problems))
    return MapResult(record=WireRecord(key=request.key, fields=wire))


def key_fits(field: Field, value: Any) -> bool:
    """Whether *value*, as sent, obeys every rule of its field but uniqueness."""
    try:
        return (
            isinstance(value, str) and field.native_type in ("SINGLE_LINE_TEXT", "LINK") and bool(written(field, value))
        )
    except Unfit:
        return False
