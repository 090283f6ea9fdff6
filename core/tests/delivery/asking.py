"""A fake CRM that can be asked by key, that names a second unique field, and whose uniqueness can be chosen."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import httpx

from renkei import spec
from renkei.testing import FakeBackend, fake_plugin
from renkei.testing.fake import _Wire


class AskableBackend(FakeBackend):
    """`FakeBackend` with `crm_verify`.

    Attributes:
        asked: the keys of each question.
        tells: what a question is answered with: what is there, `cannot_tell`, or a status code.
    """

    def __init__(self, uniqueness: str = "checked") -> None:
        super().__init__()
        self.uniqueness = uniqueness
        self.asked: list[list[str]] = []
        self.tells: str | int = "truth"

    def plug(self) -> dict[str, Any]:
        return {
            "plugins": {"fake": askable_plugin(self.uniqueness)},
            "scan": False,
            "transport": lambda _network: _Wire(self),
        }

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/find":
            return super()._answer(request)
        keys = json.loads(request.content)["keys"]
        self.asked.append(keys)
        if isinstance(self.tells, int):
            return httpx.Response(self.tells, json={"code": "no"})
        there = {record.fields.get("key"): record.id for record in self.records}
        return httpx.Response(200, json={"found": {key: there.get(key) for key in keys}, "sure": self.tells == "truth"})


def askable_plugin(uniqueness: str) -> ModuleType:
    """The fake's plugin with one hook more, as a module of its own."""
    module = ModuleType("askable_plugin")
    capabilities = {
        **fake_plugin.MANIFEST.capabilities,
        "verify": spec.Capability(state=spec.CapabilityState.SUPPORTED),
    }
    manifest = fake_plugin.MANIFEST.model_copy(
        update={"capabilities": spec.FrozenDict(capabilities), "uniqueness": uniqueness}
    )

    @spec.describe
    def crm_describe() -> spec.Manifest:
        return manifest

    @spec.verify
    async def crm_verify(ctx: spec.Context[Any], request: spec.VerifyRequest) -> spec.VerifyReport:
        body = {"keys": list(request.keys)}
        extensions = {"renkei.write": False}
        url = f"https://{fake_plugin.HOST}/find"
        response = await ctx.http.post(url, json=body, headers=fake_plugin._headers(ctx), extensions=extensions)
        answer = spec.json_answer(response)
        if response.status_code != 200:
            raise fake_plugin._error(response, answer)
        return spec.VerifyReport(answers=tuple(_told(key, id, answer["sure"]) for key, id in answer["found"].items()))

    module.crm_describe, module.crm_verify = crm_describe, crm_verify
    for name in ("authenticate", "discover", "map", "push"):
        setattr(module, f"crm_{name}", getattr(fake_plugin, f"crm_{name}"))
    return module


def _told(key: str, id: str | None, sure: bool) -> Any:
    if not sure:
        return spec.CannotTell(key=key)
    return spec.Present(key=key, id=id, link=f"https://{fake_plugin.HOST}/{id}") if id else spec.Absent(key=key)
