"""More than 100 records: one bulk request, and verdicts traced back through both of its levels."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from renkei import spec
from renkei_kintone.bulk import Encoded, Envelope, requests_of
from renkei_kintone.settings import KintoneSettings


def verdicts(report: spec.PushReport) -> list[str]:
    return [verdict.verdict for verdict in report.verdicts]


def paths(world: Any) -> list[str]:
    return [request.url.path for request in world.seen]


def sizes(world: Any) -> list[int]:
    """How many records each call of the only request holds."""
    (request,) = world.seen
    return [len(call["payload"]["records"]) for call in json.loads(request.content)["requests"]]


def answered(world: Any, status: int, data: Any) -> None:
    body = json.dumps(data, ensure_ascii=False)
    world.kintone.order("answer", status=status, body=body, content_type="application/json", path="/bulkRequest.json")


def error(code: str, **errors: str) -> dict[str, Any]:
    told = {path: {"messages": [words]} for path, words in errors.items()}
    return {"code": code, "id": "simulatedanswer00009", "message": "…", **({"errors": told} if told else {})}


@pytest.mark.parametrize(
    ("count", "path", "calls"),
    [(100, "records", None), (101, "bulkRequest", [100, 1]), (2_000, "bulkRequest", [100] * 20)],
)
def test_what_waits_decides_the_form_of_the_one_request(world: Any, count: int, path: str, calls: Any) -> None:
    report = world.push(*(world.record(f"k{at}") for at in range(count)))

    assert paths(world) == [f"/k/v1/{path}.json"]
    assert verdicts(report) == ["created"] * count
    assert calls is None or sizes(world) == calls
    assert world.seen[0].extensions["renkei.carrying"] == {f"k{at}" for at in range(count)}
    stored = {record.values["キー"]: record.id for record in world.kintone.apps["1"].records.values()}
    assert stored == {verdict.key: verdict.id for verdict in report.verdicts}


def test_a_call_goes_through_the_guest_space_as_the_request_does(world: Any) -> None:
    world.kintone.apps["1"].guest_space = "5"
    world.typed["guest_space_id"] = "5"

    report = world.push(*(world.record(f"k{at}") for at in range(101)))

    assert verdicts(report) == ["created"] * 101
    assert paths(world) == ["/k/guest/5/v1/bulkRequest.json"]
    assert report.verdicts[100].link == "https://demo.cybozu.com/k/guest/5/1/show#record=101"


@pytest.mark.parametrize("place", [0, 99, 100, 155, 249])
def test_a_record_that_kintone_names_is_found_through_both_levels(world: Any, place: int) -> None:
    records = [world.record(f"k{at}", お客様名="山田" if at == place else "山") for at in range(250)]
    world.kintone.apps["1"].fields["お客様名"]["maxLength"] = "1"

    report = world.push(*records)

    assert verdicts(report) == ["rejected" if at == place else "not_stored" for at in range(250)]
    assert (report.verdicts[place].code, report.verdicts[place].field) == ("CB_VA01", "お客様名")
    assert report.stopped_by is None
    assert world.kintone.values() == []


def test_a_taken_key_is_a_duplicate_and_everybody_else_is_innocent(world: Any) -> None:
    world.push(world.record("k150"))

    report = world.push(*(world.record(f"k{at}") for at in range(300)))

    assert verdicts(report) == ["duplicate" if at == 150 else "not_stored" for at in range(300)]


def test_another_unique_field_that_is_taken_is_a_rejection_also_in_a_bulk_request(world: Any) -> None:
    world.kintone.apps["1"].fields["チケットID"]["unique"] = True
    world.push(world.record("k999", チケットID="t1"))

    report = world.push(*(world.record(f"k{at}", チケットID=f"t{at}") for at in range(200)))

    assert [at for at, word in enumerate(verdicts(report)) if word != "not_stored"] == [1]
    assert (report.verdicts[1].verdict, report.verdicts[1].field) == ("rejected", "チケットID")


def test_a_table_that_is_refused_beside_a_taken_key_is_no_duplicate(world: Any) -> None:
    row = spec.FrozenDict({"経過内容": "長い"})
    world.push(world.record("k0"))
    record = world.record("k0", 経過=(row,))
    world.kintone.apps["1"].fields["経過"]["fields"]["経過内容"]["maxLength"] = "1"

    (verdict,) = world.push(record).verdicts

    assert (verdict.verdict, verdict.field) == ("rejected", "経過")
    assert "経過[1] 経過内容" in verdict.message


@pytest.mark.parametrize("place", [0, 130, 249])
def test_a_refusal_that_names_no_record_makes_suspects_of_its_own_call_alone(world: Any, place: int) -> None:
    users = [("taishoku",) if at == place else ("tanaka",) for at in range(250)]

    report = world.push(*(world.record(f"k{at}", 操作ユーザ=users[at]) for at in range(250)))

    of_its_call = range(place // 100 * 100, min(place // 100 * 100 + 100, 250))
    assert verdicts(report) == ["suspect" if at in of_its_call else "not_stored" for at in range(250)]
    assert report.verdicts[place].code == "GAIA_IL26"
    assert "taishoku" not in str(report)


@pytest.mark.parametrize("status", [400, 403, 520])
def test_the_lanes_error_inside_a_bulk_request_accuses_nobody_whatever_its_status(world: Any, status: int) -> None:
    answered(world, status, {"results": [{}, error("GAIA_NO01")]})

    report = world.push(*(world.record(f"k{at}") for at in range(150)))

    assert verdicts(report) == ["not_stored"] * 150
    assert isinstance(report.stopped_by, spec.PermissionDenied)


def test_a_bulk_request_that_is_refused_as_a_whole_accuses_nobody_by_a_path(world: Any) -> None:
    answered(world, 400, error("CB_VA01", **{"records[3].件名.value": "必須です。"}))

    assert verdicts(world.push(*(world.record(f"k{at}") for at in range(150)))) == ["suspect"] * 150


@pytest.mark.parametrize(
    "results",
    [
        [error("CB_VA01", **{"records[3].件名.value": "必須です。"})],
        [{}, {}, error("CB_VA01", **{"records[3].件名.value": "必須です。"})],
    ],
)
def test_with_another_number_of_parts_nobody_is_named(world: Any, results: list[Any]) -> None:
    answered(world, 400, {"results": results})

    report = world.push(*(world.record(f"k{at}") for at in range(150)))

    assert {(item.verdict, item.code) for item in report.verdicts} == {("suspect", "CB_VA01")}


@pytest.mark.parametrize("results", [[], {}, None, "…", [{}, {}], [1, None], [{"message": "…"}, {}]])
def test_a_refusal_without_a_part_that_can_be_read_is_tried_again(world: Any, results: Any) -> None:
    answered(world, 520, {"results": results})

    report = world.push(*(world.record(f"k{at}") for at in range(150)))

    assert verdicts(report) == ["not_stored"] * 150
    assert (type(report.stopped_by), report.stopped_by.code) == (spec.Unavailable, "unexpected_answer")


def test_core_holds_a_refused_bulk_request_for_not_applied_with_kintones_statuses() -> None:
    from renkei_kintone.manifest import MANIFEST

    body = json.dumps({"results": [{}, error("GAIA_RE18")]}).encode()

    assert any(refusal.describes(520, body) for refusal in MANIFEST.refusals)
    assert not any(refusal.describes(504, b"<html>Gateway Timeout</html>") for refusal in MANIFEST.refusals)


def test_words_that_kintone_cut_in_the_midst_of_an_emoji_are_read(world: Any) -> None:
    body = json.dumps({"results": [{}, error("CB_VA01", **{"records[3].件名.value": "\ud83d…"})]})
    world.kintone.order("answer", status=400, body=body, content_type="application/json", path="/bulkRequest.json")

    report = world.push(*(world.record(f"k{at}") for at in range(150)))

    assert [at for at, word in enumerate(verdicts(report)) if word != "not_stored"] == [103]
    assert (report.verdicts[103].verdict, report.verdicts[103].field) == ("rejected", "件名")


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_answers_in_kintones_place_leaves_all_in_doubt(world: Any, status: int) -> None:
    from renkei_kintone.manifest import MANIFEST

    body = {"results": [error("GAIA_RE18"), {}]}
    answered(world, status, body)

    report = world.push(*(world.record(f"k{at}") for at in range(150)))

    assert verdicts(report) == ["unknown"] * 150
    assert isinstance(report.stopped_by, spec.OutcomeUnknown)
    assert not any(refusal.describes(status, json.dumps(body).encode()) for refusal in MANIFEST.refusals)


def test_a_part_of_a_strangers_object_leaves_all_in_doubt(world: Any) -> None:
    answered(world, 500, {"results": [{}, {"code": "INTERNAL", "message": "…"}]})

    assert verdicts(world.push(*(world.record(f"k{at}") for at in range(150)))) == ["unknown"] * 150


def ids(start: int, count: int) -> dict[str, list[str]]:
    return {"ids": [str(start + at) for at in range(count)], "revisions": ["1"] * count}


@pytest.mark.parametrize(
    ("results", "created"),
    [
        ([ids(1, 100)], 0),
        ([ids(1, 100), ids(101, 50), {}], 0),
        ([ids(1, 100), {}], 100),
        ([{}, ids(101, 50)], 50),
        ([ids(1, 100), ids(101, 49)], 100),
        ([ids(1, 100), ids(100, 50)], 148),  # one id twice: nobody knows whose it is
        ([ids(1, 100), "…"], 100),
        ("…", 0),
    ],
)
def test_a_record_without_an_id_of_its_own_is_unknown(world: Any, results: Any, created: int) -> None:
    answered(world, 200, {"results": results})

    report = world.push(*(world.record(f"k{at}") for at in range(150)))

    words = verdicts(report)
    assert (words.count("created"), words.count("unknown")) == (created, 150 - created)
    assert isinstance(report.stopped_by, spec.OutcomeUnknown)


@pytest.mark.parametrize(
    ("kind", "stored"), [("cut", 0), ("applied_then_cut", 150), ("applied_then_504", 150), ("before_apply_502", 0)]
)
def test_a_lost_answer_leaves_all_in_doubt(world: Any, kind: str, stored: int) -> None:
    world.kintone.order(kind, path="/bulkRequest.json")

    report = world.push(*(world.record(f"k{at}") for at in range(150)))

    assert verdicts(report) == ["unknown"] * 150
    assert isinstance(report.stopped_by, spec.OutcomeUnknown)
    assert len(world.kintone.values()) == stored


@pytest.mark.parametrize("count", [0, 1, 100, 101, 1_999, 2_000, 2_001, 4_321])
@pytest.mark.parametrize("size", [2, 700, 9_000])
def test_no_request_is_larger_than_asked_for_and_none_is_needless(count: int, size: int) -> None:
    settings = KintoneSettings.parse({"subdomain": "demo", "app_id": "1", "api_token": "simulated-add-only-token"})
    envelope = Envelope(settings=settings, app="1")
    body = b"x" * size
    records = [Encoded(record=spec.WireRecord(key=f"k{at}", fields={}), body=body) for at in range(count)]

    made = list(requests_of(records, envelope, most_bytes=1_000_000))

    assert [one for calls in made for call in calls for one in call] == records
    assert all(1 <= len(call) <= 100 for calls in made for call in calls)
    assert all(len(calls) <= 20 and len(envelope.body(calls)) <= 1_000_000 for calls in made)
    for calls, following in itertools.pairwise(made):
        one_more = [*calls[:-1], [*calls[-1], following[0][0]]] if len(calls[-1]) < 100 else [*calls, [following[0][0]]]
        assert len(one_more) > 20 or len(envelope.body(one_more)) > 1_000_000
