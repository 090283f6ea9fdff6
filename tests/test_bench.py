"""What measures still runs: figures are nobody's test, a benchmark that no longer delivers is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_benchmark_of_delivery_delivers_all_that_waits(tmp_path: Path) -> None:
    found = tmp_path / "figures.json"
    command = [sys.executable, "bench/run.py", "--quick", "--only", "delivering", "--rounds", "1"]

    ran = subprocess.run(
        [*command, "--json", str(found), "--directory", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert ran.returncode == 0, ran.stderr
    assert "delivering 1,000" in found.read_text(encoding="utf-8")
    assert json.loads(found.read_text(encoding="utf-8"))
