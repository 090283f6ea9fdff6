"""Atelier's HTTP side, an ASGI app; and a back door for tests under `/_simulator/`."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from renkei_template.simulator.atelier import Atelier, Refused
from renkei_template.simulator.faults import Fault, On

MOST_BYTES = 65_536


def make_app(atelier: Atelier) -> ASGIApp:
    """The ASGI app that answers for *atelier*."""
    return _App(atelier)


class _App:
    def __init__(self, atelier: Atelier) -> None:
        self._atelier = atelier
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self._in_flight += 1
        self._atelier.busiest = max(self._atelier.busiest, self._in_flight)
        try:
            response = await self._answer(Request(scope, receive))
        finally:
            self._in_flight -= 1
        if response is None:
            # A head without its body, and then nothing: over a socket the connection is cut.
            head = [(b"content-type", b"application/json"), (b"content-length", b"64")]
            await send({"type": "http.response.start", "status": 201, "headers": head})
            raise ConnectionResetError("the simulator cut the connection, as it was told")
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response | None:
        # Split before unescaping: an id that holds an escaped slash is one segment, as it would be at a real server.
        raw = request.scope.get("raw_path") or request.scope["path"].encode()
        path = [unquote(segment) for segment in raw.decode("ascii").split("/")[1:]]
        body = await request.body()
        if path[0] == "_simulator":
            return _back_door(self._atelier, request.method, path[1:], body)
        self._atelier.requests.append((request.method, "/" + "/".join(path)))
        fault = self._atelier.take_fault(_kind_of(request.method, path))
        if fault is not None and not fault.applied:
            return _spoilt(self._atelier, fault)
        try:
            answer = _route(self._atelier, request, path, body)
        except Refused as refused:
            answer = _refusal(refused)
        return answer if fault is None else _spoilt(self._atelier, fault, answer)


def _kind_of(method: str, path: Sequence[str]) -> On:
    if path[0] == "oauth":
        return "token"
    return "read" if method == "GET" else "write"


def _route(atelier: Atelier, request: Request, path: list[str], body: bytes) -> Response:
    if path[0] == "oauth":
        return _token(atelier, request.method, path, body)
    if path[0] == "tables":
        return _page_for_people(atelier, path)
    wants = {"GET": "tables:read", "POST": "records:write"}.get(request.method)
    if request.method == "GET" and path[-1:] == ["records"]:
        wants = "records:read"
    atelier.admit(request.headers.get("authorization", ""), None if path == ["v2", "workspace"] else wants)
    match (request.method, *path):
        case ("GET", "v2", "workspace"):
            return JSONResponse({"id": "ws_0001", "name": "北風工房"})
        case ("GET", "v2", "rooms"):
            return _listed(atelier, request, atelier.rooms)
        case ("GET", "v2", "tables"):
            room = request.query_params.get("room")
            tables = [_about(atelier, table) for table in atelier.tables]
            return _listed(atelier, request, [item for item in tables if room in (None, item["room"])])
        case ("GET", "v2", "tables", table):
            return JSONResponse(_about(atelier, table))
        case ("GET", "v2", "tables", table, "fields"):
            return _listed(atelier, request, [_described(item) for item in atelier.table(table).fields])
        case ("GET", "v2", "tables", table, "records"):
            query = request.query_params
            return _listed(atelier, request, atelier.search(table, query.get("field", ""), query.get("equals", "")))
        case ("POST", "v2", "tables", table, "records"):
            return _stored(atelier, table, body)
    raise Refused(404, "no_such_address")


def _token(atelier: Atelier, method: str, path: Sequence[str], body: bytes) -> Response:
    if method != "POST" or list(path) != ["oauth", "token"]:
        raise Refused(404, "no_such_address")
    return JSONResponse(atelier.issue(dict(parse_qsl(body.decode()))), headers={"cache-control": "no-store"})


def _stored(atelier: Atelier, table: str, body: bytes) -> Response:
    if len(body) > MOST_BYTES:
        raise Refused(413, "too_large")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "not_json") from None
    return JSONResponse(atelier.store(table, data), status_code=201)


def _about(atelier: Atelier, table: str) -> dict[str, Any]:
    about = atelier.table(table).about
    return {**about, "link": f"https://{atelier.workspace}.atelier-crm.example/tables/{table}"}


def _described(field: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in field.items() if key != "default"}, "has_default": "default" in field}


def _listed(atelier: Atelier, request: Request, items: Sequence[dict[str, Any]]) -> Response:
    cursor = request.query_params.get("cursor", "from=0&x")
    number = cursor.removeprefix("from=").removesuffix("&x")
    if not number.isdecimal():
        raise Refused(400, "bad_cursor")
    start, end = int(number), int(number) + atelier.page_size
    # A cursor that holds a `&`: a client that pastes it into the address unescaped starts over for ever.
    return JSONResponse({"items": items[start:end], "next": f"from={end}&x" if end < len(items) else None})


def _page_for_people(atelier: Atelier, path: Sequence[str]) -> Response:
    record = path[3] if len(path) == 4 else None
    rows = [item for item in atelier.table(path[1]).records if record in (None, item["id"])]
    if record is not None and not rows:
        raise Refused(404, "unknown_record")
    cells = "".join(f"<tr><td>{item['id']}</td><td>{html.escape(str(item['values']))}</td></tr>" for item in rows)
    return HTMLResponse(f"<!doctype html><title>Atelier</title><table>{cells}</table>")


def _refusal(refused: Refused, extra: dict[str, Any] | None = None, retry_after: str | None = None) -> Response:
    error = {"code": refused.code, "field": refused.at, "message": refused.message, **(extra or {})}
    headers = {"retry-after": retry_after} if retry_after is not None else None
    return JSONResponse({"error": error}, status_code=refused.status, headers=headers)


_STATUS = {
    "token_expired": 401,
    "table_locked": 409,
    "too_many_requests": 429,
    "maintenance": 503,
}


def _spoilt(atelier: Atelier, fault: Fault, answer: Response | None = None) -> Response | None:
    match fault.kind:
        case "reset":
            return None
        case "teapot":
            return Response(status_code=418)
        case "bad_gateway":
            return HTMLResponse("<h1>Bad gateway</h1>", status_code=502)
        case "html":
            return HTMLResponse("<h1>Welcome</h1>")
        case "cut_json":
            whole = bytes(answer.body) if answer is not None else b'{"id": "rec_000001", "link": null}'
            return Response(whole[: len(whole) // 2], status_code=201, media_type="application/json")
        case "wrong_shape":
            return JSONResponse({"ok": True}, status_code=201)
        case "missing_scope":
            return _refusal(Refused(403, fault.kind, at="records:write"))
        case "daily_quota":
            midnight = atelier.clock().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            return _refusal(Refused(429, fault.kind), {"resets_at": midnight.isoformat()}, fault.retry_after)
        case kind:
            return _refusal(Refused(_STATUS[kind], kind), retry_after=fault.retry_after)


def _back_door(atelier: Atelier, method: str, path: list[str], body: bytes) -> Response:
    match (method, *path):
        case ("POST", "faults"):
            try:
                atelier.fail(Fault(**json.loads(body)))
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": str(error)}, status_code=400)
        case ("POST", "expire"):
            atelier.expire_tokens()
        case ("POST", "revoke"):
            atelier.revoke()
        case ("POST", "reset"):
            atelier.reset()
        case ("GET", "records", table) if table in atelier.tables:
            return JSONResponse(atelier.records(table))
        case ("DELETE", "fields", table, code) if code in [item["code"] for item in atelier.table(table).fields]:
            atelier.delete_field(table, code)
        case _:
            return JSONResponse({"error": "the simulator's back door has no such address"}, status_code=404)
    return JSONResponse({"ok": True})
