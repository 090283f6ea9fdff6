"""Integrations and their revisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from renkei.store.tables import CANCEL_IF_UNSENT, connections, deliveries, integrations, lanes, revisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One immutable version of what an integration is bound to, as stored."""

    id: int
    integration_id: int
    number: int
    lane_id: int
    mapping: dict[str, Any]
    triggers: dict[str, Any]
    source: dict[str, Any]
    schema: dict[str, Any]
    key_field: str | None
    key_unique: bool
    created_at: datetime
    created_by: str


def standing(connection: sa.Connection, tenant: str, inbox: str, *, lock: bool = False) -> sa.Row[Any] | None:
    """The inbox's integration that is not deleted, with connection, lane and revision.

    Args:
        lock: hold off `record()` until the transaction ends, so that an edit has a clear before and after. Only
            PostgreSQL needs it; SQLite's writers are alone anyway.
    """
    where = (integrations.c.tenant == tenant, integrations.c.inbox == inbox, integrations.c.state != "deleted")
    if lock:
        # By itself: after waiting, PostgreSQL would look at the new row beside the joined tables' old ones.
        connection.execute(sa.select(integrations.c.id).where(*where).with_for_update())
    return connection.execute(_overview().where(*where)).first()


def listed(connection: sa.Connection, tenant: str) -> list[sa.Row[Any]]:
    """Every integration of the tenant that stands, or is deleted and has deliveries left."""
    open_states = ("waiting", "sending", "rejected", "doubtful")
    rest = sa.exists().where(deliveries.c.integration_id == integrations.c.id, deliveries.c.state.in_(open_states))
    query = (
        _overview()
        .where(integrations.c.tenant == tenant, sa.or_(integrations.c.state != "deleted", rest))
        .order_by(integrations.c.inbox, integrations.c.id)
    )
    return list(connection.execute(query))


def _overview() -> sa.Select[Any]:
    return (
        sa.select(
            integrations,
            revisions.c.number.label("revision"),
            revisions.c.lane_id,
            revisions.c.mapping,
            revisions.c.triggers,
            revisions.c.source,
            revisions.c.schema,
            revisions.c.key_field,
            revisions.c.key_unique,
            lanes.c.target,
            lanes.c.target_label,
            lanes.c.options,
            lanes.c.state.label("lane_state"),
            lanes.c.reason_code.label("lane_code"),
            lanes.c.reason.label("lane_reason"),
            lanes.c.until.label("lane_until"),
            connections.c.id.label("connection_id"),
            connections.c.name.label("connection_name"),
            connections.c.backend,
        )
        .join(revisions, revisions.c.id == integrations.c.revision_id)
        .join(lanes, lanes.c.id == revisions.c.lane_id)
        .join(connections, connections.c.id == lanes.c.connection_id)
    )


def insert(connection: sa.Connection, *, tenant: str, inbox: str, actor: str, now: datetime) -> int | None:
    """A new integration, or None where one stands: the partial unique index decides, whoever looked before."""
    try:
        with connection.begin_nested():
            return int(
                connection.execute(
                    integrations.insert()
                    .values(
                        tenant=tenant,
                        inbox=inbox,
                        state="active",
                        created_at=now,
                        created_by=actor,
                        activated_at=now,
                    )
                    .returning(integrations.c.id)
                ).scalar_one()
            )
    except IntegrityError:
        return None


def revise(
    connection: sa.Connection, integration_id: int, lane_id: int, values: Mapping[str, Any], actor: str, now: datetime
) -> int:
    """A further revision, in force from this transaction's commit on; returns its number."""
    latest = sa.select(sa.func.coalesce(sa.func.max(revisions.c.number), 0)).where(
        revisions.c.integration_id == integration_id
    )
    number = int(connection.execute(latest).scalar_one()) + 1
    revision_id = connection.execute(
        revisions.insert()
        .values(
            integration_id=integration_id,
            number=number,
            lane_id=lane_id,
            created_at=now,
            created_by=actor,
            **values,
        )
        .returning(revisions.c.id)
    ).scalar_one()
    update(connection, integration_id, revision_id=revision_id, lane_id=lane_id)
    return number


def revision(connection: sa.Connection, revision_id: int) -> Revision:
    """One revision. It never changes: readers may keep it."""
    row = connection.execute(sa.select(revisions).where(revisions.c.id == revision_id)).one()
    return Revision(**row._mapping)


def used_in_lane(connection: sa.Connection, lane_id: int) -> list[Revision]:
    """Revisions that matter in a lane now: those in force, and those that waiting deliveries were recorded under."""
    waiting = sa.select(deliveries.c.revision_id).where(
        deliveries.c.lane_id == lane_id, sa.text("deliveries.state = 'waiting'")
    )
    in_force = sa.select(integrations.c.revision_id).where(integrations.c.state != "deleted")
    query = sa.select(revisions).where(
        revisions.c.lane_id == lane_id,
        sa.or_(revisions.c.id.in_(waiting.distinct()), revisions.c.id.in_(in_force)),
    )
    return [Revision(**row._mapping) for row in connection.execute(query)]


def replaced_in_lane(connection: sa.Connection, lane_id: int, since: datetime) -> list[Revision]:
    """Revisions that were in force in a lane at *since* or after, and are not any more.

    Something may have been pushed under them that no discovery has confirmed yet.
    """
    newer = revisions.alias("newer")
    edited = sa.exists().where(
        newer.c.integration_id == revisions.c.integration_id,
        newer.c.number > revisions.c.number,
        newer.c.created_at >= since,
    )
    query = (
        sa.select(revisions)
        .join(integrations, integrations.c.id == revisions.c.integration_id)
        .where(revisions.c.lane_id == lane_id, sa.or_(edited, integrations.c.deleted_at >= since))
    )
    return [Revision(**row._mapping) for row in connection.execute(query)]


def update(connection: sa.Connection, integration_id: int, **values: Any) -> None:
    """Change columns of the integration."""
    connection.execute(integrations.update().where(integrations.c.id == integration_id).values(**values))


def waiting_count(connection: sa.Connection, integration_id: int) -> int:
    """How many of its deliveries wait."""
    query = sa.select(sa.func.count()).where(
        deliveries.c.integration_id == integration_id, deliveries.c.state == "waiting"
    )
    return int(connection.execute(query).scalar_one())


def cancel_waiting(connection: sa.Connection, integration_id: int, now: datetime) -> int:
    """Cancel what waits and was certainly not written; returns how many.

    What may have been written is left waiting: calling it cancelled would say that it is not there. What is just on
    its way is cancelled once it comes back as certainly not stored (see `deliveries.settle`).
    """
    connection.execute(
        deliveries.update()
        .where(deliveries.c.integration_id == integration_id, deliveries.c.state == "sending")
        .values(code=CANCEL_IF_UNSENT)
    )
    done = connection.execute(
        deliveries.update()
        .where(
            deliveries.c.integration_id == integration_id,
            deliveries.c.state == "waiting",
            deliveries.c.maybe_written.is_(False),
        )
        .values(state="cancelled", settled_at=now, code=None, field=None, reason=None)
    )
    return done.rowcount


def move_waiting(connection: sa.Connection, integration_id: int, to: Revision) -> int:
    """Put what waits under another revision; returns how many.

    A delivery that may already have been written never moves to another target, nor under another key field: there
    it would be new to the backend.
    """
    was = revisions.alias("was")
    same_key = sa.exists().where(
        was.c.id == deliveries.c.revision_id,
        was.c.lane_id == to.lane_id,
        was.c.key_field.is_not_distinct_from(to.key_field),
        was.c.key_unique == sa.literal(to.key_unique),
    )
    done = connection.execute(
        deliveries.update()
        .where(
            deliveries.c.integration_id == integration_id,
            deliveries.c.state == "waiting",
            sa.or_(deliveries.c.maybe_written.is_(False), same_key),
        )
        .values(revision_id=to.id, lane_id=to.lane_id)
    )
    return done.rowcount


def put_in_doubt(
    connection: sa.Connection,
    integration_id: int,
    now: datetime,
    reason: Mapping[str, str],
    *,
    revised: int | None = None,
) -> int:
    """Leave to a person what may have been written and waits in a blocked lane; returns how many.

    It moves nowhere and is not sent where it is, so nothing would ever tell; and while it waited, its revision would
    keep the lane blocked for everybody, where it is that revision that the target no longer fits.

    Args:
        revised: the revision that mends the block: what went under it is sent again.
    """
    blocked = sa.select(lanes.c.id).where(lanes.c.state == "blocked")
    restored = deliveries.c.code.is_not_distinct_from("restored")
    done = connection.execute(
        deliveries.update()
        .where(
            deliveries.c.integration_id == integration_id,
            deliveries.c.state == "waiting",
            deliveries.c.maybe_written.is_(True),
            deliveries.c.lane_id.in_(blocked),
            deliveries.c.revision_id != (revised or 0),
        )
        .values(
            state="doubtful",
            settled_at=now,
            code=sa.case((restored, "restored"), else_="outcome_unknown"),
            field=None,
            reason=sa.case((restored, deliveries.c.reason), else_=sa.literal(dict(reason), deliveries.c.reason.type)),
        )
    )
    return done.rowcount


def first_synced(connection: sa.Connection, integration_id: int, now: datetime) -> None:
    """Note the first record that got through: from then on the overview is confirmed."""
    connection.execute(
        integrations.update()
        .where(integrations.c.id == integration_id, integrations.c.first_synced_at.is_(None))
        .values(first_synced_at=now)
    )


def lanes_of(connection: sa.Connection, integration_id: int) -> list[int]:
    """Lanes that any of its revisions is bound to: what waits may be in an older one."""
    query = sa.select(revisions.c.lane_id).where(revisions.c.integration_id == integration_id).distinct()
    return sorted(connection.execute(query).scalars())
