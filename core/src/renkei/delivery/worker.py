"""Workers: threads that claim lanes, one that renews their leases and says that they live."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from renkei.delivery import machine
from renkei.delivery.holding import HoldOffs
from renkei.delivery.lane import Surroundings
from renkei.delivery.lane_run import LaneRun
from renkei.delivery.policy import Policy
from renkei.delivery.rendering import Bindings
from renkei.delivery.session import OpenFile
from renkei.plugins import Registry
from renkei.spec import Clock
from renkei.store import Store, StoreUnavailable, history, lanes

log = logging.getLogger("renkei.delivery")

# A holder that is gone is looked for this often.
_LOOK_FOR_THE_GONE = 0.5
_BEAT_SECONDS = 5.0
# Threads that do not watch wake up by themselves only every so many polls.
_SLEEPERS = 20
# A lane whose run broke down is left alone for this long, so that a defect of ours does not spin.
_AFTER_BREAKDOWN = timedelta(seconds=30)


class Worker:
    """Delivers what is due until it is stopped.

    Correctness is in the store alone (lease, mark, fence): any number of workers, in any number of processes, may
    run on one database, and each may be killed at any instruction.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        *,
        policy: Policy,
        clock: Clock,
        entitled: Callable[[str, str], bool],
        files: Callable[[str], OpenFile],
        settled: Callable[[int], None] | None = None,
        holds: HoldOffs | None = None,
    ) -> None:
        self.name = machine.owner()
        self._store = store
        self._policy = policy
        self._clock = clock
        self._stop = threading.Event()
        self._woken = threading.Condition()
        self._calls = 0
        self._watched = False
        self._runs: dict[int, LaneRun] = {}
        self._claims = 0
        self._claiming = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._looked_for_gone = 0.0
        self._around = Surroundings(
            store=store,
            registry=registry,
            bindings=Bindings(),
            policy=policy,
            clock=clock,
            entitled=entitled,
            files=files,
            stopping=self._stop.is_set,
            settled=settled or (lambda _count: None),
            holds=holds or HoldOffs(),
        )

    def start(self) -> None:
        """Begin, in threads of this process."""
        self._beat()
        for number in range(self._policy.lanes_at_once):
            self._thread(f"renkei-lane-{number}", self._claim_and_run)
        self._thread("renkei-heart", self._keep_alive)

    def stop(self, timeout: float | None = None) -> bool:
        """Finish the pushes under way, claim nothing more; whether all threads ended within *timeout* seconds."""
        self._stop.set()
        self.wake()
        ends = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            thread.join(None if ends is None else max(0.0, ends - time.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        if ended:
            try:
                self._store.write(lambda connection: history.end_beat(connection, self.name))
            except StoreUnavailable:
                log.warning("the worker's last heartbeat could not be written", extra={"event": "worker.end"})
        return ended

    def _call_another(self) -> None:
        with self._woken:
            self._calls += 1
            self._woken.notify()

    @property
    def is_alive(self) -> bool:
        """Whether its threads run."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def wake(self) -> None:
        """Something may be due: look now instead of at the next poll."""
        with self._woken:
            self._calls += 1
            self._woken.notify_all()

    def run_until_idle(self, timeout: float | None = None, *, due_only: bool = False) -> bool:
        """Work until nothing is left that time alone would bring; blocked lanes are left. False on *timeout* or `stop`.

        What was pushed is confirmed by a discovery at once, instead of within ten minutes. With *due_only*, what is
        not due yet is left as well.
        """
        # Confirming at once is a matter of this run's policy, not of the caller's object.
        self._around = replace(self._around, policy=replace(self._policy, confirm_at_once=True))
        ends = None if timeout is None else time.monotonic() + timeout
        self._confirm_what_is_open()
        self.start()
        try:
            while (ends is None or time.monotonic() < ends) and not self._stop.is_set():
                if self._idle(due_only=due_only):
                    return True
                time.sleep(min(0.05, self._policy.poll.total_seconds()))
            return False
        finally:
            self.stop()

    def _confirm_what_is_open(self) -> None:
        now = self._clock.now()
        self._store.write(lambda connection: lanes.confirm_soon(connection, now))

    def _idle(self, *, due_only: bool) -> bool:
        with self._lock:
            claims, busy = self._claims, bool(self._runs or self._claiming)
        if busy:
            return False
        with self._store.read() as connection:
            left = lanes.any_due(connection, self._clock.now()) if due_only else lanes.unfinished(connection)
        with self._lock:
            # A claim that began meanwhile has taken the lane out of the look above.
            return not left and claims == self._claims

    # -- threads ------------------------------------------------------------------------------------------------

    def _thread(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _claim_and_run(self) -> None:
        while not self._stop.is_set():
            with self._woken:
                calls = self._calls
            try:
                if self._one():
                    continue
                self._free_the_gone()
            except StoreUnavailable as error:
                log.error("the worker cannot use the database: %s", error, extra={"event": "worker.store"})
            except Exception:
                log.exception("the worker met an error it did not expect", extra={"event": "worker.error"})
            self._rest(calls)

    def _rest(self, calls: int) -> None:
        """Wait for a call. One thread at a time also polls for what other processes bring; the rest just sleep."""
        poll = self._policy.poll.total_seconds()
        with self._woken:
            if calls != self._calls or self._stop.is_set():
                return
            watching = not self._watched
            self._watched = self._watched or watching
            self._woken.wait(poll if watching else poll * _SLEEPERS)
            if watching:
                self._watched = False

    def _one(self) -> bool:
        now, at = self._clock.now(), time.monotonic()
        # Looked at first without the write lock: an idle worker must not disturb the host's writes.
        with self._store.read() as connection:
            if not lanes.any_due(connection, now):
                return False
        run = self._claim(now, at)
        if run is None:
            return False
        # There may be more than one lane due, and whoever watched is busy from here on.
        self._call_another()
        self._policy.reached("claimed")
        try:
            run.run()
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("work in a lane broke down", extra={"event": "lane.breakdown", "lane": run.lane.id})
            self._set_aside(run)
        finally:
            with self._lock:
                self._runs.pop(run.lane.id, None)
        return True

    def _claim(self, now: datetime, at: float) -> LaneRun | None:
        with self._lock:
            self._claims += 1
            self._claiming += 1
        try:
            lease = self._store.write(
                lambda connection: lanes.claim(connection, owner=self.name, now=now, lease=self._policy.lease)
            )
            run = LaneRun(self._around, lease, at) if lease is not None else None
            if run is not None:
                with self._lock:
                    self._runs[run.lane.id] = run
            return run
        finally:
            with self._lock:
                self._claiming -= 1

    def _set_aside(self, run: LaneRun) -> None:
        until = self._clock.now() + _AFTER_BREAKDOWN
        self._store.write(lambda connection: lanes.set_aside(connection, run.lane.lease, until))

    def _free_the_gone(self) -> None:
        """A holder on this machine whose process has ended loses its lease at once."""
        if time.monotonic() - self._looked_for_gone < _LOOK_FOR_THE_GONE:
            return
        self._looked_for_gone = time.monotonic()
        now = self._clock.now()
        with self._store.read() as connection:
            gone = [row for row in lanes.held(connection, now) if row.owner and machine.is_gone(row.owner)]
        for row in gone:
            self._store.write(partial(lanes.revoke, lane_id=row.id, fence=row.fence, now=now))
            self._policy.reached("freed")
            log.warning("a worker has gone; its lane is free", extra={"event": "lane.freed", "lane": row.id})

    def _keep_alive(self) -> None:
        last_beat = time.monotonic()
        pause = min(_BEAT_SECONDS, self._policy.lease.total_seconds() / 3)
        while not self._stop.wait(min(pause, 0.5)) or self._busy():
            if time.monotonic() - last_beat < pause:
                if self._stop.is_set():
                    time.sleep(0.05)
                continue
            last_beat = time.monotonic()
            try:
                self._beat()
                self._renew()
            except StoreUnavailable as error:
                log.error("leases cannot be renewed: %s", error, extra={"event": "worker.renew"})

    def _busy(self) -> bool:
        with self._lock:
            return bool(self._runs)

    def _beat(self) -> None:
        self._around.holds.watch(self._clock)
        now = self._clock.now()
        self._store.write(lambda connection: history.beat(connection, self.name, now))

    def _renew(self) -> None:
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            now, at = self._clock.now(), time.monotonic()
            until = now + self._policy.lease
            if self._store.write(partial(lanes.renew, lease=run.lane.lease, until=until)):
                run.lane.renewed(at)
            else:
                run.lane.lost = True
