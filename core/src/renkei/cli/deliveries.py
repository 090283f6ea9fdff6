"""`work`, `ledger`, `log`, `why`, `settle`, `replay`, `cancel`: what becomes of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from renkei.cli.commands import command
from renkei.cli.integrations import Inbox
from renkei.cli.scope import Scope
from renkei.cli.work import work

if TYPE_CHECKING:
    from renkei.cli.output import Output
    from renkei.engine import Event, Ledger, Story
    from renkei.spec import Language

ActionId = Annotated[str, typer.Argument(help="Id of the action.", show_default=False)]
Most = Annotated[int, typer.Option("--most", min=1, max=100_000, help="How many at most.")]
_COUNTS = {
    "offered": "受付",
    "recorded": "記録",
    "excluded": "対象外",
    "conflict": "不一致",
    "delivered": "送信済み",
    "waiting": "待機",
    "sending": "送信中",
    "rejected": "拒否",
    "doubtful": "要確認",
    "cancelled": "取消",
}
_UNKNOWN = {
    None: ("", ""),
    "doubtful": ("要確認として残します", "left to a person"),
    "resend": ("自動で再送します（重複することがあります）", "sent again by themselves, and may double"),
}
_EVENTS = {
    "rejected": "拒否",
    "doubtful": "要確認",
    "unknown": "応答なし",
    "held": "結果待ち",
    "put_off": "後回し",
    "lane_waiting": "連携待機",
    "lane_blocked": "連携停止",
}


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    command(app, "work")(work)
    command(app, "ledger")(ledger)
    command(app, "log")(log)
    command(app, "why")(why)
    command(app, "settle")(settle)
    command(app, "replay")(replay)
    command(app, "cancel")(cancel)


def ledger(scope: Scope, inbox: Annotated[str | None, typer.Argument(help="Only this inbox.")] = None) -> None:
    """Count actions by what became of them."""
    counted = scope.engine.ledger(scope.tenant, inbox)
    if scope.json:
        scope.out.document({**counted.as_dict(), "adds_up": counted.adds_up})
        return
    show_ledger(scope.out, counted)


def show_ledger(out: Output, ledger: Ledger) -> None:
    """The ledger as one line, and an alarm where it does not add up."""
    counts = ledger.as_dict()
    out.say(
        ja=" · ".join(f"{_COUNTS[name]} {count}" for name, count in counts.items()),
        en=" · ".join(f"{name} {count}" for name, count in counts.items()),
    )
    if not ledger.adds_up:
        out.say(
            ja="台帳の合計が一致しません。renkei の不具合です。報告してください。",
            en="The ledger does not add up. This is a defect of renkei; please report it.",
        )


def log(scope: Scope, inbox: Inbox, most: Most = 50) -> None:
    """Show what went wrong in an inbox, newest first."""
    events = scope.engine.log(scope.tenant, inbox, most=most)
    if scope.json:
        scope.out.document(events)
        return
    if not events:
        scope.out.say(ja="記録された問題はありません。", en="Nothing went wrong.")
        return
    headings = (
        ("日時", "出来事", "行動", "項目", "内容", "コード")
        if scope.language == "ja"
        else ("when", "event", "action", "field", "what", "code")
    )
    scope.out.table(headings, [_event_row(event, scope.out.language) for event in events])


def why(
    scope: Scope,
    action_id: ActionId,
    inbox: Annotated[str | None, typer.Option("--inbox", help="The inbox, where several used this id.")] = None,
) -> None:
    """Tell the whole story of one action."""
    story = scope.engine.why(scope.tenant, action_id, inbox=inbox)
    if scope.json:
        scope.out.document(story)
        return
    _show_story(scope.out, story)


def settle(
    scope: Scope,
    inbox: Inbox,
    action_id: ActionId,
    remote_id: Annotated[str | None, typer.Option("--remote-id", help="Id of the record that was found.")] = None,
) -> None:
    """Say that a doubtful delivery is there: somebody has looked."""
    scope.engine.settle(scope.tenant, scope.actor, inbox, action_id, remote_id=remote_id)
    if scope.json:
        scope.out.document({"inbox": inbox, "settled": action_id, "remote_id": remote_id})
    scope.out.say(ja=f"行動 {action_id} を送信済みにしました。", en=f"Action {action_id!r} counts as delivered now.")


def replay(
    scope: Scope,
    inbox: Inbox,
    action_ids: Annotated[
        list[str] | None, typer.Argument(help="Ids; every rejected one if left out. Doubtful ones only by name.")
    ] = None,
    under: Annotated[
        Literal["as-was", "new-settings"], typer.Option("--under", help="The settings that they are sent under.")
    ] = "as-was",
) -> None:
    """Send what was rejected, or is doubtful, again."""
    count = scope.engine.replay(
        scope.tenant,
        scope.actor,
        inbox,
        action_ids or None,
        under="new_settings" if under == "new-settings" else "as_was",
    )
    if scope.json:
        scope.out.document({"inbox": inbox, "replayed": count})
    scope.out.say(ja=f"{count} 件を再送待ちにしました。", en=f"{count} will be sent again.")


def cancel(
    scope: Scope, inbox: Inbox, action_ids: Annotated[list[str], typer.Argument(help="Ids of the actions.")]
) -> None:
    """Give up deliveries that wait, were rejected or are doubtful."""
    count = scope.engine.cancel(scope.tenant, scope.actor, inbox, action_ids)
    if scope.json:
        scope.out.document({"inbox": inbox, "cancelled": count})
    scope.out.say(ja=f"{count} 件を取り消しました。", en=f"{count} cancelled.")


def _show_story(out: Output, story: Story) -> None:
    japanese = out.language == "ja"
    status = story.status
    code = f" ({status.code})" if status.code else ""
    state = _COUNTS.get(status.state, status.state) if japanese else status.state
    out.line(f"{status.action_id}: {state} — {status.text.in_(out.language)}{code}")
    facts = (
        ("受信箱", "inbox", story.inbox),
        ("チャネル", "channel", story.channel),
        ("種別", "kind", story.kind),
        ("発生", "occurred", story.occurred_at.astimezone().isoformat(timespec="seconds")),
        ("記録", "recorded", story.recorded_at.astimezone().isoformat(timespec="seconds")),
        ("備考", "note", story.note),
        ("次の試行", "next try", status.until.astimezone().isoformat(timespec="seconds") if status.until else None),
        ("項目", "field", status.field),
        ("連携キー", "delivery key", story.delivery_key),
        ("レコード", "record", status.link or status.remote_id),
        ("設定の版", "revision", story.revision),
        ("試行回数", "attempts", story.attempts),
        ("結果の分からない送信", "unknown outcomes", _UNKNOWN[story.unknown_outcome][0 if japanese else 1]),
    )
    for ja, en, value in facts:
        if value not in (None, ""):
            out.line(f"  {ja if japanese else en}: {value}")
    for drift in story.drift:
        out.line(f"  ! {drift.in_(out.language)}")
    for event in story.events:
        out.line("  " + " · ".join(str(part) for part in _event_row(event, out.language) if part))


def _event_row(event: Event, language: Language) -> tuple[object, ...]:
    at = event.at.astimezone().isoformat(sep=" ", timespec="seconds")
    kind = _EVENTS.get(event.event, event.event) if language == "ja" else event.event
    return at, kind, event.action_id, event.field, event.text.in_(language), event.code
