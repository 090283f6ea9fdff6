"""A real server for the simulator, on loopback alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn

from renkei_template.simulator.app import make_app
from renkei_template.simulator.atelier import Atelier

_LOOPBACK = "127.0.0.1"


@contextmanager
def serve(atelier: Atelier, *, port: int = 0) -> Iterator[str]:
    """Serve *atelier* from a thread of its own; yields its address. Port 0: any that is free."""
    # Named, because asyncio turns off the delay of small packets for such sockets only: 40 ms an answer otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((_LOOPBACK, port))
    # Listening before the server runs: who connects early waits in the queue, so nobody has to wait for a start.
    listener.listen(128)
    config = uvicorn.Config(
        make_app(atelier),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="atelier-simulator", daemon=True)
    thread.start()
    try:
        yield f"http://{_LOOPBACK}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
