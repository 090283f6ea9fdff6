"""The API calls: one function each, from parameters to the JSON of the answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.access import Access, app_id, enter, tokens_in
from renkei_kintone.simulator.adding import Writer, add
from renkei_kintone.simulator.domain import Kintone

MOST_READ = 500


class NotSimulated(Exception):
    """A call that real kintone has and the simulator has not."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, taken apart.

    Attributes:
        token: the header's text, None without the header.
        space: the guest space of the path.
        parameters: from the query, or from the JSON body.
        upload: name and size of an uploaded file.
        broken: what is wrong with the body; told only to those whose token is known.
    """

    method: str
    api: str
    token: str | None
    space: str | None
    parameters: Mapping[str, Any]
    upload: tuple[str, int] | None = None
    broken: words.Refused | None = None


def answer(kintone: Kintone, call: Call) -> dict[str, Any]:
    """The JSON of a successful answer.

    Raises:
        Refused: kintone refuses the call.
        NotSimulated: the call is beyond the simulator.
    """
    tokens = tokens_in(kintone, call.token)
    if call.broken is not None:
        raise call.broken
    if (call.method, call.api) == ("POST", "file"):
        return _keep_file(kintone, call)  # any valid token; the rule applies when it is attached
    known = _CALLS.get((call.method, call.api))
    if known is None:
        raise NotSimulated(f"{call.method} {call.api}.json")
    name = "id" if call.api == "app" else "app"
    parameter = call.parameters.get(name)
    access = enter(kintone, tokens, parameter, name=name, space=call.space, needs=known.needs)
    if known.run is None:
        raise NotSimulated(f"{call.method} {call.api}.json")
    return known.run(kintone, access, call.parameters)


def _keep_file(kintone: Kintone, call: Call) -> dict[str, Any]:
    if call.upload is None:
        raise words.illegal_request()
    key = str(uuid.uuid4())
    kintone.files[key] = {
        "name": call.upload[0],
        "size": str(call.upload[1]),
        "contentType": "application/octet-stream",
    }
    return {"fileKey": key}


def _app(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    person = {"code": "Administrator", "name": "Administrator"}
    instant = "2026-01-05T00:00:00.000Z"
    return {
        "appId": access.app.id,
        "code": "",
        "name": access.app.name,
        "description": "",
        "spaceId": access.app.guest_space,
        "threadId": None,
        "createdAt": instant,
        "creator": person,
        "modifiedAt": instant,
        "modifier": person,
    }


def _fields(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a lookup are null where no token has a permission for the app that it refers to."""
    seen = access.visible_apps("view", "add", "manage")
    properties = {}
    for code, item in access.app.fields.items():
        hidden = item.get("lookup") and item["lookup"]["relatedApp"]["app"] not in seen
        properties[code] = item | {"lookup": None} if hidden else item
    return {"properties": properties, "revision": "1"}


def _add_records(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    if parameters.get("records") is None:
        raise words.invalid({"records": [words.PARAMETER_REQUIRED]})
    stored = add(kintone, access.app, parameters["records"], _writer(access))
    return {"ids": [record.id for record in stored], "revisions": [record.revision for record in stored]}


def _add_record(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    stored = add(kintone, access.app, [parameters.get("record") or {}], _writer(access), prefix="record")
    return {"id": stored[0].id, "revision": stored[0].revision}


def _writer(access: Access) -> Writer:
    return Writer(visible_apps=access.visible_apps("view"), manages="manage" in access.permissions)


def _record(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    wanted = app_id(parameters.get("id"), "id")
    record = access.app.records.get(wanted)
    if record is None:
        raise words.no_such_record(wanted)
    return {"record": access.app.typed(record)}


def _records(kintone: Kintone, access: Access, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The newest first, as kintone orders them without a query. Queries are not simulated."""
    if parameters.get("query"):
        raise NotSimulated("a query")
    newest = list(reversed(access.app.records.values()))[:MOST_READ]
    total = str(len(access.app.records)) if str(parameters.get("totalCount", "")).lower() == "true" else None
    return {"records": [access.app.typed(record) for record in newest[:100]], "totalCount": total}


@dataclass(frozen=True, slots=True)
class _Known:
    """What a call needs, and what does it; None where only the permission is simulated."""

    needs: frozenset[str]
    run: Callable[[Kintone, Access, Mapping[str, Any]], dict[str, Any]] | None = None


_VIEW_OR_ADD = frozenset({"view", "add"})
_VIEW, _ADD, _EDIT, _DELETE, _MANAGE = (frozenset({name}) for name in ("view", "add", "edit", "delete", "manage"))

_CALLS: Mapping[tuple[str, str], _Known] = {
    ("GET", "app"): _Known(_VIEW_OR_ADD, _app),
    ("GET", "app/form/fields"): _Known(_VIEW_OR_ADD | _MANAGE, _fields),
    ("POST", "records"): _Known(_ADD, _add_records),
    ("POST", "record"): _Known(_ADD, _add_record),
    ("GET", "record"): _Known(_VIEW, _record),
    ("GET", "records"): _Known(_VIEW, _records),
    # Refused without the permission; with it, beyond the simulator.
    ("GET", "app/form/layout"): _Known(_VIEW_OR_ADD),
    ("GET", "app/settings"): _Known(_VIEW),
    ("GET", "preview/app/form/fields"): _Known(_MANAGE),
    ("POST", "records/cursor"): _Known(_VIEW),
    ("PUT", "record"): _Known(_EDIT),
    ("PUT", "records"): _Known(_EDIT),
    ("PUT", "record/status"): _Known(_EDIT),
    ("DELETE", "records"): _Known(_DELETE),
}
