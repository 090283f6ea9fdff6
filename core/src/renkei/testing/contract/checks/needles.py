"""A secret in a request, in the forms in which requests carry secrets."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from renkei.testing.contract.wire import Exchange

_SHORTEST = 4  # what is shorter is found in any text


def needles_in(exchange: Exchange, secrets: Iterable[str]) -> list[str]:
    """Those of *secrets* that the request holds: plain, escaped, or within base64."""
    headers = b"\n".join(value for _name, value in exchange.request.headers.raw)
    hay = b"\n".join((exchange.target, headers, exchange.body))
    return [secret for secret in secrets if len(secret) >= _SHORTEST and any(form in hay for form in forms_of(secret))]


def forms_of(secret: str) -> set[bytes]:
    """*secret* as bytes of a request."""
    plain = secret.encode()
    escaped = {quote(secret, safe="").encode(), quote_plus(secret).encode()}
    return {plain, *escaped, *(_inside_base64(plain, shift) for shift in range(3))}


def _inside_base64(plain: bytes, shift: int) -> bytes:
    """The part of base64 that *plain* alone decides, with *shift* bytes before it."""
    whole = b64encode(b"\0" * shift + plain)
    start = -(-shift * 4 // 3)
    end = (shift + len(plain)) * 4 // 3
    return whole[start:end]
