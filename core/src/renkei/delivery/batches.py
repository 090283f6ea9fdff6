"""Choosing what is due in a lane and making it ready for one push."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from renkei.delivery import proving
from renkei.delivery.lane import Lane
from renkei.delivery.lookout import Lookout
from renkei.delivery.rendering import rejected, render, unmappable
from renkei.delivery.settling import Answer, Failure, Terms, doubtful, held, resends
from renkei.plugins import PluginFault
from renkei.spec import Absent, Present, WireRecord
from renkei.store import deliveries, integrations
from renkei.store.deliveries import Delivered, Kept, Waiting
from renkei.store.integrations import Revision

GROWTH = 4
"""How many times as many records follow a push of a lane that had failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Deliveries rendered and ready, all with the same key field."""

    rows: tuple[Waiting, ...]
    records: tuple[WireRecord, ...]
    terms: Terms
    full: bool

    def only(self, ids: Sequence[int]) -> Batch:
        """The part of it with these rows."""
        wanted = set(ids)
        if len(wanted) == len(self.rows):
            return self
        pairs = [pair for pair in zip(self.rows, self.records, strict=True) if pair[0].id in wanted]
        return replace(self, rows=tuple(row for row, _ in pairs), records=tuple(record for _, record in pairs))

    def pushed(self, ids: Sequence[int]) -> Batch:
        """The same after these rows were marked once more: each mark is an attempt, and attempts are numbered."""
        again = set(ids)
        rows = (replace(row, attempt=row.attempt + 1) if row.id in again else row for row in self.rows)
        return replace(self, rows=tuple(rows))


class Batches:
    """Makes a lane's batches, in turn over its integrations.

    Attributes:
        cursor: the integration that was served last.
        most: records of the next batch, None for as many as a push takes. A lane that has failed begins with one, to
            find out whether it works again; what goes well is followed by more.
    """

    def __init__(self, lane: Lane, lookout: Lookout) -> None:
        self._lane = lane
        self._lookout = lookout
        self._revisions: dict[int, Revision] = {}
        self.cursor: int = lane.row.cursor
        self.most: int | None = None

    def next(self, *, ahead: bool = False) -> Batch | None:
        """The next batch, or None where nothing is due; what cannot be rendered is rejected on the way.

        Args:
            ahead: a push is on the wire: leave anything that would need a request of its own for later.

        Raises:
            LaneStopped, LeaseLost.
        """
        while True:
            if ahead and self._lookout.is_stale:
                return None
            if not ahead:
                self._lookout.look_if_stale()
            rows = self._settled_ones(self._due())
            if rows is None:
                continue
            if not rows or (ahead and any(row.maybe_written for row in rows)):
                return None
            together = self._with_one_key_field(rows)
            # Rows come in turn. Where some were left out, the next turn begins right behind the first integration.
            self.cursor = rows[-1].integration_id if len(together) == len(rows) else rows[0].integration_id
            rows = together
            if not ahead:
                rows = self._ask_after(rows)
            batch = self._rendered(rows) if rows else None
            if batch is not None:
                return None if self._held_back(batch, ahead=ahead) else batch

    def grow(self) -> None:
        """After a push that went well: the next may be larger.

        Not at once: where one record of many has a whole push refused by somebody in front of the backend, most of the
        others get in on the way.
        """
        if self.most is not None:
            self.most *= GROWTH
            if self.most >= self._lane.limits.push_size:
                self.most = None

    def _due(self) -> list[Waiting]:
        lane = self._lane
        most = self.most or lane.limits.push_size
        with lane.store.read() as connection:
            rows = deliveries.due(connection, lane.id, now=lane.clock.now(), most=most, after=self.cursor)
            for row in rows:
                if row.revision_id not in self._revisions:
                    self._revisions[row.revision_id] = integrations.revision(connection, row.revision_id)
        # What stands aside is sent by itself, so that it spoils nobody else's push.
        return rows[:1] if rows and rows[0].stands_aside else [row for row in rows if not row.stands_aside]

    def _settled_ones(self, rows: list[Waiting]) -> list[Waiting] | None:
        """Those that may go; what this process knows to be on hold still is put off. None: all of them were."""
        lane = self._lane
        holds, length = lane.around.holds, lane.settles_within(lane.backend.manifest)
        holds.watch(lane.clock)
        at, now = lane.clock.monotonic(), lane.clock.now()
        rests = {row.id: holds.rest(row.id, at, length) for row in rows if row.maybe_written}
        early = [held(row, now + rests[row.id]) for row in rows if rests.get(row.id)]
        if not early:
            return rows
        lane.write(lambda connection: deliveries.keep_unsent(connection, lane.lease, early, now) or None)
        put_off = {one.id for one in early}
        return [row for row in rows if row.id not in put_off] or None

    def _with_one_key_field(self, rows: list[Waiting]) -> list[Waiting]:
        """Rows that can go in one push: with one key field, and few where nothing keeps an outcome from doubt."""
        wanted = self._key_of(rows[0])
        chosen = [row for row in rows if self._key_of(row) == wanted]
        return chosen if wanted[1] else chosen[: self._lane.policy.unkeyed_push]

    def _key_of(self, row: Waiting) -> tuple[str | None, bool]:
        revision = self._revisions[row.revision_id]
        return revision.key_field, self._is_keyed(revision)

    def _is_keyed(self, revision: Revision) -> bool:
        return revision.key_unique and self._lane.backend.manifest.uniqueness != "none"

    def _terms(self, row: Waiting) -> Terms:
        revision = self._revisions[row.revision_id]
        manifest = self._lane.backend.manifest
        return Terms(
            manifest=manifest,
            key_field=revision.key_field,
            keyed=self._is_keyed(revision),
            verifiable=manifest.supports("verify") and revision.key_field is not None,
            settles_within=self._lane.settles_within(manifest),
            schema=self._lookout.schema,
            sent_at=self._lane.clock.now(),
        )

    # -- what may have been written -----------------------------------------------------------------------------

    def _ask_after(self, rows: list[Waiting]) -> list[Waiting]:
        """What may have been written is sent again only on proof, or under a key that the backend keeps unique."""
        unsure = [row for row in rows if row.maybe_written]
        if not unsure:
            return rows
        terms = self._terms(rows[0])
        if terms.keyed:
            sent_at = max((row.sent_at for row in unsure if row.sent_at is not None), default=None)
            self._lookout.look_afresh(after=sent_at + terms.settles_within if sent_at else None)
            return rows
        return self._believe(rows, self._verified(unsure, terms) if terms.verifiable else {})

    def _verified(self, unsure: list[Waiting], terms: Terms) -> dict[str, Answer]:
        answers = self._lane.asked(lambda: proving.ask_where_allowed(self._lane, unsure, terms))
        self._lane.policy.reached("verified")
        return answers

    def _believe(self, rows: list[Waiting], answers: dict[str, Answer]) -> list[Waiting]:
        lane = self._lane
        now = lane.clock.now()
        going: list[Waiting] = []
        absent: list[int] = []
        there: list[Delivered] = []
        kept: list[Kept] = []
        for row in rows:
            answer = answers.get(row.key)
            if not row.maybe_written:
                going.append(row)
            elif isinstance(answer, Present):
                there.append(Delivered(id=row.id, remote_id=answer.id, link=answer.link))
            elif isinstance(answer, Absent):
                # It is due only after settles_within: by then absence is proof.
                absent.append(row.id)
                going.append(replace(row, maybe_written=False))
            elif resends(row):
                going.append(row)
            else:
                kept.append(doubtful(row, row.due_at))

        def job(connection: sa.Connection) -> bool | None:
            if not deliveries.settle(connection, lane.lease, there, now):
                return None
            deliveries.keep_unsent(connection, lane.lease, kept, now)
            deliveries.proven_absent(connection, absent)
            return True

        lane.write(job)
        lane.policy.reached("believed")
        self._tell(len(there))
        return going

    # -- rendering ----------------------------------------------------------------------------------------------

    def _rendered(self, rows: list[Waiting]) -> Batch | None:
        good: list[tuple[Waiting, WireRecord]] = []
        bad: list[Kept] = []
        for row in rows:
            made = self._render_one(row)
            if isinstance(made, Kept):
                bad.append(made)
            else:
                good.append((row, made))
        if bad:
            self._keep(bad)
        if not good:
            return None
        terms = self._terms(good[0][0])
        most = self._lane.limits.push_size if terms.keyed else self._lane.policy.unkeyed_push
        return Batch(
            rows=tuple(row for row, _ in good),
            records=tuple(record for _, record in good),
            terms=terms,
            full=len(good) >= min(most, self.most or self._lane.limits.push_size),
        )

    def _render_one(self, row: Waiting) -> WireRecord | Kept:
        try:
            binding = self._lane.around.bindings.get(self._revisions[row.revision_id], self._lookout.schema)
            made = render(self._lane.canvas, binding, row.payload, row.key)
        except PluginFault as fault:
            return unmappable(row, fault)
        return made if isinstance(made, WireRecord) else rejected(row, made)

    def _keep(self, kept: list[Kept]) -> None:
        lane = self._lane
        now = lane.clock.now()
        failures = [lane.line(one.id, None, _as_failure(one), now) for one in kept]

        def job(connection: sa.Connection) -> bool | None:
            if not deliveries.keep_unsent(connection, lane.lease, kept, now):
                return None
            deliveries.log_attempts(connection, failures)
            return True

        lane.write(job)
        lane.policy.reached("kept_unsent")
        self._tell(len(kept))

    def _tell(self, count: int) -> None:
        if count:
            self._lane.around.settled(count)

    def _held_back(self, batch: Batch, *, ahead: bool) -> bool:
        lane = self._lane
        requests = lane.pacing.expected(len(batch.rows))
        with lane.store.read() as connection:
            hold = lane.pacing.hold(connection, lane.clock.now(), requests=requests, full=batch.full)
        hold = hold or lane.pacing.make_room(lane.clock.now())
        if hold is not None and not ahead:
            lane.wait(hold)
        return hold is not None


def marked(batch: Batch, ids: Sequence[int], now: datetime) -> Batch | None:
    """The part of *batch* that was marked at *now*, or None where nothing of it was."""
    part = batch.only(ids)
    return replace(part, terms=replace(part.terms, sent_at=now)) if part.rows else None


def _as_failure(kept: Kept) -> Failure:
    words = (kept.reason or {}).get("en", "")
    return Failure(event=kept.state, code=kept.code or "", field=kept.field, message=words, reason=kept.reason)
