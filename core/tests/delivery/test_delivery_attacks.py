"""Interleavings that somebody who wants a record lost or doubled would choose (promises 5, 6 and 7)."""

from __future__ import annotations

import importlib.util
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from renkei.delivery import lane as lane_module
from renkei.engine import NotPossible
from renkei.mapping import Mapping, Rule
from renkei.testing import drain

_SPEC = importlib.util.spec_from_file_location("asking", Path(__file__).parent / "asking.py")
assert _SPEC is not None
assert _SPEC.loader is not None
asking = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(asking)

SETTLED = timedelta(seconds=61)
HOUR = timedelta(hours=1)


def without_key(world):
    """The fake's mapping where nothing but the subject is left of it."""
    return Mapping(rules=(Rule(target="subject", source="message.subject"), Rule(target="action", source="action.id")))


def change(world, code, **values):
    """Somebody changes a field in the CRM."""
    world.fake.fields = [
        field.model_copy(update=values) if field.code == code else field for field in world.fake.fields
    ]


def test_what_may_be_written_under_a_key_that_is_gone_does_not_block_the_lane_for_good(world):
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()
    world.record(2)
    world.fake.fields = [field for field in world.fake.fields if field.code != "key"]
    world.drain(after=SETTLED)
    assert world.lane() == ("blocked", "schema_drift")

    world.renkei.integrations.edit("t", "admin", "support", mapping=without_key(world), waiting="new_settings")
    world.drain(after=SETTLED)

    assert (world.lane()[0], world.state(1), world.state(2)) == ("open", "doubtful", "delivered")
    assert world.fake.values("action") == ["a1", "a2"]


def test_send_again_is_offered_only_when_the_request_itself_must_have_ended(unkeyed):
    """Its last request may leave long after its mark; whoever asks is not the process that sent it."""
    world = unkeyed
    world.record(1)
    world.fake.before_answer = lambda request: (
        world.clock.jump(timedelta(seconds=50)) if request.url.path == "/records" else None
    )
    world.fake.fail("lose_request")
    world.drain()
    world.fake.before_answer = lambda _request: None
    host = world.another()

    world.clock.forward(timedelta(seconds=20))
    with pytest.raises(NotPossible, match="may still be on its way"):
        host.replay("t", "admin", "support", ["a1"])
    again_from = host.doubtful("t", "support")[0].again_from
    world.clock.forward(timedelta(seconds=41))
    assert again_from == world.clock.now() - timedelta(seconds=1)
    assert host.replay("t", "admin", "support", ["a1"]) == 1
    host.close()


def test_one_bad_record_that_is_replayed_again_and_again_is_not_the_lane(world):
    world.fake.refuses = lambda record: ("no_name", None) if record["action"] == "a1" else None
    world.record(1)
    world.drain()
    for _ in range(6):
        world.renkei.replay("t", "admin", "support", ["a1"])
        world.drain()

    assert (world.lane()[0], world.state(1)) == ("open", "rejected")


def test_a_process_that_thaws_before_its_push_marks_nothing_that_it_will_not_send(make_world, monkeypatch):
    lease = SimpleNamespace(ahead=0.0)
    monkeypatch.setattr(lane_module, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + lease.ahead))

    def reached(point):
        if point == "marked" and not frozen:
            frozen.append(point)
            lease.ahead = 10_000.0
        elif point == "released":
            lease.ahead = 0.0

    frozen = []
    world = make_world(reached=reached)
    world.set_up(keyed=False)
    world.record(*range(30))

    world.drain()

    assert frozen
    assert world.ledger() == {"offered": 30, "recorded": 30, "delivered": 30}
    assert len(world.fake.records) == 30


def test_a_clock_put_back_does_not_make_an_old_look_at_the_target_a_fresh_one(world):
    world.record(1)
    world.drain()
    world.clock.jump(-HOUR)
    world.fake.fields = [field for field in world.fake.fields if field.code != "body"]
    world.clock.forward(timedelta(minutes=11))

    action = world.action(2)
    action["action"]["occurred_at"] += HOUR
    world.renkei.record("t", "support", action)
    world.pushes()
    world.drain()

    assert (world.pushes(), world.lane()) == ([], ("blocked", "schema_drift"))


def test_a_key_that_lost_its_uniqueness_during_the_hold_off_is_seen_before_the_resend(world):
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()
    world.record(2)
    world.drain(after=timedelta(seconds=20))
    assert world.state(2) == "delivered"
    world.pushes()
    change(world, "key", unique=False)

    world.drain(after=timedelta(seconds=42))

    assert (world.pushes(), world.lane()) == ([], ("blocked", "schema_drift"))


@pytest.mark.parametrize("way", ["edit", "delete"])
def test_what_may_be_written_in_a_lane_that_will_never_open_again_is_left_to_a_person(world, way):
    """The target is gone for good: what waits there can be neither proven nor cancelled."""
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()
    change(world, "key", unique=False)
    world.drain(after=SETTLED)
    assert (world.lane()[0], world.state(1)) == ("blocked", "waiting")

    if way == "edit":
        settings = {"account": "fake", "password": world.fake.password}
        world.renkei.connections.add("t", "admin", "other", backend="fake", settings=settings)
        mapping = without_key(world)
        world.renkei.integrations.edit(
            "t", "admin", "support", connection="other", mapping=mapping, waiting="new_settings"
        )
    else:
        world.renkei.integrations.delete("t", "admin", "support", deliver_waiting=False)

    assert (world.state(1), world.ledger()["doubtful"]) == ("doubtful", 1)
    world.renkei.settle("t", "admin", "support", "a1")
    assert world.state(1) == "delivered"


def test_a_lane_to_blame_takes_back_only_what_is_still_its_own(world):
    world.fake.refuses = lambda record: ("closed", None)
    world.record(1)
    world.drain()
    settings = {"account": "fake", "password": world.fake.password}
    world.renkei.connections.add("t", "admin", "other", backend="fake", settings=settings)
    world.renkei.integrations.edit("t", "admin", "support", connection="other", mapping=world.fake.mapping())
    world.renkei.replay("t", "admin", "support", ["a1"], under="new_settings")
    world.drain()
    world.renkei.integrations.edit("t", "admin", "support", connection="fake", mapping=world.fake.mapping())

    for number in range(2, 6):
        world.record(number)
        world.drain()

    assert world.lane() == ("blocked", "closed")
    assert [world.state(number) for number in range(1, 6)] == ["rejected", *["waiting"] * 4]


@pytest.mark.parametrize(
    ("fault", "ends"), [("busy", "cancelled"), ("refuse_connection", "cancelled"), ("lose_answer", "delivered")]
)
def test_what_is_on_its_way_when_the_rest_is_cancelled_is_cancelled_unless_it_may_be_there(world, fault, ends):
    def delete(request):
        if request.url.path == "/records":
            world.fake.before_answer = lambda _request: None
            world.renkei.integrations.delete("t", "admin", "support", deliver_waiting=False)

    world.fake.before_answer = delete
    world.fake.fail(fault)
    world.record(1)

    world.drain()
    world.drain(after=SETTLED)
    world.drain(after=SETTLED)

    assert world.state(1) == ends
    assert len(world.fake.records) == (ends == "delivered")


def test_a_token_that_may_not_search_leaves_a_doubt_and_not_a_blocked_lane(make_world):
    world = make_world(fake=asking.AskableBackend("none"))
    world.set_up()
    world.fake.tells = 403
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()

    world.drain(after=SETTLED)
    world.record(2)
    world.drain()

    assert (world.lane()[0], world.state(1), world.state(2)) == ("open", "doubtful", "delivered")


def test_a_clock_put_forward_does_not_shorten_the_hold_off_of_what_another_process_has_sent(world):
    """The other one knows how long it has really waited; this one only that the clock has been set since."""
    with world.another() as other:
        drain(other)
        world.record(1)
        world.fake.fail("lose_request")
        world.drain()
        world.pushes()

        world.clock.jump(HOUR)
        drain(other)
        assert (world.pushes(), world.state(1)) == ([], "waiting")

        world.clock.forward(SETTLED)
        drain(other)

    assert world.fake.values("action") == ["a1"]
