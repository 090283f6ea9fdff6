"""Deliveries: what is due, the durable mark, and who may settle what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from renkei.store import deliveries, intake, integrations, mending
from renkei.store.deliveries import Delivered, Kept

LEASE = timedelta(seconds=120)


@pytest.fixture
def place(bench):
    return bench.set_up()


def _marked(bench, place, *actions):
    """Record, claim and mark; the lease and the rows."""
    for action in actions or ("a1",):
        bench.record(action)
    lease = bench.claim()
    rows = bench.due(place.lane)
    assert bench.mark(lease, rows) == [row.id for row in rows]
    return lease, rows


def _kept(row, state="waiting", **more):
    return Kept(id=row.id, state=state, **{"maybe_written": False, "due_at": row.due_at, **more})


def _settle(bench, lease, *outcomes):
    return bench.write(deliveries.settle, lease, outcomes, bench.now)


# -- what is due ----------------------------------------------------------------------------------------------------


def test_the_oldest_come_first_and_no_more_than_asked_for(bench, place):
    for number in range(5):
        bench.record(f"a{number}")
        bench.now += timedelta(seconds=1)

    keys = [row.key for row in bench.due(place.lane, most=3)]

    assert keys == [bench.row(f"a{number}").key for number in range(3)]


def test_integrations_of_a_lane_take_turns_and_the_turn_goes_on_behind_the_last(bench, place):
    others = [bench.set_up(f"inbox {number}") for number in range(2)]
    for number in range(10):
        bench.record(f"a{number}")
    for other in others:
        for number in range(2):
            bench.record(f"a{number}", inbox=other.inbox)
    first, second, third = place.integration, others[0].integration, others[1].integration

    turn = [row.integration_id for row in bench.due(place.lane, most=7)]
    after = [row.integration_id for row in bench.due(place.lane, most=4, after=first)]

    assert turn == [first, second, third, first, second, third, first]
    assert after == [second, third, first, second]


def test_what_is_not_due_yet_or_not_in_this_lane_stays_out(bench, place):
    bench.set_up("elsewhere", target="another")
    lease, rows = _marked(bench, place)
    _settle(bench, lease, _kept(rows[0], maybe_written=True, due_at=bench.now + timedelta(seconds=1)))
    bench.record("b1", inbox="elsewhere")

    assert bench.due(place.lane) == []
    bench.now += timedelta(seconds=1)
    assert [row.key for row in bench.due(place.lane)] == [rows[0].key]


# -- the mark -------------------------------------------------------------------------------------------------------


def test_the_mark_says_on_disk_what_leaves_when_and_that_it_may_have_been_written(bench, place):
    lease, _ = _marked(bench, place)

    row = bench.row()

    assert (row.state, row.attempt, row.fence, row.sent_at) == ("sending", 1, lease.fence, bench.now)
    assert (row.maybe_written, row.maybe_before) == (True, False)


def test_a_second_mark_remembers_what_the_first_one_left_open(bench, place):
    lease, rows = _marked(bench, place)
    _settle(bench, lease, _kept(rows[0], maybe_written=True))
    first = bench.now
    bench.now += timedelta(seconds=1)

    bench.mark(lease, bench.due(place.lane))

    row = bench.row()
    assert (row.attempt, row.maybe_before, row.sent_before_at, row.sent_at) == (2, True, first, bench.now)


def test_nothing_is_marked_by_whoever_lost_the_lane(bench, place):
    bench.record()
    stale = bench.claim()
    rows = bench.due(place.lane)
    bench.now += LEASE
    bench.claim("w2")

    assert bench.mark(stale, rows) is None
    assert bench.row().state == "waiting"


def test_what_was_cancelled_since_it_was_chosen_is_left_out_of_the_mark(bench, place):
    bench.record("a1")
    bench.record("a2")
    lease = bench.claim()
    rows = bench.due(place.lane)
    bench.write(mending.cancel, rows[0].id, bench.now)

    assert bench.mark(lease, rows) == [rows[1].id]
    assert bench.row("a1").state == "cancelled"


def test_what_was_paused_since_it_was_chosen_is_left_out_of_the_mark(bench, place):
    bench.record()
    lease = bench.claim()
    rows = bench.due(place.lane)
    bench.write(integrations.update, place.integration, state="paused")

    assert bench.mark(lease, rows) == []


def test_what_was_moved_under_another_revision_is_left_out_until_it_is_rendered_anew(bench, place):
    bench.record()
    lease = bench.claim()
    rendered = bench.due(place.lane)
    bench.edit(place)
    newest = bench.read(integrations.standing, "t", "support").revision_id
    bench.write(lambda c: integrations.move_waiting(c, place.integration, integrations.revision(c, newest)))

    assert bench.mark(lease, rendered) == []
    assert bench.mark(lease, bench.due(place.lane)) == [rendered[0].id]


def test_what_was_moved_to_another_lane_is_not_marked_in_this_one(bench, place):
    elsewhere = bench.set_up("elsewhere", target="another")
    bench.record()
    lease = bench.claim()
    rendered = bench.due(place.lane)
    bench.edit(place, lane=elsewhere.lane)
    newest = bench.read(integrations.standing, "t", "support").revision_id
    bench.write(lambda c: integrations.move_waiting(c, place.integration, integrations.revision(c, newest)))

    assert bench.mark(lease, rendered) == []
    assert [row.id for row in bench.due(elsewhere.lane)] == [rendered[0].id]


def test_marking_nothing_is_no_error(bench, place):
    bench.record()

    assert bench.mark(bench.claim(), []) == []


# -- settling -------------------------------------------------------------------------------------------------------


def test_every_outcome_of_one_push_is_written_in_one_go(bench, place):
    lease, (won, bad, unsure, innocent) = _marked(bench, place, "a1", "a2", "a3", "a4")

    held = _settle(
        bench,
        lease,
        Delivered(id=won.id, remote_id="7", link="https://x/7"),
        _kept(bad, "rejected", code="odd", field="subject", reason={"ja": "変", "en": "odd"}),
        _kept(unsure, "doubtful", maybe_written=True),
        _kept(innocent),
    )

    assert held
    assert [bench.row(f"a{n}").state for n in range(1, 5)] == ["delivered", "rejected", "doubtful", "waiting"]
    assert (bench.row("a1").remote_id, bench.row("a2").reason["ja"]) == ("7", "変")
    assert bench.row("a4").settled_at is None


def test_from_a_stale_holder_positive_proof_is_accepted_and_nothing_else(bench, place):
    stale, rows = _marked(bench, place, "a1", "a2", "a3", "a4")
    bench.now += LEASE
    bench.claim("w2")

    held = _settle(
        bench,
        stale,
        Delivered(id=rows[0].id, remote_id="7", link=None),
        Delivered(id=rows[1].id, remote_id=None, link=None),
        _kept(rows[2], "rejected"),
        _kept(rows[3], "waiting"),
    )

    assert not held
    assert [bench.row(f"a{n}").state for n in range(1, 5)] == ["delivered", "sending", "sending", "sending"]


@pytest.mark.parametrize("state", ["waiting", "doubtful"])
def test_proof_that_comes_late_is_accepted_also_after_the_successor_gave_its_verdict(bench, place, state):
    stale, (row,) = _marked(bench, place)
    bench.now += LEASE
    successor = bench.claim("w2")
    _settle(bench, successor, _kept(row, state, maybe_written=True))

    _settle(bench, stale, Delivered(id=row.id, remote_id="7", link=None))

    assert (bench.row().state, bench.row().remote_id) == ("delivered", "7")


@pytest.mark.parametrize("state", ["rejected", "cancelled"])
def test_late_proof_does_not_undo_what_is_over(bench, place, state):
    stale, (row,) = _marked(bench, place)
    bench.now += LEASE
    successor = bench.claim("w2")
    _settle(bench, successor, _kept(row, "rejected"))
    if state == "cancelled":
        bench.write(mending.cancel, row.id, bench.now)

    _settle(bench, stale, Delivered(id=row.id, remote_id="7", link=None))

    assert bench.row().state == state


def test_a_late_verdict_does_not_undo_a_delivery(bench, place):
    lease, (row,) = _marked(bench, place)
    _settle(bench, lease, Delivered(id=row.id, remote_id="7", link=None))

    _settle(bench, lease, _kept(row, "rejected"))

    assert bench.row().state == "delivered"


def test_settling_nothing_still_tells_whether_the_lane_is_held(bench, place):
    bench.record()
    lease = bench.claim()
    assert _settle(bench, lease)
    bench.now += LEASE
    bench.claim("w2")

    assert not _settle(bench, lease)


def test_a_successor_finds_what_its_predecessor_left_marked_and_not_its_own(bench, place):
    first, rows = _marked(bench, place)
    assert bench.read(deliveries.abandoned, first) == []
    bench.now += LEASE

    second = bench.claim("w2")
    left = bench.read(deliveries.abandoned, second)

    assert [(row.id, row.attempt) for row in left] == [(rows[0].id, 1)]
    assert left[0].sent_at == bench.now - LEASE


def test_waiting_rows_can_be_settled_without_a_push_but_only_by_the_holder(bench, place):
    bench.record()
    lease = bench.claim()
    (row,) = bench.due(place.lane)
    bench.now += LEASE
    successor = bench.claim("w2")

    assert not bench.write(deliveries.keep_unsent, lease, [_kept(row, "rejected")], bench.now)
    assert bench.row().state == "waiting"
    assert bench.write(deliveries.keep_unsent, successor, [_kept(row, "rejected")], bench.now)
    assert bench.row().state == "rejected"


def test_keeping_unsent_leaves_alone_what_was_cancelled_meanwhile(bench, place):
    bench.record()
    lease = bench.claim()
    (row,) = bench.due(place.lane)
    bench.write(mending.cancel, row.id, bench.now)

    bench.write(deliveries.keep_unsent, lease, [_kept(row, "rejected")], bench.now)

    assert bench.row().state == "cancelled"


def test_wait_again_takes_back_rejections_alone(bench, place):
    lease, (bad, unsure) = _marked(bench, place, "a1", "a2")
    _settle(bench, lease, _kept(bad, "rejected", code="x"), _kept(unsure, "doubtful", maybe_written=True))

    bench.write(deliveries.wait_again, place.lane, [bad.id, unsure.id], bench.now)

    assert (bench.row("a1").state, bench.row("a1").code) == ("waiting", None)
    assert bench.row("a2").state == "doubtful"


def test_what_was_never_sent_is_due_also_by_a_clock_that_was_put_back(bench, place):
    bench.record("a1")
    bench.now -= timedelta(days=1)

    assert len(bench.due(place.lane)) == 1


def test_a_refusal_after_an_unknown_outcome_leaves_standing_when_that_one_was_sent(bench, place):
    lease, (row,) = _marked(bench, place)
    first = bench.now
    _settle(bench, lease, _kept(row, maybe_written=True))
    bench.now += timedelta(minutes=2)
    bench.write(deliveries.mark, lease, bench.due(place.lane), bench.now)

    _settle(bench, lease, _kept(row, maybe_written=True, refused=True))

    assert bench.row().sent_at == first


def test_wait_again_takes_back_what_became_doubtful_by_the_same_refusal(bench, place):
    lease, (one, other) = _marked(bench, place, "a1", "a2")
    unsure = {"maybe_written": True, "code": "x"}
    _settle(bench, lease, _kept(one, "doubtful", **unsure), _kept(other, "doubtful", **{**unsure, "code": "y"}))

    bench.write(
        lambda connection: deliveries.wait_again(connection, place.lane, [one.id, other.id], bench.now, code="x")
    )

    assert (bench.row("a1").state, bench.row("a2").state) == ("waiting", "doubtful")


def test_proof_of_absence_makes_a_waiting_delivery_as_good_as_new(bench, place):
    lease, (row,) = _marked(bench, place)
    _settle(bench, lease, _kept(row, maybe_written=True, code="held"))

    bench.write(deliveries.proven_absent, [row.id])

    assert (bench.row().maybe_written, bench.row().code) == (False, None)


def test_a_mark_of_two_thousand_rows_is_one_statement_that_every_database_takes(bench, place):
    bench.write(lambda connection: [intake.take_in(connection, bench.offer(f"a{n}"), bench.now) for n in range(2000)])
    lease = bench.claim()

    assert len(bench.mark(lease, bench.due(place.lane, most=2000))) == 2000


# -- integrations ---------------------------------------------------------------------------------------------------


def test_a_second_standing_integration_is_refused_by_the_index(bench, place):
    again = bench.write(integrations.insert, tenant="t", inbox="support", actor="a", now=bench.now)
    bench.write(integrations.update, place.integration, state="deleted")
    anew = bench.write(integrations.insert, tenant="t", inbox="support", actor="a", now=bench.now)

    assert again is None
    assert anew is not None


def test_cancelling_what_waits_spares_what_may_have_been_written(bench, place):
    lease, (sure, unsure) = _marked(bench, place, "a1", "a2")
    _settle(bench, lease, _kept(sure), _kept(unsure, maybe_written=True))

    assert bench.write(integrations.cancel_waiting, place.integration, bench.now) == 1
    assert (bench.row("a1").state, bench.row("a2").state) == ("cancelled", "waiting")


@pytest.mark.parametrize(
    ("change", "moves"),
    [({}, True), ({"key_field": "other"}, False), ({"key_unique": False}, False), ({"key_field": None}, False)],
)
def test_what_may_have_been_written_moves_only_under_the_same_key_of_the_same_target(bench, place, change, moves):
    lease, (sure, unsure) = _marked(bench, place, "a1", "a2")
    _settle(bench, lease, _kept(sure), _kept(unsure, maybe_written=True))
    bench.write(bench._revise, place.integration, place.lane, **change)
    newest = bench.read(integrations.standing, "t", "support").revision_id

    moved = bench.write(lambda c: integrations.move_waiting(c, place.integration, integrations.revision(c, newest)))

    assert moved == (2 if moves else 1)
    assert bench.row("a1").revision_id == newest
    assert (bench.row("a2").revision_id == newest) is moves


def test_what_may_have_been_written_never_moves_to_another_target(bench, place):
    elsewhere = bench.set_up("elsewhere", target="another")
    lease, (row,) = _marked(bench, place)
    _settle(bench, lease, _kept(row, maybe_written=True))
    bench.edit(place, lane=elsewhere.lane)
    newest = bench.read(integrations.standing, "t", "support").revision_id

    assert bench.write(lambda c: integrations.move_waiting(c, place.integration, integrations.revision(c, newest))) == 0
    assert bench.row().lane_id == place.lane


def test_a_deleted_integration_is_listed_until_what_waits_is_gone(bench, place):
    bench.record()
    bench.write(integrations.update, place.integration, state="deleted")
    assert [row.inbox for row in bench.read(integrations.listed, "t")] == ["support"]

    bench.write(integrations.cancel_waiting, place.integration, bench.now)

    assert bench.read(integrations.listed, "t") == []
