"""Statements that the driver runs itself do what SQLAlchemy would do with them, errors included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.exc import DBAPIError, IntegrityError

from renkei.store import Store, StoreUnavailable
from renkei.store.intake import take_in
from renkei.store.prepared import Prepared
from renkei.store.tables import intake

from .conftest import KEYS, NOW

insert = Prepared(
    lambda _dialect: intake.insert().returning(intake.c.id),
    *("tenant", "inbox", "action_id", "digest", "kind", "channel"),
    *("occurred_at", "recorded_at", "outcome", "reason", "note"),
)
# A literal in the statement, an instant in the result, and a name that stands twice.
find = Prepared(
    sa.select(intake.c.action_id, intake.c.occurred_at, intake.c.reason, sa.literal("100%").label("share")).where(
        intake.c.outcome == "recorded",
        intake.c.tenant == bindparam("tenant"),
        sa.or_(intake.c.action_id == bindparam("action"), intake.c.note == bindparam("action")),
    ),
    "tenant",
    "action",
)
touch = Prepared(intake.update().where(intake.c.action_id == bindparam("action")).values(note="touched"), "action")


def row(action: str) -> dict[str, Any]:
    texts = {"tenant": "t", "inbox": "support", "action_id": action, "digest": "d" * 64, "channel": "mail"}
    empty = {"kind": None, "reason": None, "note": None}
    return texts | empty | {"occurred_at": NOW, "recorded_at": NOW, "outcome": "recorded"}


@pytest.fixture
def store(url):
    made = Store(url, KEYS)
    yield made
    made.close()


def everything(connection: sa.Connection) -> list[Any]:
    inserted = [insert.first(connection, row(action)) for action in ("a1", "あ'\"%s:x")]
    found = [find.first(connection, {"tenant": "t", "action": action}) for action in ("a1", "あ'\"%s:x", "none")]
    return [len(inserted[0]), inserted[1].id - inserted[0].id, touch.first(connection, {"action": "a1"}), *found]


def through_sqlalchemy(connection: sa.Connection, job: Callable[[sa.Connection], Any]) -> Any:
    """*job* as it would run on a connection of a host's."""
    connection.execution_options(renkei_write="caller")
    try:
        return job(connection)
    finally:
        connection.execution_options(renkei_write="writer")


def test_the_writer_gets_what_sqlalchemy_would_give(store):
    def both(connection: sa.Connection) -> list[Any]:
        given = everything(connection)
        connection.execute(intake.delete())
        return [given, through_sqlalchemy(connection, everything)]

    given, expected = store.write(both)

    assert given == expected
    assert given[:3] == [1, 1, None]
    assert given[3] == ("a1", NOW, None, "100%")
    assert given[3].occurred_at == NOW
    assert given[5] is None


def test_an_action_is_written_down_alike_in_a_transaction_of_ours_and_of_a_hosts(bench):
    bench.set_up()

    bench.record("a1")
    bench.write(through_sqlalchemy, lambda connection: take_in(connection, bench.offer("a2"), bench.now))

    ours, theirs = ({**bench.row(action)._asdict(), "id": 0, "intake_id": 0, "key": ""} for action in ("a1", "a2"))
    assert ours == theirs
    assert (ours["attempt"], ours["due_at"], ours["maybe_written"]) == (0, bench.now, False)


def test_an_error_of_the_driver_is_sqlalchemys_without_what_was_sent(store):
    def twice(connection: sa.Connection) -> None:
        insert.first(connection, row("a-secret-name"))
        insert.first(connection, row("a-secret-name"))

    with pytest.raises(IntegrityError) as caught:
        store.write(twice)

    assert "a-secret-name" not in str(caught.value).replace(str(caught.value.orig), "")
    assert store.write(everything)


def test_a_connection_that_was_lost_is_not_used_again(pg_url):
    store = Store(pg_url, KEYS)

    def lose(connection: sa.Connection) -> None:
        own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        engine = sa.create_engine(pg_url)
        with engine.connect() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({own})")
        engine.dispose()
        try:
            insert.first(connection, row("a1"))
        finally:
            invalidated.append(connection.invalidated)

    invalidated: list[bool] = []
    try:
        with pytest.raises((StoreUnavailable, DBAPIError)):
            store.write(lose)
        assert invalidated == [True]
        assert store.write(everything)
    finally:
        store.close()
