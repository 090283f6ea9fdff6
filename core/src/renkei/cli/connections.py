"""`renkei connections …`, `targets`, `fields`: accounts, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.commands import command
from renkei.cli.forms import Form, pairs
from renkei.cli.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from renkei.engine import Connection
    from renkei.spec import Field

Name = Annotated[str, typer.Argument(help="Name of the connection.", show_default=False)]
Set = Annotated[list[str] | None, typer.Option("--set", help="A setting, name=value. Not for secrets. Repeatable.")]
Secret = Annotated[
    list[str] | None,
    typer.Option("--secret", help="A secret, name=env:VARIABLE or name=- for a line of standard input. Repeatable."),
]
TargetId = Annotated[str | None, typer.Option("--target", help="Id of the target; not needed where there is one.")]
Options = Annotated[list[str] | None, typer.Option("--option", help="An option of the target, name=value. Repeatable.")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="Stored, tested settings and credentials of accounts.", no_args_is_help=True)
    app.add_typer(group, name="connections")
    command(group, "add")(add)
    command(group, "list")(show_all)
    command(group, "test")(test)
    command(group, "renew")(renew)
    command(group, "rename")(rename)
    command(group, "delete")(delete)
    command(app, "targets")(targets)
    command(app, "fields")(fields)


def add(
    scope: Scope,
    backend: Annotated[str, typer.Argument(help="Id of the backend; `renkei backends` lists them.")],
    name: Annotated[str | None, typer.Option("--name", help="Its name; the backend's id if left out.")] = None,
    given: Set = None,
    secret: Secret = None,
) -> None:
    """Authenticate, then store a connection; secrets are sealed.

    What is not given is asked for at a terminal. A secret may also stand in the variable RENKEI_BACKEND_FIELD, such
    as RENKEI_KINTONE_API_TOKEN.
    """
    form = _form(scope, backend)
    settings = form.fill(given or (), secret or ())
    chosen = name or _free_name(scope, backend)
    made = scope.engine.connections.add(scope.tenant, scope.actor, chosen, backend=backend, settings=settings)
    _show_one(scope, made, ja="認証に成功し、保存しました", en="Authenticated and stored")


def show_all(scope: Scope) -> None:
    """List the tenant's connections, without secrets."""
    found = scope.engine.connections.all(scope.tenant, scope.actor)
    if scope.json:
        scope.out.document(found)
        return
    headings = (
        ("名前", "連携先", "アカウント", "設定", "最終確認")
        if scope.language == "ja"
        else ("name", "backend", "account", "settings", "last tested")
    )
    scope.out.table(headings, [(c.name, c.backend, c.account, _settings(c), c.tested_at) for c in found])


def test(scope: Scope, name: Name) -> None:
    """Ask the backend whether the stored settings still hold; blocked deliveries are then tried at once."""
    tested = scope.engine.connections.test(scope.tenant, scope.actor, name)
    _show_one(scope, tested, ja="接続できました", en="It works")


def renew(scope: Scope, name: Name, given: Set = None, secret: Secret = None) -> None:
    """Replace settings of the same account, once proven: those given, or every required secret where none is."""
    stored = scope.engine.connections.get(scope.tenant, scope.actor, name)
    form = _form(scope, stored.backend)
    settings = form.fill(given or (), secret or (), all_fields=False) or form.ask_for_secrets()
    renewed = scope.engine.connections.renew(scope.tenant, scope.actor, name, settings=settings)
    _show_one(scope, renewed, ja="認証に成功し、更新しました", en="Authenticated and renewed")


def rename(
    scope: Scope, name: Name, new_name: Annotated[str, typer.Argument(help="Its new name.", show_default=False)]
) -> None:
    """Give a connection another name."""
    renamed = scope.engine.connections.rename(scope.tenant, scope.actor, name, new_name)
    _show_one(scope, renamed, ja="名前を変更しました", en="Renamed")


def delete(scope: Scope, name: Name) -> None:
    """Forget a connection and its secrets; refused while an integration or an open delivery needs it."""
    scope.engine.connections.delete(scope.tenant, scope.actor, name)
    if scope.json:
        scope.out.document({"deleted": name})
    scope.out.say(ja=f"接続「{name}」を削除しました。", en=f"Connection {name!r} is deleted.")


def targets(
    scope: Scope,
    connection: Name,
    parent: Annotated[str | None, typer.Option("--parent", help="List what lies below this target.")] = None,
) -> None:
    """List the targets of a connection: where records can go."""
    found = scope.engine.connections.targets(scope.tenant, scope.actor, connection, parent=parent)
    if scope.json:
        scope.out.document(found)
        return
    headings = ("ID", "名前", "選択可", "URL") if scope.language == "ja" else ("id", "label", "selectable", "URL")
    scope.out.table(headings, [(t.id, t.label, t.selectable, t.url) for t in found])


def fields(scope: Scope, connection: Name, target: TargetId = None, option: Options = None) -> None:
    """List a target's fields, asked from the backend now."""
    schema = scope.engine.connections.fields(
        scope.tenant, scope.actor, connection, target=target, options=pairs(option or (), "--option")
    )
    if scope.json:
        scope.out.document(schema)
        return
    scope.out.line(f"{schema.label} ({schema.target})")
    headings = (
        ("コード", "名前", "型", "必須", "一意", "書込可", "備考")
        if scope.language == "ja"
        else ("code", "label", "type", "required", "unique", "writable", "remarks")
    )
    rows = [
        (f.code, f.label, f.type.label.in_(scope.language), f.required, f.unique, f.writable, _remarks(f, scope))
        for f in schema.fields
    ]
    scope.out.table(headings, rows)
    for note, labels in _notes(schema.fields, scope).items():
        scope.out.line(f"* {', '.join(labels)}: {note}")
    for warning in schema.warnings:
        scope.out.line(f"! {warning.in_(scope.language)}")


def _form(scope: Scope, backend: str) -> Form:
    from renkei.engine import BackendNotReady

    states = scope.engine.backends()
    ready = {state.id: state.manifest for state in states if state.manifest and state.state == "ready"}
    manifest = ready.get(backend)
    if manifest is None:
        reasons = [state.reason for state in states if state.id == backend]
        unknown = "No installed distribution provides it; install its plugin."
        raise BackendNotReady(backend, reasons[0] if reasons else unknown, sorted(ready))
    form = Form(backend=backend, model=manifest.settings, scope=scope)
    scope.labels.update(form.labels())
    return form


def _free_name(scope: Scope, backend: str) -> str:
    taken = {connection.name for connection in scope.engine.connections.all(scope.tenant, scope.actor)}
    # One name more than there are connections.
    names = (backend, *(f"{backend}-{number}" for number in range(2, len(taken) + 2)))
    return next(name for name in names if name not in taken)


def _show_one(scope: Scope, connection: Connection, *, ja: str, en: str) -> None:
    if scope.json:
        scope.out.document(connection)
        return
    scope.out.say(
        ja=f"{ja}: 接続「{connection.name}」（{connection.backend}、{connection.account}）",
        en=f"{en}: connection {connection.name!r} ({connection.backend}, {connection.account})",
    )
    for name, state in connection.permissions.items():
        # What is missing although the settings say that it is there wants doing something about.
        scope.out.line(f"{'!' if state == 'missing' else ' '} {_permission(connection, name, state, scope)}")


_STATES_JA = {"granted": "あり", "missing": "なし", "unknown": "不明"}


def _permission(connection: Connection, name: str, state: str, scope: Scope) -> str:
    label, note = connection.permission_labels.get(name), connection.permission_notes.get(name)
    words = _STATES_JA.get(state, state) if scope.language == "ja" else state
    told = f"{label.in_(scope.language) if label else name}: {words}"
    return f"{told} ({note.in_(scope.language)})" if note else told


def _settings(connection: Connection) -> str:
    return ", ".join(f"{name}={value}" for name, value in connection.settings.items() if value is not None)


def _notes(fields: Sequence[Field], scope: Scope) -> dict[str, list[str]]:
    """What the backend says of its fields and of the columns of its tables, each sentence once, with their labels."""
    told: dict[str, list[str]] = {}
    for field in fields:
        columns = ((column, f"{field.label} > {column.label}") for column in field.fields)
        for one, label in ((field, field.label), *columns):
            for note in one.notes:
                told.setdefault(note.in_(scope.language), []).append(label)
    return told


def _remarks(field: Field, scope: Scope) -> str:
    native = field.native_name.in_(scope.language) if field.native_name else field.native_type
    parts = [native] if native != field.type.label.in_(scope.language) else []
    if field.why_not is not None:
        parts.append(field.why_not.in_(scope.language))
    if field.max_length is not None:
        parts.append(f"≤ {field.max_length}")
    if field.minimum is not None or field.maximum is not None:
        low, high = ("" if bound is None else str(bound) for bound in (field.minimum, field.maximum))
        parts.append(f"{low} … {high}".strip())
    if field.fields:
        parts.append(", ".join(column.label for column in field.fields))
    if field.choices:
        parts.append(" / ".join(choice.label or choice.code for choice in field.choices))
    return " · ".join(parts)
