"""What the tests of the command line share: how a command ended, and actions to feed it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

TOKEN = "simulated-add-only-token"
ADD = ("connections", "add", "kintone", "--set", "subdomain=demo", "--set", "app_id=1")


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def failure(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.err.splitlines()[-1])["error"]
        return found


Run = Callable[..., Ended]


def action(number: int = 1, **more: Any) -> dict[str, Any]:
    """A mail that an agent has sent just now."""
    return {
        "action": {
            "id": f"A-{number}",
            "kind": "mail_sent",
            "channel": "mail",
            "direction": "outbound",
            "occurred_at": datetime.now(UTC).isoformat(),
        },
        "message": {"subject": f"Re: お見積りの件 {number}", "body_text": "お見積りをお送りします。"},
        "inbox": {"id": "support"},
        **more,
    }


def lines(*actions: Mapping[str, Any] | str) -> str:
    """JSON lines; a text is taken as it is."""
    return "".join((item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)) + "\n" for item in actions)


@contextmanager
def spawned(*arguments: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """The real thing, in a process of its own; gone when the block is left."""
    command = [sys.executable, "-m", "renkei", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, **{"stdin": subprocess.DEVNULL, **more}
    ) as process:
        try:
            yield process
        finally:
            process.kill()
