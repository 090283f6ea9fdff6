"""A client of one simulated domain, and rows: what is known of kintone, each the name of one test."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from renkei_kintone.simulator import Kintone, Token, sample

FULL = "simulated-full-token"
ADD = "simulated-add-only-token"
VIEW = "simulated-view-only-token"
CUSTOMER = "simulated-customer-token"
GUEST = "simulated-guest-space-token"
WAITING = "simulated-token-before-update-app"
LOGIN = base64.b64encode(b"Administrator:simulated-password").decode()
PERMISSIONS = ("view", "add", "edit", "delete", "manage")


class Api:
    """A client of one simulated domain, with a clock that stands until it is moved."""

    def __init__(self) -> None:
        self.kintone: Kintone = sample()
        self.moment = datetime(2026, 4, 1, 1, 2, 3, tzinfo=UTC)
        self.kintone.now = lambda: self.moment

    def __call__(
        self,
        method: str,
        api: str,
        *,
        token: str | list[str] | None = FULL,
        headers: dict[str, str] | None = None,
        root: str = "https://demo.cybozu.com/k/v1",
        **sent: Any,
    ) -> httpx.Response:
        tokens = [token] if isinstance(token, str) else token or []
        lines = [("X-Cybozu-API-Token", each) for each in tokens] + list((headers or {}).items())

        async def calling() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.kintone.asgi())) as http:
                return await http.request(method, f"{root}/{api}", headers=lines, **sent)

        return asyncio.run(calling())

    def records(self, query: str = "", **parameters: Any) -> httpx.Response:
        """Records of app 1, by their numbers."""
        return self("GET", "records.json", params={"app": "1", "query": query, **parameters})

    def found(self, query: str = "", **parameters: Any) -> list[str]:
        return [record["$id"]["value"] for record in self.records(query, **parameters).json()["records"]]

    def fill(self, count: int) -> None:
        for number in range(1, count + 1):
            self.kintone.apps["1"].store({"件名": f"件名{number}", "応対時間": str(number)}, self.kintone.instant())

    def token(self, *permissions: str, app: str = "1") -> str:
        value = f"simulated-{app}-" + "-".join(permissions)
        self.kintone.tokens[value] = Token(value, app, frozenset(permissions))
        return value


def refusal(response: httpx.Response) -> tuple[int, str]:
    code = response.json()["code"]
    assert response.headers["X-Cybozu-Error"] == code
    return response.status_code, code


def errors(response: httpx.Response) -> dict[str, list[str]]:
    assert refusal(response) == (400, "CB_VA01")
    return {path: said["messages"] for path, said in response.json()["errors"].items()}


Check = Callable[[Api], None]


class Rows(dict[str, Check]):
    """Tests by the name of their row; a docstring says what a short name leaves out."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: dict[str, str] = {}

    def __call__(self, name: str, source: str = "observed") -> Callable[[Check], Check]:
        """Make a function the test of a row, which is known from *source*."""

        def keeping(check: Check) -> Check:
            assert name not in self
            self[name] = check
            self.sources[name] = source
            return check

        return keeping

    def each(self) -> Any:
        """Parametrise a test with all of them."""
        return pytest.mark.parametrize("check", [pytest.param(check, id=name) for name, check in self.items()])
