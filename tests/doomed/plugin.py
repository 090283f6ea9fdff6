"""The fake backend's plugin with what it leaves out: it can be asked by key, and its tokens end and rotate."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from renkei import spec
from renkei.testing.fake_plugin import HOST, MANIFEST, FakeSettings, crm_map, crm_push

__all__ = [
    "PUSH",
    "crm_authenticate",
    "crm_describe",
    "crm_discover",
    "crm_map",
    "crm_push",
    "crm_refresh",
    "crm_verify",
]

# So few in a push that ten actions take three of them.
PUSH = 4
_SUPPORTED = spec.Capability(state=spec.CapabilityState.SUPPORTED)
_MANIFEST = MANIFEST.model_copy(
    update={
        "limits": spec.Limits(push_size=PUSH, request_size=PUSH, concurrency=10),
        "capabilities": {**MANIFEST.capabilities, "verify": _SUPPORTED, "refresh": _SUPPORTED},
    }
)


@spec.describe
def crm_describe() -> spec.Manifest:
    """What it is."""
    return _MANIFEST


@spec.authenticate
async def crm_authenticate(ctx: spec.Context[FakeSettings], request: spec.AuthenticateRequest) -> spec.Account:
    """Ask who we are; a token comes with the answer."""
    answer = await _ask(ctx, "/account")
    target = spec.Target(id="cases", label="応対")
    return spec.Account(id=answer["id"], label=answer["id"], targets=(target,), credentials=_credentials(answer))


@spec.discover
async def crm_discover(ctx: spec.Context[FakeSettings], request: spec.DiscoverRequest) -> spec.TargetSchema:
    """The fields as they are now; for a good token only."""
    answer = await _ask(ctx, "/fields")
    fields = tuple(spec.Field.model_validate(field) for field in answer["fields"])
    return spec.TargetSchema(target=request.target, label="応対", fields=fields)


@spec.refresh
async def crm_refresh(ctx: spec.Context[FakeSettings], request: spec.RefreshRequest) -> spec.Credentials:
    """A new token from the last one, which ends with that."""
    return _credentials(await _ask(ctx, "/token"))


@spec.verify
async def crm_verify(ctx: spec.Context[FakeSettings], request: spec.VerifyRequest) -> spec.VerifyReport:
    """Which of the keys are there."""
    found = (await _ask(ctx, "/keys"))["found"]
    answers = (spec.Present(key=key, id=found[key]) if key in found else spec.Absent(key=key) for key in request.keys)
    return spec.VerifyReport(answers=tuple(answers))


def _credentials(answer: dict[str, Any]) -> spec.Credentials:
    return spec.Credentials(values={"token": SecretStr(answer["token"])})


async def _ask(ctx: spec.Context[FakeSettings], path: str) -> Any:
    headers = {
        "x-account": ctx.settings.account,
        "x-password": ctx.settings.password.get_secret_value(),
        "x-token": ctx.credentials["token"] if ctx.credentials is not None else "",
    }
    response = await ctx.http.get(f"https://{HOST}{path}", headers=headers)
    answer = spec.json_answer(response)
    if response.status_code == 401:
        raise spec.AuthenticationFailed(answer["code"], "the fake does not know this token")
    if response.status_code != 200:
        raise spec.Unavailable(str(response.status_code), "the fake is not to be had")
    return answer
