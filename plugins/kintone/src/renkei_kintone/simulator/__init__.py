"""A simulator of kintone's record API, for tests and demonstrations: it believes what the real one is known to do.

It shares no code with the plugin, so that neither can hide the other's mistakes. Use it from Python:

    kintone = sample()
    with serve(kintone) as url: ...

or as a server: `renkei-kintone simulate`. It takes the extra `renkei-kintone[simulator]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from renkei_kintone.simulator.domain import Kintone, Token, load, sample
from renkei_kintone.simulator.faults import Fault
from renkei_kintone.simulator.form import App

__all__ = ["App", "Fault", "Kintone", "Token", "load", "sample", "serve"]


@contextmanager
def serve(kintone: Kintone, port: int = 0, prefix: str = "") -> Iterator[str]:
    """Serve *kintone* on 127.0.0.1 from a thread and yield its URL; port 0 takes a free one."""
    # The server's library is loaded with the first server, not with the simulator's state.
    from renkei_kintone.simulator.serving import served

    with served(kintone, port=port, prefix=prefix) as url:
        yield url
