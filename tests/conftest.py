"""Makes `processes` importable: the tests here share it, and it is run as a script as well."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import Desk, desk


@pytest.fixture
def helpdesk(tmp_path: Path) -> Iterator[Desk]:
    """A simulated kintone, an empty database, and a stored connection."""
    with desk(tmp_path) as ready:
        ready.connect()
        yield ready
