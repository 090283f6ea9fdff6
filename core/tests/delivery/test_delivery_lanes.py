"""What a lane does when the backend, the credentials or the target change (sections 5 and 6, promise 8)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from renkei.delivery import Policy, PolicyError
from renkei.spec import Field, FieldType

MINUTE = timedelta(minutes=1)


def test_a_revoked_password_blocks_the_lane_and_renewing_delivers_what_waited(world):
    world.record(1)
    world.fake.password = "another-password"
    world.drain()
    assert world.lane() == ("blocked", "wrong_password")
    world.record(2)

    world.renkei.connections.renew("t", "admin", "fake", settings={"password": "another-password"})
    world.drain()

    assert world.fake.values("action") == ["a1", "a2"]
    assert world.lane() == ("open", None)


def test_a_blocked_lane_is_probed_without_a_person_and_then_sends_one_small_push(world):
    world.record(*range(1, 6))
    world.fake.fail("unauthorised")
    world.drain()
    assert world.lane()[0] == "blocked"
    world.fake.requests.clear()
    world.pushes()

    world.drain(after=30 * MINUTE)

    assert world.fake.requests[0] == ("GET", "/account")
    assert world.pushes() == [1, 4]


def test_a_pause_that_the_backend_asks_for_is_kept_and_nothing_is_probed(world):
    world.record(1)
    world.fake.fail("busy")
    world.drain()
    world.fake.requests.clear()

    world.drain(after=timedelta(seconds=4))
    assert world.fake.requests == []
    world.drain(after=timedelta(seconds=2))

    assert ("GET", "/account") not in world.fake.requests
    assert world.fake.values("action") == ["a1"]


def test_waits_grow_while_the_backend_is_away(world):
    world.record(1)
    world.fake.fail(*["refuse_connection"] * 6)
    world.fake.fail(*["refuse_connection"] * 6, on="/account")
    waits = []
    for _ in range(5):
        world.drain()
        until = world.renkei.integrations.show("t", "admin", "support").lane_until
        waits.append(until - world.clock.now())
        world.clock.forward(waits[-1])

    assert waits[-1] > waits[0] * 2
    assert world.ledger()["waiting"] == 1


def test_a_lane_that_has_failed_for_days_asks_for_a_person(world):
    world.record(1)
    world.fake.fail("refuse_connection", "refuse_connection")
    world.fake.fail("refuse_connection", on="/account")
    world.drain()

    world.drain(after=timedelta(days=4))

    assert world.lane() == ("blocked", "gave_up")
    assert world.state(1) == "waiting"


def test_a_field_that_vanished_blocks_the_lane_before_anything_is_lost(world):
    world.record(1)
    world.drain()
    del world.fake.fields[1]
    world.record(2)

    world.drain(after=10 * MINUTE)

    assert world.lane() == ("blocked", "schema_drift")
    assert world.fake.values("action") == ["a1"]
    reason = world.renkei.integrations.show("t", "admin", "support").lane_reason
    assert "件名" in reason["ja"]


def test_a_field_that_vanished_between_two_looks_names_the_deliveries_concerned(make_world):
    world = make_world()
    world.set_up()
    world.record(1)
    world.fake.before_answer = lambda request: (
        world.fake.fields.pop(1) if request.url.path == "/records" and len(world.fake.fields) == 4 else None
    )

    world.drain()

    assert world.state(1) == "delivered"
    assert world.fake.values("subject") == [None]
    assert any("件名" in words.ja for words in world.renkei.why("t", "a1").drift)
    assert world.lane() == ("blocked", "schema_drift")


def test_pushes_are_confirmed_by_a_discovery_within_ten_minutes_and_not_twice(world):
    world.record(1)
    worker = world.another()
    worker.start()
    try:
        _wait_until(lambda: world.state(1) == "delivered")
    finally:
        worker.close()
    before = world.fake.requests.count(("GET", "/fields"))

    world.drain(after=10 * MINUTE)
    world.drain(after=10 * MINUTE)

    assert world.fake.requests.count(("GET", "/fields")) == before + 1


def test_a_lane_blocked_while_nothing_waited_is_probed_once_something_is_recorded(world):
    world.record(1)
    world.drain()
    removed = world.fake.fields.pop(1)
    world.renkei.work_until_idle(timeout=10)
    world.record(2)
    world.drain(after=10 * MINUTE)
    assert world.lane() == ("blocked", "schema_drift")
    world.renkei.cancel("t", "admin", "support", ["a2"])
    world.drain(after=30 * MINUTE)

    world.fake.fields.insert(1, removed)
    world.record(3)
    world.drain(after=30 * MINUTE)

    assert world.state(3) == "delivered"


def test_mending_the_mapping_delivers_what_waited_under_the_new_settings(world):
    del world.fake.fields[1]
    world.record(1, 2)
    world.drain(after=10 * MINUTE)
    assert world.lane()[0] == "blocked"

    rules = [rule for rule in world.fake.mapping().model_dump(mode="json")["rules"] if rule["target"] != "subject"]
    world.renkei.integrations.edit("t", "admin", "support", mapping={"rules": rules}, waiting="new_settings")
    world.drain()

    assert world.fake.values("action") == ["a1", "a2"]
    edited = next(line for line in world.renkei.audit("t") if line["event"] == "integration.edited")
    assert (edited["waiting"], edited["moved"]) == (2, 2)


def test_a_new_required_field_without_a_rule_is_drift(world):
    world.record(1)
    world.fake.fields.append(Field(code="must", label="必須", type=FieldType.TEXT, native_type="text", required=True))

    world.drain(after=10 * MINUTE)

    assert world.lane() == ("blocked", "schema_drift")


def test_a_tenant_that_lost_its_entitlement_is_blocked_and_keeps_what_waits(make_world):
    world = make_world()
    world.set_up()
    world.record(1)
    entitled = False
    world.renkei._parts.host.is_entitled = lambda tenant, backend: entitled  # type: ignore[method-assign]
    world.drain()
    assert world.lane() == ("blocked", "not_entitled")

    entitled = True
    world.drain(after=30 * MINUTE)

    assert world.state(1) == "delivered"


def test_the_oldest_of_a_quiet_inbox_does_not_wait_for_all_of_a_busy_one(world):
    world.set_up("quiet")
    world.record(*range(250))
    world.record("q", inbox="quiet")

    world.drain()

    assert world.fake.values("action").index("aq") < 100


def test_without_a_key_pushes_are_small(unkeyed):
    unkeyed.record(*range(50))

    unkeyed.drain()

    assert unkeyed.pushes() == [20, 20, 10]


def test_a_lease_that_does_not_outlast_a_push_is_refused_at_start():
    with pytest.raises(PolicyError, match="would lose its lane while it sends"):
        Policy(lease=timedelta(seconds=60), push_deadline=timedelta(seconds=60))


def test_a_dead_workers_lane_comes_back_when_its_lease_ends(make_world):
    world = make_world()
    world.set_up()
    world.record(1)
    _leave_marked(world)

    world.drain(after=timedelta(seconds=119))
    assert world.state(1) == "sending"
    world.drain(after=timedelta(seconds=2))
    assert world.state(1) == "waiting" or world.state(1) == "delivered"
    world.drain(after=2 * MINUTE)

    assert world.fake.values("action") == ["a1"]


def _leave_marked(world) -> None:
    """Claim and mark as a worker of another machine would, and go away."""
    from renkei.store import deliveries, lanes

    store = world.renkei._parts.store
    now = world.clock.now()

    def job(connection):
        lease = lanes.claim(connection, owner="elsewhere|1|1|x", now=now, lease=timedelta(seconds=120))
        rows = deliveries.due(connection, lease.lane_id, now=now, most=10)
        assert deliveries.mark(connection, lease, rows, now)

    store.write(job)


def _wait_until(true, seconds: float = 10.0) -> None:
    import time

    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_an_edit_before_the_confirming_look_does_not_hide_what_was_lost(make_world):
    world = make_world()
    world.set_up()
    removed = []

    def vanish_and_edit(request):
        if request.url.path == "/records" and not removed:
            removed.append(world.fake.fields.pop(1))

    world.fake.before_answer = vanish_and_edit
    world.record(1)
    worker = world.another()
    worker.start()
    try:
        _wait_until(lambda: world.state(1) == "delivered")
    finally:
        worker.close()
    rules = [rule for rule in world.fake.mapping().model_dump(mode="json")["rules"] if rule["target"] != "subject"]
    world.renkei.integrations.edit("t", "admin", "support", mapping={"rules": rules})

    world.drain(after=10 * MINUTE)

    assert world.lane()[0] == "open"
    assert any("件名" in words.ja for words in world.renkei.why("t", "a1").drift)


def test_a_rejected_delivery_of_a_deleted_integration_is_replayed_under_the_new_one(world):
    world.fake.refuses = lambda record: ("too_odd", "subject")
    world.record(1)
    world.drain()
    world.renkei.integrations.delete("t", "admin", "support")
    world.fake.refuses = lambda record: None
    world.fake.account = "second"
    settings = {"account": "second", "password": world.fake.password}
    world.renkei.connections.add("t", "admin", "second", backend="fake", settings=settings)
    world.renkei.integrations.create("t", "admin", "support", connection="second", mapping=world.fake.mapping())

    world.renkei.replay("t", "admin", "support", ["a1"], under="new_settings")
    world.drain()

    assert world.state(1) == "delivered"


def test_two_integrations_of_one_lane_with_and_without_a_key_take_turns(make_world):
    world = make_world()
    world.set_up("keyed")
    world.set_up("unkeyed", keyed=False)
    world.record(*(f"k{number}" for number in range(300)), inbox="keyed")
    world.record(*(f"u{number}" for number in range(50)), inbox="unkeyed")

    world.drain()

    order = world.fake.values("action")
    assert len(order) == 350
    assert order.index("au0") < 150


def test_what_may_have_been_written_is_not_cancelled(world):
    from renkei.engine import NotPossible

    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()

    with pytest.raises(NotPossible, match="may already be in the CRM"):
        world.renkei.cancel("t", "admin", "support", ["a1"])
