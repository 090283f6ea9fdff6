"""Atelier, a clock that stands still, and contexts as core would make them, without a network."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from renkei import spec
from renkei_template import backend
from renkei_template.settings import AtelierOptions, AtelierSettings
from renkei_template.simulator import SAMPLE_SETTINGS, Atelier, make_app


class StillClock:
    def __init__(self) -> None:
        self.instant = datetime(2024, 5, 1, 3, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.instant.timestamp()


class Wire(httpx.AsyncBaseTransport):
    """Between plugin and simulator: marks writes and translates failures, as core's guarded client does."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        write = request.method not in ("GET", "HEAD")
        request.extensions["renkei.write"] = write
        self.sent.append(request)
        try:
            return await self.inner.handle_async_request(request)
        except (httpx.TransportError, ConnectionResetError):
            pass
        if write:
            raise spec.OutcomeUnknown("connection_lost", "The connection was lost after the request was sent.")
        raise spec.Unavailable("connection_lost", "The connection was lost.")


@dataclass
class World:
    atelier: Atelier
    clock: StillClock
    wire: Wire
    remaining: timedelta = timedelta(seconds=60)
    settings: AtelierSettings = field(default_factory=lambda: AtelierSettings.parse(SAMPLE_SETTINGS))

    def run(self, call: Callable[[spec.Context[AtelierSettings]], Awaitable[Any]], credentials: Any = None) -> Any:
        async def with_client() -> Any:
            async with httpx.AsyncClient(transport=self.wire) as http:
                return await call(
                    spec.Context(
                        settings=self.settings,
                        credentials=credentials,
                        http=http,
                        clock=self.clock,
                        log=logging.getLogger("renkei_template.tests"),
                        remaining=lambda: self.remaining,
                        open_file=_no_files,
                    )
                )

        return asyncio.run(with_client())

    def authenticate(self, target: str | None = None) -> spec.Account:
        return self.run(lambda ctx: backend.crm_authenticate(ctx, spec.AuthenticateRequest(target=target)))

    @property
    def credentials(self) -> spec.Credentials:
        found = self.authenticate().credentials
        assert found is not None
        return found

    def refresh(self, credentials: spec.Credentials | None) -> spec.Credentials:
        return self.run(lambda ctx: backend.crm_refresh(ctx, spec.RefreshRequest()), credentials)

    def targets(self, parent: str | None = None) -> tuple[spec.Target, ...]:
        request = spec.ListTargetsRequest(parent=parent)
        return self.run(lambda ctx: backend.crm_list_targets(ctx, request), self.credentials).targets

    def discover(self, target: str = "inquiries", stage: str = "") -> spec.TargetSchema:
        request = spec.DiscoverRequest(target=target, options=AtelierOptions(stage=stage))
        return self.run(lambda ctx: backend.crm_discover(ctx, request), self.credentials)

    def map(self, values: dict[str, Any], schema: spec.TargetSchema, key: str = "k1", stage: str = "") -> Any:
        return backend.crm_map(
            spec.MapRequest(
                key=key,
                values=values,
                target_schema=schema,
                options=AtelierOptions(stage=stage),
                settings=self.settings.public(),
            )
        )

    def push(
        self,
        records: list[spec.WireRecord],
        *,
        credentials: spec.Credentials | None = None,
        target: str = "inquiries",
        stage: str = "",
        schema: spec.TargetSchema | None = None,
    ) -> spec.PushReport:
        request = spec.PushRequest(
            target=target,
            options=AtelierOptions(stage=stage),
            records=tuple(records),
            key_field=None,
            target_schema=schema or spec.TargetSchema(target=target, label=target, fields=()),
        )
        return self.run(lambda ctx: backend.crm_push(ctx, request), credentials or self.credentials)

    def verify(self, *keys: str, key_field: str = "delivery_key") -> list[Any]:
        request = spec.VerifyRequest(target="inquiries", options=AtelierOptions(), key_field=key_field, keys=keys)
        return list(self.run(lambda ctx: backend.crm_verify(ctx, request), self.credentials).answers)

    def stored_keys(self, target: str = "inquiries") -> list[str]:
        return [record["values"]["delivery_key"] for record in self.atelier.records(target)]

    def writes(self) -> int:
        return sum(request.method == "POST" and request.url.path.endswith("/records") for request in self.wire.sent)


async def _no_files(_ref: spec.FileRef) -> AsyncIterator[bytes]:
    raise AssertionError("Atelier has no files")
    yield b""


@pytest.fixture
def world() -> World:
    clock = StillClock()
    atelier = Atelier(clock=clock.now)
    return World(atelier, clock, Wire(httpx.ASGITransport(app=make_app(atelier))))


@pytest.fixture
def records() -> Callable[..., list[spec.WireRecord]]:
    """`records(3)`: three wire records with keys k1, k2, k3; `records(3, k2={"subject": "…"})` changes one."""

    def make(count: int, **changed: dict[str, Any]) -> list[spec.WireRecord]:
        keys = [f"k{number}" for number in range(1, count + 1)]
        return [
            spec.WireRecord(key=key, fields={"subject": f"件名 {key}", "delivery_key": key, **changed.get(key, {})})
            for key in keys
        ]

    return make
