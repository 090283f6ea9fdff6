"""Taking actions in from whatever processes a host has: pre-forking servers, spawned children, hosts that end."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import intake_host
import pytest
from intake_host import INBOX, TENANT
from processes import child, ended_well, until

from renkei import Renkei


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An integration stands, and nobody has the database open."""
    path = tmp_path / "renkei.db"
    renkei, _ = intake_host.set_up(str(path))
    renkei.close()
    return path


def assert_on_disk(database: Path, noted: set[str]) -> None:
    """Everything that a host was told is recorded is there, and the books balance."""
    with Renkei(str(database)) as renkei:
        states = {status.action_id: status.state for status in renkei.status_for(TENANT, INBOX, noted)}
        ledger = renkei.ledger(TENANT)
    assert set(states.values()) <= {"waiting", "delivered"}
    assert set(states) == noted
    assert ledger.adds_up
    # What was on its way when its process was killed may be there as well, though nobody was told.
    assert ledger.recorded >= len(noted)


# -- a pre-forking server --------------------------------------------------------------------------------------------


class Visitors:
    """Clients that send request after request, and note what was answered with 200 and by which worker."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.noted: dict[str, int] = {}
        self.refused = 0
        self._threads = [threading.Thread(target=self._visit, args=(number,)) for number in range(3)]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _visit(self, visitor: int) -> None:
        number = 0
        while not self._over.wait(0.005):
            number += 1
            try:
                with urllib.request.urlopen(f"{self._address}/{visitor}-{number}", timeout=30) as answer:
                    name, worker = answer.read().decode(), int(answer.headers["Worker"])
            except OSError:
                with self._lock:
                    self.refused += 1  # its worker was killed with the request in its hands
            else:
                with self._lock:
                    self.noted[name] = worker

    def workers(self) -> set[int]:
        """Who has answered so far."""
        with self._lock:
            return set(self.noted.values())


@contextmanager
def gunicorn(database: Path) -> Iterator[tuple[str, list[str]]]:
    """The server's address, and what it says as it goes; two workers with threads, the app loaded before the fork."""
    app = f"intake_host:wsgi({str(database)!r})"
    options = ["--preload", "--workers", "2", "--threads", "3", "--bind", "127.0.0.1:0", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *options, "--chdir", str(Path(__file__).parent), app]
    said: list[str] = []
    with child(command, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        reading = threading.Thread(target=said.extend, args=(process.stderr,))
        reading.start()
        try:
            until(lambda: any("Listening at" in line for line in said), what="the server listens")
            (address,) = re.findall(r"Listening at: (http://\S+)", "".join(said))
            yield address, said
        finally:
            process.terminate()
            assert process.wait(30) == 0
            reading.join()


def test_every_request_that_was_answered_is_on_disk_though_each_worker_in_turn_was_killed(database: Path) -> None:
    with gunicorn(database) as (address, said), Visitors(address) as visitors:
        until(lambda: len(visitors.workers()) == 2, what="both workers answer")
        for victim in sorted(visitors.workers()):
            before = visitors.workers()
            os.kill(victim, signal.SIGKILL)
            until(lambda before=before: bool(visitors.workers() - before), what="the next worker answers")  # type: ignore[misc]

    assert len(visitors.workers()) >= 4
    assert not [line for line in said if "Traceback" in line or "Exception" in line]
    assert_on_disk(database, set(visitors.noted))


# -- children of other kinds -----------------------------------------------------------------------------------------


def test_a_child_that_multiprocessing_spawned_records_beside_its_parent(database: Path) -> None:
    names = [f"child-{number}" for number in range(20)]
    with Renkei(str(database)) as renkei:
        noted = {intake_host.record(renkei, "before")}
        spawned = multiprocessing.get_context("spawn").Process(
            target=intake_host.record_elsewhere, args=(str(database), names)
        )
        spawned.start()
        noted |= {intake_host.record(renkei, f"parent-{number}") for number in range(20)}
        spawned.join(60)

    assert spawned.exitcode == 0
    assert_on_disk(database, noted.union(names))


# -- hosts that end --------------------------------------------------------------------------------------------------


def test_a_host_that_ends_while_it_records_ends_soon_and_loses_nothing(database: Path) -> None:
    for end in intake_host.ENDS:
        shutil.copy(database, database.with_name(f"{end.__name__}.db"))
        shutil.copy(f"{database}.key", database.with_name(f"{end.__name__}.db.key"))

    with child([sys.executable, intake_host.__file__, str(database.parent)]) as process:
        codes = json.loads(ended_well(process, within=100))

    assert codes == {end.__name__: 0 for end in intake_host.ENDS} | {"ends_by_default": -signal.SIGTERM}
    for name in codes:
        own = database.with_name(f"{name}.db")
        names = set(own.with_suffix(".noted").read_text().split())
        assert own.with_suffix(".complaints").read_text() == ""
        assert ("last" in names) == (name == "ends_by_closing")
        assert_on_disk(own, names)
