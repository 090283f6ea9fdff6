from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from renkei import spec
from renkei_template import answers, backend, manifest
from renkei_template.settings import AtelierOptions
from renkei_template.simulator import Fault


def verdicts(report):
    return [verdict.verdict for verdict in report.verdicts]


def test_each_record_goes_in_a_request_of_its_own_that_says_what_it_carries(world, records):
    report = world.push(records(3), stage="対応中")

    assert verdicts(report) == ["created"] * 3
    assert [verdict.key for verdict in report.verdicts] == ["k1", "k2", "k3"]
    assert world.stored_keys() == ["k1", "k2", "k3"]
    assert {record["stage"] for record in world.atelier.records("inquiries")} == {"対応中"}
    carried = [request.extensions["renkei.carrying"] for request in world.wire.sent[-3:]]
    assert carried == [frozenset({"k1"}), frozenset({"k2"}), frozenset({"k3"})]


def test_id_and_link_lead_to_the_record(world, records):
    created = world.push(records(1)).verdicts[0]

    async def open_link():
        async with httpx.AsyncClient(transport=world.wire) as http:
            return await http.get(created.link)

    assert created.id == world.atelier.records("inquiries")[0]["id"]
    assert "k1" in asyncio.run(open_link()).text


def test_a_full_push_works_with_one_request_in_flight_at_a_time(world, records):
    report = world.push(records(manifest.PUSH_SIZE))

    assert verdicts(report) == ["created"] * manifest.PUSH_SIZE
    assert world.writes() == manifest.PUSH_SIZE
    assert world.atelier.busiest <= manifest.LIMITS.concurrency


def test_an_empty_push_asks_nothing(world):
    credentials = world.credentials
    world.wire.sent.clear()

    assert world.push([], credentials=credentials) == spec.PushReport(verdicts=())
    assert world.wire.sent == []


def test_more_than_a_push_takes_is_refused_before_anything_is_sent(world, records):
    with pytest.raises(spec.Unavailable, match="nothing was sent"):
        world.push(records(manifest.PUSH_SIZE + 1))

    assert world.writes() == 0


def test_one_key_twice_is_refused_before_anything_is_sent(world, records):
    with pytest.raises(spec.Unavailable, match="nothing was sent"):
        world.push([*records(2), *records(1)])

    assert world.writes() == 0


def test_a_record_that_is_too_large_is_refused_before_it_is_sent(world, records):
    report = world.push(records(3, k2={"body": "あ" * (manifest.REQUEST_BYTES // 3)}))

    assert verdicts(report) == ["created", "rejected", "created"]
    assert report.verdicts[1].code == "too_large"
    assert world.writes() == 2


@pytest.mark.parametrize("poisoned", [{"k1"}, {"k2"}, {"k3"}, {"k1", "k3"}, {"k1", "k2", "k3"}])
def test_a_record_that_is_refused_stops_none_of_its_neighbours(world, records, poisoned):
    world.atelier.block_word("canary")

    report = world.push(records(3, **{key: {"body": "a canary sings"} for key in poisoned}))

    by_key = {verdict.key: verdict for verdict in report.verdicts}
    assert {key for key, verdict in by_key.items() if verdict.verdict == "rejected"} == poisoned
    assert set(world.stored_keys()) == {"k1", "k2", "k3"} - poisoned
    for key in poisoned:
        assert (by_key[key].code, by_key[key].field) == ("blocked_word", "body")
    assert "canary" not in repr(report)
    assert report.stopped_by is None


def test_a_code_and_a_field_that_are_not_what_they_should_be_are_not_passed_on(world, records):
    body = {"error": {"code": "new_rule", "field": "canary", "message": "canary"}}
    credentials = world.credentials
    world.wire.inner = httpx.MockTransport(lambda _request: httpx.Response(422, json=body))

    report = world.push(records(1), credentials=credentials)

    assert (report.verdicts[0].code, report.verdicts[0].field) == ("new_rule", None)
    assert "canary" not in repr(report)


@pytest.mark.parametrize("status", [400, 405, 418, 422])
def test_a_refusal_that_names_no_reason_makes_a_suspect_and_the_rest_goes_on(world, records, status):
    credentials = world.credentials
    answered = iter([201, status, 201])
    world.wire.inner = httpx.MockTransport(
        lambda _request: httpx.Response(next(answered), json={"id": "rec_1", "error": "canary"})
    )

    report = world.push(records(3), credentials=credentials)

    assert verdicts(report) == ["created", "suspect", "created"]
    assert "canary" not in repr(report)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("token_expired", spec.AuthenticationFailed),
        ("missing_scope", spec.PermissionDenied),
        ("table_locked", spec.Unavailable),
        ("too_many_requests", spec.RateLimited),
        ("daily_quota", spec.QuotaExhausted),
        ("maintenance", spec.Unavailable),
    ],
)
def test_a_refusal_midway_lets_stand_what_was_won_and_stops(world, records, kind, error):
    world.atelier.fail(Fault(kind=kind, after=1))

    report = world.push(records(4))

    assert verdicts(report) == ["created", "not_stored", "not_stored", "not_stored"]
    assert type(report.stopped_by) is error
    assert report.stopped_by.code == kind
    assert world.stored_keys() == ["k1"]
    assert world.writes() == 2  # neither retried nor gone on


@pytest.mark.parametrize("kind", ["reset", "bad_gateway", "html", "cut_json", "wrong_shape"])
@pytest.mark.parametrize("applied", [True, False])
def test_an_answer_that_proves_nothing_leaves_its_record_unknown_and_stops(world, records, kind, applied):
    world.atelier.fail(Fault(kind=kind, after=1, applied=applied))

    report = world.push(records(3))

    assert verdicts(report) == ["created", "unknown", "not_stored"]
    assert isinstance(report.stopped_by, spec.OutcomeUnknown)
    assert world.stored_keys() == (["k1", "k2"] if applied else ["k1"])


@pytest.mark.parametrize("status", [200, 202, 204, 302, 500, 501, 503, 504])
def test_only_201_with_an_id_is_a_success(world, records, status):
    credentials = world.credentials
    world.wire.inner = httpx.MockTransport(lambda _request: httpx.Response(status, json={"id": "rec_1"}))

    assert verdicts(world.push(records(2), credentials=credentials)) == ["unknown", "not_stored"]


def test_the_manifest_describes_the_refusal_that_would_else_be_unknown(world, records):
    (refusal,) = manifest.MANIFEST.refusals

    assert refusal.describes(503, b'{"error": {"code": "maintenance"}}')
    assert not refusal.describes(503, b"<h1>Bad gateway</h1>")
    assert not refusal.describes(502, b'{"error": {"code": "maintenance"}}')


def test_a_field_that_vanished_is_drift_and_not_this_records_fault(world, records):
    world.atelier.delete_field("inquiries", "subject")

    report = world.push(records(3))

    assert verdicts(report) == ["not_stored"] * 3
    assert isinstance(report.stopped_by, spec.SchemaDrift)
    assert "'subject'" in report.stopped_by.message


def test_a_stage_that_vanished_is_drift(world, records):
    world.atelier.tables["inquiries"].about["stages"].remove("完了")

    report = world.push(records(2), stage="完了")

    assert isinstance(report.stopped_by, spec.SchemaDrift)
    assert report.stopped_by.code == "unknown_stage"


def test_a_table_that_vanished_is_told(world, records):
    assert isinstance(world.push(records(1), target="gone").stopped_by, spec.TargetNotFound)
    assert isinstance(world.push(records(1), target="..").stopped_by, spec.TargetNotFound)


def test_nothing_is_begun_that_the_deadline_would_cut_off(world, records):
    world.remaining = timedelta(seconds=1)

    report = world.push(records(2))

    assert verdicts(report) == ["not_stored", "not_stored"]
    assert report.stopped_by is None
    assert world.writes() == 0


def test_without_credentials_nothing_is_sent(world, records):
    request = spec.PushRequest(
        target="inquiries",
        options=AtelierOptions(),
        records=tuple(records(1)),
        key_field=None,
        target_schema=world.discover(),
    )

    report = world.run(lambda ctx: backend.crm_push(ctx, request))

    assert verdicts(report) == ["not_stored"]
    assert report.stopped_by.code == "no_credentials"
    assert world.writes() == 0


def test_a_cancellation_is_not_swallowed(world, records):
    credentials = world.credentials

    async def hang(_request):
        asyncio.current_task().cancel()
        await asyncio.Event().wait()

    world.wire.inner = httpx.MockTransport(hang)

    with pytest.raises(asyncio.CancelledError):
        world.push(records(2), credentials=credentials)


def test_the_quota_says_when_it_is_reset(world, records):
    world.atelier.fail(Fault(kind="daily_quota"))

    assert world.push(records(1)).stopped_by.resets_at == datetime(2024, 5, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        ("0", 0),
        ("Wed, 01 May 2024 03:00:30 GMT", 30),
        ("Wed, 01 May 2024 02:00:00 GMT", 0),
        ("9" * 12, 86400),
        ("9" * 5000, None),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_never_guessed(world, records, header, seconds):
    world.atelier.fail(Fault(kind="too_many_requests", retry_after=header))

    wait = world.push(records(1)).stopped_by.retry_after

    assert wait == (None if seconds is None else timedelta(seconds=seconds))


def test_no_secret_and_no_value_is_in_any_log(world, records, caplog):
    caplog.set_level("DEBUG", logger="renkei_template")
    credentials = world.credentials
    world.atelier.fail(Fault(kind="reset", after=1))

    report = world.push(records(2), credentials=credentials)

    for secret in (credentials["access_token"], credentials["refresh_token"], "not-a-real-secret", "件名"):
        assert secret not in caplog.text + repr(report) + str(report.stopped_by)


def test_every_error_of_an_answer_is_one_of_ours(world):
    for status in range(300, 600):
        for stored in (True, False):
            response = httpx.Response(status, request=httpx.Request("POST", "https://x.example/"), text="canary")
            error = answers.error(response, world.clock, stored=stored)
            assert type(error) is not spec.BackendError
            assert "canary" not in str(error)
    assert backend.crm_describe().sentences["unexpected_answer"]


def test_what_was_stored_stays_so_whatever_address_came_with_it(world, records):
    credentials = world.credentials
    world.wire.inner = httpx.MockTransport(
        lambda _request: httpx.Response(201, json={"id": "rec_1", "link": "ftp://x"})
    )

    (verdict,) = world.push(records(1), credentials=credentials).verdicts

    assert (verdict.verdict, verdict.id, verdict.link) == ("created", "rec_1", None)


def test_white_space_is_nobodys_id(world, records):
    credentials = world.credentials
    world.wire.inner = httpx.MockTransport(lambda _request: httpx.Response(201, json={"id": " "}))

    assert verdicts(world.push(records(1), credentials=credentials)) == ["unknown"]
