"""Core with one rule taken out, in this process alone, so that what the rule carries can be seen.

Production code has no switches for this: functions of core are replaced where they are looked up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from renkei.delivery import batches, lane_run, settling
from renkei.delivery.lane import Lane
from renkei.store import deliveries, lanes
from renkei.store.deliveries import Delivered, Kept, Waiting
from renkei.store.lanes import Lease
from renkei.store.tables import deliveries as table


def mark() -> dict[str, Any]:
    """What is on its way is known to this process alone; nothing on disk says that it may have been written."""
    on_its_way: set[int] = set()
    lock = threading.Lock()
    due, settle = deliveries.due, deliveries.settle

    def remembered(connection: sa.Connection, lease: Lease, rows: Sequence[Waiting], now: datetime) -> list[int] | None:
        if not lanes.still_held(connection, lease):
            return None
        with lock:
            on_its_way.update(row.id for row in rows)
        return [row.id for row in rows]

    def due_and_not_on_its_way(*given: Any, most: int, **more: Any) -> list[Waiting]:
        with lock:
            taken = set(on_its_way)
        return [row for row in due(*given, most=most + len(taken), **more) if row.id not in taken][:most]

    def settle_and_forget(
        connection: sa.Connection, lease: Lease, outcomes: Sequence[Delivered | Kept], now: datetime
    ) -> bool:
        with lock:
            mine = on_its_way.intersection(one.id for one in outcomes)
        # Within this transaction alone, because only what is being sent can be settled.
        unmarked = table.update().where(table.c.id.in_(mine), table.c.state == "waiting")
        connection.execute(unmarked.values(state="sending", sent_before_at=table.c.sent_at, sent_at=now))
        done = settle(connection, lease, outcomes, now)
        with lock:
            on_its_way.difference_update(mine)
        return done

    deliveries.mark = remembered
    deliveries.due = due_and_not_on_its_way
    deliveries.settle = settle_and_forget
    return {}


def hold_off() -> dict[str, Any]:
    """An unknown outcome is tried again at once, and a taken key is believed at once."""
    return {"settles_within": timedelta(0)}


def lease_check() -> dict[str, Any]:
    """Nobody looks at the lease before a request leaves."""
    Lane.before_send = lambda self: self.policy.reached("before_send")  # type: ignore[method-assign]
    return {}


def fence() -> dict[str, Any]:
    """Whatever a holder brings is written down, also when somebody else has the lane."""
    module: Any = deliveries
    held, settle = lanes.still_held, deliveries.settle

    def settle_unfenced(*given: Any) -> bool:
        # For as long as this call takes: one thread writes.
        module.still_held = lambda *_: True
        try:
            return settle(*given)
        finally:
            module.still_held = held

    module.settle = settle_unfenced
    return {}


def small_pushes() -> dict[str, Any]:
    """Pushes without a key are as large as any."""
    return {"unkeyed_push": 100}


def duplicate_rule() -> dict[str, Any]:
    """A taken key always counts as delivered: on a first attempt too, and while an earlier request may still run."""
    module: Any = settling
    module._duplicate = lambda row, verdict, terms: (Delivered(id=row.id, remote_id=None, link=None), None)
    return {}


def doubt() -> dict[str, Any]:
    """Without a key, an unknown outcome is tried again after the hold-off instead of being left to a person."""
    modules: tuple[Any, ...] = (settling, batches, lane_run)
    for module in modules:
        module.resends = lambda _row: True
    return {}


RULES: dict[str, Callable[[], dict[str, Any]]] = {
    "mark": mark,
    "hold-off": hold_off,
    "lease-check": lease_check,
    "fence": fence,
    "duplicate-rule": duplicate_rule,
    "doubt": doubt,
    "small-pushes": small_pushes,
}


def take_out(rule: str | None) -> dict[str, Any]:
    """Take *rule* out of this process; what of the policy changes with it."""
    return RULES[rule]() if rule else {}
