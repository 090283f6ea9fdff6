"""Wall clocks that are set forward or back: nothing is doubled, and what waits goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

DAY = timedelta(days=1)
SETTLED = timedelta(seconds=61)


def test_a_clock_put_forward_does_not_shorten_the_hold_off_of_what_this_process_has_sent(world):
    world.record(1)
    world.fake.fail("lose_request")
    world.drain()
    world.pushes()

    world.clock.jump(DAY)
    world.drain()
    # The machine's own seconds count as well: the margin is for a slow one.
    world.drain(after=timedelta(seconds=20))
    assert (world.pushes(), world.status(1).code) == ([], "held")

    world.drain(after=SETTLED)
    assert world.fake.values("action") == ["a1"]


@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["forward", "back"])
def test_a_clock_set_between_mark_and_settle_holds_for_as_long_as_ever(world, jump):
    world.record(1)
    world.fake.before_answer = lambda request: world.clock.jump(jump) if request.url.path == "/records" else None
    world.fake.fail("lose_answer")
    world.drain()
    world.fake.before_answer = lambda _request: None
    world.pushes()

    world.drain(after=timedelta(seconds=59))
    assert world.pushes() == []
    world.drain(after=timedelta(seconds=2))

    assert world.ledger()["delivered"] == 1
    assert len(world.fake.records) == 1


def test_a_clock_put_back_while_held_delays_and_never_doubles(world):
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()

    world.clock.jump(-DAY)
    world.drain(after=timedelta(hours=23))
    assert world.state(1) == "waiting"
    world.drain(after=timedelta(hours=1, minutes=2))

    assert (world.state(1), len(world.fake.records)) == ("delivered", 1)


@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["forward", "back"])
def test_what_is_recorded_after_the_clock_was_set_is_delivered_at_once(world, jump):
    world.record(1)
    world.drain()
    integration_began = world.clock.now()

    world.clock.jump(jump)
    action = world.action(2)
    action["action"]["occurred_at"] = integration_began
    assert world.renkei.record("t", "support", action).outcome == "recorded"
    world.drain()

    assert world.fake.values("action") == ["a1", "a2"]


def test_a_lane_that_waits_for_its_retry_comes_at_once_when_the_clock_is_put_forward(world):
    world.record(1)
    world.fake.fail("busy")
    world.drain()
    assert world.lane()[0] == "waiting"

    world.clock.jump(DAY)
    world.drain()

    assert world.fake.values("action") == ["a1"]


def test_a_lane_that_waits_for_its_retry_is_woken_by_a_test_of_the_connection_after_a_clock_was_put_back(world):
    world.record(1)
    world.fake.fail("busy")
    world.drain()

    world.clock.jump(-DAY)
    world.drain(after=timedelta(minutes=1))
    assert world.state(1) == "waiting"
    world.renkei.connections.test("t", "admin", "fake")
    world.drain()

    assert world.fake.values("action") == ["a1"]


def test_a_successor_whose_clock_is_a_day_ahead_holds_what_it_takes_over(make_world):
    """As on two machines: the second believes the lease long over, and the request is still running there."""

    world = make_world()
    world.set_up()
    world.record(1)
    first = world.another()
    with first, world.renkei:
        lease_of_the_dead(first, world)
        world.clock.jump(DAY)
        world.drain()
        assert (world.state(1), world.pushes()) == ("waiting", [])
        world.drain(after=SETTLED)

    assert world.fake.values("action") == ["a1"]


def lease_of_the_dead(engine, world):
    """Mark the delivery as a worker elsewhere would that goes on running there."""
    from renkei.store import deliveries, lanes

    store, now = engine._parts.store, world.clock.now()
    lease = store.write(lambda c: lanes.claim(c, owner="elsewhere", now=now, lease=timedelta(seconds=120)))
    with store.read() as connection:
        rows = deliveries.due(connection, lease.lane_id, now=now, most=10)
    assert store.write(lambda c: deliveries.mark(c, lease, rows, now))


def test_sending_again_by_hand_waits_out_the_hold_off_whatever_the_clock_says(unkeyed):
    from renkei.engine import NotPossible

    unkeyed.record(1)
    unkeyed.fake.fail("lose_request")
    unkeyed.drain()

    unkeyed.clock.jump(DAY)
    with pytest.raises(NotPossible, match="it can be sent again after"):
        unkeyed.renkei.replay("t", "admin", "support", ["a1"])

    unkeyed.clock.forward(SETTLED)
    assert unkeyed.renkei.replay("t", "admin", "support", ["a1"]) == 1
