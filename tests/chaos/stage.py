"""The processes of a run, and what they tell."""

from __future__ import annotations

import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from chaos import clerk, crm, host, worker
from chaos.children import Child, Events, Nursery
from chaos.plan import Blow
from chaos.world import Actions, Place
from renkei_kintone.simulator.serving import bind


class OutOfOrder(Exception):
    """Something that no plan asked for."""


def ended_by_itself(place: Place, child: Child) -> OutOfOrder:
    """What to say of a child whom nobody has killed, with the last that it said."""
    said = (place.folder / f"{child.name}.log").read_text().strip().splitlines()
    return OutOfOrder(f"{child.name} ended without being killed: {said[-1] if said else 'it said nothing'}")


class Stage:
    """The processes, and what they have told."""

    def __init__(self, place: Place, *, rule: str | None = None, blows: tuple[Blow, ...] = ()) -> None:
        self.place = place
        self.events = Events()
        self.nursery = Nursery(place.folder)
        self._rule = rule
        listening = bind(0)
        listening.listen(1024)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.crm = self.nursery.fork("kintone", partial(crm.serve, place, listening, blows, self.events))
        listening.close()

    def clerk(self, *, keyed: bool) -> Child:
        """The clerk, once everything is set up."""
        made = self.nursery.fork("clerk", partial(clerk.attend, self.place, self.url, self.events, keyed))
        self.wait_for("set_up", within=60)
        return made

    def worker(self, name: str) -> Child:
        """A worker; it begins with its first order `start`."""
        return self.nursery.fork(name, partial(worker.work, self.place, self.url, self.events, self._rule))

    def host(self, number: int, hosts: int, actions: Actions) -> Child:
        """A host; it offers as far as it is let."""
        task = partial(host.offer, self.place, self.url, self.events, actions, number, hosts)
        return self.nursery.fork(f"host-{number}", task)

    def wait_for(self, event: str, *, within: float = 30.0) -> dict[str, Any]:
        """The next event of that name; others that come before it are dropped."""
        ends = time.monotonic() + within
        while time.monotonic() < ends:
            select.select([self.events.reading], [], [], 0.05)
            for told in self.events.told():
                if told["event"] == event:
                    return told
            for child, how in self.nursery.reaped():
                if how != signal.SIGKILL:
                    raise ended_by_itself(self.place, child)
        raise OutOfOrder(f"{event!r} was not told within {within:g} seconds")

    def end(self) -> None:
        """Kill everybody."""
        self.nursery.end()


@contextmanager
def stage(place: Place, **options: Any) -> Iterator[Stage]:
    """A stage whose processes have ended on leaving."""
    made = Stage(place, **options)
    try:
        yield made
    finally:
        made.end()
