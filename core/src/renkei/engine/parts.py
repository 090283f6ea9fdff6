"""What the parts of the door share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from renkei.delivery import OpenFile, Policy, Session
from renkei.delivery.holding import HoldOffs
from renkei.engine.errors import NotAllowed, NotFound
from renkei.engine.host import Host
from renkei.mapping.action import ID_LIMIT
from renkei.mapping.characters import is_clean
from renkei.plugins import Backend, Registry
from renkei.spec import Clock
from renkei.store import Store, history, integrations


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One engine's store, plugins, host and clock."""

    store: Store
    registry: Registry
    host: Host
    policy: Policy
    clock: Clock
    holds: HoldOffs = field(default_factory=HoldOffs)

    def now(self) -> datetime:
        """The instant."""
        return self.clock.now()

    def files(self, tenant: str) -> OpenFile:
        """How a plugin opens the tenant's files."""
        return lambda file: self.host.open_file(tenant, file)

    def session(self, backend: Backend, tenant: str, connection_id: int) -> Session:
        """The connection, opened for calls."""
        return Session(
            self.store,
            backend,
            connection_id,
            clock=self.clock,
            deadline=self.policy.hook_deadline,
            files=self.files(tenant),
        )

    def admin_only(self, tenant: str, actor: str, inbox: str | None) -> None:
        """Refuse whoever is not inbox admin.

        Raises:
            NotAllowed: with the remedy.
        """
        named("tenant", tenant)
        named("actor", actor)
        if inbox is not None:
            named("inbox", inbox)
        if not self.host.is_inbox_admin(tenant, actor, inbox):
            where = f"of inbox {inbox!r}" if inbox is not None else "of an inbox"
            place = f"受信箱「{inbox}」" if inbox is not None else "受信箱"
            raise NotAllowed(
                ja=f"{actor} は{place}の管理者ではありません。管理者に依頼するか、管理者の権限を得てください。",
                en=f"{actor!r} is not an admin {where}; ask one, or get the role of inbox admin.",
            )

    def entitled_only(self, tenant: str, backend: str) -> None:
        """Refuse a backend that the tenant has no option for."""
        if not self.host.is_entitled(tenant, backend):
            raise NotAllowed(
                ja=f"{backend} を使う契約がありません。オプションを契約してください。",
                en=f"Tenant {tenant!r} is not entitled to backend {backend!r}; order the option first.",
            )

    def standing(self, connection: sa.Connection, tenant: str, inbox: str, *, lock: bool = False) -> sa.Row[Any]:
        """The inbox's standing integration.

        Raises:
            NotFound: there is none.
        """
        row = integrations.standing(connection, tenant, inbox, lock=lock)
        if row is None:
            raise NotFound(
                ja=f"受信箱「{inbox}」にはチケット同期連携がありません。integrations add で追加してください。",
                en=f"Inbox {inbox!r} has no integration; add one with 'integrations add'.",
            )
        return row

    def audit(self, connection: sa.Connection, tenant: str, actor: str, event: str, **more: Any) -> None:
        """A line of the audit trail, in the caller's transaction."""
        history.write_audit(connection, at=self.now(), tenant=tenant, actor=actor, event=event, **more)


def named(what: str, value: object) -> None:
    """Refuse an empty or absurd name before it reaches the store."""
    if not isinstance(value, str) or not value.strip():
        raise NotFound(
            ja=f"{what} が指定されていません。空でない文字列にしてください。",
            en=f"No {what} given: it must be a text that is not empty.",
        )
    if len(value) > 200 or any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise NotFound(
            ja=f"{what} が200文字を超えているか、制御文字を含んでいます。",
            en=f"The {what} is over 200 characters long or holds control characters.",
        )


def named_places(tenant: str, inbox: str | None) -> None:
    """Refuse names that no row can have."""
    named("tenant", tenant)
    if inbox is not None:
        named("inbox", inbox)


def is_possible_id(action_id: str) -> bool:
    """Whether an action can have this id; databases refuse to be asked for some of the others."""
    return len(action_id) <= ID_LIMIT and is_clean(action_id)
