from __future__ import annotations

from decimal import Decimal

import pytest

from renkei import spec
from renkei_template.simulator import Fault


def test_targets_are_nested_and_folders_are_not_selectable(world):
    targets = world.targets()

    assert [(target.id, target.parent, target.selectable) for target in targets] == [
        ("room_support", None, False),
        ("room_sales", None, False),
        ("inquiries", "room_support", True),
        ("empty", "room_sales", True),
        ("visits", "room_sales", True),
    ]
    assert targets[2].url == "https://north-wind.atelier-crm.example/tables/inquiries"


def test_targets_below_a_parent_are_its_own(world):
    assert [target.id for target in world.targets("room_sales")] == ["empty", "visits"]
    assert world.targets("room_sales&room=room_support") == ()


def test_discovery_follows_all_pages(world):
    world.atelier.page_size = 1

    schema = world.discover()

    assert [field.code for field in schema.fields] == [
        item["code"] for item in world.atelier.tables["inquiries"].fields
    ]
    assert len(world.targets()) == 5


def test_discovery_tells_what_the_table_demands(world):
    schema = world.discover()

    assert schema.label == "お問い合わせ"
    subject, replies, amount = (schema.field(code) for code in ("subject", "replies", "amount"))
    assert (subject.required, subject.max_length, subject.length_unit.value) == (True, 200, "code_points")
    assert (replies.minimum, replies.maximum) == (Decimal(0), Decimal(9999))
    assert (amount.digits, amount.decimals) == (15, 4)
    assert [choice.label for choice in schema.field("channel").choices] == ["メール", "電話", "LINE", "その他"]
    assert schema.field("priority").has_default
    assert not any(field.unique for field in schema.fields)


def test_what_cannot_be_written_says_why(world):
    schema = world.discover()

    not_writable = {field.code: field for field in schema.fields if not field.writable}
    assert set(not_writable) == {"serial", "created_at", "drawing"}
    assert all(field.why_not for field in not_writable.values())
    assert not_writable["drawing"].type is spec.FieldType.OPAQUE
    assert not_writable["drawing"].native_type == "sketch"
    assert not_writable["drawing"].label == "手書きメモ👩‍🎨"


def test_the_fingerprint_moves_with_the_fields_and_with_nothing_else(world):
    before = world.discover().fingerprint
    world.atelier.tables["inquiries"].fields.reverse()
    turned_round = world.discover().fingerprint
    world.atelier.field("inquiries", "subject")["max_length"] = 100

    assert before == turned_round
    assert world.discover().fingerprint != before


def test_an_empty_table_has_no_fields(world):
    assert world.discover("empty").fields == ()


def test_a_stage_that_the_table_does_not_have_is_warned_of(world):
    assert world.discover(stage="受付").warnings == ()
    assert "stage" in world.discover(stage="消えた").warnings[0].en


@pytest.mark.parametrize(
    "target", ["gone", "", ".", "..", "inquiries/fields", "../tables/inquiries", "a?b=#%2F", "x\ny", "'\"()"]
)
def test_an_id_never_breaks_out_of_its_place_in_the_path(world, target):
    with pytest.raises(spec.TargetNotFound):
        world.discover(target)


def test_what_contradicts_itself_is_no_schema(world):
    fields = world.atelier.tables["inquiries"].fields
    fields.append(dict(fields[2]))

    with pytest.raises(spec.Unavailable, match="contradicts"):
        world.discover()


def test_a_list_without_an_end_is_given_up(world, monkeypatch):
    monkeypatch.setattr(world.atelier, "page_size", 0)

    with pytest.raises(spec.Unavailable, match="has no end"):
        world.discover()


def test_a_failure_on_a_later_page_is_no_shorter_list(world):
    world.atelier.fail(Fault(kind="maintenance", on="read", after=3, retry_after="Wed, 01 May 2024 03:02:00 GMT"))

    with pytest.raises(spec.Unavailable) as caught:
        world.discover()

    assert caught.value.retry_after.total_seconds() == 120


def test_a_description_of_another_table_is_no_answer(world):
    world.atelier.tables["inquiries"].about["id"] = "visits"

    with pytest.raises(spec.Unavailable, match="another table"):
        world.discover()
