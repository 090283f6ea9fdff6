"""Plugins that look at answers and change what is said of them: what many saboteurs have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import ModuleType
from typing import Any

import httpx

from renkei import spec
from renkei.testing.contract.saboteurs import damaged

Report = spec.PushReport
Change = Callable[[Report, spec.PushRequest], Report]
Mend = Callable[[spec.BackendError, httpx.Response | None, Any], spec.BackendError]


class Tap:
    """A client that remembers the last answer.

    Attributes:
        last: None where none came.
    """

    def __init__(self, http: Any) -> None:
        self._http = http
        self.last: httpx.Response | None = None

    async def get(self, *args: Any, **options: Any) -> httpx.Response:
        return await self._asked(self._http.get, *args, **options)

    async def post(self, *args: Any, **options: Any) -> httpx.Response:
        return await self._asked(self._http.post, *args, **options)

    async def _asked(self, send: Any, *args: Any, **options: Any) -> httpx.Response:
        self.last = None
        self.last = await send(*args, **options)
        return self.last


def tapped(ctx: Any) -> tuple[Any, Tap]:
    tap = Tap(ctx.http)
    return dataclasses.replace(ctx, http=tap), tap


def telling(change: Change) -> Callable[[ModuleType], ModuleType]:
    """A plugin whose report is changed before it is given."""

    def damage(good: ModuleType) -> ModuleType:
        async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
            return change(await good.crm_push(ctx, request), request)

        return damaged(good, push=crm_push)

    return damage


def each(change: Callable[[spec.Verdict], spec.Verdict]) -> Change:
    return lambda report, _request: Report(
        verdicts=tuple(change(verdict) for verdict in report.verdicts), stopped_by=report.stopped_by
    )


def erring(mend: Mend, hooks: tuple[str, ...] = ("authenticate", "discover", "push", "list_targets", "refresh")) -> Any:
    """A plugin whose errors are changed, raised or reported, with a look at the answer that led to them."""

    def damage(good: ModuleType) -> ModuleType:
        made = {}
        for hook in hooks:
            made[hook] = erring_hook(getattr(good, f"crm_{hook}"), mend)
        return damaged(good, **made)

    return damage


def erring_hook(function: Any, mend: Mend) -> Any:
    async def hook(ctx: Any, request: Any) -> Any:
        seen, tap = tapped(ctx)
        try:
            answer = await function(seen, request)
        except spec.BackendError as error:
            raise mend(error, tap.last, ctx) from None
        if isinstance(answer, Report) and answer.stopped_by is not None:
            return Report(verdicts=answer.verdicts, stopped_by=mend(answer.stopped_by, tap.last, ctx))
        return answer

    return hook


def status_of(answer: httpx.Response | None) -> int:
    return 0 if answer is None else answer.status_code


def settled(good: ModuleType, change: Callable[[Report, Tap], Report]) -> ModuleType:
    """A plugin whose report is changed with a look at the last answer."""

    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        seen, tap = tapped(ctx)
        return change(await good.crm_push(seen, request), tap)

    return damaged(good, push=crm_push)
