"""After a backup was put back: what this database cannot know may have happened.

Between the backup and its return, the database that is gone has gone on: it has delivered what waits here, and
recorded actions that are not here at all. Nothing in the rows tells; an operator does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from renkei.store.tables import deliveries, intake, integrations, lanes, revisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A backup that was put back.

    Attributes:
        backup_of: when it was taken; of what is settled later, this database knows.
        at: when it was put back. What occurred before may have been recorded and delivered by the one that is gone.
        until: a little later, for hosts whose clock runs ahead.
        now: when this is noted.
    """

    backup_of: datetime
    at: datetime
    until: datetime
    now: datetime


def take_over(connection: sa.Connection, back: Return) -> None:
    """End every lease, look at every target afresh, and have `record()` remember.

    Row locks come first: a `record()` that has begun is either seen by what follows, or sees this.
    """
    connection.execute(sa.select(integrations.c.id).order_by(integrations.c.id).with_for_update())
    connection.execute(integrations.update().values(restored_at=back.at))
    due = sa.case((lanes.c.state == "open", sa.literal(back.now, lanes.c.wake_at.type)), else_=lanes.c.until)
    connection.execute(
        lanes.update().values(owner=None, lease_until=None, fence=lanes.c.fence + 1, wake_at=due, discovered_at=None)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Those deliveries of a lane of which an attempt under their key, or the backend, will tell; or those others.

    Attributes:
        provable: which of the two.
        verifiable: the backend can be asked by key.
    """

    lane: int
    provable: bool
    verifiable: bool


def counted(connection: sa.Connection, part: Part, back: Return) -> list[sa.Row[Any]]:
    """Deliveries in question: tenant, their fate, how many."""
    fate = sa.case(
        (_waits(), "waiting"), (_is_taken(back), "key_taken"), (_is_sent_since(back), "sent_since"), else_="rejected"
    )
    query = (
        sa.select(deliveries.c.tenant, fate.label("fate"), sa.func.count().label("number"))
        .where(_in_question(part, back), sa.or_(_may_change(), _is_sent_since(back)))
        .group_by(deliveries.c.tenant, fate)
    )
    return list(connection.execute(query))


def put_in_question(
    connection: sa.Connection, part: Part, back: Return, *, due_at: datetime, reason: dict[str, str]
) -> None:
    """Count what waits, was sending or was refused as possibly written; what cannot be proven is for a person."""
    concerned = _in_question(part, back)
    connection.execute(
        deliveries.update()
        .where(concerned, deliveries.c.state == "doubtful")
        .values(sent_at=back.at, maybe_written=sa.true())
    )
    goes_on = sa.or_(_waits(), _is_taken(back)) if part.provable else sa.false()
    unsure = {"maybe_written": True, "sent_at": back.at, "code": "restored", "field": None, "reason": reason}
    connection.execute(
        deliveries.update()
        .where(concerned, _may_change(), sa.not_(goes_on))
        .values(state="doubtful", settled_at=back.now, **unsure)
    )
    connection.execute(
        deliveries.update().where(concerned, goes_on).values(state="waiting", settled_at=None, due_at=due_at, **unsure)
    )


def all_lanes(connection: sa.Connection) -> list[int]:
    """Every lane."""
    return list(connection.execute(sa.select(lanes.c.id).order_by(lanes.c.id)).scalars())


def tenants(connection: sa.Connection) -> list[str]:
    """Everybody with an integration, for the audit trail."""
    query = sa.select(integrations.c.tenant).distinct().order_by(integrations.c.tenant)
    return list(connection.execute(query).scalars())


def _waits() -> sa.ColumnElement[bool]:
    return deliveries.c.state.in_(("waiting", "sending"))


def _may_change() -> sa.ColumnElement[bool]:
    return deliveries.c.state.in_(("waiting", "sending", "rejected"))


def _is_taken(back: Return) -> sa.ColumnElement[bool]:
    """Refused since, because it met its own record."""
    return sa.and_(
        deliveries.c.state == "rejected", deliveries.c.code == "key_taken", deliveries.c.settled_at >= back.backup_of
    )


def _is_sent_since(back: Return) -> sa.ColumnElement[bool]:
    """Sent too early, without a unique key: under one, the backend has refused whatever it had already."""
    unkeyed = sa.select(revisions.c.id).where(revisions.c.key_unique.is_(False))
    return sa.and_(
        deliveries.c.state == "delivered",
        deliveries.c.sent_at > back.backup_of,
        deliveries.c.revision_id.in_(unkeyed),
    )


def _in_question(part: Part, back: Return) -> sa.ColumnElement[bool]:
    of_old = sa.select(intake.c.id).where(intake.c.occurred_at <= back.until)
    proves: sa.ColumnElement[bool] = revisions.c.key_unique.is_(True)
    if part.verifiable:
        proves = sa.or_(proves, revisions.c.key_field.is_not(None))
    revised = sa.select(revisions.c.id).where(
        revisions.c.lane_id == part.lane, proves if part.provable else sa.not_(proves)
    )
    return sa.and_(
        deliveries.c.lane_id == part.lane, deliveries.c.revision_id.in_(revised), deliveries.c.intake_id.in_(of_old)
    )
