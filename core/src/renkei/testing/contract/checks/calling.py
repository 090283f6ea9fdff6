"""Calls of hooks as a check makes them: what came back, or what was raised, and which requests it took."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx

from renkei.spec import RenkeiError, VerifyReport, WireRecord
from renkei.testing.contract import acts
from renkei.testing.contract.broken import broken, raised, require
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.lane import carried_by
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Act, Exchange, Forward

T = TypeVar("T")

# Of the loop, before a fault: what a plugin sends side by side is under way by then, and is not sent after the fault.
_TURNS: Final = 40


def answered(what: str, call: Callable[[], T]) -> T:
    """What *call* answers, where nothing is wrong.

    Raises:
        Broken: it raised. The text names the class alone: what a bad plugin writes into an error may be a secret.
    """
    try:
        return call()
    except RenkeiError as error:
        broken(f"{what} {raised(error)} where nothing is wrong")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call of a hook that reads.

    Attributes:
        answer: None where it raised.
        error: what core makes of what it raised.
        exchanges: its requests.
        late: those of them that began after the first fault was over.
    """

    hook: str
    answer: Any
    error: RenkeiError | None
    exchanges: list[Exchange]
    late: list[Exchange]

    def is_the_same(self, good: object) -> bool:
        """Whether it answered, and not worse than *good*: what failed was not needed."""
        if isinstance(self.answer, VerifyReport) and all(one.answer == "cannot_tell" for one in self.answer.answers):
            return True
        return self.answer is not None and without_credentials(self.answer) == without_credentials(good)


def without_credentials(answer: Any) -> Any:
    """An answer without what is new in each: what the backend gave."""
    if type(answer).__name__ == "Credentials":
        return sorted(answer.values)
    return answer.model_copy(update={"credentials": None}) if hasattr(answer, "credentials") else answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A hook that reads, and how it answers when all is well.

    Attributes:
        good: its answer.
        requests: how many requests that took.
    """

    stage: Stage
    hook: str
    call: Callable[[], Any]
    good: Any
    requests: int

    @property
    def places(self) -> list[int]:
        """Which of its requests is worth disturbing: the first and the last."""
        return sorted({0, self.requests - 1}) if self.requests else []

    def renewed(self) -> None:
        """Log in again: the answer before was a damaged one, and what it gave may be nonsense."""
        if self.hook in ("crm_authenticate", "crm_refresh"):
            answered("crm_authenticate", self.stage.good.authenticate)

    def through(self, act: Act, *, at: int = 0, times: int = 1) -> Asked:
        """Ask while request number *at* meets *act*."""
        stage = self.stage
        ends: list[int] = []
        if self.hook == "crm_refresh":
            self.renewed()  # what it trades in may have been spent by the call before
        stage.wire.play(acts.noted(act, lambda: ends.append(len(stage.wire.exchanges))), on="any", hook=self.hook,
                        after=at, times=times)  # fmt: skip
        start = len(stage.wire.exchanges)
        answer, error = outcome_of(self.call)
        stage.wire.calm()
        exchanges = stage.wire.exchanges[start:]
        late = stage.wire.exchanges[ends[0] :] if ends else []
        return Asked(hook=self.hook, answer=answer, error=error, exchanges=exchanges, late=late)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbed:
    """A push in which something went wrong.

    Attributes:
        struck: the first request that the fault befell; None where no request came so far.
        late: requests that began after that fault was over.
    """

    pushed: Pushed
    struck: Exchange | None
    late: list[Exchange]

    @property
    def in_doubt(self) -> list[str]:
        """Keys of the records that the struck request carried."""
        return carried_by(self.struck, self.pushed.records) if self.struck is not None else []

    def sent(self, one: str) -> list[Exchange]:
        """The writes that carried record *one*."""
        return [exchange for exchange in self.pushed.writes if one.encode() in exchange.body]

    def require_all(self, word: str, keys: Collection[str], when: str) -> None:
        """The plugin itself said *word* of each of *keys*.

        Raises:
            Broken: with what it said instead.
        """
        words = self.pushed.words()
        others = {one: words[one] for one in keys if words[one] != word}
        one = next(iter(others), "")
        require(not others, f"{when}: record {one!r} is reported as {others.get(one)!r} instead of {word!r}")

    def require_by_core(self, word: str, keys: Collection[str], when: str) -> None:
        """Core, which goes by the wire, came to the same."""
        verdicts = self.pushed.outcome.verdicts
        others = {one: verdicts[one].verdict for one in keys if verdicts[one].verdict != word}
        one = next(iter(others), "")
        require(not others, f"{when}: core takes record {one!r} for {others.get(one)!r} instead of {word!r}")


def disturbed(
    connection: Connection,
    records: Sequence[WireRecord],
    act: Act,
    *,
    after: int = 0,
    times: int = 1,
    **circumstances: Any,
) -> Disturbed:
    """Push *records* while the writes behind the first *after* meet *act*."""
    wire = connection.stage.wire
    ends: list[int] = []
    struck: list[Exchange] = []

    async def striking(exchange: Exchange, forward: Forward) -> httpx.Response:
        struck.append(exchange)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        return await act(exchange, forward)

    striking.__name__ = getattr(act, "__name__", "a fault")
    wire.play(acts.noted(striking, lambda: ends.append(len(wire.exchanges))), on="write", after=after, times=times)
    pushed = connection.push(records, **circumstances)
    wire.calm()
    return Disturbed(
        pushed=pushed, struck=struck[0] if struck else None, late=wire.exchanges[ends[0] :] if ends else []
    )


def outcome_of(call: Callable[[], Any]) -> tuple[Any, RenkeiError | None]:
    """What *call* answered, and what of ours it raised."""
    try:
        return call(), None
    except RenkeiError as error:
        return None, error


def questions(stage: Stage) -> list[Question]:
    """Every hook that asks the backend and stores nothing, each asked once when all is well."""
    good = stage.good
    calls: dict[str, Callable[[], Any]] = {"crm_authenticate": good.authenticate, "crm_discover": good.discover}
    if stage.supports("list_targets"):
        calls["crm_list_targets"] = good.targets
    if stage.supports("verify"):
        calls["crm_verify"] = lambda: good.verify(key(1))
    if stage.supports("refresh"):
        calls["crm_refresh"] = good.refresh
    return [_asked_well(stage, hook, call) for hook, call in calls.items()]


def _asked_well(stage: Stage, hook: str, call: Callable[[], Any]) -> Question:
    start = len(stage.wire.exchanges)
    answer = answered(hook, call)
    requests = len(stage.wire.exchanges) - start
    require(requests > 0, f"{hook} answered without asking the backend")
    return Question(stage=stage, hook=hook, call=call, good=answer, requests=requests)
