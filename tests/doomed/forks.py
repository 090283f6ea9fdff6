"""A process that has imported everything, and makes short-lived others by forking: each costs a hundredth of a start.

Run as a script it reads a line of JSON at a time: `["start", {"task": …}]` is answered with a process id,
`["look", pid]` with what that process has come to, once it has stopped or ended.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from processes import stop_here

from doomed import plugin
from doomed.crm import crm_for, served
from renkei import Policy, Renkei
from renkei.testing import ManualClock
from renkei.testing.fake_plugin import HOST

TENANT, ADMIN, INBOX = "shop", "mori", "support"
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ACTIONS = 10
_ALARM = 60


def action(number: int, subject: str = "") -> dict[str, Any]:
    """A mail that was sent as the integration was made."""
    envelope = {"id": f"a{number}", "kind": "mail_sent", "channel": "mail", "occurred_at": START.isoformat()}
    return {"action": envelope, "message": {"subject": subject or f"subject {number}", "body_text": "body"}}


def engine(database: str, url: str, clock: ManualClock, **policy: Any) -> Renkei:
    """An engine that works in one lane at a time."""
    policy = {"lanes_at_once": 1, "unkeyed_push": plugin.PUSH, "poll": timedelta(milliseconds=5), **policy}
    return Renkei(
        database,
        routes={HOST: url},
        plugins={"fake": plugin},
        scan=False,
        policy=Policy(**policy),
        clock=clock,
    )


class Forks:
    """The other end of such a process."""

    def __init__(self, process: subprocess.Popen[str], errors: Any) -> None:
        self._process = process
        self._errors = errors
        self._pids: set[int] = set()
        self._said_before = 0

    def start(self, **task: Any) -> int:
        """Begin a task, `work` or `prepare`; the process's id."""
        self._said_before += len(self.said())
        pid = int(self._tell("start", task))
        self._pids.add(pid)
        return pid

    def look(self, pid: int) -> tuple[str, int]:
        """`killed` or `stopped` with the signal's number, or `exited` with the code, as soon as it is one of them."""
        how, number = self._tell("look", pid)
        if how != "stopped":
            self._pids.discard(pid)
        return how, number

    def finish(self, pid: int) -> None:
        """Wait until it has ended well."""
        assert self.look(pid) == ("exited", 0), self.said()

    def end(self) -> None:
        """Let it end, and kill those that have not ended: their ids are nobody else's, for they were not waited for."""
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
        assert self._process.stdin is not None
        self._process.stdin.close()

    def said(self) -> str:
        """What was complained about since the last start."""
        self._errors.seek(0)
        return str(self._errors.read())[self._said_before :]

    def _tell(self, *order: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self.said()
        return json.loads(answer)


@contextmanager
def forks() -> Iterator[Forks]:
    """Such a process."""
    with ExitStack() as stack:
        # Nobody speaks TLS here, and reading all trusted certificates takes longer than everything else.
        empty = stack.enter_context(tempfile.TemporaryDirectory())
        # Appended to, for its position is shared with those who write.
        errors = stack.enter_context(tempfile.TemporaryFile("a+"))
        command = [sys.executable, str(Path(__file__))]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors, "text": True}
        process = subprocess.Popen(command, env={**os.environ, "SSL_CERT_DIR": empty}, **pipes)
        stack.enter_context(process)
        made = Forks(process, errors)
        stack.callback(made.end)
        yield made


# -- the other side ----------------------------------------------------------------------------------------------------


def prepare(database: str, mode: str) -> None:
    """A database in which ten actions wait: `keyed`, `asked` (a key that is not unique) or `plain` (no key)."""
    crm = crm_for(mode)
    with served(crm) as url, engine(database, url, ManualClock(START)) as renkei:
        settings = {"account": crm.account, "password": crm.password}
        renkei.connections.add(TENANT, ADMIN, "fake", backend="fake", settings=settings)
        mapping = crm.mapping(keyed=mode != "plain")
        renkei.integrations.create(TENANT, ADMIN, INBOX, connection="fake", mapping=mapping)
        renkei.record_many(TENANT, INBOX, [action(number) for number in range(ACTIONS)])


def _warm_up() -> None:
    """Do everything once, so that no child has to find out anew what can be kept."""
    with tempfile.TemporaryDirectory() as folder, served(crm_for("keyed")) as url:
        database = str(Path(folder) / "renkei.db")
        prepare(database, "keyed")
        work(database, url, START.isoformat())


def work(
    database: str,
    url: str,
    now: str,
    point: str | None = None,
    skip: int = 0,
    sign: int = signal.SIGKILL,
    act: list[Any] | None = None,
    hours: int = 1,
    due_only: bool = True,
    policy: dict[str, Any] | None = None,
) -> None:
    """Deliver what is due each hour, or *act*, and meet *sign* at *point*, the first *skip* times excepted."""
    reached = _Reached(database, point, skip, sign)
    numbers = {
        name: timedelta(seconds=number) if isinstance(number, float) else number
        for name, number in (policy or {}).items()
    }
    clock = ManualClock(datetime.fromisoformat(now))
    renkei = engine(database, url, clock, reached=reached, **numbers)
    assert renkei.ledger(TENANT).adds_up  # opened: what follows is the act's own
    reached.armed = True
    if act is not None:
        _do(renkei, *act)
        return
    for _ in range(hours):
        renkei.work_until_idle(timeout=_ALARM, due_only=due_only)
        ledger = renkei.ledger(TENANT)
        assert ledger.adds_up
        if not ledger.waiting + ledger.sending:
            break
        clock.forward(timedelta(hours=1))
    renkei.close()


def _do(renkei: Renkei, method: str, *arguments: Any, **options: Any) -> None:
    door: Any = renkei
    if arguments and isinstance(arguments[-1], dict) and method != "record":
        *arguments, options = arguments
    for name in method.split("."):
        door = getattr(door, name)
    door(*arguments, **options)


class _Reached:
    """Meets the signal where it is told to."""

    def __init__(self, database: str, point: str | None, skip: int, sign: int) -> None:
        self.armed = False
        self._database = database
        self._point = point
        self._left = skip
        self._sign = sign

    def __call__(self, point: str) -> None:
        if not self.armed or point != self._point:
            return
        self._left -= 1
        if self._left != -1:
            return
        if self._sign == signal.SIGSTOP:
            stop_here(self._database, self._sign)
        else:
            # At once, whatever the other threads are in the middle of.
            signal.pthread_kill(threading.get_ident(), self._sign)


def _fork(task: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(_ALARM)
    code = 1
    try:
        task()
        code = 0
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code)


def _look(pid: int) -> tuple[str, int]:
    _pid, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return "stopped", os.WSTOPSIG(status)
    if os.WIFSIGNALED(status):
        return "killed", os.WTERMSIG(status)
    return "exited", os.WEXITSTATUS(status)


def main() -> None:
    """Fork and look, as told."""
    tasks = {"work": work, "prepare": prepare}
    _warm_up()
    # What is here by now stays: collecting it in a child would copy all of its pages.
    gc.freeze()
    for line in sys.stdin:
        order, what = json.loads(line)
        answer: Any = _fork(partial(tasks[what.pop("task", "work")], **what)) if order == "start" else _look(what)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
