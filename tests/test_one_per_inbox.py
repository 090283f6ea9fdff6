"""One integration per inbox: one succeeds, the others are told which one it was."""

from __future__ import annotations

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import Any

import pytest
from processes import CONNECTION, INBOX, TENANT, Desk, attempt, crowd

CONTENDERS = 50


def assert_one_won(found: list[dict[str, Any]]) -> None:
    outcomes = Counter(one["came_to"] for one in found)
    assert outcomes == {"created": 1, "exists": len(found) - 1}, [one for one in found if one["came_to"] == "error"]
    named = {(one["connection"], one["target"]) for one in found if one["came_to"] == "exists"}
    assert named == {(CONNECTION, "対応履歴")}
    says = next(one["says"] for one in found if one["came_to"] == "exists")
    assert repr(INBOX) in says
    assert repr(CONNECTION) in says
    assert not any("locked" in one["says"] for one in found)


def rows(helpdesk: Desk, table: str) -> int:
    with closing(sqlite3.connect(helpdesk.database)) as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.parametrize("look_before", [True, False], ids=["looking before", "by the index alone"])
def test_of_50_processes_that_race_for_one_inbox_exactly_one_wins(helpdesk: Desk, look_before: bool) -> None:
    found = crowd(
        CONTENDERS,
        "create_integration",
        database=str(helpdesk.database),
        url=helpdesk.url,
        inbox=INBOX,
        look_before=look_before,
    )

    assert_one_won(found)
    assert rows(helpdesk, "integrations") == rows(helpdesk, "revisions") == rows(helpdesk, "lanes") == 1


@pytest.mark.parametrize("look_before", [True, False], ids=["looking before", "by the index alone"])
def test_of_20_threads_that_race_for_one_inbox_exactly_one_wins(helpdesk: Desk, look_before: bool) -> None:
    barrier = Barrier(20)
    helpdesk.renkei.integrations._look_before = look_before

    def race(number: int) -> dict[str, Any]:
        barrier.wait()
        return attempt(helpdesk.renkei, INBOX, number)

    with ThreadPoolExecutor(20) as threads:
        found = list(threads.map(race, range(20)))

    assert_one_won(found)


def test_a_deleted_integration_makes_room_for_exactly_one_more(helpdesk: Desk) -> None:
    helpdesk.set_up()
    helpdesk.renkei.integrations.delete(TENANT, "mori", INBOX)

    found = crowd(
        10,
        "create_integration",
        database=str(helpdesk.database),
        url=helpdesk.url,
        inbox=INBOX,
        look_before=False,
    )

    assert_one_won(found)
    assert rows(helpdesk, "integrations") == 2
