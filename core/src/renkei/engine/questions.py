"""Questions about what became of actions. Everything here only reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from renkei.delivery.reasons import explain
from renkei.engine.errors import NotFound
from renkei.engine.parts import Parts, is_possible_id, named_places
from renkei.engine.words import STATES, excluded
from renkei.spec import Text
from renkei.store import deliveries, health, history, intake, integrations
from renkei.store.ledger import Ledger, count

# A due delivery that is older than this, with no worker seen, is an alarm.
OVERDUE = timedelta(minutes=1)
SILENT = timedelta(seconds=30)
STUCK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What became of one action, for the ticket screen.

    Attributes:
        state: `delivered`, `waiting`, `sending`, `rejected`, `doubtful`, `cancelled`, `excluded` or `not_offered`.
        text: the state in words, with what to do where something is to be done.
        link: where the record can be opened, where the backend told.
        until: when it will be tried again, where that is known.
    """

    action_id: str
    state: str
    text: Text
    code: str | None = None
    field: str | None = None
    link: str | None = None
    remote_id: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the attempt log. `action_id` is None where it concerned the whole lane.

    Attributes:
        message: for operators, as the backend or the plugin said it.
        text: for admins.
    """

    at: datetime
    event: str
    code: str
    field: str | None
    message: str
    text: Text
    action_id: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything known about one action.

    Attributes:
        unknown_outcome: what its integration does where an outcome stays unknown and no unique key can tell: `doubtful`
            or `resend`. None where a key tells.
    """

    inbox: str
    status: Status
    kind: str | None
    channel: str | None
    occurred_at: datetime
    recorded_at: datetime
    note: str | None
    delivery_key: str | None
    revision: int | None
    attempts: int
    may_have_been_written: bool
    events: tuple[Event, ...]
    drift: tuple[Text, ...]
    unknown_outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether deliveries move.

    Attributes:
        ok: nothing here needs a person.
        problems: what does, one sentence each, for operators.
        workers: names of workers that were seen within the last half minute.
        oldest_due: since when the oldest delivery that could be sent has been due.
        blocked: lanes that wait for a person: target and why.
    """

    ok: bool
    problems: tuple[Text, ...]
    workers: tuple[str, ...]
    oldest_due: datetime | None
    blocked: tuple[dict[str, Any], ...]


class Questions:
    """Behind `Renkei.ledger`, `status_for`, `why`, `log`, `audit` and `health`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def ledger(self, tenant: str, inbox: str | None) -> Ledger:
        """Counts of one inbox, or of the tenant."""
        named_places(tenant, inbox)
        with self._parts.store.read() as connection:
            return count(connection, tenant, inbox)

    def status_for(self, tenant: str, inbox: str, action_ids: Iterable[str]) -> list[Status]:
        """One status per id, in the order given."""
        named_places(tenant, inbox)
        with self._parts.store.read() as connection:
            return [self._status(connection, tenant, inbox, str(action)) for action in action_ids]

    def _status(self, connection: sa.Connection, tenant: str, inbox: str, action_id: str) -> Status:
        taken = intake.of_action(connection, tenant, inbox, action_id) if is_possible_id(action_id) else None
        if taken is None:
            return Status(action_id=action_id, state="not_offered", text=STATES["not_offered"])
        if taken.outcome == "excluded":
            return Status(action_id=action_id, state="excluded", text=excluded(taken.reason), code=taken.reason)
        row = deliveries.of_action(connection, taken.id)
        assert row is not None
        return _status_of(action_id, row)

    def why(self, tenant: str, action_id: str, inbox: str | None) -> Story:
        """The whole story of one action.

        Raises:
            NotFound: no such action; or the id was used in several inboxes, which are named.
        """
        named_places(tenant, inbox)
        with self._parts.store.read() as connection:
            possible = is_possible_id(action_id)
            found = intake.anywhere(connection, tenant, action_id, inbox) if possible else []
            if not found:
                raise NotFound(
                    ja=f"行動「{action_id}」は記録されていません。IDと受信箱を確認してください。",
                    en=f"No action {action_id!r} was recorded; look at its id and inbox.",
                )
            if len(found) > 1:
                places = ", ".join(repr(row.inbox) for row in found)
                raise NotFound(
                    ja=f"行動「{action_id}」は複数の受信箱に記録されています（{places}）。受信箱を指定してください。",
                    en=f"Action {action_id!r} was recorded in several inboxes ({places}); name one.",
                )
            return self._story(connection, tenant, found[0])

    def _story(self, connection: sa.Connection, tenant: str, taken: Any) -> Story:
        row = deliveries.of_action(connection, taken.id)
        events: tuple[Event, ...] = ()
        drift: tuple[Text, ...] = ()
        if row is not None:
            events = tuple(_event(line, taken.action_id) for line in history.attempts_of(connection, row.id))
            drift = _drift_over(connection, row)
        revision = integrations.revision(connection, row.revision_id) if row is not None else None
        unkeyed = revision is not None and not revision.key_unique
        return Story(
            inbox=taken.inbox,
            status=self._status(connection, tenant, taken.inbox, taken.action_id),
            kind=taken.kind,
            channel=taken.channel,
            occurred_at=taken.occurred_at,
            recorded_at=taken.recorded_at,
            note=taken.note,
            delivery_key=row.key if row is not None else None,
            revision=revision.number if revision is not None else None,
            attempts=row.attempt if row is not None else 0,
            may_have_been_written=bool(row.maybe_written) if row is not None else False,
            events=events,
            drift=drift,
            unknown_outcome=row.unknown_outcome if row is not None and unkeyed else None,
        )

    def log(self, tenant: str, inbox: str, most: int) -> list[Event]:
        """The inbox's attempt log, newest first."""
        named_places(tenant, inbox)
        with self._parts.store.read() as connection:
            return [_event(line, line.action_id) for line in history.inbox_log(connection, tenant, inbox, most=most)]

    def unknown_fields(self, tenant: str, inbox: str) -> list[dict[str, Any]]:
        """Fields that the host's schema lacks, each with the first action that brought it."""
        named_places(tenant, inbox)
        with self._parts.store.read() as connection:
            rows = history.unknown_fields_of(connection, tenant, inbox)
        return [{"field": row.field, "action_id": row.action_id, "seen_at": row.seen_at} for row in rows]

    def audit(self, tenant: str, inbox: str | None, most: int) -> list[dict[str, Any]]:
        """The audit trail, newest first."""
        named_places(tenant, inbox)
        with self._parts.store.read() as connection:
            rows = history.read_audit(connection, tenant, most=most, inbox=inbox)
        return [
            {
                "at": row.at,
                "actor": row.actor,
                "event": row.event,
                "inbox": row.inbox,
                "connection": row.connection,
                **row.detail,
            }
            for row in rows
        ]

    def health(self) -> Health:
        """Whether deliveries move, on the whole database."""
        now = self._parts.now()
        with self._parts.store.read() as connection:
            workers = tuple(row.worker for row in history.beats(connection) if now - row.seen_at < SILENT)
            oldest = health.oldest_due(connection)
            blocked = tuple(health.blocked(connection))
        problems: list[Text] = []
        if oldest is not None and now - oldest > OVERDUE and not workers:
            problems.append(
                Text(
                    ja="送信を待っている行動がありますが、ワーカーが30秒以上見当たりません。renkei work を実行するか、"
                    "Renkei.start() を呼び出してください。",
                    en="Deliveries are due and no worker was seen for half a minute: start 'renkei work' or "
                    "Renkei.start().",
                )
            )
        elif oldest is not None and now - oldest > STUCK:
            problems.append(
                Text(
                    ja="ワーカーは動いていますが、10分以上送信を待っている行動があります。その受信箱の renkei log を"
                    "確認してください。",
                    en="A delivery has been due for over ten minutes although workers run: look at 'renkei log' of its "
                    "inbox.",
                )
            )
        problems += [_blocked(lane) for lane in blocked]
        return Health(ok=not problems, problems=tuple(problems), workers=workers, oldest_due=oldest, blocked=blocked)


def _blocked(lane: Mapping[str, Any]) -> Text:
    reason, code = lane["reason"], lane["code"]
    return Text(
        ja=f"テナント「{lane['tenant']}」: 接続「{lane['connection']}」の連携先「{lane['target']}」が停止しています。"
        f"{reason['ja']} ({code})",
        en=f"Tenant {lane['tenant']!r}: connection {lane['connection']!r}, target {lane['target']!r} is blocked: "
        f"{reason['en']} ({code})",
    )


def _status_of(action_id: str, row: Any) -> Status:
    # A delivery that was taken in after a restored backup has its code from the first, and no reason written out.
    reason = row.reason or (explain(None, "restored") if row.code == "restored" else None)
    text = Text(**{k: reason[k] for k in ("ja", "en")}) if reason else STATES.get(row.state)
    until, code = None, row.code
    if row.state == "waiting":
        until = row.due_at if row.maybe_written or row.code else None
        if row.integration_state == "paused":
            text, code = STATES["paused"], "paused"
        elif row.lane_state != "open" and row.lane_reason:
            text, code = Text(**{k: row.lane_reason[k] for k in ("ja", "en")}), row.lane_code
            until = max((at for at in (until, row.lane_until) if at is not None), default=None)
    return Status(
        action_id=action_id,
        state=row.state,
        text=text or STATES["waiting"],
        code=code,
        field=row.field,
        link=row.link,
        remote_id=row.remote_id,
        until=until,
    )


def _event(line: Any, action_id: str | None) -> Event:
    return Event(
        at=line.at,
        event=line.event,
        code=line.code,
        field=line.field,
        message=line.message,
        text=Text(**line.reason) if line.reason else Text(ja=line.message or line.code, en=line.message or line.code),
        action_id=action_id if line.delivery_id is not None else None,
        number=line.number,
    )


def _drift_over(connection: sa.Connection, row: Any) -> tuple[Text, ...]:
    """What may be missing from a delivered record, because the target changed while it was pushed."""
    if row.state != "delivered" or row.settled_at is None:
        return ()
    return tuple(
        Text(ja=difference["ja"], en=difference["en"])
        for drift in history.drifts_of(connection, row.lane_id)
        if drift.pushed_from is not None and drift.pushed_from <= row.settled_at <= drift.found_at
        for difference in drift.differences
    )
