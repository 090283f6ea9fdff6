"""The tables. One word, one meaning: the names are the glossary's, and nothing here is special to one database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

# The code of a delivery that is on its way while its integration's waiting ones are cancelled.
CANCEL_IF_UNSENT = "cancel_if_unsent"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept as microseconds since 1970 UTC: exact, ordered and alike on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        if value is None:
            return None
        return (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


class JsonText(TypeDecorator[Any]):
    """JSON as ASCII text, so that NUL and lone surrogates survive on databases that refuse them in text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"), sort_keys=True)

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        return None if value is None else json.loads(value)


class Words(TypeDecorator[str]):
    """Text that a backend or a plugin has chosen: what no database takes in it is kept as a visible escape.

    Otherwise one answer with NUL or half a surrogate pair in it would stop the lane that has to write it down.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        if value is None or (value.isprintable() and value.isascii()):
            return value
        return value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


# SQLite gives rowids to INTEGER PRIMARY KEY only; everywhere else ids are 64 bits wide.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Longer than any wait that is ever set. A time further ahead was set by a clock that has been put right since, and
# counts as reached: otherwise a lane would sleep until the wrong clock's day comes.
LONGEST_WAIT = timedelta(days=40)


def reached(column: sa.Column[Any], now: Any, horizon: Any) -> sa.ColumnElement[bool]:
    """Whether the instant in *column* has come; *horizon* is `now + LONGEST_WAIT`."""
    return sa.or_(column <= now, column > horizon)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    comment="installation: the random id that delivery keys are derived from; vault_check: a sealed known text",
)

connections = sa.Table(
    "connections",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("backend", sa.Text, nullable=False),
    sa.Column("plugin_version", sa.Text, nullable=False),
    sa.Column("settings", JsonText, nullable=False, comment="without secrets"),
    sa.Column("sealed_settings", sa.LargeBinary),
    sa.Column("sealed_credentials", sa.LargeBinary),
    sa.Column("credentials_number", sa.Integer, nullable=False, server_default="0"),
    sa.Column("credentials_expire_at", Instant),
    sa.Column("refreshing_until", Instant, comment="one caller of crm_refresh across processes"),
    sa.Column("account_id", Words, nullable=False),
    sa.Column("account_label", Words, nullable=False),
    sa.Column("account", JsonText, nullable=False, comment="targets, permissions and limits as last told"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("tested_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
)
sa.Index(
    "uq_connections_tenant_name",
    connections.c.tenant,
    connections.c.name,
    unique=True,
    sqlite_where=sa.text("deleted_at IS NULL"),
    postgresql_where=sa.text("deleted_at IS NULL"),
)

lanes = sa.Table(
    "lanes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("connection_id", Id, sa.ForeignKey("connections.id"), nullable=False),
    sa.Column("target", Words, nullable=False),
    sa.Column("target_label", Words, nullable=False, server_default=""),
    sa.Column("options", sa.Text, nullable=False, comment="canonical JSON, part of the lane's identity"),
    sa.Column("state", sa.Text, nullable=False, server_default="open", comment="open, waiting, blocked"),
    sa.Column("reason_code", Words),
    sa.Column("reason", JsonText, comment="{ja, en}"),
    sa.Column("until", Instant),
    sa.Column("wake_at", Instant, comment="the only scheduler: next due time, back-off, lease end, place in queue"),
    sa.Column("owner", sa.Text),
    sa.Column("lease_until", Instant),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("cursor", Id, nullable=False, server_default="0", comment="integration served last"),
    sa.Column("failing_since", Instant),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("lone", JsonText, comment="{code, ids}: lone records refused in a row for one unnamed reason"),
    sa.Column("schema", JsonText, comment="as discovered last"),
    sa.Column("fingerprint", sa.Text),
    sa.Column("discovered_at", Instant),
    sa.Column("unconfirmed_since", Instant, comment="first push since the last discovery"),
    sa.UniqueConstraint("connection_id", "target", "options"),
)
sa.Index(
    "ix_lanes_wake_at",
    lanes.c.wake_at,
    lanes.c.id,
    sqlite_where=sa.text("wake_at IS NOT NULL"),
    postgresql_where=sa.text("wake_at IS NOT NULL"),
)

integrations = sa.Table(
    "integrations",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("inbox", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="active, paused, deleted"),
    sa.Column("revision_id", Id, comment="the one in force"),
    sa.Column("lane_id", Id, comment="that revision's"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("activated_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
    sa.Column("first_synced_at", Instant, comment="confirmed by the first sync"),
    sa.Column(
        "unknown_outcome",
        sa.Text,
        nullable=False,
        server_default="doubtful",
        comment="what an unknown outcome without a unique key becomes: doubtful, resend",
    ),
    sa.Column("restored_at", Instant, comment="the database was put back from a backup then; null: it never was"),
)
# Promise 1 stands on this index and on nothing else.
sa.Index(
    "uq_integrations_standing",
    integrations.c.tenant,
    integrations.c.inbox,
    unique=True,
    sqlite_where=sa.text("state <> 'deleted'"),
    postgresql_where=sa.text("state <> 'deleted'"),
)
sa.Index("ix_integrations_inbox", integrations.c.tenant, integrations.c.inbox)

revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("integration_id", Id, sa.ForeignKey("integrations.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("lane_id", Id, sa.ForeignKey("lanes.id"), nullable=False),
    sa.Column("mapping", JsonText, nullable=False),
    sa.Column("triggers", JsonText, nullable=False),
    sa.Column("source", JsonText, nullable=False, comment="the source fields the host offered"),
    sa.Column("schema", JsonText, nullable=False, comment="the target as the mapping was checked against it"),
    sa.Column("key_field", sa.Text, comment="target field that takes delivery.key"),
    sa.Column("key_unique", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.UniqueConstraint("integration_id", "number"),
)
sa.Index("ix_revisions_lane_id", revisions.c.lane_id, revisions.c.integration_id)

intake = sa.Table(
    "intake",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("inbox", sa.Text, nullable=False),
    sa.Column("action_id", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("channel", sa.Text),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False, comment="recorded, excluded"),
    sa.Column("reason", sa.Text, comment="why excluded"),
    sa.Column("note", sa.Text, comment="what was odd about it: occurred_ahead"),
    sa.UniqueConstraint("tenant", "inbox", "action_id"),
    comment="one row per action that was offered; outlives the delivery's payload",
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("intake_id", Id, sa.ForeignKey("intake.id"), nullable=False, unique=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("inbox", sa.Text, nullable=False),
    sa.Column("integration_id", Id, nullable=False),
    sa.Column("revision_id", Id, nullable=False),
    sa.Column("lane_id", Id, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("maybe_written", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("maybe_before", sa.Boolean, nullable=False, server_default=sa.false(), comment="as it was at the mark"),
    sa.Column("sent_at", Instant, comment="the last mark"),
    sa.Column("sent_before_at", Instant, comment="the mark before the last one"),
    sa.Column("settled_at", Instant),
    sa.Column("code", Words),
    sa.Column("field", Words),
    sa.Column("reason", JsonText, comment="{ja, en}"),
    sa.Column("remote_id", Words),
    sa.Column("link", Words),
    sa.Column("payload", sa.Text, nullable=False),
)
# The literals are part of the promise to the planner: a bound parameter would not match a partial index.
sa.Index(
    "ix_deliveries_waiting",
    deliveries.c.lane_id,
    deliveries.c.integration_id,
    deliveries.c.due_at,
    deliveries.c.id,
    sqlite_where=sa.text("state = 'waiting'"),
    postgresql_where=sa.text("state = 'waiting'"),
)
sa.Index(
    "ix_deliveries_sending",
    deliveries.c.lane_id,
    sqlite_where=sa.text("state = 'sending'"),
    postgresql_where=sa.text("state = 'sending'"),
)
sa.Index("ix_deliveries_ledger", deliveries.c.tenant, deliveries.c.inbox, deliveries.c.state)

counts = sa.Table(
    "counts",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("inbox", sa.Text, primary_key=True),
    sa.Column("offered", sa.BigInteger, nullable=False),
    sa.Column("conflict", sa.BigInteger, nullable=False),
    comment="what record() was asked, counted apart from what became of it; a plain repeat counts once",
)

unknown_fields = sa.Table(
    "unknown_fields",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("inbox", sa.Text, primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("action_id", sa.Text, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("lane_id", Id, nullable=False),
    sa.Column("delivery_id", Id, comment="null: it concerned the lane"),
    sa.Column("number", sa.Integer),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("code", Words, nullable=False),
    sa.Column("field", Words),
    sa.Column("message", Words, nullable=False, comment="for operators"),
    sa.Column("reason", JsonText, comment="{ja, en}, for admins"),
    comment="append-only; a success costs no row",
)
sa.Index("ix_attempts_delivery_id", attempts.c.delivery_id)
sa.Index("ix_attempts_lane_id", attempts.c.lane_id, attempts.c.id)

drifts = sa.Table(
    "drifts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("lane_id", Id, nullable=False),
    sa.Column("pushed_from", Instant, comment="null: nothing was pushed in between"),
    sa.Column("found_at", Instant, nullable=False),
    sa.Column("differences", JsonText, nullable=False),
)
sa.Index("ix_drifts_lane_id", drifts.c.lane_id)

budgets = sa.Table(
    "budgets",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("used", sa.BigInteger, nullable=False),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("inbox", sa.Text),
    sa.Column("connection", sa.Text),
    sa.Column("detail", JsonText, nullable=False),
)
sa.Index("ix_audit_tenant", audit.c.tenant, audit.c.id)

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("worker", sa.Text, primary_key=True),
    sa.Column("seen_at", Instant, nullable=False),
)
