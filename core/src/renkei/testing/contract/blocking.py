"""How long a hook keeps the event loop, or the thread it is called in, to itself.

Two figures for every turn of the loop: the processor time it took, and the time in which it waited for something
other than the processor. The wall clock alone shows neither: on a busy machine a thread waits for its turn.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from renkei.testing.contract.wire import Act, Exchange, Forward, beyond

_PATIENCE: Final = 2.0
_SCHEDSTAT: Final = Path("/proc/thread-self/schedstat")


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of one thread: on the processor, and waiting for something else than a processor."""

    busy: float = 0.0
    waiting: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.busy + other.busy, self.waiting + other.waiting)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.busy - other.busy, self.waiting - other.waiting)

    @property
    def longest(self) -> float:
        """The larger of both."""
        return max(self.busy, self.waiting)

    def __str__(self) -> str:
        what = "waiting" if self.waiting > self.busy else "computing"
        return f"{self.longest * 1000:.0f} ms, {what}"


def spent() -> Spent:
    """What this thread has spent since it began, up to a constant."""
    busy = time.thread_time()
    return Spent(busy, time.perf_counter() - busy - _queued())


def _queued() -> float:
    """Seconds in which this thread was ready and had no processor; nought where the system does not tell."""
    try:
        return int(_SCHEDSTAT.read_bytes().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


class LoopWatch:
    """The longest turn that a loop thread was kept in."""

    def __init__(self) -> None:
        self._longest = Spent()
        self._turn = threading.Lock()  # held while a turn is under way
        self._loops: set[int] = set()  # ids of threads
        self._aside = threading.local()

    def longest(self) -> Spent:
        """The longest of all turns so far, without what the simulator spent in them.

        A call is over before the turn in which it ends is: that turn is waited for, within bounds.
        """
        if not self._turn.acquire(timeout=_PATIENCE):
            return Spent(waiting=_PATIENCE)
        self._turn.release()
        return self._longest

    def known(self, thread: int) -> None:
        """The thread with this id runs the plugin's loop."""
        self._loops.add(thread)

    def act(self, fault: Act | None = None) -> Act:
        """For the wire: what answers has a turn of its own, whose time is not the plugin's.

        Args:
            fault: answers instead of the simulator.
        """

        async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
            self.known(threading.get_ident())
            await asyncio.sleep(0)
            answer = await _Measured(forward() if fault is None else fault(exchange, forward), self._count_aside)
            await asyncio.sleep(0)
            return answer

        act.__name__ = "a turn of its own"
        return act

    def turn(self, run: Callable[[], None], *, of_simulator: bool) -> None:
        """Run one turn of some loop."""
        if of_simulator or threading.get_ident() not in self._loops:
            run()
            return
        with self._turn:
            self._aside.spent = Spent()
            before = spent()
            try:
                run()
            finally:
                took = spent() - before - self._aside.spent
                self._longest = max(self._longest, took, key=lambda one: one.longest)

    def _count_aside(self, took: Spent) -> None:
        self._aside.spent = getattr(self._aside, "spent", Spent()) + took


class _Measured(Awaitable[httpx.Response]):
    """An awaitable whose own steps are counted, so that they can be taken off the turn that they are part of."""

    def __init__(self, inner: Awaitable[httpx.Response], count: Callable[[Spent], None]) -> None:
        self._inner = inner
        self._count = count

    def __await__(self) -> Generator[Any, Any, httpx.Response]:
        steps = self._inner.__await__()
        sent: Any = None
        error: BaseException | None = None
        while True:
            before = spent()
            try:
                waited_for = steps.send(sent) if error is None else steps.throw(error)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # the answer
            finally:
                self._count(spent() - before)
            sent = error = None
            try:
                sent = yield waited_for
            except BaseException as thrown:
                error = thrown


@contextmanager
def loop_watch() -> Iterator[LoopWatch]:
    """Watches the turns of the loops in the threads that are made known by `LoopWatch.known`."""
    watch = LoopWatch()
    handle: Any = asyncio.events.Handle
    real = handle._run

    def _run(self: Any) -> None:
        watch.turn(lambda: real(self), of_simulator=bool(self._context.get(beyond, False)))

    handle._run = _run
    try:
        yield watch
    finally:
        handle._run = real


@contextmanager
def no_collecting() -> Iterator[None]:
    """Without the garbage collector: what it does is not the plugin's doing."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
