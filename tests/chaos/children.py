"""Child processes of the supervisor: forked with everything imported, so that one that is killed is back at once."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PIPE_BUF = 4096


class Events:
    """What children tell the supervisor: JSON lines in one pipe, each written at once, so that no kill tears one."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self._rest = b""

    def tell(self, event: str, **more: Any) -> None:
        """From a child: something happened to it."""
        line = json.dumps({"event": event, "pid": os.getpid(), "at": time.time(), **more}).encode() + b"\n"
        assert len(line) <= _PIPE_BUF
        os.write(self.writing, line)

    def told(self) -> Iterator[dict[str, Any]]:
        """To the supervisor: everything since the last time."""
        try:
            while part := os.read(self.reading, 65536):
                self._rest += part
        except BlockingIOError:
            pass
        *lines, self._rest = self._rest.split(b"\n")
        yield from (json.loads(line) for line in lines)


@dataclass(slots=True)
class Child:
    """A running child.

    Attributes:
        orders: the writing end of the pipe that it takes its orders from.
    """

    name: str
    pid: int
    orders: int
    started: float = field(default_factory=time.monotonic)

    def order(self, **order: Any) -> None:
        """Send an order; a child that has just died does not take it."""
        with suppress(BrokenPipeError):
            os.write(self.orders, json.dumps(order).encode() + b"\n")


class Nursery:
    """Forks children and reaps them. The process that forks has no threads."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self.alive: dict[int, Child] = {}

    def fork(self, name: str, task: Callable[[Iterator[dict[str, Any]]], None]) -> Child:
        """Run *task* in a new process; it is given its orders as they come."""
        taking, giving = os.pipe()
        sys.stdout.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._live(name, task, taking, giving, parent)
        os.close(taking)
        child = Child(name, pid, giving)
        self.alive[pid] = child
        return child

    def _live(
        self, name: str, task: Callable[[Iterator[dict[str, Any]]], None], taking: int, giving: int, up: int
    ) -> None:
        code = 1
        try:
            # Nobody is left behind, however the supervisor ends.
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != up:
                os._exit(1)
            for other in (giving, *(child.orders for child in self.alive.values())):
                os.close(other)
            log = os.open(self._logs / f"{name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            logging.basicConfig(
                level=logging.WARNING, format="%(asctime)s %(process)d %(name)s: %(message)s", force=True
            )
            task(_lines(taking))
            code = 0
        except BaseException:
            logging.getLogger("chaos").exception("%s ended", name)
        finally:
            os._exit(code)

    def reaped(self) -> Iterator[tuple[Child, int]]:
        """Children that have ended since the last time, with the signal that ended them, or minus their exit code."""
        while self.alive:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self.alive.pop(pid)
            os.close(child.orders)
            yield child, os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)

    def end(self) -> None:
        """Kill and reap everybody, each by its own id."""
        for pid, child in self.alive.items():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(child.orders)
        self.alive.clear()


def _lines(descriptor: int) -> Iterator[dict[str, Any]]:
    with os.fdopen(descriptor) as stream:
        for line in stream:
            yield json.loads(line)
