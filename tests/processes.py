"""A helpdesk beside a simulated kintone, and the real processes that work on its database.

Imported by the tests for what they arrange, and run as a script for what happens elsewhere:

    processes.py work   {"database": …}   one worker, until nothing is left that time alone would bring
    processes.py crowd  {"count": 50, …}  so many processes that wait for each other, then do one thing at once
    processes.py clerk  {"database": …}   a host app that does what standard input says
    processes.py recorder  {"database": …}  a host app that records until it is killed
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from renkei import Renkei
from renkei.delivery import Policy
from renkei.engine import IntegrationExists
from renkei.mapping import Mapping, Rule
from renkei.plugins import Registry
from renkei.spec import RenkeiError

HOST = "demo.cybozu.com"
TENANT, ADMIN, INBOX, CONNECTION = "shop", "mori", "support", "osaka-sales"
TOKEN = "simulated-add-only-token"
SETTINGS = {"subdomain": "demo", "app_id": "1", "api_token": TOKEN}
# A real kintone may take a minute to finish a request that nobody waits for; the simulator takes no time at all.
SETTLES_WITHIN = 2
_ALARM = 100
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1


# -- a helpdesk ------------------------------------------------------------------------------------------------------


def rules(*, keyed: bool = True) -> Mapping:
    """The action's id as the subject; with *keyed*, the delivery key in the unique field."""
    key = (Rule(target="キー", source="delivery.key"),) if keyed else ()
    return Mapping(
        rules=(*key, Rule(target="件名", source="action.id"), Rule(target="本文", source="message.body_text"))
    )


def action(number: int, at: datetime | None = None) -> dict[str, Any]:
    """A mail that was sent at *at*, or just now."""
    return {
        "action": {
            "id": f"A-{number:05d}",
            "kind": "mail_sent",
            "channel": "mail",
            "occurred_at": (at or datetime.now(UTC)).isoformat(),
        },
        "message": {"subject": f"Re: お問い合わせ {number}", "body_text": "お問い合わせありがとうございます。"},
    }


@dataclass(kw_only=True)
class Desk:
    """One helpdesk: its database, the simulated kintone, and what the driver knows to be recorded."""

    database: Path
    kintone: Any
    url: str
    renkei: Renkei
    noted: list[str] = field(default_factory=list)

    def connect(self) -> None:
        """Store the connection."""
        self.renkei.connections.add(TENANT, ADMIN, CONNECTION, backend="kintone", settings=SETTINGS)

    def set_up(self, inbox: str = INBOX, *, keyed: bool = True) -> None:
        """Bind the inbox."""
        self.renkei.integrations.create(TENANT, ADMIN, inbox, connection=CONNECTION, mapping=rules(keyed=keyed))

    def record(self, count: int, *, threads: int = 4) -> None:
        """Record actions from several threads, and note each id after `record` has returned, not before."""
        share = [range(number, count, threads) for number in range(threads)]
        running = [threading.Thread(target=self._record, args=(numbers,)) for numbers in share]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert len(self.noted) == count

    def _record(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            receipt = self.renkei.record(TENANT, INBOX, action(number))
            assert receipt.outcome == "recorded"
            self.noted.append(receipt.action_id)

    def stored(self) -> Counter[str]:
        """How many records kintone holds of each action."""
        return Counter(values["件名"] for values in self.kintone.values())

    def in_state(self, state: str) -> set[str]:
        """Ids of the actions whose delivery is in that state."""
        return {status.action_id for status in self.statuses() if status.state == state}

    def statuses(self) -> list[Any]:
        """What the ticket screen would show of all that was noted."""
        return list(self.renkei.status_for(TENANT, INBOX, self.noted))

    def delivered(self) -> int:
        """What the ledger counts as delivered."""
        return self.renkei.ledger(TENANT, INBOX).delivered


@contextmanager
def desk(folder: Path, **policy: Any) -> Iterator[Desk]:
    """A simulated kintone on loopback and an empty database in *folder*."""
    from renkei_kintone.simulator import sample, serve

    kintone = sample()
    with serve(kintone) as url:
        database = folder / "renkei.db"
        with engine(database, url, **policy) as renkei:
            yield Desk(database=database, kintone=kintone, url=url, renkei=renkei)


def engine(database: Path, url: str | None, **policy: Any) -> Renkei:
    """A `Renkei` on that database, with kintone's host leading to *url*."""
    policy.setdefault("settles_within", timedelta(seconds=SETTLES_WITHIN))
    return Renkei(str(database), routes={HOST: url} if url else None, policy=Policy(**policy))


def until(true: Callable[[], bool], *, what: str, within: float = 30.0, every: float = 0.02) -> None:
    """Look again and again until *true*; fail with *what* was expected if it takes too long."""
    ends = time.monotonic() + within
    while not true():
        assert time.monotonic() < ends, f"not within {within:g} seconds: {what}"
        threading.Event().wait(every)


# -- processes -------------------------------------------------------------------------------------------------------


@contextmanager
def child(arguments: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process of ours; on leaving it has ended, by its own id if need be."""
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    with subprocess.Popen(arguments, text=True, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()


def script(task: str, arguments: dict[str, Any]) -> list[str]:
    """The command line of one of this module's tasks."""
    return [sys.executable, str(Path(__file__)), task, json.dumps(arguments)]


@contextmanager
def lone_worker(desk: Desk, **arguments: Any) -> Iterator[subprocess.Popen[str]]:
    """A worker with a policy of its own; see `work`."""
    with child(script("work", {"database": str(desk.database), "url": desk.url, **arguments})) as process:
        yield process


def command_line(desk: Desk) -> dict[str, str]:
    """The environment in which `renkei` works for this desk."""
    return {
        **os.environ,
        "RENKEI_DATABASE": str(desk.database),
        "RENKEI_ROUTES": f"{HOST}={desk.url}",
        "RENKEI_SIMULATED_SETTLES_WITHIN": str(SETTLES_WITHIN),
    }


@contextmanager
def work_command(desk: Desk) -> Iterator[subprocess.Popen[str]]:
    """`renkei work --until-idle`."""
    with child([sys.executable, "-m", "renkei", "work", "--until-idle"], env=command_line(desk)) as process:
        yield process


class TellClerk:
    """The other end of a clerk's standard input and output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, name: str, *arguments: Any) -> Any:
        """What the method came to; a refusal is a failure."""
        answer = self.ask(name, *arguments)
        assert "error" not in answer, answer
        return answer["answer"]

    def refused(self, name: str, *arguments: Any) -> tuple[str, str]:
        """The kind and text of the refusal that must come."""
        answer = self.ask(name, *arguments)
        assert "error" in answer, answer
        return answer["error"], answer["says"]

    def ask(self, name: str, *arguments: Any) -> dict[str, Any]:
        """Whatever it came to."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._process.communicate()[1]
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def clerk_at(desk: Desk) -> Iterator[TellClerk]:
    """A host app's process that obeys file permissions, whoever runs the tests."""
    command = script("clerk", {"database": str(desk.database), "url": desk.url})
    with child(command, stdin=subprocess.PIPE, preexec_fn=_obey_permissions) as process:
        yield TellClerk(process)


def _obey_permissions() -> None:
    # Root may write what is read-only, by a capability. Taken out of the bounding set, it does not survive the exec.
    # Without the right to do so one is not root in that sense either, and permissions count already.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)


def ended_well(process: subprocess.Popen[str], within: float = 60.0) -> str:
    """What a process wrote to standard output, once it has ended by itself and without complaint."""
    written, complaints = process.communicate(timeout=within)
    assert process.returncode == 0, complaints
    return written


def crowd(count: int, task: str, **arguments: Any) -> list[dict[str, Any]]:
    """Do *task* in that many processes at once, past a barrier after import; what each one came to."""
    command = script("crowd", {"count": count, "task": task, "arguments": arguments})
    # Nobody speaks TLS here, and reading all trusted certificates fifty times would take longer than the race.
    with TemporaryDirectory() as empty, child(command, env={**os.environ, "SSL_CERT_DIR": empty}) as process:
        found: list[dict[str, Any]] = json.loads(ended_well(process, within=_ALARM))
    return found


# -- what is done elsewhere ------------------------------------------------------------------------------------------


def create_integration(database: str, url: str, inbox: str, look_before: bool, number: int) -> dict[str, Any]:
    """Try to bind an inbox that others try to bind as well."""
    with engine(Path(database), url) as renkei:
        renkei.integrations._look_before = look_before
        return attempt(renkei, inbox, number)


def attempt(renkei: Renkei, inbox: str, number: int) -> dict[str, Any]:
    """Bind *inbox*, and say what came of it."""
    try:
        made = renkei.integrations.create(TENANT, f"admin-{number}", inbox, connection=CONNECTION, mapping=rules())
    except IntegrationExists as error:
        return {"came_to": "exists", "says": str(error), "connection": error.connection, "target": error.target}
    except Exception as error:
        return {"came_to": "error", "says": f"{type(error).__name__}: {error}"}
    return {"came_to": "created", "says": made.target_label}


def first_start(folder: str, url: str, number: int) -> dict[str, Any]:
    """Start on an empty folder, store a connection, and use one that somebody else has stored."""
    with engine(Path(folder) / "renkei.db", url) as renkei:
        renkei.connections.add(TENANT, ADMIN, f"c{number}", backend="kintone", settings=SETTINGS)
        until(lambda: len(renkei.connections.all(TENANT, ADMIN)) == 20, what="20 connections", every=0.2)
        other = renkei.connections.test(TENANT, ADMIN, f"c{(number + 7) % 20}")
        return {"installation": renkei._parts.store.installation, "account": other.account}


def work(
    database: str,
    url: str,
    policy: dict[str, float] | None = None,
    stop_at: str | None = None,
    stop_with: int = signal.SIGKILL,
    skip: int = 0,
) -> None:
    """Deliver until idle; with *stop_at*, send this process a signal at that point, the first *skip* times excepted."""
    left = [skip]

    def reached(point: str) -> None:
        if point == stop_at:
            left[0] -= 1
            if left[0] == -1:
                stop_here(database, stop_with)

    durations = {name: timedelta(seconds=seconds) for name, seconds in (policy or {}).items()}
    with engine(Path(database), url, reached=reached, **durations) as renkei:
        renkei.work_until_idle(timeout=_ALARM)


def stop_here(database: str, signal_number: int) -> None:
    """Send this process a signal while none of its threads is inside a write transaction.

    Killed, it loses SQLite's write lock; frozen, it would keep it, and nobody could write until it wakes or ends.
    """
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        lock.execute("ROLLBACK")
        # To this very thread: sent to the process, another one may take it, and this one goes on for a moment.
        signal.pthread_kill(threading.get_ident(), signal_number)


class Clerk:
    """A host app's process that does what it is told line by line, and says what came of it."""

    def __init__(self, database: str, url: str) -> None:
        self._database = Path(database)
        self._url = url
        # Whoever offers an action again offers the same one.
        self._at = datetime.now(UTC)
        self._renkei = self._open()

    def _open(self, **more: Any) -> Renkei:
        return engine(self._database, self._url, lease=timedelta(seconds=3), push_deadline=timedelta(seconds=2), **more)

    def record(self, number: int) -> str:
        """Record one action."""
        return self._renkei.record(TENANT, INBOX, action(number, self._at)).action_id

    def record_many(self, first: int, behind: int) -> list[str]:
        """Record a range of actions."""
        found = self._renkei.record_many(TENANT, INBOX, [action(number, self._at) for number in range(first, behind)])
        return [receipt.action_id for receipt in found if not hasattr(receipt, "error")]

    def pause(self) -> str:
        """Pause the integration."""
        return self._renkei.integrations.pause(TENANT, ADMIN, INBOX).state

    def ledger(self) -> dict[str, Any]:
        """The ledger, and whether it adds up."""
        ledger = self._renkei.ledger(TENANT, INBOX)
        return {**ledger.as_dict(), "adds_up": ledger.adds_up}

    def may_write(self) -> list[str]:
        """Which of the database's file and folder this process may write."""
        return [path.name for path in (self._database, self._database.parent) if os.access(path, os.W_OK)]

    def fill(self, room: int) -> None:
        """Let no file of this process grow longer than the write-ahead log and *room* bytes."""
        wal = self._database.with_name(f"{self._database.name}-wal")
        length = max(wal.stat().st_size if wal.exists() else 0, 40_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (length + room, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    def free(self) -> None:
        """The opposite of `fill`."""
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    def work(self) -> bool:
        """Deliver until idle."""
        return self._renkei.work_until_idle(timeout=30)

    def work_with_a_full_disk(self) -> int:
        """Deliver until idle; the disk is full from the first answer until the first complaint about it."""
        seen = Complaints(self.free)
        logging.getLogger("renkei.delivery").addHandler(seen)
        with self._open(reached=lambda at: self.fill(0) if at == "answered" and not seen.count else None) as renkei:
            assert renkei.work_until_idle(timeout=30)
        return seen.count


class Complaints(logging.Handler):
    """Counts what the worker says about the database, and acts upon the first of it."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._act = act
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """One line of the log."""
        if getattr(record, "event", "") in ("worker.store", "worker.renew"):
            self.count += 1
            self._act()


def recorder(database: str) -> None:
    """Record actions without end, and write down the id of each after `record` has returned."""
    with engine(Path(database), None) as renkei:
        for number in range(1_000_000):
            os.write(1, f"{renkei.record(TENANT, INBOX, action(number)).action_id}\n".encode())


def clerk(database: str, url: str) -> None:
    """Do what standard input says, a JSON list a line: the name of one of the clerk's methods, then its arguments."""
    at_work = Clerk(database, url)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"answer": getattr(at_work, name)(*arguments)}
        except RenkeiError as error:
            answer = {"error": type(error).__name__, "says": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _crowd(count: int, task: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    # Forked after import and before anything is opened: what is raced is the work, not the interpreters' start.
    import sqlalchemy.dialects.sqlite  # noqa: F401

    Registry().states()
    gate, opened = os.pipe()
    ready, standing = os.pipe()
    with ExitStack() as stack:
        children = [_fork(task, {**arguments, "number": number}, gate, opened, standing) for number in range(count)]
        for pid, _ in children:
            stack.callback(os.waitpid, pid, 0)
        arrived = b""
        while len(arrived) < count:
            arrived += os.read(ready, count)
        os.close(opened)
        return [json.loads(_read_all(results)) for _, results in children]


def _fork(task: str, arguments: dict[str, Any], gate: int, opened: int, standing: int) -> tuple[int, int]:
    results, answer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(answer)
        return pid, results
    signal.alarm(_ALARM)
    os.close(opened)
    os.write(standing, b".")
    os.read(gate, 1)  # ends when the last process has let go of the other end
    try:
        found = globals()[task](**arguments)
    except BaseException as error:
        found = {"came_to": "error", "says": f"{type(error).__name__}: {error}"}
    os.write(answer, json.dumps(found).encode())
    os._exit(0)


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


def main() -> None:
    """Do the task that the command line names."""
    task, arguments = sys.argv[1], json.loads(sys.argv[2])
    signal.alarm(_ALARM + 10)
    if task == "crowd":
        sys.stdout.write(json.dumps(_crowd(**arguments)))
        return
    logging.basicConfig(level=logging.WARNING)
    {"work": work, "clerk": clerk, "recorder": recorder}[task](**arguments)


if __name__ == "__main__":
    main()
