"""`renkei verify`, without its words: run the suite in a child process, and judge what it wrote down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from renkei.spec import RenkeiError
from renkei.testing.contract.catalogue import CHECKS, expected
from renkei.testing.contract.checks import Contract
from renkei.testing.contract.child import NOT_PROVABLE
from renkei.testing.contract.errand import Order
from renkei.testing.contract.ledger import Line, read_lines, settle
from renkei.testing.contract.required import SUITE_VERSION
from renkei.testing.contract.subject import NotProvable, claims_of
from renkei.testing.contract.whole import WHOLE, all_ours, all_ran, same_again

REPORT: Final = "contract-report.json"
ENOUGH: Final = timedelta(minutes=10)
_SECOND_SEED: Final = 20260401

__all__ = [
    "Contract",
    "NotProvable",
    "Order",
    "SuiteStopped",
    "Verdict",
    "explained",
    "is_required",
    "known_ids",
    "verify",
]


class SuiteStopped(RenkeiError):
    """The suite did not come to its end; nothing is proven. The text says where it stood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a run has shown.

    Attributes:
        lines: of each check that was asked for, the whole-run ones among them.
        complete: whether it was the whole suite.
        passed: every required check passed.
        saboteurs: name → what became of it, where they were run.
    """

    order: Order
    plugin: Mapping[str, str]
    lines: Mapping[str, Line]
    complete: bool
    seconds: float
    saboteurs: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every required check that was asked for passed."""
        return all(line.word == "passed" for id, line in self.lines.items() if is_required(id))

    def report(self) -> dict[str, Any]:
        """As it is written to `contract-report.json`."""
        return {
            "suite": SUITE_VERSION,
            "renkei": version("renkei"),
            "backend": self.order.backend,
            "plugin": dict(self.plugin),
            "source": self.order.source,
            "complete": self.complete,
            "passed": self.passed,
            "seconds": round(self.seconds, 2),
            "seed": self.order.seed,
            "checks": {
                id: {
                    "outcome": line.word,
                    "required": is_required(id),
                    "requirement": explained(id).requirement,
                    "seconds": round(line.seconds, 3),
                    **({"seen": line.seen} if line.seen else {}),
                }
                for id, line in self.lines.items()
            },
            "saboteurs": dict(self.saboteurs),
        }


def explained(id: str) -> Any:
    """The `Check` or `WholeCheck` of an id."""
    return CHECKS.get(id) or WHOLE[id]


def is_required(id: str) -> bool:
    """Whether a plugin that fails it fails the suite."""
    return bool(explained(id).required)


def known_ids() -> list[str]:
    """Every id of the suite."""
    return sorted({*CHECKS, *WHOLE})


def verify(order: Order, *, enough: timedelta = ENOUGH) -> Verdict:
    """Run what *order* asks for.

    Args:
        order: its `results` is chosen here.
        enough: after which the child is ended, and the suite has stopped.

    Raises:
        NotProvable: there is nothing to run it against.
        SuiteStopped: it did not come to its end.
    """
    started = time.monotonic()
    claim = claims_of(order.backend)[0]
    wanted = [id for id in (order.only or expected(order.source, prove=order.prove)) if id in CHECKS]
    lines = _run(order, wanted, enough)
    judged = {"K01": all_ran(lines), "K02": all_ours(lines)}
    if order.prove and (not order.only or "K08" in order.only):
        seed = (order.seed or 0) + _SECOND_SEED
        again = [id for id in wanted if not CHECKS[id].prove]
        second = _run(replace(order, seed=seed, prove=False, only=tuple(again)), again, enough)
        judged["K08"] = same_again(lines, second, seed)
    return Verdict(
        order=order,
        plugin={"distribution": claim.distribution, "version": claim.version},
        lines=dict(sorted({**lines, **judged}.items())),
        complete=not order.only and not order.paths,
        seconds=time.monotonic() - started,
        saboteurs=(lines["K05"].notes or {}).get("saboteurs", {}) if "K05" in lines else {},
    )


def _run(order: Order, wanted: Sequence[str], enough: timedelta) -> dict[str, Line]:
    with tempfile.TemporaryDirectory(prefix="renkei-verify-") as folder:
        results = Path(folder) / "results.jsonl"
        path = Path(folder) / "order.json"
        path.write_text(replace(order, results=str(results)).text(), encoding="utf-8")
        said = Path(folder) / "said.txt"
        with said.open("wb") as output:
            code = _child(path, output, enough)
        text = said.read_text(encoding="utf-8", errors="replace")
        _require_provable(results, code)
        lines, running = read_lines(results)
        if code is None:
            raise SuiteStopped(
                f"The suite was ended after {enough.total_seconds():g} seconds while {running or 'nothing'} was "
                "running. A hook that never returns, or a simulator that hangs?"
            )
        if code not in (0, 1, 5) and not order.pytest:
            raise SuiteStopped(
                f"The suite broke off with exit code {code}, while {running or 'no check'} was running.\n{text[-4000:]}"
            )
        return settle(wanted, lines)


def _child(path: Path, output: Any, enough: timedelta) -> int | None:
    """Its exit code; None where it was ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "renkei.testing.contract.child", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=_environment(),
    )
    try:
        return process.wait(enough.total_seconds())
    except subprocess.TimeoutExpired:
        return None
    finally:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    """Ours, without what would change how pytest runs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _require_provable(results: Path, code: int | None) -> None:
    if code != NOT_PROVABLE or not results.exists():
        return
    for text in results.read_text(encoding="utf-8").splitlines():
        if "not_provable" in (event := json.loads(text)):
            raise NotProvable(str(event["not_provable"]))
