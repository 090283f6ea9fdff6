"""A database of an older version is brought up to date where it stands, with all that it holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command

from renkei.store import Store
from renkei.store.schema import HEAD, alembic_config, version_of
from renkei.store.tables import integrations

KEYS = {"k1": b"1" * 32}
INSERT = """
    INSERT INTO integrations (tenant, inbox, state, created_at, created_by, activated_at)
    VALUES ('t', 'support', 'active', 0, 'admin', 0)
"""


def test_integrations_of_the_first_version_are_kept_and_leave_unknown_outcomes_to_a_person(empty_url):
    url = empty_url if "://" in empty_url else f"sqlite:///{empty_url}"
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0001")
        connection.execute(sa.text(INSERT))
    engine.dispose()

    store = Store(empty_url, KEYS)
    with store.read() as connection:
        row = connection.execute(integrations.select()).one()
        version = version_of(connection)
    store.close()

    assert version == HEAD
    assert (row.inbox, row.unknown_outcome, row.restored_at) == ("support", "doubtful", None)
