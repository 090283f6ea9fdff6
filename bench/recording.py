"""What `record()` costs beside a bare durable insert, at one thread and at many.

Both write the same text to the same file system in WAL mode with `synchronous=FULL`. The bare insert is given its
text ready made; `record()` checks, flattens, encodes and digests the action, looks up the revision in force, and
writes two rows and two counters.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from figures import Figure, median, p99
from waiting import INBOX, TENANT

from renkei import Helpdesk, Renkei
from renkei.mapping import read_action
from renkei.samples import sample_actions
from renkei.testing import FakeBackend

THREADS = {1: 2_000, 8: 400, 64: 80}
TASKS = 64
_WARM_UP = 30

Insert = Callable[[Any], object]
Actions = list[dict[str, Any]]


@dataclass(slots=True)
class Run:
    """Milliseconds of each call, and the calls per second of all threads together."""

    calls: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.calls) / self.seconds


def measure(directory: Path, *, rounds: int, quick: bool, progress: Callable[[str], None]) -> list[Figure]:
    """Bare, record, bare, record … for each number of threads; then `arecord`."""
    figures: list[Figure] = []
    for threads, each in THREADS.items():
        calls = max(10, each // 8) if quick else each
        bare: list[Run] = []
        ours: list[Run] = []
        for number in range(rounds):
            progress(f"record(): {threads} threads, round {number + 1} of {rounds}")
            bare.append(_in_threads(_bare, directory, threads, calls))
            ours.append(_in_threads(_renkei, directory, threads, calls))
        figures += _compared(threads, bare, ours)
    tasks = [_in_tasks(directory, 10 if quick else THREADS[TASKS]) for _ in range(rounds)]
    return figures + _of_tasks(tasks)


def _compared(threads: int, bare: list[Run], ours: list[Run]) -> list[Figure]:
    what = f"record(), {threads} thread{'s' if threads > 1 else ''}"
    alone, many = threads == 1, threads == max(THREADS)

    def figure(name: str, unit: str, of: Callable[[Run], float], **aim: float | None) -> Figure:
        spread = tuple(of(run) for run in ours)
        beside = median([of(run) for run in bare])
        return Figure(
            name=f"{what}: {name}",
            value=median(spread),
            unit=unit,
            beside=beside,
            beside_name="bare durable insert",
            spread=spread,
            **aim,
        )

    return [
        figure("median", "ms", lambda run: median(run.calls), most=4.0 if alone else None),
        figure("p99", "ms", lambda run: p99(run.calls), most=1.0 if many else None),
        figure("rate", "rows/s", lambda run: run.rate, least=1.0 if many else None),
    ]


def _of_tasks(runs: list[Run]) -> list[Figure]:
    what = f"arecord(), {TASKS} tasks"
    return [
        Figure(name=f"{what}: median", value=median([median(run.calls) for run in runs]), unit="ms"),
        Figure(name=f"{what}: p99", value=median([p99(run.calls) for run in runs]), unit="ms"),
        Figure(name=f"{what}: rate", value=median([run.rate for run in runs]), unit="rows/s"),
    ]


# -- the two that are compared ----------------------------------------------------------------------------------


@contextmanager
def _bare(directory: Path, actions: Actions) -> Iterator[tuple[list[Any], Callable[[], Insert]]]:
    """A connection for each thread; each insert is a transaction."""
    source = Helpdesk().source_fields(TENANT, INBOX)
    rows = [(action.id, action.payload) for action in (read_action(raw, source) for raw in actions)]
    path = str(directory / "bare.db")

    def connect() -> Insert:
        connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS actions (id TEXT NOT NULL UNIQUE, payload TEXT NOT NULL)")
        return lambda row: connection.execute("INSERT INTO actions VALUES (?, ?)", row)

    yield rows, connect


@contextmanager
def _renkei(directory: Path, actions: Actions) -> Iterator[tuple[list[Any], Callable[[], Insert]]]:
    with ready(directory) as renkei:
        yield actions, lambda: lambda action: renkei.record(TENANT, INBOX, action)


@contextmanager
def ready(directory: Path) -> Iterator[Renkei]:
    fake = FakeBackend()
    with Renkei(str(directory / "renkei.db"), **fake.plug()) as renkei:
        fake.set_up(renkei, tenant=TENANT, inbox=INBOX)
        yield renkei


# -- running them -----------------------------------------------------------------------------------------------


def _actions(count: int) -> Actions:
    return list(sample_actions(count, inbox=INBOX, start=datetime.now(UTC)))


def _in_threads(kind: Callable[..., Any], directory: Path, threads: int, calls: int) -> Run:
    # Afresh each time, so that no run meets a larger database than the other.
    with (
        tempfile.TemporaryDirectory(dir=directory) as place,
        kind(Path(place), _actions(threads * calls + _WARM_UP)) as (rows, connect),
    ):
        warm = connect()
        for row in rows[:_WARM_UP]:
            warm(row)
        parts = [rows[_WARM_UP + number :: threads][:calls] for number in range(threads)]
        return _timed(parts, connect)


def _timed(parts: list[list[Any]], connect: Callable[[], Insert]) -> Run:
    run = Run()
    ready = threading.Barrier(len(parts) + 1)
    times: list[list[float]] = [[] for _ in parts]

    def work(rows: list[Any], spent: list[float]) -> None:
        insert = connect()
        ready.wait()
        for row in rows:
            began = time.perf_counter()
            insert(row)
            spent.append((time.perf_counter() - began) * 1000)

    workers = [threading.Thread(target=work, args=pair) for pair in zip(parts, times, strict=True)]
    for worker in workers:
        worker.start()
    ready.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    run.seconds = time.perf_counter() - began
    run.calls = list(itertools.chain.from_iterable(times))
    return run


def _in_tasks(directory: Path, calls: int) -> Run:
    actions = _actions(TASKS * calls)
    with tempfile.TemporaryDirectory(dir=directory) as place, ready(Path(place)) as renkei:
        return asyncio.run(_tasks(renkei, actions, calls))


async def _tasks(renkei: Renkei, actions: Actions, calls: int) -> Run:
    run = Run()

    async def work(part: Actions) -> None:
        for action in part:
            began = time.perf_counter()
            await renkei.arecord(TENANT, INBOX, action)
            run.calls.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    await asyncio.gather(*(work(actions[place : place + calls]) for place in range(0, len(actions), calls)))
    run.seconds = time.perf_counter() - began
    return run
