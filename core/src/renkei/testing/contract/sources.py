"""Where the other end of the wire is: the kit's simulator, recorded traffic, or a real account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from renkei.plugins import parse_routes
from renkei.testing.contract.catalogue import Source
from renkei.testing.contract.subject import NotProvable
from renkei.testing.kit import Kit

Inner = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]
"""From core's own innermost transport to the one that is used."""


class Witness(Protocol):
    """Sees a check from its beginning to its end: records what went over the wire, or answers from a record."""

    def begin(self, secrets: Callable[[], Mapping[str, str]]) -> None:
        """The stage is there; *secrets* gives at any time those that it knows by name."""
        ...

    def end(self, *, passed: bool) -> None:
        """The stage is closed; what this raises is what is said of the check."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The account that a stage's connection is for.

    Attributes:
        source: where it is.
        settings, target, options: of the connection.
        inner: reaches it.
        routes: host → URL on this machine, for a live account that is a simulator.
        clean_up: removes records by their ids, after a check, where they would stay.
        witness: of the traffic, None where nobody needs one.
    """

    source: Source
    settings: Mapping[str, Any]
    target: str
    options: Mapping[str, Any]
    inner: Inner
    routes: Mapping[str, str] = field(default_factory=dict)
    clean_up: Callable[[Sequence[str]], None] = lambda _ids: None
    witness: Witness | None = None


def simulator_of(kit: Kit) -> Site:
    """The kit's simulator, in this process or on a loopback port."""
    answering = kit.simulator()

    def inner(_network: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        return Forwarding(answering) if isinstance(answering, str) else httpx.ASGITransport(app=answering)

    return Site(source="simulator", settings=kit.good_settings(), target=kit.target, options=kit.options, inner=inner)


def live_site(kit: Kit, environment: Mapping[str, str]) -> Site:
    """The real account that *environment* names; requests leave through core's own pinned transport.

    Raises:
        NotProvable: it names none.
    """
    found = kit.live(environment)
    if found is None:
        raise NotProvable(
            f"The environment names no live account that {type(kit).__qualname__} understands; see its `live` method."
        )
    return Site(
        source="live",
        settings=found.settings,
        target=found.target,
        options=found.options,
        inner=lambda network: network,
        routes=parse_routes(environment.get("RENKEI_ROUTES", "")),
        clean_up=found.clean_up,
    )


class Forwarding(httpx.AsyncBaseTransport):
    """Sends every request to one server on this machine; path, query and Host stay as they are."""

    def __init__(self, url: str) -> None:
        self._base = httpx.URL(url)
        self._network = httpx.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* there."""
        base = self._base.raw_path.split(b"?", 1)[0].rstrip(b"/")
        url = self._base.copy_with(raw_path=base + request.url.raw_path)
        return await self._network.handle_async_request(
            httpx.Request(
                request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
            )
        )

    async def aclose(self) -> None:
        """Close the sockets."""
        await self._network.aclose()
