"""`record(connection=…)`: inside a transaction of the host's, with the libraries that hosts use, on both databases."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import django.db
import django.db.transaction
import psycopg
import psycopg.rows
import pytest
import sqlalchemy as sa
from django.conf import settings
from sqlalchemy.orm import Session

from renkei import Renkei
from renkei.engine import EnvelopeError, StoreUnavailable
from renkei.testing import FakeBackend, drain

numbers = itertools.count()
ALIAS = "helpdesk"
settings.configure(DATABASES={}, USE_TZ=False, TIME_ZONE="Asia/Tokyo", LOGGING_CONFIG=None)
django.setup()


class World:
    """One engine for all tests of a module; each test has actions of its own."""

    def __init__(self, url):
        self.url = sa.make_url(url)
        self.fake = FakeBackend()
        self.renkei = Renkei(url, keys={"k1": b"1" * 32}, **self.fake.plug())
        self.fake.set_up(self.renkei)
        self.at = datetime.now(UTC)
        engine = sa.create_engine(self.url)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE tickets (name TEXT PRIMARY KEY)")
        engine.dispose()

    @property
    def is_sqlite(self):
        return self.url.get_backend_name() == "sqlite"

    def action(self, name):
        envelope = {"id": name, "kind": "mail_sent", "channel": "mail", "occurred_at": self.at}
        return {"action": envelope, "message": {"subject": "件名", "body_text": "本文"}}

    def record(self, name, connection=None):
        return self.renkei.record("t", "support", self.action(name), connection=connection)

    def states(self, *names):
        return [status.state for status in self.renkei.status_for("t", "support", names)]

    def offered(self):
        ledger = self.renkei.ledger("t")
        assert ledger.adds_up
        return ledger.offered


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        if request.param == "postgresql":
            url = stack.enter_context(request.getfixturevalue("server").database())
        else:
            url = f"sqlite:///{tmp_path_factory.mktemp('host') / 'renkei.db'}"
        made = World(url)
        stack.callback(made.renkei.close)
        yield made


@pytest.fixture
def names():
    return [f"a{next(numbers)}" for _ in range(3)]


# -- hosts -----------------------------------------------------------------------------------------------------------


class Core:
    """SQLAlchemy without the ORM."""

    def __init__(self, world):
        self._engine = sa.create_engine(world.url)
        if world.url.get_backend_name() == "sqlite":
            # As SQLAlchemy's documentation of pysqlite advises for savepoints that hold.
            sa.event.listen(self._engine, "connect", _leave_transactions_to_sqlalchemy)
            sa.event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        self.given = self._engine.connect()

    def insert(self, name):
        self.given.execute(sa.text("INSERT INTO tickets VALUES (:name)"), {"name": name})

    def transaction(self):
        return self.given.begin()

    def savepoint(self):
        return self.given.begin_nested()

    def close(self):
        self.given.close()
        self._engine.dispose()


def _leave_transactions_to_sqlalchemy(connection, _record):
    connection.isolation_level = None


class Orm(Core):
    """A session of SQLAlchemy's."""

    def __init__(self, world):
        super().__init__(world)
        self._connection = self.given
        self.given = Session(self._connection)

    def close(self):
        self.given.close()
        self.given = self._connection
        super().close()


class Driver:
    """`sqlite3` or `psycopg` without anything on top, its rows made into dictionaries by the host."""

    def __init__(self, world):
        self._is_sqlite = world.url.get_backend_name() == "sqlite"
        if self._is_sqlite:
            self.given = sqlite3.connect(world.url.database, factory=OfTheHost)
            self.given.row_factory = lambda cursor, row: dict(zip([c[0] for c in cursor.description], row, strict=True))
        else:
            url = world.url.set(drivername="postgresql").render_as_string(hide_password=False)
            self.given = psycopg.connect(url, row_factory=psycopg.rows.dict_row)

    def insert(self, name):
        self.given.execute(f"INSERT INTO tickets VALUES ('{name}')")

    @contextlib.contextmanager
    def transaction(self):
        try:
            yield
        except BaseException:
            self.given.rollback()
            raise
        self.given.commit()

    @contextlib.contextmanager
    def savepoint(self):
        self.given.execute("SAVEPOINT one")
        try:
            yield
        except BaseException:
            self.given.execute("ROLLBACK TO SAVEPOINT one")
            raise
        self.given.execute("RELEASE SAVEPOINT one")

    def close(self):
        self.given.close()


class OfTheHost(sqlite3.Connection):
    """A host may have a class of its own."""


class Django:
    """`django.db.connections[…]`, as `django.db.connection` is; without time zones, which changes what it loads."""

    def __init__(self, world, **more):
        url = world.url
        kind = {"sqlite": "sqlite3", "postgresql": "postgresql"}[url.get_backend_name()]
        named = {"ENGINE": f"django.db.backends.{kind}", "NAME": url.database, **more}
        if kind == "postgresql":
            named |= {"USER": url.username, "PASSWORD": url.password or "", "HOST": url.query["host"]}
        django.db.connections.databases[ALIAS] = django.db.connections.configure_settings(
            {"default": {"ENGINE": "django.db.backends.dummy"}, ALIAS: named}
        )[ALIAS]
        self.given = django.db.connections[ALIAS]

    def insert(self, name):
        with self.given.cursor() as cursor:
            cursor.execute("INSERT INTO tickets VALUES (%s)", [name])

    def transaction(self):
        return django.db.transaction.atomic(using=ALIAS)

    savepoint = transaction

    def close(self):
        self.given.close()
        del django.db.connections[ALIAS]


@pytest.fixture(params=[Core, Orm, Driver, Django], ids=lambda kind: kind.__name__.lower())
def host(world, request):
    made = request.param(world)
    yield made
    made.close()


class Undone(Exception):
    """Takes a transaction back."""


def on_sqlite(world, says):
    """Refused on SQLite, where nobody else writes while one does; PostgreSQL lets it pass."""
    return pytest.raises(StoreUnavailable, match=says) if world.is_sqlite else contextlib.nullcontext()


# -- what becomes of it ----------------------------------------------------------------------------------------------


def test_what_was_recorded_is_seen_and_delivered_once_the_host_has_committed(world, host, names):
    with host.transaction():
        host.insert(names[0])
        receipts = [world.record(name, host.given) for name in names]
        assert world.states(*names) == ["not_offered"] * 3
    assert world.states(*names) == ["waiting"] * 3
    drain(world.renkei)

    assert [(receipt.outcome, receipt.repeated) for receipt in receipts] == [("recorded", False)] * 3
    assert world.states(*names) == ["delivered"] * 3
    assert [world.fake.values("action").count(name) for name in names] == [1, 1, 1]


def test_nothing_is_left_once_the_host_has_rolled_back(world, host, names):
    before = world.offered()

    with contextlib.suppress(Undone), host.transaction():
        host.insert(names[0])
        assert world.record(names[0], host.given).outcome == "recorded"
        raise Undone

    assert world.states(names[0]) == ["not_offered"]
    assert world.offered() == before
    with host.transaction():
        host.insert(names[0])
        assert not world.record(names[0], host.given).repeated
    assert world.states(names[0]) == ["waiting"]


def test_of_a_savepoint_that_was_rolled_back_only_what_was_recorded_in_it_is_gone(world, host, names):
    before, outside, inside = world.offered(), names[0], names[1]

    with host.transaction():
        world.record(outside, host.given)
        with contextlib.suppress(Undone), host.savepoint():
            world.record(inside, host.given)
            raise Undone
        with host.savepoint():
            world.record(names[2], host.given)

    assert world.states(outside, inside, names[2]) == ["waiting", "not_offered", "waiting"]
    assert world.offered() == before + 2


def test_the_same_action_twice_in_one_transaction_is_one(world, host, names):
    before = world.offered()

    with host.transaction():
        first, again = (world.record(names[0], host.given) for _ in range(2))

    assert (first.repeated, again.repeated) == (False, True)
    assert world.offered() == before + 1
    assert world.record(names[0]).repeated


# -- what is refused -------------------------------------------------------------------------------------------------


def _alone(world, kind):
    """A connection in autocommit mode with no transaction open."""
    if kind is Core:
        host = Core(world)
        host.given = host.given.execution_options(isolation_level="AUTOCOMMIT")
    else:
        host = kind(world)
        if kind is Driver and isinstance(host.given, sqlite3.Connection):
            host.given.isolation_level = None
        elif kind is Driver:
            host.given.autocommit = True
    return host


@pytest.mark.parametrize("kind", [Core, Driver, Django])
def test_a_connection_that_commits_each_statement_by_itself_is_refused_before_anything_is_written(world, kind, names):
    host, before = _alone(world, kind), world.offered()
    try:
        with pytest.raises(EnvelopeError, match="commits each statement by itself; begin a transaction on it first"):
            world.record(names[0], host.given)
    finally:
        host.close()

    assert world.offered() == before


@pytest.mark.parametrize("kind", [Core, Driver, Django])
def test_a_connection_to_another_database_is_refused(world, kind, names, server, tmp_path):
    here = world.url
    with server.database() as other:
        elsewhere = f"sqlite:///{tmp_path / 'other.db'}" if here.get_backend_name() == "sqlite" else other
        world.url = sa.make_url(elsewhere)
        host = kind(world)
        world.url = here
        try:
            with (
                contextlib.suppress(Undone),
                host.transaction(),
                pytest.raises(EnvelopeError, match="leads to another database than renkei's"),
            ):
                world.record(names[0], host.given)
        finally:
            host.close()


def test_a_transaction_that_began_by_reading_and_was_overtaken_is_told_how_to_begin(world, names):
    host = Django(world)
    try:
        with contextlib.suppress(Undone), host.transaction():
            with host.given.cursor() as cursor:
                cursor.execute("SELECT * FROM tickets")
            world.record(names[0])
            with on_sqlite(world, r"began by reading.*Django: transaction_mode IMMEDIATE"):
                world.record(names[1], host.given)
            raise Undone
    finally:
        host.close()

    assert world.states(*names[:2]) == ["waiting", "not_offered"]


# -- Django's own ways -----------------------------------------------------------------------------------------------


@pytest.fixture
def django_host(world):
    made = Django(world)
    yield made
    made.close()


def test_what_runs_on_commit_finds_the_action_recorded(world, django_host, names):
    seen = []

    with django_host.transaction():
        world.record(names[0], django_host.given)
        django.db.transaction.on_commit(lambda: seen.extend(world.states(names[0])), using=ALIAS)
        assert seen == []

    assert seen == ["waiting"]


def test_an_action_recorded_on_commit_needs_no_connection(world, django_host, names):
    with django_host.transaction():
        django_host.insert(names[0])
        django.db.transaction.on_commit(lambda: world.record(names[0]), using=ALIAS)

    assert world.states(names[0]) == ["waiting"]


def test_djangos_proxy_for_the_default_connection_may_be_given_too(world, django_host, names):
    proxy = django.utils.connection.ConnectionProxy(django.db.connections, ALIAS)

    with django_host.transaction():
        world.record(names[0], proxy)

    assert world.states(names[0]) == ["waiting"]


def test_without_autocommit_django_ends_the_transaction_as_it_is_told(world, django_host, names):
    django_host.given.set_autocommit(False)
    world.record(names[0], django_host.given)
    django_host.given.rollback()
    world.record(names[1], django_host.given)
    django_host.given.commit()

    assert world.states(*names[:2]) == ["not_offered", "waiting"]


def test_inside_djangos_transaction_the_plain_form_is_refused_or_writes_beside_it(world, django_host, names):
    with contextlib.suppress(Undone), django_host.transaction():
        django_host.insert(names[0])
        with on_sqlite(world, r"this thread holds a write transaction.*connection="):
            world.record(names[0])
        raise Undone

    assert world.states(names[0]) == ["not_offered" if world.is_sqlite else "waiting"]


@pytest.mark.parametrize("kind", [Core, Driver, Django])
def test_whoever_has_recorded_in_a_transaction_and_then_forgets_to_pass_it_is_told_so_at_once(world, kind, names):
    host, others = kind(world), ThreadPoolExecutor(4)
    try:
        with contextlib.suppress(Undone), host.transaction():
            world.record(names[0], host.given)
            beside = [others.submit(world.record, f"{names[0]}-{number}") for number in range(4)]
            with pytest.raises(StoreUnavailable, match=r"pass that connection.*Nothing was stored"):
                world.record(names[1])
            raise Undone
        assert [record.result(20).outcome for record in beside] == ["recorded"] * 4
    finally:
        host.close()
        others.shutdown()

    assert world.states(*names[:2]) == ["not_offered"] * 2


def test_a_task_that_forgets_it_is_told_so_as_well(world, names):
    host = Core(world)

    async def forgetful():
        with contextlib.suppress(Undone), host.transaction():
            world.record(names[0], host.given)
            given = host.given
            with pytest.raises(StoreUnavailable, match=r"pass that connection.*Nothing was stored"):
                await world.renkei.arecord("t", "support", world.action(names[1]))
            assert given
            raise Undone

    try:
        asyncio.run(forgetful())
    finally:
        host.close()

    assert world.states(*names[:2]) == ["not_offered"] * 2
