"""Checks X: connections, hosts and processes do not feel each other through a plugin."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import httpx

from renkei.spec import BackendError
from renkei.testing.contract import surroundings
from renkei.testing.contract.blocking import no_collecting
from renkei.testing.contract.broken import Broken, broken, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.checks.holding_loops import (
    ALWAYS,
    LONGEST,
    hard_values,
    least,
    longest_turn,
    mapping,
    scenes,
)
from renkei.testing.contract.checks.meeting import Meeting, require_own_records, require_own_secrets
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.living import Life, calls
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.watching import threads_of_the_simulator
from renkei.testing.contract.wire import Exchange, Forward


class IsolationChecks:
    """Checks X."""

    @check("X01", traffic=True)
    def test_x01_two_connections_do_not_meet(self, stage: Stage) -> None:
        """Two connections whose calls are under way at once keep to their own secrets, targets and answers.

        Why: one process serves many customers, and a record that lands with another one, or a key that is sent for
        another one, cannot be taken back.
        Mend: keep nothing between calls, neither in module globals nor in class attributes; pass `ctx` and `request`
        on to whoever needs them.
        """
        pair = (stage.good, stage.second)
        schemas = [connection.schema for connection in pair]
        asked: list[tuple[str, Exchange]] = []
        meeting = Meeting(asked)
        stage.wire.play(meeting.act(), on="any", times=ALWAYS)
        accounts = [connection.account for connection in pair]
        again = meeting.both(lambda: pair[0].authenticate(), lambda: pair[1].authenticate())
        found = meeting.both(lambda: pair[0].discover(), lambda: pair[1].discover())
        records = [connection.records(3, start=1 + 10 * at) for at, connection in enumerate(pair)]
        pushed = meeting.both(lambda: pair[0].push(records[0]), lambda: pair[1].push(records[1]))
        stage.wire.calm()

        for connection, account, after in zip(pair, accounts, again, strict=True):
            same = account is not None and after.id == account.id
            require(same, f"authenticating while another connection does gave {connection.name!r} another account")
        for connection, before, after in zip(pair, schemas, found, strict=True):
            same = after.target == before.target and set(after.fields) == set(before.fields)
            require(same, f"discovery while another connection discovers gave {connection.name!r} other fields")
        require_own_secrets(stage, asked)
        require_own_records(stage, pushed)

    @check("X03", traffic=True)
    def test_x03_no_hook_holds_the_loop(self, stage: Stage) -> None:
        """No hook keeps its event loop to itself for more than 100 ms, and `crm_map` no thread for one record.

        Why: all connections of a backend share one loop; while one hook sleeps, waits for a socket of its own or
        computes, nobody else's records move, deadlines are missed and leases run out.
        Mend: await what waits; never `time.sleep`, never a blocking client or lock; leave waiting to core. Bound what
        you compute for one record, and beware of regular expressions that try everything twice.
        """
        stage.good.schema  # noqa: B018  # the first time of everything: imports, caches, models
        Life(stage).well()
        with no_collecting():
            for hook, ask, fault in scenes(stage):
                held = least(lambda ask=ask, fault=fault: longest_turn(stage, ask, fault))  # type: ignore[misc]  # bound now
                require(held.longest <= LONGEST, f"{hook} held the event loop for {held}")
            for code, values in hard_values(stage):
                held = least(lambda values=values: mapping(stage, values))  # type: ignore[misc]  # bound now
                require(held.longest <= LONGEST, f"crm_map held its thread for {held} over a text in field {code!r}")

    @check("X04", traffic=True)
    def test_x04_nothing_is_left_behind(self, stage: Stage) -> None:
        """A plugin leaves the process and its own modules as they were: it keeps nothing between calls.

        Compared are its module globals, the environment, locale, directory, logging, warnings, signals, random
        numbers, decimal context, import paths, threads, tasks, and what others' modules consist of.

        Why: the plugin runs in the host's process, beside other plugins and other customers, and after a fork in
        several processes at once: what it changes or remembers is right for nobody else.
        Mend: pass what a call needs as arguments; core keeps what must be kept. Caches of what a backend said are
        not needed: core asks rarely. Use a local decimal context, and loggers without handlers.
        """
        process, loaded = surroundings.of_process(), surroundings.modules()
        running = threading.enumerate()
        with threads_of_the_simulator() as simulators:
            stage.good.schema  # noqa: B018
            tasks = Tasks(stage)
            _lived(stage, stage.good, start=1)
            mine = _own_modules(stage)
            before = surroundings.of_modules(mine, _package(stage))
            _lived(stage, stage.good, start=10)
            _lived(stage, stage.second, start=20)
            left = [
                *surroundings.changes(before, surroundings.of_modules(mine, _package(stage))),
                *surroundings.changes(process, surroundings.of_process()),
                *surroundings.modules_changed(loaded),
                *surroundings.threads(running, _ours(stage), simulators),
                *tasks.left(),
            ]
        require(not left, f"not as it was before: {', '.join(left[:6])}")

    @check("X06", traffic=True)
    def test_x06_sync_and_async_hosts_see_the_same(self, stage: Stage) -> None:
        """A call gives the same in a plain thread and in a thread that runs an event loop of its own.

        Why: some hosts are written with asyncio and some without, and an integration must not depend on it.
        Mend: call no `asyncio.run` and no `run_until_complete` in a hook; use no thread-locals; `crm_map` runs in
        whatever thread the host has.
        """
        stage.good.connected()
        plain = _in_thread(lambda: _seen(stage, 1))
        under_a_loop = _in_thread(lambda: asyncio.run(_as_coroutine(lambda: _seen(stage, 4))))
        for what, one in plain.items():
            require(
                one == under_a_loop[what],
                f"{what}: {_short(one)} in a plain thread, {_short(under_a_loop[what])} in one with an event loop",
            )


# X04: what is left behind.


class Tasks:
    """Tasks on the plugin's loop."""

    def __init__(self, stage: Stage) -> None:
        self._loops: list[asyncio.AbstractEventLoop] = []

        async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
            self._loops.append(asyncio.get_running_loop())
            return await forward()

        stage.wire.play(act, on="any", times=ALWAYS)

    def left(self) -> list[str]:
        """Those that still wait for something though no call is under way."""
        found: dict[int, str] = {}
        for loop in {id(one): one for one in self._loops}.values():
            for task in asyncio.all_tasks(loop):
                found[id(task)] = f"the task {getattr(task.get_coro(), '__qualname__', 'unknown')!r}"
        return list(found.values())


def _lived(stage: Stage, connection: Connection, start: int) -> None:
    asks = calls(stage, connection, lambda: connection.records(3, start=start))
    for ask in asks.values():
        try:
            ask()
        except BackendError:
            continue
        except Exception as error:
            if isinstance(error, Broken):
                raise
            broken(f"a hook that should work raised {type(error).__name__}")


def _own_modules(stage: Stage) -> list[ModuleType]:
    """The plugin's modules that are loaded, without those that are for tests alone."""
    assert stage.subject.module is not None
    top = _package(stage)
    out = tuple(stage.kit.test_only)
    found = [
        module
        for name, module in list(sys.modules.items())
        if (name == top or name.startswith(f"{top}."))
        and not any(name == one or name.startswith(f"{one}.") for one in out)
    ]
    return [*found, *([] if stage.subject.module in found else [stage.subject.module])]


def _package(stage: Stage) -> str:
    assert stage.subject.module is not None
    return stage.subject.module.__name__.partition(".")[0]


def _ours(stage: Stage) -> tuple[str, ...]:
    return (f"renkei-{stage.manifest.id}",)


# X06: kinds of hosts.


def _in_thread(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(results[0], BaseException):
        raise results[0]
    return dict(results[0])


async def _as_coroutine(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    await asyncio.sleep(0)
    return call()


def _seen(stage: Stage, start: int) -> dict[str, Any]:
    """What a host sees of each hook, but for what differs from one call to the next anyway."""
    good = stage.good
    seen: dict[str, Any] = {}

    def see(what: str, call: Callable[[], Any]) -> Any:
        try:
            answer = answered(what, call)
        except Broken as error:
            seen[what] = str(error)
            return None
        seen[what] = "answered"
        return answer

    account = see("crm_authenticate", good.authenticate)
    seen["the account"] = (account.id, account.label, account.permissions) if account is not None else None
    schema = see("crm_discover", good.discover)
    seen["the schema"] = (schema.target, schema.label, frozenset(schema.fields)) if schema is not None else None
    mapped = see("crm_map", lambda: good.map(good.values(1), key=key(1)))
    seen["the wire record"] = mapped.model_dump() if mapped is not None else None
    values = [good.values(number) for number in range(start, start + 3)]
    results = [see("crm_map of a record", partial(good.map, one, key=key(start + at))) for at, one in enumerate(values)]
    records = [result.record for result in results if result is not None and result.record is not None]
    pushed = see("crm_push", lambda: good.push(records))
    if pushed is not None:
        seen["the verdicts"] = [verdict.verdict for verdict in pushed.outcome.verdicts.values()]
        seen["the requests of a push"] = [one.request.method for one in pushed.exchanges]
    if stage.supports("list_targets"):
        seen["the targets"] = see("crm_list_targets", good.targets)
    return seen


def _short(thing: Any) -> str:
    text = str(thing) if isinstance(thing, (str, list)) else type(thing).__name__
    return text if len(text) <= 120 else f"{text[:117]}…"
