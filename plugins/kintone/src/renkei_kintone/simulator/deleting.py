"""Deleting records: all of a request, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.access import Access
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.storing import files_of
from renkei_kintone.simulator.targets import by_id, check_revision, expected_revision, whole_number

MOST = 100


def delete_records(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`DELETE records.json`; the files of the records go with them."""
    ids, revisions = _listed(parameters, "ids"), _listed(parameters, "revisions")
    if not ids:
        raise words.invalid({"ids": [words.PARAMETER_REQUIRED, words.ONE_TO_HUNDRED_DELETES]})
    if len(ids) > MOST:
        raise words.invalid({"ids": [words.ONE_TO_HUNDRED_DELETES]})
    app = access.app
    wanted = [by_id(app, whole_number(id, f"ids[{at}]")) for at, id in enumerate(ids)]
    for at, (record, expected) in enumerate(zip(wanted, revisions, strict=False)):
        check_revision(record.revision, expected_revision(expected, f"revisions[{at}]"))
    for record in {record.id: record for record in wanted}.values():
        for key in files_of(app, app.remove(record.id).values):
            kintone.files.forget(key)
    return {}


def _listed(parameters: Mapping[str, Any], name: str) -> list[Any]:
    values = parameters.get(name)
    if values is not None and not isinstance(values, list):
        raise words.bad_json()
    return values or []
