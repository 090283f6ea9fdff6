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

# Objects with a key that some backends use for their own refusals as well: these count where nothing else tells the
# one from the other.
OBJECTS: Final[tuple[tuple[str, bytes], ...]] = (
    (
        "a web framework's object",
        b'{"timestamp": "2026-04-01T01:02:03Z", "status": 500, "error": "Internal", "path": "/"}',
    ),
    ("a proxy's object", b'{"error": "server error", "status": "failed"}'),
    ("a proxy's object", b'{"message": "An error occurred", "request_id": "0a1b2c3d"}'),
    ("a cloud's object", b'{"error": {"status": "DEADLINE_EXCEEDED", "message": "The request timed out."}}'),
    ("a gateway's object", b'{"errors": [{"message": "upstream request timeout"}], "success": false}'),
)
