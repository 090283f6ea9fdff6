"""What setting up and syncing costs at kintone with a token that may only add: every request, by step.

    python tests/kintone_costs.py 1000 10000

prints the tables of plugins/kintone/README.md. All actions are recorded before a worker starts.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from renkei import Renkei
from renkei.mapping import Mapping, Rule
from renkei.testing import ManualClock, drain
from renkei_kintone import simulator
from renkei_kintone.simulator.domain import Kintone, LoggedRequest

SETTINGS = {"subdomain": "demo", "app_id": "1", "api_token": "simulated-add-only-token"}
START = datetime(2026, 4, 1, 3, tzinfo=UTC)
RULES = Mapping(
    rules=(
        Rule(target="キー", source="delivery.key"),
        Rule(target="件名", source="message.subject"),
        Rule(target="本文", source="message.body_text"),
        Rule(target="対応日時", source="action.occurred_at"),
    )
)


@dataclass(frozen=True, slots=True)
class Costs:
    """The requests of each step, in order."""

    actions: int
    stored: int
    steps: dict[str, list[LoggedRequest]] = field(default_factory=dict)

    def pushes(self) -> list[LoggedRequest]:
        """The requests that carried records."""
        return [one for requests in self.steps.values() for one in requests if one.records]

    def lines(self) -> Iterator[str]:
        """A table of Markdown, equal requests of a step in one line."""
        yield f"| {self.actions:,} actions | request | records in it | status | times |"
        yield "|---|---|---|---|---|"
        for step, requests in self.steps.items():
            for one, times in Counter(requests).items():
                carried = "" if one.records is None else f"{one.records:,}"
                yield f"| {step} | `{one.method} {one.path.split('/k/v1/')[-1]}` | {carried} | {one.status} | {times} |"


def measured(actions: int, folder: Path) -> Costs:
    """Connect, read the fields, bind an inbox, record, and then deliver."""
    kintone = simulator.sample()
    kintone.now = lambda: START
    found: dict[str, list[LoggedRequest]] = {}
    with engine(folder, kintone) as renkei:
        steps: dict[str, Callable[[], Any]] = {
            "connect": lambda: renkei.connections.add("t", "admin", "kintone", backend="kintone", settings=SETTINGS),
            "mapping screen": lambda: renkei.connections.fields("t", "admin", "kintone"),
            "done": lambda: renkei.integrations.create("t", "admin", "support", connection="kintone", mapping=RULES),
            "record": lambda: renkei.record_many("t", "support", map(action, range(actions))),
            "sync": lambda: drain(renkei, timeout=300),
        }
        for step, run in steps.items():
            before = len(kintone.requests)
            run()
            found[step] = list(kintone.requests)[before:]
        ledger = renkei.ledger("t")
    if (ledger.delivered, ledger.waiting) != (actions, 0):
        raise RuntimeError(f"not all was delivered: {ledger}")
    return Costs(actions, len(kintone.values()), found)


@contextmanager
def engine(folder: Path, kintone: Kintone) -> Iterator[Renkei]:
    """A `Renkei` on an empty database, with that kintone."""
    app = httpx.ASGITransport(app=kintone.asgi())
    with Renkei(str(folder / "renkei.db"), clock=ManualClock(START), transport=lambda _network: app) as renkei:
        yield renkei


def action(number: int) -> dict[str, Any]:
    """One mail."""
    return {
        "action": {"id": f"A-{number:05}", "kind": "mail_sent", "channel": "mail", "occurred_at": START},
        "message": {"subject": f"Re: お問い合わせ {number}", "body_text": "お問い合わせありがとうございます。"},
    }


def main(arguments: list[str]) -> None:
    """Print a table for each number of actions."""
    for actions in map(int, arguments or ["1000"]):
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write("\n".join(measured(actions, Path(folder)).lines()) + "\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
