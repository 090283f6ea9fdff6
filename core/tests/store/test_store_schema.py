"""The schema: one, brought about by whoever comes first, and refused where it is newer than we are."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from renkei.store import Store, StoreTooNew, StoreUnavailable
from renkei.store.database import Database
from renkei.store.ledger import count
from renkei.store.schema import HEAD, version_of
from renkei.store.tables import deliveries, lanes, metadata

KEYS = {"k1": b"1" * 32}


def _differences(connection):
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": False, "version_table": "renkei_schema"}
    )
    return compare_metadata(context, metadata)


def _everything(connection):
    tables = sorted(sa.inspect(connection).get_table_names())
    return {name: connection.execute(sa.text(f"SELECT * FROM {name}")).all() for name in tables}


@pytest.fixture
def opened(empty_url):
    """Open an unused database, as often as wanted."""
    made = []

    def open_it():
        made.append(Store(empty_url, KEYS))
        return made[-1]

    yield open_it
    for store in made:
        store.close()


def test_the_migrations_make_exactly_the_tables_that_the_queries_use(opened):
    with opened().read() as connection:
        assert _differences(connection) == []
        assert version_of(connection) == HEAD


def test_the_partial_indexes_are_partial_in_the_database_as_well(bench):
    def wheres(connection, table):
        return {
            index["name"]: str(index["dialect_options"].get(f"{connection.dialect.name}_where", ""))
            for index in sa.inspect(connection).get_indexes(table.name)
        }

    with bench.store.read() as connection:
        assert "deleted" in wheres(connection, metadata.tables["integrations"])["uq_integrations_standing"]
        assert "deleted_at" in wheres(connection, metadata.tables["connections"])["uq_connections_tenant_name"]
        assert "wake_at" in wheres(connection, lanes)["ix_lanes_wake_at"]
        assert "waiting" in wheres(connection, deliveries)["ix_deliveries_waiting"]
        assert "sending" in wheres(connection, deliveries)["ix_deliveries_sending"]


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(opened):
    store = opened()
    store.write(lambda connection: connection.execute(sa.text("UPDATE renkei_schema SET version_num = '9999'")))
    with store.read() as connection:
        before = _everything(connection)

    with pytest.raises(StoreTooNew, match=r"'9999'.*Nothing was changed"):
        _ = opened().installation

    with store.read() as connection:
        assert _everything(connection) == before


def test_many_who_start_at_once_on_an_empty_database_end_with_one_schema_and_one_installation(opened):
    stores = [opened() for _ in range(6)]
    barrier = threading.Barrier(len(stores))

    def start(store: Store) -> str:
        barrier.wait()
        return store.installation

    with ThreadPoolExecutor(len(stores)) as pool:
        installations = set(pool.map(start, stores))

    assert len(installations) == 1
    with stores[0].read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM renkei_schema")).scalar() == 1


def test_opening_again_finds_the_same_installation(bench, open_store):
    first = bench.store.installation

    assert open_store().installation == first


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_an_sqlite_database_in_memory_is_refused(url):
    with pytest.raises(StoreUnavailable, match="give a file"), Database(url).read():
        pass


@pytest.mark.parametrize("url", ["mysql://x/y", "postgres://x/y", "nonsense://", "oracle+cx://u:secret@h/d"])
def test_another_kind_of_database_is_refused_without_repeating_its_url(url):
    with pytest.raises(StoreUnavailable, match="must begin with sqlite:///") as refused:
        Database(url)

    assert "secret" not in str(refused.value)


def test_a_folder_that_does_not_exist_is_named_as_the_cause_and_leaves_no_key_file(tmp_path):
    with pytest.raises(StoreUnavailable, match="check that its folder exists"):
        _ = Store(str(tmp_path / "nowhere" / "renkei.db")).installation

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "renkei.db"
    path.write_bytes(b"this is a letter and no database at all. " * 50)
    before = path.read_bytes()

    with pytest.raises(StoreUnavailable, match="not a database of renkei's"):
        _ = Store(str(path)).installation

    assert path.read_bytes() == before


def test_a_server_that_is_not_there_is_said_to_be_unreachable_without_its_password(tmp_path):
    store = Store(f"postgresql://somebody:canary@/x?host={tmp_path}", KEYS)

    with pytest.raises(StoreUnavailable, match="look whether it runs") as refused:
        _ = store.installation

    assert "canary" not in str(refused.value)


def test_a_reader_sees_one_snapshot_however_much_is_written_meanwhile(bench):
    bench.set_up()
    with bench.store.read() as connection:
        before = count(connection, "t")
        bench.record("a1")
        after = count(connection, "t")

    assert before == after
