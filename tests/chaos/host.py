"""A host app's process: it offers actions in every way that there is, and notes each one after `record()` has returned.

Killed and started again, it offers whatever it has no note of: that is what a host does that wants nothing lost.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from chaos import own
from chaos.children import Events
from chaos.world import TENANT, Actions, Place, engine
from renkei import Renkei
from renkei.spec import RenkeiError

THREADS, TASKS = 3, 4
# A request path does other things between two actions; without a pause one caller would keep SQLite's lock to itself.
PAUSE_SECONDS = 0.01
_REPEATED, _CONFLICTING, _TOO_EARLY, _ROLLED_BACK = 0.03, 0.002, 0.002, 0.1


class Gate:
    """How far the host may go in its list; the supervisor lets actions flow while it kills."""

    def __init__(self, numbers: list[int], known: set[str], actions: Actions) -> None:
        self._numbers = numbers
        self._known = known
        self._actions = actions
        self._position = 0
        self._upto = 0
        self._changed = threading.Condition()

    def open(self, upto: int) -> None:
        """Let the host go on, up to that position of its list."""
        with self._changed:
            self._upto = max(self._upto, upto)
            self._changed.notify_all()

    def obey(self, orders: Iterator[dict[str, Any]]) -> None:
        """Let the host go on as the supervisor says."""
        for order in orders:
            self.open(order["upto"])

    def next(self) -> int | None:
        """The next number to offer, once it may be; None when there is none left."""
        with self._changed:
            while True:
                if self._position >= len(self._numbers):
                    return None
                if self._position < self._upto:
                    number = self._numbers[self._position]
                    self._position += 1
                    if self._actions.subject(number) not in self._known:
                        return number
                else:
                    self._changed.wait()


class Offering:
    """The ways of one host."""

    def __init__(self, renkei: Renkei, actions: Actions, place: Place, host: int) -> None:
        self._renkei = renkei
        self._actions = actions
        self._place = place
        self._notes = os.open(place.noted(host), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        # Which call is odd is drawn anew after a kill; what is offered is not.
        self._draw = random.Random(f"{actions.seed}/{host}/{os.getpid()}")

    def plain(self, gate: Gate) -> None:
        """`record()` from a thread."""
        while (number := gate.next()) is not None:
            time.sleep(self._pause())
            self._note_call("record", number, partial(self._record, number, self._actions.action(number)))
            odd = self._draw.random()
            if odd < _REPEATED:
                self._note_call("record", number, partial(self._record, number, self._actions.action(number)))
            elif odd < _REPEATED + _CONFLICTING:
                other = self._actions.action(number, body="別の内容です。")
                self._note_call("record", number, partial(self._record, number, other))
            elif odd < _REPEATED + _CONFLICTING + _TOO_EARLY:
                early = self._actions.too_early(number)
                self._note_call("record", number, partial(self._record, number, early))

    def _pause(self) -> float:
        return self._draw.expovariate(1 / PAUSE_SECONDS)

    def _record(self, number: int, action: dict[str, Any]) -> str:
        return self._renkei.record(TENANT, self._actions.inbox(number), action).outcome

    def _note_call(self, way: str, number: int, call: Callable[[], str]) -> None:
        """Call until it returns: what was refused was not recorded, and is offered again."""
        while True:
            began = time.perf_counter()
            try:
                outcome = call()
            except (RenkeiError, *own.ERRORS) as error:
                self._note_refusal(way, error)
                time.sleep(0.1)
            else:
                self._note(outcome, number, way, time.perf_counter() - began)
                return

    def _note_refusal(self, way: str, error: Exception) -> None:
        words = f"{type(error).__name__}: {error}".replace("\n", " ")
        os.write(self._notes, f"refused {way} {words}\n".encode())

    def _note(self, outcome: str, number: int, way: str, seconds: float) -> None:
        # Only now: record() has returned. One write of a short line is never torn by a kill.
        line = f"{outcome} {self._actions.subject(number)} {way} {seconds * 1000:.3f}\n"
        os.write(self._notes, line.encode())

    def within(self, gate: Gate) -> None:
        """`record(connection=…)` inside the host's own transaction, beside a row of the host's."""
        ways = own.ways(self._place)
        while (number := gate.next()) is not None:
            time.sleep(self._pause())
            way = self._draw.choice(ways)
            if self._draw.random() < _ROLLED_BACK:
                with suppress(RenkeiError, *own.ERRORS):  # nothing is wanted of it
                    self._transaction(way, number, commit=False)
            self._note_call(way.name, number, partial(self._transaction, way, number, commit=True))

    def _transaction(self, way: own.Own, number: int, *, commit: bool) -> str:
        def record(connection: Any) -> str:
            inbox, action = self._actions.inbox(number), self._actions.action(number)
            return self._renkei.record(TENANT, inbox, action, connection=connection).outcome

        return way.transact(self._actions.subject(number), record, commit=commit)

    async def awaited(self, gate: Gate) -> None:
        """`arecord()` from several tasks of one loop."""
        await asyncio.gather(*(self._await_each(gate) for _ in range(TASKS)))

    async def _await_each(self, gate: Gate) -> None:
        while (number := await asyncio.to_thread(gate.next)) is not None:
            await asyncio.sleep(self._pause())
            await self._awaited(number)

    async def _awaited(self, number: int) -> None:
        while True:
            began = time.perf_counter()
            try:
                receipt = await self._renkei.arecord(TENANT, self._actions.inbox(number), self._actions.action(number))
            except RenkeiError as error:
                self._note_refusal("arecord", error)
                await asyncio.sleep(0.1)
            else:
                self._note(receipt.outcome, number, "arecord", time.perf_counter() - began)
                return


def known(place: Place, hosts: int) -> set[str]:
    """Subjects that some host has a receipt for."""
    found: set[str] = set()
    for host in range(hosts):
        path = place.noted(host)
        if path.exists():
            found.update(line.split()[1] for line in path.read_text().splitlines() if line.startswith("recorded "))
    return found


def offer(
    place: Place,
    url: str,
    events: Events,
    actions: Actions,
    host: int,
    hosts: int,
    orders: Iterator[dict[str, Any]],
) -> None:
    """Be a host until everything was offered."""
    gate = Gate(actions.order(host, hosts), known(place, hosts), actions)
    renkei = engine(place, url)
    # Opening writes; a host that first called inside a transaction of its own would have to wait for itself.
    renkei.ledger(TENANT)
    offering = Offering(renkei, actions, place, host)
    ways: list[Callable[[], None]] = [lambda: offering.plain(gate) for _ in range(THREADS)]
    ways += [lambda: offering.within(gate), lambda: asyncio.run(offering.awaited(gate))]
    threads = [threading.Thread(target=way, daemon=True) for way in ways]
    threading.Thread(target=gate.obey, args=(orders,), daemon=True).start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    renkei.close()
    events.tell("offered", host=host)
