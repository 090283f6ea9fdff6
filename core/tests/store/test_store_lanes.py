"""Lanes: who may work in one, when, and in which order. `wake_at` is the only scheduler."""

from __future__ import annotations

from datetime import timedelta

import pytest

from renkei.store import deliveries, integrations, lanes
from renkei.store.deliveries import Delivered

SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=120)


@pytest.fixture
def place(bench):
    return bench.set_up()


def _wake_at(bench, lane):
    return bench.lane(lane).wake_at


def _deliver(bench, lease, lane):
    """Everything that is due."""
    rows = bench.due(lane)
    bench.mark(lease, rows)
    done = [Delivered(id=row.id, remote_id="1", link=None) for row in rows]
    bench.write(deliveries.settle, lease, done, bench.now)


def test_nothing_is_claimed_where_nothing_was_recorded(bench, place):
    assert bench.claim() is None
    assert _wake_at(bench, place.lane) is None


def test_recording_wakes_the_lane_and_one_worker_has_it(bench, place):
    bench.record()

    lease = bench.claim()

    assert lease is not None
    assert lease.until == bench.now + LEASE
    assert bench.claim("w2") is None


def test_an_expired_lease_is_claimed_by_another_worker_with_a_higher_fence(bench, place):
    bench.record()
    first = bench.claim()
    bench.now += LEASE

    second = bench.claim("w2")

    assert second.fence > first.fence
    assert not bench.write(lanes.still_held, first)
    assert not bench.write(lanes.renew, first, bench.now + LEASE)


def test_a_renewed_lease_does_not_run_out(bench, place):
    bench.record()
    lease = bench.claim()
    bench.now += LEASE - SECOND

    assert bench.write(lanes.renew, lease, bench.now + LEASE)
    bench.now += LEASE - SECOND

    assert bench.claim("w2") is None


def test_a_lane_is_claimed_in_the_order_in_which_lanes_came_to_wait(bench):
    places = [bench.set_up(f"inbox {number}", target=f"target {number}") for number in range(4)]
    for place in reversed(places):
        bench.record(inbox=place.inbox)
        bench.now += SECOND

    claimed = [bench.claim().lane_id for _ in places]

    assert claimed == [place.lane for place in reversed(places)]


def test_a_busy_lane_goes_to_the_back_of_the_queue_so_that_every_lane_is_served(bench):
    places = [bench.set_up(f"inbox {number}", target=f"target {number}") for number in range(5)]
    for place in places:
        bench.record(inbox=place.inbox)
    served = []
    for _ in range(10):
        bench.now += SECOND
        lease = bench.claim()
        served.append(lease.lane_id)
        bench.release(lease)  # it still has work

    assert served == [place.lane for place in places] * 2


def test_a_lane_without_work_sleeps_until_something_is_recorded(bench, place):
    bench.record()
    lease = bench.claim()
    _deliver(bench, lease, place.lane)
    bench.release(lease)
    assert _wake_at(bench, place.lane) is None

    bench.record("a2")

    assert bench.claim() is not None


def test_what_is_recorded_while_the_lane_is_held_is_seen_when_it_is_let_go(bench, place):
    bench.record()
    lease = bench.claim()
    _deliver(bench, lease, place.lane)
    bench.record("a2")
    assert _wake_at(bench, place.lane) == lease.until

    bench.release(lease)

    assert _wake_at(bench, place.lane) == bench.now


def test_recording_does_not_shorten_a_lease_or_a_pause_that_the_backend_asked_for(bench, place):
    bench.record()
    lease = bench.claim()
    until = bench.now + 60 * SECOND
    bench.write(lanes.set_state, place.lane, state="waiting", until=until)
    bench.record("a2")
    assert _wake_at(bench, place.lane) == lease.until
    bench.release(lease)

    bench.record("a3")

    assert _wake_at(bench, place.lane) == until


def test_a_paused_integration_is_not_what_a_lane_wakes_for(bench, place):
    bench.write(integrations.update, place.integration, state="paused")
    bench.record()
    assert bench.claim() is None

    bench.write(integrations.update, place.integration, state="active")
    bench.write(lanes.wake_open, place.lane, bench.now)

    assert bench.claim() is not None


def test_a_paused_inbox_does_not_keep_others_in_its_lane_from_being_served(bench, place):
    other = bench.set_up("other")
    bench.record("a1")
    bench.record("a2", inbox="other")
    bench.write(integrations.update, place.integration, state="paused")

    due = bench.due(place.lane)

    assert [row.integration_id for row in due] == [other.integration]


@pytest.mark.parametrize("state", ["waiting", "blocked"])
def test_a_lane_that_waits_or_is_blocked_wakes_at_its_time_only_if_there_is_work(bench, place, state):
    bench.record()
    lease = bench.claim()
    until = bench.now + 600 * SECOND
    bench.write(lanes.set_state, place.lane, state=state, until=until)
    bench.release(lease)
    assert _wake_at(bench, place.lane) == until

    bench.now = until
    lease = bench.claim()
    _deliver(bench, lease, place.lane)
    bench.release(lease)

    assert _wake_at(bench, place.lane) is None


def test_pushes_that_wait_to_be_confirmed_wake_the_lane_without_work(bench, place):
    bench.record()
    lease = bench.claim()
    _deliver(bench, lease, place.lane)

    bench.release(lease, confirm_at=bench.now + 540 * SECOND)

    assert _wake_at(bench, place.lane) == bench.now + 540 * SECOND


def test_what_is_left_marked_brings_the_lane_back_at_once_to_be_taken_for_interrupted(bench, place):
    """A commit that came back as failed and had happened: run again, its mark finds nothing that waits."""
    bench.record()
    lease = bench.claim()
    bench.mark(lease, bench.due(place.lane))
    assert bench.mark(lease, bench.due(place.lane)) == []

    bench.release(lease)

    assert [row.key for row in bench.read(deliveries.abandoned, bench.claim("w2"))] == [bench.row().key]


def test_a_batch_that_lingers_is_due_no_earlier_than_it_was_told(bench, place):
    bench.record()
    lease = bench.claim()

    bench.release(lease, not_before=bench.now + 30 * SECOND)

    assert _wake_at(bench, place.lane) == bench.now + 30 * SECOND


def test_whoever_lost_the_lane_cannot_let_it_go_or_set_it_aside(bench, place):
    bench.record()
    stale = bench.claim()
    bench.now += LEASE
    held = bench.claim("w2")

    bench.release(stale)
    bench.write(lanes.set_aside, stale, bench.now)

    assert bench.lane(place.lane).owner == "w2"
    assert _wake_at(bench, place.lane) == held.until


def test_a_lease_whose_holder_is_gone_is_revoked_at_once_and_only_that_lease(bench, place):
    bench.record()
    lease = bench.claim()
    assert [(row.owner, row.fence) for row in bench.read(lanes.held, bench.now)] == [("w1", lease.fence)]

    bench.write(lanes.revoke, place.lane, lease.fence - 1, bench.now)
    assert bench.claim("w2") is None
    bench.write(lanes.revoke, place.lane, lease.fence, bench.now)

    assert bench.claim("w2").fence == lease.fence + 1


def test_lifting_a_block_leads_to_a_probe_at_once(bench, place):
    bench.record()
    lease = bench.claim()
    bench.write(lanes.set_state, place.lane, state="blocked", until=bench.now + 600 * SECOND)
    bench.release(lease)

    bench.write(lanes.open_now, place.lane, bench.now)

    assert bench.claim() is not None


def test_lifting_a_block_of_a_held_lane_is_seen_when_it_is_let_go(bench, place):
    bench.record()
    lease = bench.claim()
    bench.write(lanes.set_state, place.lane, state="blocked", until=bench.now + 600 * SECOND)

    bench.write(lanes.open_now, place.lane, bench.now)
    assert bench.claim("w2") is None
    bench.release(lease)

    assert _wake_at(bench, place.lane) == bench.now


def test_blocking_a_backend_touches_its_own_lanes_alone(bench, place):
    bench.write(lanes.block_backend, "another", until=bench.now, code="plugin_fault", reason={"ja": "x", "en": "x"})
    assert bench.lane(place.lane).state == "open"

    bench.write(lanes.block_backend, "fake", until=bench.now, code="plugin_fault", reason={"ja": "x", "en": "x"})

    assert (bench.lane(place.lane).state, bench.lane(place.lane).reason_code) == ("blocked", "plugin_fault")


def test_one_connection_and_target_is_one_lane_and_other_options_are_another(bench, place):
    connection = bench.connection()

    def lane(**more):
        named = {"connection_id": connection, "target": "cases", "label": "x", "options": "{}", **more}
        return bench.write(lanes.ensure, **named)

    assert lane() == place.lane
    assert lane(options='{"a":1}') != place.lane
    assert set(bench.read(lanes.of_connection, connection)) == {place.lane, lane(options='{"a":1}')}


def test_an_admins_discovery_does_not_confirm_pushes_that_it_did_not_look_after(bench, place):
    bench.write(lanes.begin_unconfirmed, place.lane, bench.now, place.integration)

    bench.write(lanes.adopt_schema, place.lane, {"fields": []}, "print", bench.now)

    assert bench.lane(place.lane).fingerprint is None
    assert bench.lane(place.lane).unconfirmed_since == bench.now


def test_the_first_unconfirmed_push_is_remembered_and_not_the_last(bench, place):
    first = bench.now
    bench.write(lanes.begin_unconfirmed, place.lane, first, 1)
    bench.write(lanes.begin_unconfirmed, place.lane, first + SECOND, 2)

    lane = bench.lane(place.lane)

    assert (lane.unconfirmed_since, lane.cursor) == (first, 2)


def test_a_clock_that_was_far_ahead_and_is_put_right_does_not_put_a_lane_to_sleep(bench, place):
    bench.record()
    bench.now -= timedelta(days=400)

    lease = bench.claim()

    assert lease is not None
    assert len(bench.due(place.lane)) == 1
