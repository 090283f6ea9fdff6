"""The attempt log counts requests, those of a split included."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any


def attempts(world: Any, number: int) -> tuple[int, int | None]:
    """The attempts of an action's delivery: as counted at the mark, and as the log's last line says."""
    with closing(sqlite3.connect(world.path)) as connection:
        query = "SELECT attempt FROM deliveries JOIN intake ON intake.id = intake_id WHERE action_id = ?"
        counted = connection.execute(query, (f"a{number}",)).fetchone()[0]
    return counted, world.renkei.why("t", f"a{number}").events[-1].number


def test_a_culprit_found_by_halving_has_the_number_of_the_request_that_found_it(world: Any) -> None:
    world.fake.refuses = lambda record: ("odd", None) if record["action"] == "a0" else None
    world.record(0, 1, 2, 3)

    world.drain()

    # In the whole, in its half, and alone.
    assert attempts(world, 0) == (3, 3)


def test_a_request_lost_in_the_middle_of_a_split_has_its_number(world: Any) -> None:
    world.fake.fail("refuse", "lose_answer")
    world.record(0, 1, 2, 3)

    world.drain()

    assert attempts(world, 0) == (2, 2)
