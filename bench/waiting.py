"""Databases with actions that wait to be delivered, made by a process of their own and copied for each run."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from stub import HOST

TENANT, ADMIN, INBOX, CONNECTION = "bench", "admin", "support", "stub"
_SETTINGS = {"subdomain": HOST.split(".", maxsplit=1)[0], "app_id": "1", "api_token": "a-token-that-opens-nothing"}
# Recorded in parts, so that the process which prepares does not hold them all.
_PART = 2_000


def make(directory: Path, *, actions: int, url: str) -> Path:
    """A database with so many waiting actions; *url* is the stub that the connection is tried with."""
    database = directory / f"waiting-{actions}.db"
    remove(database)
    child(Path(__file__), "--database", str(database), "--actions", str(actions), "--url", url)
    return database


def copy(database: Path, name: str) -> Path:
    """A copy to work on, with its key; *database* is closed and has no log beside it."""
    made = database.with_name(f"{name}.db")
    remove(made)
    shutil.copyfile(database, made)
    shutil.copy2(f"{database}.key", f"{made}.key")
    return made


def remove(database: Path) -> None:
    """Take a database away, with what lies beside it."""
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()


def child(script: Path, *arguments: str) -> dict[str, Any]:
    """Run one of these scripts in a process of its own; what it printed last is JSON."""
    done = subprocess.run([sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def set_up(renkei: Any, backend: str, settings: dict[str, str]) -> None:
    """One connection, and one integration with the mapping that is suggested."""
    from renkei.mapping import Mapping

    renkei.connections.add(TENANT, ADMIN, CONNECTION, backend=backend, settings=settings)
    suggested = renkei.integrations.suggest(TENANT, ADMIN, INBOX, connection=CONNECTION)
    rules: dict[str, Any] = {}
    for suggestion in suggested:
        rules.setdefault(suggestion.rule.target, suggestion.rule)
    # Users and organizations of the sample app need a value table, which is not what is measured here.
    kept = tuple(rule for target, rule in rules.items() if target not in ("担当部署", "顧客コード", "操作ユーザ"))
    renkei.integrations.create(TENANT, ADMIN, INBOX, connection=CONNECTION, mapping=Mapping(rules=kept))


def _record(renkei: Any, actions: int) -> int:
    from renkei.samples import sample_actions

    offered = sample_actions(actions, inbox=INBOX, start=datetime.now(UTC))
    recorded = 0
    while part := list(islice(offered, _PART)):
        receipts = renkei.record_many(TENANT, INBOX, part)
        recorded += sum(receipt.outcome == "recorded" for receipt in receipts)
    return recorded


def main() -> None:
    from renkei import Renkei

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True)
    parser.add_argument("--actions", type=int, required=True)
    parser.add_argument("--url", required=True)
    arguments = parser.parse_args()
    with Renkei(arguments.database, routes={HOST: arguments.url}) as renkei:
        set_up(renkei, "kintone", _SETTINGS)
        recorded = _record(renkei, arguments.actions)
    if recorded != arguments.actions:
        raise SystemExit(f"only {recorded} of {arguments.actions} actions were recorded")
    print(json.dumps({"recorded": recorded}))


if __name__ == "__main__":
    main()
