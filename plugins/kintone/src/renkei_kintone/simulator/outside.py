"""What answers in kintone's place, or instead of an answer: gateways, log-in pages, cut connections, signals."""

from __future__ import annotations

import base64
import binascii
import os
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.faults import Fault

TRANSPORT = "renkei_kintone.transport"
"""Key of the scope under which our server puts the connection, so that a fault can cut it."""

_HTML = "text/html; charset=utf-8"
_PHRASES = {
    401: "Unauthorized",
    404: "Not Found",
    414: "URI Too Long",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class Cut(Exception):
    """The connection ends without an answer."""


def at_the_door(kintone: Kintone, request: Request) -> Response | None:
    """The answer to those who do not even reach kintone: unknown subdomain, foreign address, no Basic login."""
    host = request.headers.get("host", "").rsplit(":", 1)[0]
    if kintone.hosts and host not in kintone.hosts:
        return gateway(404, html=True)
    if kintone.ip_restricted:
        return restricted(kintone)
    if kintone.basic is not None and _basic(request) != kintone.basic:
        refused = gateway(401, html=True)
        refused.headers["WWW-Authenticate"] = 'Basic realm="kintone"'
        return refused
    return None


def _basic(request: Request) -> str | None:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def restricted(kintone: Kintone) -> Response:
    """The page for an address that is not among the allowed ones. Its words are known, its status is not."""
    text = "<html><head><title>認証が必要です</title></head><body><h1>認証が必要です</h1></body></html>"
    return Response(text, kintone.unsure.ip_restriction_status, media_type=_HTML)


def gateway(status: int, *, html: bool) -> Response:
    """An answer of the machines before kintone."""
    phrase = _PHRASES[status]
    if html:
        return Response(f"<html><body><h1>{status} {phrase}</h1></body></html>", status, media_type=_HTML)
    return Response(phrase, status, media_type="text/plain")


def ordered(fault: Fault) -> Response:
    """The answer that a fault gives word for word."""
    if fault.kind == "html_200":
        return Response("<html><body>ログインしてください。</body></html>", 200, media_type=_HTML)
    return Response(fault.body, fault.status, {"Content-Type": fault.content_type})


async def send_signal(fault: Fault) -> None:
    """Send the fault's signal to its process."""
    with suppress(ProcessLookupError):  # it ended by itself
        os.kill(fault.pid, fault.signal)


async def gone(request: Request) -> None:
    """Wait until the client has given up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def cut(request: Request) -> Response:
    """Close the connection without a byte of an answer."""
    transport = request.scope.get(TRANSPORT)
    if transport is None:
        raise ConnectionResetError("the simulator cut the connection")
    transport.abort()
    await gone(request)
    return Response(status_code=500)  # nobody is there to receive it
