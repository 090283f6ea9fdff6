"""A CRM that stores nothing: it answers as kintone does, after a pause, at next to no cost of its own.

Run as a process of its own (`python bench/stub.py --delay-ms 100`); the first line it prints is its URL. Beside the
API it answers `GET /counts` (what it was asked since its start) and `GET /kept` (the first calls that added records,
each of up to 100, whether they came one by one or in a bulk request).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KEPT = 10
HOST = "demo.cybozu.com"


@contextmanager
def serving(delay_ms: int) -> Iterator[str]:
    """A stub in another process; yields its URL."""
    command = [sys.executable, str(Path(__file__)), "--delay-ms", str(delay_ms)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def ask(url: str, path: str) -> Any:
    """What the stub answers to one of its own questions."""
    with urllib.request.urlopen(url + path, timeout=60) as answer:
        return json.load(answer)


class Stub:
    """What all connections share."""

    def __init__(self, delay: float) -> None:
        # The form is the sample app's, so that the mapping has as many fields as in the demo.
        from renkei_kintone.simulator.domain import sample

        self.delay = delay
        self.form = sample().apps["1"].fields
        self.counts = {"requests": 0, "pushes": 0, "records": 0}
        self.kept: list[Any] = []

    def answer(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        """The answer to one request of the API."""
        self.counts["requests"] += 1
        if method == "POST":
            self.counts["pushes"] += 1
            return self._posted(path, json.loads(body))
        if path.startswith("/k/v1/app/form/fields.json"):
            return {"properties": self.form, "revision": "1"}
        return {"appId": "1", "name": "stub"}

    def _posted(self, path: str, posted: dict[str, Any]) -> dict[str, Any]:
        if path.startswith("/k/v1/bulkRequest.json"):
            return {"results": [self._store(call["payload"]) for call in posted["requests"]]}
        return self._store(posted)

    def _store(self, payload: dict[str, Any]) -> dict[str, Any]:
        if len(self.kept) < KEPT and payload["records"]:
            self.kept.append(payload)
        first, count = self.counts["records"] + 1, len(payload["records"])
        self.counts["records"] += count
        return {"ids": [str(first + place) for place in range(count)], "revisions": ["1"] * count}


class Connection(asyncio.Protocol):
    """HTTP/1.1 as far as httpx speaks it here: keep-alive, a length with every body."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end]).decode("ascii")
        whole = end + 4 + _length(head)
        if len(self._received) < whole:
            return
        body = bytes(self._received[end + 4 : whole])
        del self._received[:whole]
        self._answer(*head.split(" ", 2)[:2], body)

    def _answer(self, method: str, path: str, body: bytes) -> None:
        clock = asyncio.get_running_loop()
        due = clock.time() + self._stub.delay
        if path == "/counts":
            self._send(self._stub.counts)
        elif path == "/kept":
            self._send(self._stub.kept)
        else:
            # The stub's own work lies within the pause, so that it slows nobody down.
            clock.call_at(due, self._send, self._stub.answer(method, path, body))

    def _send(self, data: Any) -> None:
        body = json.dumps(data, ensure_ascii=False).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


def _length(head: str) -> int:
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


async def _serve(delay: float) -> None:
    stub = Stub(delay)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stub), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay-ms", type=int, default=0)
    asyncio.run(_serve(parser.parse_args().delay_ms / 1000))


if __name__ == "__main__":
    main()
