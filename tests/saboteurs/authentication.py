"""Plugins that lie about who they are, what they may do, or what went wrong: checks A."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from renkei import spec
from renkei.testing.contract.saboteurs import Saboteur, damaged, described, module_saboteur
from renkei_template import api
from renkei_template.backend import crm_authenticate, crm_discover, crm_push, crm_refresh
from saboteurs.rewriting import Change, with_changes

_PROBE: Final = "        await api.get(with_token, api.table_path(request.target))\n"
_EMPTY_PROBE: Final = """
        tried = await with_token.http.post(
            f"{ctx.settings.origin}{api.table_path(request.target)}/records",
            json={"values": {}},
            headers=api._bearer(with_token),
        )
        if tried.status_code in (401, 403, 404):
            raise answers.error(tried, ctx.clock)
"""
_BEARER: Final = '    return {"authorization": f"Bearer {ctx.credentials[ACCESS]}"}'
_ASYNC: Final = ("authenticate", "discover", "push", "list_targets", "verify", "refresh")


def _every_hook(good: ModuleType, change: Callable[[spec.BackendError], spec.BackendError]) -> ModuleType:
    """A plugin all of whose errors are changed, raised or reported."""

    def changed(hook: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapped(ctx: Any, request: Any) -> Any:
            try:
                answer = await hook(ctx, request)
            except spec.BackendError as error:
                raise change(error) from None
            stopped = getattr(answer, "stopped_by", None)
            return answer if stopped is None else answer.model_copy(update={"stopped_by": change(stopped)})

        return wrapped

    return damaged(good, **{short: changed(getattr(good, f"crm_{short}")) for short in _ASYNC})


def _auth_as_transient(good: ModuleType) -> ModuleType:
    def change(error: spec.BackendError) -> spec.BackendError:
        return spec.Unavailable(error.code, "later") if isinstance(error, spec.AuthenticationFailed) else error

    return _every_hook(good, change)


def _transient_as_auth(good: ModuleType) -> ModuleType:
    def change(error: spec.BackendError) -> spec.BackendError:
        return spec.AuthenticationFailed(error.code, "no") if isinstance(error, spec.Unavailable) else error

    return _every_hook(good, change)


def _denied_as_bad_credentials(good: ModuleType) -> ModuleType:
    def change(error: spec.BackendError) -> spec.BackendError:
        return spec.AuthenticationFailed(error.code, "no") if isinstance(error, spec.PermissionDenied) else error

    return _every_hook(good, change)


def _nameless_denial(good: ModuleType) -> ModuleType:
    def change(error: spec.BackendError) -> spec.BackendError:
        return spec.PermissionDenied(error.code, "no") if isinstance(error, spec.PermissionDenied) else error

    return _every_hook(good, change)


async def _without_looking(ctx: Any, state: spec.PermissionState) -> spec.Account:
    """What the good hook does, but for the look at what the token may do."""
    grant = {
        "grant_type": "client_credentials",
        "client_id": ctx.settings.client_id,
        "client_secret": ctx.settings.client_secret.get_secret_value(),
    }
    _token, credentials = await api.exchange(ctx, grant)
    label = spec.Text(ja="レコードの追加", en="Add records")
    permission = spec.Permission(name="records:write", label=label, state=state)
    return spec.Account(id="ws_0001", label="北風工房", permissions=(permission,), credentials=credentials)


def _granted_liar(good: ModuleType) -> ModuleType:
    async def authenticate(ctx: Any, request: Any) -> spec.Account:
        return await _without_looking(ctx, spec.PermissionState.GRANTED)

    return damaged(good, authenticate=authenticate)


def _denied_as_bad_records(good: ModuleType) -> ModuleType:
    async def authenticate(ctx: Any, request: Any) -> spec.Account:
        return await _without_looking(ctx, spec.PermissionState.UNKNOWN)

    async def push(ctx: Any, request: Any) -> spec.PushReport:
        report = await crm_push(ctx, request)
        if not isinstance(report.stopped_by, spec.PermissionDenied):
            return report
        verdicts = tuple(spec.Rejected(key=record.key, code="forbidden") for record in request.records)
        return spec.PushReport(verdicts=verdicts)

    return damaged(good, authenticate=authenticate, push=push)


def _session_keeper(good: ModuleType) -> ModuleType:
    kept: dict[str, spec.Account] = {}

    async def authenticate(ctx: Any, request: Any) -> spec.Account:
        name = ctx.settings.client_id
        try:
            await api.get(dataclasses.replace(ctx, credentials=kept[name].credentials), "/v2/workspace")
        except (KeyError, spec.BackendError):
            kept[name] = await crm_authenticate(ctx, request)
        return kept[name]

    return damaged(good, authenticate=authenticate)


def _ask_twice(good: ModuleType) -> ModuleType:
    async def authenticate(ctx: Any, request: Any) -> spec.Account:
        try:
            return await crm_authenticate(ctx, request)
        except spec.AuthenticationFailed:
            return await crm_authenticate(ctx, request)

    return damaged(good, authenticate=authenticate)


def _trusting_credentials(good: ModuleType) -> ModuleType:
    async def authenticate(ctx: Any, request: Any) -> spec.Account:
        if ctx.credentials is None:
            return await crm_authenticate(ctx, request)
        await api.get(ctx, "/v2/workspace")
        return spec.Account(id="ws_0001", label="北風工房", credentials=ctx.credentials)

    return damaged(good, authenticate=authenticate)


def _refresh_loop(good: ModuleType) -> ModuleType:
    async def refresh(ctx: Any, request: Any) -> spec.Credentials:
        for _ in range(3):
            try:
                return await crm_refresh(ctx, request)
            except spec.AuthenticationFailed:
                continue
        raise spec.AuthenticationFailed("invalid_grant", "The refresh token is not accepted.")

    return damaged(good, refresh=refresh)


def _hidden_refresh(good: ModuleType) -> ModuleType:
    async def discover(ctx: Any, request: Any) -> spec.TargetSchema:
        try:
            return await crm_discover(ctx, request)
        except spec.AuthenticationFailed:
            new = await crm_refresh(ctx, spec.RefreshRequest())
            return await crm_discover(dataclasses.replace(ctx, credentials=new), request)

    return damaged(good, discover=discover)


def _refresh_echo(good: ModuleType) -> ModuleType:
    async def refresh(ctx: Any, request: Any) -> spec.Credentials:
        await crm_refresh(ctx, request)
        return ctx.credentials  # type: ignore[no-any-return]  # a context of anything

    return damaged(good, refresh=refresh)


def _expiring_orphan(good: ModuleType) -> ModuleType:
    manifest = good.crm_describe()
    none = spec.Capability(
        state=spec.CapabilityState.NOT_IMPLEMENTED, reason=spec.Text(ja="まだありません。", en="Not there yet.")
    )
    made = described(good, capabilities={**manifest.capabilities, "refresh": none})
    del made.crm_refresh  # type: ignore[attr-defined]  # a module made here
    return made


def _trusting_outage(good: ModuleType) -> ModuleType:
    async def authenticate(ctx: Any, request: Any) -> spec.Account:
        try:
            return await crm_authenticate(ctx, request)
        except spec.Unavailable:
            return spec.Account(id="ws_0001", label="北風工房")

    return damaged(good, authenticate=authenticate)


async def _leave_a_record(ctx: Any, table: str) -> None:
    record = spec.WireRecord(key="probe", fields={"subject": "接続テスト"})
    await api.post_record(ctx, table, b'{"values":{"subject":"test"}}', record)


def _probe_writer(good: ModuleType) -> ModuleType:
    async def authenticate(ctx: Any, request: Any) -> spec.Account:
        account = await crm_authenticate(ctx, request)
        await _leave_a_record(dataclasses.replace(ctx, credentials=account.credentials), "inquiries")
        return account

    return damaged(good, authenticate=authenticate)


def _lane_probe_writer(good: ModuleType) -> ModuleType:
    async def authenticate(ctx: Any, request: Any) -> spec.Account:
        account = await crm_authenticate(ctx, request)
        if request.target == "visits":
            await _leave_a_record(dataclasses.replace(ctx, credentials=account.credentials), request.target)
        return account

    return damaged(good, authenticate=authenticate)


def _token_sharer(good: ModuleType) -> ModuleType:
    kept: list[spec.Credentials] = []

    async def discover(ctx: Any, request: Any) -> spec.TargetSchema:
        try:
            return await crm_discover(dataclasses.replace(ctx, credentials=(kept or [ctx.credentials])[0]), request)
        except spec.AuthenticationFailed:
            kept.clear()
            return await crm_discover(ctx, request)
        finally:
            kept[:] = kept[:1] or [ctx.credentials]

    return damaged(good, discover=discover)


SABOTEURS: Final[tuple[Saboteur, ...]] = (
    module_saboteur(
        14, "AuthAsTransient", "Calls refused credentials an outage.", ("A02", "A04", "E14"), _auth_as_transient
    ),
    module_saboteur(15, "TransientAsAuth", "Calls an outage refused credentials.", ("A07",), _transient_as_auth),
    module_saboteur(41, "ProbeWriter", "Leaves a test record when it authenticates.", ("A08",), _probe_writer),
    module_saboteur(120, "GrantedLiar", "Calls a permission granted without looking.", ("A03",), _granted_liar),
    module_saboteur(
        121,
        "DeniedAsBadCredentials",
        "Calls a missing permission refused credentials.",
        ("A03",),
        _denied_as_bad_credentials,
    ),
    module_saboteur(122, "NamelessDenial", "Does not say which permission is missing.", ("A03",), _nameless_denial),
    module_saboteur(
        123,
        "DeniedAsBadRecords",
        "Rejects each record where a permission is missing.",
        ("A03",),
        _denied_as_bad_records,
    ),
    module_saboteur(
        124, "SessionKeeper", "Remembers a session and proves no settings after it.", ("A02",), _session_keeper
    ),
    module_saboteur(125, "AskTwice", "Tries refused credentials a second time.", ("A02",), _ask_twice),
    module_saboteur(
        126,
        "TrustingCredentials",
        "Proves earlier credentials instead of what was typed.",
        ("A02",),
        _trusting_credentials,
    ),
    module_saboteur(127, "RefreshLoop", "Repeats a refresh that was refused.", ("A04",), _refresh_loop),
    module_saboteur(128, "HiddenRefresh", "Refreshes by itself, behind core's back.", ("A04",), _hidden_refresh),
    module_saboteur(129, "RefreshEcho", "Gives the old credentials back as new ones.", ("A04", "A05"), _refresh_echo),
    module_saboteur(
        130, "ExpiringOrphan", "Gives credentials that expire and cannot be renewed.", ("A04", "A06"), _expiring_orphan
    ),
    module_saboteur(
        131, "TrustingOutage", "Takes settings as proven while nobody answers.", ("A07",), _trusting_outage
    ),
    module_saboteur(132, "LaneProbeWriter", "Leaves a record when it probes one lane.", ("A08",), _lane_probe_writer),
    module_saboteur(
        404,
        "LastToken",
        "Uses the token that was given last, to whomever.",
        ("A09",),
        with_changes(
            Change("api", 'ACCESS = "access_token"\n', 'ACCESS = "access_token"\n_LAST: dict[str, SecretStr] = {}\n'),
            Change(
                "api",
                "        return token, _credentials",
                '        _LAST["token"] = token.access_token\n        return token, _credentials',
            ),
            Change(
                "api",
                _BEARER,
                '    token = _LAST["token"].get_secret_value() if _LAST else ctx.credentials[ACCESS]\n'
                '    return {"authorization": f"Bearer {token}"}',
            ),
        ),
    ),
    module_saboteur(
        407,
        "EmptyProbe",
        "Probes a lane by storing a record without values, which this table happens to refuse.",
        ("A08",),
        with_changes(Change("backend", _PROBE, f"{_PROBE}{_EMPTY_PROBE.lstrip(chr(10))}")),
    ),
    module_saboteur(
        453,
        "MinuteReader",
        "Takes the seconds that a token is good for to be minutes.",
        ("A06",),
        with_changes(Change("api", "timedelta(seconds=token.expires_in)", "timedelta(minutes=token.expires_in)")),
    ),
    module_saboteur(
        454,
        "EndForgetter",
        "Does not tell when a token ends.",
        ("A06",),
        with_changes(Change("api", "        expires_at=expires_at,\n", "")),
    ),
    module_saboteur(
        133, "TokenSharer", "Uses the first connection's token for all that come after it.", ("A09",), _token_sharer
    ),
)
