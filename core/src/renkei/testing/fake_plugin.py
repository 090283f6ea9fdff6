"""The plugin of `FakeBackend`: speaks to the CRM that `FakeBackend` keeps in memory, over the guarded client."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import httpx
from pydantic import SecretStr

from renkei import spec

HOST = "fake.renkei.example"


class FakeSettings(spec.Settings):
    """Settings of a fake connection."""

    account: str = spec.setting(ja="アカウント", en="Account", default="fake")
    password: SecretStr = spec.setting(ja="パスワード", en="Password")


MANIFEST = spec.Manifest(
    id="fake",
    version="1.0",
    spec=">=1.0,<2",
    name=spec.Text(ja="テスト用CRM", en="Fake CRM"),
    settings=FakeSettings,
    hosts=(HOST,),
    limits=spec.Limits(push_size=100, request_size=100, concurrency=10),
    atomicity="request",
    uniqueness="checked",
    refusals=(spec.Refusal(json_key="code"),),
    settles_within=timedelta(seconds=60),
    unknown_fields="ignored",
    capabilities={
        name: spec.Capability(
            state=spec.CapabilityState.NOT_IMPLEMENTED,
            reason=spec.Text(ja="テスト用のため、ありません。", en="A fake has no need of it."),
        )
        for name in spec.CAPABILITIES
    },
    sentences={
        "refused": spec.Text(ja="CRMがレコードを拒否しました。", en="The CRM refused the record."),
        "wrong_password": spec.Text(ja="パスワードが違います。", en="The password is wrong; renew the connection."),
    },
)


@spec.describe
def crm_describe() -> spec.Manifest:
    """What the fake is."""
    return MANIFEST


@spec.authenticate
async def crm_authenticate(ctx: spec.Context[FakeSettings], request: spec.AuthenticateRequest) -> spec.Account:
    """Ask who we are."""
    answer = await _ask(ctx, "GET", "/account")
    target = spec.Target(id="cases", label="応対")
    return spec.Account(id=answer["id"], label=answer["id"], targets=(target,))


@spec.discover
async def crm_discover(ctx: spec.Context[FakeSettings], request: spec.DiscoverRequest) -> spec.TargetSchema:
    """The fields as the fake has them now."""
    answer = await _ask(ctx, "GET", "/fields")
    fields = tuple(spec.Field.model_validate(field) for field in answer["fields"])
    return spec.TargetSchema(target=request.target, label="応対", fields=fields)


@spec.map
def crm_map(request: spec.MapRequest) -> spec.MapResult:
    """Canonical values as JSON."""
    fields = {code: _plain(value) for code, value in request.values.items()}
    return spec.MapResult(record=spec.WireRecord(key=request.key, fields=fields))


@spec.push
async def crm_push(ctx: spec.Context[FakeSettings], request: spec.PushRequest) -> spec.PushReport:
    """One request for all."""
    if not request.records:
        return spec.PushReport(verdicts=())
    body = {"key_field": request.key_field, "records": [dict(record.fields) for record in request.records]}
    response = await ctx.http.post(f"https://{HOST}/records", json=body, headers=_headers(ctx))
    answer = spec.json_answer(response)
    keys = [record.key for record in request.records]
    if response.status_code == 200:
        running, limit = answer["load"] or (0, 1)
        return spec.PushReport(
            verdicts=tuple(spec.Created(key=key, id=id) for key, id in zip(keys, answer["ids"], strict=True)),
            load=spec.Load(running=running, limit=limit),
        )
    named = {keys[int(place)]: problem for place, problem in answer.get("problems", {}).items()}
    if named:
        return spec.PushReport(verdicts=tuple(_named(key, named.get(key), request.key_field) for key in keys))
    if response.status_code == 400:
        return spec.PushReport(
            verdicts=tuple(spec.Suspect(key=key, code=answer["code"], message="refused") for key in keys)
        )
    raise _error(response, answer)


def _named(key: str, problem: dict[str, Any] | None, key_field: str | None) -> Any:
    if problem is None:
        return spec.NotStored(key=key)
    if problem["code"] == "taken" and problem["field"] == key_field:
        return spec.Duplicate(key=key, code="taken")
    return spec.Rejected(key=key, code=problem["code"], field=problem["field"], message="refused")


async def _ask(ctx: spec.Context[FakeSettings], method: str, path: str) -> Any:
    response = await ctx.http.request(method, f"https://{HOST}{path}", headers=_headers(ctx))
    answer = spec.json_answer(response)
    if response.status_code != 200:
        raise _error(response, answer)
    return answer


def _headers(ctx: spec.Context[FakeSettings]) -> dict[str, str]:
    return {"x-account": ctx.settings.account, "x-password": ctx.settings.password.get_secret_value()}


def _error(response: httpx.Response, answer: Any) -> spec.BackendError:
    code = str(answer.get("code", response.status_code)) if isinstance(answer, dict) else str(response.status_code)
    if response.status_code == 401:
        return spec.AuthenticationFailed(code, "the fake does not know this password")
    if response.status_code == 403:
        return spec.PermissionDenied(code, "the fake denies this", resource="add")
    if response.status_code == 429:
        return spec.RateLimited(code, "the fake asks for a pause", retry_after=timedelta(seconds=5))
    return spec.Unavailable(code, "the fake is not to be had")


def _plain(value: Any) -> Any:
    match value:
        case bool() | int() | str():
            return value
        case Decimal():
            return str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case spec.FileRef():
            return value.name
        case _:
            return [_plain(item) for item in value]
