"""A CRM in memory, for hosts' own tests: what was recorded arrives here through the real engine."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from renkei.mapping import Mapping as Rules
from renkei.mapping import Rule
from renkei.spec import Field, FieldType
from renkei.testing import fake_plugin

Fault = Literal[
    "refuse_connection",  # not sent
    "lose_answer",  # stored, then the connection breaks
    "lose_request",  # not stored, and the connection breaks: nobody can tell it from the other
    "server_error",  # 500, not stored
    "stored_server_error",  # stored, then 500
    "html",  # 200 with a page, not stored
    "busy",  # 429
    "unauthorised",  # 401
    "refuse",  # 400 for all, naming nobody
]


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record in the fake."""

    id: str
    fields: dict[str, Any]


class FakeBackend:
    """A backend `fake` whose records are in `records`.

        fake = FakeBackend()
        renkei = Renkei(str(tmp_path / "renkei.db"), **fake.plug())
        fake.set_up(renkei, tenant="t", inbox="support")

    Requests pass through the engine, the dispatcher and the guarded client; only the network is missing.

    Attributes:
        records: what is stored, in order.
        fields: the target's fields; change them to see what drift does. `key` is unique.
        password: what the fake accepts.
        refuses: says of a record whether it is refused, and then under which code and field; a field of None names
            nobody.
        load: how many requests the fake says it is working on, and at how many it takes no more; None to say nothing.
        requests: method and path of each request.
    """

    def __init__(self) -> None:
        self.records: list[StoredRecord] = []
        self.fields: list[Field] = [
            Field(code="key", label="連携キー", type=FieldType.TEXT, native_type="text", unique=True, max_length=64),
            Field(code="subject", label="件名", type=FieldType.TEXT, native_type="text", max_length=200),
            Field(code="body", label="本文", type=FieldType.LONG_TEXT, native_type="text"),
            Field(code="action", label="行動ID", type=FieldType.TEXT, native_type="text"),
        ]
        self.password = "not-a-real-password"
        self.account = "fake"
        self.refuses: Callable[[Mapping[str, Any]], tuple[str, str | None] | None] = lambda _record: None
        self.load: tuple[int, int] | None = None
        self.requests: list[tuple[str, str]] = []
        self.pushes: list[int] = []
        self.before_answer: Callable[[httpx.Request], None] = lambda _request: None
        self._faults: deque[tuple[Fault, str]] = deque()
        self._lock = threading.Lock()

    def plug(self) -> dict[str, Any]:
        """Arguments for `Renkei`: this backend and no other."""
        return {"plugins": {"fake": fake_plugin}, "scan": False, "transport": lambda _network: _Wire(self)}

    def set_up(
        self, renkei: Any, *, tenant: str = "t", actor: str = "admin", inbox: str = "support", keyed: bool = True
    ) -> None:
        """A connection (made if it is not there) and an integration on *inbox*."""
        names = [connection.name for connection in renkei.connections.all(tenant, actor)]
        if "fake" not in names:
            settings = {"account": self.account, "password": self.password}
            renkei.connections.add(tenant, actor, "fake", backend="fake", settings=settings)
        renkei.integrations.create(tenant, actor, inbox, connection="fake", mapping=self.mapping(keyed=keyed))

    def mapping(self, *, keyed: bool = True) -> Rules:
        """Rules that fit `fields`."""
        rules = (
            Rule(target="subject", source="message.subject"),
            Rule(target="body", source="message.body_text"),
            Rule(target="action", source="action.id"),
        )
        return Rules(rules=(Rule(target="key", source="delivery.key"), *rules) if keyed else rules)

    def fail(self, *faults: Fault, on: str = "/records") -> None:
        """Have the next requests to *on* meet these, one each."""
        with self._lock:
            self._faults.extend((fault, on) for fault in faults)

    def values(self, code: str) -> list[Any]:
        """What the records hold in one field."""
        return [record.fields.get(code) for record in self.records]

    # -- the CRM ------------------------------------------------------------------------------------------------

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What the CRM answers; a broken connection is raised."""
        with self._lock:
            self.requests.append((request.method, request.url.path))
            fault = self._next_fault(request.url.path)
            self.before_answer(request)
            if fault is None:
                return self._answer(request)
            return self._fail(fault, request)

    def _next_fault(self, path: str) -> Fault | None:
        for place, (fault, on) in enumerate(self._faults):
            if on == path:
                del self._faults[place]
                return fault
        return None

    def _fail(self, fault: Fault, request: httpx.Request) -> httpx.Response:
        match fault:
            case "refuse_connection":
                raise httpx.ConnectError("refused")
            case "lose_answer":
                self._answer(request)
                raise httpx.ReadError("cut")
            case "lose_request":
                raise httpx.ReadError("cut")
            case "server_error":
                return httpx.Response(500, text="broken")
            case "stored_server_error":
                self._answer(request)
                return httpx.Response(500, text="broken")
            case "html":
                return httpx.Response(200, text="<html>maintenance</html>")
            case "busy":
                return httpx.Response(429, json={"code": "busy"})
            case "unauthorised":
                return httpx.Response(401, json={"code": "wrong_password"})
            case "refuse":
                return httpx.Response(400, json={"code": "refused"})

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("x-password") != self.password:
            return httpx.Response(401, json={"code": "wrong_password"})
        match request.url.path:
            case "/account":
                return httpx.Response(200, json={"id": request.headers["x-account"]})
            case "/fields":
                fields = [field.model_dump(mode="json") for field in self.fields]
                return httpx.Response(200, json={"fields": fields})
            case "/records":
                return self._store(json.loads(request.content))
        return httpx.Response(404, json={"code": "no_such_path"})

    def _store(self, body: dict[str, Any]) -> httpx.Response:
        records = body["records"]
        self.pushes.append(len(records))
        problems: dict[str, Any] = {}
        unnamed = None
        taken = {record.fields.get("key") for record in self.records} - {None}
        for place, record in enumerate(records):
            refusal = self.refuses(record)
            if refusal is not None and refusal[1] is None:
                unnamed = refusal[0]
            elif refusal is not None:
                problems[str(place)] = {"code": refusal[0], "field": refusal[1]}
            elif record.get("key") in taken:
                problems[str(place)] = {"code": "taken", "field": "key"}
        if unnamed is not None:
            return httpx.Response(400, json={"code": unnamed})
        if problems:
            return httpx.Response(400, json={"code": "refused", "problems": problems})
        known = {field.code for field in self.fields}
        for record in records:
            kept = {code: value for code, value in record.items() if code in known}
            self.records.append(StoredRecord(id=str(len(self.records) + 1), fields=kept))
        first = len(self.records) - len(records) + 1
        return httpx.Response(
            200, json={"ids": [str(first + place) for place in range(len(records))], "load": self.load}
        )


class _Wire(httpx.AsyncBaseTransport):
    """Takes the network's place below the guarded client."""

    def __init__(self, fake: FakeBackend) -> None:
        self._fake = fake

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self._fake.answer(request)
