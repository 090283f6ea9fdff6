"""Taking actions in: the one transaction that `record()` costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite

from renkei.store import lanes as lanes_of_store
from renkei.store.afterwards import once
from renkei.store.prepared import Prepared
from renkei.store.tables import counts, deliveries, intake, integrations, lanes, unknown_fields

# A host's clock may run ahead a little; beyond this it is worth a note (promise 3).
AHEAD = timedelta(minutes=5)
# What may have been delivered before a backup was put back is not sent sooner than this after it: longer than any
# backend works on a request.
SETTLED_AFTER_RETURN = timedelta(minutes=10)
# What is done once for a whole group is done in the order of these names, and must be locked in the order in which a
# host's own transaction meets it, action by action: the lane first. The other way round the two would end in a
# deadlock, and PostgreSQL might choose the host.
_LANE, _COUNT = "1 lane", "2 count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One action as `record()` was given it, read and checked.

    Attributes:
        excludes: given the revision in force, the code of the reason why its triggers leave the action out.
    """

    tenant: str
    inbox: str
    action_id: str
    digest: str
    kind: str | None
    channel: str | None
    occurred_at: datetime
    payload: str
    unknown: tuple[str, ...]
    key: str
    excludes: Callable[[sa.Connection, int], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of an offer.

    Attributes:
        action_id: the host's id of the action.
        outcome: `recorded`, `excluded` (see *reason*), or `conflict`: this id came earlier with other content, and
            the first one is kept.
        repeated: the same action with the same content was known already; nothing new was written.
        reason: code of why it was excluded.
        note: something odd that did not stop it: `occurred_ahead`.
        unknown: fields that the host's schema does not have; kept.
    """

    action_id: str
    outcome: str
    repeated: bool = False
    reason: str | None = None
    note: str | None = None
    unknown: tuple[str, ...] = ()


_known = sa.select(intake.c.digest, intake.c.outcome, intake.c.reason, intake.c.note).where(
    intake.c.tenant == bindparam("tenant"),
    intake.c.inbox == bindparam("inbox"),
    intake.c.action_id == bindparam("action_id"),
)
# PostgreSQL needs the row lock: without it an edit that has "saved" could be overtaken by a record() that read the
# revision before, and a deletion could leave a waiting row behind. SQLite has a single writer and drops the clause.
# No join: after waiting for the lock, PostgreSQL would look at the new row beside the other table's old one.
_standing = Prepared(
    sa.select(
        integrations.c.id,
        integrations.c.state,
        integrations.c.activated_at,
        integrations.c.revision_id,
        integrations.c.lane_id,
        integrations.c.restored_at,
    )
    .where(
        integrations.c.tenant == bindparam("tenant"),
        integrations.c.inbox == bindparam("inbox"),
        integrations.c.state != "deleted",
    )
    .with_for_update(read=True, of=integrations),
    "tenant",
    "inbox",
)
_was_deleted = sa.select(sa.literal(1)).where(
    integrations.c.tenant == bindparam("tenant"),
    integrations.c.inbox == bindparam("inbox"),
    integrations.c.state == "deleted",
)
_insert_delivery = Prepared(
    deliveries.insert().inline(),
    *("intake_id", "tenant", "inbox", "integration_id", "revision_id", "lane_id", "key", "state", "due_at", "payload"),
    *("maybe_written", "sent_at", "code"),
)
# A leased lane is left alone: whoever holds it looks for what is due when it lets go, under this row's lock. One that
# waits or is blocked keeps its time; where it has none, because nothing was due, it gets it back.
_wake = Prepared(
    lanes.update()
    .where(
        lanes.c.id == bindparam("lane"),
        lanes.c.owner.is_(None),
        sa.or_(lanes.c.wake_at.is_(None), sa.and_(lanes.c.state == "open", lanes.c.wake_at > bindparam("now"))),
    )
    .values(
        wake_at=sa.case(
            (lanes.c.state == "open", bindparam("now", type_=lanes.c.wake_at.type)),
            else_=sa.func.coalesce(lanes.c.until, bindparam("now", type_=lanes.c.wake_at.type)),
        )
    ),
    "lane",
    "now",
)


def _count_statement(dialect: str) -> sa.Insert:
    insert = (postgresql if dialect == "postgresql" else sqlite).insert(counts)
    counted: sa.Insert = insert.values(
        tenant=bindparam("tenant"),
        inbox=bindparam("inbox"),
        offered=bindparam("offers"),
        conflict=bindparam("conflicts"),
    ).on_conflict_do_update(
        index_elements=[counts.c.tenant, counts.c.inbox],
        set_={
            "offered": counts.c.offered + insert.excluded.offered,
            "conflict": counts.c.conflict + insert.excluded.conflict,
        },
    )
    return counted


def _insert_statement(dialect: str) -> Any:
    insert = (postgresql if dialect == "postgresql" else sqlite).insert(intake)
    return insert.on_conflict_do_nothing().returning(intake.c.id)


_count = Prepared(_count_statement, "tenant", "inbox", "offers", "conflicts")
_insert_intake = Prepared(
    _insert_statement,
    *("tenant", "inbox", "action_id", "digest", "kind", "channel"),
    *("occurred_at", "recorded_at", "outcome", "reason", "note"),
)


def take_in(connection: sa.Connection, offer: Offer, now: datetime) -> Receipt:
    """Write an offer down, with its delivery where there is to be one. Idempotent by action id."""
    place = {"tenant": offer.tenant, "inbox": offer.inbox}
    standing = _standing.first(connection, place)
    reason = _why_excluded(connection, offer, standing)
    outcome = "excluded" if reason else "recorded"
    note = "occurred_ahead" if offer.occurred_at > now + AHEAD else None
    row = {
        **place,
        "action_id": offer.action_id,
        "digest": offer.digest,
        "kind": offer.kind,
        "channel": offer.channel,
        "occurred_at": offer.occurred_at,
        "recorded_at": now,
        "outcome": outcome,
        "reason": reason,
        "note": note,
    }
    inserted = _insert_intake.first(connection, row)
    if inserted is None:
        # Asked only now: nearly every offer is new, and the insert has found out already.
        known = connection.execute(_known, {**place, "action_id": offer.action_id}).one()
        return _known_already(connection, offer, known)
    if reason is None:
        assert standing is not None
        _write_delivery(connection, offer, inserted.id, standing, now)
    _offered(connection, offer, conflict=False)
    if offer.unknown:
        _note_unknown(connection, offer, now)
    return Receipt(action_id=offer.action_id, outcome=outcome, reason=reason, note=note, unknown=offer.unknown)


def _known_already(connection: sa.Connection, offer: Offer, known: sa.Row[*tuple[Any, ...]]) -> Receipt:
    if known.digest != offer.digest:
        _offered(connection, offer, conflict=True)
        return Receipt(action_id=offer.action_id, outcome="conflict", unknown=offer.unknown)
    return Receipt(
        action_id=offer.action_id, outcome=known.outcome, repeated=True, reason=known.reason, note=known.note
    )


def _why_excluded(connection: sa.Connection, offer: Offer, standing: sa.Row[*tuple[Any, ...]] | None) -> str | None:
    if standing is None:
        gone = connection.execute(_was_deleted.limit(1), {"tenant": offer.tenant, "inbox": offer.inbox}).first()
        return "integration_deleted" if gone else "no_integration"
    # By the second: hosts stamp actions with whole seconds, and an action within the second of activation counts.
    if offer.occurred_at.replace(microsecond=0) < standing.activated_at.replace(microsecond=0):
        return "before_activation"
    return offer.excludes(connection, standing.revision_id)


def _write_delivery(
    connection: sa.Connection, offer: Offer, intake_id: int, standing: sa.Row[*tuple[Any, ...]], now: datetime
) -> None:
    _insert_delivery.first(
        connection,
        {
            "intake_id": intake_id,
            "tenant": offer.tenant,
            "inbox": offer.inbox,
            "integration_id": standing.id,
            "revision_id": standing.revision_id,
            "lane_id": standing.lane_id,
            "key": offer.key,
            "state": "waiting",
            "due_at": now,
            "payload": offer.payload,
            **_as_restored(offer, standing.restored_at, now),
        },
    )
    if standing.state == "active":
        once(connection, (_LANE, f"{standing.lane_id:020}"), _wake_lane, (standing.lane_id, now))


def _as_restored(offer: Offer, restored_at: datetime | None, now: datetime) -> dict[str, Any]:
    """An action from before a backup was put back may have been recorded and delivered by the database that is gone."""
    if restored_at is None or offer.occurred_at > restored_at + AHEAD:
        return {"maybe_written": False, "sent_at": None, "code": None}
    due_at = max(now, restored_at + SETTLED_AFTER_RETURN)
    return {"maybe_written": True, "sent_at": restored_at, "code": "restored", "due_at": due_at}


def begin_counting(connection: sa.Connection, tenant: str, inbox: str) -> None:
    """Touch the inbox's counter when an integration begins, as every `record()` does.

    A host's transaction that looks at the database as it was before (REPEATABLE READ and stricter) does not see the
    integration and would exclude the action for good. Now PostgreSQL refuses its count, and the host tries again.
    """
    row = {"tenant": tenant, "inbox": inbox, "offers": 0, "conflicts": 0}
    _count.first(connection, row)


def _offered(connection: sa.Connection, offer: Offer, *, conflict: bool) -> None:
    once(connection, (_COUNT, offer.tenant, offer.inbox), _count_up, (offer, conflict))


def _count_up(connection: sa.Connection, offered: list[tuple[Offer, bool]]) -> None:
    offer = offered[0][0]
    conflicts = sum(1 for _, conflict in offered if conflict)
    row = {"tenant": offer.tenant, "inbox": offer.inbox, "offers": len(offered), "conflicts": conflicts}
    _count.first(connection, row)


def _wake_lane(connection: sa.Connection, calls: list[tuple[int, datetime]]) -> None:
    lane, now = calls[-1]
    lanes_of_store.lock(connection, lane)
    _wake.first(connection, {"lane": lane, "now": now})


def _note_unknown(connection: sa.Connection, offer: Offer, now: datetime) -> None:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(unknown_fields)
    rows = [
        {"tenant": offer.tenant, "inbox": offer.inbox, "field": name, "action_id": offer.action_id, "seen_at": now}
        for name in offer.unknown
    ]
    connection.execute(insert.on_conflict_do_nothing(), rows)


def of_action(connection: sa.Connection, tenant: str, inbox: str, action_id: str) -> Any:
    """The intake row of an action, or None."""
    query = sa.select(intake).where(intake.c.tenant == tenant, intake.c.inbox == inbox, intake.c.action_id == action_id)
    return connection.execute(query).first()


def anywhere(connection: sa.Connection, tenant: str, action_id: str, inbox: str | None) -> list[Any]:
    """Intake rows with that action id, in one inbox or in any of the tenant's."""
    query = sa.select(intake).where(intake.c.tenant == tenant, intake.c.action_id == action_id)
    if inbox is not None:
        query = query.where(intake.c.inbox == inbox)
    return list(connection.execute(query.order_by(intake.c.inbox)))
