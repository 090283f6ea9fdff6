"""`doubtful`, `restored` and `integrations unknown-outcome`: what only a person can know, and who says so."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from renkei.cli.commands import command, done
from renkei.cli.exits import Exit
from renkei.cli.failures import CommandError
from renkei.cli.scope import Scope

if TYPE_CHECKING:
    from renkei.cli.output import Output
    from renkei.engine import Doubtful

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    command(app, "doubtful")(doubtful)
    command(app, "restored")(restored)


def doubtful(
    scope: Scope,
    inbox: Annotated[str, typer.Argument(help="The inbox.", show_default=False)],
    most: Annotated[int, typer.Option("--most", min=1, max=100_000, help="How many at most.")] = 50,
) -> None:
    """List deliveries that may or may not be in the CRM, and what to look for there."""
    found = scope.engine.doubtful(scope.tenant, inbox, most=most)
    if scope.json:
        scope.out.document(found)
        return
    if not found:
        scope.out.say(ja="要確認の送信はありません。", en="Nothing is doubtful.")
        return
    for one in found:
        _show(scope.out, one)
    scope.out.say(
        ja=f"連携先にあれば renkei settle {inbox} 行動ID、なければ renkei replay {inbox} 行動ID を実行してください。",
        en=f"If it is there: 'renkei settle {inbox} ACTION_ID'. If it is not: 'renkei replay {inbox} ACTION_ID'.",
    )


def restored(
    scope: Scope,
    backup_of: Annotated[str, typer.Option("--backup-of", help="When the backup was taken, with zone.")],
    at: Annotated[
        str | None, typer.Option("--at", help="When it was put back, with zone; now, if left out.", show_default=False)
    ] = None,
) -> None:
    """Say that the database was put back from a backup, before any worker is started on it.

    What waits, and what is offered again from before that moment, counts as possibly delivered: it is sent again under
    its unique key, or is doubtful where it has none.
    """
    counted = scope.engine.restored(
        scope.actor, backup_of=_instant(backup_of, "--backup-of"), at=_instant(at, "--at") if at else None
    )
    if scope.json:
        scope.out.document(counted)
    else:
        scope.out.say(
            ja=f"復元を記録しました。{counted.waiting} 件は連携キーで確かめながら再送します"
            f"（拒否されていた {counted.mended} 件を含む）。{counted.doubtful} 件は要確認です"
            "（renkei doubtful で表示）。バックアップ以降の行動をホストから送り直してください。同じように扱います。",
            en=f"Noted. {counted.waiting} are sent again under their key or asked for by it, {counted.mended} of them "
            f"rejected before; {counted.doubtful} are doubtful, see 'renkei doubtful'. Have the host offer its actions "
            "since the backup again: they are treated alike.",
        )
        if counted.sent_since:
            scope.out.say(
                ja=f"連携キーのない {counted.sent_since} 件が、記録の前に送信されました。重複を確認してください。",
                en=f"{counted.sent_since} without a unique key were sent before this was noted: look for doubles.",
            )
    done(Exit.NEEDS_A_PERSON if counted.doubtful or counted.sent_since else Exit.OK)


def unknown_outcome(
    scope: Scope,
    inbox: Annotated[str, typer.Argument(help="The inbox.", show_default=False)],
    do: Annotated[Literal["doubtful", "resend"], typer.Argument(help="What becomes of it.", show_default=False)],
    yes: Yes = False,
) -> None:
    """Choose what becomes of an unknown outcome where no unique field takes the delivery key."""
    from renkei.engine import RESEND_WARNING

    if do == "resend" and not yes:
        _confirm(RESEND_WARNING.in_(scope.language), scope)
    scope.engine.on_unknown_outcome(scope.tenant, scope.actor, inbox, do)
    if scope.json:
        scope.out.document({"inbox": inbox, "unknown_outcome": do})
    fate = {
        "doubtful": ("要確認として残し、担当者が確認します", "are left to a person"),
        "resend": ("自動で再送します（重複することがあります）", "are sent again by themselves, and may double"),
    }[do]
    scope.out.say(
        ja=f"受信箱「{inbox}」で結果の分からない送信は、{fate[0]}。",
        en=f"Unknown outcomes of inbox {inbox!r} {fate[1]}.",
    )


def _confirm(warning: str, scope: Scope) -> None:
    if not sys.stdin.isatty():
        raise CommandError(
            ja=f"{warning} 確認のうえ、--yes を付けて実行してください。",
            en=f"{warning} Give --yes where nobody can be asked.",
        )
    question = "自動で再送しますか" if scope.language == "ja" else "Send unknown outcomes again"
    typer.confirm(f"{warning}\n{question}", abort=True, err=True)


def _instant(text: str, option: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError(
            ja=f"{option} には、タイムゾーン付きの日時を指定してください（例: 2026-11-02T09:00+09:00）。",
            en=f"{option} needs a time with its zone, for example 2026-11-02T09:00+09:00.",
        )
    return found


def _show(out: Output, one: Doubtful) -> None:
    japanese = out.language == "ja"
    out.line(f"{one.action_id}: {one.text.in_(out.language)}")
    facts = (
        ("連携先", "where", f"{one.target} ({one.connection})"),
        ("発生", "occurred", _local(one.occurred_at)),
        ("送信", "sent", _local(one.sent_at)),
        ("再送できる時刻", "again from", _local(one.again_from)),
        ("連携キー", "delivery key", one.delivery_key),
    )
    for ja, en, value in facts:
        if value:
            out.line(f"  {ja if japanese else en}: {value}")
    for look in one.look_for:
        source = look.source_label.in_(out.language)
        out.say(
            ja=f"  探す項目:「{look.label}」 = {source}（{look.source}）",
            en=f"  look for: {look.label!r} = {source} ({look.source})",
        )


def _local(at: datetime | None) -> str | None:
    return at.astimezone().isoformat(sep=" ", timespec="seconds") if at is not None else None
