"""The supervisor lets actions flow, has its children killed and frozen as planned, and brings them back."""

from __future__ import annotations

import os
import select
import signal
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from chaos import tally
from chaos.children import Child
from chaos.plan import BACKENDS, Kill, Plan
from chaos.stage import Stage, ended_by_itself
from chaos.tally import Death, NoteReader, Notes
from chaos.world import LEASE, Actions, now

# A look at the ledger, this often.
LOOK_SECONDS = 1.0
# When a kill does not come by for so long, more actions are let through.
STALLED_SECONDS = 1.5
# So many looks at a ledger in which nothing moves, and what was planned and has not come will not come any more.
PATIENCE = 5
FROZEN_SECONDS = LEASE + 1.0


@dataclass(slots=True)
class Slot:
    """The place of one worker, whoever fills it.

    Attributes:
        kill: what its worker waits for.
        proof: the window in which its worker said, or kintone's side said of it, that it is killed.
        wakes_at: when its frozen worker goes on.
    """

    name: str
    child: Child
    kill: Kill | None = None
    freezing: str | None = None
    proof: str | None = None
    wakes_at: float | None = None


@dataclass(slots=True)
class Result:
    """What a run has counted before its records are compared."""

    kills: Counter[str] = field(default_factory=Counter)
    freezes: Counter[str] = field(default_factory=Counter)
    host_kills: int = 0
    deaths: list[Death] = field(default_factory=list)
    looks: int = 0
    broken_looks: list[str] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)
    drained: bool = False


class Run:
    """Drives one run from the first action to the last settlement."""

    def __init__(
        self,
        stage: Stage,
        plan: Plan,
        *,
        actions: int,
        seed: int,
        keyed: bool,
        workers: int = 3,
        hosts: int = 2,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._stage = stage
        self._plan = plan
        self._say = say
        self._hosts = hosts
        self._notes = NoteReader(stage.place, hosts)
        self._result = Result()
        self._clerk = stage.clerk(keyed=keyed)
        self._actions = Actions(count=actions, seed=seed, since=now())
        self._lengths = [len(self._actions.order(number, hosts)) for number in range(hosts)]
        self._recording = {number: self._host(number) for number in range(hosts)}
        self._slots = [self._slot(f"worker-{number}") for number in range(workers)]
        self._kills = deque(plan.kills)
        self._freezes = deque(plan.freezes)
        self._open = 0.0
        self._last_kill_at = time.monotonic()
        # While a look is under way: what had been noted before it, and whether nobody recorded any more.
        self._looking: tuple[int, bool] | None = None
        self._looked_at = 0.0
        self._idle_looks = 0

    def go(self, *, most_seconds: float) -> Result:
        """Run until everything is drained, or the time is over."""
        ends = time.monotonic() + most_seconds
        while time.monotonic() < ends and not self._result.drained:
            select.select([self._stage.events.reading], [], [], 0.02)
            for event in self._stage.events.told():
                getattr(self, f"_on_{event['event']}", lambda _event: None)(event)
            self._reap()
            self._wake()
            self._let_flow()
            self._set_traps()
            self._look()
        return self._result

    def notes(self) -> Notes:
        """Everything that the hosts have noted."""
        return self._notes.read()

    # -- children -----------------------------------------------------------------------------------------------------

    def _host(self, number: int) -> Child:
        return self._stage.host(number, self._hosts, self._actions)

    def _slot(self, name: str) -> Slot:
        child = self._stage.worker(name)
        child.order(do="start")
        return Slot(name, child)

    def _slot_of(self, pid: int) -> Slot | None:
        return next((slot for slot in self._slots if slot.child.pid == pid), None)

    def _reap(self) -> None:
        for child, how in self._stage.nursery.reaped():
            slot = self._slot_of(child.pid)
            if slot is not None:
                self._worker_ended(slot, child, how)
            elif child in self._recording.values():
                self._host_ended(child, how)
            else:
                raise ended_by_itself(self._stage.place, child)

    def _worker_ended(self, slot: Slot, child: Child, how: int) -> None:
        # The proof may still be in the pipe: whoever kills tells it first.
        for event in self._stage.events.told():
            getattr(self, f"_on_{event['event']}", lambda _event: None)(event)
        if how != signal.SIGKILL or slot.proof is None:
            raise ended_by_itself(self._stage.place, child)
        self._result.kills[slot.proof] += 1
        self._last_kill_at = time.monotonic()
        kill, slot.kill, slot.proof = slot.kill, None, None
        self._withdraw(kill)
        slot.child = self._stage.worker(slot.name)
        slot.child.order(do="start")

    def _host_ended(self, child: Child, how: int) -> None:
        number = next(number for number, host in self._recording.items() if host is child)
        if how == 0:
            del self._recording[number]
            return
        if how != signal.SIGKILL:
            raise ended_by_itself(self._stage.place, child)
        self._recording[number] = self._host(number)
        self._tell_how_far(number)

    # -- events -------------------------------------------------------------------------------------------------------

    def _on_killed(self, event: dict[str, Any]) -> None:
        self._result.deaths.append(Death(event["victim"], event["at"], f"killed {event['window']}"))
        slot = self._slot_of(event["victim"])
        if slot is not None:
            slot.proof = event["window"]

    def _on_frozen(self, event: dict[str, Any]) -> None:
        self._result.deaths.append(Death(event["victim"], event["at"], f"frozen {event['window']}"))
        self._result.freezes[event["window"]] += 1
        self._last_kill_at = time.monotonic()
        slot = self._slot_of(event["victim"])
        assert slot is not None
        slot.freezing, slot.wakes_at = None, time.monotonic() + FROZEN_SECONDS

    def _on_restored(self, event: dict[str, Any]) -> None:
        self._clerk.order(do="mend", app=event["app"])

    def _on_looked(self, event: dict[str, Any]) -> None:
        """The law, and the hosts' notes and kintone's records beside it."""
        noted_before, quiet = self._looking or (0, False)
        self._looking = None
        self._result.looks += 1
        self._result.last = event
        self._say(
            f"{sum(self._result.kills.values())} of {len(self._plan.kills)} kills, {event['recorded']} recorded, "
            f"{event['delivered']} delivered, {event['waiting']} waiting, {event['doubtful']} doubtful"
        )
        there = tally.asked(self._stage.url, "/_chaos")["stored"]
        wrong = {
            "the ledger does not add up": not event["adds_up"],
            "hosts have receipts that the ledger lacks": event["recorded"] < noted_before,
            "more are delivered than kintone holds": event["delivered"] > there,
        }
        self._result.broken_looks += [f"look {self._result.looks}: {what}" for what, is_so in wrong.items() if is_so]
        idle = not (self._recording or event["waiting"] or event["sending"])
        self._idle_looks = self._idle_looks + 1 if idle else 0
        self._result.drained = (quiet and idle) or self._idle_looks > PATIENCE
        if idle and not self._kills:
            self._call_off_freezes()

    # -- the plan -----------------------------------------------------------------------------------------------------

    def _busy(self) -> bool:
        return any(slot.kill or slot.freezing or slot.wakes_at for slot in self._slots)

    def _wake(self) -> None:
        for slot in self._slots:
            if slot.wakes_at is not None and time.monotonic() >= slot.wakes_at:
                slot.wakes_at = None
                os.kill(slot.child.pid, signal.SIGCONT)

    def _set_traps(self) -> None:
        done = len(self._plan.kills) - len(self._kills)
        for slot in self._slots:
            if slot.kill or slot.freezing or slot.wakes_at:
                continue
            if self._freezes and done >= self._share(len(self._plan.freezes), len(self._freezes)):
                slot.freezing = self._freezes.popleft()
                slot.child.order(do="freeze", window=slot.freezing, skip=1)
            elif self._kills:
                self._wait_for_kill(slot, self._kills.popleft())
        if self._recording and done >= self._share(
            self._plan.host_kills, self._plan.host_kills - self._result.host_kills
        ):
            victim = self._recording[min(self._recording, key=lambda number: (number + done) % self._hosts)]
            os.kill(victim.pid, signal.SIGKILL)
            self._result.host_kills += 1

    def _share(self, planned: int, left: int) -> float:
        """After how many kills the next of *planned* things is due; never, where none is left."""
        if left <= 0:
            return float("inf")
        return (planned - left + 0.5) / planned * len(self._plan.kills)

    def _let_flow(self) -> None:
        """Actions flow in step with the kills: each meets about as many, and the last still meets some."""
        kills, done = len(self._plan.kills), sum(self._result.kills.values())
        wanted = 1.0 if done >= kills else (done + 1) / (kills + 1)
        if done < kills and time.monotonic() - self._last_kill_at > STALLED_SECONDS:
            self._last_kill_at = time.monotonic()
            wanted = self._open + (1 - self._open) / (4 + kills - done)
            self._press()
        if wanted > self._open:
            self._open = wanted
            for number in self._recording:
                self._tell_how_far(number)

    def _press(self) -> None:
        """No kill has come by for a while: whoever has none to wait for waits for somebody else's, and for the next."""
        waited_for = next((slot.kill for slot in self._slots if slot.kill), None)
        for slot in self._slots:
            if slot.freezing:
                slot.child.order(do="freeze", window=slot.freezing, skip=0)
            elif waited_for is not None and not slot.wakes_at:
                self._wait_for_kill(slot, slot.kill or waited_for, skip=0)

    def _call_off_freezes(self) -> None:
        for slot in self._slots:
            if slot.freezing:
                slot.freezing = None
                slot.child.order(do="nothing", window=None)

    def _wait_for_kill(self, slot: Slot, kill: Kill, **changed: Any) -> None:
        slot.kill = kill
        target = self._stage.crm if kill.window in BACKENDS else slot.child
        target.order(do="kill", victim=slot.child.pid, **{**asdict(kill), **changed})

    def _withdraw(self, kill: Kill | None) -> None:
        """A kill has come to pass; others that wait for the same need not. One that cannot be stopped counts too."""
        for slot in self._slots:
            if slot.kill is kill and slot.proof is None:
                slot.kill = None
                slot.child.order(do="nothing", window=None)
                self._stage.crm.order(do="spare", victim=slot.child.pid)

    def _tell_how_far(self, number: int) -> None:
        self._recording[number].order(upto=round(self._open * self._lengths[number]))

    def _look(self) -> None:
        if self._looking is None and time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._looked_at = time.monotonic()
            quiet = not (self._recording or self._kills or self._busy())
            self._looking = (len(self._notes.read().recorded), quiet)
            self._clerk.order(do="look")
