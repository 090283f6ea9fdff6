from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from raw_api import Api


@pytest.fixture
def api(world: Any) -> Api:
    return Api(world)
