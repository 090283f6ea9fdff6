"""One request that brought records, and the connection on which it came."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from renkei_kintone.simulator.outside import TRANSPORT

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class Request:
    """One request that brought records."""

    number: int
    sender: int
    body: bytes
    app: str
    records: list[dict[str, Any]]
    came_at: float = field(default_factory=time.time)
    did: str | None = None
    status: int | None = None

    def values(self, code: str) -> list[str]:
        """What the records hold in that field."""
        return [record[code]["value"] for record in self.records if code in record]

    def line(self) -> bytes:
        """What is written down of it."""
        said = {"number": self.number, "sender": self.sender, "app": self.app, "did": self.did, "status": self.status}
        said |= {"came_at": self.came_at, "ended_at": time.time(), "subjects": self.values("件名")}
        return json.dumps(said, ensure_ascii=False).encode() + b"\n"


class Line:
    """The connection that a request came on."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request: Request) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._request = request
        self._given = False
        self.nobody_listens = False

    async def through(self, inner: Any) -> None:
        """Let the simulator answer."""
        if self.nobody_listens:
            await self.in_vain(inner)
            await self.cut()
            return

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._request.status = message["status"]
            await self._send(message)

        await inner(self._scope, self._again, send)

    async def in_vain(self, inner: Any) -> list[MutableMapping[str, Any]]:
        """Let the simulator work on it; the answer, which nobody has been given."""
        answer: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._request.status = message["status"]
            answer.append(message)

        await inner(self._scope, self._again, send)
        return answer

    async def give(self, answer: list[MutableMapping[str, Any]]) -> None:
        """Give an answer after all."""
        for message in answer:
            await self._send(message)

    async def answer(self, status: int, page: bytes) -> None:
        """Answer with an HTML page."""
        self._request.status = status
        await answer(self._send, status, page)

    async def cut(self) -> None:
        """Close the connection without a byte."""
        self._scope[TRANSPORT].abort()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _again(self) -> MutableMapping[str, Any]:
        if self._given:
            return await self._receive()
        self._given = True
        return {"type": "http.request", "body": self._request.body, "more_body": False}


async def body_of(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def answer(send: Send, status: int, body: bytes) -> None:
    kind = b"application/json" if status == 200 else b"text/html; charset=utf-8"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
