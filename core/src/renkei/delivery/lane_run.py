"""Working in one claimed lane: recover, probe, look, then push after push until nothing is due.

Who may say what is on disk: a lease on the lane changes no delivery. A push is marked durably before it leaves and
settled after; between the two its outcome is unknown to everybody else. The next push is rendered while the last one
is on the wire, and is marked in the transaction that settles it: a lane costs one commit per push.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from renkei.delivery import lane_changes, proving
from renkei.delivery.batches import Batch, Batches, marked
from renkei.delivery.lane import Lane, LaneStopped, LeaseLost, Lingers, Surroundings
from renkei.delivery.lookout import Lookout
from renkei.delivery.putting_off import PutOff, put_off
from renkei.delivery.reasons import explain
from renkei.delivery.settling import Failure, doubtful, held, is_in_question, resends, settle
from renkei.delivery.suspects import Suspects
from renkei.plugins import PluginFault, PushOutcome
from renkei.spec import BackendError, Duplicate, Manifest, NotStored, PushRequest, SchemaDrift, Suspect, Unavailable
from renkei.store import deliveries, integrations, lanes
from renkei.store.deliveries import Delivered, Kept, Waiting
from renkei.store.integrations import Revision
from renkei.store.lanes import Lease

log = logging.getLogger("renkei.delivery")

_INTERRUPTED = Failure(
    event="unknown",
    code="interrupted",
    field=None,
    message="the worker ended while this was on its way; the outcome is unknown",
    reason=explain(None, "interrupted"),
)


class LaneRun:
    """One lease's work. Call `run` once; renew the lease from elsewhere through `lane.renewed`."""

    def __init__(self, around: Surroundings, lease: Lease, claimed_at: float) -> None:
        self.lane = Lane(around, lease, claimed_at)
        self._lookout: Lookout | None = None
        self._synced: set[int] = set()
        self._left = threading.Event()
        self._pushes = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renkei-push")

    def run(self) -> None:
        """Work until nothing is due, the turn is over, or something stops the lane; then let go."""
        not_before = None
        try:
            self._work()
        except Lingers as lingers:
            not_before = lingers.until
        except LaneStopped:
            pass
        except LeaseLost:
            log.warning("the lease was lost", extra={"event": "lane.lease_lost", "lane": self.lane.id})
            return
        finally:
            self._pushes.shutdown(wait=True)
        unconfirmed_since = self._lookout.unconfirmed_since if self._lookout else None
        self.lane.release(unconfirmed_since=unconfirmed_since, not_before=not_before)

    def _work(self) -> None:
        lane = self.lane
        lane.look()
        self._lookout = self._target = Lookout(lane)
        self._recover()
        lane.connect()
        self._batches = Batches(lane, self._target)
        self._suspects = Suspects(lane, self._push_part)
        self._probe_if_needed()
        self._target.look_if_due()
        self._deliver()
        if lane.policy.confirm_at_once and self._is_dry():
            self._target.confirm()

    def _is_dry(self) -> bool:
        due = self.lane.next_due()
        return due is None or due > self.lane.clock.now()

    # -- before the first push ----------------------------------------------------------------------------------

    def _recover(self) -> None:
        """What an earlier holder left marked has an unknown outcome."""
        lane = self.lane
        with lane.store.read() as connection:
            left = deliveries.abandoned(connection, lane.lease)
            owners = {row.revision_id: integrations.revision(connection, row.revision_id) for row in left}
        if not left:
            return
        now = lane.clock.now()
        manifest = lane.manifest_or_none()
        kept = [self._recovered(row, owners[row.revision_id], manifest, now) for row in left]
        lane.hold(kept, manifest)
        failures = [lane.line(row.id, row.attempt, _INTERRUPTED, now) for row in left]

        def job(connection: sa.Connection) -> bool | None:
            if not deliveries.settle(connection, lane.lease, kept, now):
                return None
            deliveries.log_attempts(connection, failures)
            return True

        lane.write(job)
        lane.policy.reached("recovered")
        log.warning(
            "%d deliveries were interrupted; their outcome is unknown",
            len(left),
            extra={"event": "lane.recovered", "lane": lane.id, "count": len(left)},
        )

    def _recovered(self, row: Waiting, revision: Revision, manifest: Manifest | None, now: datetime) -> Kept:
        askable = manifest is not None and manifest.supports("verify") and revision.key_field is not None
        keyed = revision.key_unique and (manifest is None or manifest.uniqueness != "none")
        if not (keyed or askable or resends(row)):
            return doubtful(row, now)
        # Counted from now, not from the mark: whoever set that may have had another clock.
        return held(row, now + self.lane.settles_within(manifest))

    def _probe_if_needed(self) -> None:
        """A lane that failed is asked who it is before anything is sent in it, and then sends one small push."""
        lane = self.lane
        if lane.row.state == "open":
            return
        if not lane.is_wanted():
            raise LaneStopped
        if (lane.row.reason or {}).get("error") not in lane_changes.THROTTLES:
            account = lane.asked(lambda: lane.session.authenticate(lane.row.target))
            lane.policy.reached("probed")
            if account.id != lane.row.account_id:
                lane.stop(lane.own("account_changed", message="the settings lead to another account"))
            self._target.look()
            self._batches.most = 1
        lane.change(state="open", reason_code=None, reason=None, until=None)
        lane.policy.reached("opened")
        log.info("the lane is open again", extra={"event": "lane.open", "lane": lane.id})

    # -- push after push ----------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        ends = time.monotonic() + self.lane.policy.turn.total_seconds()
        batch = self._mark_first(self._batches.next())
        while batch is not None:
            pushing = self._send_off(batch)
            going_on = time.monotonic() < ends and not self.lane.around.stopping()
            surely = going_on and self._batches.most is None
            ahead, trouble = self._prepare_ahead() if surely else (None, None)
            outcome = pushing.result()
            self.lane.policy.reached("answered")
            following = self._after(batch, outcome, ahead if trouble is None else None)
            if trouble is not None:
                raise trouble
            if following is None and self._may_go_on(going_on=going_on):
                if not going_on:
                    ends = time.monotonic() + self.lane.policy.turn.total_seconds()
                following = self._mark_first(self._batches.next())
            batch = following

    def _send_off(self, batch: Batch) -> Future[PushOutcome]:
        """Begin the push, and return once its first request leaves: until then rendering would only slow it down."""
        self._left.clear()
        pushing = self._pushes.submit(self._push, batch)
        pushing.add_done_callback(lambda _pushing: self._left.set())
        self._left.wait()
        return pushing

    def _before_send(self) -> None:
        self.lane.before_send()
        self._left.set()

    def _prepare_ahead(self) -> tuple[Batch | None, Exception | None]:
        # Whatever goes wrong here waits until the push on the wire has been settled.
        try:
            return self._batches.next(ahead=True), None
        except Exception as error:
            return None, error

    def _may_go_on(self, *, going_on: bool) -> bool:
        """Beyond its turn a lane goes on only while no other is due."""
        if self.lane.around.stopping():
            return False
        if going_on:
            return True
        with self.lane.store.read() as connection:
            return not lanes.others_due(connection, self.lane.id, self.lane.clock.now())

    def _after(self, batch: Batch, outcome: PushOutcome, ahead: Batch | None) -> Batch | None:
        """Settle *batch*; return *ahead*, marked in the same commit, where nothing out of the ordinary happened."""
        suspects = [row for row in batch.rows if isinstance(outcome.verdicts[row.key], Suspect)]
        now = self.lane.clock.now()
        self.lane.pacing.hear(outcome.load, now)
        room = self.lane.pacing.make_room(now)
        ordinary = room is None and not suspects and self._goes_on(batch, outcome)
        aside = put_off(self.lane, batch, outcome, now)
        following = self._settle(batch, outcome, ahead if ordinary else None, aside)
        self._prove(batch, outcome)
        if aside is None:
            self._face(outcome)
        elif aside.change is not None:
            self.lane.stop(aside.change)
        self._batches.grow()
        if suspects and len(batch.rows) > 1:
            self._suspects.isolate([row.id for row in suspects], batch.pushed([row.id for row in batch.rows]))
        elif suspects:
            self._suspects.lone_refusal(batch.rows[0].id, outcome.verdicts[batch.rows[0].key])
        else:
            self._suspects.forget_lone_refusals()
        return following

    def _goes_on(self, batch: Batch, outcome: PushOutcome) -> bool:
        """Whether nothing is left to be asked or faced: what is marked now would not be sent if the run ended there."""
        stops = outcome.stopped_by is not None or outcome.fault is not None or outcome.not_sent is not None
        return not (stops or _nothing_settled(outcome) or any(self._to_prove(batch, outcome)))

    def _face(self, outcome: PushOutcome) -> None:
        """What a push says of the lane, after its deliveries were settled."""
        if outcome.fault is not None:
            self.lane.faulted(outcome.fault)
        if isinstance(outcome.stopped_by, SchemaDrift):
            # Looking again shows what has changed, and blocks the lane with that in plain words.
            self._target.look()
        if outcome.stopped_by is not None:
            self.lane.failed(outcome.stopped_by)
        if outcome.not_sent is not None:
            raise LaneStopped
        if _nothing_settled(outcome):
            # Going on at once would spin.
            self.lane.failed(Unavailable("nothing_settled", "the plugin stored nothing and gave no reason"))

    def _mark_first(self, batch: Batch | None) -> Batch | None:
        """Mark *batch*; one that was cancelled whole meanwhile is followed by the next."""
        while batch is not None:
            now = self.lane.clock.now()
            ids = self.lane.write(partial(self._mark, batch=batch, now=now))
            part = self._as_marked(batch, ids, now)
            if part is not None:
                return part
            batch = self._batches.next()
        return None

    def _mark(self, connection: sa.Connection, batch: Batch, now: datetime) -> list[int] | None:
        ids = deliveries.mark(connection, self.lane.lease, batch.rows, now)
        if ids:
            self.lane.pacing.spend(connection, now, self.lane.pacing.expected(len(ids)))
            lanes.begin_unconfirmed(connection, self.lane.id, now, self._batches.cursor)
        return ids

    def _as_marked(self, batch: Batch, ids: list[int], now: datetime) -> Batch | None:
        part = marked(batch, ids, now)
        if part is not None:
            self._target.pushed(now)
            self.lane.policy.reached("marked")
        return part

    def _push(self, batch: Batch) -> PushOutcome:
        lane = self.lane
        try:
            lane.session.renew_if_expiring()
        except (BackendError, PluginFault) as error:
            return _nothing_sent(batch, error)
        call = lane.session.call(
            deadline=lane.policy.push_deadline, before_send=self._before_send, fresh=not batch.terms.keyed
        )
        request = PushRequest.model_construct(
            target=lane.row.target,
            options=lane.options,
            records=batch.records,
            key_field=batch.terms.key_field if batch.terms.keyed else None,
            target_schema=self._target.schema,
        )
        return lane.backend.push(call, request)

    def _settle(
        self, batch: Batch, outcome: PushOutcome, ahead: Batch | None, aside: PutOff | None = None
    ) -> Batch | None:
        lane = self.lane
        now = lane.clock.now()
        alone = len(batch.rows) == 1
        settled: list[Delivered | Kept] = []
        result: Delivered | Kept
        failures: list[dict[str, Any]] = []
        for row in batch.rows:
            if is_in_question(row, outcome.verdicts[row.key], batch.terms, alone=alone):
                continue
            if aside is not None and row.id in aside.kept:
                result, failure = aside.kept[row.id], aside.failures.get(row.id)
            else:
                result, failure = settle(row, outcome.verdicts[row.key], batch.terms, alone=alone, now=now)
            settled.append(result)
            if failure is not None:
                failures.append(lane.line(row.id, row.attempt + 1, failure, now))
        lane.hold((one for one in settled if isinstance(one, Kept)), batch.terms.manifest)
        stored = any(isinstance(one, Delivered) for one in settled)
        # What was taken at the mark was a guess; discoveries and probes since then come on top.
        extra = outcome.requests - lane.pacing.expected(len(batch.rows)) + lane.session.requests
        lane.session.requests = 0

        synced = sorted({row.integration_id for row in batch.rows} - self._synced) if stored else []

        def job(connection: sa.Connection) -> list[int] | None:
            # Integration before lane, as record() locks them: a host's transaction must not end in a deadlock.
            for integration in synced:
                integrations.first_synced(connection, integration, now)
            if not deliveries.settle(connection, lane.lease, settled, now):
                return None
            deliveries.log_attempts(connection, failures)
            if extra:
                lane.pacing.spend(connection, now, extra)
            if stored and lane.failures:
                lanes.set_state(connection, lane.id, failures=0, failing_since=None)
            return self._mark(connection, ahead, now) if ahead is not None else []

        ids = lane.write(job)
        lane.policy.reached("settled")
        self._synced.update(synced)
        if stored:
            lane.failures, lane.failing_since = 0, None
        lane.around.settled(sum(1 for one in settled if isinstance(one, Delivered) or one.state != "waiting"))
        return self._as_marked(ahead, ids, now) if ahead is not None else None

    def _prove(self, batch: Batch, outcome: PushOutcome) -> bool:
        """Ask after what the push left in question, and for the records of duplicates; whether anything was asked.

        What the push has settled is on disk by now: nothing that goes wrong here takes it back.
        """
        terms, alone = batch.terms, len(batch.rows) == 1
        open_rows, nameless = self._to_prove(batch, outcome)
        if not (open_rows or nameless):
            return False
        lane = self.lane
        answers = proving.asked_in_passing(lane, [*open_rows, *nameless], terms)
        lane.policy.reached("verified")
        now = lane.clock.now()
        settled: list[Delivered | Kept] = list(proving.found(nameless, answers))
        failures = []
        for row in open_rows:
            verdict, answer = outcome.verdicts[row.key], answers.get(row.key)
            result, failure = settle(row, verdict, terms, alone=alone, now=now, answer=answer)
            settled.append(result)
            failures += [lane.line(row.id, row.attempt + 1, failure, now)] if failure is not None else []
        lane.hold((one for one in settled if isinstance(one, Kept)), terms.manifest)
        lane.settle_again(settled, failures, now)
        lane.policy.reached("believed")
        return True

    def _to_prove(self, batch: Batch, outcome: PushOutcome) -> tuple[list[Waiting], list[Waiting]]:
        """Rows that the push left in question, and duplicates whose records have no name yet."""
        terms, alone = batch.terms, len(batch.rows) == 1
        open_rows = [row for row in batch.rows if is_in_question(row, outcome.verdicts[row.key], terms, alone=alone)]
        nameless = [row for row in batch.rows if terms.verifiable and isinstance(outcome.verdicts[row.key], Duplicate)]
        return open_rows, [row for row in nameless if row.maybe_written]

    def _push_part(self, group: Batch) -> PushOutcome | None:
        """Push some of a batch once more, and settle them; None where all of them were cancelled meanwhile."""
        lane = self.lane
        with lane.store.read() as connection:
            hold = lane.pacing.hold(connection, lane.clock.now(), requests=1, full=True)
        if hold is not None:
            lane.wait(hold)
        now = lane.clock.now()
        part = self._as_marked(group, lane.write(lambda connection: self._mark(connection, group, now)), now)
        if part is None:
            return None
        outcome = self._pushes.submit(self._push, part).result()
        lane.policy.reached("answered")
        self._settle(part, outcome, None)
        self._prove(part, outcome)
        self._face(outcome)
        return outcome


def _nothing_settled(outcome: PushOutcome) -> bool:
    return all(isinstance(verdict, NotStored) for verdict in outcome.verdicts.values())


def _nothing_sent(batch: Batch, error: BackendError | PluginFault) -> PushOutcome:
    return PushOutcome(
        verdicts={row.key: NotStored(key=row.key) for row in batch.rows},
        stopped_by=error if isinstance(error, BackendError) else None,
        fault=error if isinstance(error, PluginFault) else None,
    )
