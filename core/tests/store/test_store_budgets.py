"""Requests spent are counted in the store, shared by all workers."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renkei.store import budgets, health, history, lanes

DAY = timedelta(days=1)
_scopes = iter(range(10**9))


def test_what_is_spent_adds_up_within_a_window_and_a_new_window_begins_at_nothing(bench):
    assert bench.write(budgets.spend, "s", "day", bench.now, 3) == 3
    assert bench.write(budgets.spend, "s", "day", bench.now, 4) == 7
    assert bench.read(budgets.used, "s", "day", bench.now) == 7

    assert bench.read(budgets.used, "s", "day", bench.now + DAY) == 0
    assert bench.write(budgets.spend, "s", "day", bench.now + DAY, 2) == 2


def test_scopes_and_windows_are_counted_apart(bench):
    bench.write(budgets.spend, "s", "day", bench.now, 3)
    bench.write(budgets.spend, "s", "window", bench.now, 5)
    bench.write(budgets.spend, "other", "day", bench.now, 7)

    assert bench.read(budgets.used, "s", "day", bench.now) == 3


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-20, 20), max_size=15))
def test_the_count_follows_what_is_taken_and_given_back_and_never_falls_below_nothing(bench, amounts):
    scope, expected = f"scope {next(_scopes)}", 0
    for amount in amounts:
        expected = max(0, expected + amount)

        assert bench.write(budgets.spend, scope, "day", bench.now, amount) == expected

    assert bench.read(budgets.used, scope, "day", bench.now) == expected


def test_the_oldest_due_delivery_is_one_that_neither_a_pause_nor_a_block_holds_back(bench):
    from renkei.store import integrations

    place, other = bench.set_up(), bench.set_up("other", target="another")
    first = bench.now
    bench.record()
    bench.now += DAY
    bench.record(inbox="other")
    assert bench.read(health.oldest_due) == first

    bench.write(integrations.update, place.integration, state="paused")
    assert bench.read(health.oldest_due) == bench.now
    bench.write(lanes.set_state, other.lane, state="blocked", reason_code="x", reason={"ja": "x", "en": "x"})

    assert bench.read(health.oldest_due) is None
    assert [lane["target"] for lane in bench.read(health.blocked)] == ["another"]


def test_a_heartbeat_is_one_row_per_worker_and_goes_with_it(bench):
    for _ in range(2):
        bench.now += DAY
        bench.write(history.beat, "w1", bench.now)
    assert [(row.worker, row.seen_at) for row in bench.read(history.beats)] == [("w1", bench.now)]

    bench.write(history.end_beat, "w1")

    assert bench.read(history.beats) == []
