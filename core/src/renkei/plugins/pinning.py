"""Connect to the address that was judged: resolve once, look at every answer, connect to one of those.

Pinning below the connection pool leaves URL, Host header, SNI and certificate check as they are. Rewriting the URL
to the address instead was tried: the pool then keys connections by address, and a second host on the same address
reuses the first one's TLS connection.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

import httpcore
import httpx

from renkei.plugins.addresses import is_loopback, is_public
from renkei.plugins.hosts import AllowedHosts

Resolver: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
Endpoint: TypeAlias = tuple[str, int]

# Seconds for an address that is not the last of its name: an IPv6 route into nowhere must not cost the whole call.
_PATIENCE = 3.0


class AddressRefused(httpcore.ConnectError):
    """The name leads to an address that must not be reached. Nothing was connected."""


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of *host*, asked off the loop."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


class PinnedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to judged addresses only."""

    def __init__(
        self, hosts: AllowedHosts, routed: frozenset[Endpoint] = frozenset(), *, resolver: Resolver = resolve
    ) -> None:
        self._hosts = hosts
        self._routed = routed
        self._resolver = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, judge all addresses, connect to the first that answers, in *timeout* seconds altogether.

        Raises:
            AddressRefused: one of the addresses is not allowed. A name with a public and a private address is
                refused whole: it is how a rebinding attack looks.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._judged(host, port)
                return await self._first_of(addresses, port, local_address, socket_options)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"no connection to {host!r} in time") from None

    async def sleep(self, seconds: float) -> None:
        """Wait; asked for between connection attempts."""
        await asyncio.sleep(seconds)

    async def _judged(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._resolver(host, port)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError(f"the name {host!r} cannot be resolved") from None
        if not addresses:
            raise httpcore.ConnectError(f"the name {host!r} has no address")
        if not all(self._may_connect(host, port, address) for address in addresses):
            raise AddressRefused(f"the name {host!r} leads to an address that is not public")
        return addresses

    def _may_connect(self, host: str, port: int, address: str) -> bool:
        if (host, port) in self._routed:
            return is_loopback(address)
        return is_public(address) or self._hosts.tolerates(host, port, address)

    async def _first_of(
        self, addresses: list[str], port: int, local_address: str | None, socket_options: Iterable[Any] | None
    ) -> httpcore.AsyncNetworkStream:
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(
                    address, port, _PATIENCE, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(
            addresses[-1], port, local_address=local_address, socket_options=socket_options
        )


class PinnedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over a pool whose connections are pinned.

    A subclass, because recorders (vcrpy) patch `AsyncHTTPTransport.handle_async_request`. httpx has no public
    argument for the network backend, so the pool is put in its place; `httpx<0.29` and a test hold that together.
    """

    def __init__(self, network: PinnedNetwork, *, ssl_context: ssl.SSLContext, connections: int) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30.0,
            http1=True,
            http2=False,
            retries=0,
            network_backend=network,
        )
