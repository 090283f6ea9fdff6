"""The two ways in which Hibari says no: to a request as a whole, and to one card of a batch."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request that is answered with an error status, and of which nothing was stored unless *status* is 500."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        column: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.status = status
        self.body: dict[str, Any] = {"error": {"code": code, "column": column, "message": message}}
        self.headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        super().__init__(code)


class BadCard(Exception):
    """A card that is not stored, in a batch whose other cards are."""

    def __init__(self, code: str, column: str | None, message: str) -> None:
        self.result: dict[str, Any] = {"status": "error", "code": code, "column": column, "message": message}
        super().__init__(code)
