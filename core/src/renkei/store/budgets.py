"""Requests spent, shared by all workers: one row per scope and window."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from renkei.store.tables import budgets


def used(connection: sa.Connection, scope: str, name: str, started_at: datetime) -> int:
    """Requests spent in the window that began at *started_at*; locks the row on PostgreSQL."""
    query = (
        sa.select(budgets.c.used, budgets.c.started_at)
        .where(budgets.c.scope == scope, budgets.c.name == name)
        .with_for_update()
    )
    row = connection.execute(query).first()
    return row.used if row is not None and row.started_at == started_at else 0


def spend(connection: sa.Connection, scope: str, name: str, started_at: datetime, requests: int) -> int:
    """Add *requests* to that window, beginning it anew where an older one is on record; returns the sum.

    A negative number gives back what was taken and not used.
    """
    total = max(0, used(connection, scope, name, started_at) + requests)
    where = (budgets.c.scope == scope, budgets.c.name == name)
    done = connection.execute(budgets.update().where(*where).values(started_at=started_at, used=total))
    if done.rowcount == 0:
        insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(budgets)
        row = insert.values(scope=scope, name=name, started_at=started_at, used=total)
        connection.execute(
            row.on_conflict_do_update(
                index_elements=[budgets.c.scope, budgets.c.name], set_={"used": budgets.c.used + row.excluded.used}
            )
        )
    return total
