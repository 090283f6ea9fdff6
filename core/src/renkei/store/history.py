"""What happened: the audit trail, the attempt log, drifts, heartbeats."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from renkei.store.tables import (
    attempts,
    audit,
    deliveries,
    drifts,
    heartbeats,
    intake,
    integrations,
    revisions,
    unknown_fields,
)


def write_audit(
    connection: sa.Connection,
    *,
    at: datetime,
    tenant: str,
    actor: str,
    event: str,
    inbox: str | None = None,
    connection_name: str | None = None,
    **detail: Any,
) -> None:
    """Note who did what. *detail* holds names and numbers, never values or secrets."""
    connection.execute(
        audit.insert().values(
            at=at, tenant=tenant, actor=actor, event=event, inbox=inbox, connection=connection_name, detail=detail
        )
    )


def read_audit(connection: sa.Connection, tenant: str, *, most: int, inbox: str | None = None) -> list[sa.Row[Any]]:
    """The latest entries of a tenant, newest first."""
    query = sa.select(audit).where(audit.c.tenant == tenant).order_by(audit.c.id.desc()).limit(most)
    if inbox is not None:
        query = query.where(audit.c.inbox == inbox)
    return list(connection.execute(query))


def attempts_of(connection: sa.Connection, delivery_id: int) -> list[sa.Row[Any]]:
    """Everything that went wrong with one delivery, oldest first."""
    query = sa.select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.id)
    return list(connection.execute(query))


def inbox_log(connection: sa.Connection, tenant: str, inbox: str, *, most: int) -> list[sa.Row[Any]]:
    """The attempt log of one inbox and of the lanes it writes to, newest first."""
    its_lanes = (
        sa.select(revisions.c.lane_id)
        .join(integrations, integrations.c.id == revisions.c.integration_id)
        .where(integrations.c.tenant == tenant, integrations.c.inbox == inbox)
    )
    query = (
        sa.select(attempts, intake.c.action_id)
        .outerjoin(deliveries, deliveries.c.id == attempts.c.delivery_id)
        .outerjoin(intake, intake.c.id == deliveries.c.intake_id)
        .where(
            attempts.c.lane_id.in_(its_lanes),
            sa.or_(
                attempts.c.delivery_id.is_(None),
                sa.and_(deliveries.c.tenant == tenant, deliveries.c.inbox == inbox),
            ),
        )
        .order_by(attempts.c.id.desc())
        .limit(most)
    )
    return list(connection.execute(query))


def write_drift(
    connection: sa.Connection,
    lane_id: int,
    *,
    pushed_from: datetime | None,
    found_at: datetime,
    differences: list[dict[str, Any]],
) -> None:
    """Note that a target's shape changed while, or before, records were pushed."""
    connection.execute(
        drifts.insert().values(lane_id=lane_id, pushed_from=pushed_from, found_at=found_at, differences=differences)
    )


def drifts_of(connection: sa.Connection, lane_id: int) -> list[sa.Row[Any]]:
    """Drifts of a lane, oldest first."""
    return list(connection.execute(sa.select(drifts).where(drifts.c.lane_id == lane_id).order_by(drifts.c.id)))


def delivered_between(
    connection: sa.Connection, lane_id: int, since: datetime, until: datetime
) -> list[sa.Row[tuple[str, str, str | None]]]:
    """Deliveries of a lane that were settled as delivered in that span: action id, inbox and link."""
    query = (
        sa.select(intake.c.action_id, intake.c.inbox, deliveries.c.link)
        .join(intake, intake.c.id == deliveries.c.intake_id)
        .where(
            deliveries.c.lane_id == lane_id,
            deliveries.c.state == "delivered",
            deliveries.c.settled_at >= since,
            deliveries.c.settled_at <= until,
        )
        .order_by(deliveries.c.id)
    )
    return list(connection.execute(query))


def unknown_fields_of(connection: sa.Connection, tenant: str, inbox: str) -> list[sa.Row[Any]]:
    """Fields that actions of this inbox brought and the host's schema does not have; each once."""
    query = (
        sa.select(unknown_fields)
        .where(unknown_fields.c.tenant == tenant, unknown_fields.c.inbox == inbox)
        .order_by(unknown_fields.c.field)
    )
    return list(connection.execute(query))


def beat(connection: sa.Connection, worker: str, now: datetime) -> None:
    """Say that a worker lives; those that were killed long ago are forgotten."""
    connection.execute(heartbeats.delete().where(heartbeats.c.seen_at < now - timedelta(days=1)))
    done = connection.execute(heartbeats.update().where(heartbeats.c.worker == worker).values(seen_at=now))
    if done.rowcount == 0:
        connection.execute(heartbeats.insert().values(worker=worker, seen_at=now))


def end_beat(connection: sa.Connection, worker: str) -> None:
    """Say that a worker went in peace."""
    connection.execute(heartbeats.delete().where(heartbeats.c.worker == worker))


def beats(connection: sa.Connection) -> list[sa.Row[Any]]:
    """Workers and when they were seen last."""
    return list(connection.execute(sa.select(heartbeats).order_by(heartbeats.c.worker)))
