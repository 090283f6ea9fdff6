"""A worker process: it delivers, and kills or freezes itself in the window that it was told."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from chaos import without
from chaos.children import Events
from chaos.world import Place, engine
from renkei import Renkei
from renkei_kintone import push


class Trap:
    """Called at every named point of the worker; springs once for each order."""

    def __init__(self, events: Events) -> None:
        self.renkei: Renkei | None = None
        self._events = events
        self._lock = threading.Lock()
        self._order: dict[str, Any] | None = None

    def set(self, order: dict[str, Any]) -> None:
        """Wait for a window: `{"do": "kill" | "freeze", "window": …, "skip": …}`."""
        with self._lock:
            self._order = order

    def reached(self, point: str) -> None:
        """The worker is at *point*."""
        order = self._order
        if order is None or order["window"] != point:
            return
        with self._lock:
            order = self._order
            if order is None or order["window"] != point:
                return
            order["skip"] -= 1
            if order["skip"] >= 0:
                return
            self._order = None
        if order["do"] == "kill":
            self._events.tell("killed", victim=os.getpid(), window=point)
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            self._freeze(point)

    def _freeze(self, point: str) -> None:
        # Not while a thread of ours is inside a write transaction: frozen, it would keep SQLite's lock, and what is
        # to be seen here is a worker that loses its lane, not a database that nobody can write to.
        assert self.renkei is not None
        writer = self.renkei._parts.store.database._writer
        assert writer is not None
        with writer.busy:
            self._events.tell("frozen", victim=os.getpid(), window=point)
            # To this very thread: another one may take what is sent to the process, and this one goes on for a moment.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def work(place: Place, url: str, events: Events, rule: str | None, orders: Iterator[dict[str, Any]]) -> None:
    """Deliver until killed, without *rule*."""
    # Short like all other times here: the plugin begins no request with less than this left of a push's deadline.
    push.LEAST_TIME = timedelta(milliseconds=200)  # type: ignore[misc]
    trap = Trap(events)
    changed = without.take_out(rule)
    trap.renkei = renkei = engine(place, url, reached=trap.reached, **changed)
    for order in orders:
        if order["do"] == "start":
            renkei.start()
        else:
            trap.set(order)
