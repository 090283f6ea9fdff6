"""A small backend whose hooks a test replaces one by one, and servers on loopback that misbehave byte by byte."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, field_validator

from renkei import spec
from renkei.plugins import Backend, Call, Registry

HOST = "api.acme.example"
SECRET = "canary-7f3a9c"


class AcmeSettings(spec.Settings):
    token: SecretStr = spec.setting(ja="トークン", en="Token")
    region: str = spec.setting(ja="地域", en="Region", default="jp")

    @field_validator("region")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in ("jp", "us"):
            raise ValueError(f"bad region {value}")
        return value


def manifest(**changes: Any) -> spec.Manifest:
    absent = spec.Capability(
        state=spec.CapabilityState.UNSUPPORTED, reason=spec.Text(ja="ありません。", en="There is none.")
    )
    data: dict[str, Any] = {
        "id": "acme",
        "version": "1.2.3",
        "spec": ">=1.0,<2",
        "name": spec.Text(ja="アクメ", en="Acme"),
        "settings": AcmeSettings,
        "hosts": (HOST,),
        "limits": spec.Limits(push_size=100, request_size=10, concurrency=4),
        "atomicity": "request",
        "uniqueness": "atomic",
        "refusals": (spec.Refusal(json_key="code"),),
        "settles_within": timedelta(seconds=60),
        "unknown_fields": "refused",
        "capabilities": dict.fromkeys(spec.CAPABILITIES, absent),
    }
    return spec.Manifest(**{**data, **changes})


def supporting(*names: str) -> dict[str, spec.Capability]:
    yes = spec.Capability(state=spec.CapabilityState.SUPPORTED)
    return {**manifest().capabilities, **dict.fromkeys(names, yes)}


SCHEMA = spec.TargetSchema(
    target="7", label="台帳", fields=(spec.Field(code="title", label="件名", type="text", native_type="STRING"),)
)


def module(described: spec.Manifest | None = None, **hooks: Callable[..., Any]) -> ModuleType:
    """A good plugin; *hooks* replace its functions by the hook's short name, and are decorated here."""
    answer = described or manifest()

    def crm_describe() -> spec.Manifest:
        return answer

    async def crm_authenticate(ctx: Any, request: spec.AuthenticateRequest) -> spec.Account:
        await ctx.http.get(f"https://{HOST}/me")
        return spec.Account(id="1", label="Acme")

    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        await ctx.http.get(f"https://{HOST}/fields")
        return SCHEMA

    def crm_map(request: spec.MapRequest) -> spec.MapResult:
        return spec.MapResult(record=spec.WireRecord(key=request.key, fields=dict(request.values)))

    async def crm_push(ctx: Any, request: spec.PushRequest) -> spec.PushReport:
        verdicts: list[Any] = []
        for start in range(0, len(request.records), 10):
            chunk = request.records[start : start + 10]
            answer = await ctx.http.post(f"https://{HOST}/records", json=len(chunk), extensions=spec.carrying(chunk))
            ids = spec.json_answer(answer)["ids"]
            verdicts += [spec.Created(key=record.key, id=str(id)) for record, id in zip(chunk, ids, strict=True)]
        return spec.PushReport(verdicts=tuple(verdicts))

    made = ModuleType("acme_backend")
    functions = {f.__name__: f for f in (crm_describe, crm_authenticate, crm_discover, crm_map, crm_push)}
    functions.update({f"crm_{name}": function for name, function in hooks.items()})
    for name, function in functions.items():
        setattr(made, name, getattr(spec, name.removeprefix("crm_"))(_named(function, name)))
    return made


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    function.__name__ = name
    return function


def records(count: int) -> tuple[spec.WireRecord, ...]:
    return tuple(spec.WireRecord(key=f"k{number}", fields={"title": "件名"}) for number in range(count))


def push_of(count: int) -> spec.PushRequest:
    return spec.PushRequest(
        target="7", options=spec.NoOptions(), records=records(count), key_field="key", target_schema=SCHEMA
    )


def call(**changes: Any) -> Call:
    values: dict[str, Any] = {
        "settings": AcmeSettings(token=SecretStr(SECRET)),
        "deadline": timedelta(seconds=5),
        "connection": "c1",
    }
    return Call(**{**values, **changes})


class Answering:
    """A transport that answers by a function and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], httpx.Response] = self._created
        self._next = 0

    def _created(self, request: httpx.Request) -> httpx.Response:
        count = int(request.content or b"0")
        self._next += count
        return httpx.Response(200, json={"ids": list(range(self._next - count, self._next))})

    async def handle(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        return self.answer(request)


@pytest.fixture
def wire() -> Answering:
    return Answering()


@pytest.fixture
def registries() -> Iterator[list[Registry]]:
    made: list[Registry] = []
    yield made
    for registry in made:
        registry.close()


@pytest.fixture
def acme(wire: Answering, registries: list[Registry]) -> Callable[..., Backend]:
    """Make a backend whose requests go to `wire`: `acme(push=…)`, `acme(described=…)`, `acme(grace=…)`."""

    def make(described: spec.Manifest | None = None, *, options: Any = None, **hooks: Any) -> Backend:
        settings = {"transport": lambda _inner: httpx.MockTransport(wire.handle), **(options or {})}
        registry = Registry(modules={"acme": module(described, **hooks)}, scan=False, **settings)
        registries.append(registry)
        return registry.backend("acme")

    return make


class LoopbackServer:
    """A real TCP server whose handler writes what it likes. Keeps the request heads that it read."""

    def __init__(
        self,
        serve: Callable[[LoopbackServer, bytes, asyncio.StreamWriter], Awaitable[None]],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.heads: list[bytes] = []
        self.connections = 0
        self._serve = serve
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()
        assert self._ready.wait(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        await reader.readexactly(int(line.split(b":")[1]))
                await self._serve(self, head, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._handle, "127.0.0.1", 0, ssl=self._tls))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        # What was just accepted gets its transport first: asyncio cannot attach one to a closed server, and leaks it.
        self._loop.run_until_complete(asyncio.sleep(0.01))
        server.close()
        self._loop.run_until_complete(self._wind_up())
        self._loop.close()

    async def _wind_up(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Also those whose TLS handshake failed and that no handler has seen: asyncio keeps no public list.
        for transport in list(vars(self._loop)["_transports"].values()):
            transport.abort()
        await asyncio.sleep(0.001)  # a transport closes its socket one turn later

    def close(self) -> None:
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


@pytest.fixture
def serving() -> Iterator[Callable[..., LoopbackServer]]:
    """Start a server: `serving(serve)` with `async def serve(server, head, writer)`."""
    made: list[LoopbackServer] = []

    def start(serve: Any, tls: ssl.SSLContext | None = None) -> LoopbackServer:
        made.append(LoopbackServer(serve, tls))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.fixture
def toolbox() -> SimpleNamespace:
    """The builders above, for tests (test folders are not packages, so they cannot import each other)."""
    return SimpleNamespace(
        HOST=HOST,
        SECRET=SECRET,
        SCHEMA=SCHEMA,
        AcmeSettings=AcmeSettings,
        manifest=manifest,
        supporting=supporting,
        module=module,
        records=records,
        push_of=push_of,
        call=call,
    )
