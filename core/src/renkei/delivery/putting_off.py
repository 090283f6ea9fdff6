"""A record that fails by itself, with an error that says nothing of it: it goes behind the others (promise 7).

An outage and a file that a scanner cuts off look alike: the record was certainly not stored, and the error is the
lane's. What tells them apart is whether others get in. So a record that fails alone waits as long as its lane, and
comes after all that were due before. Where it fails again and others got in meanwhile, the trouble is its own: it backs
off by itself, and the lane goes on. What has failed so for as long as a lane is given asks for a person.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from renkei.delivery import lane_changes
from renkei.delivery.batches import Batch
from renkei.delivery.lane import Lane
from renkei.delivery.lane_changes import LaneChange
from renkei.delivery.reasons import explain
from renkei.delivery.settling import Failure
from renkei.plugins import PushOutcome
from renkei.spec import (
    BackendError,
    Created,
    Duplicate,
    NotStored,
    OutcomeUnknown,
    PermissionDenied,
    Unavailable,
    Updated,
)
from renkei.store.deliveries import LONGEST_PUT_OFF, Kept, Waiting

log = logging.getLogger("renkei.delivery")

# A file or a record may be cut off, or refused, by whoever stands in front of the backend and reads along.
_MAY_BE_ONES_OWN = (Unavailable, OutcomeUnknown, PermissionDenied)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """What becomes of records that were certainly not stored.

    Attributes:
        kept: by row id.
        failures: lines for the log, by row id.
        change: the lane's, None where the lane goes on.
    """

    kept: dict[int, Kept]
    failures: dict[int, Failure]
    change: LaneChange | None


def put_off(lane: Lane, batch: Batch, outcome: PushOutcome, now: datetime) -> PutOff | None:
    """Judge what *outcome* left unstored; None where nothing speaks against any one record."""
    error = outcome.stopped_by
    if outcome.fault is not None or outcome.not_sent is not None or not isinstance(error, _MAY_BE_ONES_OWN):
        return None
    # What a restored database brought back is told by its code, and keeps it.
    left = [row for row in batch.rows if isinstance(outcome.verdicts[row.key], NotStored) and row.code != "restored"]
    alone = len(batch.rows) == 1
    failed_before = [row for row in left if row.code == error.code]
    others_got_in = lane.failures == 0 if alone else _anybody_got_in(outcome)
    if left and failed_before == left and others_got_in:
        return _of_their_own(lane, left, error, now)
    return _with_the_lane(lane, left[0], error, now) if alone and left else None


def _anybody_got_in(outcome: PushOutcome) -> bool:
    return any(isinstance(verdict, (Created, Updated, Duplicate)) for verdict in outcome.verdicts.values())


def _of_their_own(lane: Lane, rows: list[Waiting], error: BackendError, now: datetime) -> PutOff:
    kept, failures = {}, {}
    for row in rows:
        pause = min(lane_changes.backoff(lane.policy, row.attempt), LONGEST_PUT_OFF)
        # What an earlier request may have stored is never called rejected.
        tries = 10 + lane.policy.give_up_after / lane.policy.longest_retry
        given_up = row.attempt > tries and not row.maybe_written
        reason = explain(None, "never_got_through") if given_up else _its_own(lane, error)
        kept[row.id] = _kept(row, error, reason, now if given_up else now + pause, rejected=given_up)
        event = "rejected" if given_up else "put_off"
        log.warning(
            "delivery %d fails by itself while others get through (%s): %s",
            row.id,
            "given up" if given_up else "it stands aside",
            error.code,
            extra={"event": f"delivery.{event}", "lane": lane.id, "delivery": row.id},
        )
        failures[row.id] = Failure(event=event, code=error.code, field=None, message=error.message, reason=reason)
    return PutOff(kept=kept, failures=failures, change=None)


def _its_own(lane: Lane, error: BackendError) -> dict[str, str]:
    """The cause, after what it must not be taken for: the sentence alone speaks of the whole lane."""
    first, cause = explain(None, "stands_aside"), explain(lane.backend.manifest, error.code, error)
    return {language: f"{first[language]} {sentence}" for language, sentence in cause.items()}


def _with_the_lane(lane: Lane, row: Waiting, error: BackendError, now: datetime) -> PutOff:
    change = lane.change_after(error, now)
    until = min(change.until, now + LONGEST_PUT_OFF)
    reason = explain(lane.backend.manifest, error.code, error)
    return PutOff(kept={row.id: _kept(row, error, reason, until)}, failures={}, change=change)


def _kept(
    row: Waiting, error: BackendError, reason: dict[str, str], due_at: datetime, *, rejected: bool = False
) -> Kept:
    return Kept(
        id=row.id,
        state="rejected" if rejected else "waiting",
        maybe_written=row.maybe_written,
        due_at=due_at,
        code=error.code,
        reason=reason,
        refused=True,
    )
