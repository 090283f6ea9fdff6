"""Lanes: leasing them, and what state they are in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite

from renkei.store.tables import LONGEST_WAIT, connections, deliveries, integrations, lanes, reached, revisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A claimed lane: nobody else works in it until the lease ends. Every claim has a higher fence."""

    lane_id: int
    owner: str
    fence: int
    until: datetime


_next = (
    sa.select(lanes.c.id)
    .where(reached(lanes.c.wake_at, bindparam("now"), bindparam("horizon")))
    .order_by(lanes.c.wake_at, lanes.c.id)
    .limit(1)
    # Not FOR UPDATE, which every delivery that is being written holds off by its foreign key.
    .with_for_update(skip_locked=True, key_share=True)
)
_lease = (
    lanes.update()
    .where(lanes.c.id == bindparam("lane"))
    .values(
        owner=bindparam("by"),
        lease_until=bindparam("lease_end"),
        wake_at=bindparam("lease_end"),
        fence=lanes.c.fence + 1,
    )
    .returning(lanes.c.fence)
)


def claim(connection: sa.Connection, *, owner: str, now: datetime, lease: timedelta) -> Lease | None:
    """Lease the lane that has waited longest for its turn, or None where none is due.

    A lane whose lease has run out is due again: `wake_at` is the lease's end while somebody holds it.
    """
    lane = connection.execute(_next, {"now": now, "horizon": now + LONGEST_WAIT}).scalar()
    if lane is None:
        return None
    until = now + lease
    fence = connection.execute(_lease, {"lane": lane, "by": owner, "lease_end": until}).scalar_one()
    return Lease(lane_id=lane, owner=owner, fence=fence, until=until)


def renew(connection: sa.Connection, lease: Lease, until: datetime) -> bool:
    """Extend a lease, unless somebody else has taken the lane since."""
    done = connection.execute(
        lanes.update()
        .where(lanes.c.id == lease.lane_id, lanes.c.fence == lease.fence, lanes.c.owner == lease.owner)
        .values(lease_until=until, wake_at=until)
    )
    return done.rowcount == 1


def still_held(connection: sa.Connection, lease: Lease) -> bool:
    """Whether *lease* is the lane's latest; locks the lane's row."""
    query = sa.select(lanes.c.fence).where(lanes.c.id == lease.lane_id).with_for_update(key_share=True)
    return connection.execute(query).scalar() == lease.fence


def release(
    connection: sa.Connection,
    lease: Lease,
    *,
    now: datetime,
    confirm_at: datetime | None,
    not_before: datetime | None = None,
) -> None:
    """Let go, and set when the lane is due next: at the back of the queue if there is work, else when there is.

    Args:
        confirm_at: when the pushes since the last discovery must be confirmed.
        not_before: what is due waits until then, for a fuller batch.
    """
    if not still_held(connection, lease):
        return
    state, until = connection.execute(sa.select(lanes.c.state, lanes.c.until).where(lanes.c.id == lease.lane_id)).one()
    due = now if _is_left_marked(connection, lease.lane_id) else next_due(connection, lease.lane_id)
    if state == "open":
        due = now if due is not None and due > now + LONGEST_WAIT else due
        times = [max(due, now, not_before or now) if due else None, confirm_at]
        wake_at = min((time for time in times if time is not None), default=None)
    else:
        # A lane that waits or is blocked is looked at again only when something would be sent in it.
        wanted = due is not None or (confirm_at is not None and is_wanted(connection, lease.lane_id))
        wake_at = until if wanted else None
    connection.execute(
        lanes.update().where(lanes.c.id == lease.lane_id).values(owner=None, lease_until=None, wake_at=wake_at)
    )


def _is_left_marked(connection: sa.Connection, lane_id: int) -> bool:
    """Whether something is still marked as sending, which only the next holder can take for interrupted.

    So it is where a commit came back as failed and had happened: run again, it finds nothing that waits.
    """
    query = sa.select(deliveries.c.id).where(deliveries.c.lane_id == lane_id, sa.text("deliveries.state = 'sending'"))
    return connection.execute(query.limit(1)).first() is not None


def deliverable(lane_id: int | sa.BindParameter[int]) -> sa.Select[int]:
    """Integrations with a revision in the lane whose deliveries may be sent: active, or deleted with a rest."""
    rest = sa.exists().where(
        deliveries.c.lane_id == lane_id,
        deliveries.c.integration_id == integrations.c.id,
        sa.text("deliveries.state = 'waiting'"),
    )
    return (
        sa.select(integrations.c.id)
        .where(
            integrations.c.id.in_(sa.select(revisions.c.integration_id).where(revisions.c.lane_id == lane_id)),
            sa.or_(integrations.c.state == "active", sa.and_(integrations.c.state == "deleted", rest)),
        )
        .order_by(integrations.c.id)
    )


def is_wanted(connection: sa.Connection, lane_id: int) -> bool:
    """Whether any integration that writes there is not paused: where all are, nothing is asked of the backend."""
    return connection.execute(deliverable(lane_id).limit(1)).first() is not None


def next_due(connection: sa.Connection, lane_id: int) -> datetime | None:
    """When the first deliverable row of the lane is due."""
    query = sa.select(sa.func.min(deliveries.c.due_at)).where(
        deliveries.c.lane_id == lane_id,
        sa.text("deliveries.state = 'waiting'"),
        deliveries.c.integration_id.in_(deliverable(lane_id)),
    )
    return connection.execute(query).scalar()


def lock(connection: sa.Connection, lane_id: int) -> None:
    """Hold the lane's row until the transaction ends, so that whoever lets the lane go sees what was added.

    On PostgreSQL an UPDATE whose condition does not hold locks nothing, and a wake-up could be lost between a
    holder's last look and its release. SQLite's writers are alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_lock, {"lane": lane_id})


_lock = sa.select(lanes.c.id).where(lanes.c.id == bindparam("lane")).with_for_update(key_share=True)


def wake(connection: sa.Connection, lane_id: int, now: datetime) -> None:
    """Have the lane looked at now, unless somebody holds it: the holder looks when it lets go."""
    lock(connection, lane_id)
    connection.execute(lanes.update().where(lanes.c.id == lane_id, lanes.c.owner.is_(None)).values(wake_at=now))


def open_now(connection: sa.Connection, lane_id: int, now: datetime) -> None:
    """Lift a block or a wait: probe at once."""
    connection.execute(lanes.update().where(lanes.c.id == lane_id, lanes.c.state != "open").values(until=now))
    wake(connection, lane_id, now)


def set_state(connection: sa.Connection, lane_id: int, **values: Any) -> None:
    """Change columns of the lane."""
    connection.execute(lanes.update().where(lanes.c.id == lane_id).values(**values))


def get(connection: sa.Connection, lane_id: int) -> sa.Row[Any]:
    """The lane's row with its connection's backend and tenant."""
    return connection.execute(
        sa.select(
            lanes,
            connections.c.backend,
            connections.c.tenant,
            connections.c.name.label("connection_name"),
            connections.c.account_id,
        )
        .join(connections)
        .where(lanes.c.id == lane_id)
    ).one()


def ensure(connection: sa.Connection, *, connection_id: int, target: str, label: str, options: str) -> int:
    """The lane of that connection and target, made if it is not there yet."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(lanes)
    connection.execute(
        insert.values(
            connection_id=connection_id, target=target, target_label=label, options=options
        ).on_conflict_do_nothing()
    )
    query = sa.select(lanes.c.id).where(
        lanes.c.connection_id == connection_id, lanes.c.target == target, lanes.c.options == options
    )
    return int(connection.execute(query).scalar_one())


def of_connection(connection: sa.Connection, connection_id: int) -> list[int]:
    """Lanes of one connection."""
    query = sa.select(lanes.c.id).where(lanes.c.connection_id == connection_id)
    return list(connection.execute(query).scalars())


def held(connection: sa.Connection, now: datetime) -> list[sa.Row[Any]]:
    """Leases that have not run out: lane, owner and fence."""
    query = sa.select(lanes.c.id, lanes.c.owner, lanes.c.fence).where(lanes.c.lease_until > now)
    return list(connection.execute(query))


def revoke(connection: sa.Connection, lane_id: int, fence: int, now: datetime) -> None:
    """End the lease of a holder that is known to be gone."""
    connection.execute(
        lanes.update().where(lanes.c.id == lane_id, lanes.c.fence == fence).values(lease_until=now, wake_at=now)
    )


def block_backend(connection: sa.Connection, backend: str, *, until: datetime, code: str, reason: Any) -> None:
    """Block every open lane of one backend: its plugin is at fault, not a connection."""
    ids = sa.select(connections.c.id).where(connections.c.backend == backend)
    connection.execute(
        lanes.update()
        .where(lanes.c.connection_id.in_(ids), lanes.c.state != "blocked")
        .values(
            state="blocked",
            reason_code=code,
            reason=reason,
            until=until,
            # A lane that is due would be looked at at once; one that somebody holds is let go by its holder.
            wake_at=sa.case(
                (sa.and_(lanes.c.owner.is_(None), lanes.c.wake_at.is_not(None)), now_literal(until)),
                else_=lanes.c.wake_at,
            ),
        )
    )


def others_due(connection: sa.Connection, lane_id: int, now: datetime) -> bool:
    """Whether another lane waits for its turn."""
    query = (
        sa.select(lanes.c.id).where(reached(lanes.c.wake_at, now, now + LONGEST_WAIT), lanes.c.id != lane_id).limit(1)
    )
    return connection.execute(query).first() is not None


def begin_unconfirmed(connection: sa.Connection, lane_id: int, now: datetime, cursor: int) -> None:
    """A push leaves: note the first one since the last discovery, and who was served last."""
    connection.execute(_begin_unconfirmed, {"lane": lane_id, "now": now, "served": cursor})


_begin_unconfirmed = (
    lanes.update()
    .where(lanes.c.id == bindparam("lane"))
    .values(
        unconfirmed_since=sa.func.coalesce(lanes.c.unconfirmed_since, bindparam("now", type_=lanes.c.wake_at.type)),
        cursor=bindparam("served"),
    )
)


def unfinished(connection: sa.Connection) -> bool:
    """Whether any lane will still be looked at by itself: it is due, held, or waits for a time."""
    query = sa.select(lanes.c.id).where(lanes.c.wake_at.is_not(None), lanes.c.state != "blocked").limit(1)
    return connection.execute(query).first() is not None


def any_due(connection: sa.Connection, now: datetime) -> bool:
    """Whether a lane is due."""
    query = sa.select(lanes.c.id).where(reached(lanes.c.wake_at, now, now + LONGEST_WAIT)).limit(1)
    return connection.execute(query).first() is not None


def confirm_soon(connection: sa.Connection, now: datetime) -> None:
    """Have open lanes with unconfirmed pushes looked at now."""
    connection.execute(
        lanes.update()
        .where(lanes.c.unconfirmed_since.is_not(None), lanes.c.owner.is_(None), lanes.c.state == "open")
        .values(wake_at=now)
    )


def set_aside(connection: sa.Connection, lease: Lease, until: datetime) -> None:
    """Let go of a lane in which our own work broke down, and leave it alone for a while."""
    connection.execute(
        lanes.update()
        .where(lanes.c.id == lease.lane_id, lanes.c.fence == lease.fence)
        .values(owner=None, lease_until=None, wake_at=until)
    )


def wake_open(connection: sa.Connection, lane_id: int, now: datetime) -> None:
    """Have an open lane looked at now; one that waits or is blocked is looked at when its time comes."""
    lock(connection, lane_id)
    connection.execute(
        lanes.update()
        .where(lanes.c.id == lane_id, lanes.c.owner.is_(None))
        .values(wake_at=sa.case((lanes.c.state == "open", now_literal(now)), else_=lanes.c.until))
    )


def now_literal(now: datetime) -> sa.BindParameter[datetime]:
    """*now*, typed as an instant where no column says so."""
    return sa.literal(now, lanes.c.wake_at.type)


def adopt_schema(connection: sa.Connection, lane_id: int, schema: Any, fingerprint: str, now: datetime) -> None:
    """An admin's discovery serves the lane as well, unless pushes wait to be confirmed by one of its own."""
    connection.execute(
        lanes.update()
        .where(lanes.c.id == lane_id, lanes.c.unconfirmed_since.is_(None))
        .values(schema=schema, fingerprint=fingerprint, discovered_at=now)
    )
