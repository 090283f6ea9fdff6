from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, field_validator

from renkei import spec
from renkei.plugins import NotSent, PluginFault, Registry
from renkei.plugins.guard import GuardedClient


def map_request(toolbox, key="k1"):
    return spec.MapRequest(
        key=key, values={"title": "件名"}, target_schema=toolbox.SCHEMA, options=spec.NoOptions(), settings={}
    )


def test_a_good_backend_authenticates_discovers_maps_and_pushes(acme, toolbox):
    backend = acme()

    assert backend.authenticate(toolbox.call(), spec.AuthenticateRequest()).label == "Acme"
    asked = spec.DiscoverRequest(target="7", options=spec.NoOptions())
    assert backend.discover(toolbox.call(), asked) == toolbox.SCHEMA
    assert backend.map(map_request(toolbox)).record.key == "k1"
    outcome = backend.push(toolbox.call(), toolbox.push_of(25))
    assert list(outcome.verdicts) == [f"k{number}" for number in range(25)]
    assert {verdict.verdict for verdict in outcome.verdicts.values()} == {"created"}
    assert (outcome.requests, outcome.stopped_by, outcome.fault, outcome.not_sent) == (3, None, None, None)


def test_settings_are_parsed_and_their_errors_name_the_field_alone(acme, toolbox):
    backend = acme()

    assert backend.parse_settings({"token": "abcd"}).region == "jp"
    with pytest.raises(spec.SettingsError) as caught:
        backend.parse_settings({"token": toolbox.SECRET, "region": toolbox.SECRET})
    assert "region" in str(caught.value)
    assert toolbox.SECRET not in repr(caught.value) + str(caught.value.problems)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(token=st.text(min_size=4, max_size=30).filter(lambda text: text.strip() == text))
def test_no_validator_of_a_plugin_can_make_settings_errors_repeat_a_secret(toolbox, token):
    class Chatty(spec.Settings):
        token: SecretStr = spec.setting(ja="トークン", en="Token")

        @field_validator("token")
        @classmethod
        def _never(cls, value: SecretStr) -> SecretStr:
            text = value.get_secret_value()
            raise spec.SettingProblem("bad", ja=f"{text} は使えません", en=f"bad {text}")

    plugin = toolbox.module(toolbox.manifest(settings=Chatty))
    backend = Registry(modules={"acme": plugin}, scan=False).backend("acme")

    with pytest.raises(spec.SettingsError) as caught:
        backend.parse_settings({"token": token})
    problem = caught.value.problems[0]
    assert problem.message.en == "This value cannot be used; enter it again."
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_settings_model_that_breaks_is_a_fault_without_the_value(toolbox):
    class Broken(spec.Settings):
        token: SecretStr = spec.setting(ja="トークン", en="Token")

        @field_validator("token")
        @classmethod
        def _breaks(cls, value: SecretStr) -> SecretStr:
            raise KeyError(value.get_secret_value())

    plugin = toolbox.module(toolbox.manifest(settings=Broken))
    backend = Registry(modules={"acme": plugin}, scan=False).backend("acme")

    with pytest.raises(PluginFault, match=r"settings: raised KeyError at .* in _breaks") as caught:
        backend.parse_settings({"token": toolbox.SECRET})
    assert toolbox.SECRET not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "error", [SystemExit(3), AssertionError("x"), KeyError("canary-7f3a9c"), spec.Unavailable("a", "b")]
)
def test_whatever_map_raises_is_a_fault_that_does_not_repeat_it(acme, toolbox, error):
    def fails(request):
        raise error

    with pytest.raises(PluginFault, match=f"crm_map: raised {type(error).__name__}") as caught:
        acme(map=fails).map(map_request(toolbox))
    assert toolbox.SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_map_must_answer_with_a_valid_result_for_the_record_it_was_given(acme, toolbox):
    def other(request):
        return spec.MapResult(record=spec.WireRecord(key="another", fields={}))

    def unchecked(request):
        return spec.MapResult.model_construct(record=spec.WireRecord.model_construct(key=5, fields={}), problems=())

    for function, what in ((other, "another record"), (lambda request: None, "NoneType"), (unchecked, "key")):
        with pytest.raises(PluginFault, match=what):
            acme(map=function).map(map_request(toolbox))


def test_an_answer_made_without_checks_is_refused(acme, toolbox):
    async def lies(ctx, request):
        return spec.Account.model_construct(id=5, label="x", targets=(), permissions=(), limits=None, credentials=None)

    with pytest.raises(PluginFault, match=r"its Account is not valid \(id: string_type\)"):
        acme(authenticate=lies).authenticate(toolbox.call(), spec.AuthenticateRequest())


def test_an_answer_about_another_target_is_refused(acme, toolbox):
    with pytest.raises(PluginFault, match="another target"):
        acme().discover(toolbox.call(), spec.DiscoverRequest(target="8", options=spec.NoOptions()))


def test_backend_errors_reach_the_caller_without_what_led_to_them(acme, toolbox):
    async def refused(ctx, request):
        try:
            raise KeyError(toolbox.SECRET)
        except KeyError as error:
            raise spec.AuthenticationFailed("E1", "the token is refused") from error

    with pytest.raises(spec.AuthenticationFailed) as caught:
        acme(authenticate=refused).authenticate(toolbox.call(), spec.AuthenticateRequest())
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "error",
    [
        spec.BackendError("x", "a class that says nothing"),
        spec.RenkeiError("neither"),
        spec.Unavailable(5, "no code"),
        httpx.ReadTimeout("slow"),
        ValueError("canary-7f3a9c"),
        SystemExit(1),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_everything_else_is_a_fault_and_the_backend_lives_on(acme, toolbox, error):
    async def fails(ctx, request):
        raise error

    backend = acme(authenticate=fails)

    with pytest.raises(PluginFault, match=f"crm_authenticate: raised {type(error).__name__}") as caught:
        backend.authenticate(toolbox.call(), spec.AuthenticateRequest())
    assert toolbox.SECRET not in str(caught.value)
    assert backend.push(toolbox.call(), toolbox.push_of(1)).fault is None


def test_a_setting_may_be_blamed_while_setting_up_but_not_while_pushing(acme, toolbox):
    problem = spec.Problem(field="region", code="no", message=spec.Text(ja="違う", en="wrong"))

    async def blames(ctx, request):
        raise spec.SettingsError([problem])

    async def blames_late(ctx, request):
        raise spec.SettingsError([problem])

    backend = acme(authenticate=blames, push=blames_late)

    with pytest.raises(spec.SettingsError, match="region"):
        backend.authenticate(toolbox.call(), spec.AuthenticateRequest())
    assert "raised SettingsError" in str(backend.push(toolbox.call(), toolbox.push_of(1)).fault)


def test_a_hook_that_is_not_supported_is_the_callers_mistake(acme, toolbox):
    with pytest.raises(ValueError, match="does not support 'refresh'"):
        acme().refresh(toolbox.call(), spec.RefreshRequest())


def test_optional_hooks_work_where_the_manifest_says_so(acme, toolbox):
    async def list_targets(ctx, request):
        return spec.TargetList(targets=(spec.Target(id="7", label="台帳"),))

    async def refresh(ctx, request):
        return spec.Credentials(values={"access": SecretStr(ctx.credentials["access"] + "2")})

    def upgrade(request):
        return spec.Upgraded(data={**request.data, "new": 1})

    described = toolbox.manifest(capabilities=toolbox.supporting("list_targets", "refresh", "upgrade"))
    backend = acme(described, list_targets=list_targets, refresh=refresh, upgrade=upgrade)
    credentials = spec.Credentials(values={"access": SecretStr("one")})

    assert backend.list_targets(toolbox.call(), spec.ListTargetsRequest()).targets[0].id == "7"
    assert backend.refresh(toolbox.call(credentials=credentials), spec.RefreshRequest())["access"] == "one2"
    old = spec.UpgradeRequest(kind="settings", from_version="0.9", data={"old": 1})
    assert backend.upgrade(old).data == {"old": 1, "new": 1}


def test_verify_must_ask_and_answer_once_for_each_key(acme, toolbox):
    answers = {"now": (spec.Absent(key="a"), spec.Present(key="b", id="1"))}

    async def verify(ctx, request):
        if request.target != "unasked":
            await ctx.http.post(f"https://{toolbox.HOST}/search", content="0")
        return spec.VerifyReport(answers=answers["now"])

    backend = acme(toolbox.manifest(capabilities=toolbox.supporting("verify")), verify=verify)

    def ask(target="7"):
        request = spec.VerifyRequest(target=target, options=spec.NoOptions(), key_field="key", keys=("a", "b"))
        return backend.verify(toolbox.call(), request)

    assert len(ask().answers) == 2
    with pytest.raises(PluginFault, match="without having asked"):
        ask(target="unasked")
    answers["now"] = (spec.Absent(key="a"),)
    with pytest.raises(PluginFault, match="exactly once"):
        ask()
    answers["now"] = (spec.Absent(key="a"), spec.Present(key="b", id=" "))
    with pytest.raises(PluginFault, match="without the record's id"):
        ask()


def test_the_context_brings_settings_credentials_clock_log_and_a_guarded_client(acme, toolbox, caplog):
    seen = {}

    async def looks(ctx, request):
        seen.update(
            token=ctx.settings.token.get_secret_value(), left=ctx.remaining(), now=ctx.clock.now(), http=ctx.http
        )
        ctx.log.info("hello", extra={"own": 1})
        return spec.Account(id="1", label="x")

    with caplog.at_level(logging.INFO, "renkei.plugin.acme"):
        call = toolbox.call(log_extra={"lane": 9})
        acme(authenticate=looks).authenticate(call, spec.AuthenticateRequest())

    assert seen["token"] == toolbox.SECRET
    assert timedelta(0) < seen["left"] <= timedelta(seconds=5)
    assert seen["now"].utcoffset() == timedelta(0)
    assert isinstance(seen["http"], GuardedClient)
    record = caplog.records[0]
    assert (record.lane, record.own, record.backend) == (9, 1, "acme")
    assert toolbox.SECRET not in repr(call)


def test_files_are_streamed_from_the_host_and_its_failures_are_ours(acme, toolbox):
    async def opens(ctx, request):
        parts = [part async for part in ctx.open_file(spec.FileRef(id=ctx.settings.region, name="a.pdf"))]
        return spec.Account(id="1", label=b"".join(parts).decode())

    async def good(ref):
        yield b"ab"
        yield b"cd"

    async def bad(ref):
        yield b"ab"
        raise FileNotFoundError("canary path")

    backend = acme(authenticate=opens)

    assert backend.authenticate(toolbox.call(open_file=good), spec.AuthenticateRequest()).label == "abcd"
    for open_file, what in ((bad, "could not open a file"), (None, "no way to open")):
        with pytest.raises(spec.Unavailable, match=what):
            backend.authenticate(toolbox.call(open_file=open_file), spec.AuthenticateRequest())


def test_a_file_that_is_not_read_to_its_end_is_closed_with_the_plugins_iterator(acme, toolbox):
    ended = []

    async def opens(ctx, request):
        chunks = ctx.open_file(spec.FileRef(id="1", name="a.pdf"))
        first = await anext(chunks)
        await chunks.aclose()
        assert ended == ["closed"]
        return spec.Account(id="1", label=first.decode())

    async def endless(ref):
        try:
            while True:
                yield b"ab"
        finally:
            ended.append("closed")

    assert acme(authenticate=opens).authenticate(toolbox.call(open_file=endless), spec.AuthenticateRequest()).id == "1"


def test_a_push_larger_than_the_backend_takes_is_cores_mistake(acme, toolbox):
    backend = acme()

    with pytest.raises(ValueError, match="at most 100 records"):
        backend.push(toolbox.call(), toolbox.push_of(101))


def test_a_held_back_request_leaves_the_unsent_records_and_says_why(acme, toolbox, wire):
    looks = []

    def lease_is_lost():
        looks.append(1)
        if len(looks) > 1:
            raise NotSent("the lease is gone")

    outcome = acme().push(toolbox.call(before_send=lease_is_lost), toolbox.push_of(25))

    assert len(wire.requests) == 1
    assert str(outcome.not_sent) == "the lease is gone"
    assert outcome.fault is None
    # The plugin was thrown out before it could report: what was answered may have been applied.
    assert [outcome.verdicts[f"k{number}"].verdict for number in (0, 9, 10, 24)] == [
        "unknown",
        "unknown",
        "not_stored",
        "not_stored",
    ]


def test_a_plugin_that_swallows_a_held_back_request_sends_nothing_more(acme, toolbox, wire):
    async def stubborn(ctx, request):
        for _ in range(3):
            try:
                await ctx.http.post(f"https://{toolbox.HOST}/records")
            except Exception as error:
                ctx.log.debug("held back: %s", type(error).__name__)
        return spec.PushReport(verdicts=tuple(spec.NotStored(key=record.key) for record in request.records))

    def broken_look():
        raise OSError("database")

    outcome = acme(push=stubborn).push(toolbox.call(before_send=broken_look), toolbox.push_of(2))

    assert wire.requests == []
    assert "OSError" in str(outcome.not_sent)
    assert {verdict.verdict for verdict in outcome.verdicts.values()} == {"not_stored"}


def test_other_calls_tell_the_caller_that_they_were_held_back(acme, toolbox, wire):
    def no():
        raise NotSent("budget")

    with pytest.raises(NotSent, match="budget"):
        acme().authenticate(toolbox.call(before_send=no), spec.AuthenticateRequest())
    assert wire.requests == []
