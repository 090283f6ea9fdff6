"""The whole engine on PostgreSQL: from `record()` to the ledger, and what many at once may not break."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa

from renkei import Policy, Renkei
from renkei.engine import EnvelopeError, IntegrationExists
from renkei.testing import FakeBackend, ManualClock, drain

KEYS = {"k1": b"1" * 32}


class World:
    """An engine on PostgreSQL, and as many more as a test wants."""

    def __init__(self, url):
        self.url, self.clock, self.fake, self.made = url, ManualClock(), FakeBackend(), []
        self.renkei = self.another()

    def another(self):
        policy = Policy(poll=timedelta(milliseconds=5), lanes_at_once=2)
        self.made.append(Renkei(self.url, keys=KEYS, clock=self.clock, policy=policy, **self.fake.plug()))
        return self.made[-1]

    def action(self, action, **message):
        envelope = {"id": action, "kind": "mail_sent", "channel": "mail", "occurred_at": self.clock.now()}
        return {"action": envelope, "message": {"subject": "件名", "body_text": "body", **message}}

    def record(self, *actions, engine=None):
        return [(engine or self.renkei).record("t", "support", self.action(action)) for action in actions]

    def state(self, action):
        return self.renkei.status_for("t", "support", [action])[0].state


@pytest.fixture
def bare(pg_url):
    world = World(pg_url)
    yield world
    for engine in world.made:
        engine.close()


@pytest.fixture
def world(bare):
    bare.fake.set_up(bare.renkei)
    return bare


def test_what_is_recorded_is_delivered_once_and_counted(world):
    world.record(*(f"a{number}" for number in range(250)))

    drain(world.renkei)

    ledger = world.renkei.ledger("t")
    assert ledger.adds_up
    assert (ledger.recorded, ledger.delivered) == (250, 250)
    assert sorted(world.fake.values("action")) == sorted(f"a{number}" for number in range(250))
    assert world.fake.pushes == [100, 100, 50]


def test_an_answer_that_was_lost_is_found_out_and_nothing_is_doubled(world):
    world.record("a1")
    world.fake.fail("lose_answer")
    drain(world.renkei)
    world.clock.forward(timedelta(seconds=61))

    drain(world.another())

    assert (world.state("a1"), world.fake.values("action")) == ("delivered", ["a1"])


def test_of_fifty_threads_that_set_up_one_inbox_one_wins_and_the_others_are_told_its_name(bare):
    settings = {"password": bare.fake.password}
    bare.renkei.connections.add("t", "admin", "fake", backend="fake", settings=settings)
    engines = [bare.another() for _ in range(5)]
    for engine in engines:
        engine.integrations._look_before = False
    barrier = threading.Barrier(50)

    def create(number):
        barrier.wait()
        try:
            engines[number % 5].integrations.create(
                "t", "admin", "support", connection="fake", mapping=bare.fake.mapping()
            )
        except IntegrationExists as error:
            return error.connection
        return "made"

    with ThreadPoolExecutor(50) as pool:
        outcomes = sorted(pool.map(create, range(50)))

    assert outcomes == ["fake"] * 49 + ["made"]


def test_records_from_many_threads_and_engines_at_once_all_arrive(world):
    engines = [world.renkei, world.another(), world.another()]

    def record(number):
        return world.record(f"a{number % 200}", engine=engines[number % 3])[0]

    with ThreadPoolExecutor(16) as pool:
        receipts = list(pool.map(record, range(400)))
    drain(world.renkei)

    assert {receipt.outcome for receipt in receipts} == {"recorded"}
    assert sum(not receipt.repeated for receipt in receipts) == 200
    assert sorted(world.fake.values("action")) == sorted(f"a{number}" for number in range(200))
    assert world.renkei.ledger("t").adds_up


def _without_body(world):
    return {
        "rules": [rule for rule in world.fake.mapping().model_dump(mode="json")["rules"] if rule["target"] != "body"]
    }


def test_an_action_recorded_after_an_edit_returned_has_the_new_revision_and_before_it_began_the_old(world):
    recorder = world.another()
    saved, stop = threading.Event(), threading.Event()
    before, after = [], []

    def record():
        number = 0
        while not stop.is_set():
            late = saved.is_set()
            number += 1
            world.record(f"a{number}", engine=recorder)
            (after if late else before).append(f"a{number}")

    with ThreadPoolExecutor(1) as pool:
        recording = pool.submit(record)
        world.renkei.integrations.edit("t", "admin", "support", mapping=_without_body(world))
        saved.set()
        while len(after) < 5:
            assert not recording.done()
        stop.set()
        recording.result(20)

    revisions = [world.renkei.why("t", action).revision for action in before + after]
    assert {world.renkei.why("t", action).revision for action in after} == {2}
    assert revisions == sorted(revisions)


@pytest.mark.parametrize("round_", range(3))
def test_after_a_deletion_that_cancels_returned_no_waiting_row_is_left(world, round_):
    engines = [world.another() for _ in range(3)]
    start = threading.Barrier(4)

    def record(worker):
        start.wait()
        return [world.record(f"{worker}-{number}", engine=engines[worker])[0] for number in range(15)]

    with ThreadPoolExecutor(3) as pool:
        recording = [pool.submit(record, worker) for worker in range(3)]
        start.wait()
        world.renkei.integrations.delete("t", "admin", "support", deliver_waiting=False)
        assert world.renkei.ledger("t").waiting == 0
        reasons = {receipt.reason for future in recording for receipt in future.result(20)}

    assert world.renkei.ledger("t").waiting == 0
    assert reasons <= {None, "integration_deleted"}
    assert world.renkei.ledger("t").adds_up


def test_the_books_balance_for_a_reader_at_any_moment(world):
    stop = threading.Event()

    def read():
        reader, odd = world.another(), 0
        while not stop.is_set():
            odd += not reader.ledger("t").adds_up
        return odd

    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(read)
        for number in range(100):
            world.record(f"a{number}")
        drain(world.renkei)
        stop.set()

        assert reading.result(20) == 0


# -- text that PostgreSQL does not take -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["nul \x00", "half \ud800"])
def test_characters_that_postgresql_does_not_take_are_kept_and_reject_their_field(world, text):
    world.renkei.record("t", "support", world.action("a1", subject=text, **{"odd" + text: text}))

    drain(world.renkei)

    assert world.state("a1") == "rejected"
    assert world.renkei.replay("t", "admin", "support", ["a1"]) == 1


@pytest.mark.parametrize("words", [r"nul \u0000", r"half \ud800"])
def test_whatever_a_backend_says_of_a_refusal_can_be_written_down(world, words):
    answer = b'{"code": "%s", "problems": {"0": {"code": "%s", "field": "%s"}}}' % ((words.encode(),) * 3)
    world.fake._store = lambda body: httpx.Response(400, content=answer)
    world.record("a1")

    drain(world.renkei)

    assert world.state("a1") == "rejected"
    assert world.renkei.why("t", "a1").events


@pytest.mark.parametrize("ids", [r'"1\u0000"', r'"\ud800"', '"' + "9" * 3000 + '"'])
def test_a_record_that_was_stored_under_an_odd_id_is_delivered_all_the_same(world, ids):
    world.fake._store = lambda body: httpx.Response(200, content=b'{"ids": [%s]}' % ids.encode())
    world.record("a1")

    drain(world.renkei)

    assert world.state("a1") in ("delivered", "waiting", "doubtful")
    assert world.renkei.integrations.show("t", "admin", "support").lane != "open" or world.state("a1") == "delivered"


@pytest.mark.parametrize("action", ["a\x00", "\ud800"])
def test_an_id_that_cannot_exist_was_not_offered(world, action):
    assert world.state(action) == "not_offered"


# -- inside the host's own transaction ------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_action_recorded_in_the_hosts_transaction_shares_its_end(world, end):
    engine = sa.create_engine(sa.make_url(world.url))
    try:
        with engine.connect() as connection:
            world.renkei.record("t", "support", world.action("a1"), connection=connection)
            assert world.state("a1") == "not_offered"
            getattr(connection, end)()
    finally:
        engine.dispose()

    assert world.state("a1") == ("waiting" if end == "commit" else "not_offered")


def test_a_connection_to_another_database_of_the_server_is_refused(world):
    engine = sa.create_engine(sa.make_url(world.url).set(database="postgres"))
    try:
        with engine.connect() as connection, pytest.raises(EnvelopeError, match="another database"):
            world.renkei.record("t", "support", world.action("a1"), connection=connection)
    finally:
        engine.dispose()


def test_after_a_return_from_a_backup_what_waits_is_found_by_its_key(world):
    world.record("a1", "a2")
    with world.renkei._parts.store.read() as connection:
        keys = list(connection.execute(sa.text("SELECT key FROM deliveries WHERE intake_id > 0 ORDER BY id")).scalars())
    world.fake.records += [type("Stored", (), {"id": "1", "fields": {"key": keys[0], "action": "a1"}})()]

    counted = world.renkei.restored("operator", backup_of=world.clock.now())
    world.clock.forward(timedelta(minutes=11))
    drain(world.renkei)

    assert counted.waiting == 2
    assert [world.state(action) for action in ("a1", "a2")] == ["delivered", "delivered"]
    assert world.fake.values("action") == ["a1", "a2"]


def test_a_record_that_comes_while_the_return_is_noted_is_seen_by_it_or_sees_it(world):
    before = world.clock.now()
    noted, recorded = threading.Event(), []

    def keep_recording():
        number = 0
        while not noted.is_set():
            number += 1
            recorded.extend(f"a{number}" for receipt in world.record(f"a{number}") if receipt.outcome == "recorded")

    with ThreadPoolExecutor(1) as pool:
        recording = pool.submit(keep_recording)
        while len(recorded) < 20:
            recording.done()
        world.another().restored("operator", backup_of=before)
        noted.set()
        recording.result()

    with world.renkei._parts.store.read() as connection:
        unsure = connection.execute(sa.text("SELECT count(*) FROM deliveries WHERE maybe_written")).scalar()
    assert unsure == len(recorded)
