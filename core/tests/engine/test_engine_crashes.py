"""Promises 4, 5 and 6 with a crash between any two commits: the whole process is gone, and another one starts.

An engine counts what it does that lasts: the moments before and after each commit, each request that leaves and each
answer that comes. At one of them, drawn by lot, it dies: from there on none of its threads writes or hears anything.
It is thrown away, and a new one is opened on the same file. Each single commit is held against the arrows between
states that the design allows, and each step against the books, counted from sides that know nothing of each other.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, get_args

import httpx
import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from renkei import Policy, Renkei
from renkei.engine import NotPossible, Refused
from renkei.spec import SettingsError
from renkei.testing import FakeBackend, ManualClock
from renkei.testing.fake import Fault

INBOXES = ("support", "sales")
# Seconds in an ordinary run; a night's worth by the environment.
EXAMPLES = int(os.environ.get("RENKEI_CRASHES", "3"))
STEPS = 15
PHASES = tuple(Phase) if "RENKEI_CRASHES" in os.environ else (Phase.explicit, Phase.reuse, Phase.generate)
PASSWORD = "not-a-real-password"
LEASE = timedelta(seconds=120)
# What a delivery may become in one commit. Marked with *: only where a write may have been applied before.
ARROWS = {
    "new": {"waiting"},
    "waiting": {"sending", "rejected", "cancelled", "delivered*", "doubtful*"},
    "sending": {"delivered", "waiting", "rejected", "doubtful", "cancelled"},
    "rejected": {"waiting", "cancelled"},
    "doubtful": {"waiting", "cancelled", "delivered"},
    "delivered": set[str](),
    "cancelled": set[str](),
}
inboxes = st.sampled_from(INBOXES)
# At which moment of which kind it dies; None: not in this step. Answers are few, and to die of one is worth the most.
Death = tuple[str, int]
kinds = st.sampled_from(["before_commit", "committed", "question", "request", "answer"])
certain_deaths = st.tuples(kinds, st.integers(1, 8))
deaths = st.one_of(st.none(), certain_deaths, st.tuples(st.just("answer"), st.integers(1, 3)))
seconds = st.sampled_from([1, 61, 125, 700, -30, -400]).map(lambda number: timedelta(seconds=number))


class Died(BaseException):
    """The process is not there any more."""


class Life:
    """One process: how long it lives, and that nothing of it acts after its death."""

    def __init__(self, after_commit: Callable[[], None]) -> None:
        self.death: Death | None = None
        self.dead = False
        self.on_death: Callable[[], None] = lambda: None
        self._after_commit = after_commit
        self._lock = threading.Lock()

    def reached(self, point: str) -> None:
        """A failure point of the engine; of those only the commits last."""
        if point == "committed":
            self._after_commit()
        if point in ("before_commit", "committed"):
            self.meet(point)

    def meet(self, kind: str) -> None:
        """One more moment between two things that last."""
        with self._lock:
            if not self.dead and self.death is not None and self.death[0] == kind:
                self.death = (kind, self.death[1] - 1)
                self.dead = self.death[1] <= 0
                if self.dead:
                    self.on_death()
            if self.dead:
                raise Died


class Wire(httpx.AsyncBaseTransport):
    """The network of one process: whoever is dead sends nothing and hears nothing."""

    def __init__(self, inner: httpx.AsyncBaseTransport, life: Life) -> None:
        self._inner = inner
        self._life = life

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_push = request.url.path == "/records"
        self._life.meet("request" if is_push else "question")
        try:
            return await self._inner.handle_async_request(request)
        finally:
            self._life.meet("answer" if is_push else "question")


@contextmanager
def silent_deaths() -> Iterator[None]:
    """Threads that die with their process are no failures of the test."""
    before = threading.excepthook
    threading.excepthook = lambda told: None if told.exc_type is Died else before(told)
    try:
        yield
    finally:
        threading.excepthook = before


class Crashes(RuleBasedStateMachine):
    """A helpdesk whose one process dies at any moment and is started again."""

    keyed = True
    told: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        self.fake = FakeBackend()
        self.all_fields = list(self.fake.fields)
        self.recorded: dict[str, str] = {}
        self.excluded: set[str] = set()
        self.conflicts = 0
        self.number = 0
        self.states: dict[int, tuple[str, bool]] = {}
        self.wrong: list[str] = []
        self._be_born()

    def _be_born(self) -> None:
        self.life = life = Life(self._look_at_the_arrows)
        plugged = self.fake.plug()
        inner = plugged.pop("transport")
        policy = Policy(
            lanes_at_once=1,
            poll=timedelta(milliseconds=2),
            unkeyed_push=3,
            lone_refusals=3,
            give_up_after=timedelta(days=400),
            reached=life.reached,
        )
        self.renkei = Renkei(
            str(self.folder / "renkei.db"),
            clock=self.clock,
            policy=policy,
            transport=lambda network: Wire(inner(network), life),
            **plugged,
        )

    def teardown(self) -> None:
        try:
            if not self.wrong:
                self._heal()
        finally:
            self.renkei.close()
            shutil.rmtree(self.folder)

    @initialize()
    def set_up(self) -> None:
        for inbox in INBOXES:
            self.fake.set_up(self.renkei, inbox=inbox, keyed=self.keyed)

    # -- living and dying ---------------------------------------------------------------------------------------

    def _do(self, death: Death | None, act: Callable[[], Any]) -> Any:
        """Do it in a process that may die of it; None where it did, and a new one has begun."""
        self.life.death = death
        self.life.on_death = self._end_workers
        try:
            with silent_deaths():
                done = act()
        except BaseException:
            # In a plugin's hands a death looks like the plugin's fault; nobody is there to hear of it.
            if not self.life.dead:
                raise
            done = None
        self.life.death = None
        if self.life.dead:
            self.told["deaths"] += 1
            stored = set(self.fake.values("action"))
            self.told["died with what was stored and not settled"] += any(
                action in stored for action, _ in self._rows("state = 'sending'")
            )
            with silent_deaths():
                self.renkei.close()
            self._be_born()
        return done

    def _end_workers(self) -> None:
        for worker in tuple(self.renkei._passing):
            worker._stop.set()

    def _work(self) -> bool:
        return self.renkei.work_until_idle(timeout=30, due_only=True)

    # -- the host -----------------------------------------------------------------------------------------------

    @rule(inbox=inboxes, many=st.integers(1, 5), death=deaths)
    def record(self, inbox: str, many: int, death: Death | None) -> None:
        for _ in range(many):
            self.number += 1
            self._offer(inbox, f"a{self.number}", death)
            death = None

    def _offer(self, inbox: str, action: str, death: Death | None) -> None:
        receipt = self._do(death, lambda: self.renkei.record("t", inbox, self._action(action)))
        if receipt is None:
            # Nobody knows whether it is on disk, so the host offers it again; both times it is the same one.
            receipt = self.renkei.record("t", inbox, self._action(action))
            self.told["offered again"] += 1
        if receipt.outcome == "recorded":
            self.recorded[action] = inbox
        else:
            self.excluded.add(action)

    def _action(self, action: str, subject: str = "subject") -> dict[str, Any]:
        envelope = {"id": action, "kind": "mail_sent", "channel": "mail", "occurred_at": "2027-01-01T00:00:00+00:00"}
        return {"action": envelope, "message": {"subject": subject, "body_text": "body"}}

    @precondition(lambda self: self.recorded)
    @rule(data=st.data(), other=st.booleans())
    def offer_again(self, data: st.DataObject, other: bool) -> None:
        action = data.draw(st.sampled_from(sorted(self.recorded)))
        receipt = self.renkei.record(
            "t", self.recorded[action], self._action(action, "another" if other else "subject")
        )

        assert (receipt.outcome, receipt.repeated) == (("conflict", False) if other else ("recorded", True))
        self.conflicts += other

    # -- the admin ----------------------------------------------------------------------------------------------

    def _state(self, inbox: str) -> str:
        standing = [
            one.state
            for one in self.renkei.integrations.all("t", "admin")
            if one.inbox == inbox and one.state != "deleted"
        ]
        return standing[0] if standing else "none"

    @rule(inbox=inboxes, death=deaths)
    def pause(self, inbox: str, death: Death | None) -> None:
        if self._state(inbox) == "active":
            self._do(death, lambda: self.renkei.integrations.pause("t", "admin", inbox))

    @rule(inbox=inboxes, cancel=st.booleans(), death=deaths)
    def resume(self, inbox: str, cancel: bool, death: Death | None) -> None:
        if self._state(inbox) == "paused":
            self._do(death, lambda: self.renkei.integrations.resume("t", "admin", inbox, cancel_waiting=cancel))

    @rule(inbox=inboxes, body=st.booleans(), waiting=st.sampled_from(["as_was", "new_settings"]), death=deaths)
    def edit(self, inbox: str, body: bool, waiting: Any, death: Death | None) -> None:
        if self._state(inbox) == "none":
            return
        rules = [one for one in self.fake.mapping(keyed=self.keyed).rules if body or one.target != "body"]
        mapping = {"rules": [one.model_dump(mode="json") for one in rules]}
        self._with_healthy_answers(
            death, lambda: self.renkei.integrations.edit("t", "admin", inbox, mapping=mapping, waiting=waiting)
        )

    def _with_healthy_answers(self, death: Death | None, act: Callable[[], Any]) -> None:
        faults, self.fake._faults = self.fake._faults, type(self.fake._faults)()
        try:
            self._do(death, act)
        except (SettingsError, Refused) as refused:
            lost, locked = len(self.fake.fields) < len(self.all_fields), self.fake.password != PASSWORD
            assert lost if isinstance(refused, SettingsError) else locked  # noqa: PT017  # both are right at times
        finally:
            self.fake._faults = faults

    @rule(inbox=inboxes, deliver=st.sampled_from([None, True, False]), death=deaths)
    def delete(self, inbox: str, deliver: bool | None, death: Death | None) -> None:
        if self._state(inbox) == "none":
            return
        done = self._do(death, lambda: self.renkei.integrations.delete("t", "admin", inbox, deliver_waiting=deliver))
        if deliver is False and (done is not None or self._state(inbox) == "none"):
            left = self._rows("state = 'waiting' AND inbox = ? AND NOT maybe_written", inbox)
            assert left == [], "cancelled with the integration"

    @rule(inbox=inboxes, death=deaths)
    def set_up_again(self, inbox: str, death: Death | None) -> None:
        if self._state(inbox) == "none":
            mapping = self.fake.mapping(keyed=self.keyed)
            self._with_healthy_answers(
                death,
                lambda: self.renkei.integrations.create("t", "admin", inbox, connection="fake", mapping=mapping),
            )

    @rule(inbox=inboxes, death=deaths)
    def replay_what_was_rejected(self, inbox: str, death: Death | None) -> None:
        self._do(death, lambda: self.renkei.replay("t", "admin", inbox))

    @rule(death=deaths)
    def settle_what_is_doubtful(self, death: Death | None) -> None:
        """Somebody looks in the CRM: what is there is settled, what is not is sent again."""
        stored = set(self.fake.values("action"))
        for action, inbox in self._rows("state = 'doubtful'"):
            if action in stored:
                self._do(death, lambda a=action, i=inbox: self.renkei.settle("t", "admin", i, a))
            else:
                self._do(death, lambda a=action, i=inbox: self._send_again(i, a))
            death = None
            self.told["settled by a person"] += 1

    def _send_again(self, inbox: str, action: str) -> None:
        # Too early: the last request may still be on its way.
        with suppress(NotPossible):
            self.renkei.replay("t", "admin", inbox, [action])

    # -- workers, time and trouble ------------------------------------------------------------------------------

    @rule(inbox=inboxes, faults=st.lists(st.sampled_from(get_args(Fault)), max_size=3), death=deaths)
    def work(self, inbox: str, faults: list[Fault], death: Death | None) -> None:
        """What happens most: something is recorded, a worker meets trouble, and its process may die of it."""
        self.record(inbox, 4, None)
        self.fake.fail(*faults)
        self._do(death, self._work)

    @rule(death=deaths, by=seconds)
    def work_later(self, death: Death | None, by: timedelta) -> None:
        self.clock.forward(by)
        self._do(death, self._work)

    @rule(death=certain_deaths, again=certain_deaths)
    def die_and_die_again(self, death: Death, again: Death) -> None:
        """All is well but this: the successor dies too, in the middle of recovering."""
        self._be_well()
        for end in (death, again, None):
            self.record(INBOXES[0], 4, None)
            self._do(end, self._work)
            self.clock.forward(LEASE + timedelta(seconds=1))

    @rule(many=st.integers(1, 3))
    def die_of_an_answer(self, many: int) -> None:
        """Stored, and nobody knows."""
        self.die_and_die_again(("answer", many), ("answer", 1))

    @rule(fault=st.sampled_from(get_args(Fault)), on=st.sampled_from(["/account", "/fields"]))
    def have_questions_fail(self, fault: Fault, on: str) -> None:
        self.fake.fail(fault, on=on)

    @rule(there=st.booleans())
    def let_a_field_vanish(self, there: bool) -> None:
        self.fake.fields = [field for field in self.all_fields if there or field.code != "body"]

    @rule(good=st.booleans())
    def revoke_the_password(self, good: bool) -> None:
        self.fake.password = PASSWORD if good else "another-unreal-password"

    @rule(bad=st.sets(st.integers(0, 9), max_size=2), named=st.booleans())
    def refuse_some(self, bad: set[int], named: bool) -> None:
        field = "subject" if named else None
        self.fake.refuses = lambda record: ("odd", field) if int(record["action"][1:]) % 10 in bad else None

    # -- what must hold -----------------------------------------------------------------------------------------

    def _rows(self, where: str, *values: Any) -> list[tuple[str, str]]:
        query = "SELECT action_id, inbox FROM (SELECT d.*, i.action_id FROM deliveries d JOIN intake i "
        with closing(sqlite3.connect(self.folder / "renkei.db")) as connection:
            return connection.execute(f"{query} ON i.id = d.intake_id) WHERE {where}", values).fetchall()

    def _look_at_the_arrows(self) -> None:
        """In the writer's thread, after each commit: nobody else writes."""
        with closing(sqlite3.connect(self.folder / "renkei.db")) as connection:
            query = "SELECT id, state, maybe_written FROM deliveries"
            now = {row: (state, bool(maybe)) for row, state, maybe in connection.execute(query)}
        for row, (state, _maybe) in now.items():
            before, maybe = self.states.get(row, ("new", False))
            if state == before:
                continue
            self.told[f"{before} -> {state}"] += 1
            if not ARROWS[before] & ({state, f"{state}*"} if maybe else {state}):
                self.wrong.append(f"delivery {row}: {before} -> {state}, maybe written before: {maybe}")
        self.wrong += [f"delivery {row} is gone" for row in self.states.keys() - now.keys()]
        self.states = now

    @invariant()
    def each_commit_went_along_the_arrows(self) -> None:
        assert self.wrong == []

    @invariant()
    def the_books_balance(self) -> None:
        ledger = self.renkei.ledger("t")
        assert ledger.adds_up, ledger
        assert ledger.recorded == len(self.recorded) == len(self._rows("true"))
        assert (ledger.excluded, ledger.conflict) == (len(self.excluded), self.conflicts)

    @invariant()
    def each_action_is_one_record_at_most_and_where_it_is_said_to_be(self) -> None:
        stored = Counter(self.fake.values("action"))
        assert [action for action, times in stored.items() if times > 1] == []
        assert set(stored) <= set(self.recorded)
        assert {action for action, _ in self._rows("state = 'delivered'")} <= set(stored)
        assert {action for action, _ in self._rows("state IN ('rejected', 'cancelled')")}.isdisjoint(stored)

    @invariant()
    def what_is_on_its_way_has_a_holder(self) -> None:
        lanes = "SELECT id FROM lanes WHERE owner IS NOT NULL"
        assert self._rows(f"state = 'sending' AND lane_id NOT IN ({lanes})") == []

    # -- the end ------------------------------------------------------------------------------------------------

    def _be_well(self) -> None:
        self.fake._faults.clear()
        self.fake.refuses = lambda _record: None
        self.let_a_field_vanish(there=True)
        self.revoke_the_password(good=True)

    def _heal(self) -> None:
        self.told["histories"] += 1
        self._be_well()
        for inbox in INBOXES:
            if self._state(inbox) == "paused":
                self.renkei.integrations.resume("t", "admin", inbox)
            self.set_up_again(inbox, None)
        self.clock.forward(timedelta(minutes=31))
        self.die_of_an_answer(1)
        for _ in range(6):
            self.clock.forward(timedelta(minutes=31))
            self._do(None, self._work)
            for inbox in INBOXES:
                self.renkei.replay("t", "admin", inbox)
            self.settle_what_is_doubtful(None)
        assert self._rows("state NOT IN ('delivered', 'cancelled')") == []
        self.each_commit_went_along_the_arrows()
        self.the_books_balance()
        self.each_action_is_one_record_at_most_and_where_it_is_said_to_be()
        self.told["delivered"] += len(self.fake.records)


class UnkeyedCrashes(Crashes):
    """The same without a unique field."""

    keyed = False


@pytest.mark.parametrize("machine", [Crashes, UnkeyedCrashes])
def test_whenever_the_process_dies_nothing_is_lost_doubled_or_miscounted(machine, run_histories):
    run_histories(machine, Crashes.told, max_examples=EXAMPLES, stateful_step_count=STEPS, phases=PHASES)

    assert Crashes.told["histories"] >= EXAMPLES
    assert Crashes.told["died with what was stored and not settled"] > 0
    assert Crashes.told["delivered"] > 0
