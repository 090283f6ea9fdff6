"""Integrations: one per inbox, bound by revisions, ended with a choice for what waits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from renkei.engine import IntegrationExists, NotAllowed, NotFound, NotPossible, Refused
from renkei.mapping import DEFAULT_TRIGGERS, Mapping, Rule, Triggers
from renkei.spec import Field, FieldType, SettingsError
from renkei.testing import drain

MINUTE = timedelta(minutes=1)


def _without(world, *targets):
    return Mapping(rules=tuple(rule for rule in world.fake.mapping().rules if rule.target not in targets))


def _create(world, inbox="support", **more):
    return world.integrations.create(
        "t", "admin", inbox, **{"connection": "fake", "mapping": world.fake.mapping(), **more}
    )


# -- one per inbox --------------------------------------------------------------------------------------------------


def test_a_second_integration_on_an_inbox_is_refused_in_both_languages_and_names_the_first(world):
    with pytest.raises(IntegrationExists) as refused:
        _create(world)

    error = refused.value
    assert (error.inbox, error.connection, error.backend, error.target) == ("support", "fake", "fake", "応対")
    assert str(error) == error.text.en
    assert "Inbox 'support' already has an integration: connection 'fake' (fake), target '応対'" in error.text.en
    assert "受信箱「support」にはすでにチケット同期連携があります（接続「fake」、fake、応対）" in error.text.ja
    assert "Edit that one, or delete it first" in error.text.en


def test_another_inbox_and_another_tenant_may_have_one_each(world):
    world.set_up("sales")
    world.set_up(tenant="u")

    assert [made.inbox for made in world.integrations.all("t", "admin")] == ["sales", "support"]
    assert [made.inbox for made in world.integrations.all("u", "admin")] == ["support"]


@pytest.mark.parametrize("look_before", [True, False])
def test_of_many_who_set_up_one_inbox_at_once_one_succeeds(bare, look_before):
    bare.connect()
    engines = [bare.renkei, bare.another(), bare.another()]
    barrier = threading.Barrier(12)

    def create(number):
        engine = engines[number % 3]
        engine.integrations._look_before = look_before
        barrier.wait()
        try:
            engine.integrations.create("t", "admin", "support", connection="fake", mapping=bare.fake.mapping())
        except IntegrationExists as error:
            return error.connection
        return "made"

    with ThreadPoolExecutor(12) as pool:
        outcomes = sorted(pool.map(create, range(12)))

    assert outcomes == ["fake"] * 11 + ["made"]
    assert bare.events().count("integration.created") == 1


# -- checking -------------------------------------------------------------------------------------------------------


def test_every_problem_of_a_mapping_is_listed_at_once_and_nothing_is_saved(bare):
    bare.connect()
    bare.fake.fields.append(Field(code="must", label="必須", type=FieldType.TEXT, native_type="text", required=True))
    rules = (
        Rule(target="gone", source="message.subject"),
        Rule(target="subject", source="no.such.field"),
        Rule(target="body", source="message.body_text"),
        Rule(target="body", constant="twice"),
    )

    with pytest.raises(SettingsError) as refused:
        _create(bare, mapping=Mapping(rules=rules))

    assert {problem.field for problem in refused.value.problems} >= {"gone", "subject", "body", "must"}
    assert all(problem.message.ja and problem.message.en for problem in refused.value.problems)
    assert bare.integrations.all("t", "admin") == []
    assert "integration.created" not in bare.events()


def test_a_mapping_without_the_delivery_key_is_saved_with_a_warning_of_what_it_costs(bare):
    bare.connect()

    made = _create(bare, mapping=_without(bare, "key"))

    assert made.key_field is None
    assert made.warnings


@pytest.mark.parametrize("mapping", [{"rules": [{"target": "x"}]}, {"nonsense": 1}, {"rules": "x"}])
def test_a_mapping_that_is_none_is_refused_as_such(bare, mapping):
    bare.connect()

    with pytest.raises(SettingsError):
        _create(bare, mapping=mapping)


def test_a_target_that_cannot_be_looked_at_saves_nothing(bare):
    bare.connect()
    bare.fake.fail("refuse_connection", on="/fields")

    with pytest.raises(Refused):
        _create(bare)

    assert bare.integrations.all("t", "admin") == []


def test_whoever_is_no_admin_may_do_nothing_with_integrations(world):
    do = world.integrations
    for question in (
        lambda: do.create("t", "stranger", "x", connection="fake", mapping=world.fake.mapping()),
        lambda: do.edit("t", "stranger", "support", triggers=DEFAULT_TRIGGERS),
        lambda: do.pause("t", "stranger", "support"),
        lambda: do.resume("t", "stranger", "support"),
        lambda: do.delete("t", "stranger", "support"),
        lambda: do.show("t", "stranger", "support"),
        lambda: do.all("t", "stranger"),
        lambda: do.rehearse("t", "stranger", "support", []),
        lambda: do.suggest("t", "stranger", "support", connection="fake"),
        lambda: world.renkei.settle("t", "stranger", "support", "a1"),
        lambda: world.renkei.replay("t", "stranger", "support"),
        lambda: world.renkei.cancel("t", "stranger", "support", ["a1"]),
    ):
        with pytest.raises(NotAllowed, match="'stranger' is not an admin"):
            question()


def test_an_inbox_without_an_integration_says_how_to_add_one(bare):
    for question in (
        lambda: bare.show(),
        lambda: bare.integrations.edit("t", "admin", "support"),
        lambda: bare.integrations.pause("t", "admin", "support"),
        lambda: bare.integrations.resume("t", "admin", "support"),
        lambda: bare.integrations.delete("t", "admin", "support"),
        lambda: bare.integrations.rehearse("t", "admin", "support", []),
    ):
        with pytest.raises(NotFound, match="has no integration; add one"):
            question()


def test_a_connection_that_is_deleted_while_the_target_is_looked_at_cannot_be_bound(bare, monkeypatch):
    bare.connect()
    bound = bare.integrations._bind

    def bind_and_lose(*given):
        binding = bound(*given)
        bare.connections.delete("t", "admin", "fake")
        return binding

    monkeypatch.setattr(bare.integrations, "_bind", bind_and_lose)

    with pytest.raises(NotFound, match="was deleted meanwhile"):
        _create(bare)
    assert bare.integrations.all("t", "admin") == []


# -- revisions ------------------------------------------------------------------------------------------------------


def test_an_edit_makes_a_further_revision_and_what_waits_keeps_its_own(world):
    world.record(1)

    edited = world.integrations.edit("t", "admin", "support", mapping=_without(world, "body"))
    world.record(2)
    world.drain()

    assert edited.revision == 2
    assert [world.renkei.why("t", f"a{n}").revision for n in (1, 2)] == [1, 2]
    assert world.fake.values("body") == ["body", None]


def test_an_edit_may_put_what_waits_under_the_new_settings(world):
    world.record(1)

    world.integrations.edit("t", "admin", "support", mapping=_without(world, "body"), waiting="new_settings")
    world.drain()

    assert world.fake.values("body") == [None]
    edited = world.renkei.audit("t")[0]
    assert (edited["event"], edited["waiting"], edited["moved"]) == ("integration.edited", 1, 1)


def test_an_edit_of_the_triggers_keeps_the_mapping_and_the_other_way_round(world):
    triggers = Triggers(channels=frozenset({"mail"}), kinds=frozenset({"mail_sent"}))
    world.integrations.edit("t", "admin", "support", triggers=triggers)

    edited = world.integrations.edit("t", "admin", "support", mapping=_without(world, "body"))

    assert set(edited.triggers["channels"]) == {"mail"}
    assert "body" not in edited.mapping


def test_an_edit_that_does_not_check_changes_nothing(world):
    with pytest.raises(SettingsError):
        world.integrations.edit("t", "admin", "support", mapping=Mapping(rules=(Rule(target="gone", constant="x"),)))

    assert world.show().revision == 1


def test_of_two_admins_who_edit_at_once_the_later_is_told_instead_of_undoing_the_first(world, monkeypatch):
    bound = world.integrations._bind

    def bind_while_another_edits(*given):
        binding = bound(*given)
        monkeypatch.undo()
        world.integrations.edit("t", "admin", "support", mapping=_without(world, "body"))
        return binding

    monkeypatch.setattr(world.integrations, "_bind", bind_while_another_edits)

    with pytest.raises(NotPossible, match="edited by somebody else meanwhile"):
        world.integrations.edit("t", "admin", "support", triggers=DEFAULT_TRIGGERS)
    assert "body" not in world.show().mapping


def test_a_batch_rendered_before_an_edit_is_not_sent_under_the_old_mapping_after_it(make_world):
    edits = []

    def edit_once(point):
        if point == "answered" and not edits:
            edits.append(1)
            mapping = _without(world, "body")
            world.integrations.edit("t", "admin", "support", mapping=mapping, waiting="new_settings")

    world = make_world(reached=edit_once)
    world.set_up()
    world.record(*range(150))

    world.drain()

    assert world.ledger() == {"offered": 150, "recorded": 150, "delivered": 150}
    assert [value is None for value in world.fake.values("body")] == [False] * 100 + [True] * 50


def test_nothing_leaves_after_a_pause_has_returned(make_world):
    pauses = []

    def pause_once(point):
        if point == "answered" and not pauses:
            pauses.append(1)
            world.integrations.pause("t", "admin", "support")

    world = make_world(reached=pause_once)
    world.set_up()
    world.record(*range(150))

    world.drain()

    assert world.ledger() == {"offered": 150, "recorded": 150, "delivered": 100, "waiting": 50}


def test_what_may_have_been_written_is_not_sent_again_under_another_unique_field(world):
    world.fake.fields.append(
        Field(code="key2", label="連携キー2", type=FieldType.TEXT, native_type="text", unique=True, max_length=64)
    )
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()
    rules = (*_without(world, "key").rules, Rule(target="key2", source="delivery.key"))

    world.integrations.edit("t", "admin", "support", mapping=Mapping(rules=rules), waiting="new_settings")
    for _ in range(5):
        world.drain(after=30 * MINUTE)

    assert world.fake.values("action") == ["a1"]


def test_an_edit_to_another_connection_sends_new_actions_there_and_old_ones_where_they_belong(world):
    world.record(1)
    world.connect("second", account="second")

    world.integrations.edit("t", "admin", "support", connection="second")
    world.record(2)
    world.drain()

    assert world.show().connection == "second"
    assert world.ledger() == {"offered": 2, "recorded": 2, "delivered": 2}


# -- pause and resume -----------------------------------------------------------------------------------------------


def test_while_paused_actions_are_taken_and_wait_and_say_so(world):
    world.integrations.pause("t", "admin", "support")
    world.record(1, 2)
    world.drain()

    assert (world.show().state, world.show().waiting) == ("paused", 2)
    assert world.status(1).code == "paused"
    assert "再開" in world.status(1).text.ja
    assert world.fake.records == []


def test_resuming_says_how_many_waited_and_delivers_them(world):
    world.integrations.pause("t", "admin", "support")
    world.record(1, 2)

    assert world.integrations.resume("t", "admin", "support") == 2
    world.drain()

    assert world.fake.values("action") == ["a1", "a2"]


def test_resuming_may_cancel_what_waited(world):
    world.integrations.pause("t", "admin", "support")
    world.record(1, 2)

    assert world.integrations.resume("t", "admin", "support", cancel_waiting=True) == 2
    world.record(3)
    world.drain()

    assert world.ledger() == {"offered": 3, "recorded": 3, "cancelled": 2, "delivered": 1}
    resumed = next(line for line in world.renkei.audit("t") if line["event"] == "integration.resumed")
    assert (resumed["waited"], resumed["cancelled"]) == (2, 2)


def test_pausing_one_inbox_leaves_the_others_of_its_lane_alone(world):
    world.set_up("sales")
    world.integrations.pause("t", "admin", "support")
    world.record(1)
    world.record(2, inbox="sales")

    world.drain()

    assert world.fake.values("action") == ["a2"]


def test_a_lane_whose_integrations_are_all_paused_is_not_probed(world):
    world.record(1)
    world.fake.fail("unauthorised")
    world.drain()
    world.integrations.pause("t", "admin", "support")
    world.drain()
    world.fake.requests.clear()

    world.drain(after=60 * MINUTE)

    assert world.fake.requests == []


def test_a_paused_lane_in_trouble_with_unconfirmed_pushes_is_left_in_peace(world):
    world.fake.fail("lose_request")
    world.record(1)
    world.drain()
    world.record(2)
    world.integrations.pause("t", "admin", "support")
    world.clock.forward(MINUTE)

    # Once its time has come it is looked at, and then not again until somebody resumes.
    drain(world.renkei, timeout=5)
    world.integrations.resume("t", "admin", "support")
    world.drain(after=MINUTE)

    assert sorted(world.fake.values("action")) == ["a1", "a2"]


# -- deletion -------------------------------------------------------------------------------------------------------


def test_on_deletion_what_waits_is_delivered_unless_told_otherwise(world):
    world.record(1)

    told = world.integrations.delete("t", "admin", "support")
    assert [made.state for made in world.integrations.all("t", "admin")] == ["deleted"]
    world.drain()

    assert told == {"waited": 1, "cancelled": 0}
    assert world.status(1).state == "delivered"
    assert world.integrations.all("t", "admin") == []


def test_what_waited_in_a_paused_integration_is_delivered_after_its_deletion(world):
    world.integrations.pause("t", "admin", "support")
    world.record(1)

    world.integrations.delete("t", "admin", "support")
    world.drain()

    assert world.status(1).state == "delivered"


@pytest.mark.parametrize(("choice", "state"), [(True, "delivered"), (False, "cancelled")])
def test_on_deletion_the_admin_may_choose(world, choice, state):
    world.record(1)

    world.integrations.delete("t", "admin", "support", deliver_waiting=choice)
    world.drain()

    assert world.status(1).state == state


def test_where_the_lane_is_blocked_deletion_cancels_unless_told_otherwise(world):
    world.record(1)
    world.fake.fail("unauthorised")
    world.drain()
    assert world.show().lane == "blocked"

    assert world.integrations.delete("t", "admin", "support") == {"waited": 1, "cancelled": 1}


def test_where_everything_was_rejected_deletion_cancels_unless_told_otherwise(world):
    world.fake.refuses = lambda record: ("odd", "subject")
    world.record(1)
    world.drain()
    world.record(2)

    assert world.integrations.delete("t", "admin", "support") == {"waited": 1, "cancelled": 1}


def test_deletion_never_cancels_what_may_have_been_written(world):
    world.record(1)
    world.fake.fail("lose_answer")
    world.drain()

    told = world.integrations.delete("t", "admin", "support", deliver_waiting=False)
    world.drain(after=2 * MINUTE)

    assert told == {"waited": 1, "cancelled": 0}
    assert world.status(1).state == "delivered"
    assert world.fake.values("action") == ["a1"]


def test_after_deletion_an_inbox_can_be_set_up_again_and_begins_anew(world):
    world.record(1)
    world.integrations.delete("t", "admin", "support")
    late = world.action(2)
    assert world.renkei.record("t", "support", late).reason == "integration_deleted"
    world.clock.forward(MINUTE)

    world.set_up()
    early = {**world.action(3)}
    early["action"] = {**early["action"], "occurred_at": late["action"]["occurred_at"]}

    assert world.show().revision == 1
    assert not world.show().confirmed
    assert world.renkei.record("t", "support", early).reason == "before_activation"
    world.record(4)
    world.drain()
    assert sorted(world.fake.values("action")) == ["a1", "a4"]


def test_the_overview_shows_the_mapping_by_field_code_and_is_confirmed_by_the_first_record(world):
    assert world.show().mapping == {
        "key": "delivery.key",
        "subject": "message.subject",
        "body": "message.body_text",
        "action": "action.id",
    }
    assert (world.show().target_label, world.show().key_field, world.show().confirmed) == ("応対", "key", False)

    world.record(1)
    world.drain()

    assert world.show().confirmed


def test_a_proposal_maps_the_key_and_what_has_the_same_name(bare):
    bare.connect()

    proposed = {
        one.rule.target: one.rule.source for one in bare.integrations.suggest("t", "admin", "x", connection="fake")
    }

    assert proposed["key"] == "delivery.key"
    assert proposed["subject"] == "message.subject"
