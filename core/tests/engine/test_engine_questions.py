"""What a host and an operator may ask: status, story, log, audit, health."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest

from renkei.engine import NotFound, NotPossible
from renkei.spec import RenkeiError

MINUTE = timedelta(minutes=1)


def test_each_state_is_told_in_words_with_what_goes_with_it(world):
    world.record(1)
    world.drain()
    world.fake.refuses = lambda record: ("refused", "subject")
    world.record(2)
    world.drain()
    world.record(3)
    world.renkei.cancel("t", "admin", "support", ["a3"])
    world.record(4)

    found = world.renkei.status_for("t", "support", ["a1", "a2", "a3", "a4", "a5"])

    assert [one.state for one in found] == ["delivered", "rejected", "cancelled", "waiting", "not_offered"]
    assert all(one.text.ja and one.text.en for one in found)
    assert (found[0].remote_id, found[1].code, found[1].field) == ("1", "refused", "subject")
    assert "CRMがレコードを拒否しました" in found[1].text.ja


def test_what_waits_for_its_lane_says_why_and_until_when(world):
    world.record(1)
    world.fake.fail("unauthorised")
    world.drain()

    status = world.status(1)

    assert (status.state, status.code) == ("waiting", "wrong_password")
    assert status.until == world.show().lane_until
    assert "パスワード" in status.text.ja


def test_what_may_have_been_written_says_until_when_it_is_held(world):
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()

    assert world.status(1).until == world.clock.now() + MINUTE
    assert world.renkei.why("t", "a1").may_have_been_written


@pytest.mark.parametrize("action", ["", "a\x00", "\ud800", "x" * 10_000, 7])
def test_an_id_that_cannot_exist_was_not_offered(world, action):
    assert world.renkei.status_for("t", "support", [action])[0].state == "not_offered"


def test_another_tenants_actions_are_not_seen(world):
    world.record(1)

    assert world.renkei.status_for("u", "support", ["a1"])[0].state == "not_offered"
    assert world.renkei.ledger("u").offered == 0
    assert world.renkei.log("u", "support") == []
    assert world.renkei.audit("u") == []
    with pytest.raises(NotFound):
        world.renkei.why("u", "a1")


def test_the_story_of_an_action_tells_every_attempt(world):
    world.record(1)
    world.fake.fail("lose_request")
    world.drain()
    world.fake.refuses = lambda record: ("odd", "subject")
    world.drain(after=2 * MINUTE)

    story = world.renkei.why("t", "a1")

    assert (story.inbox, story.revision, story.attempts) == ("support", 1, 2)
    assert [event.event for event in story.events] == ["unknown", "rejected"]
    assert [event.number for event in story.events] == [1, 2]
    assert story.status.state == "doubtful"


def test_an_id_that_was_used_in_two_inboxes_asks_for_the_inbox(world):
    world.set_up("sales")
    world.record(1)
    world.record(1, inbox="sales")

    with pytest.raises(NotFound, match=r"'sales', 'support'.*name one"):
        world.renkei.why("t", "a1")
    assert world.renkei.why("t", "a1", inbox="sales").inbox == "sales"


def test_the_log_of_an_inbox_has_its_own_deliveries_and_its_lanes_troubles_newest_first(world):
    world.set_up("sales")
    world.fake.refuses = lambda record: ("odd", "subject") if record["action"] != "a9" else None
    world.record(1)
    world.record(2, inbox="sales")
    world.drain()
    world.record(9)
    world.fake.fail("unauthorised")
    world.drain()

    events = [(event.event, event.action_id) for event in world.renkei.log("t", "support")]

    assert events == [("lane_blocked", None), ("rejected", "a1")]
    assert len(world.renkei.log("t", "support", most=1)) == 1


def test_the_audit_trail_says_who_did_what_newest_first(world):
    world.integrations.pause("t", "boss", "support")

    lines = world.renkei.audit("t")

    assert [line["event"] for line in lines] == ["integration.paused", "integration.created", "connection.added"]
    assert (lines[0]["actor"], lines[0]["inbox"], lines[0]["at"]) == ("boss", "support", world.clock.now())
    assert [line["event"] for line in world.renkei.audit("t", inbox="support", most=1)] == ["integration.paused"]


# -- health ---------------------------------------------------------------------------------------------------------


def test_all_is_well_where_nothing_is_due(world):
    health = world.renkei.health()

    assert health.ok
    assert (health.problems, health.oldest_due) == ((), None)


def test_an_old_delivery_without_a_worker_is_an_alarm(world):
    world.record(1)
    assert world.renkei.health().ok
    world.clock.forward(2 * MINUTE)

    health = world.renkei.health()

    assert not health.ok
    assert "no worker was seen for half a minute: start 'renkei work'" in health.problems[0].en
    assert "renkei work を実行する" in health.problems[0].ja
    assert health.oldest_due == world.clock.now() - 2 * MINUTE


def test_a_worker_that_lives_is_seen_and_one_that_died_is_missed(world):
    from renkei.store import history

    store = world.renkei._parts.store
    world.record(1)
    world.clock.forward(2 * MINUTE)
    store.write(lambda connection: history.beat(connection, "w1", world.clock.now()))
    assert world.renkei.health().ok
    assert world.renkei.health().workers == ("w1",)

    world.clock.forward(MINUTE)

    assert not world.renkei.health().ok
    assert world.renkei.health().workers == ()


def test_a_blocked_lane_is_a_problem_that_names_connection_target_and_reason(world):
    world.record(1)
    world.fake.fail("unauthorised")
    world.drain()

    health = world.renkei.health()

    assert not health.ok
    assert "connection 'fake', target 'cases' is blocked" in health.problems[0].en
    assert "連携先「cases」が停止しています" in health.problems[0].ja
    assert "wrong_password" in health.problems[0].ja


def test_what_is_paused_is_nobodys_alarm(world):
    world.integrations.pause("t", "admin", "support")
    world.record(1)
    world.clock.forward(60 * MINUTE)

    assert world.renkei.health().ok


# -- mending --------------------------------------------------------------------------------------------------------


def test_only_a_doubtful_delivery_is_settled_by_hand(world):
    world.record(1)

    with pytest.raises(NotPossible, match="only a doubtful one can be settled by hand"):
        world.renkei.settle("t", "admin", "support", "a1")
    with pytest.raises(NotFound):
        world.renkei.settle("t", "admin", "support", "a2")


def test_what_is_delivered_or_waits_is_not_replayed_and_one_refusal_leaves_all_as_it_was(world):
    world.fake.refuses = lambda record: ("odd", "subject") if record["action"] == "a1" else None
    world.record(1, 2)
    world.drain()

    with pytest.raises(NotPossible, match="'a2' is delivered"):
        world.renkei.replay("t", "admin", "support", ["a1", "a2"])

    assert world.status(1).state == "rejected"


def test_what_is_delivered_is_not_cancelled_and_what_waits_is(world):
    world.record(1)
    world.drain()
    world.record(2)

    with pytest.raises(NotPossible, match="'a1' is delivered"):
        world.renkei.cancel("t", "admin", "support", ["a2", "a1"])
    assert world.status(2).state == "waiting"
    assert world.renkei.cancel("t", "admin", "support", ["a2"]) == 1


def test_a_replay_may_go_under_the_new_settings(world):
    world.fake.refuses = lambda record: ("odd", "body") if "body" in record else None
    world.record(1)
    world.drain()
    rules = [rule for rule in world.fake.mapping().model_dump(mode="json")["rules"] if rule["target"] != "body"]
    world.integrations.edit("t", "admin", "support", mapping={"rules": rules})

    assert world.renkei.replay("t", "admin", "support") == 1
    world.drain()
    assert world.status(1).state == "rejected"
    assert world.renkei.replay("t", "admin", "support", under="new_settings") == 1
    world.drain()

    assert world.status(1).state == "delivered"


@pytest.mark.parametrize("words", ["nul \x00", "half \ud800", "x" * 5000])
def test_whatever_a_backend_says_of_a_refusal_can_be_written_down(world, words):
    problem = {"problems": {"0": {"code": words, "field": words}}, "code": words}
    # As bytes: JSON may say in ASCII what no encoding takes.
    world.fake._store = lambda body: httpx.Response(400, content=json.dumps(problem).encode())
    world.record(1)

    world.drain()

    assert world.status(1).state == "rejected"
    assert world.renkei.why("t", "a1").events


def test_every_error_of_the_door_is_a_renkei_error():
    from renkei import engine

    errors = [getattr(engine, name) for name in engine.__all__ if isinstance(getattr(engine, name), type)]

    assert all(issubclass(error, RenkeiError) for error in errors if issubclass(error, Exception))
