"""Connecting: what each mistake of section 8 of the facts is told as."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from renkei import spec
from renkei_kintone import backend
from renkei_kintone.meanings import MAY_ADD
from renkei_kintone.simulator.domain import Token
from renkei_kintone.wire import Refusal, error_for_read, load_in


def failure(world: Any, *, hook: str = "authenticate") -> spec.BackendError:
    with pytest.raises(spec.BackendError) as caught:
        getattr(world, hook)()
    assert len(world.seen) == 1
    assert caught.value.code in backend.crm_describe().sentences
    return caught.value


def permission(account: spec.Account, name: str) -> spec.Permission:
    return next(item for item in account.permissions if item.name == name)


def allow(world: Any, *permissions: str) -> None:
    """Give the connection's token these permissions."""
    token = world.typed["api_token"]
    world.kintone.tokens[token] = Token(token, "1", frozenset(permissions))


def test_a_good_token_is_proved_with_two_requests_that_write_nothing(world: Any) -> None:
    account = world.authenticate()

    assert [(request.method, request.url.path) for request in world.seen] == [
        ("GET", "/k/v1/app.json"),
        ("POST", "/k/v1/records.json"),
    ]
    assert (account.id, account.label) == ("demo.cybozu.com:1", "対応履歴")
    assert [(target.id, target.url) for target in account.targets] == [("1", "https://demo.cybozu.com/k/1/")]
    assert {item.name: item.state for item in account.permissions} == dict.fromkeys(
        ("add_records", "view_records", "edit_records", "delete_records", "manage_app"), "unknown"
    )
    assert all(item.note is not None for item in account.permissions)
    assert account.limits is None
    assert world.kintone.values() == []


@pytest.mark.parametrize("body", ["{}", '{"status": "ok"}', '{"name": null}'])
def test_json_of_somebody_else_proves_no_token(world: Any, body: str) -> None:
    world.kintone.order("answer", status=200, body=body, content_type="application/json", path="/app.json")

    with pytest.raises(spec.Unavailable) as caught:
        world.authenticate()

    assert caught.value.code == "unexpected_answer"


def test_a_token_that_may_view_is_proved_with_one_more_request_for_one_id(world: Any) -> None:
    allow(world, "add", "view")
    world.typed["may_view"] = True
    world.add({"件名": "お客様の秘密"})

    account = world.authenticate()

    assert permission(account, "view_records").state == "granted"
    asked = world.seen[2]
    assert (asked.method, asked.url.path) == ("GET", "/k/v1/records.json")
    assert dict(asked.url.params) == {"app": "1", "fields[0]": "$id", "query": "limit 1"}


def test_a_token_that_may_not_view_after_all_is_told_with_both_remedies(world: Any) -> None:
    world.typed["may_view"] = True

    view = permission(world.authenticate(), "view_records")

    assert view.state == "missing"
    assert view.note is not None
    assert "レコード閲覧" in view.note.ja
    assert "アプリを更新" in view.note.ja
    assert "View records" in view.note.en
    assert "may_view" in view.note.en


def test_editing_is_said_to_be_superfluous_and_never_tried(world: Any) -> None:
    allow(world, "add", "view", "edit")
    world.typed["may_view"] = True

    edit = permission(world.authenticate(), "edit_records")

    assert edit.state == "unknown"
    assert edit.note is not None
    assert "上書き" in edit.note.ja
    assert "untick" in edit.note.en
    assert {request.method for request in world.seen} == {"GET", "POST"}


def test_without_leave_to_view_nothing_is_asked_that_an_add_only_token_may_not(world: Any) -> None:
    world.authenticate()
    world.discover()
    world.verify("k1")

    refused = [request for request in world.kintone.requests if request.status != 200]
    assert refused == []
    assert [request.path for request in world.kintone.requests] == [
        "/k/v1/app.json",
        "/k/v1/records.json",
        "/k/v1/app/form/fields.json",
    ]


@pytest.mark.parametrize(
    ("typed", "requests"),
    [
        ({"daily_requests": 100_000}, 100_000),
        ({"daily_share": 30}, 3_000),
        ({"daily_requests": 3, "daily_share": 1}, 1),
    ],
)
def test_the_days_requests_are_the_plans_figure_and_our_share_of_it(
    world: Any, typed: dict[str, int], requests: int
) -> None:
    world.typed |= typed

    limits = world.authenticate().limits

    assert limits is not None
    assert limits.daily is not None
    assert (limits.daily.requests, limits.daily.soft, limits.daily.zone) == (requests, True, "Asia/Tokyo")
    assert limits.push_size == backend.crm_describe().limits.push_size


def test_the_size_of_a_request_is_a_limit_of_the_account(world: Any) -> None:
    world.typed["request_megabytes"] = 2

    limits = world.authenticate().limits

    assert limits is not None
    assert limits.request_bytes == 2 * 1024 * 1024


def test_every_token_is_sent_in_one_header(world: Any) -> None:
    world.typed["lookup_tokens"] = "simulated-customer-token"

    world.authenticate()

    sent = {request.headers["X-Cybozu-API-Token"] for request in world.seen}
    assert sent == {"simulated-add-only-token,simulated-customer-token"}


@pytest.mark.parametrize(
    ("others", "code"), [("no-such-token", "GAIA_IA02"), ("simulated-view-only-token", "GAIA_DA03")]
)
def test_one_bad_token_among_several_is_told_as_such(world: Any, others: str, code: str) -> None:
    world.typed["lookup_tokens"] = others

    error = failure(world)

    assert (type(error), error.code) == (spec.AuthenticationFailed, code)
    sentence = backend.crm_describe().sentences[code]
    assert "参照先" in sentence.ja
    assert "refer" in sentence.en


# -- Basic authentication of the domain ------------------------------------------------------------------------------


def test_the_domains_login_is_sent_in_utf_8_beside_the_token(world: Any) -> None:
    world.kintone.basic = "受付:pass:word"
    world.typed |= {"basic_user": "受付", "basic_password": "pass:word"}

    assert world.authenticate().label == "対応履歴"
    assert all("Authorization" in request.headers for request in world.seen)


def test_without_a_login_no_such_header_is_sent(world: Any) -> None:
    world.authenticate()

    assert not any("Authorization" in request.headers for request in world.seen)


@pytest.mark.parametrize(
    ("login", "code"),
    [({}, "basic_wanted"), ({"basic_user": "u", "basic_password": "wrong-canary"}, "basic_refused")],
)
@pytest.mark.parametrize("hook", ["authenticate", "discover"])
def test_a_domain_that_wants_a_login_says_so_in_words_of_its_own(
    world: Any, login: dict[str, str], code: str, hook: str
) -> None:
    world.kintone.basic = "u:right-canary"
    world.typed |= login

    error = failure(world, hook=hook)

    assert (type(error), error.code) == (spec.AuthenticationFailed, code)
    assert "canary" not in f"{error} {vars(error)}"
    assert error.remedy_link is None


# -- how busy it is --------------------------------------------------------------------------------------------------


def test_a_push_hands_on_how_busy_the_domain_says_it_is(world: Any) -> None:
    assert world.push(world.record("k1")).load == spec.Load(running=1, limit=100)


def test_a_push_that_is_refused_hands_it_on_as_well(world: Any) -> None:
    record = world.record("k1")
    world.kintone.tokens.clear()

    assert world.push(record).load == spec.Load(running=1, limit=100)


@pytest.mark.parametrize(
    ("running", "limit"),
    [(None, "100"), ("1", None), ("", "100"), ("1", "0"), ("-1", "100"), ("1.5", "100"), ("many", "x")],
)
def test_headers_that_cannot_be_read_say_nothing(running: str | None, limit: str | None) -> None:
    given = {"X-ConcurrencyLimit-Running": running, "X-ConcurrencyLimit-Limit": limit}
    response = httpx.Response(200, headers={name: value for name, value in given.items() if value is not None})

    assert load_in(response) is None


# -- what nobody has confirmed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 400])
def test_a_token_of_another_app_is_known_by_its_code_whatever_the_status(world: Any, status: int) -> None:
    world.kintone.unsure = replace(world.kintone.unsure, other_apps_token_status=status)
    world.typed["api_token"] = "simulated-customer-token"

    assert failure(world).code == "GAIA_AP15"


@pytest.mark.parametrize("code", ["GAIA_IA02", "GAIA_AP15"])
def test_an_app_that_is_not_there_fails_authentication_whichever_code_says_so(world: Any, code: str) -> None:
    world.kintone.unsure = replace(world.kintone.unsure, missing_app_by_token=code)
    world.typed["app_id"] = "99"

    assert (type(error := failure(world)), error.code) == (spec.AuthenticationFailed, code)


@pytest.mark.parametrize("checks", [True, False])
def test_a_token_that_may_only_view_is_found_at_once_or_by_the_first_push(world: Any, checks: bool) -> None:
    record = world.record("k1")
    world.kintone.unsure = replace(world.kintone.unsure, empty_add_checks_permission=checks)
    world.typed["api_token"] = "simulated-view-only-token"

    if checks:
        with pytest.raises(spec.PermissionDenied):
            world.authenticate()
    else:
        assert permission(world.authenticate(), "add_records").state == "unknown"
        assert isinstance(world.push(record).stopped_by, spec.PermissionDenied)


@pytest.mark.parametrize("status", [401, 403])
def test_a_page_for_foreign_addresses_is_told_whatever_its_status(world: Any, status: int) -> None:
    world.kintone.ip_restricted = True
    world.kintone.unsure = replace(world.kintone.unsure, ip_restriction_status=status)

    assert (type(error := failure(world)), error.code) == (spec.PermissionDenied, "access_refused")


# -- where it is put right -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "link"),
    [
        ({}, "https://demo.cybozu.com/k/admin/app/apitoken?app=1"),
        ({"subdomain": "demo.s.cybozu.com"}, "https://demo.cybozu.com/k/admin/app/apitoken?app=1"),
        ({"subdomain": "demo.kintone.com"}, "https://demo.kintone.com/k/admin/app/apitoken?app=1"),
        ({"guest_space_id": "5"}, "https://demo.cybozu.com/k/guest/5/admin/app/apitoken?app=1"),
    ],
)
def test_a_refused_token_leads_to_the_page_of_the_apps_tokens(world: Any, settings: dict[str, str], link: str) -> None:
    world.typed |= {"api_token": "no-such-token"} | settings

    assert failure(world).remedy_link == link


def test_what_is_not_put_right_in_kintone_has_no_link(world: Any) -> None:
    world.kintone.order("da02", path="app.json")

    error = failure(world)

    assert (type(error), error.code, error.remedy_link) == (spec.Unavailable, "GAIA_DA02", None)


def test_a_token_that_may_only_view_is_refused_at_once_with_the_permission_that_it_lacks(world: Any) -> None:
    world.typed["api_token"] = "simulated-view-only-token"

    with pytest.raises(spec.PermissionDenied) as caught:
        world.authenticate()

    assert (caught.value.code, caught.value.resource) == ("GAIA_NO01", MAY_ADD)
    assert world.kintone.values() == []


def test_the_host_for_client_certificates_is_the_same_account(world: Any) -> None:
    world.typed["subdomain"] = "demo.s.cybozu.com"

    assert world.authenticate().id == "demo.cybozu.com:1"
    assert world.seen[0].url.host == "demo.cybozu.com"


def test_an_app_in_a_guest_space_is_reached_on_its_own_path(world: Any) -> None:
    world.kintone.apps["1"].guest_space = "5"
    world.typed["guest_space_id"] = "5"

    account = world.authenticate()

    assert account.id == "demo.cybozu.com:guest5:1"
    assert world.seen[0].url.path == "/k/guest/5/v1/app.json"
    assert account.targets[0].url == "https://demo.cybozu.com/k/guest/5/1/"


@pytest.mark.parametrize("token", ["no-such-token", "simulated-token-before-update-app"])
@pytest.mark.parametrize("old_statuses", [False, True])
def test_a_token_that_kintone_does_not_know_fails_authentication(world: Any, token: str, old_statuses: bool) -> None:
    world.kintone.old_statuses = old_statuses
    world.typed["api_token"] = token

    error = failure(world)

    assert isinstance(error, spec.AuthenticationFailed)
    assert error.code == "GAIA_IA02"
    assert token not in str(error)


def test_a_token_of_another_app_fails_authentication(world: Any) -> None:
    world.typed["api_token"] = "simulated-customer-token"

    assert (type(error := failure(world)), error.code) == (spec.AuthenticationFailed, "GAIA_AP15")


def test_an_app_that_does_not_exist_is_told_as_kintone_tells_it(world: Any) -> None:
    world.typed["app_id"] = "99"

    assert failure(world).code == "GAIA_IA02"


def test_a_token_without_permissions_names_the_one_that_it_needs(world: Any) -> None:
    world.typed["api_token"] = "simulated-token-without-permissions"

    error = failure(world)

    assert isinstance(error, spec.PermissionDenied)
    assert error.resource == MAY_ADD


@pytest.mark.parametrize("hook", ["authenticate", "discover"])
def test_a_guest_spaces_app_without_its_space_is_not_found(world: Any, hook: str) -> None:
    world.kintone.apps["1"].guest_space = "5"

    assert (type(error := failure(world, hook=hook)), error.code) == (spec.TargetNotFound, "GAIA_IL23")


def test_a_wrong_guest_space_is_a_missing_privilege(world: Any) -> None:
    world.typed["guest_space_id"] = "6"

    assert (type(error := failure(world)), error.code) == (spec.PermissionDenied, "CB_NO02")


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (404, spec.TargetNotFound, "no_such_domain"),
        (401, spec.PermissionDenied, "access_refused"),
        (403, spec.PermissionDenied, "access_refused"),
        (302, spec.Unavailable, "not_json"),
        (503, spec.Unavailable, "maintenance"),
        (502, spec.Unavailable, "server_error"),
        (501, spec.PermissionDenied, "refused"),
        (429, spec.RateLimited, "rate_limited"),
        (418, spec.PermissionDenied, "refused"),
        (200, spec.Unavailable, "not_json"),
    ],
)
def test_a_page_that_is_not_kintones_is_told_by_its_status(world: Any, status: int, error: type, code: str) -> None:
    world.kintone.order("answer", status=status, body="<html>認証が必要です</html>")

    told = failure(world)

    assert (type(told), told.code) == (error, code)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("Wed, 01 Apr 2026 01:02:33 GMT", 30), ("soon", None)])
def test_how_long_to_wait_is_read_as_seconds_and_as_a_date(world: Any, header: str, seconds: int | None) -> None:
    world.kintone.order("429", retry_after=header)

    error = failure(world)

    assert isinstance(error, spec.RateLimited)
    assert (error.retry_after.total_seconds() if error.retry_after else None) == seconds


def test_an_unknown_code_blocks_when_refused_and_is_retried_when_the_server_failed() -> None:
    refused = error_for_read(Refusal(status=400, code="GAIA_ZZ99"))
    failed = error_for_read(Refusal(status=520, code="GAIA_ZZ99"))
    lacking = error_for_read(Refusal(status=501, code="GAIA_ZZ99"))
    busy = error_for_read(Refusal(status=429, code="GAIA_ZZ99"))

    assert isinstance(refused, spec.PermissionDenied)
    assert isinstance(failed, spec.Unavailable)
    assert isinstance(lacking, spec.PermissionDenied)
    assert isinstance(busy, spec.RateLimited)


def test_an_error_carries_kintones_id_of_the_answer_for_its_support(world: Any) -> None:
    world.typed["api_token"] = "no-such-token"

    assert "kintone's id of this answer: " in failure(world).message


def test_the_token_travels_in_its_header_alone(world: Any) -> None:
    world.authenticate()

    assert {request.headers["X-Cybozu-API-Token"] for request in world.seen} == {"simulated-add-only-token"}
    assert not any("simulated" in str(request.url) for request in world.seen)
