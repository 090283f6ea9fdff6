"""Connections at the host's door: saved only when proven, renewed only for the same account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from renkei.delivery.reasons import refused_at_the_door
from renkei.delivery.session import Session, dump_credentials
from renkei.delivery.stored import settings_to_renew
from renkei.engine.errors import AnotherAccount, InUse, NameTaken, NotFound
from renkei.engine.parts import Parts, named
from renkei.plugins import Backend, Call
from renkei.spec import (
    Account,
    AuthenticateRequest,
    BackendError,
    ListTargetsRequest,
    RenkeiError,
    Settings,
    Target,
    TargetSchema,
    Text,
)
from renkei.store import connections, lanes


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A stored connection as it may be shown: without its secrets.

    Attributes:
        settings: what the admin typed, without secrets.
        account: label of the account that the settings were proven for.
        permissions: name → granted, missing or unknown, as last told.
        permission_labels, permission_notes: what an admin reads of them, where the backend's plugin says more.
    """

    name: str
    backend: str
    account: str
    settings: dict[str, Any]
    permissions: dict[str, str]
    targets: tuple[Target, ...]
    created_at: datetime
    tested_at: datetime
    permission_labels: dict[str, Text] = field(default_factory=dict)
    permission_notes: dict[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A target as it was discovered a moment ago, so that the next step of a form need not ask again.

    Attributes:
        options: of the target, as canonical JSON.
        at: when the backend answered.
    """

    schema: TargetSchema
    connection: str
    options: str
    at: datetime


class Refused(RenkeiError):
    """The backend did not accept the settings; nothing was saved. The text is for an admin, in both languages.

    Attributes:
        error: what the backend said.
        ja, en: cause and remedy.
    """

    def __init__(self, name: str, error: BackendError, ja: str, en: str) -> None:
        self.error = error
        self.ja = ja
        self.en = en
        super().__init__(f"Connection {name!r}: {en} ({error.code})")


class Connections:
    """`renkei.connections`. Every call names the tenant and the actor, who must be an inbox admin."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add(self, tenant: str, actor: str, name: str, *, backend: str, settings: Mapping[str, Any]) -> Connection:
        """Prove the settings with `crm_authenticate`, then store them, secrets sealed.

        Raises:
            NotAllowed, NameTaken, BackendNotReady.
            SettingsError: they cannot be understood; nothing was sent.
            Refused: the backend does not accept them.
        """
        parts = self._parts
        parts.admin_only(tenant, actor, None)
        named("name of the connection", name)
        parts.entitled_only(tenant, backend)
        plugin = parts.registry.backend(backend)
        parsed = plugin.parse_settings(settings)
        with parts.store.read() as connection:
            if connections.named(connection, tenant, name) is not None:
                raise _taken(name)
        account = self._prove(plugin, name, parsed)

        def job(connection: sa.Connection) -> None:
            connections.add(
                connection,
                parts.store.vault,
                tenant=tenant,
                name=name,
                backend=backend,
                plugin_version=plugin.version,
                public=parsed.public(),
                secret=_secret_part(parsed),
                account=_account_data(account),
                credentials=dump_credentials(account.credentials),
                expires_at=account.credentials.expires_at if account.credentials else None,
                now=parts.now(),
            )
            parts.audit(connection, tenant, actor, "connection.added", connection_name=name, backend=backend)

        try:
            parts.store.write(job)
        except IntegrityError:
            raise _taken(name) from None
        return self.get(tenant, actor, name)

    def get(self, tenant: str, actor: str, name: str) -> Connection:
        """One connection, without secrets.

        Raises:
            NotFound: the tenant has none of that name.
        """
        self._parts.admin_only(tenant, actor, None)
        with self._parts.store.read() as connection:
            return _shown(self._row(connection, tenant, name))

    def all(self, tenant: str, actor: str) -> list[Connection]:
        """The tenant's connections by name."""
        self._parts.admin_only(tenant, actor, None)
        with self._parts.store.read() as connection:
            return [_shown(row) for row in connections.listed(connection, tenant)]

    def test(self, tenant: str, actor: str, name: str) -> Connection:
        """Ask the backend whether the stored settings still hold; if so, lanes that were blocked are tried at once.

        Raises:
            Refused: they do not.
        """
        parts = self._parts
        row, session = self._open(tenant, actor, name)
        try:
            account = session.ask(lambda call: session.backend.authenticate(call, AuthenticateRequest()))
        except BackendError as error:
            raise _refused(session.backend, name, error) from None
        if account.id != row.account_id:
            raise _another(name, row.account_label, account.label)
        self._store_account(session, account)

        def job(connection: sa.Connection) -> None:
            now = parts.now()
            connections.update(connection, row.id, tested_at=now)
            _open_lanes(connection, row.id, now)
            parts.audit(connection, tenant, actor, "connection.tested", connection_name=name)

        parts.store.write(job)
        return self.get(tenant, actor, name)

    def rename(self, tenant: str, actor: str, name: str, new_name: str) -> Connection:
        """Give the connection another name."""
        parts = self._parts
        parts.admin_only(tenant, actor, None)
        named("new name", new_name)

        def job(connection: sa.Connection) -> None:
            row = self._row(connection, tenant, name)
            connections.update(connection, row.id, name=new_name)
            parts.audit(connection, tenant, actor, "connection.renamed", connection_name=new_name, was=name)

        try:
            parts.store.write(job)
        except IntegrityError:
            raise _taken(new_name) from None
        return self.get(tenant, actor, new_name)

    def renew(self, tenant: str, actor: str, name: str, *, settings: Mapping[str, Any]) -> Connection:
        """Replace settings (all, or only those given: usually the secret) once proven for the same account.

        Raises:
            AnotherAccount: they lead elsewhere; make a new connection and edit the integrations instead.
            SettingsError, Refused: as for `add`; the stored ones stay.
        """
        parts = self._parts
        parts.admin_only(tenant, actor, None)
        with parts.store.read() as connection:
            row = self._row(connection, tenant, name)
            stored = connections.open_sealed(connection, parts.store.vault, row.id)
        parts.entitled_only(tenant, row.backend)
        plugin = parts.registry.backend(row.backend)
        parsed = plugin.parse_settings({**settings_to_renew(plugin, stored), **settings})
        account = self._prove(plugin, name, parsed)
        if account.id != row.account_id:
            raise _another(name, row.account_label, account.label)

        def job(connection: sa.Connection) -> None:
            now = parts.now()
            connections.update(
                connection,
                row.id,
                settings=parsed.public(),
                plugin_version=plugin.version,
                account=_account_data(account),
                account_label=account.label,
                tested_at=now,
            )
            connections.seal(
                connection,
                parts.store.vault,
                row.id,
                secret=_secret_part(parsed),
                credentials=dump_credentials(account.credentials),
                expires_at=account.credentials.expires_at if account.credentials else None,
            )
            _open_lanes(connection, row.id, now)
            parts.audit(connection, tenant, actor, "connection.renewed", connection_name=name, changed=sorted(settings))

        parts.store.write(job)
        return self.get(tenant, actor, name)

    def delete(self, tenant: str, actor: str, name: str) -> None:
        """Forget a connection and its secrets.

        Raises:
            InUse: a standing integration or an open delivery needs it; named.
        """
        parts = self._parts
        parts.admin_only(tenant, actor, None)

        def job(connection: sa.Connection) -> None:
            row = self._row(connection, tenant, name)
            connections.lock(connection, row.id)
            inboxes, unsettled = connections.needed_by(connection, row.id)
            if inboxes:
                raise InUse(
                    ja=f"接続「{name}」は受信箱「{'」「'.join(inboxes)}」のチケット同期連携で使われています。"
                    f"先に連携を編集するか、削除してください。",
                    en=f"Connection {name!r} is used by the integration of {', '.join(map(repr, inboxes))}; "
                    f"edit or delete that first.",
                )
            if unsettled:
                raise InUse(
                    ja=f"接続「{name}」は、確定していない{unsettled}件の送信に必要です。送信が終わるのを待つか、取り消してください。",
                    en=f"Connection {name!r} is needed by {unsettled} deliveries that are not settled; "
                    f"let them be delivered, or cancel them first.",
                )
            connections.update(
                connection, row.id, deleted_at=parts.now(), sealed_settings=None, sealed_credentials=None
            )
            parts.audit(connection, tenant, actor, "connection.deleted", connection_name=name)

        parts.store.write(job)

    def targets(self, tenant: str, actor: str, name: str, *, parent: str | None = None) -> tuple[Target, ...]:
        """The account's targets, asked from the backend where it holds several.

        Raises:
            Refused: the backend does not answer.
        """
        row, session = self._open(tenant, actor, name)
        if not session.backend.manifest.supports("list_targets"):
            return tuple(Target.model_validate(item) for item in row.account["targets"])
        try:
            found = session.ask(lambda call: session.backend.list_targets(call, ListTargetsRequest(parent=parent)))
        except BackendError as error:
            raise _refused(session.backend, name, error) from None
        return found.targets

    def fields(
        self, tenant: str, actor: str, name: str, *, target: str | None = None, options: Mapping[str, Any] | None = None
    ) -> TargetSchema:
        """The target's fields, asked from the backend now.

        Raises:
            SettingsError: the options cannot be understood. NotFound: no target named, and there are several.
            Refused: the backend does not answer.
        """
        return self.look(tenant, actor, name, target=target, options=options).schema

    def look(
        self, tenant: str, actor: str, name: str, *, target: str | None = None, options: Mapping[str, Any] | None = None
    ) -> Look:
        """The same, to be handed on to `integrations.create` within a minute. Raises what `fields` raises."""
        row, session = self._open(tenant, actor, name)
        chosen = self.choose_target(row, target)
        parsed = session.backend.parse_options(options or {})
        at = self._parts.now()
        try:
            found = session.discover(chosen.id, parsed)
        except BackendError as error:
            raise _refused(session.backend, name, error) from None
        # The account may know the target's name where discovery alone does not.
        schema = found if chosen.label == chosen.id else found.model_copy(update={"label": chosen.label})
        return Look(schema=schema, connection=name, options=canonical(parsed), at=at)

    def choose_target(self, row: Any, target: str | None) -> Target:
        """The target of that id; where none is named, the account's only one."""
        known = [Target.model_validate(item) for item in row.account["targets"]]
        if target is None:
            selectable = [item for item in known if item.selectable]
            if len(selectable) == 1:
                return selectable[0]
            raise NotFound(
                ja=f"接続「{row.name}」には連携先が複数あります。targets で一覧を見て、1つ指定してください。",
                en=f"Connection {row.name!r} has several targets; name one of those that 'targets' lists.",
            )
        return next((item for item in known if item.id == target), Target(id=target, label=target))

    def row(self, connection: sa.Connection, tenant: str, name: str) -> Any:
        """For the engine's other parts: the stored row."""
        return self._row(connection, tenant, name)

    def open(self, row: Any) -> Session:
        """For the engine's other parts: the connection ready for calls."""
        return self._parts.session(self._parts.registry.backend(row.backend), row.tenant, row.id)

    def _open(self, tenant: str, actor: str, name: str) -> tuple[Any, Session]:
        parts = self._parts
        parts.admin_only(tenant, actor, None)
        with parts.store.read() as connection:
            row = self._row(connection, tenant, name)
        parts.entitled_only(tenant, row.backend)
        return row, self.open(row)

    def _row(self, connection: sa.Connection, tenant: str, name: str) -> Any:
        row = connections.named(connection, tenant, name)
        if row is None:
            raise NotFound(
                ja=f"接続「{name}」はありません。connections list で一覧を確認してください。",
                en=f"There is no connection {name!r}; 'connections list' shows those there are.",
            )
        return row

    def _prove(self, plugin: Backend, name: str, settings: Settings) -> Account:
        call = Call(settings=settings, deadline=self._parts.policy.hook_deadline)
        try:
            return plugin.authenticate(call, AuthenticateRequest())
        except BackendError as error:
            raise _refused(plugin, name, error) from None

    def _store_account(self, session: Session, account: Account) -> None:
        def job(connection: sa.Connection) -> None:
            connections.update(connection, session.connection_id, account=_account_data(account))
            if account.credentials is not None:
                connections.store_credentials(
                    connection,
                    self._parts.store.vault,
                    session.connection_id,
                    credentials=dump_credentials(account.credentials) or {},
                    expires_at=account.credentials.expires_at,
                )

        self._parts.store.write(job)


def canonical(options: Settings) -> str:
    """Options as the text that a lane is known by."""
    return json.dumps(options.revealed(), sort_keys=True, separators=(",", ":"))


def _open_lanes(connection: sa.Connection, connection_id: int, now: datetime) -> None:
    for lane in lanes.of_connection(connection, connection_id):
        lanes.open_now(connection, lane, now)


def _shown(row: Any) -> Connection:
    told = row.account["permissions"]
    return Connection(
        name=row.name,
        backend=row.backend,
        account=row.account_label,
        settings=row.settings,
        permissions={item["name"]: item["state"] for item in told},
        targets=tuple(Target.model_validate(item) for item in row.account["targets"]),
        created_at=row.created_at,
        tested_at=row.tested_at,
        permission_labels={item["name"]: Text.model_validate(item["label"]) for item in told},
        # Those stored before notes came have none.
        permission_notes={item["name"]: Text.model_validate(item["note"]) for item in told if item.get("note")},
    )


def _account_data(account: Account) -> dict[str, Any]:
    return account.model_dump(mode="json", exclude={"credentials"})


def _secret_part(settings: Settings) -> dict[str, Any]:
    secret = type(settings).secret_fields()
    return {name: value for name, value in settings.revealed().items() if name in secret and value is not None}


def _refused(plugin: Backend, name: str, error: BackendError) -> Refused:
    words = refused_at_the_door(plugin.manifest, error)
    return Refused(name, error, words["ja"], words["en"])


def _taken(name: str) -> NameTaken:
    return NameTaken(
        ja=f"接続「{name}」はすでにあります。別の名前にするか、その接続の認証を更新してください。",
        en=f"There is a connection {name!r} already; choose another name, or renew that one.",
    )


def _another(name: str, was: str, now: str) -> AnotherAccount:
    return AnotherAccount(
        ja=f"接続「{name}」は「{was}」のものですが、この設定は「{now}」につながります。"
        f"新しい接続を追加し、使いたい連携を編集してください。",
        en=f"Connection {name!r} belongs to {was!r}, and these settings lead to {now!r}. "
        f"Add a new connection for that account and edit the integrations that should use it.",
    )
