"""Doubtful deliveries are listed with what to look for; whoever wants none chooses to have them sent again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from renkei.engine import RESEND_WARNING

SETTLED = timedelta(seconds=61)


def choose(world, do="resend"):
    world.renkei.on_unknown_outcome("t", "admin", "support", do)


def test_a_doubtful_delivery_is_listed_with_what_to_look_for_and_when_it_may_be_sent_again(unkeyed):
    unkeyed.record(1)
    sent_at = unkeyed.clock.now()
    unkeyed.fake.fail("lose_answer")
    unkeyed.drain()

    (listed,) = unkeyed.renkei.doubtful("t", "support")

    assert (listed.action_id, listed.code, listed.target) == ("a1", "outcome_unknown", "応対")
    assert (listed.sent_at, listed.again_from) == (sent_at, sent_at + timedelta(seconds=60))
    assert [(look.label, look.source) for look in listed.look_for][:2] == [
        ("行動ID", "action.id"),
        ("件名", "message.subject"),
    ]
    assert listed.look_for[0].source_label.ja == "行動ID"
    assert listed.delivery_key is None
    assert "登録されたかどうか分かりません" in listed.text.ja


def test_where_the_key_is_mapped_the_list_gives_it_first(world):
    world.record(1)
    world.fake.fail("lose_request")
    world.drain()
    world.fake.refuses = lambda record: ("too_odd", "subject")
    world.drain(after=SETTLED)

    (listed,) = world.renkei.doubtful("t", "support")

    assert (listed.look_for[0].label, listed.delivery_key) == ("連携キー", world.renkei.why("t", "a1").delivery_key)


def test_nothing_doubtful_is_listed_of_another_inbox_or_state(world):
    world.record(1)
    world.drain()

    assert world.renkei.doubtful("t", "support") == []


def test_resending_is_never_the_default(unkeyed):
    assert unkeyed.renkei.integrations.show("t", "admin", "support").unknown_outcome == "doubtful"


@pytest.mark.parametrize("fault", ["lose_request", "lose_answer"])
def test_by_choice_an_unknown_outcome_without_a_key_is_sent_again_once_it_has_settled(unkeyed, fault):
    choose(unkeyed)
    unkeyed.record(1)
    unkeyed.fake.fail(fault)
    unkeyed.drain()

    unkeyed.drain(after=timedelta(seconds=58))
    assert unkeyed.state(1) == "waiting"
    unkeyed.drain(after=timedelta(seconds=4))

    assert unkeyed.state(1) == "delivered"
    # What the warning says: where the first was stored, there are two.
    assert len(unkeyed.fake.records) == (2 if fault == "lose_answer" else 1)


def test_the_choice_makes_no_difference_where_a_unique_field_takes_the_key(world):
    choose(world)
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()

    world.drain(after=SETTLED)

    assert (world.state(1), len(world.fake.records)) == ("delivered", 1)


def test_a_resend_that_is_refused_is_doubtful_and_not_rejected(unkeyed):
    choose(unkeyed)
    unkeyed.record(1)
    unkeyed.fake.fail("lose_answer")
    unkeyed.drain()
    unkeyed.fake.refuses = lambda record: ("too_odd", "subject")

    unkeyed.drain(after=SETTLED)

    assert unkeyed.state(1) == "doubtful"


def test_the_choice_is_in_the_audit_trail_and_shown_with_the_delivery_and_can_be_taken_back(unkeyed):
    choose(unkeyed)
    unkeyed.record(1)
    assert unkeyed.renkei.why("t", "a1").unknown_outcome == "resend"

    choose(unkeyed, "doubtful")
    unkeyed.fake.fail("lose_request")
    unkeyed.drain()

    assert unkeyed.state(1) == "doubtful"
    line = unkeyed.renkei.audit("t")[0]
    assert (line["event"], line["unknown_outcome"], line["before"]) == (
        "integration.unknown_outcome",
        "doubtful",
        "resend",
    )


def test_the_warning_says_in_both_languages_that_resending_doubles():
    assert "4 in 10" in RESEND_WARNING.en
    assert "stores twice what was there" in RESEND_WARNING.en
    assert "約4割" in RESEND_WARNING.ja
    assert "二重に登録" in RESEND_WARNING.ja
