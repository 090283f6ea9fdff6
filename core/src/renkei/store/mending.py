"""What an admin does to single deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from renkei.store.tables import deliveries, intake


def one(connection: sa.Connection, tenant: str, inbox: str, action_id: str) -> sa.Row[Any] | None:
    """The delivery of an action, locked."""
    query = _with_action().where(intake.c.tenant == tenant, intake.c.inbox == inbox, intake.c.action_id == action_id)
    return connection.execute(query.with_for_update(of=deliveries)).first()


def rejected(connection: sa.Connection, tenant: str, inbox: str) -> list[sa.Row[Any]]:
    """Every rejected delivery of an inbox, locked."""
    query = _with_action().where(
        deliveries.c.tenant == tenant, deliveries.c.inbox == inbox, deliveries.c.state == "rejected"
    )
    return list(connection.execute(query.with_for_update(of=deliveries)))


def _with_action() -> sa.Select[Any]:
    return sa.select(deliveries, intake.c.action_id).join(intake, intake.c.id == deliveries.c.intake_id)


def deliver_by_hand(connection: sa.Connection, delivery: int, remote_id: str | None, now: datetime) -> None:
    """Doubtful → delivered."""
    connection.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery)
        .values(state="delivered", settled_at=now, remote_id=remote_id, code=None, field=None, reason=None)
    )


def wait_again(
    connection: sa.Connection,
    delivery: int,
    *,
    integration_id: int,
    revision_id: int,
    lane_id: int,
    maybe_written: bool,
    now: datetime,
) -> None:
    """Rejected | doubtful → waiting, under the revision given and in its integration and lane."""
    connection.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery)
        .values(
            state="waiting",
            integration_id=integration_id,
            revision_id=revision_id,
            lane_id=lane_id,
            maybe_written=maybe_written,
            due_at=now,
            settled_at=None,
            code=None,
            field=None,
            reason=None,
        )
    )


def cancel(connection: sa.Connection, delivery: int, now: datetime) -> None:
    """Waiting | rejected | doubtful → cancelled."""
    connection.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery)
        .values(state="cancelled", settled_at=now, code=None, field=None, reason=None)
    )
