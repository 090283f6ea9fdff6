"""Process management, as far as a client sees it: actions that lead from one status to the next, and assignees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renkei_kintone.simulator import refusals, words
from renkei_kintone.simulator.access import Access
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.form import App, Record
from renkei_kintone.simulator.targets import by_id, check_revision, revision_in, whole_number

MOST = 100


def update_status(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`PUT record/status.json`."""
    record, changes = _move(kintone, access.app, parameters, "")
    return {"revision": _changed(access, record, changes, steps=2).revision}


def update_statuses(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`PUT records/status.json`."""
    items = parameters.get("records")
    if items is None:
        raise words.invalid({"records": [words.PARAMETER_REQUIRED]})
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise words.bad_json()
    if len(items) > MOST:
        raise words.invalid({"records": [words.TOO_MANY_UPDATES]})
    moves = [_move(kintone, access.app, item, f"records[{at}].") for at, item in enumerate(items)]
    moved = [_changed(access, record, changes, steps=2) for record, changes in moves]
    return {"records": [{"id": record.id, "revision": record.revision} for record in moved]}


def update_assignees(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`PUT record/assignees.json`; an empty list leaves nobody."""
    record = _record(access.app, parameters, "")
    assignees = parameters.get("assignees")
    if assignees is None:
        raise words.invalid({"assignees": [words.PARAMETER_REQUIRED]})
    if not isinstance(assignees, list):
        raise words.bad_json()
    changes = {"assignees": tuple(_user(kintone, code) for code in assignees)}
    return {"revision": _changed(access, record, changes, steps=1).revision}


def _move(kintone: Kintone, app: App, parameters: Mapping[str, Any], parameter: str) -> tuple[Record, dict[str, Any]]:
    """The record of an action, and how the action changes it."""
    record = _record(app, parameters, parameter)
    name = parameters.get("action")
    if not name:
        raise words.invalid({f"{parameter}action": [words.PARAMETER_REQUIRED]})
    process = app.process or {}
    status = record.status or process["states"][0]
    action = next((each for each in process["actions"] if each["name"] == name and each["from"] == status), None)
    if action is None:
        raise refusals.no_such_action()
    assignee = parameters.get("assignee")
    return record, {"status": action["to"], "assignees": (_user(kintone, assignee),) if assignee else ()}


def _record(app: App, parameters: Mapping[str, Any], parameter: str) -> Record:
    record = by_id(app, whole_number(parameters.get("id"), f"{parameter}id"))
    if app.process is None:
        raise refusals.no_process()
    check_revision(record.revision, revision_in(parameters, parameter))
    return record


def _user(kintone: Kintone, code: Any) -> str:
    if str(code) not in kintone.users:
        raise words.no_such_user(str(code))
    return str(code)


def _changed(access: Access, record: Record, changes: Mapping[str, Any], *, steps: int) -> Record:
    """The action and the change of status are two steps of the revision; the user is the one who called."""
    return access.app.change(record.id, steps=steps, modifier=access.caller.user, **changes)
