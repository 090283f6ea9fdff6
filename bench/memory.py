"""Peak memory of a delivering process, with few actions waiting and with ten times as many."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import waiting
from delivering import delivered
from figures import Figure, median
from stub import serving

FEW, MANY = 10_000, 100_000


def measure(directory: Path, *, rounds: int, quick: bool, progress: Callable[[str], None]) -> list[Figure]:
    """Few, many, few, many … against a stub that answers at once."""
    few, many = (FEW // 10, MANY // 10) if quick else (FEW, MANY)
    peaks: dict[int, list[float]] = {few: [], many: []}
    with serving(0) as url:
        databases = {}
        for count in peaks:
            progress(f"recording {count:,} actions to deliver")
            databases[count] = waiting.make(directory, actions=count, url=url)
        for number in range(rounds):
            for count, database in databases.items():
                progress(f"memory with {count:,} waiting, round {number + 1} of {rounds}")
                peaks[count].append(delivered(waiting.copy(database, "memory"), url, count)["memory"])
    return [
        Figure(name=f"peak memory, {few:,} waiting", value=median(peaks[few]), unit="MiB", spread=tuple(peaks[few])),
        Figure(
            name=f"peak memory, {many:,} waiting",
            value=median(peaks[many]),
            unit="MiB",
            beside=median(peaks[few]),
            beside_name=f"{few:,} waiting",
            most=1.1,
            spread=tuple(peaks[many]),
        ),
    ]
