"""Hibari's HTTP side: paths, headers, bodies. What they mean is decided in `crm`."""

from __future__ import annotations

import html
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import sample
from .refusals import Refused

if TYPE_CHECKING:
    from .crm import Hibari

MOST_BYTES = 262_144
MOST_CARDS = 20

Endpoint = Callable[["Hibari", Request], Awaitable[Response]]


def make_app(hibari: Hibari) -> ASGIApp:
    """The ASGI app that answers for *hibari*."""
    api = [
        ("/api/me", "GET", _me),
        ("/api/boards", "GET", _boards),
        ("/api/boards/{board}/columns", "GET", _columns),
        ("/api/boards/{board}/cards", "GET", _search),
        ("/api/boards/{board}/cards:batch", "POST", _batch),
        ("/boards/{board}", "GET", _page),
        ("/boards/{board}/cards/{card}", "GET", _page),
    ]
    routes = [Route(path, _bound(hibari, endpoint), methods=[method]) for path, method, endpoint in api]
    app = Starlette(routes=routes, exception_handlers={Refused: _refused, HTTPException: _no_such_address})
    app.router.redirect_slashes = False

    async def with_raw_path(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        # Routed before unescaping: an id that holds an escaped slash stays one segment.
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.decode("ascii")
        with hibari.in_flight(scope["method"], path) if path.startswith("/api/") else nullcontext():
            await app({**scope, "path": path}, receive, send)

    return with_raw_path


def _bound(hibari: Hibari, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        hibari.open_door()
        return await endpoint(hibari, request)

    return answer


async def _me(hibari: Hibari, request: Request) -> Response:
    access = hibari.admit(request.headers.get("x-api-key"))
    return _json({"account": sample.ACCOUNT, "access": access})


async def _boards(hibari: Hibari, request: Request) -> Response:
    hibari.admit(request.headers.get("x-api-key"))
    return _json({"boards": [_about(hibari, board) for board in list(hibari.boards)]})


async def _columns(hibari: Hibari, request: Request) -> Response:
    hibari.admit(request.headers.get("x-api-key"))
    board = unquote(request.path_params["board"])
    return _json({"board": _about(hibari, board), "columns": hibari.board(board).columns})


async def _search(hibari: Hibari, request: Request) -> Response:
    hibari.admit(request.headers.get("x-api-key"))
    board, query = unquote(request.path_params["board"]), request.query_params
    hibari.board(board)
    if "column" not in query or "equals" not in query:
        raise Refused(400, "bad_request", "Give both 'column' and 'equals'.")
    return _json(hibari.search(board, query["column"], query["equals"]))


async def _batch(hibari: Hibari, request: Request) -> Response:
    access = hibari.admit(request.headers.get("x-api-key"))
    board = unquote(request.path_params["board"])
    if access == "read_only":
        raise Refused(403, "read_only_key", "This API key may only read.")
    hibari.board(board)
    cards = _cards_in(await _body_of(request))
    return _json({"results": hibari.store(board, cards)})


async def _body_of(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refused(413, "too_large", f"A request holds at most {MOST_BYTES} bytes.")
    return bytes(body)


def _cards_in(body: bytes) -> list[dict[str, Any]]:
    try:
        data = json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refused(400, "bad_json", "The body is not JSON in UTF-8.") from None
    cards = data.get("cards") if isinstance(data, dict) else None
    if not isinstance(cards, list) or not cards or not all(_is_card(card) for card in cards):
        raise Refused(400, "bad_request", "Give 'cards', a list of at least one object with 'values', an object.")
    if len(cards) > MOST_CARDS:
        raise Refused(413, "too_many_cards", f"A request holds at most {MOST_CARDS} cards.")
    return [card["values"] for card in cards]


def _is_card(card: Any) -> bool:
    return isinstance(card, dict) and isinstance(card.get("values"), dict)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _about(hibari: Hibari, board: str) -> dict[str, str]:
    return {"id": board, "name": hibari.board(board).name, "url": f"https://{sample.DOMAIN}/boards/{board}"}


async def _page(hibari: Hibari, request: Request) -> Response:
    """What people see: the cards of a board, or one."""
    board, card = unquote(request.path_params["board"]), unquote(request.path_params.get("card", ""))
    cards = [item for item in hibari.board(board).cards if card in ("", item["id"])]
    if card and not cards:
        return HTMLResponse("<!doctype html><title>Hibari CRM</title><p>There is no such card.", status_code=404)
    rows = "".join(f"<tr><td>{item['id']}<td>{html.escape(str(item['values']))}" for item in cards)
    name = html.escape(hibari.board(board).name)
    return HTMLResponse(f"<!doctype html><title>Hibari CRM</title><h1>{name}</h1><table>{rows}</table>")


def _json(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    # ASCII alone: a column's key that a client made up may hold what UTF-8 cannot.
    return Response(json.dumps(data), status, headers, media_type="application/json")


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _json(error.body, error.status, error.headers)


async def _no_such_address(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "unknown_address", 405: "wrong_method"}[error.status_code]
    refused = Refused(error.status_code, code, "The API has no such address.")
    return _json(refused.body, error.status_code, error.headers)
