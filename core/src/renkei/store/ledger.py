"""The ledger: actions by what became of them, counted from sides that know nothing of each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from renkei.store.tables import counts, deliveries, intake

STATES = ("delivered", "waiting", "sending", "rejected", "doubtful", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Counts of one inbox or of a whole tenant.

    The law: `offered = recorded + excluded + conflict` and
    `recorded = delivered + waiting + sending + rejected + doubtful + cancelled`. *offered* and *conflict* come from
    the counters that `record()` keeps, *recorded* and *excluded* from intake rows, the rest from deliveries.
    """

    offered: int
    recorded: int
    excluded: int
    conflict: int
    delivered: int
    waiting: int
    sending: int
    rejected: int
    doubtful: int
    cancelled: int

    @property
    def adds_up(self) -> bool:
        """Whether the law holds."""
        ends = self.delivered + self.waiting + self.sending + self.rejected + self.doubtful + self.cancelled
        return self.offered == self.recorded + self.excluded + self.conflict and self.recorded == ends

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)


def count(connection: sa.Connection, tenant: str, inbox: str | None = None) -> Ledger:
    """Count, in one snapshot."""

    def where(table: sa.Table) -> sa.ColumnElement[bool]:
        return sa.and_(table.c.tenant == tenant, sa.true() if inbox is None else table.c.inbox == inbox)

    offered, conflict = connection.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(counts.c.offered), 0), sa.func.coalesce(sa.func.sum(counts.c.conflict), 0)
        ).where(where(counts))
    ).one()
    taken = _by(connection, intake.c.outcome, where(intake))
    states = _by(connection, deliveries.c.state, where(deliveries))
    return Ledger(
        offered=int(offered),
        conflict=int(conflict),
        recorded=taken.get("recorded", 0),
        excluded=taken.get("excluded", 0),
        **{state: states.get(state, 0) for state in STATES},
    )


def _by(connection: sa.Connection, column: sa.Column[str], where: sa.ColumnElement[bool]) -> dict[str, int]:
    rows = connection.execute(sa.select(column, sa.func.count()).where(where).group_by(column))
    return {row[0]: row[1] for row in rows}


def of_integration(connection: sa.Connection, integration_id: int) -> dict[str, int]:
    """Deliveries of one integration by state."""
    return _by(connection, deliveries.c.state, deliveries.c.integration_id == integration_id)
