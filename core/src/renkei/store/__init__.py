"""SQLAlchemy tables, queries by noun, Alembic migrations; the vault of sealed secrets."""

from renkei.store.database import Database
from renkei.store.errors import StoreTooNew, StoreUnavailable, VaultError
from renkei.store.store import Store
from renkei.store.vault import Vault, key_file, new_key, parse_keys

__all__ = [
    "Database",
    "Store",
    "StoreTooNew",
    "StoreUnavailable",
    "Vault",
    "VaultError",
    "key_file",
    "new_key",
    "parse_keys",
]
