"""Makes `processes` importable: the tests here share it, and it is run as a script as well."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import Desk, desk

# What takes longest goes first: at the end, one process would still be at it while the others have nothing to do.
_LONGEST = ("test_killed_workers", "test_no_secret_shows", "test_failure_points", "test_disk_trouble", "test_verify")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests of all folders, after whoever has shuffled them."""
    items.sort(key=lambda item: item.path.stem not in _LONGEST)


@pytest.fixture
def helpdesk(tmp_path: Path) -> Iterator[Desk]:
    """A simulated kintone, an empty database, and a stored connection."""
    with desk(tmp_path) as ready:
        ready.connect()
        yield ready
