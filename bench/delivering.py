"""Delivering what waits, beside a bare httpx loop that posts the same records, 100 a request, one after the other.

Each run is a process of its own; the stub that both deliver to is another. Timed from the call of
`work_until_idle` to its return: loading the plugin, discovering the target and confirming it at the end included.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import waiting
from figures import Figure, median
from stub import HOST, ask, serving

DELAY_MS = 100
_CALL = 100
_TRANSACTION = 2_000


def measure(directory: Path, *, rounds: int, quick: bool, progress: Callable[[str], None]) -> list[Figure]:
    """Ours, bare, ours, bare …"""
    count = 1_000 if quick else 10_000
    ours: list[dict[str, Any]] = []
    bare: list[dict[str, Any]] = []
    with serving(DELAY_MS) as url:
        progress(f"recording {count:,} actions to deliver")
        database = waiting.make(directory, actions=count, url=url)
        for number in range(rounds):
            progress(f"delivering {count:,}, round {number + 1} of {rounds}")
            ours.append(delivered(waiting.copy(database, "delivering"), url, count))
            progress(f"bare loop over {count:,}, round {number + 1} of {rounds}")
            bare.append(waiting.child(Path(__file__), "bare", "--url", url, "--actions", str(count)))
    return _figures(count, ours, bare)


def delivered(database: Path, url: str, count: int) -> dict[str, Any]:
    """One delivery of all that waits in *database*, which is taken away after it."""
    before = ask(url, "/counts")
    result = waiting.child(Path(__file__), "ours", "--url", url, "--database", str(database))
    after = ask(url, "/counts")
    waiting.remove(database)
    if after["records"] - before["records"] != count or result["delivered"] != count:
        raise SystemExit(f"{result['delivered']} of {count} actions were delivered")
    return {**result, "requests": after["requests"] - before["requests"]}


def _figures(count: int, ours: list[dict[str, Any]], bare: list[dict[str, Any]]) -> list[Figure]:
    def spread(runs: list[dict[str, Any]], name: str, factor: float = 1.0) -> tuple[float, ...]:
        return tuple(run[name] * factor for run in runs)

    what = f"delivering {count:,}, answers after {DELAY_MS} ms"
    seconds, cpu = spread(ours, "seconds"), spread(ours, "cpu", 1e6 / count)
    bare_cpu = median(spread(bare, "cpu", 1e6 / count))
    return [
        Figure(
            name=f"{what}: wall time",
            value=median(seconds),
            unit="s",
            beside=median(spread(bare, "seconds")),
            beside_name="bare httpx loop",
            most=1.1,
            spread=seconds,
        ),
        Figure(
            name=f"{what}: requests",
            value=median(spread(ours, "requests")),
            unit="requests",
            most=math.ceil(count / _TRANSACTION) + 5,
        ),
        Figure(name=f"{what}: CPU per delivery", value=median(cpu), unit="µs", most=300, spread=cpu),
        Figure(name="the same, of the bare loop", value=bare_cpu, unit="µs"),
        Figure(name="CPU per delivery beyond the bare loop's", value=median(cpu) - bare_cpu, unit="µs", most=300),
    ]


# -- in the child -----------------------------------------------------------------------------------------------


def peak_memory() -> float:
    """MiB that this process has held at most.

    `ru_maxrss` of a process on Linux begins with what its parent held when it was started; the kernel's own figure
    for the address space does not.
    """
    try:
        status = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        unit = 1024**2 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _ours(url: str, database: str) -> dict[str, Any]:
    from renkei import Renkei

    with Renkei(database, routes={HOST: url}) as renkei:
        began, cpu = time.perf_counter(), time.process_time()
        renkei.work_until_idle(timeout=3600)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        delivered = renkei.ledger(waiting.TENANT).delivered
    return {"seconds": seconds, "cpu": cpu, "delivered": delivered, "memory": peak_memory()}


def _bare(url: str, count: int) -> dict[str, Any]:
    import httpx

    calls = ask(url, "/kept")
    ids: list[str] = []
    began, cpu = time.perf_counter(), time.process_time()
    with httpx.Client(timeout=60) as client:
        for number in range(count // _CALL):
            answer = client.post(f"{url}/k/v1/records.json", json=calls[number % len(calls)])
            ids += answer.raise_for_status().json()["ids"]
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu, "delivered": len(ids)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("ours", "bare"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--database", default="")
    parser.add_argument("--actions", type=int, default=0)
    given = parser.parse_args()
    result = _ours(given.url, given.database) if given.kind == "ours" else _bare(given.url, given.actions)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
