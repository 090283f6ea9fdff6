"""Connections that are kept open, apart for each stored connection, on one event loop."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx

# Idle sockets cost file descriptors, and a backend may serve thousands of connections.
MOST_KEPT = 128


@dataclass(slots=True)
class _Kept:
    transport: httpx.AsyncBaseTransport
    users: int = 0


class Pools:
    """One transport per stored connection, so that what one logged in on is never another's.

    Lives on one event loop and is used from it alone: no locks.
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._make = make
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    @asynccontextmanager
    async def lease(self, connection: str, *, fresh: bool) -> AsyncIterator[httpx.AsyncBaseTransport]:
        """The transport of *connection*; one that is used once where *fresh* or where there is no name for it yet."""
        if fresh or not connection:
            transport = self._make()
            try:
                yield transport
            finally:
                await _close(transport)
            return
        kept = self._kept.get(connection) or self._open(connection)
        self._kept.move_to_end(connection)
        kept.users += 1
        try:
            yield kept.transport
        finally:
            kept.users -= 1
            await self._trim()

    async def aclose(self) -> None:
        """Close everything."""
        kept, self._kept = self._kept, OrderedDict()
        for item in kept.values():
            await _close(item.transport)

    def _open(self, connection: str) -> _Kept:
        self._kept[connection] = _Kept(self._make())
        return self._kept[connection]

    async def _trim(self) -> None:
        while len(self._kept) > MOST_KEPT:
            idle = next((name for name, kept in self._kept.items() if not kept.users), None)
            if idle is None:
                return
            await _close(self._kept.pop(idle).transport)


async def _close(transport: httpx.AsyncBaseTransport) -> None:
    # A connection that is gone already must not turn a push that was won into one that failed.
    with suppress(Exception):
        await transport.aclose()


class Wrapped(httpx.AsyncBaseTransport):
    """A transport of ours inside one of a test's: requests go to the outer one, and both are closed."""

    def __init__(self, outer: httpx.AsyncBaseTransport, inner: httpx.AsyncBaseTransport) -> None:
        self._outer = outer
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*."""
        return await self._outer.handle_async_request(request)

    async def aclose(self) -> None:
        """Close both: an outer one that answers by itself knows nothing of the inner."""
        await _close(self._outer)
        await _close(self._inner)
