"""The overview of an integration: the target's name and the mapping by field code, as the set-up ends with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from renkei.cli.output import Output
    from renkei.engine import Integration
    from renkei.spec import Language

_STATES = {
    "active": ("有効", "active"),
    "paused": ("一時停止中", "paused"),
    "deleted": ("削除済み", "deleted"),
    "waiting": ("再試行待ち", "waiting to try again"),
    "blocked": ("停止中（要対応）", "blocked"),
}
_MOST_LISTED = 6


def show_integration(out: Output, integration: Integration) -> None:
    """Everything an admin wants to see of it."""
    if out.is_json:
        out.document(integration)
        return
    for ja, en, value in _facts(integration, out.language):
        out.line(f"{ja if out.language == 'ja' else en}: {value}")
    headings = ("項目コード", "元の項目") if out.language == "ja" else ("field code", "source")
    out.table(headings, integration.mapping.items())
    for warning in integration.warnings:
        out.line(f"! {warning.message.in_(out.language)}")


def state_in_words(integration: Integration, language: Language) -> str:
    """The integration's state, with its lane's where that is in the way."""
    names = [integration.state] + ([integration.lane] if integration.lane != "open" else [])
    return " · ".join(_STATES.get(name, (name, name))[0 if language == "ja" else 1] for name in names)


def _facts(integration: Integration, language: Language) -> Iterable[tuple[str, str, str]]:
    japanese = language == "ja"
    yield "受信箱", "Inbox", integration.inbox
    yield "状態", "State", state_in_words(integration, language)
    if integration.lane_reason is not None:
        code = f" ({integration.lane_code})" if integration.lane_code else ""
        yield "理由", "Reason", integration.lane_reason[language] + code
    if integration.lane_until is not None:
        yield "次の試行", "Next try", integration.lane_until.astimezone().isoformat(timespec="seconds")
    yield "接続", "Connection", f"{integration.connection} ({integration.backend})"
    yield "連携先", "Target", f"{integration.target_label} ({integration.target})"
    waiting = ("初回の同期を待っています", "waiting for the first sync")
    confirmed = ("確認済み", "confirmed by the first sync")
    yield "マッピング", "Mapping", (confirmed if integration.confirmed else waiting)[0 if japanese else 1]
    resends = integration.unknown_outcome == "resend"
    left = ("なし（結果の分からない送信は手動で確認）", "none: unknown outcomes are left to a person")
    again = (
        "なし（結果の分からない送信は自動で再送。重複します）",
        "none: unknown outcomes are sent again, and double",
    )
    none = (again if resends else left)[0 if japanese else 1]
    yield "連携キーの項目", "Key field", integration.key_field or none
    yield "チャネル", "Channels", _list(integration.triggers.get("channels", ()))
    yield "種別", "Kinds", _list(integration.triggers.get("kinds", ()))
    yield "待機", "Waiting", str(integration.waiting)
    yield "版", "Revision", str(integration.revision)


def _list(names: Iterable[str]) -> str:
    found = sorted(names)
    shown = ", ".join(found[:_MOST_LISTED])
    return shown if len(found) <= _MOST_LISTED else f"{shown}, … ({len(found)})"
