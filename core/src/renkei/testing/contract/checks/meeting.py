"""Two connections whose requests are under way at once (check X01)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import httpx

from renkei.spec import Account, Credentials
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.leaks import SHORTEST, disguises
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.values import differences
from renkei.testing.contract.wire import Act, Exchange, Forward

caller: ContextVar[str] = ContextVar("caller", default="")


class Meeting:
    """Has the requests of two callers wait for each other, so that they are under way at once.

    Args:
        asked: filled with caller and exchange, in the order of sending.
    """

    def __init__(self, asked: list[tuple[str, Exchange]]) -> None:
        self._asked = asked
        self._present: set[str] = set()
        self._waiting: dict[str, int] = {}
        self._lock = threading.Lock()

    def act(self) -> Act:
        """For the wire, on the plugin's loop."""

        async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
            me = caller.get()
            with self._lock:
                self._asked.append((me, exchange))
                self._waiting[me] = self._waiting.get(me, 0) + 1
            await self._until_all_wait(me)
            answer = await forward()
            await asyncio.sleep(0)
            return answer

        act.__name__ = "a meeting"
        return act

    async def _until_all_wait(self, me: str) -> None:
        mine = self._waiting[me]
        for _ in range(400):
            with self._lock:
                others = [self._waiting.get(other, 0) for other in self._present if other != me]
            if all(count >= mine for count in others):
                return
            await asyncio.sleep(0.005)  # the other is on its way, in a thread of its own

    def both(self, first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
        """What both answer, called at once in two threads.

        Raises:
            Broken: one of them raised.
        """
        self._waiting = {}
        self._present = {"good", "second"}
        results: dict[str, Any] = {}

        def run(name: str, call: Callable[[], Any]) -> None:
            caller.set(name)
            try:
                results[name] = answered(f"a call of connection {name!r}, beside one of the other", call)
            except BaseException as error:
                results[name] = error
            finally:
                with self._lock:
                    self._present.discard(name)

        threads = [threading.Thread(target=run, args=one) for one in (("good", first), ("second", second))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in ("good", "second"):
            if isinstance(results[name], BaseException):
                raise results[name]
        return [results["good"], results["second"]]


def require_own_secrets(stage: Stage, asked: list[tuple[str, Exchange]]) -> None:
    own = {name: _secrets_of(stage, name) for name in ("good", "second")}
    for me, exchange in asked:
        strangers = own["second" if me == "good" else "good"] - own.get(me, set())
        sent = _as_sent(exchange)
        for secret in own.get(me, set()):  # one may be a part of the other's
            for form in disguises(secret).values():
                sent = sent.replace(form, b"\0") if len(form) >= SHORTEST else sent
        for secret in strangers:
            forms = [form for form in disguises(secret).values() if len(form) >= SHORTEST]
            require(
                not any(form in sent for form in forms),
                f"a request of {exchange.hook} for connection {me!r} carried a secret of the other one",
            )


def _secrets_of(stage: Stage, name: str) -> set[str]:
    connection: Connection = getattr(stage, name)
    typed = connection.settings.revealed()
    found = {typed[one] for one in connection.settings.secret_fields() if isinstance(typed[one], str)}
    for said in stage.heard:  # tokens of earlier log-ins are theirs as well
        given = said.answer.credentials if isinstance(said.answer, Account) else said.answer
        if isinstance(given, Credentials) and said.context.settings == connection.settings:
            found |= {secret.get_secret_value() for secret in given.values.values()}
    return {secret for secret in found if len(secret) >= SHORTEST and not secret.startswith("https://")}


def _as_sent(exchange: Exchange) -> bytes:
    headers = b"\n".join(name + b": " + value for name, value in exchange.request.headers.raw)
    return b"\n".join((str(exchange.request.url).encode(), headers, exchange.body))


def require_own_records(stage: Stage, pushed: list[Pushed]) -> None:
    for one in pushed:
        one.require_all_created()
    targets = (stage.good.target, stage.second.target)
    keys = [set(one.keys) for one in pushed]
    for at, target in enumerate(targets):
        there = set(stage.stored_keys(target))
        require(keys[at] <= there, f"records of one connection did not come to its own target {target!r}")
        astray = keys[1 - at] & there
        require(targets[0] == targets[1] or not astray, f"records of the other connection came to target {target!r}")
    for connection, numbers in ((stage.good, range(1, 4)), (stage.second, range(11, 14))):
        held = {str(record.values.get(stage.kit.key_field)): record.values for record in stage.read(connection.target)}
        for number in numbers:
            wrong = differences(connection.schema, connection.values(number), held.get(key(number), {}))
            require(not wrong, f"a record of connection {connection.name!r} holds other values in {', '.join(wrong)}")
