"""What an operator asks of the whole database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from renkei.store.tables import connections, deliveries, integrations, lanes


def oldest_due(connection: sa.Connection) -> datetime | None:
    """Since when the oldest delivery has been due that no pause and no block holds back."""
    query = (
        sa.select(sa.func.min(deliveries.c.due_at))
        .join(lanes, lanes.c.id == deliveries.c.lane_id)
        .join(integrations, integrations.c.id == deliveries.c.integration_id)
        .where(sa.text("deliveries.state = 'waiting'"), lanes.c.state != "blocked", integrations.c.state != "paused")
    )
    return connection.execute(query).scalar()


def blocked(connection: sa.Connection) -> list[dict[str, Any]]:
    """Blocked lanes."""
    query = (
        sa.select(
            connections.c.tenant,
            connections.c.name.label("connection"),
            connections.c.backend,
            lanes.c.target,
            lanes.c.reason_code.label("code"),
            lanes.c.reason,
            lanes.c.until,
        )
        .join(connections)
        .where(lanes.c.state == "blocked")
        .order_by(lanes.c.id)
    )
    return [dict(row._mapping) for row in connection.execute(query)]
