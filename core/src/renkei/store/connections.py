"""Connections: stored, tested settings and credentials for one account of one backend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from renkei.store.tables import connections, deliveries, integrations, lanes, revisions
from renkei.store.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A connection with its secrets opened, for the moment of a call. Its repr shows none.

    Attributes:
        settings: all of them, in clear.
        sealed_names: those of them that were stored as secrets.
    """

    id: int
    tenant: str
    name: str
    backend: str
    plugin_version: str
    account_id: str
    account_label: str
    account: dict[str, Any]
    settings: dict[str, Any]
    sealed_names: frozenset[str]
    credentials: dict[str, Any] | None
    credentials_number: int
    credentials_expire_at: datetime | None

    def __repr__(self) -> str:
        return f"Sealed(id={self.id}, name={self.name!r}, backend={self.backend!r})"


def add(
    connection: sa.Connection,
    vault: Vault,
    *,
    tenant: str,
    name: str,
    backend: str,
    plugin_version: str,
    public: Mapping[str, Any],
    secret: Mapping[str, Any],
    account: Mapping[str, Any],
    credentials: Mapping[str, Any] | None,
    expires_at: datetime | None,
    now: datetime,
) -> int:
    """Store a connection whose settings were proven; secrets are sealed to its row."""
    number: int = connection.execute(
        connections.insert()
        .values(
            tenant=tenant,
            name=name,
            backend=backend,
            plugin_version=plugin_version,
            settings=dict(public),
            account_id=account["id"],
            account_label=account["label"],
            account=dict(account),
            created_at=now,
            tested_at=now,
        )
        .returning(connections.c.id)
    ).scalar_one()
    seal(connection, vault, number, secret=secret, credentials=credentials, expires_at=expires_at)
    return number


def seal(
    connection: sa.Connection,
    vault: Vault,
    number: int,
    *,
    secret: Mapping[str, Any],
    credentials: Mapping[str, Any] | None,
    expires_at: datetime | None,
) -> None:
    """Seal settings' secrets and credentials to the connection's row; the credentials get the next number."""
    connection.execute(
        connections.update()
        .where(connections.c.id == number)
        .values(
            sealed_settings=_sealed(vault, secret, f"connections:{number}:settings"),
            sealed_credentials=_sealed(vault, credentials, f"connections:{number}:credentials"),
            credentials_number=connections.c.credentials_number + 1,
            credentials_expire_at=expires_at,
            refreshing_until=None,
        )
    )


def store_credentials(
    connection: sa.Connection,
    vault: Vault,
    number: int,
    *,
    credentials: Mapping[str, Any],
    expires_at: datetime | None,
    seen: int | None = None,
) -> int:
    """Seal fresh credentials, end the refresh, and return the number of those that are in force.

    Args:
        seen: number of those that they replace. Where others have come meanwhile, these are older and are dropped:
            whoever brings them was frozen, and its refresh had run out.
    """
    known = connections.c.credentials_number == seen if seen is not None else sa.true()
    connection.execute(
        connections.update()
        .where(connections.c.id == number, known)
        .values(
            sealed_credentials=_sealed(vault, credentials, f"connections:{number}:credentials"),
            credentials_number=connections.c.credentials_number + 1,
            credentials_expire_at=expires_at,
            refreshing_until=None,
        )
    )
    query = sa.select(connections.c.credentials_number).where(connections.c.id == number)
    return int(connection.execute(query).scalar_one())


def begin_refresh(connection: sa.Connection, number: int, *, seen: int, now: datetime, within: timedelta) -> bool:
    """Become the one caller of `crm_refresh`; False where others are at it, or have already brought new ones."""
    done = connection.execute(
        connections.update()
        .where(
            connections.c.id == number,
            connections.c.credentials_number == seen,
            sa.or_(connections.c.refreshing_until.is_(None), connections.c.refreshing_until < now),
        )
        .values(refreshing_until=now + within)
    )
    return done.rowcount == 1


def end_refresh(connection: sa.Connection, number: int) -> None:
    """Give up being the one caller, without new credentials."""
    connection.execute(connections.update().where(connections.c.id == number).values(refreshing_until=None))


def open_sealed(connection: sa.Connection, vault: Vault, number: int) -> Sealed:
    """The connection with its secrets opened."""
    row = connection.execute(sa.select(connections).where(connections.c.id == number)).one()
    secret = _opened(vault, row.sealed_settings, f"connections:{number}:settings") or {}
    return Sealed(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        backend=row.backend,
        plugin_version=row.plugin_version,
        account_id=row.account_id,
        account_label=row.account_label,
        account=row.account,
        settings={**row.settings, **secret},
        sealed_names=frozenset(secret),
        credentials=_opened(vault, row.sealed_credentials, f"connections:{number}:credentials"),
        credentials_number=row.credentials_number,
        credentials_expire_at=row.credentials_expire_at,
    )


def credentials_number(connection: sa.Connection, number: int) -> int:
    """Number of the credentials in force."""
    query = sa.select(connections.c.credentials_number).where(connections.c.id == number)
    return int(connection.execute(query).scalar_one())


def keep(connection: sa.Connection, number: int) -> bool:
    """Hold off a deletion until the transaction ends; False where the connection is gone already."""
    query = (
        sa.select(connections.c.id)
        .where(connections.c.id == number, connections.c.deleted_at.is_(None))
        .with_for_update(read=True)
    )
    return connection.execute(query).first() is not None


def lock(connection: sa.Connection, number: int) -> None:
    """Hold the connection's row alone: nobody binds an integration to it meanwhile."""
    connection.execute(sa.select(connections.c.id).where(connections.c.id == number).with_for_update())


def named(connection: sa.Connection, tenant: str, name: str) -> sa.Row[Any] | None:
    """The tenant's connection of that name; secrets stay sealed."""
    query = sa.select(connections).where(
        connections.c.tenant == tenant, connections.c.name == name, connections.c.deleted_at.is_(None)
    )
    return connection.execute(query).first()


def listed(connection: sa.Connection, tenant: str) -> list[sa.Row[Any]]:
    """The tenant's connections by name."""
    query = (
        sa.select(connections)
        .where(connections.c.tenant == tenant, connections.c.deleted_at.is_(None))
        .order_by(connections.c.name)
    )
    return list(connection.execute(query))


def needed_by(connection: sa.Connection, number: int) -> tuple[list[str], int]:
    """Inboxes whose standing integration uses it, and how many deliveries in its lanes are not settled."""
    of_connection = sa.select(lanes.c.id).where(lanes.c.connection_id == number)
    standing = (
        sa.select(integrations.c.inbox)
        .join(revisions, revisions.c.id == integrations.c.revision_id)
        .where(integrations.c.state != "deleted", revisions.c.lane_id.in_(of_connection))
        .order_by(integrations.c.inbox)
    )
    unsettled = sa.select(sa.func.count()).where(
        deliveries.c.lane_id.in_(of_connection), deliveries.c.state.in_(("waiting", "sending", "doubtful", "rejected"))
    )
    return list(connection.execute(standing).scalars()), int(connection.execute(unsettled).scalar_one())


def update(connection: sa.Connection, number: int, **values: Any) -> None:
    """Change columns of the connection."""
    connection.execute(connections.update().where(connections.c.id == number).values(**values))


def reseal(connection: sa.Connection, vault: Vault) -> int:
    """Seal everything with the vault's current key; returns how many connections were changed."""
    changed = 0
    for row in connection.execute(sa.select(connections)):
        values = {}
        for column in ("settings", "credentials"):
            sealed = row._mapping[f"sealed_{column}"]
            if sealed is not None and vault.sealed_with(sealed) != vault.current:
                place = f"connections:{row.id}:{column}"
                values[f"sealed_{column}"] = vault.seal(vault.open(sealed, bound_to=place), bound_to=place)
        if values:
            changed += 1
            update(connection, row.id, **values)
    return changed


def _sealed(vault: Vault, data: Mapping[str, Any] | None, place: str) -> bytes | None:
    return vault.seal(json.dumps(dict(data)).encode(), bound_to=place) if data else None


def _opened(vault: Vault, sealed: bytes | None, place: str) -> dict[str, Any] | None:
    return json.loads(vault.open(sealed, bound_to=place)) if sealed is not None else None
