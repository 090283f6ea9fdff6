"""Reading records: one by its id, or those that a query finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renkei_kintone.simulator import query, refusals, words
from renkei_kintone.simulator.access import Access, app_id
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.form import Record
from renkei_kintone.simulator.matching import Search


def record(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`GET record.json`.

    Raises:
        Refused: the id is missing, no number, or of no record.
    """
    wanted = app_id(parameters.get("id"), "id")
    found = access.app.records.get(wanted)
    if found is None:
        raise words.no_such_record(wanted)
    return {"record": access.app.typed(found, kintone.unsure.unset_date)}


def records(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`GET records.json`: those of the query, or the newest first.

    Raises:
        Refused: the query or another parameter is wrong.
    """
    asked = query.read(text_of(parameters, "query"))
    fields = fields_of(parameters)
    counts = boolean_of(parameters, "totalCount")
    found = search(kintone, access, asked)
    first = asked.offset or 0
    limit = query.LIMIT if asked.limit is None else asked.limit
    return {
        "records": [listed(kintone, access, each, fields) for each in found[first : first + limit]],
        "totalCount": str(len(found)) if counts else None,
    }


def search(kintone: Kintone, access: Access, asked: query.Query) -> list[Record]:
    """All records that a query finds, in its order, whatever its limit."""
    descends = kintone.unsure.order_without_word == "desc"
    return Search(access.app, access.caller.user, kintone.now(), descends).found(asked)


def listed(kintone: Kintone, access: Access, found: Record, fields: frozenset[str]) -> dict[str, Any]:
    """A record as the API gives it, with some fields or, where none is named, with all."""
    typed = access.app.typed(found, kintone.unsure.unset_date)
    return {code: value for code, value in typed.items() if code in fields} if fields else typed


def text_of(parameters: Mapping[str, Any], name: str) -> str:
    """A text among the parameters, "" where it is missing.

    Raises:
        Refused: it is another kind of value.
    """
    value = parameters.get(name)
    if value is not None and not isinstance(value, str):
        raise words.bad_json()
    return value or ""


def fields_of(parameters: Mapping[str, Any]) -> frozenset[str]:
    """The field codes that are asked for; what is no field is not found in any record.

    Raises:
        Refused: it is no list of texts.
    """
    value = parameters.get("fields")
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
        raise words.bad_json()
    return frozenset(value)


def boolean_of(parameters: Mapping[str, Any], name: str) -> bool:
    """A boolean among the parameters, or a text that is one; False where it is missing.

    Raises:
        Refused: it is another kind of value.
    """
    value = parameters.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    if str(value).lower() not in ("true", "false"):
        raise words.invalid({name: [refusals.NOT_A_BOOLEAN]})
    return str(value).lower() == "true"
