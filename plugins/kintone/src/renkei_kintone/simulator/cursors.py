"""Cursors: many records, page by page, as they were found when the cursor was made."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from renkei_kintone.simulator import query, reading, refusals, words
from renkei_kintone.simulator.access import Access
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.targets import whole_number

MOST_OPEN = 10
LIFE = timedelta(minutes=10)
SIZE, LARGEST = 100, 500


@dataclass(frozen=True, slots=True)
class Cursor:
    """An open cursor.

    Attributes:
        left: ids of the records that are still to come.
        used_at: when it was made or last read; it lives ten minutes from then.
    """

    app: str
    left: tuple[str, ...]
    fields: frozenset[str]
    size: int
    used_at: datetime


def create(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`POST records/cursor.json`.

    Raises:
        Refused: ten are open, or a parameter is wrong.
    """
    _forget_old(kintone)
    asked = query.read(reading.text_of(parameters, "query"))
    if asked.limit is not None or asked.offset is not None:
        raise refusals.bad_query()
    size = SIZE if parameters.get("size") is None else whole_number(parameters["size"], "size", most=LARGEST)
    fields = reading.fields_of(parameters)
    if len(kintone.cursors) >= MOST_OPEN:
        raise refusals.too_many_cursors()
    found = tuple(record.id for record in reading.search(kintone, access, asked))
    key = str(uuid.uuid4())
    kintone.cursors[key] = Cursor(access.app.id, found, fields, size, kintone.now())
    return {"id": key, "totalCount": str(len(found))}


def app_of(kintone: Kintone, parameters: Mapping[str, Any]) -> str:
    """The app of the cursor that a request names.

    Raises:
        Refused: it is missing or no longer open.
    """
    _forget_old(kintone)
    if not parameters.get("id"):
        raise words.invalid({"id": [words.PARAMETER_REQUIRED]})
    cursor = kintone.cursors.get(str(parameters["id"]))
    if cursor is None:
        raise refusals.no_such_cursor()
    return cursor.app


def read(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`GET records/cursor.json`: the next page; after the last one the cursor is closed."""
    key = str(parameters["id"])
    cursor = kintone.cursors[key]
    page, left = cursor.left[: cursor.size], cursor.left[cursor.size :]
    if left:
        kintone.cursors[key] = replace(cursor, left=left, used_at=kintone.now())
    else:
        del kintone.cursors[key]
    # What was deleted meanwhile is left out.
    found = [access.app.records[record] for record in page if record in access.app.records]
    return {
        "records": [reading.listed(kintone, access, record, cursor.fields) for record in found],
        "next": bool(left),
    }


def delete(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`DELETE records/cursor.json`."""
    del kintone.cursors[str(parameters["id"])]
    return {}


def _forget_old(kintone: Kintone) -> None:
    now = kintone.now()
    for key in [key for key, cursor in kintone.cursors.items() if now - cursor.used_at > LIFE]:
        del kintone.cursors[key]
