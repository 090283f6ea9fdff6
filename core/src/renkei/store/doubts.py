"""Doubtful deliveries, with what a person needs to find them in the CRM."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from renkei.store.tables import connections, deliveries, intake, lanes


def last_left_at(row: sa.Row[Any]) -> datetime | None:
    """The latest at which a request that may have stored a doubtful delivery can have left; None: there was none.

    It left after its mark and before its outcome was called unknown. Between the two lie a wait for the database and
    the whole deadline of a push.
    """
    sent_at: datetime | None = row.sent_at
    settled_at: datetime | None = row.settled_at
    if row.code != "outcome_unknown" or sent_at is None or settled_at is None:
        return sent_at
    return max(sent_at, settled_at)


def doubtful(connection: sa.Connection, tenant: str, inbox: str, *, most: int) -> list[sa.Row[Any]]:
    """Those of an inbox, oldest first."""
    query = (
        sa.select(
            deliveries.c.inbox,
            deliveries.c.revision_id,
            deliveries.c.key,
            deliveries.c.code,
            deliveries.c.reason,
            deliveries.c.sent_at,
            deliveries.c.settled_at,
            intake.c.action_id,
            intake.c.occurred_at,
            lanes.c.target,
            lanes.c.target_label,
            connections.c.name.label("connection_name"),
            connections.c.backend,
        )
        .join(intake, intake.c.id == deliveries.c.intake_id)
        .join(lanes, lanes.c.id == deliveries.c.lane_id)
        .join(connections, connections.c.id == lanes.c.connection_id)
        .where(deliveries.c.tenant == tenant, deliveries.c.inbox == inbox, deliveries.c.state == "doubtful")
        .order_by(deliveries.c.id)
        .limit(most)
    )
    return list(connection.execute(query))
