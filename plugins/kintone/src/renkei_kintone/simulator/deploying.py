"""The step between changing an app's settings and their taking effect: "Update app"."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from renkei_kintone.simulator import refusals, words
from renkei_kintone.simulator.domain import Kintone, Token
from renkei_kintone.simulator.form import App, complete, unique_keys

Form = dict[str, dict[str, Any]]


_TYPES: Mapping[str, tuple[type, ...]] = {
    "type": (str,),
    "code": (str,),
    "label": (str,),
    "options": (dict,),
    "fields": (dict,),
    "lookup": (dict,),
    "referenceTable": (dict,),
    "expression": (str,),
}
"""JSON types of the settings that are read here; the others are only listed."""


@dataclass(slots=True)
class Draft:
    """The settings of an app as its manager sees them, before "Update app".

    Attributes:
        moves: what became of live field codes: another code, or None where the field was deleted.
        options: by new field code, what became of the names of its options.
        tokens: changed permissions; None for a deleted token.
        revision: of the settings; every change counts it up.
    """

    fields: Form
    revision: int
    moves: dict[str, str | None] = field(default_factory=dict)
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, Token | None] = field(default_factory=dict)


def draft_of(kintone: Kintone, app: App) -> Draft:
    """The app's draft; the first time, a copy of what is live."""
    if app.id not in kintone.drafts:
        kintone.drafts[app.id] = Draft(deepcopy(app.fields), revision_of(kintone, app))
    return kintone.drafts[app.id]


def revision_of(kintone: Kintone, app: App) -> int:
    """The revision of the live settings."""
    return kintone.settings_revisions.get(app.id, 1)


def update_app(kintone: Kintone, app: App) -> None:
    """Press "Update app": fields, permissions and new tokens take effect."""
    draft = kintone.drafts.pop(app.id, None)
    if draft is not None:
        _carry_over(app, draft)
        kintone.settings_revisions[app.id] = draft.revision
        for value, token in draft.tokens.items():
            kintone.tokens.pop(value, None)
            if token is not None:
                kintone.tokens[value] = token
    for value, token in kintone.tokens.items():
        if token.app == app.id and not token.deployed:
            kintone.tokens[value] = replace(token, deployed=True)


def discard(kintone: Kintone, app: App) -> None:
    """Press "Discard changes"."""
    kintone.drafts.pop(app.id, None)


def set_token(kintone: Kintone, token: Token) -> None:
    """Generate a token, or change the permissions of one; both wait for "Update app"."""
    if token.value in kintone.tokens and kintone.tokens[token.value].deployed:
        draft_of(kintone, kintone.apps[token.app]).tokens[token.value] = replace(token, deployed=True)
    else:
        kintone.tokens[token.value] = replace(token, deployed=False)


def delete_token(kintone: Kintone, value: str) -> None:
    """Delete a token; it works until "Update app"."""
    token = kintone.tokens[value]
    draft_of(kintone, kintone.apps[token.app]).tokens[value] = None


def add_fields(draft: Draft, properties: Mapping[str, Any]) -> None:
    """Add fields to a draft.

    Raises:
        Refused: a code is taken, a description has no type, or a setting has the wrong JSON type.
    """
    _check_types(properties)
    for code, given in properties.items():
        columns = {f".fields[{inner}]": column for inner, column in given.get("fields", {}).items()}
        for path, each in {"": given, **columns}.items():
            if "type" not in each:
                raise words.invalid({f"properties[{code}]{path}.type": [words.PARAMETER_REQUIRED]})
        if _home(draft.fields, code) is not None:
            raise words.invalid({f"properties[{code}].code": [refusals.CODE_TAKEN]})
    for code, given in properties.items():
        draft.fields[code] = complete(code, given)
    draft.revision += bool(properties)


def change_fields(draft: Draft, properties: Mapping[str, Any]) -> None:
    """Change fields of a draft: settings, code, the list of options.

    Raises:
        Refused: there is no such field, the new code is taken, or a setting has the wrong JSON type.
    """
    _check_types(properties)
    for code, change in properties.items():
        if _home(draft.fields, code) is None:
            raise refusals.no_field_in_form(code)
        new = change.get("code", code)
        if new != code and _home(draft.fields, new) is not None:
            raise words.invalid({f"properties[{code}].code": [refusals.CODE_TAKEN]})
    for code, change in properties.items():
        _change(draft, code, change)
    draft.revision += bool(properties)


def delete_fields(draft: Draft, codes: list[str]) -> None:
    """Delete fields from a draft.

    Raises:
        Refused: there is no such field.
    """
    for code in codes:
        if _home(draft.fields, code) is None:
            raise refusals.no_field_in_form(code)
    for code in codes:
        home = _home(draft.fields, code) or {}
        home.pop(code, None)
        draft.moves[_live_code(draft, code)] = None
    draft.revision += bool(codes)


def _check_types(properties: Mapping[str, Any]) -> None:
    """Check the settings that the simulator itself reads.

    Raises:
        Refused: one has the wrong JSON type.
    """
    for given in properties.values():
        if not isinstance(given, dict) or any(
            not isinstance(given[name], kinds) for name, kinds in _TYPES.items() if name in given
        ):
            raise words.bad_json()
        _check_types(given.get("fields", {}))
        options = given.get("options")
        if isinstance(options, dict) and not all(isinstance(option, dict) for option in options.values()):
            raise words.bad_json()


def _change(draft: Draft, code: str, change: Mapping[str, Any]) -> None:
    home = _home(draft.fields, code) or {}
    new = str(change.get("code", code))
    changed = home[code] | {key: value for key, value in change.items() if key not in ("options", "fields")}
    if "options" in change and "options" in changed:
        renamed = {name: str(option.get("label", name)) for name, option in change["options"].items()}
        changed["options"] = {
            renamed[name]: {**option, "label": renamed[name]} for name, option in change["options"].items()
        }
        draft.options.setdefault(new, {}).update(renamed)
    if new != code:
        draft.moves[_live_code(draft, code)] = new
        draft.options[new] = draft.options.pop(code, {}) | draft.options.get(new, {})
    replaced = {(new if each == code else each): (changed if each == code else item) for each, item in home.items()}
    home.clear()
    home.update(replaced)


def _live_code(draft: Draft, code: str) -> str:
    """The code that a field of the draft has in the live form."""
    return next((live for live, moved in draft.moves.items() if moved == code), code)


def _home(form: Form, code: str) -> Form | None:
    """The form, or the table in it, that has a field of that code."""
    if code in form:
        return form
    tables = (item["fields"] for item in form.values() if item["type"] == "SUBTABLE")
    return next((fields for fields in tables if code in fields), None)


def _carry_over(app: App, draft: Draft) -> None:
    """Take the records along: under new codes and names, without what was deleted."""
    for id, record in app.records.items():
        app.records[id] = replace(record, values=_moved(record.values, draft.fields, draft))
    taken = {draft.moves.get(code, code): keys for code, keys in app.taken.items()}
    app.taken = {code: keys for code, keys in taken.items() if code and draft.fields.get(code, {}).get("unique")}
    app.fields = draft.fields
    for record in app.records.values():
        for code, key in unique_keys(app, record.values):
            app.taken.setdefault(code, {})[key] = record.id


def _moved(values: Mapping[str, Any], form: Form, draft: Draft) -> dict[str, Any]:
    moved = {}
    for code, value in values.items():
        new = draft.moves.get(code, code)
        if new is None or new not in form:
            continue
        if form[new]["type"] == "SUBTABLE":
            value = [row | {"value": _moved(row["value"], form[new]["fields"], draft)} for row in value]
        kept = _chosen(form[new], value, draft.options.get(new, {}))
        if kept is not None and kept != []:
            moved[new] = kept
    return moved


def _chosen(item: Mapping[str, Any], value: Any, renamed: Mapping[str, str]) -> Any:
    """A choice under the new name of its option, or none where the option was deleted."""
    options = item.get("options")
    if not isinstance(options, dict):
        return value
    if isinstance(value, Mapping) and "value" in value:  # a cell of a table
        return {**value, "value": _chosen(item, value["value"], renamed)}
    if isinstance(value, list):
        return [name for name in (renamed.get(each, each) for each in value) if name in options]
    name = renamed.get(value, value)
    return name if name in options else None
