"""A real server for a Hibari, on loopback alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .crm import Hibari

_LOOPBACK = "127.0.0.1"


@contextmanager
def serve(hibari: Hibari, *, port: int = 0) -> Iterator[str]:
    """Serve *hibari* from a thread of its own; yields its address. Port 0: any that is free."""
    import uvicorn  # here, so that whoever uses the app in process need not have it

    # TCP by name: asyncio turns Nagle's algorithm off for such sockets alone, and with it on each answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_LOOPBACK, port))
        # It listens before it runs: who connects early waits in the queue.
        listener.listen(128)
        address = f"http://{_LOOPBACK}:{listener.getsockname()[1]}"
        server = uvicorn.Server(
            uvicorn.Config(hibari.app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False)
        )
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="hibari-crm", daemon=True)
        thread.start()
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join(timeout=10)
