"""What the import of a plugin does, seen in a process of its own: once for each plugin, and asked by several checks."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from renkei.testing.contract import installed
from renkei.testing.contract.subject import Subject

_ENOUGH: Final = 30.0
"""Seconds. A good plugin takes a tenth of one; what has not come back by then hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One import.

    Attributes:
        error: what it raised and where; empty where it succeeded.
        died: it took its process along, or never came back: nobody else should import it.
        undeclared: the module that it needs and its distribution does not require; empty where there is none.
        done: what it did beyond defining things, a sentence each.
        seconds: of processor time, of what the plugin adds to a host.
        loaded: modules that it loaded.
        described: the manifest's JSON, asked for twice.
        describing: what that did beyond answering.
    """

    error: str
    died: bool = False
    undeclared: str = ""
    done: tuple[str, ...] = ()
    seconds: float = 0.0
    loaded: tuple[str, ...] = ()
    described: tuple[str, ...] = ()
    describing: tuple[str, ...] = ()


_known: dict[tuple[str, ...], Imported] = {}  # of this run; what is installed does not change in it


def imported(subject: Subject) -> Imported:
    """What becomes of the import of the plugin of *subject* as it is installed."""
    claim = subject.claim
    path = installed.search_path(claim)
    key = (claim.entry_point.value, claim.distribution, claim.version, *path)
    if key not in _known:
        _known[key] = _asked(subject, path)
    return _known[key]


def _asked(subject: Subject, path: list[str]) -> Imported:
    with tempfile.TemporaryDirectory(prefix="renkei-import-") as folder:
        answer = Path(folder) / "answer.json"
        order = {
            "path": path,
            "module": subject.claim.entry_point.module,
            "admitted": installed.admitted(subject.claim),
            "own": installed.own_names(subject.claim),
            "answer": str(answer),
        }
        printed, ended = _run(order, folder)
        if not answer.exists():
            return Imported(error=ended, died=True)
        seen: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    if "broke_down" in seen:
        raise RuntimeError(f"the process that imports the plugin broke down:\n{seen['broke_down']}")
    return Imported(
        error=seen["error"],
        undeclared=seen["undeclared"],
        done=(*seen["done"], *(["printing (to file descriptor 1)"] if printed else [])),
        seconds=seen["seconds"],
        loaded=tuple(seen["loaded"]),
        described=tuple(seen["described"]),
        describing=tuple(seen["describing"]),
    )


def _run(order: dict[str, Any], folder: str) -> tuple[bytes, str]:
    """What was printed past the listener, and how the process ended should it have left no answer."""
    command = [sys.executable, "-P", "-B", str(Path(__file__).with_name("alone.py"))]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(order).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            timeout=_ENOUGH,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return b"", f"did not come to an end within {_ENOUGH:g} seconds"
    return done.stdout, f"ended the whole process, with exit code {done.returncode}"
