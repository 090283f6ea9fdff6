"""The ASGI application: kintone's paths, the faults around them, and the control endpoints below `/_sim`."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from renkei_kintone.simulator import control, incoming, outside, page, words
from renkei_kintone.simulator.calls import Call, answer
from renkei_kintone.simulator.domain import Kintone, LoggedRequest
from renkei_kintone.simulator.faults import Fault
from renkei_kintone.simulator.files import StoredFile, TooLarge

METHODS = ["GET", "POST", "PUT", "DELETE"]
_ID = string.ascii_letters + string.digits


def application(kintone: Kintone, prefix: str = "") -> Starlette:
    """*kintone* as an ASGI application below *prefix*."""
    simulated = _Api(kintone, prefix)
    return Starlette(
        routes=[
            *control.routes(kintone, prefix),
            *page.routes(kintone, prefix),
            Route(f"{prefix}/k/{{path:path}}", simulated.serve, methods=METHODS),
        ]
    )


class _Api:
    def __init__(self, kintone: Kintone, prefix: str) -> None:
        self._kintone = kintone
        self._prefix = prefix
        self._running = 0

    async def serve(self, request: Request) -> Response:
        """Answer one request, through the fault that strikes it."""
        path = request.url.path.removeprefix(self._prefix)
        status: int | None = None
        response: Response | None = None
        call: Call | None = None
        fault: Fault | None = None
        self._running += 1
        over = self._running > self._kintone.concurrency
        try:
            call = await incoming.taken_apart(self._kintone, request)
            fault = self._kintone.faults.take(incoming.method_of(request), path)
            response = await self._struck(request, call, fault, over=over)
            status = response.status_code
        except (outside.Cut, ClientDisconnect):  # the second: whoever asked has gone away in the middle of a body
            pass
        finally:
            self._running -= 1
            self._kintone.requests.append(_logged(request, path, status, call, fault))
        return response if response is not None else await outside.cut(request)

    async def _struck(self, request: Request, call: Call | None, fault: Fault | None, *, over: bool) -> Response:
        if fault is None:
            return await self._answered(request, call, over=over)
        if fault.at == "before_apply":
            await self._delay(request, fault)
        if not fault.applies:
            return self._instead(request, fault)
        response = await self._answered(request, call, over=over)
        if fault.at != "before_apply":
            await self._delay(request, fault)
        return self._after(request, fault, response)

    async def _delay(self, request: Request, fault: Fault) -> None:
        """What a fault does at its moment, apart from the answer."""
        if fault.kind == "slow":
            await self._kintone.sleep(fault.seconds)
        elif fault.kind == "hang":
            await outside.gone(request)
            raise outside.Cut
        elif fault.kind == "signal" and fault.at != "after_answer":
            await outside.send_signal(fault)
            raise outside.Cut

    def _instead(self, request: Request, fault: Fault) -> Response:
        """The answer of a fault that lets nothing be applied."""
        match fault.kind:
            case "before_apply_503":
                return outside.gateway(503, html=fault.html)
            case "before_apply_502":
                return outside.gateway(502, html=True)
            case "429":
                extra = {"X-ConcurrencyLimit-Running": str(self._kintone.concurrency + 1)}
                if fault.retry_after:
                    extra["Retry-After"] = fault.retry_after
                return self._refusal(request, words.too_many_requests(), extra)
            case "da02":
                return self._refusal(request, words.database_locked())
            case "error":
                said = words.Words(fault.message, fault.message)
                return self._refusal(request, words.Refused(fault.status, fault.code, said))
            case "unknown_subdomain":
                return outside.gateway(404, html=True)
            case "ip_restriction":
                return outside.restricted(self._kintone)
            case "cut":
                raise outside.Cut
            case _:
                return outside.ordered(fault)

    def _after(self, request: Request, fault: Fault, response: Response) -> Response:
        """The answer of a fault that strikes after the request was applied."""
        match fault.kind:
            case "applied_then_cut":
                raise outside.Cut
            case "applied_then_504":
                return outside.gateway(504, html=True)
            case "broken_json":
                half = bytes(response.body)[: len(response.body) // 2]
                return Response(half, response.status_code, media_type="application/json")
            case "answer" | "html_200":
                return outside.ordered(fault)
            case "signal":
                response.background = BackgroundTask(outside.send_signal, fault)
                return response
            case _:
                return response

    async def _answered(self, request: Request, call: Call | None, *, over: bool) -> Response:
        kept_out = outside.at_the_door(self._kintone, request)
        if kept_out is not None:
            return kept_out
        if call is None:
            return outside.gateway(404, html=True)
        if request.method == "GET" and incoming.too_long(request):
            return outside.gateway(414, html=True)
        if over:
            return self._refusal(request, words.too_many_requests())
        if self._kintone.latency:
            await self._kintone.sleep(self._kintone.latency)
        try:
            said = answer(self._kintone, call)
        except words.Refused as refused:
            return self._refusal(request, refused)
        except (words.NotSimulated, TooLarge) as missing:
            return Response(f"The simulator does not simulate {missing}.", 501, media_type="text/plain")
        return self._file(said) if isinstance(said, StoredFile) else self._json(200, said)

    def _refusal(self, request: Request, refused: words.Refused, extra: Mapping[str, str] | None = None) -> Response:
        body = _body(refused, incoming.language_of(self._kintone, request))
        return self._json(refused.status, body, {"X-Cybozu-Error": refused.code, **(extra or {})})

    def _json(self, status: int, data: Any, extra: Mapping[str, str] | None = None) -> Response:
        headers = self._headers("application/json;charset=utf-8") | dict(extra or {})
        return Response(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(), status, headers)

    def _file(self, file: StoredFile) -> Response:
        headers = self._headers(file.content_type)
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
        return Response(file.data, 200, headers)

    def _headers(self, content_type: str) -> dict[str, str]:
        return {
            "Content-Type": content_type,
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "X-ConcurrencyLimit-Limit": str(self._kintone.concurrency),
            "X-ConcurrencyLimit-Running": str(min(self._running, self._kintone.concurrency + 1)),
        }


def _body(refused: words.Refused, language: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "code": refused.code,
        "id": "".join(secrets.choice(_ID) for _ in range(20)),
        "message": refused.words.in_(language),
    }
    if refused.errors:
        body["errors"] = {
            path: {"messages": [item.in_(language) for item in said]} for path, said in refused.errors.items()
        }
    if isinstance(refused, words.BulkRefused):
        return {"results": [body if at == refused.at else {} for at in range(refused.of)]}
    return body


def _logged(request: Request, path: str, status: int | None, call: Call | None, fault: Fault | None) -> LoggedRequest:
    parameters = call.parameters if call is not None else {}
    inner = parameters.get("requests")
    inner = [each.get("payload") for each in inner if isinstance(each, dict)] if isinstance(inner, list) else None
    carried = [each.get("records") for each in (inner or [parameters]) if isinstance(each, dict)]
    counted = [len(records) for records in carried if isinstance(records, list)]
    return LoggedRequest(
        method=request.method,
        path=path,
        status=status,
        records=sum(counted) if counted else None,
        fault=fault.kind if fault else None,
        inner=len(inner) if inner is not None else None,
    )
