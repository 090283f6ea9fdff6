"""`renkei backends`: which plugins there are, and why one cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from renkei.cli.commands import command
from renkei.cli.scope import Scope

if TYPE_CHECKING:
    from renkei.plugins import BackendState


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "backends")(show_backends)


def show_backends(scope: Scope) -> None:
    """List every backend found, with its state, why it is not ready, and what its plugin must soon stop using."""
    found = [describe(state) for state in scope.engine.backends()]
    if scope.json:
        scope.out.document(found)
        return
    if not found:
        scope.out.say(
            ja="連携先のプラグインがありません。renkei-kintone などをインストールしてください。",
            en="There is no backend; install a plugin such as renkei-kintone.",
        )
        return
    japanese = scope.language == "ja"
    headings = (
        ("ID", "名前", "状態", "配布物", "理由・注意")
        if japanese
        else ("id", "name", "state", "distribution", "reason or note")
    )
    scope.out.table(headings, [_row(entry, scope.language) for entry in found])


def describe(state: BackendState) -> dict[str, Any]:
    """A backend as a program reads it."""
    manifest = state.manifest
    return {
        "id": state.id,
        "state": str(state.state),
        "reason": state.reason,
        "distribution": state.distribution,
        "version": state.version,
        "entry_point": state.entry_point,
        "name": manifest.name if manifest else None,
        "capabilities": dict(manifest.capabilities) if manifest else {},
        "notes": list(state.notes),
    }


def _row(entry: dict[str, Any], language: str) -> tuple[object, ...]:
    name = entry["name"].in_(language) if entry["name"] else ""
    where = f"{entry['distribution'] or entry['entry_point']} {entry['version']}".strip()
    return entry["id"], name, entry["state"], where, "\n".join([entry["reason"], *entry["notes"]]).strip()
