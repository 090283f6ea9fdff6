"""Updating records, by id or by a unique field, and adding those that are not there where the request asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from renkei_kintone.simulator import words
from renkei_kintone.simulator.access import Access
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.drafts import Draft, Drafting
from renkei_kintone.simulator.form import Record
from renkei_kintone.simulator.shapes import check_shape
from renkei_kintone.simulator.storing import store_all
from renkei_kintone.simulator.targets import Key, by_id, check_revision, revision_in, whole_number

MOST = 100


def update_record(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`PUT record.json`."""
    _check_parameters({"": parameters})
    updating = _Updating(kintone, access, upsert=False)
    updating.read(parameters, "", "record")
    return {"revision": updating.answers()[0]["revision"]}


def update_records(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`PUT records.json`; with `upsert` it needs the permission to add, too."""
    records, upsert = parameters.get("records"), parameters.get("upsert")
    if records is None:
        raise words.invalid({"records": [words.PARAMETER_REQUIRED]})
    if not isinstance(records, list):
        raise words.bad_json()
    if not isinstance(upsert, bool | None):
        raise words.invalid({"upsert": [words.NOT_A_BOOLEAN]})
    if upsert and "add" not in access.permissions:
        raise words.not_permitted()
    if len(records) > MOST:
        raise words.invalid({"records": [words.TOO_MANY_UPDATES]})
    _check_parameters({f"records[{at}].": item for at, item in enumerate(records)})
    updating = _Updating(kintone, access, upsert=bool(upsert))
    for at, item in enumerate(records):
        updating.read(item, f"records[{at}].", f"records[{at}]")
    return {"records": updating.answers()}


def _check_parameters(items: Mapping[str, Any]) -> None:
    """The parameters of all items, by the beginning of their paths: one answer lists everything that is wrong.

    Raises:
        Refused: an id is missing or none, or a revision is none.
    """
    errors: words.Errors = {}
    for path, item in items.items():
        if not isinstance(item, dict):
            raise words.bad_json()
        errors |= _errors_of(partial(revision_in, item, path))
        if item.get("updateKey") is None:
            errors |= _errors_of(partial(whole_number, item.get("id"), f"{path}id"))
    if errors:
        raise words.invalid(errors)


def _errors_of(read: Callable[[], Any]) -> Mapping[str, list[words.Words]]:
    """The places that a `CB_VA01` names, none where nothing is wrong."""
    try:
        read()
    except words.Refused as refused:
        if not refused.errors:
            raise
        return refused.errors
    return {}


class _Updating:
    """The items of one request, in their order; two that mean the same record are one draft."""

    def __init__(self, kintone: Kintone, access: Access, *, upsert: bool) -> None:
        self._kintone = kintone
        self._access = access
        self._upsert = upsert
        self._drafting = Drafting(kintone, access)
        self._drafts: dict[str, Draft] = {}
        self._items: list[tuple[str, int, Literal["INSERT", "UPDATE"]]] = []

    def read(self, item: Any, parameter: str, path: str) -> None:
        """Draw up one item; *parameter* begins the paths of its parameters, *path* that of its fields."""
        if not isinstance(item, dict):
            raise words.bad_json()
        record = item.get("record")
        check_shape(self._access.app.fields, {} if record is None else record)
        revision = revision_in(item, parameter)
        key, found = self._target(item, parameter)
        if found is not None:
            self._change(found, record, revision, path)
        elif key is not None and self._again(key) in self._drafts:
            self._change_new(self._again(key), record, path)
        else:
            self._insert(key, record or {}, revision, path)

    def _target(self, item: Mapping[str, Any], parameter: str) -> tuple[Key | None, Record | None]:
        """What an item is found by, and what it finds: a record, or none for one that is to be added."""
        app, given, id = self._access.app, item.get("updateKey"), item.get("id")
        if given is not None and id is not None:
            raise words.illegal_request()  # no source says with which code
        if given is None:
            number = whole_number(id, f"{parameter}id")
            return None, app.records.get(str(number)) if self._upsert else by_id(app, number)
        key = Key(self._kintone, app, given, f"{parameter}updateKey")
        found = key.record_in(app)
        if found is None and not self._upsert:
            raise words.no_match_for_key()
        return key, found

    def _again(self, key: Key) -> str:
        """The draft of an earlier item with the same new key, where the later one is to update it."""
        return f"{key.field}={key.folded}" if self._kintone.unsure.same_new_key == "updates" else ""

    def _change(self, found: Record, record: Any, revision: int, path: str) -> None:
        draft = self._drafts.get(found.id)
        if draft is None:
            draft = self._drafts[found.id] = Draft(path, {}, dict(found.values), found, steps=0)
        check_revision(str(int(found.revision) + draft.steps), revision)
        # Without a record nothing is updated, and the revision stays.
        if record is not None:
            draft.steps += 1
            self._drafting.change(draft, record, path)
        self._items.append((found.id, int(found.revision) + draft.steps, "UPDATE"))

    def _change_new(self, name: str, record: Any, path: str) -> None:
        draft = self._drafts[name]
        draft.steps += 1
        self._drafting.change(draft, record or {}, path)
        self._items.append((name, draft.steps, "UPDATE"))

    def _insert(self, key: Key | None, record: Mapping[str, Any], revision: int, path: str) -> None:
        """A new record, under an id of its own; its key is filled in from the `updateKey`."""
        unsure = self._kintone.unsure
        if revision != -1 and unsure.insert_with_revision == "refused":
            raise words.other_revision()
        if key is not None and key.field in record and unsure.key_in_inserted_record == "refused":
            raise words.illegal_request()
        filled = record if key is None else {key.field: {"value": key.sent}, **record}
        name = (self._again(key) if key is not None else "") or f"new {len(self._items)}"
        self._drafts[name] = self._drafting.new(filled, path, defaults=unsure.insert_like_add)
        self._items.append((name, 1, "INSERT"))

    def answers(self) -> list[dict[str, str]]:
        """Store all; id and revision of each item, and with `upsert` what was done.

        Raises:
            Refused: nothing was stored.
        """
        drafts = [(name, draft) for name, draft in self._drafts.items() if draft.base is None or draft.steps]
        stored = store_all(self._kintone, self._access, self._drafting, [draft for _, draft in drafts])
        ids = {name: record.id for (name, _), record in zip(drafts, stored, strict=True)}
        answers = []
        for name, revision, operation in self._items:
            answer = {"id": ids.get(name, name), "revision": str(revision)}
            answers.append({**answer, "operation": operation} if self._upsert else answer)
        return answers
