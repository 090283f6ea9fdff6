"""`renkei integrations …`: one inbox, one integration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from renkei.cli.choices import choose_triggers, read_mapping
from renkei.cli.commands import command
from renkei.cli.connections import Options, TargetId
from renkei.cli.doubts import unknown_outcome
from renkei.cli.failures import CommandError
from renkei.cli.forms import pairs
from renkei.cli.overview import show_integration, state_in_words
from renkei.cli.proposals import Proposal, mapping_of, propose, show_proposals
from renkei.cli.scope import Scope

if TYPE_CHECKING:
    from renkei.engine.connections import Look
    from renkei.mapping import Mapping

Inbox = Annotated[str, typer.Argument(help="The inbox.", show_default=False)]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", help="JSON file of rules, as `integrations show --json` prints them.")
]
Suggested = Annotated[bool, typer.Option("--suggest", help="Use the suggested rules.")]
Channels = Annotated[str | None, typer.Option("--channels", help="Channels to sync, comma separated.")]
Kinds = Annotated[str | None, typer.Option("--kinds", help="Kinds of action to sync, comma separated.")]
Automatic = Annotated[
    bool | None,
    typer.Option("--include-automatic/--exclude-automatic", help="Whether to sync bots and auto-replies."),
]
Least = Annotated[float, typer.Option("--min-confidence", min=0, max=1, help="Least confidence of a suggested rule.")]
With = Annotated[
    list[str] | None, typer.Option("--with", help="Target field whose suggestion is used in any case. Repeatable.")
]
Without = Annotated[
    list[str] | None, typer.Option("--without", help="Target field whose suggestion is left out. Repeatable.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="What binds an inbox to a target; at most one per inbox.", no_args_is_help=True)
    app.add_typer(group, name="integrations")
    command(group, "add")(add)
    command(group, "list")(show_all)
    command(group, "show")(show)
    command(group, "edit")(edit)
    command(group, "pause")(pause)
    command(group, "resume")(resume)
    command(group, "delete")(delete)
    command(group, "unknown-outcome")(unknown_outcome)


def add(
    scope: Scope,
    inbox: Inbox,
    connection: Annotated[str, typer.Option("--connection", help="Name of a stored connection.")],
    target: TargetId = None,
    option: Options = None,
    mapping: MappingFile = None,
    suggest: Suggested = False,
    channels: Channels = None,
    kinds: Kinds = None,
    automatic: Automatic = None,
    least: Least = 0.5,
    wanted: With = None,
    unwanted: Without = None,
) -> None:
    """Bind an inbox to a target; from now on its actions are synced.

    Without --mapping the suggested rules are used, those that need more set-up excepted.
    """
    from renkei.mapping import DEFAULT_TRIGGERS

    _not_both(mapping, suggest)
    options = pairs(option or (), "--option")
    triggers = choose_triggers(scope, inbox, channels, kinds, automatic, DEFAULT_TRIGGERS)
    look = None
    if mapping is not None:
        rules = read_mapping(mapping)
    else:
        look = scope.engine.connections.look(scope.tenant, scope.actor, connection, target=target, options=options)
        proposals = _proposals(scope, inbox, look, least, wanted, unwanted)
        if not scope.json:
            show_proposals(scope.out, proposals)
        rules = mapping_of(proposals)
    made = scope.engine.integrations.create(
        scope.tenant,
        scope.actor,
        inbox,
        connection=connection,
        target=target,
        options=options,
        mapping=rules,
        triggers=triggers,
        look=look,
    )
    show_integration(scope.out, made)


def edit(
    scope: Scope,
    inbox: Inbox,
    connection: Annotated[str | None, typer.Option("--connection", help="Another stored connection.")] = None,
    target: TargetId = None,
    option: Options = None,
    mapping: MappingFile = None,
    suggest: Suggested = False,
    channels: Channels = None,
    kinds: Kinds = None,
    automatic: Automatic = None,
    least: Least = 0.5,
    wanted: With = None,
    unwanted: Without = None,
    waiting: Annotated[
        Literal["as-was", "new-settings"], typer.Option("--waiting", help="Under which settings that goes which waits.")
    ] = "as-was",
) -> None:
    """Make a further revision, in force for actions recorded from now on; what is not given stays."""
    from renkei.mapping import Triggers

    _not_both(mapping, suggest)
    now = scope.engine.integrations.show(scope.tenant, scope.actor, inbox)
    options = pairs(option or (), "--option")
    before = Triggers.model_validate(now.triggers)
    rules: Mapping | None = read_mapping(mapping) if mapping is not None else None
    if suggest:
        moves = connection is not None and connection != now.connection
        where = target or (None if moves else now.target)
        known = options if options is not None or moves else now.options
        look = scope.engine.connections.look(
            scope.tenant, scope.actor, connection or now.connection, target=where, options=known
        )
        proposals = _proposals(scope, inbox, look, least, wanted, unwanted)
        if not scope.json:
            show_proposals(scope.out, proposals)
        rules = mapping_of(proposals, str(now.rules.get("time_zone", "Asia/Tokyo")))
    made = scope.engine.integrations.edit(
        scope.tenant,
        scope.actor,
        inbox,
        connection=connection,
        target=target,
        options=options,
        mapping=rules,
        triggers=choose_triggers(scope, inbox, channels, kinds, automatic, before),
        waiting="new_settings" if waiting == "new-settings" else "as_was",
    )
    show_integration(scope.out, made)


def show_all(scope: Scope) -> None:
    """List the tenant's integrations; deleted ones too, while something of theirs waits."""
    found = scope.engine.integrations.all(scope.tenant, scope.actor)
    if scope.json:
        scope.out.document(found)
        return
    headings = (
        ("受信箱", "状態", "接続", "連携先", "待機", "版")
        if scope.language == "ja"
        else ("inbox", "state", "connection", "target", "waiting", "revision")
    )
    rows = [
        (i.inbox, state_in_words(i, scope.language), i.connection, i.target_label or i.target, i.waiting, i.revision)
        for i in found
    ]
    scope.out.table(headings, rows)


def show(scope: Scope, inbox: Inbox) -> None:
    """Show an inbox's integration: state, mapping by field code, triggers, what waits."""
    show_integration(scope.out, scope.engine.integrations.show(scope.tenant, scope.actor, inbox))


def pause(scope: Scope, inbox: Inbox) -> None:
    """Take actions and let them wait."""
    paused = scope.engine.integrations.pause(scope.tenant, scope.actor, inbox)
    if scope.json:
        scope.out.document(paused)
    scope.out.say(
        ja=f"受信箱「{inbox}」の同期を一時停止しました。行動は記録され、再開まで待ちます（現在 {paused.waiting} 件）。",
        en=f"The sync of inbox {inbox!r} is paused; actions are taken and wait ({paused.waiting} now).",
    )


def resume(
    scope: Scope,
    inbox: Inbox,
    cancel_waiting: Annotated[bool, typer.Option("--cancel-waiting", help="Give up what waited.")] = False,
) -> None:
    """Go on, and say how many actions waited."""
    waited = scope.engine.integrations.resume(scope.tenant, scope.actor, inbox, cancel_waiting=cancel_waiting)
    if scope.json:
        scope.out.document({"inbox": inbox, "waited": waited, "cancelled": waited if cancel_waiting else 0})
    fate = ("取り消しました", "cancelled") if cancel_waiting else ("送信します", "delivered now")
    scope.out.say(
        ja=f"受信箱「{inbox}」の同期を再開しました。待っていた {waited} 件は{fate[0]}。",
        en=f"The sync of inbox {inbox!r} goes on; {waited} waited and are {fate[1]}.",
    )


def delete(
    scope: Scope,
    inbox: Inbox,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    deliver: Annotated[
        bool | None,
        typer.Option(
            "--deliver-waiting/--cancel-waiting",
            help="What becomes of that which waits. Left out: delivered, unless the target is blocked or refuses all.",
        ),
    ] = None,
) -> None:
    """End an integration, after asking."""
    now = scope.engine.integrations.show(scope.tenant, scope.actor, inbox)
    _confirm(scope, inbox, now.waiting, yes=yes)
    counts = scope.engine.integrations.delete(scope.tenant, scope.actor, inbox, deliver_waiting=deliver)
    if scope.json:
        scope.out.document({"inbox": inbox, **counts})
    scope.out.say(
        ja=f"受信箱「{inbox}」のチケット同期連携を削除しました。待っていた {counts['waited']} 件のうち、"
        f"{counts['cancelled']} 件を取り消しました。",
        en=f"The integration of inbox {inbox!r} is deleted. {counts['waited']} waited; "
        f"{counts['cancelled']} of them are cancelled.",
    )


def _confirm(scope: Scope, inbox: str, waiting: int, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(
            ja="削除には確認が必要です。--yes を付けて実行してください。",
            en="Deleting needs a confirmation; give --yes where nobody can be asked.",
        )
    ja = f"受信箱「{inbox}」のチケット同期連携を削除しますか（待機 {waiting} 件）"
    en = f"Delete the integration of inbox {inbox!r} ({waiting} waiting)"
    typer.confirm(ja if scope.language == "ja" else en, abort=True, err=True)


def _not_both(mapping: Path | None, suggest: bool) -> None:
    if mapping is not None and suggest:
        raise CommandError(
            ja="--mapping と --suggest は同時に使えません。", en="Give --mapping or --suggest, not both."
        )


def _proposals(
    scope: Scope,
    inbox: str,
    look: Look,
    least: float,
    wanted: list[str] | None,
    unwanted: list[str] | None,
) -> tuple[Proposal, ...]:
    engine = scope.engine
    schema = look.schema
    backend = engine.connections.get(scope.tenant, scope.actor, look.connection).backend
    manifest = next(state.manifest for state in engine.backends() if state.id == backend and state.manifest)
    absent = [code for code in (*(wanted or ()), *(unwanted or ())) if schema.field(code) is None]
    if absent:
        raise CommandError(
            ja=f"{', '.join(absent)}: 連携先「{schema.label}」にこの項目コードはありません。",
            en=f"{', '.join(absent)}: the target {schema.label!r} has no field of this code.",
        )
    return propose(
        scope.host.source_fields(scope.tenant, inbox),
        schema,
        uniqueness=manifest.uniqueness,
        least=least,
        wanted=wanted or (),
        unwanted=unwanted or (),
    )
