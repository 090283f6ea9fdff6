from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from renkei import spec
from renkei.spec import FieldType
from renkei_kintone.field_types import NOT_WRITTEN
from renkei_kintone.fields import schema_of


def field(item: dict[str, Any], code: str = "項目") -> spec.Field:
    found = schema_of("1", {code: {"label": "ラベル"} | item}).field(code)
    assert found is not None
    return found


def test_discovery_is_one_request_without_a_content_type(world: Any) -> None:
    schema = world.discover()

    (request,) = world.seen
    assert (request.method, request.url.path) == ("GET", "/k/v1/app/form/fields.json")
    assert dict(request.url.params) == {"app": "1"}
    assert "content-type" not in request.headers
    assert len(schema.fields) == len(world.kintone.apps["1"].fields)


def test_the_sample_apps_fields_are_all_understood(world: Any) -> None:
    types = {field.code: field.type for field in world.schema.fields}

    assert types["件名"] is FieldType.TEXT
    assert types["本文HTML"] is FieldType.HTML
    assert types["メールアドレス"] is FieldType.EMAIL
    assert types["電話リンク"] is FieldType.PHONE
    assert types["チケットURL"] is FieldType.URL
    assert types["操作ユーザ"] is FieldType.USERS
    assert types["経過"] is FieldType.TABLE
    assert [kind for kind in types.values() if kind is FieldType.OPAQUE] == [FieldType.OPAQUE]  # カテゴリー


@pytest.mark.parametrize("native", sorted(NOT_WRITTEN))
def test_a_field_that_kintone_fills_or_that_is_not_supported_says_why(native: str) -> None:
    found = field({"type": native, "required": False})

    assert not found.writable
    assert found.why_not is not None


def test_a_type_that_nobody_knows_is_opaque_and_not_written() -> None:
    found = field({"type": "HOLOGRAM"})

    assert (found.type, found.native_type, found.writable) == (FieldType.OPAQUE, "HOLOGRAM", False)


def test_the_key_field_is_unique_and_as_long_as_kintone_allows(world: Any) -> None:
    key = world.schema.field("キー")

    assert (key.unique, key.max_length, key.label, key.length_unit) == (True, 64, "連携キー", spec.LengthUnit.UTF16)


@pytest.mark.parametrize(("limit", "expected"), [("", 64), ("500", 64), ("20", 20)])
def test_a_unique_text_holds_64_characters_whatever_its_own_limit(limit: str, expected: int) -> None:
    assert field({"type": "SINGLE_LINE_TEXT", "unique": True, "maxLength": limit}).max_length == expected


def test_a_number_has_kintones_default_precision_and_its_own_range() -> None:
    found = field({"type": "NUMBER", "minValue": "-0.5", "maxValue": ""})

    assert (found.digits, found.decimals, found.minimum, found.maximum) == (16, 4, Decimal("-0.5"), None)
    assert "16" in found.notes[0].ja


def number_of(world: Any) -> tuple[int, int, list[str]]:
    found = world.discover().field("応対時間")
    return found.digits, found.decimals, [note.en for note in found.notes]


def test_a_token_that_may_only_add_is_asked_for_nothing_more(world: Any) -> None:
    digits, decimals, (note,) = number_of(world)

    assert (digits, decimals) == (16, 4)
    assert "is assumed" in note
    assert [request.url.path for request in world.seen] == ["/k/v1/app/form/fields.json"]


def test_the_precision_of_numbers_is_read_where_the_token_may_view(world: Any) -> None:
    world.typed |= {"api_token": "simulated-view-only-token", "may_view": True}
    world.kintone.apps["1"].digits, world.kintone.apps["1"].decimals = 20, 2

    assert number_of(world) == (20, 2, [])
    assert [request.url.path for request in world.seen] == ["/k/v1/app/form/fields.json", "/k/v1/app/settings.json"]


def test_a_precision_that_may_not_be_read_is_assumed_and_said_to_be(world: Any) -> None:
    world.typed["may_view"] = True

    digits, decimals, (note,) = number_of(world)

    assert (digits, decimals) == (16, 4)
    assert "may not read" in note


@pytest.mark.parametrize(
    "body",
    ["{}", '{"numberPrecision": {"digits": "0", "decimalPlaces": "4"}}', '{"numberPrecision": {"digits": "16"}}'],
)
def test_a_precision_that_cannot_be_read_is_no_schema(world: Any, body: str) -> None:
    world.typed["may_view"] = True
    world.kintone.order("answer", status=200, body=body, content_type="application/json", path="/settings.json")

    with pytest.raises(spec.Unavailable):
        world.discover()


def test_a_precision_that_is_not_to_be_had_for_now_is_no_schema(world: Any) -> None:
    """Otherwise the fingerprint would move with kintone's health."""
    world.typed["may_view"] = True
    world.kintone.order("before_apply_503", path="/settings.json")

    with pytest.raises(spec.Unavailable):
        world.discover()


@pytest.mark.parametrize(
    ("native", "kind", "other"),
    [
        ("USER_SELECT", "USER", "GROUP"),
        ("ORGANIZATION_SELECT", "ORGANIZATION", "USER"),
        ("GROUP_SELECT", "GROUP", "USER"),
    ],
)
def test_whom_the_form_offers_is_listed_and_the_others_are_taken_too(native: str, kind: str, other: str) -> None:
    entities = [{"type": kind, "code": "b"}, {"type": kind, "code": "a"}, {"type": other, "code": "c"}]
    found = field({"type": native, "entities": entities})

    assert [choice.code for choice in found.choices] == ["b", "a"]
    assert found.choices_open
    assert field({"type": native}).choices == ()


def test_a_file_and_a_table_are_written() -> None:
    assert field({"type": "FILE", "required": True}).writable
    assert field({"type": "SUBTABLE", "fields": {"a": {"type": "FILE"}}}).writable


def test_of_a_lookup_length_and_uniqueness_are_not_known() -> None:
    lookup = {"relatedApp": {"app": "2", "code": ""}, "relatedKeyField": "番号", "fieldMappings": []}
    found = field({"type": "NUMBER", "required": True, "lookup": lookup})

    assert (found.type, found.unique, found.max_length, found.has_default) == (FieldType.NUMBER, False, None, False)
    assert found.writable
    assert found.references == spec.Reference(target="2", field="番号")


def test_a_hidden_lookup_in_a_table_is_warned_of_too() -> None:
    columns = {"顧客": {"type": "SINGLE_LINE_TEXT", "label": "顧客番号", "lookup": None}}
    schema = schema_of("1", {"表": {"type": "SUBTABLE", "fields": columns}})

    (warning,) = schema.warnings
    assert "顧客番号" in warning.ja
    assert "参照先アプリのAPIトークン" in warning.ja


def test_what_a_lookup_in_a_table_fills_is_not_written() -> None:
    lookup = {
        "relatedApp": {"app": "2"},
        "relatedKeyField": "a",
        "fieldMappings": [{"field": "名", "relatedField": "b"}],
    }
    columns = {"番号": {"type": "SINGLE_LINE_TEXT", "lookup": lookup}, "名": {"type": "SINGLE_LINE_TEXT"}}
    table = schema_of("1", {"表": {"type": "SUBTABLE", "fields": columns}}).field("表")

    assert [column.writable for column in table.fields] == [True, False]


def test_options_come_in_the_forms_order_by_their_key() -> None:
    options = {"B": {"label": "び", "index": "1"}, "A": {"label": "A", "index": "0"}}
    found = field({"type": "DROP_DOWN", "options": options})

    assert [(choice.code, choice.label) for choice in found.choices] == [("A", "A"), ("B", "び")]
    assert not found.choices_open


def test_a_required_radio_is_not_required_by_the_api() -> None:
    assert not field({"type": "RADIO_BUTTON", "required": True, "options": {}}).required


@pytest.mark.parametrize(
    "default", [{"defaultValue": "x"}, {"defaultValue": "", "defaultNowValue": True}, {"defaultValue": ["a"]}]
)
def test_a_default_is_known(default: dict[str, Any]) -> None:
    assert field({"type": "DATE", "required": True} | default).has_default


def test_a_text_with_a_least_length_cannot_stay_empty() -> None:
    found = field({"type": "SINGLE_LINE_TEXT", "required": False, "minLength": "3", "defaultValue": ""})

    assert (found.required, found.min_length) == (True, 3)
    assert found.notes


def test_a_calculated_text_is_not_written() -> None:
    assert not field({"type": "SINGLE_LINE_TEXT", "expression": 'CONCATENATE(件名, "様")'}).writable


def test_times_are_kept_to_the_minute() -> None:
    assert field({"type": "DATETIME"}).precision == "minute"
    assert field({"type": "TIME"}).precision == "minute"


def test_what_a_lookup_fills_is_not_written(world: Any) -> None:
    world.typed["api_token"] = "simulated-add-only-token,simulated-customer-token"
    schema = world.discover()

    assert not schema.field("顧客ランク").writable
    assert schema.field("顧客コード").references == spec.Reference(target="2", field="顧客コード")
    assert schema.warnings == ()


def test_a_hidden_lookup_is_recognised_and_warned_of(world: Any) -> None:
    lookup = world.schema.field("顧客コード")

    assert lookup.references == spec.Reference(target=None, visible=False)
    assert lookup.writable
    assert "顧客コード" in world.schema.warnings[0].ja
    assert "参照先アプリのAPIトークン" in world.schema.warnings[0].ja


def test_the_columns_of_a_table_are_described(world: Any) -> None:
    table = world.schema.field("経過")

    assert [column.code for column in table.fields] == ["経過日時", "経過内容", "経過分"]


def test_the_fingerprint_moves_with_a_field_and_not_with_its_label(world: Any) -> None:
    before = world.discover().fingerprint
    fields = world.kintone.apps["1"].fields

    fields["件名"]["label"] = "タイトル"
    relabelled = world.discover().fingerprint
    fields["件名"]["maxLength"] = "10"

    assert before == relabelled != world.discover().fingerprint


@pytest.mark.parametrize("body", ["[]", '{"properties": []}', '{"properties": {"a": 1}}'])
def test_an_answer_without_fields_is_no_schema(world: Any, body: str) -> None:
    world.kintone.order("answer", status=200, body=body, content_type="application/json")

    with pytest.raises(spec.Unavailable):
        world.discover()


@pytest.mark.parametrize("target", ["", "x", "1/../2", "-1", "１", "0"])
def test_a_target_that_is_no_app_id_is_not_asked_for(world: Any, target: str) -> None:
    with pytest.raises(spec.TargetNotFound):
        world.discover(target)
    assert world.seen == []


@pytest.mark.parametrize(
    "settings",
    [
        {"lookup": "顧客"},
        {"lookup": [1]},
        {"lookup": True},
        {"lookup": {"relatedApp": "5", "fieldMappings": 5}},
        {"lookup": {"relatedApp": ["5"], "fieldMappings": "ab", "relatedKeyField": None}},
    ],
)
def test_a_lookup_in_a_form_that_nobody_knows_is_a_lookup_all_the_same(settings: dict[str, Any]) -> None:
    schema = schema_of("1", {"項目": {"type": "SINGLE_LINE_TEXT", "label": "ラベル"} | settings})

    (found,) = schema.fields
    assert found.references is not None
    assert found.references.target is None
    assert bool(schema.warnings) is not found.references.visible


@pytest.mark.parametrize("figure", ["9" * 5_000, "-1", "１０", "1e3", "²", None, [], True])
def test_a_limit_that_is_no_figure_limits_nothing(figure: Any) -> None:
    assert field({"type": "SINGLE_LINE_TEXT", "maxLength": figure}).max_length is None
