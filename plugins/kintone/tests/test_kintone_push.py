from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from renkei import spec
from renkei_kintone.blame import fields_at_fault
from renkei_kintone.fields import schema_of
from renkei_kintone.validation import complaints_by_record


def verdicts(report: spec.PushReport) -> list[str]:
    return [verdict.verdict for verdict in report.verdicts]


def test_a_batch_is_one_request_and_each_record_gets_its_id(world: Any) -> None:
    records = [world.record(f"k{at}") for at in range(100)]
    report = world.push(*records)

    assert len(world.seen) == 1
    assert report.stopped_by is None
    assert [(item.verdict, item.key, item.id) for item in report.verdicts] == [
        ("created", f"k{at}", str(at + 1)) for at in range(100)
    ]
    assert report.verdicts[6].link == "https://demo.cybozu.com/k/1/show#record=7"
    assert [values["キー"] for values in world.kintone.values()] == [f"k{at}" for at in range(100)]


def test_the_link_of_a_guest_spaces_record_goes_through_its_space(world: Any) -> None:
    world.kintone.apps["1"].guest_space = "5"
    world.typed["guest_space_id"] = "5"

    assert world.push(world.record()).verdicts[0].link == "https://demo.cybozu.com/k/guest/5/1/show#record=1"


def test_an_empty_push_sends_nothing(world: Any) -> None:
    _ = world.schema

    assert world.push().verdicts == ()
    assert world.seen == []


@pytest.mark.parametrize(("keys", "code"), [(range(2_001), "push_too_large"), ((1, 1), "repeated_key")])
def test_a_push_that_cannot_be_right_is_refused_before_any_request(world: Any, keys: Any, code: str) -> None:
    records = [world.record(f"k{key}") for key in keys]

    with pytest.raises(spec.Unavailable) as caught:
        world.push(*records)

    assert caught.value.code == code
    assert world.seen == []


def test_the_request_is_left_as_it_was(world: Any) -> None:
    record = world.record(ラベル=("VIP",))
    before = record.model_dump_json()

    world.push(record)

    assert record.model_dump_json() == before


@pytest.mark.parametrize("poisoned", [(0,), (2,), (4,), (0, 3), (0, 1, 2, 3, 4)])
def test_a_record_that_kintone_names_is_rejected_and_the_others_are_innocent(
    world: Any, poisoned: tuple[int, ...]
) -> None:
    records = [world.record(f"k{at}", お客様名="山田") for at in range(5)]
    world.kintone.apps["1"].fields["お客様名"]["maxLength"] = "1"
    good = [world.record(f"k{at}") for at in range(5)]
    records = [records[at] if at in poisoned else good[at] for at in range(5)]

    report = world.push(*records)

    assert verdicts(report) == ["rejected" if at in poisoned else "not_stored" for at in range(5)]
    rejected = report.verdicts[poisoned[0]]
    assert (rejected.code, rejected.field) == ("CB_VA01", "お客様名")
    assert "2文字より短く" in rejected.message
    assert report.stopped_by is None
    assert world.kintone.values() == []


def test_a_required_field_that_is_new_in_the_form_is_named_in_the_rejection(world: Any) -> None:
    record = world.record()
    world.kintone.apps["1"].fields["新しい項目"] = {"type": "SINGLE_LINE_TEXT", "required": True}

    (verdict,) = world.push(record).verdicts

    assert (verdict.verdict, verdict.field) == ("rejected", None)
    assert verdict.message == "新しい項目: 必須です。"


def test_a_rejection_does_not_repeat_the_value(world: Any) -> None:
    record = world.record(チャネル="LINE")
    del world.kintone.apps["1"].fields["チャネル"]["options"]["LINE"]

    (verdict,) = world.push(record).verdicts

    assert verdict.field == "チャネル"
    assert "LINE" not in verdict.message
    assert "選択肢" in verdict.message


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_key_that_is_taken_is_a_duplicate_in_any_language(world: Any, language: str) -> None:
    world.kintone.language = language
    world.push(world.record("k1"))

    report = world.push(world.record("k1"), world.record("k2"))

    assert verdicts(report) == ["duplicate", "not_stored"]
    assert len(world.kintone.values()) == 1


def test_a_taken_key_beside_another_error_is_a_rejection_of_that_field(world: Any) -> None:
    world.push(world.record("k1"))
    record = world.record("k1", お客様名="山田")
    world.kintone.apps["1"].fields["お客様名"]["maxLength"] = "1"

    (verdict,) = world.push(record).verdicts

    assert (verdict.verdict, verdict.field) == ("rejected", "お客様名")


def test_a_key_that_breaks_another_rule_is_not_a_duplicate(world: Any) -> None:
    record = world.record("k" * 30)
    world.kintone.apps["1"].fields["キー"]["maxLength"] = "40"
    world._schema = None
    _ = world.schema
    short = record.model_copy(update={"fields": {**record.fields, "キー": {"value": "k" * 41}}})

    (verdict,) = world.push(short).verdicts

    assert (verdict.verdict, verdict.field) == ("rejected", "キー")


@pytest.mark.parametrize("path", ["キー.value.value", "キー.補足.value", "キー", "キー.values.value"])
def test_a_path_that_may_be_of_a_longer_code_than_the_keys_is_no_duplicate(world: Any, path: str) -> None:
    """Of a field that was added to the form since it was read, say."""
    errors = {f"records[0].{path}": {"messages": ["値がほかのレコードと重複しています。"]}}
    body = json.dumps({"code": "CB_VA01", "id": "x", "message": "y", "errors": errors})
    world.kintone.order("answer", status=400, body=body, content_type="application/json", path="/records.json")

    (verdict,) = world.push(world.record("k1")).verdicts

    assert (verdict.verdict, verdict.code) == ("rejected", "CB_VA01")


@pytest.mark.parametrize("key_field", [None, "件名"])
def test_an_error_on_another_field_than_the_key_is_never_a_duplicate(world: Any, key_field: str | None) -> None:
    world.push(world.record("k1"))

    (verdict,) = world.push(world.record("k1"), key_field=key_field).verdicts

    assert (verdict.verdict, verdict.field) == ("rejected", "キー")


def test_a_key_that_was_left_out_is_not_a_duplicate(world: Any) -> None:
    record = spec.WireRecord(key="k1", fields={"件名": {"value": "件名"}})
    _ = world.schema
    world.kintone.apps["1"].fields["キー"]["required"] = True

    assert verdicts(world.push(record)) == ["rejected"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("GAIA_LO04", 400),
        ("GAIA_IL26", 400),
        ("GAIA_IL28", 400),
        ("GAIA_BL01", 404),
        ("GAIA_BF02", 403),
        ("GAIA_FU01", 403),
        ("GAIA_SI01", 520),
        ("CB_IJ01", 400),
        ("CB_IL02", 400),
        ("CB_VA01", 400),
        ("GAIA_ZZ99", 400),
        ("GAIA_ZZ99", 404),
    ],
)
def test_a_refusal_that_names_no_record_makes_all_suspect(world: Any, code: str, status: int) -> None:
    world.kintone.order("error", code=code, status=status, message="the value canary is wrong", path="/records.json")

    report = world.push(world.record("k1"), world.record("k2"))

    assert [(item.verdict, item.code) for item in report.verdicts] == [("suspect", code)] * 2
    assert "canary" not in str(report)
    assert report.stopped_by is None


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("GAIA_IA02", 400, spec.AuthenticationFailed),
        ("GAIA_IA02", 520, spec.AuthenticationFailed),
        ("GAIA_AP15", 403, spec.AuthenticationFailed),
        ("CB_AU01", 401, spec.AuthenticationFailed),
        ("CB_WA01", 401, spec.AuthenticationFailed),
        ("GAIA_NO01", 403, spec.PermissionDenied),
        ("CB_NO02", 403, spec.PermissionDenied),
        ("GAIA_AP01", 404, spec.TargetNotFound),
        ("GAIA_IL23", 520, spec.TargetNotFound),
        ("GAIA_TO04", 429, spec.RateLimited),
        ("GAIA_DA02", 400, spec.Unavailable),
        ("GAIA_RE18", 520, spec.Unavailable),
        ("GAIA_LT01", 520, spec.Unavailable),
        ("GAIA_ZZ99", 520, spec.Unavailable),
        ("GAIA_ZZ99", 429, spec.RateLimited),
        ("GAIA_ZZ99", 401, spec.AuthenticationFailed),
        ("GAIA_ZZ99", 403, spec.PermissionDenied),
    ],
)
def test_a_refusal_of_the_lane_stops_the_push_and_accuses_nobody(
    world: Any, code: str, status: int, error: type
) -> None:
    world.kintone.order("error", code=code, status=status, path="/records.json")

    report = world.push(world.record("k1"), world.record("k2"))

    assert verdicts(report) == ["not_stored", "not_stored"]
    assert type(report.stopped_by) is error
    assert report.stopped_by.code == code


def test_a_token_that_may_not_add_is_told_by_the_first_push(world: Any) -> None:
    record = world.record()
    world.typed["api_token"] = "simulated-view-only-token"

    report = world.push(record)

    assert isinstance(report.stopped_by, spec.PermissionDenied)
    assert report.stopped_by.resource == "add_records"


def test_an_error_of_the_app_parameter_stops_the_push(world: Any) -> None:
    body = json.dumps({"code": "CB_VA01", "id": "x", "message": "y", "errors": {"app": {"messages": ["z"]}}})
    world.kintone.order("answer", status=400, body=body, content_type="application/json", path="/records.json")

    report = world.push(world.record())

    assert verdicts(report) == ["not_stored"]
    assert isinstance(report.stopped_by, spec.TargetNotFound)


@pytest.mark.parametrize(
    "kind", ["before_apply_503", "before_apply_502", "applied_then_504", "html_200", "broken_json"]
)
def test_an_answer_that_kintone_does_not_vouch_for_leaves_the_outcome_unknown(world: Any, kind: str) -> None:
    world.kintone.order(kind, path="/records.json")

    report = world.push(world.record("k1"), world.record("k2"))

    assert verdicts(report) == ["unknown", "unknown"]
    assert isinstance(report.stopped_by, spec.OutcomeUnknown)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"code": 500, "message": "Internal Server Error"}),
        (503, {"code": "ServiceUnavailable", "id": "x"}),
        (520, {"code": "GAIA_RE18"}),
        (502, {"code": "GAIA_RE18", "id": "x", "message": "y"}),
        (504, {"code": "GAIA_RE18", "id": "x", "message": "y"}),
    ],
)
def test_a_failure_that_a_stranger_words_in_json_leaves_the_outcome_unknown(
    world: Any, status: int, body: dict[str, Any]
) -> None:
    world.kintone.order(
        "answer",
        status=status,
        body=json.dumps(body),
        content_type="application/json",
        path="/records.json",
        applied=True,
    )

    report = world.push(world.record("k1"))

    assert verdicts(report) == ["unknown"]
    assert isinstance(report.stopped_by, spec.OutcomeUnknown)


@pytest.mark.parametrize(("kind", "stored"), [("cut", 0), ("applied_then_cut", 1)])
def test_a_lost_answer_leaves_the_outcome_unknown(world: Any, kind: str, stored: int) -> None:
    world.kintone.order(kind, path="/records.json")

    report = world.push(world.record())

    assert verdicts(report) == ["unknown"]
    assert isinstance(report.stopped_by, spec.OutcomeUnknown)
    assert len(world.kintone.values()) == stored


def test_a_page_that_refuses_entry_certainly_stored_nothing(world: Any) -> None:
    world.kintone.order("answer", status=403, body="<html>認証が必要です</html>", path="/records.json")

    report = world.push(world.record())

    assert verdicts(report) == ["not_stored"]
    assert isinstance(report.stopped_by, spec.PermissionDenied)


@pytest.mark.parametrize(("count", "path"), [(2, "/records.json"), (150, "/bulkRequest.json")])
def test_a_request_that_a_gateway_calls_too_large_is_left_to_core_to_split(world: Any, count: int, path: str) -> None:
    world.kintone.order("answer", status=413, body="<html>Request Entity Too Large</html>", path=path)

    report = world.push(*(world.record(f"k{at}") for at in range(count)))

    assert {(item.verdict, item.code) for item in report.verdicts} == {("suspect", "request_too_large")}
    assert report.stopped_by is None


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["1"], ["unknown", "unknown"]),
        ([], ["unknown", "unknown"]),
        (["1", "2", "3"], ["unknown", "unknown"]),
        (["1", "1"], ["unknown", "unknown"]),
        (["1", None], ["created", "unknown"]),
        (["1", "2#x"], ["created", "unknown"]),
    ],
)
def test_a_record_without_an_id_of_its_own_is_unknown(world: Any, ids: list[Any], expected: list[str]) -> None:
    body = json.dumps({"ids": ids, "revisions": []})
    world.kintone.order("answer", status=200, body=body, content_type="application/json", path="/records.json")

    report = world.push(world.record("k1"), world.record("k2"))

    assert verdicts(report) == expected
    assert isinstance(report.stopped_by, spec.OutcomeUnknown)


def test_a_push_above_the_byte_cap_goes_in_several_requests_that_say_whom_they_carry(world: Any) -> None:
    world.typed["request_megabytes"] = 1
    records = [world.record(f"k{at}", 本文="あ" * 100_000) for at in range(5)]

    report = world.push(*records)

    assert verdicts(report) == ["created"] * 5
    assert len(world.seen) == 2
    assert all(len(request.content) <= 1024 * 1024 for request in world.seen)
    carried = [request.extensions["renkei.carrying"] for request in world.seen]
    assert sorted(key for keys in carried for key in keys) == [f"k{at}" for at in range(5)]


def test_what_was_won_before_the_push_stopped_stands(world: Any) -> None:
    world.typed["request_megabytes"] = 1
    records = [world.record(f"k{at}", 本文="あ" * 160_000) for at in range(6)]  # two a request
    world.kintone.order("applied_then_cut", after=1, path="/records.json")

    report = world.push(*records)

    assert verdicts(report) == ["created"] * 2 + ["unknown"] * 2 + ["not_stored"] * 2
    assert isinstance(report.stopped_by, spec.OutcomeUnknown)
    assert len(world.seen) == 2


def test_a_request_is_not_begun_without_the_time_for_its_answer(world: Any) -> None:
    world.typed["request_megabytes"] = 1
    records = [world.record(f"k{at}", 本文="あ" * 160_000) for at in range(4)]
    world.remaining = lambda: timedelta(seconds=60 if not world.seen else 1)

    report = world.push(*records)

    assert verdicts(report) == ["created"] * 2 + ["not_stored"] * 2
    assert report.stopped_by is None


def test_a_record_too_large_to_send_is_rejected_alone(world: Any) -> None:
    world.typed["request_megabytes"] = 1

    report = world.push(world.record("k1", 本文="あ" * 350_000), world.record("k2"))

    assert {item.key: item.verdict for item in report.verdicts} == {"k1": "rejected", "k2": "created"}
    assert report.verdicts[0].code == "too_large"


def test_a_record_that_just_fits_into_a_request_goes_in_one_of_its_own(world: Any) -> None:
    world.typed["request_megabytes"] = 1
    world.push(world.record("k1", 本文="a"))
    room = 1024 * 1024 - len(world.seen[0].content) + 1
    world.seen.clear()

    fitting = world.record("k2", 本文="a" * room)
    larger = world.record("k3", 本文="a" * (room + 1))
    report = world.push(fitting, larger, world.record("k4"))

    assert verdicts(report) == ["created", "rejected", "created"]
    assert [len(request.content) == 1024 * 1024 for request in world.seen] == [True, False]


def test_what_kintone_says_of_its_load_is_passed_on(world: Any) -> None:
    assert world.push(world.record()).load == spec.Load(running=1, limit=100)


def test_a_verdict_says_where_it_is_put_right(world: Any) -> None:
    world.kintone.order("error", code="GAIA_LO04", status=400, path="/records.json")
    (suspect,) = world.push(world.record("k1")).verdicts
    world.kintone.apps["1"].fields["お客様名"]["maxLength"] = "1"
    (rejected,) = world.push(world.record("k1", お客様名="山田")).verdicts

    assert (suspect.verdict, rejected.verdict) == ("suspect", "rejected")
    assert suspect.remedy_link.startswith("https://demo.cybozu.com/k/")
    assert rejected.remedy_link.startswith("https://demo.cybozu.com/k/")


LOOKUP = {"type": "SINGLE_LINE_TEXT", "lookup": None}
BLAMABLE = schema_of(
    "1",
    {
        "拠点": LOOKUP,
        "顧客": LOOKUP,
        "担当": {"type": "USER_SELECT"},
        "部署": {"type": "ORGANIZATION_SELECT"},
        "班": {"type": "GROUP_SELECT"},
        "明細": {"type": "SUBTABLE", "fields": {"品": LOOKUP, "数": {"type": "NUMBER"}}},
        "件名": {"type": "SINGLE_LINE_TEXT"},
    },
)


@pytest.mark.parametrize(
    ("code", "sent", "at_fault"),
    [
        ("GAIA_LO04", ("拠点", "担当", "件名"), ("拠点",)),
        ("GAIA_LO03", ("拠点", "顧客"), ("拠点", "顧客")),
        ("GAIA_LO04", ("明細", "件名"), ("明細",)),
        ("GAIA_IL26", ("担当", "部署", "拠点"), ("担当",)),
        ("GAIA_IL28", ("担当", "部署"), ("部署",)),
        ("GAIA_IL28", ("部署", "班"), ("部署", "班")),
        ("GAIA_IL26", ("部署", "件名"), ()),
        ("GAIA_XX99", ("拠点",), ()),
    ],
)
def test_a_code_that_names_no_field_is_about_those_of_its_kind_that_were_sent(
    code: str, sent: tuple[str, ...], at_fault: tuple[str, ...]
) -> None:
    empty = {"顧客": {"value": ""}, "担当": {"value": []}}
    record = spec.WireRecord(key="k1", fields=empty | {field: {"value": ["x"]} for field in sent})

    assert fields_at_fault(code, BLAMABLE, record) == at_fault


def test_a_suspect_names_the_only_field_or_lists_those_that_it_may_be(world: Any) -> None:
    world.kintone.apps["1"].fields["拠点"] = {**LOOKUP, "lookup": {}}
    world.kintone.order("error", code="GAIA_LO04", status=400, path="/records.json", times=2)

    (one,) = world.push(world.record("k1", 顧客コード="C1")).verdicts
    (several,) = world.push(world.record("k2", 顧客コード="C1", 拠点="大阪")).verdicts

    assert (one.verdict, one.field) == ("suspect", "顧客コード")
    assert (several.field, set(several.message.split(", "))) == (None, {"顧客コード", "拠点"})


def test_a_record_that_is_no_json_is_rejected_alone(world: Any) -> None:
    odd = spec.WireRecord(key="k1", fields={"本文": {"value": "\ud800"}})

    report = world.push(odd, world.record("k2"))

    assert {item.key: item.verdict for item in report.verdicts} == {"k1": "rejected", "k2": "created"}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("records[1].件名.value", (1, "件名", True)),
        ("records[1].件名.補足.value", (1, "件名.補足", True)),
        ("records[1].区分.value", (1, "区分", True)),
        ("records[1].区分.value.value", (1, "区分.value", True)),
        ("records[1][金額].value", (1, "金額", False)),
        ("records[1].ラベル.values[0].value", (1, "ラベル", True)),
        ("records[1].経過.value[0].value.内容.value", (1, "経過", True)),
        ("records[1].unheard.value", (1, None, True)),
        ("records[1].経過.value[3].value.件名.value", (1, "経過", True)),
        ("records[9].件名.value", None),
        ("records", None),
        ("record.件名.value", None),
    ],
)
def test_a_path_is_read_by_the_longest_known_field_code(path: str, found: Any) -> None:
    codes = {"件名", "件名.補足", "金額", "ラベル", "経過", "区分", "区分.value"}

    read = complaints_by_record({path: ("x",)}, codes, 2)

    expected = {} if found is None else {found[0]: [(found[1], found[2])]}
    assert {at: [(item.field, item.parsed) for item in items] for at, items in read.items()} == expected


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("records[0].経過.value[0].value.経過分.value", "経過[1] 経過分"),
        ("records[0].経過.value[11].value.経過分2.value", "経過[12] 経過分2"),
        ("records[0].経過.value[1].value[経過分].value", "経過[2] 経過分"),
        ("records[0].経過.value[1].value.unheard.value", "経過[2]"),
        ("records[0].経過.values", "経過"),
        ("records[0].unheard.value", "unheard"),
        ("records[0].unheard.values[2].value", "unheard"),
        ("records[0][unheard].value", "unheard"),
        ("records[0].value", "?"),
    ],
)
def test_a_path_inside_a_table_is_read_to_row_and_column(path: str, place: str) -> None:
    (complaints,) = complaints_by_record({path: ("x",)}, {"件名", "経過"}, 1, {"経過分", "経過分2"}).values()

    assert [item.place for item in complaints] == [place]


def test_no_request_body_or_value_reaches_an_error(world: Any) -> None:
    for kind in ("before_apply_503", "429", "da02", "applied_then_cut", "html_200"):
        world.kintone.order(kind, path="/records.json")

        report = world.push(world.record("k1", 本文="canary-in-a-body"))

        assert "canary" not in f"{report} {report.stopped_by!r}"


@pytest.mark.parametrize("repeated", ["この顧客の相談内容", "simulated-add-only-token"])
def test_kintones_words_are_not_passed_on_where_they_repeat_a_value_or_the_token(world: Any, repeated: str) -> None:
    errors = {"records[0].本文.value": {"messages": [f"{repeated} は使えません。"]}}
    body = json.dumps({"code": "CB_VA01", "id": "x", "message": "…", "errors": errors})
    world.kintone.order("answer", status=400, body=body, content_type="application/json", path="/records.json")

    (verdict,) = world.push(world.record("k1", 本文="この顧客の相談内容")).verdicts

    assert (verdict.verdict, verdict.code, verdict.field) == ("rejected", "CB_VA01", "本文")
    assert repeated not in verdict.message
    assert verdict.message.startswith("kintone did not accept")
