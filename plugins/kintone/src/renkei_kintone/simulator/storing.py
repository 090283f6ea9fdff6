"""The end of every write: what is left to check, then all records are stored, or none."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.access import Access
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.drafts import Draft, Drafting
from renkei_kintone.simulator.form import App, Record, unset
from renkei_kintone.simulator.lookups import look_up, lookups
from renkei_kintone.simulator.shapes import MANAGED, PROCESS
from renkei_kintone.simulator.values import Fault, Rules, taken_apart

_COMPUTED = frozenset({"CALC", "RECORD_NUMBER"})
_DETAILS = {
    "CREATOR": "creator",
    "MODIFIER": "modifier",
    "CREATED_TIME": "created_at",
    "UPDATED_TIME": "updated_at",
}


def store_all(kintone: Kintone, access: Access, drafting: Drafting, drafts: list[Draft]) -> list[Record]:
    """Store *drafts*, in their order.

    Raises:
        Refused: nothing was stored. `CB_VA01` lists all that is wrong with all records; every other code tells of the
            first problem only, and not where it is.
    """
    for draft in drafts:
        if draft.base is None and "manage" in access.permissions:
            _take_managed(kintone, access.app, draft, drafting)
    drafting.check_unique(drafts)
    if drafting.errors:
        raise words.invalid(drafting.errors)
    fresh_files: set[str] = set()
    visible = access.visible_apps("view")
    settings = lookups(access.app.fields)
    for draft in drafts:
        _check_references(kintone, access.app, draft, fresh_files)
        look_up(kintone, access.app.fields, settings, draft.values, draft.sent, visible)
        _look_up_in_rows(kintone, access.app, draft, visible)
    for draft in drafts:
        _check_not_written(kintone, access, draft)
    instant = kintone.instant()
    return [_store(kintone, access, draft, instant) for draft in drafts]


def _take_managed(kintone: Kintone, app: App, draft: Draft, drafting: Drafting) -> None:
    """Creator, modifier and times of a record that is added by who may manage the app."""
    for code in draft.sent:
        native = app.fields[code]["type"] if code in app.fields else ""
        value = draft.sent[code].get("value") if native in MANAGED else None
        if not value:
            continue
        if native in ("CREATOR", "MODIFIER"):
            draft.details[_DETAILS[native]] = value["code"]
            continue
        stored, faults = taken_apart(app.fields[code], value, Rules(app.digits, app.decimals, unsure=kintone.unsure))
        drafting.note(draft.path, code, faults)
        draft.details[_DETAILS[native]] = stored
    if kintone.unsure.times_checked:
        _check_times(kintone.instant(), app, draft, drafting)


def _check_times(now: str, app: App, draft: Draft, drafting: Drafting) -> None:
    """Neither time is in the future, and no update comes before the creation. Instants of one form sort as texts."""
    created = draft.details.get("created_at") or now
    updated = draft.details.get("updated_at") or now
    wrong = {"CREATED_TIME": created > now, "UPDATED_TIME": updated > now or updated < created}
    for code in draft.sent:
        if code in app.fields and wrong.get(app.fields[code]["type"]):
            drafting.note(draft.path, code, [Fault(".value", words.NOT_A_PAST_TIME)])


def _check_references(kintone: Kintone, app: App, draft: Draft, fresh_files: set[str]) -> None:
    """Users, organizations, groups and files that are written; the first that is unknown."""
    for user in (draft.details.get("creator"), draft.details.get("modifier")):
        if user is not None and user not in kintone.users:
            raise words.no_such_user(user)
    # An update keeps a file that the record holds already by naming it.
    listed = files_of(app, draft.base.values) if draft.base is not None else {}
    for code, native, values in _references(app, draft.values):
        if code not in draft.sent:
            continue
        for value in values:
            _check_reference(kintone, native, value, listed, fresh_files)


def _check_reference(
    kintone: Kintone, native: str, value: dict[str, str], listed: Mapping[str, dict[str, str]], fresh_files: set[str]
) -> None:
    if native == "USER_SELECT" and value["code"] not in kintone.users:
        raise words.no_such_user(value["code"])
    if native == "ORGANIZATION_SELECT" and value["code"] not in kintone.organizations:
        raise words.no_such_organization(value["code"])
    if native == "GROUP_SELECT" and kintone.unsure.unknown_group == "refused" and value["code"] not in kintone.groups:
        raise words.no_such_group(value["code"])
    if native != "FILE":
        return
    key = value["fileKey"]
    if key in listed:
        value |= listed[key]
        return
    again = key in fresh_files and kintone.unsure.file_key_twice == "refused"
    if again or key not in kintone.files.uploads:
        raise words.no_such_file(key)
    fresh_files.add(key)


_REFERRING = ("USER_SELECT", "ORGANIZATION_SELECT", "GROUP_SELECT", "FILE")


def _references(app: App, values: Mapping[str, Any]) -> Iterator[tuple[str, str, list[dict[str, str]]]]:
    """Every field that names users, organizations, groups or files, and its values; a column's by its table's code."""
    for code, value in values.items():
        item = app.fields.get(code)
        if item is None:
            continue
        if item["type"] in _REFERRING:
            yield code, item["type"], value
        elif item["type"] == "SUBTABLE":
            for row in value:
                for cell in row["value"].values():
                    if cell["type"] in _REFERRING:
                        yield code, cell["type"], cell["value"]


def files_of(app: App, values: dict[str, Any]) -> dict[str, dict[str, str]]:
    """All files that a record of these values holds, by the key under which it lists each."""
    return {
        file["fileKey"]: file for _, native, files in _references(app, values) if native == "FILE" for file in files
    }


def _look_up_in_rows(kintone: Kintone, app: App, draft: Draft, visible: Collection[str]) -> None:
    """Lookups in the rows that were sent."""
    for code in draft.sent:
        columns = app.fields[code].get("fields", {}) if code in app.fields else {}
        settings = lookups(columns)
        if not settings:
            continue
        sent = [row.get("value", {}) for row in draft.sent[code].get("value") or () if row.get("value", {}) is not None]
        for row, named in zip(draft.values.get(code, ()), sent, strict=False):
            cells = row["value"]
            plain = {inner: cell["value"] for inner, cell in cells.items() if cell["value"] not in (None, "", [])}
            look_up(kintone, columns, settings, plain, named, visible)
            for inner, cell in cells.items():
                cell["value"] = plain.get(inner, unset(cell["type"]))


def _check_not_written(kintone: Kintone, access: Access, draft: Draft) -> None:
    """Types that only kintone writes, or only who may manage the app."""
    for code in draft.sent:
        item = access.app.fields.get(code)
        if item is None:
            continue
        native = item["type"]
        computed = native in _COMPUTED or bool(item.get("expression"))
        if native in PROCESS or (computed and kintone.unsure.computed_writes == "refused"):
            raise words.type_not_writable(native)
        if native in MANAGED and draft.base is not None:
            raise words.type_not_writable(native)
        if native in MANAGED and "manage" not in access.permissions:
            raise words.needs_manage(item["label"], kintone.unsure.needs_manage_status)


def _store(kintone: Kintone, access: Access, draft: Draft, instant: str) -> Record:
    app, user = access.app, access.caller.user
    reusable = kintone.unsure.file_key_twice == "accepted"
    for code, native, files in _references(app, draft.values):
        for at, file in enumerate(files):
            if native == "FILE" and "name" not in file and code in draft.sent:
                files[at] = kintone.files.attach(file["fileKey"], app.id, reusable=reusable)
    if draft.base is not None:
        dropped = set(files_of(app, draft.base.values)) - set(files_of(app, draft.values))
        for key in dropped:
            kintone.files.forget(key)
        return app.change(draft.base.id, steps=draft.steps, values=draft.values, updated_at=instant, modifier=user)
    details = {"created_at": instant, "creator": user, **draft.details}
    if details["created_at"] != instant:
        details.setdefault("updated_at", instant)
    return app.store(draft.values, revision=str(draft.steps), **details)
