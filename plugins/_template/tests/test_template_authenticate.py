from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from renkei import spec
from renkei_template.simulator import Fault


def test_settings_are_traded_for_a_token_that_expires(world):
    account = world.authenticate()

    assert (account.id, account.label) == ("ws_0001", "北風工房")
    assert {permission.name: permission.state.value for permission in account.permissions} == {
        "tables:read": "granted",
        "records:write": "granted",
        "records:read": "granted",
    }
    assert account.credentials.expires_at == world.clock.now() + world.atelier.token_life
    assert account.credentials["access_token"] not in repr(account)


def test_authenticating_writes_nothing_and_may_be_done_again(world):
    first, second = world.authenticate(), world.authenticate(target="inquiries")

    assert first.id == second.id
    assert world.writes() == 0
    assert all(not world.atelier.records(table) for table in world.atelier.tables)


@pytest.mark.parametrize("changed", ["client_id", "client_secret", "workspace"])
def test_a_wrong_setting_fails_after_one_request(world, changed):
    world.settings = world.settings.parse(world.settings.revealed() | {changed: "something-else"})

    with pytest.raises(spec.AuthenticationFailed) as caught:
        world.authenticate()

    assert len(world.wire.sent) == 1
    assert "something-else" not in str(caught.value)


def test_a_missing_permission_is_named(world):
    world.atelier.clients["sample-client"].scopes = frozenset({"tables:read"})

    with pytest.raises(spec.PermissionDenied, match="records:write") as caught:
        world.authenticate()

    assert caught.value.resource == "records:write"


def test_a_client_that_cannot_search_may_connect_all_the_same(world):
    world.atelier.clients["sample-client"].scopes = frozenset({"tables:read", "records:write"})

    states = {permission.name: permission.state.value for permission in world.authenticate().permissions}

    assert states["records:read"] == "missing"


def test_a_probe_finds_that_the_table_is_gone(world):
    with pytest.raises(spec.TargetNotFound):
        world.authenticate(target="gone")


@pytest.mark.parametrize("kind", ["reset", "html", "cut_json", "wrong_shape", "bad_gateway", "maintenance"])
@pytest.mark.parametrize("on", ["token", "read"])
def test_a_network_that_fails_says_nothing_about_the_settings(world, kind, on):
    world.atelier.fail(Fault(kind=kind, on=on))

    with pytest.raises(spec.Unavailable) as caught:
        world.authenticate()

    assert caught.value.__context__ is None or "not-a-real-secret" not in repr(caught.value.__context__)


def test_refusals_for_now_say_how_long(world):
    world.atelier.fail(Fault(kind="too_many_requests", on="token", retry_after="7"))

    with pytest.raises(spec.RateLimited) as caught:
        world.authenticate()

    assert caught.value.retry_after.total_seconds() == 7


def test_an_answer_that_is_not_known_is_no_reason_to_ask_again(world):
    world.wire.inner = httpx.MockTransport(lambda _request: httpx.Response(501, text="canary"))

    with pytest.raises(spec.PermissionDenied) as caught:
        world.authenticate()

    assert "canary" not in str(caught.value)


def test_refreshed_credentials_work_where_the_expired_ones_do_not(world, records):
    old = world.credentials
    world.clock.instant += world.atelier.token_life
    refused = world.push(records(1), credentials=old)

    new = world.refresh(old)

    assert isinstance(refused.stopped_by, spec.AuthenticationFailed)
    assert refused.stopped_by.code == "token_expired"
    assert new.expires_at == world.clock.now() + world.atelier.token_life
    assert world.push(records(1), credentials=new).verdicts[0].verdict == "created"


def test_a_refresh_whose_answer_was_lost_can_be_made_again_until_the_new_token_is_used(world, records):
    old = world.credentials
    world.atelier.fail(Fault(kind="reset", on="token", applied=True))

    with pytest.raises(spec.Unavailable):
        world.refresh(old)
    new = world.refresh(old)
    world.push(records(1), credentials=new)

    with pytest.raises(spec.AuthenticationFailed, match="invalid_grant"):
        world.refresh(old)


def test_without_credentials_nothing_is_sent(world):
    with pytest.raises(spec.AuthenticationFailed, match="no_credentials"):
        world.refresh(None)

    assert world.wire.sent == []


def test_a_revoked_client_is_told_so(world):
    old = world.credentials
    world.atelier.revoke()

    with pytest.raises(spec.AuthenticationFailed):
        world.refresh(old)


def test_two_connections_never_use_each_others_tokens(world):
    one, two = world.credentials, world.credentials
    world.wire.sent.clear()

    world.push([], credentials=one)
    world.push([spec.WireRecord(key="k", fields={"subject": "x"})], credentials=two)

    assert [request.headers["authorization"] for request in world.wire.sent] == [f"Bearer {two['access_token']}"]


def test_a_token_that_lasts_longer_than_any_is_no_token(world):
    world.atelier.token_life = timedelta(days=4_000)

    with pytest.raises(spec.Unavailable, match="was answered with 200"):
        world.authenticate()
