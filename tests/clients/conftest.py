"""What kintone's own clients do: all of it by `make test-clients`; a slice is in `tests/test_outside_clients.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from outside import NotHere, Outside, calls, installed, ready, versions

if os.environ.get("RENKEI_CLIENTS") != "all":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def started() -> Iterator[Outside]:
    try:
        with ready() as outside:
            yield outside
    except NotHere as missing:
        pytest.fail(str(missing))


@pytest.fixture
def outside(started: Outside) -> Outside:
    """Both clients and a simulator that holds no records."""
    started.afresh()
    return started


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was run, and how often."""
    if not calls:
        return
    terminalreporter.section("kintone's own clients")
    for name, version in versions(installed()).items():
        terminalreporter.write_line(f"{name} {version}")
    terminalreporter.write_line("")
    for name, count in sorted(calls.items()):
        terminalreporter.write_line(f"{count:5}  {name}")
