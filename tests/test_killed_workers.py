"""Workers that are killed, or frozen beyond their lease: nothing recorded is lost, nothing is doubled."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from processes import INBOX, TENANT, Desk, action, child, ended_well, lone_worker, script, until, work_command

# tests/test_failure_points.py kills and freezes at every point, and faster; here it is kintone that is written to.
ALL = "RENKEI_POINTS" in os.environ
MOMENTS = ("before_apply", "after_apply", "after_answer")
# Short enough to run out while a test waits; a worker renews it at a third.
SHORT = {"lease": 3.0, "push_deadline": 2.0}


@pytest.fixture
def recorded(helpdesk: Desk) -> Desk:
    """300 actions wait, under a unique key: one push."""
    helpdesk.set_up()
    helpdesk.record(300)
    return helpdesk


def assert_each_is_one_record(helpdesk: Desk) -> None:
    stored = helpdesk.stored()
    assert set(helpdesk.noted) - set(stored) == set(), "recorded, but not in kintone"
    assert set(stored) - set(helpdesk.noted) == set(), "in kintone, but never recorded"
    assert [action_id for action_id, count in stored.items() if count > 1] == []
    keys = [values["キー"] for values in helpdesk.kintone.values()]
    assert len(set(keys)) == len(keys) == len(helpdesk.noted)


def assert_all_delivered(helpdesk: Desk) -> None:
    ledger = helpdesk.renkei.ledger(TENANT, INBOX)
    assert ledger.adds_up
    assert ledger.delivered == ledger.recorded == len(helpdesk.noted)


@contextmanager
def killed(helpdesk: Desk, at: str, after: int) -> Iterator[subprocess.Popen[str]]:
    """A worker that kintone's side kills at that moment of a push, so many pushes later."""
    with work_command(helpdesk) as process:
        # Ordered while the interpreter still starts: the worker has not sent anything yet.
        helpdesk.kintone.order("signal", pid=process.pid, signal=signal.SIGKILL, at=at, after=after)
        process.wait(timeout=60)
        assert process.returncode == -signal.SIGKILL, process.communicate()[1]
        yield process


def work_until_idle(helpdesk: Desk) -> None:
    with work_command(helpdesk) as process:
        ended_well(process, within=90)


def test_workers_killed_in_the_middle_of_5000_deliveries_lose_and_double_nothing(helpdesk: Desk) -> None:
    helpdesk.set_up()
    helpdesk.record(5000)

    # Three pushes, of 2,000, 2,000 and 1,000: one for each moment.
    for moment, there in zip(MOMENTS, (0, 2000, 3000), strict=True):
        with killed(helpdesk, moment, after=0):
            ledger, stored = helpdesk.renkei.ledger(TENANT, INBOX), sum(helpdesk.stored().values())
            assert ledger.adds_up
            # On a slow machine the first ones, held for a minute, come before the last ones.
            assert there <= stored < 5000
            print(  # noqa: T201  # for those who look on with -s
                f"killed {moment}: {ledger.delivered} delivered, {ledger.sending} on their way, "
                f"{ledger.waiting} waiting; kintone holds {stored}"
            )
    work_until_idle(helpdesk)

    assert_each_is_one_record(helpdesk)
    assert_all_delivered(helpdesk)


@pytest.mark.parametrize("point", ["claimed", "marked", "settled"] if ALL else ["marked"])
def test_a_worker_killed_at_any_step_of_its_own_loses_and_doubles_nothing(recorded: Desk, point: str) -> None:
    with lone_worker(recorded, stop_at=point) as process:
        process.wait(timeout=60)
        assert process.returncode == -signal.SIGKILL
    work_until_idle(recorded)

    assert_each_is_one_record(recorded)
    assert_all_delivered(recorded)


def test_what_is_recorded_while_workers_are_killed_is_delivered_as_well(recorded: Desk) -> None:
    with work_command(recorded) as process:
        recorded.kintone.order("signal", pid=process.pid, signal=signal.SIGKILL, at="after_apply")
        noted_before = len(recorded.noted)
        for number in range(1000, 1200):
            receipt = recorded.renkei.record(TENANT, INBOX, action(number))
            recorded.noted.append(receipt.action_id)
        process.wait(timeout=60)
    work_until_idle(recorded)

    assert len(recorded.noted) == noted_before + 200
    assert_each_is_one_record(recorded)
    assert_all_delivered(recorded)


def test_every_id_that_a_killed_host_had_a_receipt_for_is_one_record(helpdesk: Desk) -> None:
    helpdesk.set_up()
    with child(script("recorder", {"database": str(helpdesk.database)})) as host:
        assert host.stdout is not None
        receipts = [host.stdout.readline().strip() for _ in range(200)]
        host.kill()
        receipts += host.stdout.read().split()
    work_until_idle(helpdesk)

    stored = helpdesk.stored()
    assert set(receipts) <= set(stored)
    assert len(stored) - len(receipts) <= 1, "more than the one that was being recorded"
    assert set(stored.values()) == {1}
    assert helpdesk.renkei.ledger(TENANT, INBOX).adds_up


# -- frozen beyond the lease -----------------------------------------------------------------------------------------


def frozen(process: subprocess.Popen[str]) -> bool:
    """Whether the process stands still."""
    assert process.poll() is None, process.communicate()[1]
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def overtake(helpdesk: Desk, **arguments: Any) -> None:
    """Freeze a worker, let a second one take the lane over and finish, and let the first one go on."""
    with lone_worker(helpdesk, policy=SHORT, stop_with=signal.SIGSTOP, **arguments) as first:
        until(lambda: frozen(first), what="the worker stands still")
        helpdesk.kintone.faults.clear()
        with lone_worker(helpdesk, policy=SHORT) as second:
            ended_well(second)
        first.send_signal(signal.SIGCONT)
        ended_well(first)


@pytest.mark.parametrize("point", ["claimed", "marked", "before_send"] if ALL else ["before_send"])
def test_a_worker_frozen_beyond_its_lease_doubles_nothing_when_it_wakes(recorded: Desk, point: str) -> None:
    overtake(recorded, stop_at=point)

    assert_each_is_one_record(recorded)
    assert_all_delivered(recorded)


def test_the_proof_of_a_worker_that_was_frozen_after_the_answer_gives_the_link(recorded: Desk) -> None:
    overtake(recorded, stop_at="answered")

    assert_each_is_one_record(recorded)
    assert_all_delivered(recorded)
    assert [status.action_id for status in recorded.statuses() if status.remote_id is None] == []


# -- without a unique field ------------------------------------------------------------------------------------------


@pytest.fixture
def unkeyed(helpdesk: Desk) -> Desk:
    """100 actions wait, and nothing in kintone keeps them apart."""
    helpdesk.set_up(keyed=False)
    helpdesk.record(100)
    return helpdesk


def assert_none_twice(helpdesk: Desk, *, doubtful: int) -> None:
    stored = helpdesk.stored()
    assert [action_id for action_id, count in stored.items() if count > 1] == []
    unsure = helpdesk.in_state("doubtful")
    assert len(unsure) == doubtful
    assert helpdesk.in_state("delivered") == set(helpdesk.noted) - unsure
    assert helpdesk.in_state("delivered") <= set(stored)
    assert helpdesk.renkei.ledger(TENANT, INBOX).adds_up


@pytest.mark.parametrize(("moment", "there"), [("before_apply", False), ("after_apply", True)])
def test_without_a_unique_field_a_kill_makes_one_small_push_doubtful_and_nothing_twice(
    unkeyed: Desk, moment: str, there: bool
) -> None:
    with killed(unkeyed, moment, after=2):
        pass
    work_until_idle(unkeyed)

    assert_none_twice(unkeyed, doubtful=20)
    assert (unkeyed.in_state("doubtful") <= set(unkeyed.stored())) is there


def test_without_a_unique_field_a_worker_frozen_before_it_sends_sends_nothing_when_it_wakes(unkeyed: Desk) -> None:
    overtake(unkeyed, stop_at="marked", skip=2)

    assert_none_twice(unkeyed, doubtful=20)
    assert unkeyed.in_state("doubtful").isdisjoint(unkeyed.stored())


def test_without_a_unique_field_the_proof_of_a_worker_that_was_frozen_clears_the_doubt(unkeyed: Desk) -> None:
    overtake(unkeyed, stop_at="answered", skip=2)

    assert_none_twice(unkeyed, doubtful=0)
