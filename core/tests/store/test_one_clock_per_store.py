"""One clock for each store: machines whose own clocks differ agree on leases and due times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from renkei import Policy, Renkei
from renkei.engine.clocks import ServerClock, clock_of
from renkei.plugins.deadline import SystemClock
from renkei.store import Store
from renkei.testing import FakeBackend, ManualClock, drain

KEYS = {"k1": b"1" * 32}
HOUR = timedelta(hours=1)


def test_a_file_goes_by_the_machines_clock_and_a_server_by_its_own(tmp_path, pg_url):
    assert isinstance(clock_of(Store(str(tmp_path / "renkei.db"))), SystemClock)
    assert isinstance(clock_of(Store(pg_url, KEYS)), ServerClock)


def test_a_wall_clock_that_is_wrong_or_jumps_does_not_reach_the_store(pg_url):
    store, wrong = Store(pg_url, KEYS), ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
    clock = ServerClock(store, wrong)

    first = clock.now()
    wrong.jump(-HOUR)
    second = clock.now()
    with store.read() as connection:
        right = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    store.close()

    assert timedelta(0) <= second - first < timedelta(minutes=1)
    assert abs(right - second) < timedelta(minutes=1)


def test_the_time_goes_on_between_two_questions(pg_url):
    store, own = Store(pg_url, KEYS), ManualClock()
    clock = ServerClock(store, own)
    first = clock.now()

    own.forward(timedelta(seconds=5))

    assert timedelta(seconds=5) <= clock.now() - first < timedelta(seconds=60)
    store.close()


def test_a_server_that_is_gone_leaves_the_time_going_on(pg_url):
    store, own = Store(pg_url, KEYS), ManualClock()
    clock = ServerClock(store, own)
    first = clock.now()
    store.close()
    clock._store = Store("postgresql://nobody@127.0.0.1:1/none", KEYS)

    own.forward(timedelta(seconds=11))

    assert timedelta(seconds=11) <= clock.now() - first < timedelta(minutes=2)


def test_two_machines_an_hour_apart_deliver_what_either_records_at_once(pg_url):
    fake = FakeBackend()

    def machine(off):
        store_clock = ManualClock(datetime.now(UTC) + off)
        engine = Renkei(pg_url, keys=KEYS, policy=Policy(lanes_at_once=1), **fake.plug())
        engine._parts.clock._own = store_clock
        return engine

    with machine(HOUR) as ahead, machine(-HOUR) as behind:
        fake.set_up(ahead)
        for number, engine in enumerate((ahead, behind)):
            at = engine._parts.now()
            action = {"id": f"a{number}", "kind": "mail_sent", "channel": "mail", "occurred_at": at}
            assert engine.record("t", "support", {"action": action}).outcome == "recorded"
        drain(behind)

    assert sorted(fake.values("action")) == ["a0", "a1"]
