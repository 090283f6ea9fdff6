"""A host app on a file system of its own that is really full. Run as a script, in mount namespace of its own:

full_disk.py FOLDER KEYED   FOLDER is a small file system; prints what came of it as JSON
"""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import intake_host
from intake_host import INBOX, TENANT

from renkei import Policy, Renkei
from renkei.engine import StoreUnavailable
from renkei.testing import FakeBackend


class Disk:
    """A file that takes whatever room is left."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Until the system says that no space is left."""
        with self._ballast.open("ab", buffering=0) as file:
            size = 1 << 16
            while size:
                try:
                    file.write(b"x" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 16

    def free(self) -> None:
        """Somebody has deleted something."""
        self._ballast.unlink(missing_ok=True)


def record_until_it_is_full(renkei: Renkei, disk: Disk) -> dict[str, Any]:
    """Record from two threads, fill the disk meanwhile, and go on in this process once there is room."""
    noted: list[str] = []
    refused: list[tuple[str, str]] = []
    begun, full = threading.Barrier(3), threading.Event()

    def work(thread: int) -> None:
        for number in range(60):
            name = f"{thread}-{number}"
            if number == 10:
                begun.wait(20)
                full.wait(20)
            try:
                noted.append(intake_host.record(renkei, name))
            except StoreUnavailable as error:
                refused.append((name, str(error)))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(2)]
    for thread in threads:
        thread.start()
    begun.wait(20)  # on a full disk, SQLite cannot even open a database to read
    disk.fill()
    full.set()
    for thread in threads:
        thread.join()
    found = states(renkei, noted)
    disk.free()
    again = [intake_host.record(renkei, name) for name, _ in refused]
    return {
        "noted": len(noted),
        "kept": Counter(found.values()),
        "refused": len(refused),
        "says": sorted({says for _, says in refused}),
        "afterwards": Counter(states(renkei, [*noted, *again]).values()),
    }


def deliver_while_it_is_full(renkei: Renkei, fake: FakeBackend, disk: Disk, seen: Complaints) -> dict[str, Any]:
    """The disk fills up when the backend has answered; there is room again after the first complaint."""
    assert renkei.work_until_idle(timeout=60)
    disk.free()
    ledger = renkei.ledger(TENANT)
    held = Counter(fake.values("action"))
    return {
        "complaints": seen.count,
        "ledger": ledger.as_dict(),
        "adds_up": ledger.adds_up,
        "stored": len(held),
        "doubled": sum(count > 1 for count in held.values()),
        "delivered_but_not_there": [
            name for name, state in states(renkei, all_names()).items() if state == "delivered" and name not in held
        ],
    }


def all_names() -> list[str]:
    """Whatever was offered."""
    return [f"{thread}-{number}" for thread in range(2) for number in range(60)]


def states(renkei: Renkei, names: list[str]) -> dict[str, str]:
    """What became of each."""
    return {status.action_id: status.state for status in renkei.status_for(TENANT, INBOX, names)}


class Complaints(logging.Handler):
    """Counts what the worker says about the database, and makes room at the first of it."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(logging.WARNING)
        self._disk = disk
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """One line of the log."""
        if getattr(record, "event", "") in ("worker.store", "worker.renew"):
            self.count += 1
            self._disk.free()


@contextmanager
def engine(database: Path, fake: FakeBackend, disk: Disk, seen: Complaints) -> Iterator[Renkei]:
    """A host whose worker meets a full disk between the answer and the commit that would write it down."""

    def reached(at: str) -> None:
        if at == "answered" and not seen.count:
            disk.fill()

    policy = Policy(
        reached=reached,
        lease=timedelta(seconds=3),
        push_deadline=timedelta(seconds=2),
        settles_within=timedelta(seconds=1),
    )
    with Renkei(str(database), policy=policy, **fake.plug()) as renkei:
        yield renkei


def main(folder: Path, *, keyed: bool) -> None:
    """Both, one after the other, on one database."""
    disk = Disk(folder)
    seen = Complaints(disk)
    logging.getLogger("renkei.delivery").addHandler(seen)
    prepared, fake = intake_host.set_up(str(folder / "renkei.db"), keyed=keyed)
    prepared.close()
    with engine(folder / "renkei.db", fake, disk, seen) as renkei:
        recorded = record_until_it_is_full(renkei, disk)
        delivered = deliver_while_it_is_full(renkei, fake, disk, seen)
    sys.stdout.write(json.dumps({"recorded": recorded, "delivered": delivered}))


if __name__ == "__main__":
    signal.alarm(100)
    os.chdir("/")
    main(Path(sys.argv[1]), keyed=sys.argv[2] == "keyed")
