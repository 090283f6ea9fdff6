"""An event loop in a thread of its own for each backend, and the hand-over of calls to it from any thread.

A hook that hangs costs its own backend time and nobody else anything: the caller waits on its own clock, cancels,
waits a short grace, and goes. A hook that blocks the loop takes the loop with it: the backend's next call starts
another, and the old one ends when it is let go of, if ever.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any

from renkei.plugins.deadline import Deadline
from renkei.plugins.pools import Pools
from renkei.plugins.quiet import hush_this_thread

_log = logging.getLogger("renkei.plugins")

# How often a waiting caller looks at the wall clock: its own wait does not notice a machine that slept.
_LOOK_SECONDS = 0.5

# How long `close` waits for a loop's own cleaning, and then leaves it to its daemon thread.
_CLOSE_SECONDS = 2.0


class How(Enum):
    """How a call came to its end."""

    RETURNED = auto()
    RAISED = auto()
    IGNORED_CANCEL = auto()  # past its deadline, cancelled, and still running
    HELD_LOOP = auto()  # past its deadline, and the loop never came round to cancelling it
    CANCELLED = auto()  # past its deadline, and ended by being cancelled
    STOPPED = auto()  # core closed the loop


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a call: *value* where it returned, *error* where it raised."""

    how: How
    value: object = None
    error: BaseException | None = None


Work = Callable[[Pools], Awaitable[object]]


class LoopThread:
    """Runs coroutines of one backend. Starts at the first call, starts afresh after a fork or after `close`."""

    def __init__(self, name: str, make_pools: Callable[[], Pools], *, grace: timedelta) -> None:
        self._name = name
        self._make_pools = make_pools
        self._grace = grace.total_seconds()
        # By process: a fork copies this object, but neither its thread nor the owner of a lock it happened to hold.
        self._runners: dict[int, _Runner] = {}
        self._locks: dict[int, threading.Lock] = {}

    def run(self, work: Work, deadline: Deadline, *, shut: Callable[[], None]) -> Ending:
        """Run *work* on the loop and wait for it until *deadline*, then a short grace.

        Args:
            work: makes the coroutine, on the loop.
            deadline: when it is cancelled.
            shut: called when the caller stops waiting, before anything else: nothing may be sent after that.
        """
        while True:
            runner = self._runner()
            call = _Call(runner, work)
            if runner.hand_over(call):
                break
            self._forget(runner)  # closed between the two lines above
        try:
            self._wait(call, deadline)
            shut()
            return call.ending or self._end_late(runner, call)
        except BaseException:  # a person's Ctrl-C in the thread that waits
            shut()
            runner.soon(call.cancel)
            raise

    def close(self) -> None:
        """End the loop and its thread; a later call starts another. Calls under way end as stopped."""
        with self._lock():
            runner = self._runners.pop(os.getpid(), None)
        if runner is not None:
            runner.stop()
            runner.join(_CLOSE_SECONDS)

    @staticmethod
    def _wait(call: _Call, deadline: Deadline) -> None:
        while (left := deadline.remaining()) > 0:
            if call.done.wait(min(left, _LOOK_SECONDS)):
                return
            call.end_if_orphaned()

    def _end_late(self, runner: _Runner, call: _Call) -> Ending:
        runner.soon(call.cancel)
        call.done.wait(self._grace)
        if call.ending is not None:
            return call.ending
        if call.cancel_seen.is_set():
            return Ending(How.IGNORED_CANCEL)
        self._forget(runner)
        runner.stop()
        return Ending(How.HELD_LOOP)

    def _runner(self) -> _Runner:
        pid = os.getpid()
        with self._lock():
            runner = self._runners.get(pid)
            if runner is None or not runner.alive():
                runner = self._runners[pid] = _Runner(self._name, self._make_pools)
        if runner.thread is threading.current_thread():
            raise RuntimeError("a hook cannot call a backend: it would wait for itself")
        return runner

    def _forget(self, runner: _Runner) -> None:
        with self._lock():
            if self._runners.get(os.getpid()) is runner:
                del self._runners[os.getpid()]

    def _lock(self) -> threading.Lock:
        return self._locks.setdefault(os.getpid(), threading.Lock())


class _Call:
    """One coroutine on its way through a loop."""

    def __init__(self, runner: _Runner, work: Work) -> None:
        self.done = threading.Event()
        self.cancel_seen = threading.Event()
        self.ending: Ending | None = None
        self._runner = runner
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """On the loop: begin."""
        self._task = self._runner.loop.create_task(self._fenced())
        self._task.add_done_callback(lambda _task: self._end(Ending(self._cancelled())))

    def cancel(self) -> None:
        """On the loop: ask it to end."""
        self.cancel_seen.set()
        if self._task is not None:
            self._task.cancel()

    def end_if_orphaned(self) -> None:
        """End it where the loop closed just before it could begin."""
        if not self._runner.thread.is_alive():
            self._end(Ending(How.STOPPED))

    async def _fenced(self) -> None:
        # Everything is caught here, inside the task: asyncio lets SystemExit and KeyboardInterrupt of a task through
        # to whoever runs the loop.
        try:
            value = await self._work(self._runner.pools)
        except asyncio.CancelledError as error:
            self._end(Ending(self._cancelled(), error=error))
        except BaseException as error:
            self._end(Ending(How.RAISED, error=error))
        else:
            self._end(Ending(How.RETURNED, value=value))

    def _cancelled(self) -> How:
        if self._runner.stopping:
            return How.STOPPED
        return How.CANCELLED if self.cancel_seen.is_set() else How.RAISED

    def _end(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending
            self.done.set()


class _Runner:
    """A loop, its thread and what lives on it."""

    def __init__(self, name: str, make_pools: Callable[[], Pools]) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(_say_without_details)
        # Its threads resolve names. Not awaited at the end: a resolver may hang longer than anybody wants to wait.
        self._executor = ThreadPoolExecutor(max_workers=8, thread_name_prefix=f"{name}-dns")
        self.loop.set_default_executor(self._executor)
        self.pools = make_pools()
        self.stopping = False
        self._lock = threading.Lock()
        self._closed = False
        self.thread = threading.Thread(target=self._main, name=name, daemon=True)
        self.thread.start()

    def alive(self) -> bool:
        """Whether it takes calls."""
        return not self.stopping and self.thread.is_alive()

    def hand_over(self, call: _Call) -> bool:
        """Start *call* on the loop; False where the loop takes no more."""
        return not self.stopping and self.soon(call.start)

    def soon(self, callback: Callable[[], object]) -> bool:
        """Run *callback* on the loop; False where the loop is closed."""
        with self._lock:
            if self._closed:
                return False
            self.loop.call_soon_threadsafe(callback)
            return True

    def stop(self) -> None:
        """Ask the loop to end as soon as it comes round to it."""
        self.stopping = True
        self.soon(self.loop.stop)

    def join(self, seconds: float) -> None:
        """Wait until the thread has ended, but not for ever and not for itself."""
        if self.thread is not threading.current_thread():
            self.thread.join(seconds)

    def _main(self) -> None:
        hush_this_thread()
        asyncio.set_event_loop(self.loop)
        while not self.stopping:
            try:
                self.loop.run_forever()
            except BaseException as error:  # a task that a hook left behind has raised SystemExit
                _log.warning("Something left behind by a hook ended with %s", type(error).__name__)
        try:
            self._run(self._wind_up())
        finally:
            with self._lock:
                self._closed = True
            self._executor.shutdown(wait=False, cancel_futures=True)
            self.loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            self.loop.run_until_complete(coroutine)
        except BaseException as error:  # the same, while winding up
            _log.warning("Winding up ended with %s", type(error).__name__)

    async def _wind_up(self) -> None:
        # Calls handed over just before `stop` have not begun; this lets them, so that they end as stopped.
        await asyncio.sleep(0)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_SECONDS / 4)
        await self.pools.aclose()
        await self.loop.shutdown_asyncgens()
        await asyncio.sleep(0)  # a transport closes its socket one turn after it was told to


def _say_without_details(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of an error that nobody took, without its text: it may hold a secret."""
    error = context.get("exception")
    _log.warning("Something left behind by a hook ended with %s", type(error).__name__ if error else "no result")
