"""One claimed lane: its lease, its state on disk, and what trouble makes of it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar

import sqlalchemy as sa

from renkei.delivery import lane_changes
from renkei.delivery.holding import HoldOffs
from renkei.delivery.lane_changes import LaneChange
from renkei.delivery.pacing import Hold, Pacing, Place
from renkei.delivery.policy import Policy
from renkei.delivery.rendering import Bindings, Canvas
from renkei.delivery.session import OpenFile, Session
from renkei.delivery.settling import Failure
from renkei.plugins import Backend, BackendNotReady, NotSent, PluginFault, Registry
from renkei.spec import (
    AuthenticationFailed,
    BackendError,
    Clock,
    FrozenDict,
    Limits,
    Manifest,
    RenkeiError,
    SettingsError,
)
from renkei.store import Store, VaultError, deliveries, lanes
from renkei.store.deliveries import Delivered, Kept
from renkei.store.lanes import Lease

R = TypeVar("R")

log = logging.getLogger("renkei.delivery")

# Credentials that are refused although they were just renewed so many times in a row: renewing does not help.
RENEWALS = 2


class LeaseLost(NotSent):
    """The lane was taken over; what was not sent must not be sent."""


class LaneStopped(Exception):
    """The lane's state has changed on disk; this run of it is over."""


class Lingers(LaneStopped):
    """Nothing is wrong: the lane comes back later for a fuller batch."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every lane of a worker works with."""

    store: Store
    registry: Registry
    bindings: Bindings
    policy: Policy
    clock: Clock
    entitled: Callable[[str, str], bool]
    files: Callable[[str], OpenFile]
    stopping: Callable[[], bool]
    settled: Callable[[int], None]
    holds: HoldOffs = field(default_factory=HoldOffs)
    crowds: dict[str, datetime] = field(default_factory=dict)


class Lane:
    """The lane that a lease is on.

    Attributes:
        row: as it was read when the work began.
        failures: in a row, with this one.
        backend, session, options, limits, pacing, canvas: there once `connect` has succeeded.
    """

    backend: Backend
    session: Session

    def __init__(self, around: Surroundings, lease: Lease, claimed_at: float) -> None:
        self.around = around
        self.store = around.store
        self.policy = around.policy
        self.clock = around.clock
        self.lease = lease
        self.id = lease.lane_id
        self.lost = False
        # Kept by the monotonic clock: a wall clock that jumps must not make a lost lease look valid.
        self._valid_until = claimed_at + around.policy.lease.total_seconds()

    # -- the lease ----------------------------------------------------------------------------------------------

    def renewed(self, at: float) -> None:
        """The lease was extended by its whole length, asked for at monotonic time *at*."""
        self._valid_until = at + self.policy.lease.total_seconds()

    def before_send(self) -> None:
        """Immediately before each request of a push leaves: the lease is looked at once more.

        Raises:
            LeaseLost: it has too little left, or somebody else has the lane. Nothing is sent.
        """
        if self.lost or time.monotonic() > self._valid_until - self.policy.margin.total_seconds():
            raise LeaseLost("the lease has run out; nothing is sent")
        self.policy.reached("before_send")

    def write(self, job: Callable[[sa.Connection], R | None]) -> R:
        """Write under the lease; *job* answers None where it finds that the lane was taken over.

        Raises:
            LeaseLost: it did.
        """
        done = self.store.write(job)
        if done is None:
            raise LeaseLost("the lane was taken over")
        return done

    def settle_again(
        self, outcomes: Sequence[Delivered | Kept], failures: Sequence[dict[str, Any]], now: datetime
    ) -> None:
        """Write down what was found out after a push was settled."""

        def job(connection: sa.Connection) -> bool | None:
            if not deliveries.settle(connection, self.lease, outcomes, now):
                return None
            deliveries.log_attempts(connection, list(failures))
            return True

        self.write(job)
        self.around.settled(sum(1 for one in outcomes if isinstance(one, Kept) and one.state != "waiting"))

    def return_refused(self, ids: Sequence[int], now: datetime, *, code: str) -> None:
        """Have these wait again: it was the lane, not they."""

        def job(connection: sa.Connection) -> bool | None:
            if not lanes.still_held(connection, self.lease):
                return None
            deliveries.wait_again(connection, self.id, ids, now, code=code)
            return True

        self.write(job)

    def hold(self, outcomes: Iterable[Kept], manifest: Manifest | None) -> None:
        """Remember, by the clock that does not jump, since when these have an unknown outcome."""
        on_hold = [one.id for one in outcomes if one.maybe_written and not one.refused]
        self.around.holds.begin(on_hold, self.settles_within(manifest), self.clock.monotonic())

    def change(self, **values: Any) -> None:
        """Change columns of the lane's row, under the lease."""

        def job(connection: sa.Connection) -> bool | None:
            if not lanes.still_held(connection, self.lease):
                return None
            lanes.set_state(connection, self.id, **values)
            return True

        self.write(job)

    def release(self, *, unconfirmed_since: datetime | None, not_before: datetime | None) -> None:
        """Let go, and say when the lane is due next."""
        now = self.clock.now()
        # Not later than that from now either: the clock may have been put back since.
        confirm_at = min(unconfirmed_since, now) + self.policy.fresh_for if unconfirmed_since else None
        self.store.write(
            lambda connection: lanes.release(
                connection, self.lease, now=now, confirm_at=confirm_at, not_before=not_before
            )
        )
        self.policy.reached("released")

    # -- what it works with -------------------------------------------------------------------------------------

    def look(self) -> None:
        """Read the lane's row."""
        with self.store.read() as connection:
            self.row = lanes.get(connection, self.id)
        self.failures: int = self.row.failures
        self.failing_since: datetime | None = self.row.failing_since

    def connect(self) -> None:
        """Find the plugin, ask for the entitlement, open the secrets. What is not to be had blocks the lane."""
        try:
            self.backend = self.around.registry.backend(self.row.backend)
        except BackendNotReady as error:
            self.stop(self._own("backend_missing", error))
        if not self.around.entitled(self.row.tenant, self.row.backend):
            self.stop(self._own("not_entitled", RenkeiError("the tenant is not entitled to this backend")))
        try:
            self.session = Session(
                self.store,
                self.backend,
                self.row.connection_id,
                clock=self.clock,
                deadline=self.policy.hook_deadline,
                files=self.around.files(self.row.tenant),
                reached=self.policy.reached,
            )
            self.options = self.backend.parse_options(json.loads(self.row.options))
        except VaultError as error:
            self.stop(self._own("vault", error))
        except SettingsError as error:
            self.stop(self._own("settings_outdated", error))
        except PluginFault as fault:
            self.faulted(fault)
        self._measure()

    def _measure(self) -> None:
        limits = self.session.sealed.account.get("limits")
        self.limits = Limits.model_validate(limits) if limits else self.backend.manifest.limits
        place = Place(
            backend=self.row.backend,
            account=self.row.account_id,
            connection=self.row.connection_id,
            target=self.row.target,
        )
        self.pacing = Pacing(place, self.limits, self.policy, self.around.crowds)
        self.canvas = Canvas(
            backend=self.backend,
            options=self.options,
            public_settings=FrozenDict(self.session.settings.public()),
        )

    def manifest_or_none(self) -> Manifest | None:
        """The backend's manifest, where its plugin can be loaded."""
        try:
            return self.around.registry.backend(self.row.backend).manifest
        except BackendNotReady:
            return None

    def settles_within(self, manifest: Manifest | None) -> timedelta:
        """How long a request may still be processed; without the plugin that is not known, so wait long."""
        if self.policy.settles_within is not None:
            return self.policy.settles_within
        return manifest.settles_within if manifest is not None else self.policy.longest_retry

    def next_due(self) -> datetime | None:
        """When the first deliverable row is due."""
        with self.store.read() as connection:
            return lanes.next_due(connection, self.id)

    def is_wanted(self) -> bool:
        """Whether any integration that writes here is not paused: where all are, nothing is asked of the backend."""
        with self.store.read() as connection:
            return lanes.is_wanted(connection, self.id)

    # -- trouble ------------------------------------------------------------------------------------------------

    def asked(self, question: Callable[[], R]) -> R:
        """Ask the backend something; what goes wrong is the lane's."""
        try:
            return question()
        except BackendError as error:
            self.failed(error)
        except PluginFault as fault:
            self.faulted(fault)

    def failed(self, error: BackendError) -> NoReturn:
        """What the class of *error* says: wait, block, or go on at once with newer credentials."""
        now = self.clock.now()
        if isinstance(error, AuthenticationFailed) and self.failures < RENEWALS and self._came_right():
            self.change(failures=self.failures + 1, failing_since=self.failing_since or now)
            raise LaneStopped
        self.stop(self.change_after(error, now))

    def change_after(self, error: BackendError, now: datetime) -> LaneChange:
        """What the class of *error* makes of the lane."""
        return lane_changes.after(
            error,
            self.backend.manifest,
            self.policy,
            failures=self.failures,
            failing_since=self.failing_since or now,
            now=now,
        )

    def _came_right(self) -> bool:
        """Whether there are newer credentials than those that failed: then the lane goes on with them."""
        try:
            return self.session.renew()
        except (BackendError, PluginFault, SettingsError):  # the last: a newer version of the plugin stored them
            return False

    def faulted(self, fault: PluginFault) -> NoReturn:
        """The plugin is at fault: back off; after a few in a row without a write, all its lanes are blocked."""
        log.error("plugin fault: %s", fault, extra={"event": "plugin.fault", "lane": self.id})
        known = (self.row.reason or {}).get("error") == "plugin_fault"
        in_a_row = self.row.reason.get("in_a_row", 1) + 1 if known else 1
        blocked = in_a_row >= self.policy.faults_allowed and not fault.sent
        pause = self.policy.longest_retry if blocked else lane_changes.backoff(self.policy, self.failures)
        change = lane_changes.own(
            "plugin_fault" if blocked else "plugin_retry",
            state="blocked" if blocked else "waiting",
            until=self.clock.now() + pause,
            message=str(fault),
            kind="plugin_fault",
        )
        change = replace(change, reason={**change.reason, "in_a_row": in_a_row})
        if blocked:
            self.store.write(
                lambda connection: lanes.block_backend(
                    connection, self.row.backend, until=change.until, code=change.code, reason=change.reason
                )
            )
            self.policy.reached("backend_blocked")
        self.stop(change)

    def wait(self, hold: Hold) -> NoReturn:
        """The budget says: not now."""
        if hold.code == "linger":
            # Not the lane's trouble: it only comes back later, when the batch is fuller or the backend less busy.
            raise Lingers(hold.until)
        change = lane_changes.own(
            hold.code, state="waiting", until=hold.until, message="requests are spent", kind="budget"
        )
        self.stop(change, failure=False)

    def own(self, code: str, *, message: str, kind: str = "renkei") -> LaneChange:
        """A block for a reason of core's own, looked at again after a while."""
        pause = lane_changes.backoff(self.policy, self.failures + 5)
        until = self.clock.now() + max(pause, self.policy.first_retry * 5)
        return lane_changes.own(code, state="blocked", until=until, message=message, kind=kind)

    def _own(self, code: str, error: RenkeiError) -> LaneChange:
        return self.own(code, message=str(error))

    def stop(self, change: LaneChange, *, failure: bool = True) -> NoReturn:
        """Write the lane's new state down and end this run."""
        now = self.clock.now()
        failures = self.failures + 1 if failure else self.failures
        since = (self.failing_since or now) if failure else self.failing_since

        def job(connection: sa.Connection) -> bool | None:
            if not lanes.still_held(connection, self.lease):
                return None
            lanes.set_state(
                connection,
                self.id,
                state=change.state,
                reason_code=change.code,
                reason=change.reason,
                until=change.until,
                failures=failures,
                failing_since=since,
            )
            failed = Failure(
                event=change.event, code=change.code, field=None, message=change.message, reason=change.reason
            )
            deliveries.log_attempts(connection, [self.line(None, failures, failed, now)])
            return True

        self.write(job)
        self.policy.reached("stopped")
        self._tell(change)
        raise LaneStopped

    def _tell(self, change: LaneChange) -> None:
        new = (self.row.state, self.row.reason_code) != (change.state, change.code)
        log.log(
            logging.WARNING if new else logging.INFO,
            "the lane is %s: %s (%s)",
            change.state,
            change.message,
            change.code,
            extra={"event": f"lane.{change.state}", "lane": self.id, "code": change.code},
        )

    def line(self, delivery: int | None, number: int | None, failure: Failure, now: datetime) -> dict[str, Any]:
        """A line for the attempt log."""
        return {
            "at": now,
            "lane_id": self.id,
            "delivery_id": delivery,
            "number": number,
            "event": failure.event,
            "code": failure.code,
            "field": failure.field,
            "message": failure.message,
            "reason": {"ja": failure.reason["ja"], "en": failure.reason["en"]} if failure.reason else None,
        }
