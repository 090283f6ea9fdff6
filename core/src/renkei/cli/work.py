"""`renkei work`: a worker in the foreground, ended in order by a signal."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from renkei.cli.commands import done
from renkei.cli.exits import Exit
from renkei.cli.scope import Scope

if TYPE_CHECKING:
    from renkei.engine import Health, Ledger


# How often a worker in the foreground looks whether a signal has come.
_LOOK_SECONDS = 0.2


class Interrupted(BaseException):
    """Somebody asked the process to end. No `Exception`: nothing on the way may take it for a failure."""


def work(
    scope: Scope,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is left that time alone would bring.")
    ] = False,
    seconds: Annotated[float | None, typer.Option("--for", min=0, help="End after so many seconds.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 3 where something is blocked, rejected or doubtful.")
    ] = False,
) -> None:
    """Deliver what was recorded, for every tenant of this database, until it is interrupted.

    SIGTERM and Ctrl-C end it in order: what is on the wire is finished, nothing more is claimed. With --until-idle
    it ends by itself, with exit code 1 where --for was over or a signal came before.
    """
    if until_idle:
        idle, settled = _until_idle(scope, seconds)
    else:
        idle, settled = True, None
        _until_told(scope, seconds)
    ledger, health = scope.engine.ledger(scope.tenant), scope.engine.health()
    _tell(scope, ledger, health, {"idle": idle, "settled": settled} if until_idle else {})
    if not idle:
        scope.out.note(
            ja="中断または時間切れのため、まだ送信できるものが残っています。",
            en="It ended before everything that could be delivered was: the time was over, or a signal came.",
        )
        done(Exit.FAILED)
    done(Exit.NEEDS_A_PERSON if check and _troubled(ledger, health) else Exit.OK)


def _until_idle(scope: Scope, seconds: float | None) -> tuple[bool, int]:
    before = scope.engine.ledger(scope.tenant)
    counted = _Count()
    with scope.out.progress("deliver", before.waiting + before.sending) as meter:

        def settled(count: int) -> None:
            counted.add(count)
            meter.advance(count)

        try:
            with _signals_as_exceptions():
                idle = scope.engine.work_until_idle(timeout=seconds, settled=settled)
        except Interrupted:
            idle = False
    return idle, counted.total


def _until_told(scope: Scope, seconds: float | None) -> None:
    # No `threading.Event`: a signal that comes just before its wait begins is seen by nobody, for the wait has no end;
    # and a handler that sets it while its lock is held waits for itself.
    told: list[bool] = []
    ends = math.inf if seconds is None else time.monotonic() + seconds
    with _handling(lambda *_: told.append(True)):
        scope.engine.start()
        scope.out.note(ja="送信を始めました（Ctrl-C で終了）。", en="Delivering; Ctrl-C ends it in order.")
        while not told and time.monotonic() < ends:
            time.sleep(min(_LOOK_SECONDS, max(0.0, ends - time.monotonic())))
        scope.engine.stop()


class _Count:
    """A number that several threads add to."""

    def __init__(self) -> None:
        self.total = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self.total += count


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    def interrupt(*_: Any) -> None:
        # Only once: the worker is already finishing what is on the wire.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted

    with _handling(interrupt):
        yield


@contextmanager
def _handling(handler: Any) -> Iterator[None]:
    """SIGTERM and SIGINT go to *handler*; where this is not the main thread, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _tell(scope: Scope, ledger: Ledger, health: Health, more: dict[str, Any]) -> None:
    from renkei.cli.deliveries import show_ledger

    if scope.json:
        counts = {**ledger.as_dict(), "adds_up": ledger.adds_up}
        scope.out.document({**more, "ledger": counts, "problems": health.problems, "blocked": health.blocked})
        return
    show_ledger(scope.out, ledger)
    for lane in health.blocked:
        reason = lane["reason"][scope.language]
        scope.out.say(
            ja=f"! 接続「{lane['connection']}」、連携先 {lane['target']} は停止中です: {reason}（{lane['code']}）",
            en=f"! Connection {lane['connection']!r}, target {lane['target']!r} is blocked: {reason} ({lane['code']})",
        )
    if ledger.rejected or ledger.doubtful:
        scope.out.say(
            ja=f"! 拒否 {ledger.rejected} 件、要確認 {ledger.doubtful} 件。renkei log で理由を確認してください。",
            en=f"! {ledger.rejected} rejected, {ledger.doubtful} doubtful: `renkei log INBOX` says why.",
        )


def _troubled(ledger: Ledger, health: Health) -> bool:
    return bool(health.blocked or ledger.rejected or ledger.doubtful)
