"""The wire between plugin and simulator: everything is recorded, and faults are put in where a check asks for them.

It takes the network's place below core's guarded client, so that what the guard does is done here too.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

import httpx

Kind = Literal["read", "write", "any"]
Forward = Callable[[], Awaitable[httpx.Response]]
"""Lets the simulator answer the request."""

Act = Callable[["Exchange", Forward], Awaitable[httpx.Response]]
"""One fault: answers, lets the simulator answer, or raises as a broken wire does. See `acts`."""

current_hook: ContextVar[str] = ContextVar("current_hook", default="")
on_the_wire: ContextVar[bool] = ContextVar("on_the_wire", default=False)
"""Whether what runs now is the suite's end of the wire, and not the hook that sent the request."""

beyond: ContextVar[bool] = ContextVar("beyond", default=False)
"""True in code that runs at the other end of the wire: what the simulator does is not the plugin's doing."""

_READS = ("GET", "HEAD", "OPTIONS")


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and what became of it, as seen on the wire.

    Attributes:
        hook: that sent it; empty where none was running.
        forwarded: whether the simulator saw it.
        status, answer: of the simulator, or of a fault; None and empty where none came back.
        fault: name of the act that was played, empty where none was.
    """

    hook: str
    request: httpx.Request
    body: bytes
    forwarded: bool = False
    status: int | None = None
    answer: bytes = b""
    fault: str = ""

    @property
    def write(self) -> bool:
        """Whether it may store a record."""
        return self.hook == "crm_push" and self.request.method not in _READS

    @property
    def applied(self) -> bool:
        """Whether the simulator carried it out."""
        return self.forwarded and self.status is not None and 200 <= self.status < 300

    @property
    def target(self) -> bytes:
        """Path and query, as they were sent."""
        return self.request.url.raw_path


@dataclass(slots=True)
class _Rule:
    kind: Kind
    hook: str
    act: Act
    after: int
    times: int

    def strikes(self, exchange: Exchange) -> bool:
        kind = "write" if exchange.write else "read"
        if self.times <= 0 or self.kind not in (kind, "any") or self.hook not in ("", exchange.hook):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass(slots=True)
class SuiteWire:
    """What was seen, and what is to go wrong.

    Attributes:
        exchanges: in the order in which they were sent.
        busiest: most requests that were under way at once.
    """

    exchanges: list[Exchange] = field(default_factory=list)
    busiest: int = 0
    _under_way: int = 0
    _rules: list[_Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, act: Act, *, on: Kind = "write", hook: str = "", after: int = 0, times: int = 1) -> None:
        """Have the requests that fit meet *act*: the first *after* of them pass, then *times* do not.

        Args:
            on: writes are what `crm_push` sends with another method than GET, HEAD and OPTIONS.
            hook: only requests of this one.
        """
        with self._lock:
            self._rules.append(_Rule(on, hook, act, after, times))

    def calm(self) -> None:
        """From now on nothing goes wrong."""
        with self._lock:
            self._rules.clear()

    @property
    def writes(self) -> list[Exchange]:
        """Those that may have stored a record."""
        return [exchange for exchange in self.exchanges if exchange.write]

    @contextmanager
    def since_now(self) -> Iterator[list[Exchange]]:
        """Collects what is seen inside the block."""
        start = len(self.exchanges)
        seen: list[Exchange] = []
        try:
            yield seen
        finally:
            seen.extend(self.exchanges[start:])

    def begin(self, exchange: Exchange) -> Act | None:
        """Note a request; the act it is to meet."""
        with self._lock:
            self.exchanges.append(exchange)
            self._under_way += 1
            self.busiest = max(self.busiest, self._under_way)
            return next((rule.act for rule in self._rules if rule.strikes(exchange)), None)

    def is_busy(self) -> bool:
        """Whether a request is under way."""
        return self._under_way > 0

    def end(self) -> None:
        """A request is over."""
        with self._lock:
            self._under_way -= 1


class WireTransport(httpx.AsyncBaseTransport):
    """One pool's end of the wire.

    Args:
        wire: shared by all pools of a stage.
        inner: reaches the simulator.
    """

    def __init__(self, wire: SuiteWire, inner: httpx.AsyncBaseTransport) -> None:
        self._wire = wire
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Record *request* and answer it, through the fault that strikes it."""
        body = await request.aread()
        exchange = Exchange(hook=current_hook.get(), request=request, body=body)
        act = self._wire.begin(exchange)

        async def forward() -> httpx.Response:
            exchange.forwarded = True
            answer = await self._answered(request)
            exchange.status, exchange.answer = answer.status_code, answer.content
            return answer

        token = on_the_wire.set(True)
        try:
            if act is None:
                return await forward()
            exchange.fault = getattr(act, "__name__", "fault")
            answer = await act(exchange, forward)
            if exchange.status is None:
                exchange.status = answer.status_code
            return answer
        finally:
            on_the_wire.reset(token)
            self._wire.end()

    async def _answered(self, request: httpx.Request) -> httpx.Response:
        there = beyond.set(True)
        try:
            answer = await self._inner.handle_async_request(request)
            content = await answer.aread()
        except ConnectionError as error:  # a simulator that cuts the connection by itself
            raise httpx.ReadError(str(error), request=request) from None
        finally:
            beyond.reset(there)
        gone = (b"content-encoding", b"transfer-encoding", b"content-length")
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in gone]
        return httpx.Response(answer.status_code, headers=headers, content=content)

    async def aclose(self) -> None:
        """Close what reaches the simulator."""
        await self._inner.aclose()
