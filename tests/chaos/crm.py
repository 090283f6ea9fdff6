"""The simulated kintone as a process of its own, under attack: it fails as planned and kills whoever it is told to.

What strikes a request is decided here by the number of requests that brought records. Most of it the simulator does
by itself; added are a backend that checks its unique field and commits later, one that reserves a value and takes it
back, maintenance, a revoked token, and the kills that only the backend's side can time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from chaos.children import Events
from chaos.line import Line, Receive, Request, Scope, Send, answer, body_of
from chaos.plan import Blow
from chaos.world import SENDER, Place, domain, token_of
from renkei_kintone.simulator import Kintone, serving

MAINTENANCE_SECONDS = 1.0
REVOKED_SECONDS = 1.2
# How the simulator's own faults are ordered.
_OWN: dict[str, dict[str, Any]] = {
    "503": {"kind": "before_apply_503"},
    "502_html": {"kind": "before_apply_502"},
    "429": {"kind": "429"},
    "429_retry_after": {"kind": "429", "retry_after": "1"},
    "da02": {"kind": "da02"},
    "html_200": {"kind": "html_200"},
    "html_200_applied": {"kind": "html_200", "applied": True},
    "reset": {"kind": "cut"},
    "applied_reset": {"kind": "applied_then_cut"},
    "applied_504": {"kind": "applied_then_504"},
    "applied_silence": {"kind": "hang", "at": "after_apply"},
    "silence": {"kind": "hang"},
}
_PAGE = "<html><body><h1>メンテナンス中です。</h1></body></html>".encode()


class Attacked(Kintone):
    """A domain whose application is wrapped."""

    attack: Attack

    def asgi(self, prefix: str = "") -> Any:
        """The application below the attack."""
        self.attack.inner = super().asgi(prefix)
        return self.attack


class Attack:
    """The ASGI application around the simulator."""

    inner: Any

    def __init__(self, kintone: Kintone, blows: Iterator[Blow], events: Events, place: Place) -> None:
        self._kintone = kintone
        self._blows = deque(blows)
        self._events = events
        self._log = os.open(place.requests, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._requests = 0
        self._maintenance_until = 0.0
        self._revoked: set[str] = set()
        self.kills: dict[int, dict[str, Any]] = {}
        self.struck: Counter[str] = Counter()

    def obey(self, orders: Iterator[dict[str, Any]]) -> None:
        """Take orders: a kill, keys that strangers hold, a blow that strikes next, or calm."""
        for order in orders:
            if order["do"] == "kill":
                self.kills[order["victim"]] = order
            elif order["do"] == "spare":
                self.kills.pop(order["victim"], None)
            elif order["do"] == "plant":
                self._kintone.apps[order["app"]].taken.setdefault("キー", {}).update(dict.fromkeys(order["keys"], "0"))
            elif order["do"] == "strike":
                self._blows.appendleft(Blow(0, order["kind"], order.get("seconds", 0.0)))
            else:
                self._blows.clear()
                self.kills.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith("/k/"):
            await (self._told(send) if path == "/_chaos" else self.inner(scope, receive, send))
        elif path.endswith("/records.json") and scope["method"] == "POST":
            await self._brought(scope, receive, send)
        elif time.monotonic() < self._maintenance_until:
            await answer(send, 503, _PAGE)
        else:
            await self.inner(scope, receive, send)

    async def _told(self, send: Send) -> None:
        stored = sum(len(app.records) for app in self._kintone.apps.values())
        said = {"requests": self._requests, "stored": stored, "struck": self.struck}
        await answer(send, 200, json.dumps(said).encode())

    async def _brought(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await body_of(receive)
        data = json.loads(body)
        sender = int(dict(scope["headers"]).get(SENDER.encode(), b"0"))
        request = Request(self._requests, sender, body, str(data["app"]), data["records"])
        if not request.records and time.monotonic() >= self._maintenance_until:
            # A probe, which is to find out whether the token may add.
            await Line(scope, receive, send, request).through(self.inner)
            return
        self._requests += 1
        try:
            await self._struck(request, Line(scope, receive, send, request))
        finally:
            os.write(self._log, request.line())

    async def _struck(self, request: Request, line: Line) -> None:
        if time.monotonic() < self._maintenance_until:
            request.did = "maintenance"
            await line.answer(503, _PAGE)
        elif self._kill_is_due(request):
            await self._kill(request, line, self.kills.pop(request.sender))
        elif self._blows and self._blows[0].number <= request.number:
            await self._strike(request, line, self._blows.popleft())
        else:
            await line.through(self.inner)

    # -- kills --------------------------------------------------------------------------------------------------------

    def _kill_is_due(self, request: Request) -> bool:
        order = self.kills.get(request.sender)
        if order is None:
            return False
        order["skip"] -= 1
        return bool(order["skip"] < 0)

    async def _kill(self, request: Request, line: Line, order: dict[str, Any]) -> None:
        window, late = order["window"], order["late"]
        if window == "applied":
            said = await line.in_vain(self.inner)
            if request.status != 200:
                # It was refused, so that nothing was applied: this is not the window. Another request will be.
                self.kills[request.sender] = order | {"skip": 0}
                await line.give(said)
                return
        request.did = f"killed {window}"
        self._events.tell("killed", victim=request.sender, window=window)
        os.kill(request.sender, signal.SIGKILL)
        if window == "sent" and late is not None:
            line.nobody_listens = True
            await self._slowly(request, line, order["how"], late)
        else:
            await line.cut()

    # -- faults -------------------------------------------------------------------------------------------------------

    async def _strike(self, request: Request, line: Line, blow: Blow) -> None:
        self.struck[blow.kind] += 1
        request.did = blow.kind
        match blow.kind:
            case "maintenance":
                self._maintenance_until = time.monotonic() + MAINTENANCE_SECONDS
                await line.answer(503, _PAGE)
            case "revoked":
                self._revoke(request.app)
                await line.through(self.inner)
            case "slow" | "slow_checked" | "slow_rolled_back":
                await self._slowly(request, line, blow.kind, blow.seconds)
            case _:
                # Between this line and the simulator's look at its faults nothing else runs.
                self._kintone.order(**_OWN[blow.kind], seconds=blow.seconds, path="/records.json", method="POST")
                await line.through(self.inner)

    def _revoke(self, app: str) -> None:
        if app in self._revoked:
            return
        self._revoked.add(app)
        token = self._kintone.tokens[token_of(app)]
        self._kintone.tokens[token.value] = replace(token, deployed=False)
        asyncio.get_running_loop().call_later(REVOKED_SECONDS, self._restore, app)

    def _restore(self, app: str) -> None:
        token = self._kintone.tokens[token_of(app)]
        self._kintone.tokens[token.value] = replace(token, deployed=True)
        self._revoked.discard(app)
        self._events.tell("restored", app=app)

    def _taken(self, request: Request) -> dict[str, str]:
        """Keys that the app holds, and the record that has each."""
        return self._kintone.apps[request.app].taken.setdefault("キー", {})

    def _let_go(self, request: Request, keys: set[str]) -> None:
        for key in keys:
            self._taken(request).pop(key, None)

    async def _slowly(self, request: Request, line: Line, how: str, seconds: float) -> None:
        """Work on a request for a while, in one of three ways in which backends do."""
        keys = set(request.values("キー"))
        free = not keys & self._taken(request).keys()
        if how == "slow_rolled_back":
            keys -= self._taken(request).keys()
            self._taken(request).update(dict.fromkeys(keys, "reserved"))
        await asyncio.sleep(seconds)
        if how == "slow_rolled_back":
            self._let_go(request, keys)
            await line.cut()
            return
        if how == "slow_checked" and free:
            # It has checked already, and does not look again before it commits.
            self._let_go(request, keys)
        await line.through(self.inner)


def serve(
    place: Place, listening: socket.socket, blows: tuple[Blow, ...], events: Events, orders: Iterator[dict[str, Any]]
) -> None:
    """Be the simulated kintone until killed."""
    kintone = Attacked.from_data(domain())
    assert isinstance(kintone, Attacked)
    kintone.attack = Attack(kintone, iter(blows), events, place)
    threading.Thread(target=kintone.attack.obey, args=(orders,), daemon=True).start()
    serving.run(kintone, listening, serving.Place(), lambda: events.tell("serves"))
