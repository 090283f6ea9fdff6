"""Bring a database to this version's schema: once, whoever comes first, also when twenty come at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from renkei.store.errors import StoreTooNew

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0002"
_VERSION_TABLE = "renkei_schema"
# Any number will do, as long as all renkeis on one PostgreSQL server agree on it ("renkei" on a phone's keys).
_ADVISORY_LOCK = 736534


def migrate(connection: sa.Connection) -> None:
    """Upgrade within *connection*'s transaction, which must already hold SQLite's write lock (BEGIN IMMEDIATE).

    Raises:
        StoreTooNew: the database was made by a newer version; nothing was changed.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": _ADVISORY_LOCK})
    current = version_of(connection)
    if current == HEAD:
        return
    from alembic import command  # alembic costs 100 ms to import and is needed once in a database's life
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = alembic_config(connection)
    if current is not None:
        try:
            known = ScriptDirectory.from_config(config).get_revision(current)
        except CommandError:
            known = None
        if known is None:
            raise StoreTooNew(
                f"the database has schema {current!r}, this renkei knows {HEAD!r} and older; "
                f"install the renkei that made it, or a newer one. Nothing was changed."
            )
    command.upgrade(config, "head")


def is_up_to_date(connection: sa.Connection) -> bool:
    """Whether the schema is this version's already; asked without writing."""
    return version_of(connection) == HEAD


def version_of(connection: sa.Connection) -> str | None:
    """The schema's version, None for an empty database."""
    if not sa.inspect(connection).has_table(_VERSION_TABLE):
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()


def alembic_config(connection: sa.Connection) -> Config:
    """Alembic's configuration without a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
