"""What is true of the whole database: its installation id, and which key it was made with."""

from __future__ import annotations

import base64
import hmac
import json
import secrets

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from renkei.store.errors import VaultError
from renkei.store.tables import meta
from renkei.store.vault import Vault

_CHECK = b"renkei"
_CHECK_PLACE = "meta:vault_check:value"


def installation_id(connection: sa.Connection) -> str:
    """The random id that delivery keys are derived from, made on first use."""
    found = _get(connection, "installation")
    if found is None:
        found = _put(connection, "installation", secrets.token_hex(16))
    return found


def found_in(connection: sa.Connection) -> str | None:
    """The installation's id, where *connection* leads to a database of renkei's."""
    if not sa.inspect(connection).has_table(meta.name):
        return None
    return _get(connection, "installation")


def check_vault(connection: sa.Connection, vault: Vault) -> None:
    """Refuse keys that are not this database's before anything is sealed with them.

    Raises:
        VaultError: none of the keys is the one that the database was made with.
    """
    sealed = _get(connection, "vault_check")
    if sealed is None:
        sealed = _put(connection, "vault_check", base64.b64encode(vault.seal(_CHECK, bound_to=_CHECK_PLACE)).decode())
    try:
        vault.open(base64.b64decode(sealed), bound_to=_CHECK_PLACE)
    except VaultError as error:
        raise VaultError(f"wrong vault key for this database: {error}") from None


def renew_vault_check(connection: sa.Connection, vault: Vault) -> None:
    """Seal the check with the current key, as a part of resealing everything."""
    text = base64.b64encode(vault.seal(_CHECK, bound_to=_CHECK_PLACE)).decode()
    connection.execute(meta.update().where(meta.c.name == "vault_check").values(value=text))


# `json.dumps` with options makes an encoder each time.
_KEY_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))


def delivery_key(installation: str, tenant: str, inbox: str, action_id: str) -> str:
    """The delivery key of one action: 33 characters of a-z and 2-7, beginning with `r`.

    160 bits of HMAC-SHA-256 under the installation's id: the same action gives the same key for ever, and two
    helpdesks that write to one target cannot meet.
    """
    text = _KEY_ENCODER.encode([tenant, inbox, action_id])
    digest = hmac.digest(installation.encode(), text.encode(), "sha256")
    return "r" + base64.b32encode(digest[:20]).decode().lower()


def _put(connection: sa.Connection, name: str, value: str) -> str:
    """Store *value* unless another process was first; returns what is there."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(meta)
    connection.execute(insert.values(name=name, value=value).on_conflict_do_nothing())
    return _get(connection, name) or value


def has_vault_check(connection: sa.Connection) -> bool:
    """Whether secrets have been sealed with some key already."""
    return _get(connection, "vault_check") is not None


def _get(connection: sa.Connection, name: str) -> str | None:
    return connection.execute(sa.select(meta.c.value).where(meta.c.name == name)).scalar()
