"""What becomes of one delivery, whatever the wire does (promises 5 and 6)."""

from __future__ import annotations

from datetime import timedelta

import pytest

SETTLED = timedelta(seconds=61)


def test_what_is_recorded_becomes_one_record_with_its_id(world):
    world.record(1, 2, 3)

    world.drain()

    assert world.fake.values("action") == ["a1", "a2", "a3"]
    assert world.ledger() == {"offered": 3, "recorded": 3, "delivered": 3}
    assert world.renkei.status_for("t", "support", ["a2"])[0].remote_id == "2"


def test_a_refused_connection_loses_nothing_and_proves_that_nothing_was_written(world):
    world.record(1)
    world.fake.fail("refuse_connection")

    world.drain()
    assert world.state(1) == "waiting"
    assert not world.renkei.why("t", "a1").may_have_been_written

    world.drain(after=timedelta(seconds=2))
    assert world.fake.values("action") == ["a1"]


@pytest.mark.parametrize("fault", ["lose_answer", "stored_server_error"])
def test_a_lost_answer_of_a_stored_record_is_found_out_by_its_key(world, fault):
    world.record(1)
    world.fake.fail(fault)

    world.drain()
    assert world.ledger()["waiting"] == 1
    world.drain(after=SETTLED)

    assert world.fake.values("action") == ["a1"]
    assert world.ledger()["delivered"] == 1


@pytest.mark.parametrize("fault", ["lose_request", "server_error", "html"])
def test_an_unknown_outcome_of_a_record_that_was_not_stored_is_sent_again_once_it_has_settled(world, fault):
    world.record(1)
    world.fake.fail(fault)

    world.drain()
    world.drain(after=timedelta(seconds=30))
    assert world.fake.records == []
    world.drain(after=SETTLED)

    assert world.fake.values("action") == ["a1"]


def test_an_unknown_outcome_is_not_resent_before_it_has_settled(world):
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()
    world.pushes()

    world.drain(after=timedelta(seconds=59))

    assert world.pushes() == []
    until = world.renkei.status_for("t", "support", ["a1"])[0].until
    assert until is not None


def test_before_an_unknown_outcome_is_resent_the_key_field_is_looked_at_afresh(world):
    world.record(1)
    world.fake.fail("lose_request")
    world.drain()
    world.fake.fields[0] = world.fake.fields[0].model_copy(update={"unique": False})
    world.pushes()

    world.drain(after=SETTLED)

    assert world.pushes() == []
    assert world.lane() == ("blocked", "schema_drift")


@pytest.mark.parametrize("fault", ["lose_answer", "lose_request", "server_error"])
def test_without_a_unique_key_an_unknown_outcome_is_doubtful_and_never_resent(unkeyed, fault):
    unkeyed.record(1)
    unkeyed.fake.fail(fault)

    unkeyed.drain()
    unkeyed.drain(after=timedelta(hours=1))

    assert unkeyed.state(1) == "doubtful"
    assert len(unkeyed.pushes()) <= 1


def test_a_key_that_is_taken_on_the_first_attempt_belongs_to_somebody_else(world):
    world.record(1)
    key = world.renkei.why("t", "a1").delivery_key
    world.fake.records.append(type("Stranger", (), {"id": "9", "fields": {"key": key}})())

    world.drain()

    status = world.renkei.status_for("t", "support", ["a1"])[0]
    assert (status.state, status.code) == ("rejected", "key_taken")


def test_a_refusal_after_an_unknown_outcome_is_doubtful_and_not_rejected(world):
    world.record(1)
    world.fake.fail("lose_request")
    world.drain()
    world.fake.refuses = lambda record: ("too_odd", "subject")

    world.drain(after=SETTLED)

    assert world.state(1) == "doubtful"


def test_a_doubtful_delivery_is_settled_by_an_admin_who_has_looked(unkeyed):
    unkeyed.record(1)
    unkeyed.fake.fail("lose_answer")
    unkeyed.drain()

    unkeyed.renkei.settle("t", "admin", "support", "a1", remote_id="1")

    assert unkeyed.state(1) == "delivered"
    assert unkeyed.renkei.audit("t")[0]["event"] == "delivery.settled"


def test_sending_a_doubtful_one_again_is_offered_only_after_it_has_settled(unkeyed):
    from renkei.engine import NotPossible

    unkeyed.record(1)
    unkeyed.fake.fail("lose_request")
    unkeyed.drain()

    with pytest.raises(NotPossible, match="may still be on its way; it can be sent again after"):
        unkeyed.renkei.replay("t", "admin", "support", ["a1"])
    unkeyed.clock.forward(SETTLED)
    assert unkeyed.renkei.replay("t", "admin", "support", ["a1"]) == 1
    unkeyed.drain()

    assert unkeyed.fake.values("action") == ["a1"]


def test_a_rejected_delivery_is_replayed_once_the_cause_is_gone(world):
    world.fake.refuses = lambda record: ("too_odd", "subject")
    world.record(1)
    world.drain()
    assert world.renkei.status_for("t", "support", ["a1"])[0].field == "subject"

    world.fake.refuses = lambda record: None
    assert world.renkei.replay("t", "admin", "support") == 1
    world.drain()

    assert world.state(1) == "delivered"


def test_a_value_that_cannot_be_rendered_is_a_rejection_of_its_field_and_sends_nothing(world):
    bad = world.action(1, subject="x" * 300)
    world.renkei.record("t", "support", bad)
    world.record(2)

    world.drain()

    status = world.renkei.status_for("t", "support", ["a1"])[0]
    assert (status.state, status.field) == ("rejected", "subject")
    assert world.fake.values("action") == ["a2"]


@pytest.mark.parametrize("text", ["nul \x00 inside", "lone \ud800 surrogate"])
def test_characters_that_no_database_takes_reject_their_field_and_can_be_replayed(world, text):
    world.renkei.record("t", "support", world.action(1, subject=text))

    world.drain()

    status = world.renkei.status_for("t", "support", ["a1"])[0]
    assert (status.state, status.field) == ("rejected", "subject")
    assert world.renkei.replay("t", "admin", "support", ["a1"]) == 1
