"""What may have been written is proven where the backend can be asked by key."""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("asking", Path(__file__).parent / "asking.py")
assert _SPEC is not None
assert _SPEC.loader is not None
asking = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(asking)

SETTLED = timedelta(seconds=61)


@pytest.fixture
def askable(make_world):
    """With a unique key, and a backend that can be asked."""
    world = make_world(fake=asking.AskableBackend())
    world.set_up()
    return world


def bad(record):
    return ("no_name", None) if record["action"] == "a2" else None


def test_poison_of_a_lost_batch_is_rejected_once_the_backend_says_that_it_is_not_there(askable):
    askable.record(1, 2, 3)
    askable.fake.fail("lose_request")
    askable.drain()
    askable.fake.refuses = bad

    askable.drain(after=SETTLED)

    assert (askable.state(2), askable.status(2).code) == ("rejected", "no_name")
    assert not askable.renkei.why("t", "a2").may_have_been_written
    assert askable.fake.values("action") == ["a1", "a3"]
    assert len(askable.fake.asked) == 1


def test_poison_that_a_lost_answer_had_stored_after_all_is_delivered_with_its_link(askable):
    askable.record(2)
    askable.fake.fail("lose_answer")
    askable.drain()
    askable.fake.refuses = bad

    askable.drain(after=SETTLED)

    status = askable.status(2)
    assert (status.state, status.remote_id, status.link) == ("delivered", "1", "https://fake.renkei.example/1")


def test_where_the_backend_cannot_tell_poison_of_a_lost_batch_is_doubtful_and_says_where_to_look(askable):
    askable.fake.tells = "cannot_tell"
    askable.record(2)
    askable.fake.fail("lose_request")
    askable.drain()
    askable.fake.refuses = bad

    askable.drain(after=SETTLED)

    assert (askable.state(2), askable.status(2).code) == ("doubtful", "no_name")
    assert "by its delivery key ('renkei why' shows it)" in askable.status(2).text.en
    assert "連携キー（renkei why で表示）" in askable.status(2).text.ja


@pytest.mark.parametrize("status", [403, 401])
def test_a_backend_that_will_not_be_asked_leaves_it_to_a_person(askable, status):
    askable.fake.tells = status
    askable.record(2)
    askable.fake.fail("lose_request")
    askable.drain()
    askable.fake.refuses = bad

    askable.drain(after=SETTLED)

    assert askable.state(2) == "doubtful"


def test_a_backend_that_cannot_be_asked_just_now_is_asked_again_later(askable):
    askable.fake.tells = 503
    askable.record(2)
    askable.fake.fail("lose_request")
    askable.drain()
    askable.fake.refuses = bad
    askable.drain(after=SETTLED)
    assert (askable.state(2), askable.status(2).code) == ("waiting", "held")

    askable.fake.tells = "truth"
    askable.drain(after=SETTLED)

    assert askable.state(2) == "rejected"


def test_all_duplicates_of_a_push_get_their_links_by_one_question(askable):
    askable.record(1, 2, 3)
    askable.fake.fail("lose_answer")
    askable.drain()

    askable.drain(after=SETTLED)

    assert [askable.status(n).link for n in (1, 2, 3)] == [f"https://fake.renkei.example/{n}" for n in (1, 2, 3)]
    # The lane had failed, so that its first push is a small one.
    assert [len(keys) for keys in askable.fake.asked] == [1, 2]


@pytest.mark.parametrize("tells", ["cannot_tell", 403, 503])
def test_a_duplicate_is_delivered_whether_or_not_the_backend_gives_its_link(askable, tells):
    askable.fake.tells = tells
    askable.record(1)
    askable.fake.fail("lose_answer")
    askable.drain()

    askable.drain(after=SETTLED)

    assert (askable.state(1), askable.status(1).link) == ("delivered", None)
    assert askable.lane()[0] == "open"


def second_unique_field(world):
    """The backend names another field than the key where a record is there already."""
    there = {record.fields.get("action") for record in world.fake.records}
    return lambda record: ("taken", "action") if record["action"] in there else None


@pytest.mark.parametrize("uniqueness", ["atomic", "checked"])
def test_a_second_unique_field_that_the_first_attempt_filled_is_seen_through_by_asking(make_world, uniqueness):
    world = make_world(fake=asking.AskableBackend(uniqueness))
    world.set_up()
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()
    world.fake.refuses = second_unique_field(world)

    world.drain(after=SETTLED)

    assert (world.state(1), world.status(1).remote_id) == ("delivered", "1")
    assert len(world.fake.records) == 1


def test_a_second_unique_field_leaves_a_doubt_where_nobody_can_be_asked_and_the_sentence_names_it(world):
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()
    world.fake.refuses = second_unique_field(world)

    world.drain(after=SETTLED)

    assert (world.state(1), world.status(1).field) == ("doubtful", "action")
    assert "where a second field must be unique too, that very record may be why" in world.status(1).text.en
    assert "このレコード自身が拒否の原因になることがあります" in world.status(1).text.ja


def test_without_a_unique_field_absence_permits_the_resend_and_presence_delivers(make_world):
    world = make_world(fake=asking.AskableBackend("none"))
    world.set_up()
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()
    world.record(2)
    world.fake.fail("lose_request")
    world.drain(after=timedelta(seconds=3))

    world.drain(after=SETTLED)

    assert world.fake.values("action") == ["a1", "a2"]
    assert [world.state(n) for n in (1, 2)] == ["delivered", "delivered"]


def test_a_refusal_that_certainly_stored_nothing_does_not_begin_the_hold_off_anew(world):
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()
    world.fake.fail("busy")
    world.drain(after=SETTLED)
    assert world.state(1) == "waiting"

    world.drain(after=timedelta(seconds=10))

    assert world.state(1) == "delivered"


def test_innocent_records_of_a_lost_batch_are_not_asked_after(askable):
    askable.record(1, 2, 3)
    askable.fake.fail("lose_request")
    askable.drain()

    askable.drain(after=SETTLED)

    assert askable.ledger()["delivered"] == 3
    assert askable.fake.asked == []
