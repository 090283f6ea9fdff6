"""A CRM on loopback: the fake backend with keys to ask for and tokens that rotate, behind a real socket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx

from renkei.testing import FakeBackend

TOKEN = "simulated-token-{}"


class Crm(FakeBackend):
    """The fake backend with more to ask.

    Attributes:
        broken: the target's fields are answered in a shape that the plugin cannot read.
    """

    def __init__(self, tokens: int = 0) -> None:
        super().__init__()
        self.broken = False
        self._given = tokens
        self._good = {TOKEN.format(number) for number in range(1, tokens + 1)}
        self._ended: set[str] = set()

    def end_tokens(self) -> None:
        """The tokens in use end; each can be exchanged once."""
        self._ended = set(self._good)

    def stored(self) -> Counter[str]:
        """How many records there are of each action."""
        return Counter(self.values("action"))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, theirs = request.url.path, request.headers.get("x-token", "")
        if path == "/account":
            answer = super()._answer(request)
            return self._give(answer.json()) if answer.is_success else answer
        if path == "/keys":
            return httpx.Response(200, json={"found": {one.fields.get("key"): one.id for one in self.records}})
        if path == "/token" and theirs in self._good:
            self._good.discard(theirs)
            return self._give({})
        if path == "/token" or (path == "/fields" and theirs not in self._good - self._ended):
            return httpx.Response(401, json={"code": "token_ended"})
        if path == "/fields" and self.broken:
            return httpx.Response(200, json={"fields": "none of your business"})
        return super()._answer(request)

    def _give(self, more: dict[str, str]) -> httpx.Response:
        self._given += 1
        token = TOKEN.format(self._given)
        self._good.add(token)
        return httpx.Response(200, json={**more, "token": token})


def crm_for(mode: str, *, tokens: int = 0) -> Crm:
    """A CRM whose key field is unique in the mode `keyed` alone, and that has given so many tokens."""
    crm = Crm(tokens)
    crm.fields[0] = crm.fields[0].model_copy(update={"unique": mode == "keyed"})
    return crm


@contextmanager
def served(crm: Crm) -> Iterator[str]:
    """Serve from threads; the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            try:
                self._answer_one()
            except (ConnectionError, httpx.TransportError):
                self.close_connection = True  # whoever asked has died, or is to be left without an answer

        def _answer_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = httpx.Request(self.command, f"http://crm{self.path}", headers=dict(self.headers), content=body)
            answer = crm.answer(request)
            self.send_response(answer.status_code)
            self.send_header("content-type", answer.headers.get("content-type", "text/plain"))
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def handle(self) -> None:
            with suppress(ConnectionError):
                super().handle()

        do_POST = do_GET  # noqa: N815  # the name that the server looks for

        def log_message(self, *_words: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
