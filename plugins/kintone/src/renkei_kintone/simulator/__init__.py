"""A simulator of kintone's record API, for tests and demonstrations: it believes what the real one is known to do.

It shares no code with the plugin, so that neither can hide the other's mistakes. Use it from Python:

    kintone = sample()
    with serve(kintone) as url: ...

or as a server: `renkei-kintone simulate`. It takes the extra `renkei-kintone[simulator]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from renkei_kintone.simulator.domain import Kintone, Token, load, sample
from renkei_kintone.simulator.faults import Fault
from renkei_kintone.simulator.form import App
from renkei_kintone.simulator.unsure import Unsure

__all__ = ["App", "Fault", "Kintone", "Token", "Unsure", "load", "sample", "serve"]


@contextmanager
def serve(
    kintone: Kintone,
    port: int = 0,
    prefix: str = "",
    *,
    host_name: str = "127.0.0.1",
    ca_file: Path | None = None,
) -> Iterator[str]:
    """Serve *kintone* on 127.0.0.1 from a thread and yield its URL; port 0 takes a free one.

    *host_name* is the name in that URL. With *ca_file* it is an https URL, of a self-made certificate whose authority
    is written to that file, for clients to trust.
    """
    # The server's library is loaded with the first server, not with the simulator's state.
    from renkei_kintone.simulator.serving import Place, served

    with served(kintone, port=port, place=Place(prefix, host_name, ca_file)) as url:
        yield url
