"""`record()`: the host's request path. One commit, no network, nothing lost, nothing but the envelope refused."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from renkei.engine import EnvelopeError, Receipt, Refusal
from renkei.engine import recording as recorder

SECOND = timedelta(seconds=1)


def test_recording_touches_neither_the_network_nor_a_plugin(world):
    world.fake.requests.clear()

    world.record(1)

    assert world.fake.requests == []
    assert world.ledger() == {"offered": 1, "recorded": 1, "waiting": 1}


def test_what_was_recorded_is_there_for_another_engine_as_soon_as_the_call_returned(world):
    world.record(1)

    assert world.another().status_for("t", "support", ["a1"])[0].state == "waiting"


# -- the envelope ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenant", ["", " ", None, 7, "a\x00b", "\ud800", "x" * 201])
def test_without_a_usable_tenant_or_inbox_nothing_is_recorded(world, tenant):
    with pytest.raises(EnvelopeError, match="tenant"):
        world.renkei.record(tenant, "support", world.action(1))
    with pytest.raises(EnvelopeError, match="inbox"):
        world.renkei.record("t", tenant, world.action(1))

    assert world.ledger() == {}


@pytest.mark.parametrize(
    "envelope",
    [
        {"id": None},
        {"id": ""},
        {"id": "a\x00"},
        {"id": "\ud800"},
        {"id": "x" * 201},
        {"id": 1.5},
        {"occurred_at": None},
        {"occurred_at": "yesterday"},
        {"occurred_at": "2026-11-02T09:00:00"},
        {"occurred_at": datetime(2026, 11, 2)},  # noqa: DTZ001
        {"occurred_at": 1_700_000_000},
    ],
)
def test_a_broken_envelope_is_refused_and_counted_nowhere(world, envelope):
    with pytest.raises(EnvelopeError):
        world.renkei.record("t", "support", world.action(1, action=envelope))

    assert world.ledger() == {}


texts = st.text(st.characters(codec=None), max_size=20)
contents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
_numbers = iter(range(10**9))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    message=st.dictionaries(
        st.sampled_from(["subject", "body_text", "body_html", "from", "odd"]), contents, max_size=4
    ),
    more=st.dictionaries(texts.filter(lambda key: key not in ("action", "message")), contents, max_size=3),
    envelope=st.fixed_dictionaries({}, optional={"kind": contents, "channel": contents, "is_automatic": contents}),
)
def test_nothing_that_an_action_holds_makes_recording_or_delivering_raise(world, message, more, envelope):
    number = f"h{next(_numbers)}"
    action = world.action(number, action=envelope)
    action = {**more, **action, "message": message}

    receipt = world.renkei.record("t", "support", action)

    assert receipt.outcome in ("recorded", "excluded")
    if receipt.outcome == "recorded":
        world.drain()
        assert world.status(number).state in ("delivered", "rejected")


def test_an_unknown_field_is_kept_and_reported_once(world):
    first = world.renkei.record("t", "support", world.action(1, odd="x"))
    world.renkei.record("t", "support", world.action(2, odd="y"))

    assert first.unknown == ("message.odd",)
    assert [(row["field"], row["action_id"]) for row in world.renkei.unknown_fields("t", "support")] == [
        ("message.odd", "a1")
    ]


def test_the_same_id_with_other_content_is_a_conflict_and_the_first_is_delivered(world):
    world.record(1)

    receipt = world.renkei.record("t", "support", world.action(1, subject="other"))
    again = world.renkei.record("t", "support", world.action(1))
    world.drain()

    assert (receipt.outcome, again.repeated) == ("conflict", True)
    assert world.fake.values("subject") == ["subject 1"]
    assert world.ledger() == {"offered": 2, "recorded": 1, "conflict": 1, "delivered": 1}


def test_a_time_far_ahead_is_taken_and_noted_in_the_actions_story(world):
    ahead = world.clock.now() + timedelta(minutes=6)

    receipt = world.renkei.record("t", "support", world.action(1, action={"occurred_at": ahead}))

    assert (receipt.outcome, receipt.note) == ("recorded", "occurred_ahead")
    assert world.renkei.why("t", "a1").note == "occurred_ahead"


@pytest.mark.parametrize(("before", "outcome"), [(0 * SECOND, "recorded"), (1 * SECOND, "excluded")])
def test_what_happened_before_the_set_up_is_excluded_by_the_second(world, before, outcome):
    at = world.clock.now() - before

    assert world.renkei.record("t", "support", world.action(1, action={"occurred_at": at})).outcome == outcome


@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        ({"channel": "fax"}, "channel_unknown"),
        ({"channel": None}, "channel_unknown"),
        ({"kind": "mail_received"}, "kind_unknown"),
        ({"channel": "line", "kind": "chat_ended"}, "kind_not_chosen"),
        ({"is_automatic": True}, "automatic"),
    ],
)
def test_an_excluded_action_can_be_asked_why(world, envelope, reason):
    world.renkei.record("t", "support", world.action(1, action=envelope))

    status = world.status(1)

    assert (status.state, status.code) == ("excluded", reason)
    assert status.text.ja
    assert status.text.en
    assert world.ledger() == {"offered": 1, "excluded": 1}


# -- many at once ---------------------------------------------------------------------------------------------------


def test_many_are_recorded_one_by_one_and_a_broken_one_stops_nothing(world):
    actions = [world.action(1), {"message": {}}, world.action(2, action={"channel": "fax"}), world.action(1)]

    results = world.renkei.record_many("t", "support", iter(actions))

    assert isinstance(results[1], Refusal)
    assert results[1].position == 1
    kept = [result for result in results if isinstance(result, Receipt)]
    assert [(one.outcome, one.repeated) for one in kept] == [
        ("recorded", False),
        ("excluded", False),
        ("recorded", True),
    ]


def test_no_actions_at_all_are_no_trouble(world):
    assert world.renkei.record_many("t", "support", []) == []
    assert world.renkei.status_for("t", "support", []) == []
    assert world.renkei.cancel("t", "admin", "support", []) == 0
    assert world.ledger() == {}


def test_what_a_host_streams_is_not_queued_faster_than_it_is_written(world):
    taken, stands_still, go_on = [], threading.Event(), threading.Event()

    def stream():
        for number in range(700):
            taken.append(number)
            yield world.action(number)

    def hold(_connection):
        stands_still.set()
        assert go_on.wait(20)

    held = world.renkei._parts.store.submit(hold)
    assert stands_still.wait(20)
    with ThreadPoolExecutor(1) as pool:
        recording = pool.submit(world.renkei.record_many, "t", "support", stream())
        while len(taken) < recorder._AHEAD:
            assert not recording.done()
        assert len(taken) <= recorder._AHEAD + 1
        go_on.set()
        assert len(recording.result(20)) == 700
    held.result(20)

    assert world.ledger() == {"offered": 700, "recorded": 700, "waiting": 700}


def test_sixty_four_threads_at_once_record_what_they_bring(world):
    start = threading.Barrier(64)

    def bring(worker):
        start.wait()
        return [world.renkei.record("t", "support", world.action(f"{worker}-{n}")).outcome for n in range(10)]

    with ThreadPoolExecutor(64) as pool:
        outcomes = {outcome for found in pool.map(bring, range(64)) for outcome in found}

    assert outcomes == {"recorded"}
    assert world.ledger() == {"offered": 640, "recorded": 640, "waiting": 640}


def test_two_hundred_tasks_of_one_event_loop_record_two_hundred_actions(world):
    async def all_of_them():
        return await asyncio.gather(*(world.renkei.arecord("t", "support", world.action(n)) for n in range(200)))

    receipts = asyncio.run(all_of_them())

    assert {receipt.outcome for receipt in receipts} == {"recorded"}
    assert world.ledger() == {"offered": 200, "recorded": 200, "waiting": 200}


def test_a_cancelled_caller_harms_nobody_and_may_bring_its_action_again(world):
    async def cancel_half():
        tasks = [asyncio.ensure_future(world.renkei.arecord("t", "support", world.action(n))) for n in range(100)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(cancel_half())
    for number in range(100):
        assert world.renkei.record("t", "support", world.action(number)).outcome == "recorded"

    assert all(isinstance(result, Receipt) for result in results[1::2])
    assert world.ledger() == {"offered": 100, "recorded": 100, "waiting": 100}


def test_an_async_caller_hears_of_a_broken_envelope(world):
    with pytest.raises(EnvelopeError):
        asyncio.run(world.renkei.arecord("t", "support", {}))


# -- inside the host's own transaction ------------------------------------------------------------------------------


@pytest.fixture
def host_engine(world):
    engine = sa.create_engine(f"sqlite:///{world.path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE tickets (id INTEGER PRIMARY KEY)")
    yield engine
    engine.dispose()


def _tickets(engine):
    with engine.connect() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM tickets").scalar()


def test_an_action_recorded_in_the_hosts_transaction_is_there_when_the_host_commits(world, host_engine):
    with host_engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO tickets DEFAULT VALUES")
        receipt = world.renkei.record("t", "support", world.action(1), connection=connection)
        assert world.status(1).state == "not_offered"
    world.drain()

    assert receipt.outcome == "recorded"
    assert (_tickets(host_engine), world.status(1).state) == (1, "delivered")


def test_an_action_recorded_in_the_hosts_transaction_is_gone_when_the_host_rolls_back(world, host_engine):
    with host_engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO tickets DEFAULT VALUES")
        world.renkei.record("t", "support", world.action(1), connection=connection)
        connection.rollback()

    assert _tickets(host_engine) == 0
    assert world.ledger() == {}
    assert world.renkei.record("t", "support", world.action(1)).repeated is False


def test_a_session_of_the_hosts_may_be_given_as_well(world, host_engine):
    with Session(host_engine) as session:
        world.renkei.record("t", "support", world.action(1), connection=session)
        session.commit()

    assert world.ledger() == {"offered": 1, "recorded": 1, "waiting": 1}


def test_a_plain_driver_connection_of_the_hosts_may_be_given_as_well(world):
    connection = sqlite3.connect(world.path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        world.renkei.record("t", "support", world.action(1), connection=connection)
        connection.rollback()
        assert world.ledger() == {}
        connection.execute("BEGIN IMMEDIATE")
        world.renkei.record("t", "support", world.action(1), connection=connection)
        connection.commit()
    finally:
        connection.close()

    assert world.ledger() == {"offered": 1, "recorded": 1, "waiting": 1}


def test_a_deletion_while_the_host_records_leaves_no_waiting_row_behind(world, host_engine):
    deleted = []

    def delete_meanwhile(connection, cursor, statement, *_):
        if statement.startswith("INSERT INTO intake") and not deleted:
            deleted.append(
                threading.Thread(
                    target=world.integrations.delete, args=("t", "admin", "support"), kwargs={"deliver_waiting": False}
                )
            )
            deleted[0].start()
            deleted[0].join(1)  # it ends now, or waits for the host's commit

    sa.event.listen(host_engine, "before_cursor_execute", delete_meanwhile)
    with host_engine.begin() as connection:
        world.renkei.record("t", "support", world.action(1), connection=connection)
    deleted[0].join(20)

    assert "waiting" not in world.ledger()


@pytest.mark.parametrize("what", [object(), "sqlite://"])
def test_what_is_no_connection_is_refused_as_such(world, what):
    with pytest.raises(EnvelopeError, match="Connection or Session"):
        world.renkei.record("t", "support", world.action(1), connection=what)


def test_a_connection_to_another_renkei_database_is_refused_and_takes_nothing(world, make_world):
    other = make_world()
    other.set_up()
    engine = sa.create_engine(f"sqlite:///{other.path}")
    try:
        with engine.begin() as connection, pytest.raises(EnvelopeError, match="another database"):
            world.renkei.record("t", "support", world.action(1), connection=connection)
    finally:
        engine.dispose()

    assert (world.ledger(), other.ledger()) == ({}, {})
