"""What mends: settle, replay, cancel. Each says how many it concerned, in the audit trail too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

import sqlalchemy as sa

from renkei.engine.errors import NotFound, NotPossible
from renkei.engine.parts import Parts, is_possible_id
from renkei.plugins import BackendNotReady
from renkei.store import doubts, integrations, lanes, mending

Under = Literal["as_was", "new_settings"]


class Repair:
    """Behind `Renkei.settle`, `replay` and `cancel`; for inbox admins."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def settle(self, tenant: str, actor: str, inbox: str, action_id: str, remote_id: str | None) -> None:
        """A doubtful delivery is there: somebody has looked.

        Raises:
            NotFound, NotPossible: it is not doubtful.
        """
        parts = self._parts
        parts.admin_only(tenant, actor, inbox)

        def job(writing: sa.Connection) -> None:
            row = self._one(writing, tenant, inbox, action_id)
            if row.state != "doubtful":
                raise NotPossible(
                    ja=f"行動「{action_id}」の状態は{row.state}です。手で確定できるのは doubtful（要確認）だけです。",
                    en=f"Action {action_id!r} is {row.state}; only a doubtful one can be settled by hand.",
                )
            mending.deliver_by_hand(writing, row.id, remote_id, parts.now())
            parts.audit(writing, tenant, actor, "delivery.settled", inbox=inbox, action_id=action_id)

        parts.store.write(job)

    def replay(self, tenant: str, actor: str, inbox: str, action_ids: Sequence[str] | None, under: Under) -> int:
        """Send rejected or doubtful deliveries again; returns how many.

        Args:
            action_ids: those, or None for every rejected one. Doubtful ones are replayed by name only.

        Raises:
            NotFound, NotPossible: one is neither rejected nor doubtful, or an earlier request may still be running.
        """
        parts = self._parts
        parts.admin_only(tenant, actor, inbox)

        def job(writing: sa.Connection) -> int:
            rows = (
                [self._one(writing, tenant, inbox, action) for action in action_ids]
                if action_ids is not None
                else mending.rejected(writing, tenant, inbox)
            )
            for row in rows:
                self._may_replay(writing, row)
            revision = self._newest(writing, tenant, inbox) if under == "new_settings" else None
            touched = {self._replay_one(writing, row, revision) for row in rows}
            for lane in touched:
                lanes.wake_open(writing, lane, parts.now())
            parts.audit(writing, tenant, actor, "delivery.replayed", inbox=inbox, count=len(rows), under=under)
            return len(rows)

        return parts.store.write(job)

    def cancel(self, tenant: str, actor: str, inbox: str, action_ids: Sequence[str]) -> int:
        """Give up deliveries that wait, were rejected or are doubtful; returns how many.

        Raises:
            NotFound, NotPossible: one is delivered, cancelled or on its way.
        """
        parts = self._parts
        parts.admin_only(tenant, actor, inbox)

        def job(writing: sa.Connection) -> int:
            rows = [self._one(writing, tenant, inbox, action) for action in action_ids]
            for row in rows:
                if row.state not in ("waiting", "rejected", "doubtful"):
                    raise NotPossible(
                        ja=f"行動「{row.action_id}」の状態は{row.state}です。"
                        f"取り消せるのは waiting、rejected、doubtful のものだけです。",
                        en=f"Action {row.action_id!r} is {row.state}; what waits, was rejected or is doubtful "
                        f"can be cancelled.",
                    )
                if row.state == "waiting" and row.maybe_written:
                    raise NotPossible(
                        ja=f"行動「{row.action_id}」はすでに登録されている可能性があります。結果が確定するまで待ってください。",
                        en=f"Action {row.action_id!r} may already be in the CRM; wait until its outcome has settled.",
                    )
                mending.cancel(writing, row.id, parts.now())
            parts.audit(
                writing, tenant, actor, "delivery.cancelled", inbox=inbox, action_ids=[row.action_id for row in rows]
            )
            return len(rows)

        return parts.store.write(job)

    def _one(self, writing: sa.Connection, tenant: str, inbox: str, action_id: str) -> Any:
        row = mending.one(writing, tenant, inbox, action_id) if is_possible_id(action_id) else None
        if row is None:
            raise NotFound(
                ja=f"受信箱「{inbox}」に、行動「{action_id}」の送信はありません。",
                en=f"Inbox {inbox!r} has no delivery for action {action_id!r}.",
            )
        return row

    def _may_replay(self, writing: sa.Connection, row: Any) -> None:
        if row.state not in ("rejected", "doubtful"):
            raise NotPossible(
                ja=f"行動「{row.action_id}」の状態は{row.state}です。再送できるのは rejected と doubtful です。",
                en=f"Action {row.action_id!r} is {row.state}; replay what was rejected or is doubtful.",
            )
        left_at = doubts.last_left_at(row)
        if row.state == "doubtful" and left_at is not None:
            parts = self._parts
            clear_at = left_at + self._settles_within(writing, row.lane_id)
            # A wall clock that was put forward makes no time pass, where this process itself has sent.
            clear_at = max(clear_at, parts.now() + parts.holds.rest(row.id, parts.clock.monotonic()))
            if parts.now() < clear_at:
                when = clear_at.isoformat(timespec="seconds")
                raise NotPossible(
                    ja=f"行動「{row.action_id}」はまだ処理中かもしれません。{when} 以降に再送できます。",
                    en=f"Action {row.action_id!r} may still be on its way; it can be sent again after {when}.",
                )

    def _settles_within(self, writing: sa.Connection, lane: int) -> timedelta:
        if self._parts.policy.settles_within is not None:
            return self._parts.policy.settles_within
        try:
            return self._parts.registry.backend(lanes.get(writing, lane).backend).manifest.settles_within
        except BackendNotReady:
            return self._parts.policy.longest_retry

    def _newest(self, writing: sa.Connection, tenant: str, inbox: str) -> Any:
        return self._parts.standing(writing, tenant, inbox, lock=True)

    def _replay_one(self, writing: sa.Connection, row: Any, newest: Any) -> int:
        was = integrations.revision(writing, row.revision_id)
        goes = was
        if newest is not None:
            candidate = integrations.revision(writing, newest.revision_id)
            # What may have been written moves neither to another target nor under another key field.
            same = (candidate.lane_id, candidate.key_field) == (was.lane_id, was.key_field)
            goes = candidate if same or not row.maybe_written else was
        lane, keyed = goes.lane_id, goes.key_unique
        mending.wait_again(
            writing,
            row.id,
            integration_id=goes.integration_id,
            revision_id=goes.id,
            lane_id=lane,
            # Without a unique key, the person who says "send again" has looked: nothing else could know.
            maybe_written=row.maybe_written and keyed,
            now=self._parts.now(),
        )
        return lane
