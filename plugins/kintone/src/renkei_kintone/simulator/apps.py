"""What an app says of itself, live and before "Update app", and changes of its form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renkei_kintone.simulator import deploying, refusals, words
from renkei_kintone.simulator.access import Access, Caller, enter
from renkei_kintone.simulator.deploying import Form
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.form import App
from renkei_kintone.simulator.reading import boolean_of
from renkei_kintone.simulator.targets import revision_in, whole_number

MOST_LISTED = 100
_LANGUAGES = ("default", "user", "ja", "en", "zh")
_NOT_IN_LAYOUT = frozenset({"STATUS", "STATUS_ASSIGNEE", "CATEGORY"})
_ADMINISTRATOR = {"code": "Administrator", "name": "Administrator"}
_MADE_AT = "2026-01-05T00:00:00.000Z"
_WIDTH = {"size": {"width": "200"}}

Answer = dict[str, Any]
Parameters = Mapping[str, Any]


def app(kintone: Kintone, access: Access, parameters: Parameters) -> Answer:
    """`GET app.json`."""
    return _described(access.app)


def apps(kintone: Kintone, caller: Caller, parameters: Parameters, space: str | None) -> Answer:
    """`GET apps.json`, for those who log in with a password.

    Raises:
        Refused: the caller has a token, or a parameter is wrong.
    """
    if not caller.by_password:
        raise words.not_permitted()
    part = str(parameters.get("name") or "").lower()
    ids, codes, spaces = (_wanted(parameters, name) for name in ("ids", "codes", "spaceIds"))
    first = _figure(parameters, "offset", 0)
    limit = _figure(parameters, "limit", MOST_LISTED, least=1, most=MOST_LISTED)
    found = [
        each
        for each in kintone.apps.values()
        if each.guest_space == space
        and part in each.name.lower()
        and (not ids or each.id in ids)
        and (not codes or each.code in codes)
        and (not spaces or each.guest_space in spaces)
    ]
    return {"apps": [_described(each) for each in found[first : first + limit]]}


def fields(kintone: Kintone, access: Access, parameters: Parameters) -> Answer:
    """`GET app/form/fields.json`."""
    revision = str(deploying.revision_of(kintone, access.app))
    return {"properties": _properties(access, access.app.fields, parameters), "revision": revision}


def preview_fields(kintone: Kintone, access: Access, parameters: Parameters) -> Answer:
    """`GET preview/app/form/fields.json`."""
    form, revision = _draft(kintone, access.app)
    return {"properties": _properties(access, form, parameters), "revision": revision}


def layout(kintone: Kintone, access: Access, parameters: Parameters) -> Answer:
    """`GET app/form/layout.json`: one row for each field, in the order of the description."""
    return {"layout": _layout(access.app.fields), "revision": str(deploying.revision_of(kintone, access.app))}


def preview_layout(kintone: Kintone, access: Access, parameters: Parameters) -> Answer:
    """`GET preview/app/form/layout.json`."""
    form, revision = _draft(kintone, access.app)
    return {"layout": _layout(form), "revision": revision}


def settings(kintone: Kintone, access: Access, parameters: Parameters) -> Answer:
    """`GET app/settings.json`, with the number precision."""
    found = access.app
    return {
        "name": found.name,
        "description": "",
        "icon": {"type": "PRESET", "key": "APP72"},
        "theme": "WHITE",
        "titleField": {"selectionMode": "AUTO"},
        "enableThumbnails": True,
        "enableBulkDeletion": False,
        "enableComments": True,
        "enableDuplicateRecord": True,
        "enableInlineRecordEditing": True,
        "numberPrecision": {
            "digits": str(found.digits),
            "decimalPlaces": str(found.decimals),
            "roundingMode": found.rounding,
        },
        "firstMonthOfFiscalYear": "4",
        "revision": str(deploying.revision_of(kintone, found)),
    }


def form(kintone: Kintone, access: Access, parameters: Parameters) -> Answer:
    """`GET form.json`, the older description of the form."""
    listed = [item for item in access.app.fields.values() if item["type"] not in (*_NOT_IN_LAYOUT, "GROUP")]
    return {"properties": [_older(item) for item in listed]}


def add_fields(kintone: Kintone, access: Access, parameters: Parameters) -> Answer:
    """`POST preview/app/form/fields.json`."""
    draft = _checked(kintone, access.app, parameters)
    deploying.add_fields(draft, _given(parameters, "properties", dict))
    return {"revision": str(draft.revision)}


def change_fields(kintone: Kintone, access: Access, parameters: Parameters) -> Answer:
    """`PUT preview/app/form/fields.json`."""
    draft = _checked(kintone, access.app, parameters)
    deploying.change_fields(draft, _given(parameters, "properties", dict))
    return {"revision": str(draft.revision)}


def delete_fields(kintone: Kintone, access: Access, parameters: Parameters) -> Answer:
    """`DELETE preview/app/form/fields.json`."""
    draft = _checked(kintone, access.app, parameters)
    codes = _given(parameters, "fields", list)
    if not all(isinstance(code, str) for code in codes):
        raise words.bad_json()
    deploying.delete_fields(draft, codes)
    return {"revision": str(draft.revision)}


def deploy(kintone: Kintone, caller: Caller, parameters: Parameters, space: str | None) -> Answer:
    """`POST preview/app/deploy.json`: "Update app" or, with `revert`, "Discard changes". It is done at once.

    Raises:
        Refused: an app may not be managed, or has another revision; then none is updated.
    """
    wanted = _given(parameters, "apps", list)
    if not caller.by_password and not kintone.unsure.deploy_by_token:
        raise words.not_permitted()
    entered = []
    for at, one in enumerate(wanted):
        if not isinstance(one, dict):
            raise words.bad_json()
        found = _managed(kintone, caller, one.get("app"), f"apps[{at}].app", space)
        _checked(kintone, found, one, f"apps[{at}].")
        entered.append(found)
    act = deploying.discard if boolean_of(parameters, "revert") else deploying.update_app
    for found in entered:
        act(kintone, found)
    return {}


def deployed(kintone: Kintone, caller: Caller, parameters: Parameters, space: str | None) -> Answer:
    """`GET preview/app/deploy.json`: always done."""
    wanted = _given(parameters, "apps", list)
    found = [_managed(kintone, caller, each, f"apps[{at}]", space) for at, each in enumerate(wanted)]
    return {"apps": [{"app": each.id, "status": "SUCCESS"} for each in found]}


def _managed(kintone: Kintone, caller: Caller, parameter: Any, name: str, space: str | None) -> App:
    return enter(kintone, caller, parameter, name=name, space=space, needs=frozenset({"manage"})).app


def _described(found: App) -> Answer:
    return {
        "appId": found.id,
        "code": found.code,
        "name": found.name,
        "description": "",
        "spaceId": found.guest_space,
        "threadId": found.guest_space,
        "createdAt": _MADE_AT,
        "creator": _ADMINISTRATOR,
        "modifiedAt": _MADE_AT,
        "modifier": _ADMINISTRATOR,
    }


def _properties(access: Access, shown: Form, parameters: Parameters) -> Form:
    """Settings of a lookup are null where no token has a permission for the app that it refers to."""
    if parameters.get("lang") is not None and parameters["lang"] not in _LANGUAGES:
        raise words.invalid({"lang": [refusals.NOT_IN_ENUM]})
    seen = access.visible_apps("view", "add", "manage")
    return {code: _seen(item, seen) for code, item in shown.items()}


def _seen(item: dict[str, Any], seen: frozenset[str]) -> dict[str, Any]:
    if item["type"] == "SUBTABLE":
        return item | {"fields": {code: _seen(inner, seen) for code, inner in item["fields"].items()}}
    for setting in ("lookup", "referenceTable"):
        if item.get(setting) and str(item[setting]["relatedApp"]["app"]) not in seen:
            return item | {setting: None}
    return item


def _draft(kintone: Kintone, found: App) -> tuple[Form, str]:
    draft = kintone.drafts.get(found.id)
    if draft is None:
        return found.fields, str(deploying.revision_of(kintone, found))
    return draft.fields, str(draft.revision)


def _checked(kintone: Kintone, found: App, parameters: Parameters, path: str = "") -> deploying.Draft:
    """The app's draft, if it has the revision that the request expects; *path* begins that of the parameter."""
    draft = deploying.draft_of(kintone, found)
    if revision_in(parameters, path) not in (-1, draft.revision):
        raise refusals.settings_changed()
    return draft


def _wanted(parameters: Parameters, name: str) -> set[str]:
    """The values of a list among the parameters, none where it is missing."""
    values = parameters.get(name)
    if values is not None and not isinstance(values, list):
        raise words.bad_json()
    return {str(each) for each in values or ()}


def _figure(parameters: Parameters, name: str, usual: int, least: int = 0, most: int | None = None) -> int:
    value = parameters.get(name)
    return usual if value is None else whole_number(value, name, least, most)


def _given(parameters: Parameters, name: str, kind: type) -> Any:
    value = parameters.get(name)
    if value is None:
        raise words.invalid({name: [words.PARAMETER_REQUIRED]})
    if not isinstance(value, kind):
        raise words.bad_json()
    return value


def _layout(shown: Form) -> list[Answer]:
    rows: list[Answer] = []
    for code, item in shown.items():
        if item["type"] == "SUBTABLE":
            inner = [{"type": each["type"], "code": each["code"], **_WIDTH} for each in item["fields"].values()]
            rows.append({"type": "SUBTABLE", "code": code, "fields": inner})
        elif item["type"] == "GROUP":
            rows.append({"type": "GROUP", "code": code, "layout": []})
        elif item["type"] not in _NOT_IN_LAYOUT:
            rows.append({"type": "ROW", "fields": [{"type": item["type"], "code": code, **_WIDTH}]})
    return rows


def _older(item: Mapping[str, Any]) -> Answer:
    """One field as `form.json` has it: options are a list, unset figures are null, lookups are not described."""
    shown = {key: value for key, value in item.items() if key not in ("options", "fields", "lookup", "index")}
    for setting in ("minLength", "maxLength", "minValue", "maxValue"):
        if shown.get(setting) == "":
            shown[setting] = None
    if isinstance(item.get("options"), dict):
        shown["options"] = list(item["options"])
    if item["type"] == "SUBTABLE":
        shown["fields"] = [_older(inner) for inner in item["fields"].values()]
    return shown
