"""`health`, `audit`, `keys`: for whoever runs renkei."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from renkei.cli.commands import command, done
from renkei.cli.deliveries import Most
from renkei.cli.exits import Exit
from renkei.cli.failures import CommandError
from renkei.cli.output import json_text
from renkei.cli.scope import Scope


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    command(app, "health")(health)
    command(app, "audit")(audit)
    group = typer.Typer(help="The keys that seal secrets in the database.", no_args_is_help=True)
    app.add_typer(group, name="keys")
    command(group, "new")(new)
    command(group, "reseal")(reseal)


def health(scope: Scope) -> None:
    """Say whether deliveries move, on the whole database; exit code 3 where something needs a person."""
    found = scope.engine.health()
    if scope.json:
        scope.out.document(found)
    else:
        scope.out.say(
            ja="正常です。" if found.ok else "確認が必要です。", en="All is well." if found.ok else "Needs a person."
        )
        for problem in found.problems:
            scope.out.line(f"! {problem.in_(scope.language)}")
        workers = ", ".join(found.workers)
        scope.out.say(ja=f"稼働中のワーカー: {workers or 'なし'}", en=f"Workers seen: {workers or 'none'}")
        if found.oldest_due is not None:
            since = found.oldest_due.astimezone().isoformat(timespec="seconds")
            scope.out.say(ja=f"最も古い送信待ち: {since}", en=f"Oldest delivery due since: {since}")
    done(Exit.OK if found.ok else Exit.NEEDS_A_PERSON)


def audit(
    scope: Scope,
    inbox: Annotated[str | None, typer.Argument(help="Only this inbox.")] = None,
    most: Most = 100,
) -> None:
    """Show who did what, newest first."""
    lines = scope.engine.audit(scope.tenant, inbox=inbox, most=most)
    if scope.json:
        scope.out.document(lines)
        return
    headings = (
        ("日時", "利用者", "操作", "受信箱", "接続", "詳細")
        if scope.language == "ja"
        else ("when", "who", "what", "inbox", "connection", "details")
    )
    scope.out.table(headings, [_audit_row(line) for line in lines])


def new(
    scope: Scope,
    file: Annotated[
        Path | None, typer.Option("--file", help="Put it before the keys in this file instead of printing it.")
    ] = None,
) -> None:
    """Make a key. Printed, it is an entry for RENKEI_KEYS: put it first and keep the older ones until `keys reseal`."""
    from renkei.store.vault import new_key

    entry = new_key()
    if file is None:
        if scope.json:
            scope.out.document({"id": entry.partition(":")[0], "entry": entry})
        else:
            scope.out.line(entry)
        return
    _prepend(file, entry)
    name = entry.partition(":")[0]
    if scope.json:
        scope.out.document({"id": name, "file": str(file)})
    scope.out.say(
        ja=f"鍵 {name} を {file} の先頭に追加しました。続けて renkei keys reseal を実行してください。",
        en=f"Key {name} is now the first in {file}. Run `renkei keys reseal` next.",
    )


def reseal(scope: Scope) -> None:
    """Seal every stored secret with the first key; older keys may be removed afterwards."""
    changed = scope.engine.reseal()
    if scope.json:
        scope.out.document({"resealed": changed})
    scope.out.say(
        ja=f"{changed} 件の接続を現在の鍵で封印し直しました。古い鍵は削除できます。",
        en=f"{changed} connections are sealed with the current key; older keys may be removed.",
    )


def _audit_row(line: dict[str, Any]) -> tuple[object, ...]:
    named = ("at", "actor", "event", "inbox", "connection")
    details = {name: value for name, value in line.items() if name not in named}
    at = line["at"].astimezone().isoformat(sep=" ", timespec="seconds")
    rest = ", ".join(f"{name}={_short(value)}" for name, value in details.items())
    return at, line["actor"], line["event"], line["inbox"], line["connection"], rest


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(json.loads(json_text(value)), ensure_ascii=False)


def _prepend(file: Path, entry: str) -> None:
    """Write the file anew beside itself, then put it in place: nobody ever reads half a key file."""
    from renkei.store.vault import parse_keys

    try:
        before = file.read_text(encoding="ascii") if file.exists() else ""
        parse_keys(before)
        descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(f"{entry}\n{before}")
            stream.flush()
            os.fsync(stream.fileno())
        Path(draft).replace(file)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a key file"
        raise CommandError(
            ja=f"{file}: 書き込めません（{reason}）。", en=f"{file}: cannot be written ({reason})."
        ) from None
