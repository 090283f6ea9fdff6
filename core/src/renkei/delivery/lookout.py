"""Looking at a lane's target: before the first push, and again so that none goes unconfirmed (promise 8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from renkei.delivery import drift
from renkei.delivery.lane import Lane
from renkei.delivery.lane_changes import LaneChange
from renkei.mapping import Difference
from renkei.spec import TargetSchema
from renkei.store import history, integrations, lanes

# Between a look and a resend that relies on it. Batch after batch, one request a minute is cheap.
_JUST_NOW = timedelta(minutes=1)


class Lookout:
    """What is known of the target, and since when.

    Each push lies between two discoveries, neither further away than `Policy.fresh_for`. Equal shapes confirm the
    records between; a difference in what a mapping uses blocks the lane and lists them.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        row = lane.row
        self._schema = TargetSchema.model_validate(row.schema) if row.schema else None
        self.discovered_at: datetime | None = row.discovered_at
        self.unconfirmed_since: datetime | None = row.unconfirmed_since

    @property
    def schema(self) -> TargetSchema:
        """The target as it was seen last."""
        if self._schema is None:
            self.look()
        assert self._schema is not None
        return self._schema

    def look_if_due(self) -> None:
        """Look where something is to be sent and the last look is old, or where pushes wait to be confirmed."""
        if self._is_older(self.unconfirmed_since) if self.unconfirmed_since else self._is_stale_and_needed():
            self.look()

    def look_if_stale(self) -> None:
        """Look before a push where the last look is too old for it."""
        if self._is_stale_and_needed():
            self.look()

    def look_afresh(self, *, after: datetime | None) -> None:
        """Look before a resend under a key: whether the field is unique *now* is all that keeps it from doubling.

        Args:
            after: a look from before then says nothing; nor does one that is older than a minute.
        """
        seen_at, now = self.discovered_at, self._lane.clock.now()
        fresh = seen_at is not None and timedelta(0) <= now - seen_at < _JUST_NOW
        if not (fresh and seen_at is not None and (after is None or seen_at >= after)):
            self.look()

    def confirm(self) -> None:
        """Look now if pushes wait to be confirmed."""
        if self.unconfirmed_since is not None:
            self.look()

    def pushed(self, now: datetime) -> None:
        """A push was marked."""
        self.unconfirmed_since = self.unconfirmed_since or now

    @property
    def is_stale(self) -> bool:
        """Whether the last look is too old for a push."""
        return self._schema is None or self._is_older(self.discovered_at)

    def _is_stale_and_needed(self) -> bool:
        return self.is_stale and self._lane.next_due() is not None

    def _is_older(self, at: datetime | None) -> bool:
        limit: timedelta = self._lane.policy.fresh_for
        # A look that lies ahead was taken before the clock was put back; how long ago, nobody knows.
        return at is None or not timedelta(0) <= self._lane.clock.now() - at < limit

    def look(self) -> None:
        """Look at the target afresh: confirm what was pushed since the last look, or block the lane."""
        lane = self._lane
        found = lane.asked(lambda: lane.session.discover(lane.row.target, lane.options))
        lane.policy.reached("discovered")
        now = lane.clock.now()
        with lane.store.read() as connection:
            used = integrations.used_in_lane(connection, lane.id)
            since = self.unconfirmed_since
            replaced = integrations.replaced_in_lane(connection, lane.id, since) if since else []
        changed = drift.drifted(found, used)
        lost = drift.drifted(found, [*used, *replaced])
        if lost:
            # What only a replaced revision used blocks nothing, but records pushed under it may lack it.
            self._note_drift(lost, now)
        if changed:
            lane.stop(self._block(changed))
        lane.change(
            schema=found.model_dump(mode="json"),
            fingerprint=found.fingerprint,
            discovered_at=now,
            unconfirmed_since=None,
        )
        lane.policy.reached("looked")
        self._schema, self.discovered_at, self.unconfirmed_since = found, now, None

    def _note_drift(self, changed: tuple[Difference, ...], now: datetime) -> None:
        lane = self._lane
        pushed_from = self.unconfirmed_since
        if pushed_from is None and (lane.row.reason or {}).get("drift") == drift.in_words(changed)["en"]:
            return

        def job(connection: sa.Connection) -> bool | None:
            if not lanes.still_held(connection, lane.lease):
                return None
            history.write_drift(
                connection, lane.id, pushed_from=pushed_from, found_at=now, differences=drift.as_data(changed)
            )
            # In one commit: died between the two, the same pushes would be listed twice.
            lanes.set_state(connection, lane.id, unconfirmed_since=None)
            return True

        lane.write(job)
        lane.policy.reached("drift_noted")
        self.unconfirmed_since = None

    def _block(self, changed: tuple[Difference, ...]) -> LaneChange:
        words = drift.in_words(changed)
        change = self._lane.own("schema_drift", message=words["en"], kind="SchemaDrift")
        told = {language: f"{change.reason[language]} {words[language]}" for language in ("ja", "en")}
        return replace(change, reason={**change.reason, **told, "drift": words["en"]})
