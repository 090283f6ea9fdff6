"""Deliveries: choosing what is due, the durable mark before a push, and settling after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from renkei.store.lanes import Lease, deliverable, still_held
from renkei.store.tables import CANCEL_IF_UNSENT, LONGEST_WAIT, attempts, deliveries, integrations, lanes, reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One delivery whose time has come.

    Attributes:
        maybe_written: an earlier request may have stored it.
        sent_at: when the last request left that may have.
        code: why it waits, where that is more than its turn.
        resend: its integration has unknown outcomes sent again where no unique key can tell.
    """

    id: int
    integration_id: int
    revision_id: int
    key: str
    payload: str
    attempt: int
    due_at: datetime
    maybe_written: bool
    sent_at: datetime | None
    code: str | None = None
    resend: bool = False

    @property
    def stands_aside(self) -> bool:
        """Whether it was certainly not stored for a reason that may be its own (`renkei.delivery.putting_off`)."""
        return self.code is not None and self.attempt > 0 and not self.maybe_written


_rows = sa.select(
    deliveries.c.id,
    deliveries.c.integration_id,
    deliveries.c.revision_id,
    deliveries.c.key,
    deliveries.c.payload,
    deliveries.c.attempt,
    deliveries.c.due_at,
    deliveries.c.maybe_written,
    deliveries.c.sent_at,
    deliveries.c.code,
    (integrations.c.unknown_outcome == "resend").label("resend"),
).join(integrations, integrations.c.id == deliveries.c.integration_id)
_of_integration = _rows.where(
    deliveries.c.lane_id == bindparam("lane"),
    deliveries.c.integration_id == bindparam("integration"),
    sa.text("deliveries.state = 'waiting'"),
)
_in_order = (deliveries.c.due_at, deliveries.c.id)
_due = (
    _of_integration.where(reached(deliveries.c.due_at, bindparam("now"), bindparam("horizon")))
    .order_by(*_in_order)
    .limit(bindparam("most"))
)
LONGEST_PUT_OFF = timedelta(minutes=10)
"""How long a record that was certainly not stored may be left behind the others."""

# What was never sent has nothing to wait for, and what was put off not longer than that. Only a clock that was put back
# makes a time lie further ahead.
_ahead_of_the_clock = (
    _of_integration.where(
        deliveries.c.due_at > bindparam("now"),
        deliveries.c.due_at <= bindparam("horizon"),
        deliveries.c.maybe_written.is_(False),
        sa.or_(deliveries.c.attempt == 0, deliveries.c.due_at > bindparam("put_off_to")),
    )
    .order_by(*_in_order)
    .limit(bindparam("most"))
)


def due(connection: sa.Connection, lane_id: int, *, now: datetime, most: int, after: int = 0) -> list[Waiting]:
    """Up to *most* due deliveries of the lane, in turn over its integrations, oldest first within each.

    Args:
        after: the integration that was served last; the turn begins behind it.
    """
    turn: list[int] = [int(number) for number in connection.execute(deliverable(lane_id)).scalars()]
    turn = [number for number in turn if number > after] + [number for number in turn if number <= after]
    found: dict[int, list[Waiting]] = {}
    for integration in turn:
        asked = {"lane": lane_id, "integration": integration, "now": now, "horizon": now + LONGEST_WAIT, "most": most}
        ahead = {**asked, "put_off_to": now + LONGEST_PUT_OFF}
        rows = list(connection.execute(_due, asked).mappings())
        if len(rows) < most:
            rows += connection.execute(_ahead_of_the_clock, {**ahead, "most": most - len(rows)}).mappings()
        found[integration] = [Waiting(**row) for row in rows]
    return _in_turn(list(found.values()), most)


def _in_turn(queues: list[list[Waiting]], most: int) -> list[Waiting]:
    if len(queues) == 1:
        return queues[0][:most]
    chosen: list[Waiting] = []
    position = 0
    while len(chosen) < most and any(position < len(queue) for queue in queues):
        chosen += [queue[position] for queue in queues if position < len(queue)]
        position += 1
    return chosen[:most]


# Looked at again under the lock: an admin may have cancelled, paused, or moved it under another revision since it
# was rendered.
_still_waiting = (
    sa.select(deliveries.c.id, deliveries.c.revision_id)
    .join(integrations, integrations.c.id == deliveries.c.integration_id)
    .where(
        deliveries.c.id.in_(bindparam("ids", expanding=True)),
        deliveries.c.state == "waiting",
        deliveries.c.lane_id == bindparam("lane"),
        integrations.c.state != "paused",
    )
    .with_for_update(of=deliveries)
)
_mark = (
    deliveries.update()
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        state="sending",
        attempt=deliveries.c.attempt + 1,
        fence=bindparam("holder"),
        maybe_before=deliveries.c.maybe_written,
        maybe_written=sa.true(),
        sent_before_at=deliveries.c.sent_at,
        sent_at=bindparam("now"),
    )
)


def mark(connection: sa.Connection, lease: Lease, rows: Sequence[Waiting], now: datetime) -> list[int] | None:
    """Say durably that these are about to be sent and may have been written, and return those that were waiting.

    None where the lease was lost; nothing was marked then. What was cancelled, paused or moved under another
    revision meanwhile is left out.
    """
    if not still_held(connection, lease):
        return None
    if not rows:
        return []
    rendered = {row.id: row.revision_id for row in rows}
    found = connection.execute(_still_waiting, {"ids": list(rendered), "lane": lease.lane_id})
    unchanged = {row.id for row in found if row.revision_id == rendered[row.id]}
    # In the order given: a database answers in any.
    waiting = [row.id for row in rows if row.id in unchanged]
    if waiting:
        connection.execute(_mark, {"ids": waiting, "holder": lease.fence, "now": now})
    return waiting


# Spelt out: an IN list cannot be prepared for many rows at once. Proof that comes late, from a holder that was frozen,
# still brings the id and link of a delivery that its successor could only settle as a duplicate.
_OPEN = sa.text(
    "(deliveries.state IN ('sending', 'waiting', 'doubtful')"
    " OR (deliveries.state = 'delivered' AND deliveries.remote_id IS NULL))"
)
_delivered = (
    deliveries.update()
    .where(deliveries.c.id == bindparam("row"), _OPEN)
    .values(
        state="delivered",
        settled_at=bindparam("now"),
        remote_id=bindparam("record"),
        link=bindparam("url"),
        code=None,
        field=None,
        reason=None,
    )
)
_settled = deliveries.update().where(deliveries.c.id == bindparam("row"), deliveries.c.state == "sending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """Positive proof: it is there. Accepted from anyone, also from a holder who has lost the lane."""

    id: int
    remote_id: str | None
    link: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Anything else that a push came to; refused from a holder who has lost the lane.

    Attributes:
        state: `waiting`, `rejected` or `doubtful`.
        maybe_written: whether an earlier request, or this one, may have stored it.
        due_at: when it may be sent again.
        refused: this request has certainly not stored it, so that the last one that may have is the one before.
    """

    id: int
    state: str
    maybe_written: bool
    due_at: datetime
    code: str | None = None
    field: str | None = None
    reason: dict[str, str] | None = None
    refused: bool = False


_KEPT = {
    "state": bindparam("to"),
    "maybe_written": bindparam("maybe"),
    "due_at": bindparam("due"),
    "settled_at": bindparam("now"),
    "code": bindparam("why"),
    "field": bindparam("where"),
    "reason": bindparam("text", type_=deliveries.c.reason.type),
}
_INSTANT = deliveries.c.settled_at.type
_is_given_up = sa.and_(
    deliveries.c.code.is_not_distinct_from(CANCEL_IF_UNSENT),
    bindparam("to", type_=sa.Text) == "waiting",
    bindparam("maybe", type_=sa.Boolean).is_(False),
)
_keep = _settled.values(
    {
        **_KEPT,
        "state": sa.case((_is_given_up, "cancelled"), else_=bindparam("to", type_=sa.Text)),
        "settled_at": sa.case((_is_given_up, bindparam("at", type_=_INSTANT)), else_=bindparam("now", type_=_INSTANT)),
        "sent_at": sa.case(
            (bindparam("refused", type_=sa.Boolean), deliveries.c.sent_before_at), else_=deliveries.c.sent_at
        ),
    }
)


def settle(connection: sa.Connection, lease: Lease, outcomes: Sequence[Delivered | Kept], now: datetime) -> bool:
    """Write down what a push came to. False where the lease was lost: then only positive proof was accepted."""
    held = still_held(connection, lease)
    won = [
        {"row": one.id, "now": now, "record": one.remote_id, "url": one.link}
        for one in outcomes
        if isinstance(one, Delivered) and (held or one.remote_id)
    ]
    if won:
        connection.execute(_delivered, won)
    kept = [
        {
            "row": one.id,
            "to": one.state,
            "maybe": one.maybe_written,
            "due": one.due_at,
            "now": now if one.state != "waiting" else None,
            "why": one.code,
            "where": one.field,
            "text": one.reason,
            "refused": one.refused,
            "at": now,
        }
        for one in outcomes
        if isinstance(one, Kept)
    ]
    if held and kept:
        connection.execute(_keep, kept)
    return held


def abandoned(connection: sa.Connection, lease: Lease) -> list[Waiting]:
    """Rows that an earlier holder of this lane left marked: their outcome is unknown."""
    query = _rows.where(
        deliveries.c.lane_id == lease.lane_id,
        sa.text("deliveries.state = 'sending'"),
        deliveries.c.fence < lease.fence,
    )
    return [Waiting(**row) for row in connection.execute(query).mappings()]


_reject = deliveries.update().where(deliveries.c.id == bindparam("row"), deliveries.c.state == "waiting").values(_KEPT)


def keep_unsent(connection: sa.Connection, lease: Lease, outcomes: Sequence[Kept], now: datetime) -> bool:
    """Settle waiting rows without a push: found wanting while rendering, put off, or left to a person."""
    if not still_held(connection, lease):
        return False
    rows = [
        {
            "row": one.id,
            "to": one.state,
            "maybe": one.maybe_written,
            "due": one.due_at,
            "now": now if one.state != "waiting" else None,
            "why": one.code,
            "where": one.field,
            "text": one.reason,
        }
        for one in outcomes
    ]
    if rows:
        connection.execute(_reject, rows)
    return True


def proven_absent(connection: sa.Connection, ids: Sequence[int]) -> bool:
    """It was shown that no earlier request stored these: they are as good as new."""
    if ids:
        connection.execute(
            deliveries.update()
            .where(deliveries.c.id.in_(ids), deliveries.c.state == "waiting")
            .values(maybe_written=False, code=None, reason=None)
        )
    return True


def wait_again(
    connection: sa.Connection, lane_id: int, ids: Sequence[int], now: datetime, *, code: str | None = None
) -> None:
    """Put rejected deliveries back: it was the lane, not they.

    Args:
        lane_id: that lane. What was replayed into another since has nothing to do with it, and nobody would wake that.
        code: the refusal's. What an earlier request may have stored was called doubtful for it, and goes back too.
    """
    refused = deliveries.c.state == "rejected"
    if code is not None:
        refused = sa.or_(refused, sa.and_(deliveries.c.state == "doubtful", deliveries.c.code == code))
    connection.execute(
        deliveries.update()
        .where(deliveries.c.id.in_(ids), deliveries.c.lane_id == lane_id, refused)
        .values(state="waiting", due_at=now, settled_at=None, code=None, field=None, reason=None)
    )


def log_attempts(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Append to the attempt log."""
    if rows:
        connection.execute(attempts.insert(), rows)


def of_action(connection: sa.Connection, intake_id: int) -> sa.Row[Any] | None:
    """The delivery of an intake row, with its lane's state."""
    query = (
        sa.select(
            deliveries,
            lanes.c.state.label("lane_state"),
            lanes.c.reason.label("lane_reason"),
            lanes.c.reason_code.label("lane_code"),
            lanes.c.until.label("lane_until"),
            integrations.c.state.label("integration_state"),
            integrations.c.unknown_outcome,
        )
        .join(lanes, lanes.c.id == deliveries.c.lane_id)
        .join(integrations, integrations.c.id == deliveries.c.integration_id)
        .where(deliveries.c.intake_id == intake_id)
    )
    return connection.execute(query).first()
