"""What stands between a plugin and a backend says when it gives up: it never proves that nothing was applied."""

from __future__ import annotations

from typing import Final

STATUSES: Final = (500, 502, 503, 504, 520, 521, 522, 523, 524)
"""Those that servers, proxies and content networks answer with in their own name."""

BODIES: Final[tuple[tuple[str, bytes], ...]] = (
    ("an empty body", b""),
    ("a gateway's page", b"<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body></body>\r\n</html>\r\n"),
    ("a line of text", b"upstream connect error or disconnect/reset before headers. reset reason: timeout"),
    # Amazon's API gateway, after it has passed the request on.
    ("a cloud gateway's object", b'{"message": "Endpoint request timed out"}'),
    ("a cloud gateway's object", b'{"message": "Internal server error", "connectionId": "a", "requestId": "b"}'),
    ("half of an object", b'{"code": "E10'),
    ("an object in a list", b'[{"code": 1, "error": 1, "errors": 1, "message": 1}]'),
)
"""Answers as they come with these statuses from machines that do not know what became of the request."""
