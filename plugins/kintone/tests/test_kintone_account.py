"""Connecting: what each mistake of section 8 of the facts is told as."""

from __future__ import annotations

from typing import Any

import pytest

from renkei import spec
from renkei_kintone import backend
from renkei_kintone.meanings import ADD_RECORDS
from renkei_kintone.wire import Refusal, error_for_read


def failure(world: Any, *, hook: str = "authenticate") -> spec.BackendError:
    with pytest.raises(spec.BackendError) as caught:
        getattr(world, hook)()
    assert len(world.seen) == 1
    assert caught.value.code in backend.crm_describe().sentences
    return caught.value


def test_a_good_token_is_proved_with_two_requests_that_write_nothing(world: Any) -> None:
    account = world.authenticate()

    assert [(request.method, request.url.path) for request in world.seen] == [
        ("GET", "/k/v1/app.json"),
        ("POST", "/k/v1/records.json"),
    ]
    assert (account.id, account.label) == ("demo.cybozu.com:1", "対応履歴")
    assert [(target.id, target.url) for target in account.targets] == [("1", "https://demo.cybozu.com/k/1/")]
    assert {item.name: item.state for item in account.permissions} == {
        "add_records": "unknown",
        "view_records": "unknown",
    }
    assert world.kintone.values() == []


def test_a_token_that_may_only_view_is_refused_at_once_with_the_permission_that_it_lacks(world: Any) -> None:
    world.typed["api_token"] = "simulated-view-only-token"

    with pytest.raises(spec.PermissionDenied) as caught:
        world.authenticate()

    assert (caught.value.code, caught.value.resource) == ("GAIA_NO01", ADD_RECORDS)
    assert world.kintone.values() == []


def test_the_host_for_client_certificates_is_the_same_account(world: Any) -> None:
    world.typed["subdomain"] = "demo.s.cybozu.com"

    assert world.authenticate().id == "demo.cybozu.com:1"
    assert world.seen[0].url.host == "demo.s.cybozu.com"


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
    assert error.resource == ADD_RECORDS


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
