"""Looking for records by their delivery key, with a token that may view."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from renkei import spec
from renkei_kintone import verify
from renkei_kintone.simulator.domain import Token


@pytest.fixture
def viewing(world: Any) -> Any:
    """A connection whose token may add and view, and says so."""
    token = world.typed["api_token"]
    world.kintone.tokens[token] = Token(token, "1", frozenset({"add", "view"}))
    world.typed["may_view"] = True
    return world


def told(report: spec.VerifyReport) -> dict[str, str]:
    return {answer.key: answer.answer for answer in report.answers}


def test_what_is_there_is_present_with_id_and_link_and_the_rest_is_absent(viewing: Any) -> None:
    viewing.add({"キー": "k1", "件名": "a"}, {"キー": "k2", "件名": "b"})

    report = viewing.verify("k2", "k9", "k1")

    assert told(report) == {"k2": "present", "k9": "absent", "k1": "present"}
    assert report.answers[0] == spec.Present(key="k2", id="2", link="https://demo.cybozu.com/k/1/show#record=2")
    assert [request.method for request in viewing.seen] == ["GET"]


def test_without_leave_to_view_nobody_can_tell_and_nothing_is_asked(world: Any) -> None:
    world.add({"キー": "k1", "件名": "a"})

    assert told(world.verify("k1", "k2")) == {"k1": "cannot_tell", "k2": "cannot_tell"}
    assert world.seen == []


def test_a_permission_that_was_taken_away_leaves_everything_open(viewing: Any) -> None:
    viewing.add({"キー": "k1", "件名": "a"})
    token = viewing.typed["api_token"]
    viewing.kintone.tokens[token] = Token(token, "1", frozenset({"add"}))

    assert told(viewing.verify("k1", "k2")) == {"k1": "cannot_tell", "k2": "cannot_tell"}


def test_of_two_records_with_one_key_the_first_is_named(viewing: Any) -> None:
    for number in range(9, 12):  # so that "10" must not come before "9"
        viewing.kintone.apps["1"].next_id = number
        viewing.add({"件名": "same"})

    report = viewing.verify("same", key_field="件名")

    assert [answer.id for answer in report.answers] == ["9"]


def test_a_key_is_compared_to_the_letter(viewing: Any) -> None:
    viewing.add({"キー": "ABC", "件名": "a"})

    assert told(viewing.verify("abc", "ＡＢＣ", "ABC")) == {"abc": "absent", "ＡＢＣ": "absent", "ABC": "present"}


@pytest.mark.parametrize("key", ['k"1', "k\\1", 'k\\"1', "k 1", "k) or (件名 = 1", "k'1"])
def test_a_key_that_could_end_its_quotes_does_not(viewing: Any, key: str) -> None:
    viewing.add({"キー": key, "件名": "a"}, {"キー": "k2", "件名": "b"})

    assert told(viewing.verify(key, "k2", "k3")) == {key: "present", "k2": "present", "k3": "absent"}


@pytest.mark.parametrize("key", ["k\n1", "k\x001"])
def test_a_key_that_no_query_can_hold_is_left_open_and_the_others_are_answered(viewing: Any, key: str) -> None:
    assert told(viewing.verify(key, "k2")) == {key: "cannot_tell", "k2": "absent"}


@pytest.mark.parametrize("code", ["キー or 件名", 'キー"', "", "キー in (1) or キー"])
def test_a_field_code_that_could_change_the_query_is_not_asked_for(viewing: Any, code: str) -> None:
    assert told(viewing.verify("k1", key_field=code)) == {"k1": "cannot_tell"}
    assert viewing.seen == []


@pytest.mark.parametrize("code", ["キー_2", "連携・キー", "連携･キー", "々ー"])
def test_a_field_code_of_the_signs_that_codes_may_hold_is_asked_for(viewing: Any, code: str) -> None:
    viewing.kintone.apps["1"].fields[code] = {"type": "SINGLE_LINE_TEXT", "unique": True}

    assert told(viewing.verify("k1", key_field=code)) == {"k1": "absent"}


def test_a_key_field_that_kintone_does_not_know_leaves_everything_open(viewing: Any) -> None:
    assert told(viewing.verify("k1", key_field="消えた項目")) == {"k1": "cannot_tell"}


@pytest.mark.parametrize("status", [400, 404, 520])
def test_a_question_that_kintone_refuses_leaves_everything_open_whatever_the_status(viewing: Any, status: int) -> None:
    viewing.kintone.order("error", code="GAIA_IQ11", status=status, path="/records.json")

    assert told(viewing.verify("k1")) == {"k1": "cannot_tell"}


def test_many_keys_are_asked_for_in_addresses_that_are_short_enough(viewing: Any) -> None:
    keys = [f"rk{number:038d}" for number in range(500)]
    viewing.add(*({"キー": key, "件名": "a"} for key in keys[:100]))
    viewing.seen.clear()

    answers = told(viewing.verify(*keys))

    assert [answers[key] for key in keys] == ["present"] * 100 + ["absent"] * 400
    assert max(len(str(request.url)) for request in viewing.seen) <= verify.MOST_URL
    assert len(viewing.seen) <= 8


def test_more_records_than_one_answer_holds_leave_what_was_not_listed_open(viewing: Any) -> None:
    for _ in range(6):
        viewing.add(*({"件名": "same"} for _ in range(100)))

    answers = told(viewing.verify("same", "other", key_field="件名"))

    assert answers == {"same": "present", "other": "cannot_tell"}


@pytest.mark.parametrize(
    "body",
    [
        '{"records": [], "totalCount": "3"}',
        '{"records": [], "totalCount": null}',
        '{"records": []}',
    ],
)
def test_an_answer_that_lists_less_than_it_found_proves_no_absence(viewing: Any, body: str) -> None:
    viewing.kintone.order("answer", status=200, body=body, content_type="application/json")

    assert told(viewing.verify("k1")) == {"k1": "cannot_tell"}


@pytest.mark.parametrize(
    "body",
    [
        '{"records": {}}',
        "{}",
        '{"records": [{}]}',
        '{"records": [{"$id": {"value": "a"}, "キー": {"value": "k1"}}], "totalCount": "1"}',
        '{"records": [{"$id": {"value": "%s"}, "キー": {"value": "k1"}}], "totalCount": "1"}' % ("9" * 5_000),
        '{"records": [{"$id": {"value": "1"}}], "totalCount": "1"}',
        '{"records": [{"$id": {"value": "1"}, "キー": {"value": null}}], "totalCount": "1"}',
        "[]",
    ],
)
def test_an_answer_in_another_form_is_no_answer(viewing: Any, body: str) -> None:
    viewing.kintone.order("answer", status=200, body=body, content_type="application/json")

    with pytest.raises(spec.Unavailable):
        viewing.verify("k1")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "before_apply_503"}, spec.Unavailable),
        ({"kind": "429"}, spec.RateLimited),
        ({"kind": "cut"}, spec.Unavailable),
        ({"kind": "html_200"}, spec.Unavailable),
        ({"kind": "error", "status": 520, "code": "GAIA_ZZ99", "message": "?"}, spec.Unavailable),
        ({"kind": "error", "status": 401, "code": "CB_AU01", "message": "?"}, spec.AuthenticationFailed),
    ],
)
def test_a_kintone_that_cannot_be_asked_is_the_lanes_trouble(viewing: Any, fault: dict[str, Any], error: type) -> None:
    viewing.kintone.order(**fault)

    with pytest.raises(error):
        viewing.verify("k1")


def test_a_search_that_kintone_broke_off_proves_no_absence(viewing: Any) -> None:
    broken_off = httpx.Response(
        200,
        json={"records": [], "totalCount": "0"},
        headers={"X-Cybozu-Warning": "Filter aborted because of too many search results"},
    )
    viewing.transport = lambda: httpx.MockTransport(lambda _request: broken_off)

    assert told(viewing.verify("k1")) == {"k1": "cannot_tell"}


def test_an_app_in_a_guest_space_is_asked_on_its_own_path(viewing: Any) -> None:
    viewing.kintone.apps["1"].guest_space = "5"
    viewing.typed["guest_space_id"] = "5"

    viewing.verify("k1")

    assert viewing.seen[0].url.path == "/k/guest/5/v1/records.json"
