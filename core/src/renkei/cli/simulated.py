"""The backend's simulator that the demo talks to: another process, started and ended here.

Core imports no plugin. The simulator is found as anybody would: by the console script that its distribution installs.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import IO, Any

from renkei.cli.exits import Exit
from renkei.cli.failures import CommandError

SCRIPT = "renkei-kintone"
_STARTS_WITHIN = 30.0
_ENDS_WITHIN = 5.0
# Runs the installed script's function under this very interpreter, wherever scripts were put.
_RUN = """\
import sys
from importlib.metadata import entry_points
(script,) = entry_points(group="console_scripts", name=sys.argv[1])
sys.argv = sys.argv[1:]
sys.exit(script.load()())
"""


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator.

    Attributes:
        url: where it answers, without a slash at the end.
    """

    url: str

    def records(self, *fields: str, app: str = "1") -> list[dict[str, Any]]:
        """What it has stored, oldest first: `{"id": …, "values": {…}}`; all fields, or those named."""
        return list(self._get("records", app=app, fields=",".join(fields))["records"])

    def requests(self) -> int:
        """How many requests its API has seen; those of this class are not among them."""
        return sum("/k/" in entry["path"] for entry in self._get("requests"))

    def _get(self, what: str, **query: str) -> Any:
        import httpx

        # It is on this machine: a proxy from the environment must not come between.
        with httpx.Client(trust_env=False, timeout=60) as client:
            answer = client.get(f"{self.url}/_sim/{what}", params=query)
            answer.raise_for_status()
            return answer.json()


@contextmanager
def simulator() -> Iterator[Simulator]:
    """Start a simulator on a free port of loopback; it has ended when the block is left, however that happens.

    Raises:
        CommandError: it is not installed, or does not start.
    """
    if not entry_points(group="console_scripts", name=SCRIPT):
        raise _missing("")
    with tempfile.TemporaryFile() as errors:
        # A session of its own: Ctrl-C reaches us alone, and we end it when the last answer is in.
        process = subprocess.Popen(
            [sys.executable, "-c", _RUN, SCRIPT, "simulate", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            yield Simulator(_announced(process.stdout, errors))
        finally:
            _end(process)


def _announced(stdout: IO[bytes], errors: IO[bytes]) -> str:
    """The URL from the first line that it prints."""
    line, ends = b"", time.monotonic() + _STARTS_WITHIN
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([stdout], [], [], max(0.0, ends - time.monotonic()))
        part = os.read(stdout.fileno(), 65536) if ready else b""
        if not part:
            raise _missing(_last_line(errors))
        line += part
    return str(json.loads(line)["url"]).rstrip("/")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def _missing(said: str) -> CommandError:
    tail = f" ({said})" if said else ""
    return CommandError(
        ja="デモには kintone のシミュレーターが必要です。"
        f"pip install 'renkei-kintone[simulator]' を実行してください。{tail}",
        en=f"The demo needs the kintone simulator: pip install 'renkei-kintone[simulator]'.{tail}",
        code=Exit.FAILED,
    )
