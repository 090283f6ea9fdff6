"""One connection in use: its settings opened for the moment, its credentials kept fresh by a single caller."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import SecretStr

from renkei.delivery.points import Point
from renkei.delivery.stored import settings_of
from renkei.plugins import Backend, Call
from renkei.spec import (
    Account,
    AuthenticateRequest,
    AuthenticationFailed,
    Clock,
    Credentials,
    DiscoverRequest,
    FileRef,
    RefreshRequest,
    Settings,
    TargetSchema,
    Unavailable,
    VerifyReport,
    VerifyRequest,
)
from renkei.store import Store, connections

R = TypeVar("R")

# Credentials that end within this are renewed before use: a push must not begin with ones that end under way.
EXPIRY_MARGIN = timedelta(minutes=2)

OpenFile = Callable[[FileRef], AsyncIterator[bytes]]


class Session:
    """Calls to one backend with the settings of one connection.

    Raises (on construction):
        VaultError: the secrets cannot be opened.
        SettingsError: the settings do not fit this version of the plugin, or were stored by a newer one.
        PluginFault: the plugin's settings model breaks down.
    """

    def __init__(
        self,
        store: Store,
        backend: Backend,
        connection_id: int,
        *,
        clock: Clock,
        deadline: timedelta,
        files: OpenFile,
        reached: Callable[[Point], None] = lambda _point: None,
    ) -> None:
        self._store = store
        self.backend = backend
        self.connection_id = connection_id
        self._clock = clock
        self._deadline = deadline
        self._files = files
        self._reached = reached
        self.requests = 0
        self._load()

    def _load(self) -> None:
        with self._store.read() as connection:
            self.sealed = connections.open_sealed(connection, self._store.vault, self.connection_id)
        self.settings: Settings = settings_of(self.backend, self.sealed)
        self.credentials = load_credentials(self.sealed.credentials)

    @property
    def number(self) -> int:
        """Number of the credentials in use."""
        return self.sealed.credentials_number

    def call(
        self, *, deadline: timedelta | None = None, before_send: Callable[[], None] | None = None, fresh: bool = False
    ) -> Call:
        """What one hook call needs."""
        return Call(
            settings=self.settings,
            credentials=self.credentials,
            deadline=deadline or self._deadline,
            connection=f"{self.connection_id}",
            open_file=self._files,
            before_send=before_send,
            fresh_connection=fresh,
        )

    def authenticate(self, target: str | None = None) -> Account:
        """Prove the settings; credentials that come back are stored before anything uses them."""
        seen, call = self.number, self.call()
        try:
            account = self.backend.authenticate(call, AuthenticateRequest(target=target))
        finally:
            self.requests += call.wire.requests
        if account.credentials is not None:
            self._store_credentials(account.credentials, seen)
        return account

    def discover(self, target: str, options: Settings) -> TargetSchema:
        """The target's fields as they are now."""
        return self.ask(lambda call: self.backend.discover(call, DiscoverRequest(target=target, options=options)))

    def verify(self, request: VerifyRequest) -> VerifyReport:
        """What is there, by key."""
        return self.ask(lambda call: self.backend.verify(call, request))

    def ask(self, question: Callable[[Call], R]) -> R:
        """Ask something that changes nothing; with fresh credentials, once, where the old ones are refused."""
        self.renew_if_expiring()
        try:
            return self._once(question)
        except AuthenticationFailed:
            if not self.renew():
                raise
        return self._once(question)

    def _once(self, question: Callable[[Call], R]) -> R:
        call = self.call()
        try:
            return question(call)
        finally:
            self.requests += call.wire.requests

    def renew_if_expiring(self) -> None:
        """Renew credentials that are about to end."""
        expires_at = self.sealed.credentials_expire_at
        if expires_at is not None and expires_at - EXPIRY_MARGIN <= self._clock.now():
            self.renew()

    def renew(self) -> bool:
        """Bring newer credentials than those in use, if they can be had without a person.

        One caller at a time across processes asks the backend; the others wait for what it brings. The new ones are
        committed before use. False where the backend has no `crm_refresh` or the ones in use are the newest.

        Raises:
            AuthenticationFailed: they cannot be renewed; the admin must connect anew.
        """
        if self._newer_came():
            return True
        if self.credentials is None or not self.backend.manifest.supports("refresh"):
            return False
        now, seen = self._clock.now(), self.number
        won = self._store.write(
            lambda connection: connections.begin_refresh(
                connection, self.connection_id, seen=seen, now=now, within=self._deadline * 2
            )
        )
        if not won:
            return self._wait_for_newer()
        self._reached("refresh_begun")
        try:
            fresh = self._once(lambda call: self.backend.refresh(call, RefreshRequest()))
        except BaseException:
            self._store.write(lambda connection: connections.end_refresh(connection, self.connection_id))
            raise
        self._reached("refreshed")
        self._store_credentials(fresh, seen)
        return True

    def _newer_came(self) -> bool:
        with self._store.read() as connection:
            newest = connections.credentials_number(connection, self.connection_id)
        if newest == self.number:
            return False
        self._load()
        return True

    def _wait_for_newer(self) -> bool:
        give_up = time.monotonic() + self._deadline.total_seconds()
        while time.monotonic() < give_up:
            if self._newer_came():
                return True
            time.sleep(0.05)
        raise Unavailable("refresh_pending", "another worker is renewing the credentials and has not finished")

    def _store_credentials(self, fresh: Credentials, seen: int) -> None:
        self._store.write(
            lambda connection: connections.store_credentials(
                connection,
                self._store.vault,
                self.connection_id,
                credentials=dump_credentials(fresh) or {},
                expires_at=fresh.expires_at,
                seen=seen,
            )
        )
        self._reached("credentials_stored")
        self._load()


def dump_credentials(credentials: Credentials | None) -> dict[str, Any] | None:
    """Credentials as JSON data with their secrets in clear, for the vault alone."""
    if credentials is None:
        return None
    expires_at = credentials.expires_at.isoformat() if credentials.expires_at else None
    values = {name: secret.get_secret_value() for name, secret in credentials.values.items()}
    return {"values": values, "expires_at": expires_at}


def load_credentials(data: dict[str, Any] | None) -> Credentials | None:
    """The reverse."""
    if data is None:
        return None
    expires_at = datetime.fromisoformat(data["expires_at"]) if data["expires_at"] else None
    return Credentials(
        values={name: SecretStr(secret) for name, secret in data["values"].items()}, expires_at=expires_at
    )
