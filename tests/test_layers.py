"""Who may import whom, as the tools' configuration says it."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def test_every_module_of_the_kintone_plugin_is_kept_from_its_simulator() -> None:
    (contract,) = [one for one in CONTRACTS if "uses nothing of the plugin" in one["name"]]

    there = {path.stem for path in (ROOT / "plugins/kintone/src/renkei_kintone").glob("*.py")}

    # The kit is made of the simulator, and the package itself holds a version number.
    assert {name.rpartition(".")[2] for name in contract["forbidden_modules"]} == there - {"kit", "__init__"}
