"""What really ran: a pytest plugin that takes nobody's word for it, and the judgement over the whole run.

A check counts as passed only where its own function, and no other, came to its end on the suite's own stage, in a
test that pytest calls passed and that was not expected to fail. What is left out (`-k`, a skip in a fixture, a filter
in a conftest, an xfail, an override) is missing at the end, and missing is a failure.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from renkei.plugins.faults import name_exception
from renkei.testing.contract.broken import Broken
from renkei.testing.contract.catalogue import CHECKS
from renkei.testing.contract.errand import Errand
from renkei.testing.contract.pytested import errand_key
from renkei.testing.contract.stage import Stage

Word = Literal["passed", "failed", "crashed", "skipped", "hollow", "missing"]

_NAME = re.compile(r"test_([a-z][0-9]{2})_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One test that ran under the name of a check.

    Attributes:
        word: `hollow`: another function than the suite's, or one that did not come to its end.
        seen: what was seen instead.
        notes: what the check has to tell besides, for the report.
    """

    id: str
    word: Word
    seen: str = ""
    seconds: float = 0.0
    test: str = ""
    notes: Mapping[str, Any] | None = None


class Ledger:
    """The plugin. Writes a line of JSON for each beginning and each end, so that a hanging check is known."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._path = Path(errand.order.results)
        self._started: dict[str, float] = {}
        self._calls: dict[str, tuple[Word, str]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Hand the errand to the fixture."""
        config.stash[errand_key] = self._errand

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put them into the order that was asked for."""
        order = self._errand.order
        if order.only or order.source != "simulator" or not order.prove:
            items[:] = [item for item in items if self._wanted(item)]
        items.sort(key=lambda item: id_of(item) or "")
        if order.seed is not None:
            random.Random(order.seed).shuffle(items)

    def _wanted(self, item: pytest.Item) -> bool:
        check = CHECKS.get(id_of(item) or "")
        if check is None:
            return not self._errand.order.only
        order = self._errand.order
        chosen = not order.only or check.id in order.only
        return chosen and order.source in check.sources and (order.prove or not check.prove or check.id in order.only)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that it begins."""
        self._started[nodeid] = time.perf_counter()
        self._write({"begin": nodeid})

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note how each phase ended, by its exception and not by its report: a report can be rewritten."""
        report = yield
        id = id_of(item)
        if id is None:
            return report
        word, seen = self._judged(item, call, report, id)
        before = self._calls.get(item.nodeid)
        if before is None or before[0] == "passed":
            self._calls[item.nodeid] = word, seen
        if call.when == "teardown":
            self._close(item, id)
        return report

    def _judged(
        self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, id: str
    ) -> tuple[Word, str]:
        error = call.excinfo.value if call.excinfo is not None else None
        if item.get_closest_marker("xfail") is not None or isinstance(error, pytest.xfail.Exception):
            return "skipped", "expected to fail (xfail)"
        if isinstance(error, pytest.skip.Exception) or report.skipped:
            return "skipped", f"skipped: {_first_line(error)}"
        if isinstance(error, Broken):
            return "failed", str(error)
        if error is not None:
            return "crashed", f"{name_exception(error)}: {error}"
        if call.when == "call":
            return _proven(item, id)
        return "passed", ""

    def _close(self, item: pytest.Item, id: str) -> None:
        word, seen = self._calls.get(item.nodeid, ("missing", ""))
        line = Line(
            id=id,
            word=word,
            seen=seen,
            seconds=time.perf_counter() - self._started.get(item.nodeid, time.perf_counter()),
            test=item.nodeid,
            notes=_notes(item),
        )
        self._write({"end": asdict(line)})

    def _write(self, event: Mapping[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event, ensure_ascii=False, default=str) + "\n")


def id_of(item: pytest.Item) -> str | None:
    """The id whose name a test bears: its own mark, or what its name says."""
    function = getattr(item, "function", None)
    marked = getattr(function, "__contract_check__", None)
    if isinstance(marked, str):
        return marked
    found = _NAME.match(item.name)
    id = found[1].upper() if found else ""
    return id if id in CHECKS else None


def _proven(item: pytest.Item, id: str) -> tuple[Word, str]:
    function = getattr(item, "function", None)
    if function is not CHECKS[id].function:
        where = getattr(getattr(function, "__code__", None), "co_filename", "somewhere else")
        return "hollow", f"the function that ran is not the suite's: it stands in {Path(str(where)).name}"
    stage = getattr(item, "funcargs", {}).get("stage")
    if type(stage) is not Stage or id not in stage.finished:
        return "hollow", "the check did not come to its end on the suite's own stage"
    return "passed", ""


def _notes(item: pytest.Item) -> Mapping[str, Any] | None:
    stage = getattr(item, "funcargs", {}).get("stage")
    return stage.notes if type(stage) is Stage and stage.notes else None


def _first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or ["no reason"])[0] if error is not None else "no reason"


def read_lines(path: Path) -> tuple[dict[str, list[Line]], str]:
    """The lines of a finished or broken-off run by id, and the test that had begun and not ended."""
    lines: dict[str, list[Line]] = {}
    running = ""
    if not path.exists():
        return lines, running
    for text in path.read_text(encoding="utf-8").splitlines():
        event = json.loads(text)
        if "begin" in event:
            running = event["begin"]
        elif "end" in event:
            line = Line(**event["end"])
            lines.setdefault(line.id, []).append(line)
            running = "" if line.test == running else running
    return lines, running


def settle(wanted: Sequence[str], lines: Mapping[str, Sequence[Line]]) -> dict[str, Line]:
    """One line for each id that was wanted: its worst."""
    worst: Sequence[Word] = ("passed", "missing", "skipped", "hollow", "crashed", "failed")
    settled = {}
    for id in wanted:
        found = lines.get(id, ())
        settled[id] = max(found, key=lambda line: worst.index(line.word)) if found else Line(id=id, word="missing")
    return settled
