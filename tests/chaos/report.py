"""One run from its plan to everything that is said of it."""

from __future__ import annotations

import re
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from chaos import tally
from chaos.plan import WINDOWS, Plan
from chaos.stage import stage
from chaos.supervisor import Run
from chaos.tally import Notes
from chaos.world import Place


def percentiles(milliseconds: list[float]) -> dict[str, float]:
    """p50, p99 and the longest."""
    if len(milliseconds) < 2:
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    cut = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return {"p50": round(cut[49], 2), "p99": round(cut[98], 2), "max": round(max(milliseconds), 2)}


def _grouped(notes: Notes, name: Callable[[int, str], str]) -> dict[str, dict[str, float]]:
    """How long `record()` took, by whatever *name* makes of the host and the way in which it called."""
    groups: dict[str, list[float]] = defaultdict(list)
    for (host, way), times in notes.milliseconds.items():
        groups[name(host, way)] += times
    return {group: percentiles(times) for group, times in sorted(groups.items())}


def _errors(place: Place) -> list[str]:
    """What broke down in a host: the last line of each traceback in its log."""
    lines = [line for log in sorted(place.folder.glob("host-*.log")) for line in log.read_text().splitlines()]
    return [line for line in lines if re.match(r"[\w.]+(Error|Exception|Unavailable)\b", line)]


def run(
    place: Place,
    plan: Plan,
    *,
    actions: int,
    seed: int,
    keyed: bool,
    rule: str | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """One run, and everything that is said of it."""
    began = time.monotonic()
    with stage(place, rule=rule, blows=plan.blows) as made:
        driven = Run(made, plan, actions=actions, seed=seed, keyed=keyed, say=say)
        result = driven.go(most_seconds=180 + len(plan.kills) * 8 + actions / 50)
        found, told = tally.stored(made.url), tally.asked(made.url, "/_chaos")
        notes = driven.notes()
    verdict = tally.verdict(place, notes.recorded, found, result.deaths)
    return {
        "seed": seed,
        "plan": plan.digest,
        "database": "sqlite" if place.is_sqlite else "postgresql",
        "key": keyed,
        "without": rule,
        "actions": actions,
        "recorded": verdict.recorded,
        "found": verdict.found,
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "doubtful": verdict.doubtful,
        "doubtful_stored": verdict.doubtful_stored,
        "doubtful_by_cause": verdict.explained,
        "doubtful_unexplained": len(verdict.unexplained),
        "misjudged": len(verdict.misjudged),
        "strangers": len(verdict.strangers),
        "kills": {window: result.kills[window] for window in WINDOWS},
        "kills_missing": (Counter(kill.window for kill in plan.kills) - result.kills).total(),
        "freezes": dict(sorted(result.freezes.items())),
        "host_kills": result.host_kills,
        "faults": dict(sorted(told["struck"].items())),
        "requests": told["requests"],
        "record_ms": percentiles([took for times in notes.milliseconds.values() for took in times]),
        "record_ms_by_host": _grouped(notes, lambda host, _: f"host-{host}"),
        "record_ms_by_way": _grouped(notes, lambda _, way: way),
        "record_refused": dict(notes.refusals),
        "host_errors": _errors(place),
        "looks": result.looks,
        "broken_looks": result.broken_looks,
        "ledger": {name: result.last.get(name) for name in tally.STATES},
        "drained": result.drained,
        "seconds": round(time.monotonic() - began, 1),
        "examples": {"lost": verdict.lost[:5], "doubled": verdict.doubled[:5], "unexplained": verdict.unexplained[:5]},
    }
