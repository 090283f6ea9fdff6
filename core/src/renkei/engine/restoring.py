"""`Renkei.restored`: an operator says that the database was put back from a backup."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from renkei.delivery.reasons import explain
from renkei.engine.errors import NotPossible
from renkei.engine.parts import Parts, named
from renkei.plugins import BackendNotReady
from renkei.store import lanes, restoring
from renkei.store.intake import AHEAD
from renkei.store.restoring import Part, Return


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What became of deliveries that the database which is gone may have made.

    Attributes:
        backup_of: when the backup was taken.
        at: when it was put back.
        waiting: they are sent again under their key, or asked for by it: what is there counts as delivered.
        doubtful: nobody can tell without looking; an inbox admin settles or replays them.
        mended: rejected since, because they met their own record; they count among those that wait.
        sent_since: without a unique key, and sent after the backup was put back, before this was said: these may be
            there twice.
    """

    backup_of: datetime
    at: datetime
    waiting: int
    doubtful: int
    mended: int
    sent_since: int


class Restoring:
    """Behind `Renkei.restored`. It concerns the whole database, so an operator does it and no inbox admin."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def restored(self, actor: str, backup_of: datetime, at: datetime | None) -> Restored:
        """See `Renkei.restored`."""
        named("actor", actor)
        now = self._parts.now()
        back = self._back(backup_of, at or now, now)

        def job(writing: sa.Connection) -> Restored:
            restoring.take_over(writing, back)
            by_tenant = {tenant: Counter[str]() for tenant in restoring.tenants(writing)}
            for lane in restoring.all_lanes(writing):
                self._lane(writing, lane, back, by_tenant)
            for tenant, counts in by_tenant.items():
                self._audit(writing, tenant, actor, back, counts)
            total = sum(by_tenant.values(), Counter())
            return Restored(backup_of=back.backup_of, at=back.at, **{name: total[name] for name in _COUNTS})

        return self._parts.store.write(job)

    def _back(self, backup_of: datetime, at: datetime, now: datetime) -> Return:
        if backup_of.tzinfo is None or at.tzinfo is None:
            raise NotPossible(
                ja="日時にはタイムゾーンが必要です（例: 2026-11-02T09:00+09:00）。",
                en="A time needs its zone (for example 2026-11-02T09:00+09:00).",
            )
        if not backup_of <= at <= now + AHEAD:
            raise NotPossible(
                ja="バックアップの日時は復元の日時より前、復元の日時は現在より前にしてください。",
                en="The backup was taken before it was put back, and that was before now: look at the times given.",
            )
        return Return(backup_of=backup_of, at=at, until=at + AHEAD, now=now)

    def _lane(self, writing: sa.Connection, lane: int, back: Return, by_tenant: dict[str, Counter[str]]) -> None:
        settles_within, verifiable = self._backend_of(writing, lane)
        due_at = max(back.now, back.at + settles_within)
        for provable in (True, False):
            part = Part(lane=lane, provable=provable, verifiable=verifiable)
            for row in restoring.counted(writing, part, back):
                _add(by_tenant.setdefault(row.tenant, Counter()), row.fate, row.number, provable=provable)
            restoring.put_in_question(writing, part, back, due_at=due_at, reason=explain(None, "restored"))

    def _backend_of(self, writing: sa.Connection, lane: int) -> tuple[timedelta, bool]:
        """How long its requests may run, and whether it can be asked by key."""
        try:
            manifest = self._parts.registry.backend(lanes.get(writing, lane).backend).manifest
        except BackendNotReady:
            return self._parts.policy.longest_retry, False
        return self._parts.policy.settles_within or manifest.settles_within, manifest.supports("verify")

    def _audit(self, writing: sa.Connection, tenant: str, actor: str, back: Return, counts: Counter[str]) -> None:
        self._parts.audit(
            writing,
            tenant,
            actor,
            "database.restored",
            backup_of=back.backup_of.isoformat(timespec="seconds"),
            restored_at=back.at.isoformat(timespec="seconds"),
            **{name: counts[name] for name in _COUNTS},
        )


_COUNTS = ("waiting", "doubtful", "mended", "sent_since")


def _add(counts: Counter[str], fate: str, count: int, *, provable: bool) -> None:
    if fate == "sent_since":
        counts["sent_since"] += count
    elif fate == "rejected" or not provable:
        counts["doubtful"] += count
    else:
        counts["waiting"] += count
        counts["mended"] += count if fate == "key_taken" else 0
