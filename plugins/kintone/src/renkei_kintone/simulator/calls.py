"""The API calls: which permission each needs, and which function answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from renkei_kintone.simulator import adding, apps, bulk, cursors, deleting, process, reading, updating, words
from renkei_kintone.simulator.access import NOTHING, Access, Caller, caller_of, enter
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.files import StoredFile, TooLarge

_Run = Callable[[Kintone, Access, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, taken apart.

    Attributes:
        token: the header's text, None without the header; a repeated header is joined with commas.
        password: the text of the password header, None without it.
        space: the guest space of the path.
        parameters: from the query, or from the JSON body.
        upload: an uploaded file.
        broken: what is wrong with the body; told only to those whose token is known.
    """

    method: str
    api: str
    token: str | None
    space: str | None
    parameters: Mapping[str, Any]
    upload: StoredFile | None = None
    broken: words.Refused | None = None
    password: str | None = None


_WithoutApp = Callable[[Kintone, Caller, Call], Any]


def answer(kintone: Kintone, call: Call) -> Any:
    """The JSON of a successful answer.

    Raises:
        Refused: kintone refuses the call.
        NotSimulated: the call is beyond the simulator.
    """
    caller = caller_of(kintone, call.token, call.password)
    if call.broken is not None:
        raise call.broken
    without_app = _WITHOUT_APP.get((call.method, call.api))
    if without_app is not None:
        return without_app(kintone, caller, call)
    return perform(kintone, caller, call.method, call.api, call.space, call.parameters)


def perform(
    kintone: Kintone,
    caller: Caller,
    method: str,
    api: str,
    space: str | None,
    parameters: Mapping[str, Any],
    *,
    counts: bool = True,
) -> Any:
    """The JSON of one call that names its app: a request of its own, or a part of a `bulkRequest`.

    It *counts* on the app's figure of the day.

    Raises:
        Refused: kintone refuses the call.
        NotSimulated: the call is beyond the simulator.
    """
    known = _CALLS.get((method, api))
    if known is None:
        raise words.NotSimulated(f"{method} {api}.json")
    needs = known.needs(kintone, parameters) if callable(known.needs) else known.needs
    access = enter(kintone, caller, parameters.get(known.app), name=known.app, space=space, needs=needs)
    if counts:
        _count(kintone, access)
    return known.run(kintone, access, parameters)


def _count(kintone: Kintone, access: Access) -> None:
    """Count a request of the app; the figure of the contract refuses nothing, unless it is told to."""
    if kintone.count(access.app.id) > kintone.daily_limit and kintone.unsure.over_daily_limit == "refused":
        raise words.too_many_requests()


def _keep_file(kintone: Kintone, caller: Caller, call: Call) -> dict[str, Any]:
    if call.upload is None:
        raise words.illegal_request()
    try:
        return {"fileKey": kintone.files.upload(call.upload)}
    except TooLarge as error:
        raise words.NotSimulated(str(error)) from None


def _file(kintone: Kintone, caller: Caller, call: Call) -> StoredFile:
    """The bytes of a file, for those who may view the records of its app."""
    return kintone.files.download(call.parameters, caller.visible_apps("view"))


def _bulk(kintone: Kintone, caller: Caller, call: Call) -> dict[str, Any]:
    counts = True

    def inner(method: str, api: str, space: str | None, parameters: Mapping[str, Any]) -> Any:
        nonlocal counts
        counted, counts = counts, kintone.unsure.bulk_counts == "each"
        return perform(kintone, caller, method, api, space, parameters, counts=counted)

    return bulk.run(kintone, call.parameters, inner)


def _of_cursor(run: _Run) -> _WithoutApp:
    """A call that names a cursor, whose app must be one that the caller may view."""

    def running(kintone: Kintone, caller: Caller, call: Call) -> Any:
        app = cursors.app_of(kintone, call.parameters)
        access = enter(kintone, caller, app, name="app", space=call.space, needs=_VIEW)
        _count(kintone, access)
        return run(kintone, access, call.parameters)

    return running


def _of_space(run: Callable[[Kintone, Caller, Mapping[str, Any], str | None], Any]) -> _WithoutApp:
    """A call that concerns all apps, or several, of the domain or of one guest space."""
    return lambda kintone, caller, call: run(kintone, caller, call.parameters, call.space)


def _settings_need(kintone: Kintone, parameters: Mapping[str, Any]) -> frozenset[str]:
    needed = {"view": _VIEW, "view_or_add": _VIEW_OR_ADD, "manage": _MANAGE}
    return needed[kintone.unsure.settings_permission]


def _adding_needs(kintone: Kintone, parameters: Mapping[str, Any]) -> frozenset[str]:
    unchecked = parameters.get("records") == [] and not kintone.unsure.empty_add_checks_permission
    return NOTHING if unchecked else _ADD


@dataclass(frozen=True, slots=True)
class _Known:
    """What a call needs, and what does it.

    Attributes:
        app: the name of the parameter that names the app.
    """

    needs: frozenset[str] | Callable[[Kintone, Mapping[str, Any]], frozenset[str]]
    run: _Run
    app: str = "app"


_VIEW_OR_ADD = frozenset({"view", "add"})
_VIEW, _ADD, _EDIT, _DELETE, _MANAGE = (frozenset({name}) for name in ("view", "add", "edit", "delete", "manage"))

_WITHOUT_APP: Mapping[tuple[str, str], _WithoutApp] = {
    ("POST", "file"): _keep_file,  # any valid token; the rule applies when it is attached
    ("GET", "file"): _file,
    ("POST", "bulkRequest"): _bulk,
    ("GET", "records/cursor"): _of_cursor(cursors.read),
    ("DELETE", "records/cursor"): _of_cursor(cursors.delete),
    ("GET", "apps"): _of_space(apps.apps),
    ("POST", "preview/app/deploy"): _of_space(apps.deploy),
    ("GET", "preview/app/deploy"): _of_space(apps.deployed),
}
"""Calls that name no app, or several: they see to permissions themselves."""

_CALLS: Mapping[tuple[str, str], _Known] = {
    ("GET", "app"): _Known(_VIEW_OR_ADD, apps.app, app="id"),
    ("GET", "app/form/fields"): _Known(_VIEW_OR_ADD | _MANAGE, apps.fields),
    ("GET", "app/form/layout"): _Known(_VIEW_OR_ADD, apps.layout),
    ("GET", "app/settings"): _Known(_settings_need, apps.settings),
    ("GET", "form"): _Known(_VIEW_OR_ADD, apps.form),
    ("GET", "preview/app/form/fields"): _Known(_MANAGE, apps.preview_fields),
    ("POST", "preview/app/form/fields"): _Known(_MANAGE, apps.add_fields),
    ("PUT", "preview/app/form/fields"): _Known(_MANAGE, apps.change_fields),
    ("DELETE", "preview/app/form/fields"): _Known(_MANAGE, apps.delete_fields),
    ("GET", "preview/app/form/layout"): _Known(_MANAGE, apps.preview_layout),
    ("POST", "records"): _Known(_adding_needs, adding.add_records),
    ("POST", "record"): _Known(_ADD, adding.add_record),
    ("GET", "record"): _Known(_VIEW, reading.record),
    ("GET", "records"): _Known(_VIEW, reading.records),
    ("POST", "records/cursor"): _Known(_VIEW, cursors.create),
    ("PUT", "record"): _Known(_EDIT, updating.update_record),
    ("PUT", "records"): _Known(_EDIT, updating.update_records),
    ("PUT", "record/status"): _Known(_EDIT, process.update_status),
    ("PUT", "records/status"): _Known(_EDIT, process.update_statuses),
    ("PUT", "record/assignees"): _Known(_EDIT, process.update_assignees),
    ("DELETE", "records"): _Known(_DELETE, deleting.delete_records),
}


def known_calls() -> frozenset[tuple[str, str]]:
    """Method and name of every call that is simulated."""
    return frozenset(_WITHOUT_APP) | frozenset(_CALLS)
