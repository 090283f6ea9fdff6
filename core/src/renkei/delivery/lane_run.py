"""Working in one claimed lane: recover, probe, discover, then push after push until nothing is due.

Who may say what is on disk: a lease on the lane changes no delivery. A push is marked durably before it leaves and
settled after; between the two its outcome is unknown to everybody else. The next push is rendered while the last one
is on the wire, and is marked in the transaction that settles it: a lane costs one commit per push.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from renkei.delivery import drift, lane_changes
from renkei.delivery.isolation import isolate
from renkei.delivery.lane_changes import LaneChange
from renkei.delivery.pacing import Hold, Pacing, Place
from renkei.delivery.policy import Policy
from renkei.delivery.reasons import explain
from renkei.delivery.rendering import Binding, Bindings, Canvas, rejected, render, unmappable
from renkei.delivery.session import OpenFile, Session
from renkei.delivery.settling import Failure, Terms, doubtful, settle
from renkei.plugins import Backend, BackendNotReady, NotSent, PluginFault, PushOutcome, Registry
from renkei.spec import (
    Absent,
    AuthenticationFailed,
    BackendError,
    Clock,
    FrozenDict,
    Limits,
    NotStored,
    Present,
    PushRequest,
    SettingsError,
    Suspect,
    TargetSchema,
    Unavailable,
    VerifyRequest,
    WireRecord,
)
from renkei.store import Store, VaultError, deliveries, history, integrations, lanes
from renkei.store.deliveries import Delivered, Kept, Waiting
from renkei.store.integrations import Revision
from renkei.store.lanes import Lease

log = logging.getLogger("renkei.delivery")

# Credentials that are refused although they were just renewed so many times in a row: renewing does not help.
RENEWALS = 2


class LeaseLost(NotSent):
    """The lane was taken over; what was not sent must not be sent."""


class LaneStopped(Exception):
    """The lane's state has changed on disk; this run of it is over."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Deliveries rendered and ready, all with the same key field."""

    rows: tuple[Waiting, ...]
    records: tuple[WireRecord, ...]
    terms: Terms
    full: bool

    def only(self, ids: Sequence[int]) -> Batch:
        """The part of it with these rows."""
        wanted = set(ids)
        if len(wanted) == len(self.rows):
            return self
        pairs = [pair for pair in zip(self.rows, self.records, strict=True) if pair[0].id in wanted]
        return replace(self, rows=tuple(row for row, _ in pairs), records=tuple(record for _, record in pairs))


class LaneRun:
    """One lease's work. Call `run` once; renew the lease from elsewhere through `renewed`."""

    def __init__(self, around: Surroundings, lease: Lease, claimed_at: float) -> None:
        self._around = around
        self._store = around.store
        self._policy = around.policy
        self._clock = around.clock
        self.lease = lease
        # Kept by the monotonic clock: a wall clock that jumps must not make a lost lease look valid.
        self._valid_until = claimed_at + around.policy.lease.total_seconds()
        self.lost = False
        self._not_before: datetime | None = None
        self._unconfirmed_since: datetime | None = None
        self._pushes = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renkei-push")

    def renewed(self, at: float) -> None:
        """The lease was extended by its whole length, asked for at monotonic time *at*."""
        self._valid_until = at + self._policy.lease.total_seconds()

    def run(self) -> None:
        """Work until nothing is due, the turn is over, or something stops the lane; then let go."""
        try:
            self._work()
        except _Lingers as lingers:
            self._not_before = lingers.until
        except LaneStopped:
            pass
        except LeaseLost:
            log.warning("the lease was lost", extra={"event": "lane.lease_lost", "lane": self.lease.lane_id})
            return
        finally:
            self._pushes.shutdown(wait=True)
        self._release()

    # -- the course of a run ------------------------------------------------------------------------------------

    def _work(self) -> None:
        self._look()
        self._recover()
        self._connect()
        self._probe_if_needed()
        self._discover_if_due()
        self._deliver()
        if self._policy.confirm_at_once and self._unconfirmed_since is not None and self._is_dry():
            self._discover()

    def _is_dry(self) -> bool:
        with self._store.read() as connection:
            due = lanes.next_due(connection, self.lease.lane_id)
        return due is None or due > self._clock.now()

    def _look(self) -> None:
        with self._store.read() as connection:
            self._lane = lanes.get(connection, self.lease.lane_id)
        self._failures: int = self._lane.failures
        self._failing_since: datetime | None = self._lane.failing_since
        self._unconfirmed_since = self._lane.unconfirmed_since
        self._discovered_at: datetime | None = self._lane.discovered_at
        self._schema = TargetSchema.model_validate(self._lane.schema) if self._lane.schema else None
        self._revisions: dict[int, Revision] = {}
        self._synced: set[int] = set()
        self._cursor: int = self._lane.cursor
        self._small = False

    def _recover(self) -> None:
        """What an earlier holder left marked has an unknown outcome."""
        with self._store.read() as connection:
            left = deliveries.abandoned(connection, self.lease)
            owners = {row.revision_id: integrations.revision(connection, row.revision_id) for row in left}
        if not left:
            return
        now = self._clock.now()
        # The sum of both is what settling needs; without the plugin its manifest is not known, so wait the longer.
        manifest = self._manifest_or_none()
        kept = [self._recovered(row, owners[row.revision_id], manifest) for row in left]
        failures = [self._log_row(row.id, row.attempt, _INTERRUPTED, now) for row in left]

        def job(connection: sa.Connection) -> bool:
            # From the earlier fence: these rows are `sending`, and only this lease may now speak for them.
            done = deliveries.settle(connection, self.lease, kept, now)
            if done:
                deliveries.log_attempts(connection, failures)
            return done

        if not self._store.write(job):
            raise LeaseLost("the lane was taken over")
        log.warning(
            "%d deliveries were interrupted; their outcome is unknown",
            len(left),
            extra={"event": "lane.recovered", "lane": self.lease.lane_id, "count": len(left)},
        )

    def _recovered(self, row: Any, revision: Revision, manifest: Any) -> Kept:
        askable = manifest is not None and manifest.supports("verify") and revision.key_field is not None
        keyed = revision.key_unique and (manifest is None or manifest.uniqueness != "none")
        if keyed or askable:
            wait = self._settles_within(manifest) if manifest is not None else self._policy.longest_retry
            return Kept(
                id=row.id,
                state="waiting",
                maybe_written=True,
                due_at=row.sent_at + wait,
                code="held",
                reason=explain(None, "held"),
            )
        return doubtful(row.id, row.sent_at)

    def _connect(self) -> None:
        try:
            self._backend: Backend = self._around.registry.backend(self._lane.backend)
        except BackendNotReady as error:
            self._stop(self._own("backend_missing", message=str(error)))
        if not self._around.entitled(self._lane.tenant, self._lane.backend):
            self._stop(self._own("not_entitled", message="the tenant is not entitled to this backend"))
        try:
            self._session = Session(
                self._store,
                self._backend,
                self._lane.connection_id,
                clock=self._clock,
                deadline=self._policy.hook_deadline,
                files=self._around.files(self._lane.tenant),
            )
            self._options = self._backend.parse_options(_json(self._lane.options))
        except VaultError as error:
            self._stop(self._own("vault", message=str(error)))
        except SettingsError as error:
            self._stop(self._own("settings_outdated", message=str(error)))
        except PluginFault as fault:
            self._faulted(fault)
        limits = self._session.sealed.account.get("limits")
        self._limits = Limits.model_validate(limits) if limits else self._backend.manifest.limits
        place = Place(
            backend=self._lane.backend,
            account=self._lane.account_id,
            connection=self._lane.connection_id,
            target=self._lane.target,
        )
        self._pacing = Pacing(place, self._limits, self._policy)
        self._canvas = Canvas(
            backend=self._backend,
            options=self._options,
            public_settings=FrozenDict(self._session.settings.public()),
        )

    def _probe_if_needed(self) -> None:
        """A lane that failed is asked who it is before anything is sent in it, and then sends one small push."""
        if self._lane.state == "open":
            return
        kind = (self._lane.reason or {}).get("error")
        if kind not in lane_changes.THROTTLES:
            account = self._asked(lambda: self._session.authenticate(self._lane.target))
            if account.id != self._lane.account_id:
                self._stop(self._own("account_changed", message="the settings lead to another account"))
            self._discover()
            self._small = True
        now = self._clock.now()

        def job(connection: sa.Connection) -> None:
            if lanes.still_held(connection, self.lease):
                lanes.set_state(connection, self.lease.lane_id, state="open", reason_code=None, reason=None, until=None)

        self._store.write(job)
        self._lane_opened(now)

    def _lane_opened(self, now: datetime) -> None:
        log.info("the lane is open again", extra={"event": "lane.open", "lane": self.lease.lane_id, "at": str(now)})

    # -- discovery ----------------------------------------------------------------------------------------------

    def _discover_if_due(self) -> None:
        if self._schema is None or self._older_than(self._discovered_at, self._policy.fresh_for):
            with self._store.read() as connection:
                idle = lanes.next_due(connection, self.lease.lane_id) is None
            if idle and self._unconfirmed_since is None:
                return
            self._discover()
        elif self._older_than(self._unconfirmed_since, self._policy.fresh_for) and self._unconfirmed_since:
            self._discover()

    def _older_than(self, at: datetime | None, age: timedelta) -> bool:
        return at is None or self._clock.now() - at >= age

    def _discover(self) -> None:
        """Look at the target afresh: confirm what was pushed since the last look, or block the lane."""
        found = self._asked(lambda: self._session.discover(self._lane.target, self._options))
        now = self._clock.now()
        with self._store.read() as connection:
            used = integrations.used_in_lane(connection, self.lease.lane_id)
        changed = drift.drifted(found, used)
        if changed:
            self._stop(self._drift(changed, now))

        def job(connection: sa.Connection) -> bool:
            if not lanes.still_held(connection, self.lease):
                return False
            lanes.set_state(
                connection,
                self.lease.lane_id,
                schema=found.model_dump(mode="json"),
                fingerprint=found.fingerprint,
                discovered_at=now,
                unconfirmed_since=None,
            )
            return True

        if not self._store.write(job):
            raise LeaseLost("the lane was taken over")
        self._schema, self._discovered_at, self._unconfirmed_since = found, now, None

    def _drift(self, changed: Any, now: datetime) -> LaneChange:
        words = drift.in_words(changed)
        pushed_from = self._unconfirmed_since
        known = (self._lane.reason or {}).get("drift") == words["en"]

        def job(connection: sa.Connection) -> None:
            if pushed_from is not None or not known:
                history.write_drift(
                    connection,
                    self.lease.lane_id,
                    pushed_from=pushed_from,
                    found_at=now,
                    differences=drift.as_data(changed),
                )
            lanes.set_state(connection, self.lease.lane_id, unconfirmed_since=None)

        self._store.write(job)
        change = self._own("schema_drift", message=words["en"], kind="SchemaDrift")
        first = change.reason
        return replace(
            change,
            reason={**first, "ja": f"{first['ja']} {words['ja']}", "en": f"{first['en']} {words['en']}"}
            | {"drift": words["en"]},
        )

    # -- delivering ---------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        ends = time.monotonic() + self._policy.turn.total_seconds()
        batch = self._mark_first(self._prepare())
        while batch is not None:
            pushing = self._pushes.submit(self._push, batch)
            going_on = time.monotonic() < ends and not self._around.stopping() and not self._small
            ahead, trouble = self._prepare_ahead() if going_on else (None, None)
            outcome = pushing.result()
            self._policy.reached("answered")
            batch = self._after(batch, outcome, ahead, going_on=going_on and trouble is None)
            if trouble is not None:
                raise trouble

    def _prepare_ahead(self) -> tuple[Batch | None, Exception | None]:
        # Whatever goes wrong here waits until the push on the wire has been settled.
        try:
            return self._prepare(ahead=True), None
        except Exception as error:
            return None, error

    def _after(self, batch: Batch, outcome: PushOutcome, ahead: Batch | None, *, going_on: bool) -> Batch | None:
        """Settle *batch* and mark the next one, in one commit where nothing out of the ordinary has happened."""
        suspects = [row for row in batch.rows if isinstance(outcome.verdicts[row.key], Suspect)]
        ordinary = outcome.stopped_by is None and outcome.fault is None and not suspects
        marked = self._settle(batch, outcome, ahead if ordinary else None)
        if outcome.fault is not None:
            self._faulted(outcome.fault)
        if outcome.stopped_by is not None:
            self._failed(outcome.stopped_by)
        if outcome.not_sent is not None:
            raise LaneStopped
        if all(isinstance(verdict, NotStored) for verdict in outcome.verdicts.values()):
            self._failed(Unavailable("nothing_settled", "the plugin stored nothing and gave no reason"))
        self._small = False
        if suspects and len(batch.rows) > 1:
            self._isolate([row.id for row in suspects], batch)
        elif suspects:
            self._lone_refusal(batch.rows[0].id, outcome.verdicts[batch.rows[0].key])
        elif self._lane.lone is not None:
            self._forget_lone_refusals()
        if not going_on and (self._around.stopping() or not self._nobody_waits()):
            return None
        return marked or self._mark_first(self._prepare())

    def _nobody_waits(self) -> bool:
        """Whether no other lane is due, so that this one may go on beyond its turn."""
        with self._store.read() as connection:
            return not lanes.others_due(connection, self.lease.lane_id, self._clock.now())

    def _prepare(self, *, ahead: bool = False) -> Batch | None:
        """Choose what is due and render it; what cannot be rendered is rejected on the way.

        Args:
            ahead: a push is on the wire: leave anything that would need a request of its own for later.
        """
        while True:
            if not ahead:
                self._freshen()
            rows = self._due()
            if not rows or (ahead and any(row.maybe_written for row in rows)):
                return None
            rows = self._one_key_field(rows)
            if not ahead:
                rows = self._ask_after(rows)
            if not rows:
                continue
            batch = self._rendered(rows)
            if batch is None:
                continue
            held = self._paced(batch, ahead=ahead)
            return None if held else batch

    def _freshen(self) -> None:
        if self._schema is None or self._older_than(self._discovered_at, self._policy.fresh_for):
            with self._store.read() as connection:
                if lanes.next_due(connection, self.lease.lane_id) is None:
                    return
            self._discover()

    def _due(self) -> list[Waiting]:
        most = 1 if self._small else self._limits.push_size
        with self._store.read() as connection:
            rows = deliveries.due(connection, self.lease.lane_id, now=self._clock.now(), most=most, after=self._cursor)
            for row in rows:
                if row.revision_id not in self._revisions:
                    self._revisions[row.revision_id] = integrations.revision(connection, row.revision_id)
        if rows:
            self._cursor = rows[-1].integration_id
        return rows

    def _one_key_field(self, rows: list[Waiting]) -> list[Waiting]:
        """Rows that can go in one push: with one key field, and few where nothing keeps an outcome from doubt."""
        first = self._revisions[rows[0].revision_id]
        wanted = (first.key_field, self._keyed(first))
        chosen = [
            row
            for row in rows
            if (self._revisions[row.revision_id].key_field, self._keyed(self._revisions[row.revision_id])) == wanted
        ]
        return chosen if wanted[1] else chosen[: self._policy.unkeyed_push]

    def _keyed(self, revision: Revision) -> bool:
        return revision.key_unique and self._backend.manifest.uniqueness != "none"

    def _terms(self, revision: Revision, now: datetime) -> Terms:
        manifest = self._backend.manifest
        return Terms(
            manifest=manifest,
            key_field=revision.key_field,
            keyed=self._keyed(revision),
            verifiable=manifest.supports("verify") and revision.key_field is not None,
            settles_within=self._settles_within(manifest),
            sent_at=now,
        )

    def _settles_within(self, manifest: Any) -> timedelta:
        found: timedelta = self._policy.settles_within or manifest.settles_within
        return found

    def _manifest_or_none(self) -> Any:
        try:
            return self._around.registry.backend(self._lane.backend).manifest
        except BackendNotReady:
            return None

    def _ask_after(self, rows: list[Waiting]) -> list[Waiting]:
        """What may have been written is sent again only on proof, or under a key that the backend keeps unique."""
        unsure = [row for row in rows if row.maybe_written]
        if not unsure:
            return rows
        terms = self._terms(self._revisions[rows[0].revision_id], self._clock.now())
        if terms.keyed:
            latest = max(row.sent_at for row in unsure if row.sent_at is not None)
            if self._discovered_at is None or self._discovered_at <= latest:
                self._discover()
            return rows
        answers: dict[str, Any] = {}
        if terms.verifiable:
            request = VerifyRequest(
                target=self._lane.target,
                options=self._options,
                key_field=terms.key_field or "",
                keys=tuple(row.key for row in unsure),
            )
            report = self._asked(lambda: self._session.verify(request))
            answers = {answer.key: answer for answer in report.answers}
        return self._believe(rows, answers)

    def _believe(self, rows: list[Waiting], answers: dict[str, Any]) -> list[Waiting]:
        now = self._clock.now()
        going: list[Waiting] = []
        settled: list[Delivered] = []
        kept: list[Kept] = []
        for row in rows:
            answer = answers.get(row.key)
            if not row.maybe_written:
                going.append(row)
            elif isinstance(answer, Present):
                settled.append(Delivered(id=row.id, remote_id=answer.id, link=answer.link))
            elif isinstance(answer, Absent):
                # It is due only after settles_within: by then absence is proof.
                going.append(replace(row, maybe_written=False))
            else:
                kept.append(doubtful(row.id, row.due_at))

        def job(connection: sa.Connection) -> bool:
            held = deliveries.settle(connection, self.lease, settled, now)
            held = held and deliveries.keep_unsent(connection, self.lease, kept, now)
            proven = [row.id for row in going if row.id in {one.id for one in rows if one.maybe_written}]
            return held and deliveries.proven_absent(connection, proven)

        if not self._store.write(job):
            raise LeaseLost("the lane was taken over")
        self._note_settled(len(settled))
        return going

    def _rendered(self, rows: list[Waiting]) -> Batch | None:
        assert self._schema is not None
        good: list[tuple[Waiting, WireRecord]] = []
        bad: list[Kept] = []
        for row in rows:
            made = self._render_one(row)
            if isinstance(made, Kept):
                bad.append(made)
            else:
                good.append((row, made))
        if bad:
            self._keep(bad)
        if not good:
            return None
        terms = self._terms(self._revisions[good[0][0].revision_id], self._clock.now())
        most = self._limits.push_size if terms.keyed else min(self._policy.unkeyed_push, self._limits.push_size)
        return Batch(
            rows=tuple(row for row, _ in good),
            records=tuple(record for _, record in good),
            terms=terms,
            full=len(good) >= most,
        )

    def _render_one(self, row: Waiting) -> WireRecord | Kept:
        assert self._schema is not None
        try:
            binding: Binding = self._around.bindings.get(self._revisions[row.revision_id], self._schema)
            made = render(self._canvas, binding, row.payload, row.key)
        except PluginFault as fault:
            return unmappable(row, fault)
        return made if isinstance(made, WireRecord) else rejected(row, made)

    def _keep(self, kept: list[Kept]) -> None:
        now = self._clock.now()
        failures = [
            self._log_row(
                one.id,
                None,
                Failure(
                    event=one.state, code=one.code or "", field=one.field, message=(one.reason or {}).get("en", "")
                ),
                now,
            )
            for one in kept
        ]

        def job(connection: sa.Connection) -> bool:
            held = deliveries.keep_unsent(connection, self.lease, kept, now)
            if held:
                deliveries.log_attempts(connection, failures)
            return held

        if not self._store.write(job):
            raise LeaseLost("the lane was taken over")
        self._note_settled(len(kept))

    # -- pushing ------------------------------------------------------------------------------------------------

    def _paced(self, batch: Batch, *, ahead: bool) -> bool:
        now = self._clock.now()
        requests = self._pacing.expected(len(batch.rows))
        with self._store.read() as connection:
            hold = self._pacing.hold(connection, now, requests=requests, full=batch.full)
        if hold is None:
            return False
        if not ahead:
            self._wait(hold)
        return True

    def _wait(self, hold: Hold) -> None:
        if hold.code == "linger":
            # Not the lane's trouble: it only comes back later, and the batch is fuller then.
            raise _Lingers(hold.until)
        change = lane_changes.own(
            hold.code, state="waiting", until=hold.until, message="requests are spent", kind="budget"
        )
        self._stop(change, failure=False)

    def _mark_first(self, batch: Batch | None) -> Batch | None:
        if batch is None:
            return None
        now = self._clock.now()
        marked = self._store.write(lambda connection: self._mark(connection, batch, now))
        return self._as_marked(batch, marked, now)

    def _mark(self, connection: sa.Connection, batch: Batch, now: datetime) -> list[int] | None:
        marked = deliveries.mark(connection, self.lease, [row.id for row in batch.rows], now)
        if marked:
            self._pacing.spend(connection, now, self._pacing.expected(len(marked)))
            lanes.begin_unconfirmed(connection, self.lease.lane_id, now, self._cursor)
        return marked

    def _as_marked(self, batch: Batch, marked: list[int] | None, now: datetime) -> Batch | None:
        if marked is None:
            raise LeaseLost("the lane was taken over")
        if not marked:
            return None
        self._unconfirmed_since = self._unconfirmed_since or now
        self._policy.reached("marked")
        return replace(batch.only(marked), terms=replace(batch.terms, sent_at=now))

    def _push(self, batch: Batch) -> PushOutcome:
        assert self._schema is not None
        try:
            self._session.renew_if_expiring()
        except (BackendError, PluginFault) as error:
            return _nothing_sent(batch, error)
        call = self._session.call(
            deadline=self._policy.push_deadline, before_send=self._before_send, fresh=not batch.terms.keyed
        )
        request = PushRequest.model_construct(
            target=self._lane.target,
            options=self._options,
            records=batch.records,
            key_field=batch.terms.key_field if batch.terms.keyed else None,
            target_schema=self._schema,
        )
        return self._backend.push(call, request)

    def _before_send(self) -> None:
        """Immediately before each request of a push leaves: the lease is looked at once more."""
        if self.lost or time.monotonic() > self._valid_until - self._policy.margin.total_seconds():
            raise LeaseLost("the lease has run out; nothing is sent")
        self._policy.reached("before_send")

    def _settle(self, batch: Batch, outcome: PushOutcome, ahead: Batch | None) -> Batch | None:
        alone = len(batch.rows) == 1
        now = self._clock.now()
        settled: list[Delivered | Kept] = []
        failures: list[dict[str, Any]] = []
        for row in batch.rows:
            result, failure = settle(row, outcome.verdicts[row.key], batch.terms, alone=alone)
            settled.append(result)
            if failure is not None:
                failures.append(self._log_row(row.id, row.attempt + 1, failure, now))
        stored = any(isinstance(one, Delivered) for one in settled)
        more = self._session.requests
        self._session.requests = 0
        extra = outcome.requests - self._pacing.expected(len(batch.rows)) + more

        def job(connection: sa.Connection) -> tuple[bool, list[int] | None]:
            held = deliveries.settle(connection, self.lease, settled, now)
            if not held:
                return False, None
            deliveries.log_attempts(connection, failures)
            if extra:
                self._pacing.spend(connection, now, extra)
            if stored:
                self._went_well(connection, batch, now)
            return True, self._mark(connection, ahead, now) if ahead is not None else None

        held, marked = self._store.write(job)
        if not held:
            raise LeaseLost("the lane was taken over while the push was under way")
        self._policy.reached("settled")
        if stored:
            self._failures, self._failing_since = 0, None
        self._note_settled(sum(1 for one in settled if isinstance(one, Delivered) or one.state != "waiting"))
        return self._as_marked(ahead, marked, now) if ahead is not None else None

    def _went_well(self, connection: sa.Connection, batch: Batch, now: datetime) -> None:
        if self._failures:
            lanes.set_state(connection, self.lease.lane_id, failures=0, failing_since=None)
        fresh = {row.integration_id for row in batch.rows} - self._synced
        for integration in fresh:
            integrations.first_synced(connection, integration, now)
        self._synced |= fresh

    def _note_settled(self, count: int) -> None:
        if count:
            self._around.settled(count)

    # -- suspects -----------------------------------------------------------------------------------------------

    def _isolate(self, ids: list[int], batch: Batch) -> None:
        plan = isolate(ids)
        group = next(plan, None)
        while group is not None:
            refused = self._push_group(batch.only(group))
            try:
                group = plan.send(refused)
            except StopIteration:
                group = None

    def _push_group(self, group: Batch) -> bool:
        """Push part of a refused batch by itself; whether it was refused again without naming anybody."""
        with self._store.read() as connection:
            hold = self._pacing.hold(connection, self._clock.now(), requests=1, full=True)
        if hold is not None:
            self._wait(hold)
        marked = self._mark_first(group)
        if marked is None:
            return False
        outcome = self._pushes.submit(self._push, marked).result()
        self._settle(marked, outcome, None)
        if outcome.fault is not None:
            self._faulted(outcome.fault)
        if outcome.stopped_by is not None:
            self._failed(outcome.stopped_by)
        if outcome.not_sent is not None:
            raise LaneStopped
        refused = all(isinstance(verdict, Suspect) for verdict in outcome.verdicts.values())
        if refused and len(marked.rows) == 1:
            self._lone_refusal(marked.rows[0].id, outcome.verdicts[marked.rows[0].key])
        elif not refused and self._lane.lone is not None:
            self._forget_lone_refusals()
        return refused

    def _lone_refusal(self, delivery: int, verdict: Any) -> None:
        """Count lone records refused in a row for one reason: after a few it is the lane, not the records."""
        code = verdict.code
        lone = self._lone if self._lone and self._lone["code"] == code else {"code": code, "ids": []}
        lone = {"code": code, "ids": [*lone["ids"], delivery]}
        if len(lone["ids"]) < self._policy.lone_refusals:
            self._set_lone(lone)
            return
        now = self._clock.now()

        def job(connection: sa.Connection) -> None:
            if lanes.still_held(connection, self.lease):
                deliveries.wait_again(connection, lone["ids"], now)
                lanes.set_state(connection, self.lease.lane_id, lone=None)

        self._store.write(job)
        change = lane_changes.own(
            code, state="blocked", until=now + self._policy.longest_retry, message=verdict.message or code
        )
        self._stop(replace(change, reason={**explain(self._backend.manifest, code), "error": "lone_refusals"}))

    @property
    def _lone(self) -> dict[str, Any] | None:
        with self._store.read() as connection:
            lone: dict[str, Any] | None = lanes.get(connection, self.lease.lane_id).lone
        return lone

    def _set_lone(self, lone: dict[str, Any] | None) -> None:
        self._store.write(lambda connection: lanes.set_state(connection, self.lease.lane_id, lone=lone))
        with self._store.read() as connection:
            self._lane = lanes.get(connection, self.lease.lane_id)

    def _forget_lone_refusals(self) -> None:
        self._set_lone(None)

    # -- trouble ------------------------------------------------------------------------------------------------

    def _asked(self, question: Callable[[], Any]) -> Any:
        """Ask the backend something; what goes wrong is the lane's."""
        try:
            return question()
        except BackendError as error:
            self._failed(error)
        except PluginFault as fault:
            self._faulted(fault)
        raise AssertionError("unreachable: both stop the lane")

    def _failed(self, error: BackendError) -> None:
        if isinstance(error, AuthenticationFailed) and self._failures < RENEWALS and self._came_right():
            self._count_failure()
            raise LaneStopped
        now = self._clock.now()
        since = self._failing_since or now
        change = lane_changes.after(
            error, self._backend.manifest, self._policy, failures=self._failures, failing_since=since, now=now
        )
        self._stop(change)

    def _count_failure(self) -> None:
        since = self._failing_since or self._clock.now()
        failures = self._failures + 1
        self._store.write(
            lambda connection: lanes.set_state(connection, self.lease.lane_id, failures=failures, failing_since=since)
        )

    def _came_right(self) -> bool:
        """Whether there are newer credentials than those that failed: then the lane goes on with them."""
        try:
            return self._session.renew()
        except (BackendError, PluginFault):
            return False

    def _faulted(self, fault: PluginFault) -> None:
        log.error("plugin fault: %s", fault, extra={"event": "plugin.fault", "lane": self.lease.lane_id})
        now = self._clock.now()
        known = (self._lane.reason or {}).get("error") == "plugin_fault" or self._lane.reason_code == "plugin_fault"
        in_a_row = self._failures + 1 if known or self._failures == 0 else 1
        state = "blocked" if in_a_row >= self._policy.faults_allowed and not fault.sent else "waiting"
        pause = self._policy.longest_retry if state == "blocked" else lane_changes.backoff(self._policy, self._failures)
        change = lane_changes.own(
            "plugin_fault", state=state, until=now + pause, message=str(fault), kind="plugin_fault"
        )
        if state == "blocked":
            self._store.write(
                lambda connection: lanes.block_backend(
                    connection,
                    self._lane.backend,
                    until=change.until,
                    code=change.code,
                    reason=change.reason,
                )
            )
        self._stop(change)

    def _own(self, code: str, *, message: str, kind: str = "renkei") -> LaneChange:
        until = self._clock.now() + max(
            lane_changes.backoff(self._policy, self._failures + 5), self._policy.first_retry * 5
        )
        return lane_changes.own(code, state="blocked", until=until, message=message, kind=kind)

    def _stop(self, change: LaneChange, *, failure: bool = True) -> None:
        """Write the lane's new state down and end this run."""
        now = self._clock.now()
        failures = self._failures + 1 if failure else self._failures
        since = (self._failing_since or now) if failure else self._failing_since
        new = (self._lane.state, self._lane.reason_code) != (change.state, change.code)
        line = {
            "at": now,
            "lane_id": self.lease.lane_id,
            "delivery_id": None,
            "number": failures,
            "event": change.event,
            "code": change.code,
            "field": None,
            "message": change.message,
        }

        def job(connection: sa.Connection) -> None:
            if not lanes.still_held(connection, self.lease):
                return
            lanes.set_state(
                connection,
                self.lease.lane_id,
                state=change.state,
                reason_code=change.code,
                reason=change.reason,
                until=change.until,
                failures=failures,
                failing_since=since,
            )
            deliveries.log_attempts(connection, [line])

        self._store.write(job)
        log.log(
            logging.WARNING if new else logging.INFO,
            "the lane is %s: %s (%s)",
            change.state,
            change.message,
            change.code,
            extra={"event": f"lane.{change.state}", "lane": self.lease.lane_id, "code": change.code},
        )
        raise LaneStopped

    def _log_row(self, delivery: int, number: int | None, failure: Failure, now: datetime) -> dict[str, Any]:
        return {
            "at": now,
            "lane_id": self.lease.lane_id,
            "delivery_id": delivery,
            "number": number,
            "event": failure.event,
            "code": failure.code,
            "field": failure.field,
            "message": failure.message,
        }

    def _release(self) -> None:
        now = self._clock.now()
        confirm_at = self._unconfirmed_since + self._policy.fresh_for if self._unconfirmed_since else None
        self._store.write(lambda connection: self._let_go(connection, now, confirm_at))

    def _let_go(self, connection: sa.Connection, now: datetime, confirm_at: datetime | None) -> None:
        lanes.release(connection, self.lease, now=now, confirm_at=confirm_at, not_before=self._not_before)


class _Lingers(LaneStopped):
    """Nothing is wrong: the lane comes back later for a fuller batch."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__()


_INTERRUPTED = Failure(
    event="unknown",
    code="interrupted",
    field=None,
    message="the worker ended while this was on its way; the outcome is unknown",
)


def _as_failure(kept: Kept) -> Failure:
    words = (kept.reason or {}).get("en", "")
    return Failure(event=kept.state, code=kept.code or "", field=kept.field, message=words)


def _nothing_sent(batch: Batch, error: BackendError | PluginFault) -> PushOutcome:
    return PushOutcome(
        verdicts={row.key: NotStored(key=row.key) for row in batch.rows},
        stopped_by=error if isinstance(error, BackendError) else None,
        fault=error if isinstance(error, PluginFault) else None,
        requests=0,
    )


def _json(text: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(text)
    return data
