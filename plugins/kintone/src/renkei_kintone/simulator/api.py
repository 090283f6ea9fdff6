"""The ASGI application: kintone's paths, the faults around them, and the control endpoints below `/_sim`."""

from __future__ import annotations

import json
import os
import re
import secrets
import string
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from renkei_kintone.simulator import control, words
from renkei_kintone.simulator.calls import Call, NotSimulated, answer
from renkei_kintone.simulator.domain import Kintone, LoggedRequest
from renkei_kintone.simulator.faults import Fault
from renkei_kintone.simulator.page import page

METHODS = ["GET", "POST", "PUT", "DELETE"]
TRANSPORT = "renkei_kintone.transport"
"""Key of the scope under which our server puts the connection, so that a fault can cut it."""

_PATH = re.compile(r"(?:guest/(?P<space>[0-9]+)/)?v1/(?P<api>[a-z/]+)\.json")
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
_HTML = "text/html; charset=utf-8"


def application(kintone: Kintone, prefix: str = "") -> Starlette:
    """*kintone* as an ASGI application below *prefix*."""
    simulated = _Api(kintone, prefix)

    async def shown(request: Request) -> Response:
        return page(kintone)

    return Starlette(
        routes=[
            *control.routes(kintone, prefix),
            Route(f"{prefix}/", shown, methods=["GET"]),
            Route(f"{prefix}/k/{{path:path}}", simulated.serve, methods=METHODS),
        ]
    )


class _Cut(Exception):
    """The connection ends without an answer."""


class _Api:
    def __init__(self, kintone: Kintone, prefix: str) -> None:
        self._kintone = kintone
        self._prefix = prefix
        self._running = 0

    async def serve(self, request: Request) -> Response:
        """Answer one request, through the fault that strikes it."""
        body = await request.body()
        path = request.url.path.removeprefix(self._prefix)
        fault = self._kintone.faults.take(request.method, path)
        self._running += 1
        status: int | None = None
        response: Response | None = None
        call = None
        try:
            call = await _taken_apart(request, body)
            response = await self._struck(request, call, fault)
            status = response.status_code
        except _Cut:
            pass
        finally:
            self._running -= 1
            name = fault.kind if fault else None
            self._kintone.requests.append(LoggedRequest(request.method, path, status, _count(call), name))
        return response if response is not None else await _cut(request)

    async def _struck(self, request: Request, call: Call | None, fault: Fault | None) -> Response:
        if fault is None:
            return self._answered(request, call)
        if fault.at == "before_apply":
            await self._delay(request, fault)
        if not fault.applies:
            return self._instead(request, fault)
        response = self._answered(request, call)
        if fault.at != "before_apply":
            await self._delay(request, fault)
        return self._after(request, fault, response)

    async def _delay(self, request: Request, fault: Fault) -> None:
        """What a fault does at its moment, apart from the answer."""
        if fault.kind == "slow":
            await self._kintone.sleep(fault.seconds)
        elif fault.kind == "hang":
            await _gone(request)
            raise _Cut
        elif fault.kind == "signal" and fault.at != "after_answer":
            await _send_signal(fault)
            raise _Cut

    def _instead(self, request: Request, fault: Fault) -> Response:
        """The answer of a fault that lets nothing be applied."""
        match fault.kind:
            case "before_apply_503" | "before_apply_502":
                return _page(503 if fault.kind.endswith("503") else 502, html=fault.html or fault.kind.endswith("502"))
            case "429":
                extra = {"Retry-After": fault.retry_after} if fault.retry_after else {}
                return self._refusal(request, words.too_many_requests(), extra)
            case "da02":
                return self._refusal(request, words.database_locked())
            case "error":
                said = words.Words(fault.message, fault.message)
                return self._refusal(request, words.Refused(fault.status, fault.code, said))
            case "cut":
                raise _Cut
            case _:
                return _ordered(fault)

    def _after(self, request: Request, fault: Fault, response: Response) -> Response:
        """The answer of a fault that strikes after the request was applied."""
        match fault.kind:
            case "applied_then_cut":
                raise _Cut
            case "applied_then_504":
                return _page(504, html=True)
            case "broken_json":
                half = bytes(response.body)[: len(response.body) // 2]
                return Response(half, response.status_code, media_type="application/json")
            case "answer" | "html_200":
                return _ordered(fault)
            case "signal":
                response.background = BackgroundTask(_send_signal, fault)
                return response
            case _:
                return response

    def _answered(self, request: Request, call: Call | None) -> Response:
        if call is None:
            return _page(404, html=True)
        try:
            if self._running > self._kintone.concurrency:
                raise words.too_many_requests()
            return self._json(200, answer(self._kintone, call))
        except words.Refused as refused:
            return self._refusal(request, refused)
        except NotSimulated as missing:
            return Response(f"The simulator does not simulate {missing}.", 501, media_type="text/plain")

    def _refusal(self, request: Request, refused: words.Refused, extra: Mapping[str, str] | None = None) -> Response:
        language = _language(self._kintone, request)
        body: dict[str, Any] = {
            "code": refused.code,
            "id": "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20)),
            "message": refused.words.in_(language),
        }
        if refused.errors:
            body["errors"] = {
                path: {"messages": [item.in_(language) for item in said]} for path, said in refused.errors.items()
            }
        return self._json(refused.status, body, {"X-Cybozu-Error": refused.code, **(extra or {})})

    def _json(self, status: int, data: Any, extra: Mapping[str, str] | None = None) -> Response:
        running = min(self._running, self._kintone.concurrency + 1)
        headers = {
            "Content-Type": "application/json;charset=utf-8",
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "X-ConcurrencyLimit-Limit": str(self._kintone.concurrency),
            "X-ConcurrencyLimit-Running": str(running),
            **(extra or {}),
        }
        return Response(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(), status, headers)


async def _taken_apart(request: Request, body: bytes) -> Call | None:
    """The call of a request; None where the path is none of the API's."""
    found = _PATH.fullmatch(request.path_params["path"])
    if found is None:
        return None
    upload = broken = None
    parameters: Mapping[str, Any] = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("multipart/"):
        async with request.form() as form:
            file = form.get("file")
            upload = (file.filename or "", file.size or 0) if isinstance(file, UploadFile) else None
    elif body or request.method != "GET":
        try:
            parameters = _json_parameters(body)
        except words.Refused as refused:
            broken = refused
    return Call(
        method=request.method,
        api=found["api"],
        token=request.headers.get("x-cybozu-api-token"),
        space=found["space"],
        parameters=parameters,
        upload=upload,
        broken=broken,
    )


def _json_parameters(body: bytes) -> Mapping[str, Any]:
    """The parameters of a JSON body.

    Raises:
        Refused: it is empty, no JSON, or no object.
    """
    if not body.strip():
        raise words.illegal_request()
    try:
        data = json.loads(body, parse_constant=_no_constant)
        if _HALF_PAIR.search(body):
            json.dumps(data, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        raise words.bad_json() from None
    if not isinstance(data, dict):
        raise words.bad_json()
    return data


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _count(call: Call | None) -> int | None:
    records = call.parameters.get("records") if call is not None else None
    return len(records) if isinstance(records, list) else None


def _language(kintone: Kintone, request: Request) -> str:
    if not kintone.follow_browser:
        return kintone.language
    ranked = []
    for at, part in enumerate(request.headers.get("accept-language", "").split(",")):
        name, _, quality = part.strip().partition(";q=")
        weight = float(quality) if re.fullmatch(r"[01](\.[0-9]{1,3})?", quality) else 1.0
        ranked.append((-weight, at, name.split("-")[0].lower()))
    known = [name for _, _, name in sorted(ranked) if name in ("ja", "en")]
    return known[0] if known else kintone.language


def _page(status: int, *, html: bool) -> Response:
    phrase = {404: "Not Found", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}[status]
    if html:
        return Response(f"<html><body><h1>{status} {phrase}</h1></body></html>", status, media_type=_HTML)
    return Response(phrase, status, media_type="text/plain")


def _ordered(fault: Fault) -> Response:
    if fault.kind == "html_200":
        return Response("<html><body>ログインしてください。</body></html>", 200, media_type=_HTML)
    return Response(fault.body, fault.status, {"Content-Type": fault.content_type})


async def _send_signal(fault: Fault) -> None:
    with suppress(ProcessLookupError):  # it ended by itself
        os.kill(fault.pid, fault.signal)


async def _gone(request: Request) -> None:
    """Wait until the client has given up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _cut(request: Request) -> Response:
    """Close the connection without a byte of an answer."""
    transport = request.scope.get(TRANSPORT)
    if transport is None:
        raise ConnectionResetError("the simulator cut the connection")
    transport.abort()
    await _gone(request)
    return Response(status_code=500)  # nobody is there to receive it
