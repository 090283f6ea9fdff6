"""One bad record never stops the rest (promise 7)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from renkei.delivery.isolation import isolate, most_pushes, witnesses


def test_a_named_culprit_is_rejected_and_the_others_are_sent_again_at_once(world):
    world.fake.refuses = lambda record: ("too_odd", "subject") if record["action"] == "a3" else None
    world.record(*range(1, 11))

    world.drain()

    assert world.state(3) == "rejected"
    assert len(world.fake.records) == 9
    assert world.pushes() == [10, 9]


def test_an_unnamed_culprit_is_found_by_halving(world):
    world.fake.refuses = lambda record: ("no_name", None) if record["action"] == "a37" else None
    world.record(*range(1, 101))

    world.drain()

    assert world.state(37) == "rejected"
    assert world.ledger() == {"offered": 100, "recorded": 100, "delivered": 99, "rejected": 1}
    assert len(world.pushes()) <= 10


def test_two_unnamed_culprits_in_one_batch_are_both_found(world):
    bad = {"a10", "a80"}
    world.fake.refuses = lambda record: ("no_name", None) if record["action"] in bad else None
    world.record(*range(1, 101))

    world.drain()

    assert {number for number in range(1, 101) if world.state(number) == "rejected"} == {10, 80}
    assert world.ledger()["delivered"] == 98


def test_five_lone_refusals_in_a_row_block_the_lane_and_wait_again(world):
    world.fake.refuses = lambda record: ("closed", None)
    world.record(*range(1, 21))

    world.drain()

    assert world.lane() == ("blocked", "closed")
    assert world.ledger() == {"offered": 20, "recorded": 20, "waiting": 20}


def test_a_record_that_gets_in_between_keeps_the_lane_open(world):
    for number in range(1, 13):
        world.fake.refuses = (lambda record: ("closed", None)) if number % 3 else (lambda record: None)
        world.record(number)
        world.drain()

    assert world.lane()[0] == "open"
    assert world.ledger()["rejected"] == 8


def test_a_lane_blocked_by_lone_refusals_delivers_all_once_the_cause_is_gone(world):
    world.fake.refuses = lambda record: ("closed", None)
    world.record(*range(1, 8))
    world.drain()
    world.fake.refuses = lambda record: None

    world.renkei.connections.test("t", "admin", "fake")
    world.drain()

    assert world.ledger() == {"offered": 7, "recorded": 7, "delivered": 7}


def _found_by_halving(size: int, bad: set[int]) -> tuple[set[int], int]:
    """Play the engine: push, isolate, push the rest, until nobody waits."""
    waiting, rejected, pushes = list(range(size)), set(), 0
    while waiting:
        pushes += 1
        if not bad & set(waiting):
            return rejected, pushes
        if len(waiting) == 1:
            rejected |= set(waiting)
            return rejected, pushes
        plan = isolate(waiting)
        group: list[Any] | None = next(plan)
        while group is not None:
            pushes += 1
            refused = bool(bad & set(group))
            if not refused or len(group) == 1:
                waiting = [row for row in waiting if row not in group]
                rejected |= set(group) if refused else set()
            try:
                group = plan.send(refused)
            except StopIteration:
                group = None
    return rejected, pushes


@given(st.integers(1, 120), st.sets(st.integers(0, 119), max_size=4))
def test_halving_rejects_the_culprits_and_nobody_else(size, bad):
    bad = {row for row in bad if row < size}

    rejected, _ = _found_by_halving(size, bad)

    assert rejected == bad


def test_one_unnamed_culprit_among_a_hundred_costs_at_most_ten_pushes_at_every_place():
    found = [_found_by_halving(100, {place}) for place in range(100)]

    assert [rejected for rejected, _ in found] == [{place} for place in range(100)]
    assert max(pushes for _, pushes in found) <= most_pushes(100, 1) == 10


def test_one_unnamed_culprit_among_two_thousand_costs_at_most_fifteen_pushes_at_every_place():
    most = max(_halving_pushes(2_000, place) for place in range(2_000))

    assert most <= most_pushes(2_000, 1) <= 15


def _halving_pushes(size: int, culprit: int) -> int:
    """As above for one culprit, without keeping lists of thousands: ranges are cut as lists are."""
    plan, pushes = isolate(range(size)), 1
    group = next(plan)
    while True:
        pushes += 1
        try:
            group = plan.send(culprit in group)
        except StopIteration:
            # The rest goes in one push.
            return pushes + 1


@given(st.integers(2, 64), st.sets(st.integers(0, 63), min_size=1, max_size=5))
def test_each_further_culprit_costs_no_more_than_the_first(size, bad):
    bad = {row for row in bad if row < size} or {0}

    rejected, pushes = _found_by_halving(size, bad)

    assert rejected == bad
    assert pushes <= most_pushes(size, len(bad))


@given(st.lists(st.integers(), unique=True, max_size=40))
def test_witnesses_are_heard_once_each_in_groups_that_grow_from_the_far_end(others):
    groups = list(witnesses(others))

    assert [one for group in groups for one in group] == others[::-1]
    assert [len(group) for group in groups[:-1]] == [2**place for place in range(len(groups) - 1)]


def test_five_bad_ones_in_front_of_a_good_one_do_not_block_the_lane(world):
    bad = {f"a{number}" for number in range(1, 7)}
    world.fake.refuses = lambda record: ("no_name", None) if record["action"] in bad else None
    world.record(*range(1, 11))

    world.drain()

    assert world.lane()[0] == "open"
    assert world.ledger() == {"offered": 10, "recorded": 10, "delivered": 4, "rejected": 6}
