"""A real server on loopback around the simulator: in a thread, or as the whole process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.outside import TRANSPORT

if TYPE_CHECKING:
    from renkei_kintone.simulator.certificates import Certificate

LOOPBACK = "127.0.0.1"


class _Protocol(H11Protocol):
    """HTTP as usual, with the connection within reach of the faults that cut it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        inner = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = self.transport
            await inner(scope, receive, send)

        self.app = with_transport


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._when_ready()


@dataclass(frozen=True, slots=True)
class Place:
    """Under which address a server is reached.

    Attributes:
        host_name: a name of the loopback address.
        ca_file: where to write what a client has to trust; with it, the server speaks https.
    """

    prefix: str = ""
    host_name: str = LOOPBACK
    ca_file: Path | None = None

    def url(self, listening: socket.socket) -> str:
        """Where the server on that socket is reached."""
        scheme = "http" if self.ca_file is None else "https"
        return f"{scheme}://{self.host_name}:{listening.getsockname()[1]}{self.prefix}"

    @contextmanager
    def certificate(self) -> Iterator[Certificate | None]:
        """The files of a fresh certificate for https, None for http."""
        if self.ca_file is None:
            yield None
            return
        # A library that only https needs.
        from renkei_kintone.simulator.certificates import made_for

        with made_for(sorted({self.host_name, "localhost", LOOPBACK}), self.ca_file) as certificate:
            yield certificate


def bind(port: int) -> socket.socket:
    """A socket on loopback; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    # Named, because asyncio turns off the delay of small packets for such sockets only: 40 ms an answer otherwise.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError:
        listening.close()
        raise
    return listening


def run(kintone: Kintone, listening: socket.socket, place: Place, when_ready: Callable[[], None]) -> None:
    """Serve until the process is asked to end."""
    _server(kintone, place, when_ready).run(sockets=[listening])


@contextmanager
def served(kintone: Kintone, *, port: int, place: Place) -> Iterator[str]:
    """Serve from a thread; on leaving, the server has ended and its port is free."""
    ready = threading.Event()
    with bind(port) as listening:
        server = _server(kintone, place, ready.set)
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listening])), name="kintone-simulator", daemon=True
        )
        thread.start()
        if not ready.wait(timeout=30):
            raise RuntimeError("the kintone simulator did not start within 30 seconds")
        try:
            yield place.url(listening)
        finally:
            server.should_exit = True
            thread.join(timeout=30)


def _server(kintone: Kintone, place: Place, when_ready: Callable[[], None]) -> _Server:
    with place.certificate() as certificate:
        config = uvicorn.Config(
            kintone.asgi(place.prefix),
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,  # a hanging answer does not keep the server alive
            ssl_certfile=None if certificate is None else certificate.chain,
            ssl_keyfile=None if certificate is None else certificate.key,
        )
        config.load()  # now, because the files are gone with the block
    return _Server(config, when_ready)
