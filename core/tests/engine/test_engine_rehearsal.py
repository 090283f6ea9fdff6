"""Rehearsal: the exact records that actions would make, and nothing written anywhere."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from renkei.engine import EnvelopeError, Refused
from renkei.mapping import Mapping, Rule


def _everything(world):
    with world.renkei._parts.store.read() as connection:
        names = sorted(sa.inspect(connection).get_table_names())
        return {name: connection.execute(sa.text(f"SELECT * FROM {name}")).all() for name in names}


def _rehearse(world, *actions, **more):
    return world.integrations.rehearse("t", "admin", "support", actions, **more)


def test_a_rehearsed_record_is_the_one_that_is_stored_later(world):
    action = world.action(1, subject="件名 <b>&</b> 😀", body_text="x" * 500)

    (rehearsed,) = _rehearse(world, action)
    world.renkei.record("t", "support", action)
    world.drain()

    assert rehearsed.record == world.fake.records[0].fields
    assert (rehearsed.action_id, rehearsed.excluded, rehearsed.problems) == ("a1", None, ())


def test_a_rehearsal_writes_nothing_to_the_database_and_no_record_to_the_backend(world):
    before = _everything(world)
    world.fake.requests.clear()

    _rehearse(world, world.action(1), world.action(2, subject="x" * 300), world.action(3, action={"channel": "fax"}))

    assert _everything(world) == before
    assert {method for method, _ in world.fake.requests} == {"GET"}
    assert world.fake.records == []


def test_problems_are_told_by_field_and_exclusions_by_reason_one_result_per_action(world):
    results = _rehearse(
        world, world.action(1), world.action(2, subject="x" * 300), world.action(3, action={"channel": "fax"})
    )

    assert [result.action_id for result in results] == ["a1", "a2", "a3"]
    assert results[1].record is None
    assert [problem.field for problem in results[1].problems] == ["subject"]
    assert results[2].excluded == "channel_unknown"


def test_rules_can_be_tried_before_they_are_saved(world):
    tried = Mapping(rules=(Rule(target="subject", template="[{{ action.id }}] {{ message.subject }}"),))

    (rehearsed,) = _rehearse(world, world.action(1), mapping=tried)

    assert rehearsed.record == {"subject": "[a1] subject 1"}
    assert world.show().revision == 1


def test_a_field_that_is_gone_shows_in_a_rehearsal_before_anything_is_sent(world):
    del world.fake.fields[1]

    (rehearsed,) = _rehearse(world, world.action(1))

    assert rehearsed.record is None or "subject" not in rehearsed.record


def test_a_target_that_cannot_be_looked_at_is_said_so(world):
    world.fake.fail("refuse_connection", on="/fields")

    with pytest.raises(Refused):
        _rehearse(world, world.action(1))


def test_an_action_without_an_id_cannot_be_rehearsed(world):
    with pytest.raises(EnvelopeError):
        _rehearse(world, {"message": {"subject": "x"}})
