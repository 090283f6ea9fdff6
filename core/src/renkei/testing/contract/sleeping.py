"""Whether a hook waits for time to pass: with a timer on its loop, or by holding its thread.

What the wire does (a fault that drips, the guard's own deadline) is not the hook's doing and not counted.
"""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio import base_events, futures
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from types import ModuleType
from typing import Any, Final

from renkei.testing.contract.wire import SuiteWire, current_hook, on_the_wire

_WAKES: Final = getattr(futures, "_set_result_unless_cancelled", None)
"""What `asyncio.sleep` has its timer call."""


@contextmanager
def naps(wire: SuiteWire, package: str) -> Iterator[list[str]]:
    """Collects the names of hooks that slept inside the block.

    Args:
        wire: of the stage.
        package: of the plugin: where it took `sleep` out of `time` by name, it is taken there, too.
    """
    seen: list[str] = []
    with _timers(wire, seen), _held_threads(package, seen):
        yield seen


@contextmanager
def _timers(wire: SuiteWire, seen: list[str]) -> Iterator[None]:
    original = base_events.BaseEventLoop.call_at

    def call_at(
        self: Any, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        hook = current_hook.get()
        if not hook or on_the_wire.get():
            return original(self, when, callback, *args, context=context)
        if callback is _WAKES:
            seen.append(hook)
            return original(self, when, callback, *args, context=context)

        def ringing(*given: Any) -> None:
            # A timer that rings while nothing is under way: the hook waited for it, under whatever name.
            if not wire.is_busy():
                seen.append(hook)
            callback(*given)

        return original(self, when, ringing, *args, context=context)

    base_events.BaseEventLoop.call_at = call_at  # type: ignore[method-assign,assignment]  # put back below
    try:
        yield
    finally:
        base_events.BaseEventLoop.call_at = original  # type: ignore[method-assign]


@contextmanager
def _held_threads(package: str, seen: list[str]) -> Iterator[None]:
    original = time.sleep

    def sleep(seconds: float, /) -> None:
        if current_hook.get() and not on_the_wire.get():
            seen.append(current_hook.get())
        original(seconds)

    places = [(module, name) for module in _modules(package) for name, value in list(vars(module).items())
              if value is original]  # fmt: skip
    for module, name in [(time, "sleep"), *places]:
        setattr(module, name, sleep)
    try:
        yield
    finally:
        for module, name in [(time, "sleep"), *places]:
            setattr(module, name, original)


def _modules(package: str) -> list[ModuleType]:
    return [
        module
        for name, module in list(sys.modules.items())
        if module is not None and (name == package or name.startswith(f"{package}."))
    ]
