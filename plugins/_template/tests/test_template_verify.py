from __future__ import annotations

import pytest

from renkei import spec
from renkei_template.simulator import Fault


def said(answers):
    return [answer.answer for answer in answers]


def test_a_key_is_present_with_its_record_or_absent(world, records):
    created = world.push(records(1)).verdicts[0]

    present, absent = world.verify("k1", "k2")

    assert (present.answer, present.id, present.link) == ("present", created.id, created.link)
    assert absent.answer == "absent"


@pytest.mark.parametrize("key", ["a&equals=k1", "' or 1=1 --", "k1#", "%6b1", "k1?x", 'a"b', "k\n1", "ｋ1", "+", ".."])
def test_a_key_never_breaks_out_of_the_query(world, records, key):
    world.push(records(1))

    before = said(world.verify(key))
    world.atelier.seed("inquiries", {"delivery_key": key})

    assert before == ["absent"]
    assert said(world.verify(key)) == ["present"]


def test_another_records_key_is_no_proof(world):
    world.atelier.seed("inquiries", {"delivery_key": "K1"})

    assert said(world.verify("k1")) == ["cannot_tell"]


def test_a_search_that_is_not_permitted_proves_nothing_and_blocks_nothing(world, records):
    world.push(records(1))
    world.atelier.clients["sample-client"].scopes = frozenset({"tables:read", "records:write"})

    assert said(world.verify("k1", "k2")) == ["cannot_tell", "cannot_tell"]


def test_a_search_that_fails_raises(world):
    world.atelier.fail(Fault(kind="bad_gateway", on="read", after=1))

    with pytest.raises(spec.Unavailable):
        world.verify("k1")


def test_a_key_field_that_vanished_is_drift(world):
    with pytest.raises(spec.SchemaDrift):
        world.verify("k1", key_field="gone")


def test_verifying_is_read_only(world):
    world.verify("k1", "k2", "k3")

    assert world.writes() == 0
