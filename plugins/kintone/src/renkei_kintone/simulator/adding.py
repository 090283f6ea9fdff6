"""Adding records: all of a request, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.access import Access
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.drafts import Drafting
from renkei_kintone.simulator.form import Record
from renkei_kintone.simulator.shapes import check_shape
from renkei_kintone.simulator.storing import store_all

MOST = 100


def add_records(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`POST records.json`; no record at all is answered with empty lists."""
    records = parameters.get("records")
    if records is None:
        raise words.invalid({"records": [words.PARAMETER_REQUIRED]})
    if not isinstance(records, list):
        raise words.bad_json()
    if len(records) > MOST:
        raise words.invalid({"records": [words.TOO_MANY_RECORDS]})
    stored = add(kintone, access, records, [f"records[{at}]" for at in range(len(records))])
    return {"ids": [record.id for record in stored], "revisions": [record.revision for record in stored]}


def add_record(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`POST record.json`; without a record, or with an empty one, one of defaults is added."""
    record = parameters.get("record")
    stored = add(kintone, access, [{} if record is None else record], ["record"])
    return {"id": stored[0].id, "revision": stored[0].revision}


def add(kintone: Kintone, access: Access, records: list[Any], paths: list[str]) -> list[Record]:
    """Store all of *records*, or none; each one's errors are reported at its path.

    Raises:
        Refused: nothing was stored.
    """
    for record in records:
        check_shape(access.app.fields, record)
    drafting = Drafting(kintone, access)
    drafts = [drafting.new(record, path) for record, path in zip(records, paths, strict=True)]
    return store_all(kintone, access, drafting, drafts)
