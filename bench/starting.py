"""How long a cold process takes to import renkei and to show its help."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from figures import Figure, median

_LIBRARIES = "import httpx, pydantic, pluggy"
_COMMANDS = {
    "python -c pass": ("-c", "pass"),
    _LIBRARIES: ("-c", _LIBRARIES),
    "import renkei": ("-c", "import renkei"),
    "from renkei import Renkei": ("-c", "from renkei import Renkei"),
    "import renkei.spec": ("-c", "import renkei.spec"),
    "renkei --help": ("-m", "renkei", "--help"),
}


def measure(directory: Path, *, rounds: int, quick: bool, progress: Callable[[str], None]) -> list[Figure]:
    """Each in turn, several times over; the first time only fills the caches."""
    times: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    repeats = rounds * (2 if quick else 5)
    for number in range(repeats + 1):
        progress(f"cold starts, {number} of {repeats}")
        for name, arguments in _COMMANDS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=directory)
            if number:
                times[name].append((time.perf_counter() - began) * 1000)
    return [_figure(name, spent, median(times[_LIBRARIES])) for name, spent in times.items()]


def _figure(name: str, spent: list[float], libraries: float) -> Figure:
    ours = "renkei" in name
    return Figure(
        name=name,
        value=median(spent),
        unit="ms",
        beside=libraries if ours else None,
        beside_name=_LIBRARIES if ours else "",
        spread=tuple(spent),
    )
