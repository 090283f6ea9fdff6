"""The plugin's hooks over the simulator, through a client that behaves like the guarded one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import pytest

from renkei import spec
from renkei_kintone import backend
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.simulator import Kintone, sample

T = TypeVar("T")
TOKEN = "simulated-add-only-token"


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 4, 1, 1, 2, 3, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


class Wire(httpx.AsyncBaseTransport):
    """Marks writes, keeps what was sent, and translates what is lost, as core's guarded client does."""

    def __init__(self, inner: httpx.AsyncBaseTransport, seen: list[httpx.Request]) -> None:
        self._inner = inner
        self._seen = seen

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["renkei.write"] = request.method != "GET"
        self._seen.append(request)
        try:
            return await self._inner.handle_async_request(request)
        except (httpx.TransportError, ConnectionError) as error:
            if request.method == "GET":
                raise spec.Unavailable("lost", "the answer to a read was lost") from error
            raise spec.OutcomeUnknown("lost", "the answer to a write was lost") from error


class World:
    """One simulated kintone and one connection to it."""

    def __init__(self, kintone: Kintone) -> None:
        self.kintone = kintone
        self.seen: list[httpx.Request] = []
        self.typed: dict[str, Any] = {"subdomain": "demo", "app_id": "1", "api_token": TOKEN}
        self.transport: Callable[[], httpx.AsyncBaseTransport] = lambda: httpx.ASGITransport(app=kintone.asgi())
        self.files: dict[str, list[bytes | Exception]] = {}
        self.opened: list[str] = []
        self.remaining: Callable[[], timedelta] = lambda: timedelta(seconds=60)
        self._schema: spec.TargetSchema | None = None

    def run(self, hook: Callable[[spec.Context[KintoneSettings]], Coroutine[Any, Any, T]]) -> T:
        async def running() -> T:
            async with httpx.AsyncClient(transport=Wire(self.transport(), self.seen)) as http:
                return await hook(self._context(http))

        return asyncio.run(running())

    def _context(self, http: httpx.AsyncClient) -> spec.Context[KintoneSettings]:
        async def open_file(ref: spec.FileRef) -> AsyncIterator[bytes]:
            if ref.id not in self.files:
                raise spec.Unavailable("file_unreadable", "the host has no such file")
            self.opened.append(ref.id)
            for chunk in self.files[ref.id]:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk

        return spec.Context(
            settings=KintoneSettings.parse(self.typed),
            credentials=None,
            http=http,
            clock=FixedClock(),
            log=logging.getLogger("test"),
            remaining=lambda: self.remaining(),
            open_file=open_file,
        )

    def authenticate(self, target: str | None = None) -> spec.Account:
        return self.run(lambda ctx: backend.crm_authenticate(ctx, spec.AuthenticateRequest(target=target)))

    def discover(self, target: str = "1") -> spec.TargetSchema:
        request = spec.DiscoverRequest(target=target, options=spec.NoOptions())
        return self.run(lambda ctx: backend.crm_discover(ctx, request))

    def verify(self, *keys: str, key_field: str = "キー", target: str = "1") -> spec.VerifyReport:
        request = spec.VerifyRequest(target=target, options=spec.NoOptions(), key_field=key_field, keys=keys)
        return self.run(lambda ctx: backend.crm_verify(ctx, request))

    @property
    def schema(self) -> spec.TargetSchema:
        if self._schema is None:
            self._schema = self.discover()
            self.seen.clear()
        return self._schema

    def map(self, key: str = "k1", **values: Any) -> spec.MapResult:
        request = spec.MapRequest(
            key=key, values=values, target_schema=self.schema, options=spec.NoOptions(), settings={}
        )
        return backend.crm_map(request)

    def record(self, key: str = "k1", **values: Any) -> spec.WireRecord:
        result = self.map(key, **({"キー": key, "件名": f"件名 {key}"} | values))
        assert result.record is not None, result.problems
        return result.record

    def push(self, *records: spec.WireRecord, key_field: str | None = "キー", target: str = "1") -> spec.PushReport:
        request = spec.PushRequest(
            target=target, options=spec.NoOptions(), records=records, key_field=key_field, target_schema=self.schema
        )
        return self.run(lambda ctx: backend.crm_push(ctx, request))

    def call(
        self, method: str, api: str, *, token: str | None = TOKEN, path: str = "/k/v1", **sent: Any
    ) -> httpx.Response:
        """A raw call of the API, as any client makes it."""

        async def calling() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.kintone.asgi())) as http:
                headers = {**({"X-Cybozu-API-Token": token} if token is not None else {}), **sent.pop("headers", {})}
                return await http.request(method, f"https://demo.cybozu.com{path}/{api}", headers=headers, **sent)

        return asyncio.run(calling())

    def add(self, *records: dict[str, Any], **options: Any) -> httpx.Response:
        """Add raw records, given as plain values by code."""
        wire = [{code: {"value": value} for code, value in record.items()} for record in records]
        return self.call("POST", "records.json", json={"app": "1", "records": wire}, **options)


@pytest.fixture
def world() -> World:
    kintone = sample()
    kintone.now = FixedClock().now
    return World(kintone)
