"""Waiting for locks: on SQLite those who wait long keep their chance, on PostgreSQL writers keep nobody off a lane."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from renkei.store import Store, StoreUnavailable, deliveries, sqlite_file
from renkei.store.database import translated

KEYS = {"k1": b"1" * 32}
WAIT = 10


def test_a_writer_that_has_waited_long_asks_as_often_as_one_that_has_just_begun(tmp_path, monkeypatch):
    store = Store(f"sqlite:///{tmp_path / 'renkei.db'}", KEYS)
    _ = store.installation
    # Let go of in the writer's thread, which is another one.
    open_other = sqlite3.connect(tmp_path / "renkei.db", isolation_level=None, check_same_thread=False)
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 20:
            other.execute("COMMIT")

    with closing(open_other) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(sqlite_file, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
        after = store.write(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout").scalar())
    store.close()

    assert len(pauses) == 20
    assert len(set(pauses)) == 1
    assert after == sqlite_file.BUSY_TIMEOUT_SECONDS * 1000, "readers of that connection wait as they did before"


def test_a_deadlock_is_not_told_as_a_database_that_hangs():
    words = "deadlock detected\nDETAIL:  Process 7 waits for ShareLock on transaction 1; blocked by process 8."
    with pytest.raises(StoreUnavailable, match="waited for each other") as caught, translated():
        raise sa.exc.OperationalError("UPDATE lanes", {}, Exception(words))

    assert "over a minute" not in str(caught.value)


def test_a_delivery_that_is_being_written_keeps_no_worker_off_its_lane(bench_of_postgresql, hand):
    """An insert holds its lane's row by the foreign key until its transaction ends, which is up to the host."""
    bench, place = bench_of_postgresql
    bench.record()
    hand().connection.execute(sa.text("SELECT id FROM lanes FOR KEY SHARE"))

    lease = bench.claim()
    assert lease is not None
    assert lease.lane_id == place.lane
    marked = hand().begin_to(deliveries.mark, lease, bench.due(place.lane), bench.now)
    assert len(marked.result(WAIT)) == 1


@pytest.fixture
def bench_of_postgresql(pg_bench):
    """A bench with an inbox."""
    return pg_bench, pg_bench.set_up()
