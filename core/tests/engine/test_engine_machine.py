"""Promises 4, 5 and 6 under attack: random histories of hosts, admins, workers, faults and crashes.

The machine does anything that may happen, in any order, on one database with two engines, and asks after each step
whether the books balance and whether anything stands in the backend that must not, or stands there twice. At the end
it heals everything and asks whether each recorded action is there once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, get_args

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
from renkei.engine import NotPossible
from renkei.mapping import load_values
from renkei.store import deliveries, lanes
from renkei.testing import FakeBackend, ManualClock, drain
from renkei.testing.fake import Fault

INBOXES = ("support", "sales")
# Seconds in an ordinary run; a night's worth by the environment.
EXAMPLES = int(os.environ.get("RENKEI_ATTACKS", "8"))
STEPS = 30
# A failing history takes minutes to shrink: worth it for whoever looks for one, not for a red test.
PHASES = tuple(Phase) if "RENKEI_ATTACKS" in os.environ else (Phase.explicit, Phase.reuse, Phase.generate)
FAULTS = get_args(Fault)
LEASE = timedelta(seconds=120)
seconds = st.sampled_from([1, 30, 61, 121, 700]).map(lambda number: timedelta(seconds=number))
inboxes = st.sampled_from(INBOXES)
troubles = st.lists(st.sampled_from(FAULTS), max_size=3)


def _id_of(row: deliveries.Waiting) -> str:
    return str(load_values(row.payload)["action.id"])


class Attack(RuleBasedStateMachine):
    """Anything that may happen to one database."""

    keyed = True
    told: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        self.fake = FakeBackend()
        self.engines = [self._engine(), self._engine()]
        self.renkei = self.engines[0]
        self.number = 0
        self.recorded: set[tuple[str, str]] = set()
        self.since_set_up: dict[str, set[str]] = {inbox: set() for inbox in INBOXES}
        self.not_recorded: set[str] = set()
        self.bodies: dict[str, bool] = {}
        self.revision_has_body = dict.fromkeys(INBOXES, True)
        self.edited_waiting: set[str] = set()
        self.stored_by_hand: set[str] = set()
        self.may_come_back: list[tuple[lanes.Lease, list[deliveries.Waiting]]] = []
        self.may_write_late: list[list[deliveries.Waiting]] = []

    def _engine(self) -> Renkei:
        policy = Policy(
            lanes_at_once=1, poll=timedelta(milliseconds=2), unkeyed_push=3, give_up_after=timedelta(days=400)
        )
        return Renkei(str(self.folder / "renkei.db"), clock=self.clock, policy=policy, **self.fake.plug())

    def teardown(self) -> None:
        try:
            self._heal()
        finally:
            for engine in self.engines:
                engine.close()
            shutil.rmtree(self.folder)

    @initialize()
    def set_up(self) -> None:
        for inbox in INBOXES:
            self.fake.set_up(self.renkei, inbox=inbox, keyed=self.keyed)

    # -- the host -----------------------------------------------------------------------------------------------

    @rule(inbox=inboxes, many=st.integers(1, 5))
    def record(self, inbox: str, many: int) -> None:
        for _ in range(many):
            self.number += 1
            self._offer(inbox, f"a{self.number}")

    def _offer(self, inbox: str, action: str) -> None:
        receipt = self.engines[self.number % 2].record("t", inbox, self._action(action))
        if receipt.outcome == "recorded":
            self.recorded.add((inbox, action))
            self.since_set_up[inbox].add(action)
            self.bodies.setdefault(action, self.revision_has_body[inbox])
        else:
            assert receipt.reason == "integration_deleted"
            self.not_recorded.add(action)

    def _action(self, action: str, subject: str = "subject") -> dict[str, Any]:
        envelope = {"id": action, "kind": "mail_sent", "channel": "mail", "occurred_at": self.clock.now().isoformat()}
        return {"action": envelope, "message": {"subject": subject, "body_text": "body"}}

    @precondition(lambda self: self.recorded)
    @rule(data=st.data())
    def bring_other_content_under_a_known_id(self, data: st.DataObject) -> None:
        inbox, action = data.draw(st.sampled_from(sorted(self.recorded)))

        assert self.renkei.record("t", inbox, self._action(action, "another")).outcome == "conflict"

    # -- the admin ----------------------------------------------------------------------------------------------

    def _state(self, inbox: str) -> str:
        shown = [
            one for one in self.renkei.integrations.all("t", "admin") if one.inbox == inbox and one.state != "deleted"
        ]
        return shown[0].state if shown else "none"

    @rule(inbox=inboxes)
    def pause(self, inbox: str) -> None:
        if self._state(inbox) == "active":
            self.renkei.integrations.pause("t", "admin", inbox)

    @rule(inbox=inboxes, cancel=st.booleans())
    def resume(self, inbox: str, cancel: bool) -> None:
        if self._state(inbox) == "paused":
            self.renkei.integrations.resume("t", "admin", inbox, cancel_waiting=cancel)

    @rule(inbox=inboxes, body=st.booleans(), move=st.booleans())
    def edit(self, inbox: str, body: bool, move: bool) -> None:
        if self._state(inbox) == "none":
            return
        rules = [one for one in self.fake.mapping(keyed=self.keyed).rules if body or one.target != "body"]
        mapping = {"rules": [one.model_dump(mode="json") for one in rules]}
        self._healthy_discovery()
        waiting = "new_settings" if move else "as_was"
        self.renkei.integrations.edit("t", "admin", inbox, mapping=mapping, waiting=waiting)
        self.revision_has_body[inbox] = body
        if move:
            self.edited_waiting.add(inbox)

    def _healthy_discovery(self) -> None:
        self.fake._faults = type(self.fake._faults)(fault for fault in self.fake._faults if fault[1] != "/fields")

    @rule(inbox=inboxes, deliver=st.sampled_from([None, True, False]))
    def delete(self, inbox: str, deliver: bool | None) -> None:
        if self._state(inbox) == "none":
            return
        told = self.renkei.integrations.delete("t", "admin", inbox, deliver_waiting=deliver)
        if deliver is False:
            left = [self._why(inbox, action) for action in self.since_set_up[inbox]]
            assert all(one.may_have_been_written for one in left if one.status.state == "waiting"), told

    @rule(inbox=inboxes)
    def set_up_again(self, inbox: str) -> None:
        if self._state(inbox) == "none":
            self._healthy_discovery()
            self.clock.forward(timedelta(seconds=1))
            self.renkei.integrations.create(
                "t", "admin", inbox, connection="fake", mapping=self.fake.mapping(keyed=self.keyed)
            )
            self.revision_has_body[inbox] = True
            self.since_set_up[inbox] = set()

    @precondition(lambda self: self.recorded)
    @rule(data=st.data(), what=st.sampled_from(["cancel", "replay"]))
    def mend_one(self, data: st.DataObject, what: str) -> None:
        inbox, action = data.draw(st.sampled_from(sorted(self.recorded)))
        story = self._why(inbox, action)
        if what == "replay" and not self.keyed and story.status.state == "doubtful":
            return  # without a key this is a person's own decision, and may double
        if what == "cancel" and story.may_have_been_written:
            return  # likewise: a person may give up what is there
        try:
            getattr(self.renkei, what)("t", "admin", inbox, [action])
        except NotPossible:
            assert story.status.state not in {"cancel": ("waiting", "rejected"), "replay": ("rejected",)}[what]

    # -- workers, time and trouble ------------------------------------------------------------------------------

    @rule(inbox=inboxes, many=st.integers(1, 4), faults=troubles, which=st.integers(0, 1), by=seconds)
    def work(self, inbox: str, many: int, faults: list[Fault], which: int, by: timedelta) -> None:
        """What happens most: something is recorded, a worker meets trouble, time goes by, a worker comes again."""
        self.record(inbox, many)
        self.have_pushes_fail(faults)
        drain(self.engines[which])
        self.clock.forward(by)
        drain(self.engines[1 - which])

    @rule(inbox=inboxes, faults=troubles, by=seconds)
    def work_more(self, inbox: str, faults: list[Fault], by: timedelta) -> None:
        """The same again: rules are drawn evenly, and work is what there is most of."""
        self.work(inbox, 3, faults, 0, by)

    @rule(inbox=inboxes, faults=troubles, by=seconds)
    def work_with_a_crash(self, inbox: str, faults: list[Fault], by: timedelta) -> None:
        self.crash_between_mark_and_settle(stored=bool(faults))
        self.work(inbox, 2, faults, 1, by)

    @rule(by=seconds, which=st.integers(0, 1))
    def wait_and_drain(self, by: timedelta, which: int) -> None:
        self.clock.forward(by)
        drain(self.engines[which])

    @rule(faults=troubles)
    def have_pushes_fail(self, faults: list[Fault]) -> None:
        self.fake.fail(*faults)
        for fault in faults:
            self.told[f"fault {fault}"] += 1

    @rule(fault=st.sampled_from(FAULTS), on=st.sampled_from(["/account", "/fields"]))
    def have_questions_fail(self, fault: Fault, on: str) -> None:
        self.fake.fail(fault, on=on)

    @rule(bad=st.sets(st.integers(0, 9), max_size=2), named=st.booleans())
    def refuse_some(self, bad: set[int], named: bool) -> None:
        field = "subject" if named else None
        self.fake.refuses = lambda record: ("odd", field) if int(record["action"][1:]) % 10 in bad else None

    @rule(stored=st.booleans())
    def crash_between_mark_and_settle(self, stored: bool) -> None:
        """Another worker claims and marks, perhaps sends, and is not heard of for a while."""
        self.record(INBOXES[0], 2)
        lease, rows = self._claim_and_mark()
        if lease is None or not rows:
            return
        if stored and self._store_as_the_backend_would(rows):
            self.may_come_back.append((lease, rows))
        elif not stored:
            self.may_write_late.append(rows)
        self.told[f"crash, stored: {stored}"] += 1

    @precondition(lambda self: self.may_come_back)
    @rule()
    def come_back_with_proof(self) -> None:
        """A worker that was frozen after its record was stored settles, whoever has the lane now."""
        lease, rows = self.may_come_back.pop()
        ids = {record.fields["action"]: record.id for record in self.fake.records}
        proof = [deliveries.Delivered(id=row.id, remote_id=ids[_id_of(row)], link=None) for row in rows]
        self.renkei._parts.store.write(lambda c: deliveries.settle(c, lease, proof, self.clock.now()))
        self.told["came back with proof"] += 1

    @precondition(lambda self: self.keyed and self.may_write_late)
    @rule()
    def write_late(self) -> None:
        """A request of a frozen worker is processed after all; only a unique key can make that harmless."""
        self.told[f"wrote late, stored: {self._store_as_the_backend_would(self.may_write_late.pop())}"] += 1

    def _claim_and_mark(self) -> tuple[lanes.Lease | None, list[deliveries.Waiting]]:
        store, now = self.renkei._parts.store, self.clock.now()
        lease = store.write(lambda c: lanes.claim(c, owner="elsewhere|1|1|x", now=now, lease=LEASE))
        if lease is None:
            return None, []
        with store.read() as connection:
            if lanes.get(connection, lease.lane_id).state != "open":
                return lease, []
            rows = deliveries.due(connection, lease.lane_id, now=now, most=3)
        marked = store.write(lambda c: deliveries.mark(c, lease, rows, now)) or []
        return lease, [row for row in rows if row.id in marked]

    def _store_as_the_backend_would(self, rows: list[deliveries.Waiting]) -> bool:
        records = [{"subject": "subject", "action": _id_of(row)} for row in rows]
        if self.keyed:
            records = [{"key": row.key, **record} for row, record in zip(rows, records, strict=True)]
        stored = self.fake._store({"records": records}).status_code == 200
        self.stored_by_hand |= {_id_of(row) for row in rows} if stored else set()
        return stored

    # -- what must hold -----------------------------------------------------------------------------------------

    def _why(self, inbox: str, action: str) -> Any:
        return self.renkei.why("t", action, inbox=inbox)

    @invariant()
    def the_books_balance(self) -> None:
        ledger = self.renkei.ledger("t")
        assert ledger.adds_up, ledger
        assert ledger.recorded == len(self.recorded)
        assert ledger.excluded == len(self.not_recorded)

    @invariant()
    def nothing_is_stored_twice(self) -> None:
        twice = {action: times for action, times in Counter(self.fake.values("action")).items() if times > 1}
        assert not twice

    @invariant()
    def nothing_is_stored_that_was_not_recorded(self) -> None:
        assert set(self.fake.values("action")) <= {action for _, action in self.recorded}

    @invariant()
    def what_is_said_to_be_delivered_is_there_and_what_is_said_to_be_rejected_is_not(self) -> None:
        stored = set(self.fake.values("action"))
        for inbox in INBOXES:
            mine = sorted(action for place, action in self.recorded if place == inbox)
            for status in self.renkei.status_for("t", inbox, mine):
                if status.state == "delivered":
                    assert status.action_id in stored, status
                if status.state in ("rejected", "cancelled"):
                    assert status.action_id not in stored, status
                assert status.state != "doubtful" or not self.keyed or self._why(inbox, status.action_id).events

    # -- the end ------------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        self.told["histories"] += 1
        self.told["pushes that arrived"] += len(self.fake.pushes)
        if not self.recorded:
            return
        self.fake._faults.clear()
        self.fake.refuses = lambda _record: None
        for inbox in INBOXES:
            if self._state(inbox) == "paused":
                self.renkei.integrations.resume("t", "admin", inbox)
        for _ in range(6):
            self.clock.forward(timedelta(minutes=31))
            drain(self.renkei)
            self._replay_what_is_left()
        self._nothing_is_left_over()

    def _replay_what_is_left(self) -> None:
        for inbox in INBOXES:
            mine = sorted(action for place, action in self.recorded if place == inbox)
            states = {one.action_id: one.state for one in self.renkei.status_for("t", inbox, mine)}
            again = [action for action, state in states.items() if state == "rejected"]
            again += [action for action, state in states.items() if state == "doubtful" and self.keyed]
            if again:
                self.renkei.replay("t", "admin", inbox, again)

    def _nothing_is_left_over(self) -> None:
        counted = Counter(self._why(*one).status.state for one in self.recorded)
        for state, actions in counted.items():
            self.told[f"actions {state}"] += actions
        assert set(counted) <= {"delivered", "cancelled"} | (set() if self.keyed else {"doubtful"}), counted
        self.the_books_balance()
        self.nothing_is_stored_twice()
        self.what_is_said_to_be_delivered_is_there_and_what_is_said_to_be_rejected_is_not()
        self._each_met_its_revision()

    def _each_met_its_revision(self) -> None:
        """Promise 4: unless what waited was moved, a record has the shape that was in force when it was recorded."""
        shapes = {record.fields["action"]: "body" in record.fields for record in self.fake.records}
        for inbox, action in self.recorded:
            if action in shapes and action not in self.stored_by_hand and inbox not in self.edited_waiting:
                assert shapes[action] == self.bodies[action], action


class UnkeyedAttack(Attack):
    """The same without a unique field: never twice, and what is unknown stays doubtful."""

    keyed = False


@pytest.mark.parametrize("machine", [Attack, UnkeyedAttack])
def test_whatever_happens_nothing_is_lost_doubled_or_miscounted(machine, run_histories):
    run_histories(machine, Attack.told, max_examples=EXAMPLES, stateful_step_count=STEPS, phases=PHASES)

    assert Attack.told["histories"] >= EXAMPLES
    assert Attack.told["actions delivered"] > 0
