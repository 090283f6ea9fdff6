"""Doubtful deliveries, with what a person needs to find them in the CRM."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from renkei.store.tables import connections, deliveries, intake, lanes


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
