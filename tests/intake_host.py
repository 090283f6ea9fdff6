"""Host apps of many kinds that record. Imported by gunicorn and by the tests, and run as a script:

intake_host.py MODE DATABASE   record from several threads and end as MODE says; each id on a line of its own,
                               written after `record` has returned and not before
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from renkei import Renkei
from renkei.testing import FakeBackend

TENANT, INBOX = "shop", "support"
# Whoever brings an action again brings the same one, from whichever process.
_AT = datetime(2099, 1, 1, tzinfo=UTC)


def action(name: str) -> dict[str, Any]:
    """A mail with that id."""
    envelope = {"id": name, "kind": "mail_sent", "channel": "mail", "occurred_at": _AT.isoformat()}
    return {
        "action": envelope,
        "message": {"subject": f"Re: {name}", "body_text": "お問い合わせありがとうございます。"},
    }


def set_up(database: str, *, keyed: bool = True) -> tuple[Renkei, FakeBackend]:
    """An engine on that database with an integration that stands."""
    fake = FakeBackend()
    renkei = Renkei(database, **fake.plug())
    fake.set_up(renkei, tenant=TENANT, inbox=INBOX, keyed=keyed)
    return renkei, fake


def record(renkei: Renkei, name: str) -> str:
    """Record one action and return its id."""
    receipt = renkei.record(TENANT, INBOX, action(name))
    assert receipt.outcome == "recorded"
    return receipt.action_id


def record_elsewhere(database: str, names: Iterable[str]) -> None:
    """The whole life of a process that multiprocessing has started."""
    with Renkei(database) as renkei:
        for name in names:
            record(renkei, name)


# -- a WSGI app -------------------------------------------------------------------------------------------------------


def wsgi(database: str) -> Callable[..., list[bytes]]:
    """Record the path of each request. What gunicorn loads before it forks has been used already."""
    renkei = Renkei(database)
    record(renkei, f"master-{os.getpid()}")

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        done = record(renkei, environ["PATH_INFO"].strip("/"))
        start_response("200 OK", [("Content-Type", "text/plain"), ("Worker", str(os.getpid()))])
        return [done.encode()]

    return app


# -- hosts that end ---------------------------------------------------------------------------------------------------


def _record_without_end(renkei: Renkei, thread: int) -> None:
    number = 0
    while True:
        number += 1
        os.write(1, f"{record(renkei, f'{thread}-{number}')}\n".encode())


def _in_threads(renkei: Renkei) -> None:
    for thread in range(4):
        threading.Thread(target=_record_without_end, args=(renkei, thread), daemon=True).start()


def ends_by_default(renkei: Renkei) -> None:
    """SIGTERM as the system has it: gone at once."""
    _in_threads(renkei)
    threading.Event().wait()


def ends_in_a_handler(renkei: Renkei) -> None:
    """SIGTERM raises SystemExit in the main thread, which is recording."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _in_threads(renkei)
    _record_without_end(renkei, 9)


def ends_by_closing(renkei: Renkei) -> None:
    """SIGTERM lets the program run out; what was registered to happen then happens while threads record."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    atexit.register(renkei.close)
    atexit.register(lambda: os.write(1, f"{record(renkei, 'last')}\n".encode()))
    _in_threads(renkei)
    over.wait()


def delivers_on_the_way_out(renkei: Renkei) -> None:
    """`stop` and `close` in a handler, with a worker that runs."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    renkei.start()
    _in_threads(renkei)
    over.wait()
    renkei.stop()
    renkei.close()


ENDS = (ends_by_default, ends_in_a_handler, ends_by_closing, delivers_on_the_way_out)


def _begin(end: Callable[[Renkei], None], folder: Path) -> int:
    """A process that does so; each id is in its file once `record` has returned, and not before."""
    pid = os.fork()
    if pid:
        return pid
    for descriptor, name in ((1, "noted"), (2, "complaints")):
        file = os.open(folder / f"{end.__name__}.{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, descriptor)
    end(Renkei(str(folder / f"{end.__name__}.db"), **FakeBackend().plug()))
    sys.exit(0)  # as any program ends, with all that happens at exit


def main(folder: Path) -> None:
    """Begin them all, from one process, as importing takes longer than everything else; say how each ended."""
    running = {end.__name__: _begin(end, folder) for end in ENDS}
    for name, pid in running.items():
        while (folder / f"{name}.noted").stat().st_size < 200:
            threading.Event().wait(0.02)
        os.kill(pid, signal.SIGTERM)
    sys.stdout.write(
        json.dumps({name: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for name, pid in running.items()})
    )


if __name__ == "__main__":
    signal.alarm(100)
    main(Path(sys.argv[1]))
