"""Two transactions at once, on PostgreSQL, step by step: what SQLite's single writer makes impossible.

One transaction is stopped in the middle by hand; the other is started and gets as far as the locks let it. SQLite
needs none of this: whoever writes is alone.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from renkei.store import (
    Store,
    budgets,
    connections,
    deliveries,
    installation,
    intake,
    integrations,
    lanes,
    ledger,
    mending,
)
from renkei.store.deliveries import Delivered

WAIT = 10
LEASE = timedelta(seconds=120)


@pytest.fixture
def bench(pg_bench):
    return pg_bench


@pytest.fixture
def place(bench):
    return bench.set_up()


@pytest.fixture
def open_pg(bench):
    made = []

    def opened():
        made.append(Store(bench.store.database.url.render_as_string(hide_password=False), {"k1": b"1" * 32}))
        return made[-1]

    yield opened
    for store in made:
        store.close()


def _take_in(bench, action, **more):
    offer = bench.offer(action, **more)
    return lambda connection: intake.take_in(connection, offer, bench.now)


def _release(bench, lease):
    return lambda connection: lanes.release(connection, lease, now=bench.now, confirm_at=None)


# -- no wake-up is lost ---------------------------------------------------------------------------------------------


def test_an_action_recorded_while_the_lane_is_let_go_wakes_it(bench, place, hand):
    bench.record()
    lease = bench.claim()
    bench.mark(lease, bench.due(place.lane))
    recorder, holder = hand(), hand()

    recorder.do(_take_in(bench, "a2"))
    released = holder.begin_to(_release(bench, lease))
    recorder.commit()
    released.result(WAIT)

    assert bench.lane(place.lane).wake_at is not None


def test_an_action_recorded_after_the_holders_last_look_wakes_the_lane(bench, place, hand):
    bench.record()
    lease = bench.claim()
    bench.mark(lease, bench.due(place.lane))
    recorder, holder = hand(), hand()

    holder.do(_release(bench, lease))
    recorded = recorder.begin_to(_take_in(bench, "a2"))
    holder.commit()
    recorded.result(WAIT)

    assert bench.lane(place.lane).wake_at == bench.now


@pytest.mark.parametrize("wake", [lanes.wake, lanes.wake_open, lanes.open_now])
def test_a_resume_after_the_holders_last_look_wakes_the_lane(bench, place, hand, wake):
    bench.write(integrations.update, place.integration, state="paused")
    bench.record()
    bench.write(lanes.set_state, place.lane, wake_at=bench.now)
    lease = bench.claim()
    admin, holder = hand(), hand()

    holder.do(_release(bench, lease))

    def resume(connection):
        integrations.update(connection, place.integration, state="active")
        wake(connection, place.lane, bench.now)

    resumed = admin.begin_to(resume)
    holder.commit()
    resumed.result(WAIT)

    assert bench.lane(place.lane).wake_at == bench.now


def test_records_and_turns_at_once_from_many_connections_leave_no_lane_asleep_with_work(bench, place, open_pg):
    stores = [open_pg() for _ in range(4)]
    start = threading.Barrier(len(stores))

    def record(worker):
        start.wait(WAIT)
        for number in range(25):
            stores[worker].write(_take_in(bench, f"{worker}-{number}"))

    def serve():
        start.wait(WAIT)
        for _ in range(60):
            lease = stores[-1].write(lambda c: lanes.claim(c, owner="w", now=bench.now, lease=LEASE))
            if lease is not None:
                rows = bench.due(place.lane)
                stores[-1].write(lambda c, lease=lease, rows=rows: deliveries.mark(c, lease, rows, bench.now))
                done = [Delivered(id=row.id, remote_id=str(row.id), link=None) for row in rows]
                stores[-1].write(lambda c, lease=lease, done=done: deliveries.settle(c, lease, done, bench.now))
                stores[-1].write(_release(bench, lease))

    with ThreadPoolExecutor(len(stores)) as pool:
        for done in [pool.submit(record, worker) for worker in range(3)] + [pool.submit(serve)]:
            done.result(60)

    waiting = bench.read(ledger.count, "t").waiting
    assert (bench.lane(place.lane).wake_at is not None) is (waiting > 0)


# -- record() against edit, pause and delete (promise 4) ------------------------------------------------------------


def test_an_action_recorded_during_an_edit_meets_the_new_revision_and_is_not_lost(bench, place, hand):
    admin, recorder = hand(), hand()
    admin.do(integrations.standing, "t", "support", lock=True)
    admin.do(bench._revise, place.integration, place.lane)

    recorded = recorder.begin_to(_take_in(bench, "a1"))
    admin.commit()

    assert recorded.result(WAIT).outcome == "recorded"
    assert bench.read(integrations.revision, bench.row("a1").revision_id).number == 2


def test_an_edit_waits_for_an_action_that_is_being_recorded(bench, place, hand):
    admin, recorder = hand(), hand()
    recorder.do(_take_in(bench, "a1"))

    locked = admin.begin_to(integrations.standing, "t", "support", lock=True)
    assert not locked.done()
    recorder.commit()

    assert locked.result(WAIT).revision == 1


def test_a_deletion_that_cancels_leaves_no_waiting_row_behind(bench, place, hand):
    admin, recorder = hand(), hand()
    recorder.do(_take_in(bench, "a1"))

    def delete(connection):
        row = integrations.standing(connection, "t", "support", lock=True)
        integrations.update(connection, row.id, state="deleted")
        return integrations.cancel_waiting(connection, row.id, bench.now)

    deleted = admin.begin_to(delete)
    recorder.commit()

    assert deleted.result(WAIT) == 1
    assert bench.read(ledger.count, "t").waiting == 0


def test_an_action_recorded_during_a_deletion_is_excluded(bench, place, hand):
    admin, recorder = hand(), hand()
    admin.do(integrations.standing, "t", "support", lock=True)
    admin.do(integrations.update, place.integration, state="deleted")

    recorded = recorder.begin_to(_take_in(bench, "a1"))
    admin.commit()

    assert recorded.result(WAIT).reason == "integration_deleted"


def test_two_admins_who_edit_at_once_both_find_the_integration(bench, place, hand):
    first, second = hand(), hand()
    first.do(integrations.standing, "t", "support", lock=True)
    first.do(bench._revise, place.integration, place.lane)

    found = second.begin_to(integrations.standing, "t", "support", lock=True)
    first.commit()

    assert found.result(WAIT).revision == 2


# -- the same thing twice -------------------------------------------------------------------------------------------


def test_one_action_brought_by_two_processes_at_once_is_recorded_once(bench, place, hand):
    first, second = hand(), hand()
    first.do(_take_in(bench, "a1"))

    again = second.begin_to(_take_in(bench, "a1"))
    first.commit()

    assert (again.result(WAIT).outcome, again.result(WAIT).repeated) == ("recorded", True)
    assert bench.read(ledger.count, "t").adds_up


def test_one_action_with_two_contents_at_once_is_a_conflict_for_the_later(bench, place, hand):
    first, second = hand(), hand()
    first.do(_take_in(bench, "a1"))

    again = second.begin_to(_take_in(bench, "a1", digest="other"))
    first.commit()

    assert again.result(WAIT).outcome == "conflict"
    assert bench.read(ledger.count, "t").adds_up


def test_an_action_whose_first_recording_is_rolled_back_is_recorded_by_the_second(bench, place, hand):
    first, second = hand(), hand()
    first.do(_take_in(bench, "a1"))

    again = second.begin_to(_take_in(bench, "a1"))
    first.connection.rollback()

    assert (again.result(WAIT).outcome, again.result(WAIT).repeated) == ("recorded", False)


def test_two_who_set_up_one_inbox_at_once_leave_one_integration(bench, hand):
    first, second = hand(), hand()
    named = {"tenant": "t", "inbox": "support", "actor": "a", "now": bench.now}
    assert first.do(integrations.insert, **named) is not None

    made = second.begin_to(integrations.insert, **named)
    first.commit()

    assert made.result(WAIT) is None


def test_two_inboxes_bound_to_one_new_target_at_once_share_its_lane(bench, hand):
    named = {"connection_id": bench.connection(), "target": "new", "label": "new", "options": "{}"}
    first, second = hand(), hand()
    lane = first.do(lanes.ensure, **named)

    found = second.begin_to(lanes.ensure, **named)
    first.commit()

    assert found.result(WAIT) == lane


def test_two_first_starts_agree_on_one_installation(bench, hand):
    vault = bench.store.vault
    bench.write(lambda connection: connection.execute(installation.meta.delete()))
    first, second = hand(), hand()
    first.do(installation.check_vault, vault)
    made = first.do(installation.installation_id)

    def start(connection):
        installation.check_vault(connection, vault)
        return installation.installation_id(connection)

    found = second.begin_to(start)
    first.commit()

    assert found.result(WAIT) == made
    bench.store._installation = made


def test_two_lanes_that_spend_the_first_requests_of_a_window_at_once_are_both_counted(bench, hand):
    first, second = hand(), hand()
    first.do(budgets.spend, "s", "day", bench.now, 3)

    spent = second.begin_to(budgets.spend, "s", "day", bench.now, 4)
    first.commit()
    spent.result(WAIT)

    assert bench.read(budgets.used, "s", "day", bench.now) == 7


@pytest.mark.parametrize("other_window", [False, True])
def test_two_lanes_that_spend_at_once_are_both_counted(bench, hand, other_window):
    bench.write(budgets.spend, "s", "day", bench.now, 10)
    window = bench.now + timedelta(days=1) if other_window else bench.now
    first, second = hand(), hand()
    first.do(budgets.spend, "s", "day", window, 3)

    spent = second.begin_to(budgets.spend, "s", "day", window, 4)
    first.commit()
    spent.result(WAIT)

    assert bench.read(budgets.used, "s", "day", window) == (7 if other_window else 17)


# -- lease, mark, cancel --------------------------------------------------------------------------------------------


def test_two_workers_who_claim_at_once_get_different_lanes(bench, place, hand):
    bench.set_up("other", target="another")
    bench.record()
    bench.record(inbox="other")
    first, second = hand(), hand()
    named = {"now": bench.now, "lease": LEASE}

    one = first.do(lanes.claim, owner="w1", **named)
    two = second.begin_to(lanes.claim, owner="w2", **named).result(WAIT)
    first.commit()

    assert {one.lane_id, two.lane_id} == {place.lane, bench.row("a1", "other").lane_id}


def test_a_lane_that_is_just_being_claimed_is_not_waited_for(bench, place, hand):
    bench.record()
    first, second = hand(), hand()
    first.do(lanes.claim, owner="w1", now=bench.now, lease=LEASE)

    assert second.begin_to(lanes.claim, owner="w2", now=bench.now, lease=LEASE).result(WAIT) is None


def test_a_delivery_that_an_admin_is_just_cancelling_is_not_sent(bench, place, hand):
    bench.record()
    lease = bench.claim()
    rows = bench.due(place.lane)
    admin, worker = hand(), hand()
    admin.do(mending.one, "t", "support", "a1")
    admin.do(mending.cancel, rows[0].id, bench.now)

    marked = worker.begin_to(deliveries.mark, lease, rows, bench.now)
    admin.commit()

    assert marked.result(WAIT) == []
    assert bench.row().state == "cancelled"


def test_a_delivery_that_is_just_being_marked_is_not_cancelled_with_what_waits(bench, place, hand):
    bench.record()
    lease = bench.claim()
    rows = bench.due(place.lane)
    admin, worker = hand(), hand()
    worker.do(deliveries.mark, lease, rows, bench.now)

    cancelled = admin.begin_to(integrations.cancel_waiting, place.integration, bench.now)
    worker.commit()

    assert cancelled.result(WAIT) == 0
    assert bench.row().state == "sending"


def test_an_admin_who_cancels_what_is_just_being_marked_is_told_that_it_is_on_its_way(bench, place, hand):
    bench.record()
    lease = bench.claim()
    admin, worker = hand(), hand()
    worker.do(deliveries.mark, lease, bench.due(place.lane), bench.now)

    found = admin.begin_to(mending.one, "t", "support", "a1")
    worker.commit()

    assert found.result(WAIT).state == "sending"


def test_a_lane_taken_over_while_its_holder_marks_is_not_marked(bench, place, hand):
    bench.record()
    stale = bench.claim()
    rows = bench.due(place.lane)
    bench.now += LEASE
    successor, holder = hand(), hand()
    successor.do(lanes.claim, owner="w2", now=bench.now, lease=LEASE)

    marked = holder.begin_to(deliveries.mark, stale, rows, bench.now)
    successor.commit()

    assert marked.result(WAIT) is None
    assert bench.row().state == "waiting"


def test_a_deletion_of_a_connection_waits_for_whoever_binds_an_integration_to_it(bench, hand):
    number = bench.connection()
    binder, admin = hand(), hand()
    assert binder.do(connections.keep, number)

    def delete(connection):
        connections.lock(connection, number)
        return connections.needed_by(connection, number)

    deleting = admin.begin_to(delete)
    assert not deleting.done()
    lane = binder.do(lanes.ensure, connection_id=number, target="x", label="x", options="{}")
    made = binder.do(integrations.insert, tenant="t", inbox="support", actor="a", now=bench.now)
    binder.do(bench._revise, made, lane)
    binder.commit()

    assert deleting.result(WAIT) == (["support"], 0)


def test_a_deadlock_between_two_processes_is_nobodys_error(bench, place, open_pg):
    other = bench.set_up("other", target="another")
    stores = [open_pg(), open_pg()]
    # Both hold one row before either asks for the other's; whoever is sent back comes again after the other is done.
    both_hold = threading.Barrier(2)
    first_time = [True, True]

    def cross(worker, lanes_in_order):
        def job(connection):
            lanes.set_state(connection, lanes_in_order[0], target_label=f"by {worker}")
            if first_time[worker]:
                first_time[worker] = False
                both_hold.wait(WAIT)
            lanes.set_state(connection, lanes_in_order[1], target_label=f"by {worker}")
            return "done"

        return stores[worker].write(job)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(cross, 0, [place.lane, other.lane])
        two = pool.submit(cross, 1, [other.lane, place.lane])
        assert {one.result(WAIT), two.result(WAIT)} == {"done"}

    assert len({bench.lane(number).target_label for number in (place.lane, other.lane)}) == 1


# -- rings of locks -------------------------------------------------------------------------------------------------


def test_a_hosts_transaction_with_two_inboxes_of_a_lane_is_no_ring_with_the_writer(bench, place, hand):
    """Both meet the lane and the inbox's counter: were it not in one order, PostgreSQL would end one of them."""
    bench.set_up("other")
    host = hand()
    host.do(_take_in(bench, "a1", inbox="other"))
    plain = bench.store.submit(_take_in(bench, "a1"))
    _until_blocked_by(bench, host.pid)
    # Longer than deadlock_timeout: whoever looks for a ring from now on is the host.
    threading.Event().wait(0.2)

    host.do(_take_in(bench, "a2"))
    host.commit()

    assert plain.result(WAIT).outcome == "recorded"
    assert bench.read(ledger.count, "t").recorded == 3


def _until_blocked_by(bench, pid):
    pause = threading.Event()
    for _ in range(1000):
        with bench.store.read() as connection:
            query = "SELECT 1 FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))"
            if connection.execute(sa.text(query), {"pid": pid}).first():
                return
        pause.wait(0.005)
    raise AssertionError("nobody waits for it")
