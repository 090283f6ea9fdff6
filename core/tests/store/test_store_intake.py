"""Taking actions in: one row each, and books that balance."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renkei.store import deliveries, history, intake, integrations, ledger, mending
from renkei.store.installation import delivery_key
from renkei.store.tables import deliveries as deliveries_table

SECOND = timedelta(seconds=1)


def test_an_action_is_taken_in_once_and_a_repeat_changes_nothing(bench):
    bench.set_up()

    first = bench.record("a1")
    again = bench.record("a1")

    assert (first.outcome, first.repeated) == ("recorded", False)
    assert (again.outcome, again.repeated) == ("recorded", True)
    assert bench.read(ledger.count, "t").offered == 1


def test_other_content_under_the_same_id_is_a_conflict_each_time_and_the_first_is_kept(bench):
    bench.set_up()
    bench.record("a1", payload='{"n":1}')

    outcomes = [bench.record("a1", digest="other", payload='{"n":2}').outcome for _ in range(2)]

    counted = bench.read(ledger.count, "t")
    assert outcomes == ["conflict", "conflict"]
    assert (counted.offered, counted.recorded, counted.conflict) == (3, 1, 2)
    assert bench.row("a1").payload == '{"n":1}'


def test_the_same_id_in_another_inbox_or_tenant_is_another_action(bench):
    for tenant, inbox in (("t", "one"), ("t", "two"), ("u", "one")):
        bench.set_up(inbox, tenant=tenant)
        assert bench.record("a1", inbox=inbox, tenant=tenant).outcome == "recorded"

    assert bench.read(ledger.count, "t").recorded == 2
    assert bench.read(ledger.count, "u", "one").recorded == 1


def test_an_excluded_action_leaves_a_row_with_its_reason_and_stays_excluded(bench):
    assert bench.record("a1").reason == "no_integration"
    bench.set_up()

    again = bench.record("a1")

    assert (again.outcome, again.reason, again.repeated) == ("excluded", "no_integration", True)
    assert bench.read(ledger.count, "t").excluded == 1


def test_after_deletion_actions_are_excluded_for_that_reason(bench):
    place = bench.set_up()
    bench.write(integrations.update, place.integration, state="deleted")

    assert bench.record("a1").reason == "integration_deleted"


@pytest.mark.parametrize(
    ("early", "outcome"),
    [
        (timedelta(0), "recorded"),
        (timedelta(microseconds=999_999), "recorded"),
        (SECOND, "excluded"),
    ],
)
def test_activation_is_compared_by_the_second(bench, early, outcome):
    bench.now += timedelta(microseconds=999_999)
    bench.set_up()

    receipt = bench.record("a1", occurred_at=bench.now - early)

    assert receipt.outcome == outcome
    assert receipt.reason == ("before_activation" if outcome == "excluded" else None)


def test_what_happened_under_an_earlier_integration_is_not_taken_up_by_the_next(bench):
    first = bench.set_up()
    happened = bench.now
    bench.write(integrations.update, first.integration, state="deleted")
    bench.now += timedelta(hours=1)
    bench.set_up()

    assert bench.record("a1", occurred_at=happened).reason == "before_activation"


@pytest.mark.parametrize(
    ("ahead", "note"), [(timedelta(minutes=5), None), (timedelta(minutes=5, seconds=1), "occurred_ahead")]
)
def test_a_stamp_more_than_five_minutes_ahead_is_noted_and_taken(bench, ahead, note):
    bench.set_up()

    receipt = bench.record("a1", occurred_at=bench.now + ahead)

    assert (receipt.outcome, receipt.note) == ("recorded", note)


def test_triggers_exclude_with_their_own_reason_and_are_asked_for_the_revision_in_force(bench):
    place = bench.set_up()
    bench.edit(place)
    asked = []

    receipt = bench.record("a1", excludes=lambda connection, revision: asked.append(revision) or "kind_not_chosen")

    assert receipt.reason == "kind_not_chosen"
    assert bench.read(integrations.revision, asked[0]).number == 2


def test_unknown_fields_are_noted_once_with_the_first_action_that_brought_them(bench):
    bench.set_up()
    bench.record("a1", unknown=("x", "y"))
    bench.record("a2", unknown=("y", "z"))

    noted = bench.read(history.unknown_fields_of, "t", "support")

    assert [(row.field, row.action_id) for row in noted] == [("x", "a1"), ("y", "a1"), ("z", "a2")]


def test_the_delivery_key_follows_from_installation_tenant_inbox_and_id_alone():
    key = delivery_key("i", "t", "b", "a")

    assert key == delivery_key("i", "t", "b", "a")
    assert (
        len(
            {
                key,
                delivery_key("j", "t", "b", "a"),
                delivery_key("i", "u", "b", "a"),
                delivery_key("i", "t", "c", "a"),
                delivery_key("i", "t", "b", "b"),
                delivery_key("i", "tb", "", "a"),
                delivery_key("i", "t", "", "ba"),
            }
        )
        == 7
    )


@given(st.text(), st.text(), st.text())
def test_every_delivery_key_is_short_and_plain_and_begins_with_a_letter(tenant, inbox, action):
    key = delivery_key("installation", tenant, inbox, action)

    assert len(key) <= 40
    assert key.isascii()
    assert key.isalnum()
    assert key == key.lower()
    assert key[0].isalpha()


# -- the ledger's law -----------------------------------------------------------------------------------------------

inboxes = st.sampled_from(["one", "two"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), inboxes, st.integers(0, 6), st.sampled_from(["d", "other"]), st.booleans()),
        st.tuples(st.just("set_up"), inboxes),
        st.tuples(st.just("edit"), inboxes),
        st.tuples(st.just("pause"), inboxes),
        st.tuples(st.just("resume"), inboxes),
        st.tuples(st.just("delete"), inboxes, st.booleans()),
        st.tuples(st.just("settle"), st.sampled_from(["delivered", "rejected", "doubtful", "waiting", "none"])),
        st.tuples(st.just("cancel"), inboxes, st.integers(0, 6)),
        st.tuples(st.just("wait"), st.integers(0, 3)),
    ),
    max_size=25,
)


class Books:
    """Plays steps on a store, and keeps its own count of what was offered."""

    def __init__(self, bench, tenant):
        self.bench, self.tenant = bench, tenant
        self.offered = 0

    def standing(self, inbox):
        return self.bench.read(integrations.standing, self.tenant, inbox)

    def play(self, step, *given):
        getattr(self, step)(*given)

    def offer(self, inbox, number, digest, automatic):
        excludes = (lambda _c, _r: "automatic") if automatic else (lambda _c, _r: None)
        receipt = self.bench.record(f"a{number}", inbox=inbox, tenant=self.tenant, digest=digest, excludes=excludes)
        self.offered += not receipt.repeated

    def set_up(self, inbox):
        if self.standing(inbox) is None:
            self.bench.set_up(inbox, tenant=self.tenant)

    def edit(self, inbox):
        row = self.standing(inbox)
        if row is not None:
            self.bench.write(self.bench._revise, row.id, row.lane_id)

    def pause(self, inbox):
        row = self.standing(inbox)
        if row is not None:
            self.bench.write(integrations.update, row.id, state="paused")

    def resume(self, inbox):
        row = self.standing(inbox)
        if row is not None:
            self.bench.write(integrations.update, row.id, state="active")

    def delete(self, inbox, cancel):
        row = self.standing(inbox)
        if row is not None:
            self.bench.write(integrations.update, row.id, state="deleted")
            if cancel:
                self.bench.write(integrations.cancel_waiting, row.id, self.bench.now)

    def settle(self, state):
        lease = self.bench.claim(lease=SECOND)
        if lease is None:
            return
        rows = self.bench.due(lease.lane_id, most=3)
        self.bench.mark(lease, rows)
        if state == "none":
            return
        made = [
            deliveries.Delivered(id=row.id, remote_id="1", link=None)
            if state == "delivered"
            else deliveries.Kept(id=row.id, state=state, maybe_written=False, due_at=self.bench.now)
            for row in rows
        ]
        self.bench.write(deliveries.settle, lease, made, self.bench.now)
        self.bench.release(lease)

    def cancel(self, inbox, number):
        row = self.bench.read(mending.one, self.tenant, inbox, f"a{number}")
        if row is not None and row.state in ("waiting", "rejected", "doubtful"):
            self.bench.write(mending.cancel, row.id, self.bench.now)

    def wait(self, seconds):
        self.bench.now += seconds * SECOND


_tenants = iter(range(10**9))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_the_ledger_adds_up_after_any_sequence_of_events(bench, played):
    books = Books(bench, f"tenant {next(_tenants)}")

    for step in played:
        books.play(*step)

        counted = bench.read(ledger.count, books.tenant)
        assert counted.adds_up, step
        assert counted.offered == books.offered
        parts = [bench.read(ledger.count, books.tenant, inbox).as_dict() for inbox in ("one", "two")]
        assert {name: parts[0][name] + parts[1][name] for name in parts[0]} == counted.as_dict()


def test_recorded_is_counted_apart_from_deliveries_so_that_a_lost_one_shows(bench):
    bench.set_up()
    bench.record("a1")

    bench.write(lambda connection: connection.execute(sa.delete(deliveries_table)))

    assert not bench.read(ledger.count, "t").adds_up


def test_of_action_finds_what_anywhere_lists(bench):
    bench.set_up("one")
    bench.set_up("two")
    for inbox in ("one", "two"):
        bench.record("a1", inbox=inbox)

    assert [row.inbox for row in bench.read(intake.anywhere, "t", "a1", None)] == ["one", "two"]
    assert [row.inbox for row in bench.read(intake.anywhere, "t", "a1", "two")] == ["two"]
    assert bench.read(intake.of_action, "u", "one", "a1") is None
