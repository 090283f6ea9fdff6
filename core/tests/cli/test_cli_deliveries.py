"""From recorded to settled: working, looking, mending."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commandline import Run, action, lines


@pytest.fixture
def doubtful(connected: Run, kintone: object) -> Run:
    """`run` with one delivery whose outcome nobody can know: no key field, and the answer was lost."""
    connected("integrations", "add", "support", "--connection", "kintone", "--without", "キー")
    connected("record", "-", stdin=lines(action(1)))
    kintone.order("applied_then_cut", path="records.json")  # type: ignore[attr-defined]  # the simulator's domain
    connected("work", "--until-idle")
    return connected


def test_what_was_recorded_arrives(bound: Run, kintone: object) -> None:
    bound("record", "-", stdin=lines(*(action(number) for number in range(5))))

    worked = bound("work", "--until-idle", "--json").json

    assert worked["idle"] is True
    assert worked["settled"] == worked["ledger"]["delivered"] == 5
    assert len(kintone.values()) == 5  # type: ignore[attr-defined]  # the simulator's domain


def test_a_worker_without_work_ends_after_its_time(bound: Run) -> None:
    ended = bound("work", "--for", "0")

    assert "Delivering" in ended.err
    assert ended.out.startswith("offered 0")


def test_idle_that_was_not_reached_in_time_is_a_failure(bound: Run, kintone: object) -> None:
    bound("record", "-", stdin=lines(action(1)))
    kintone.order("slow", seconds=1, times=9)  # type: ignore[attr-defined]  # the simulator's domain

    ended = bound("work", "--until-idle", "--for", "0.01", code=1)

    assert "before everything that could be delivered was" in ended.err


def test_rejections_are_told_and_with_check_they_decide_the_exit_code(bound: Run) -> None:
    bound("record", "-", stdin=json.dumps(action(1, message={"subject": "\0"})) + "\n")

    assert "1 rejected" in bound("work", "--until-idle").out
    assert bound("work", "--until-idle", "--check", code=3).code == 3


def test_the_ledger_adds_up_for_an_inbox_and_for_the_tenant(bound: Run) -> None:
    bound("record", "-", stdin=lines(action(1)))

    ledger = bound("ledger", "support", "--json").json

    assert (ledger["offered"], ledger["waiting"], ledger["adds_up"]) == (1, 1, True)
    assert "待機 1" in bound("ledger", "--lang", "ja").out
    assert bound("ledger", "--tenant", "another", "--json").json["offered"] == 0


def test_why_tells_the_whole_story(bound: Run) -> None:
    bound("record", "-", stdin=lines(action(1)))
    bound("work", "--until-idle")

    told, story = bound("why", "A-1").out, bound("why", "A-1", "--json").json

    assert "A-1: delivered" in told
    assert "https://demo.cybozu.com/k/1/show#record=" in told
    assert story["status"]["state"] == "delivered"
    assert story["occurred_at"].endswith("+00:00")
    assert "No action 'A-9'" in bound("why", "A-9", code=1).err


def test_a_rejected_action_is_in_the_log_and_can_be_replayed_under_new_settings(
    bound: Run, tmp_path: Path, kintone: object
) -> None:
    bound("record", "-", stdin=json.dumps(action(1, message={"subject": "\0"})) + "\n")
    bound("work", "--until-idle")
    path = tmp_path / "m.json"
    rules = [{"target": "キー", "source": "delivery.key"}, {"target": "件名", "constant": "（なし）"}]
    path.write_text(json.dumps({"rules": rules}), encoding="utf-8")
    bound("integrations", "edit", "support", "--mapping", str(path))

    assert "control_character" in bound("log", "support").out
    assert bound("replay", "support", "--under", "new-settings", "--json").json["replayed"] == 1
    bound("work", "--until-idle")

    assert [values["件名"] for values in kintone.values()] == ["（なし）"]  # type: ignore[attr-defined]


def test_a_doubtful_delivery_is_settled_by_a_person(doubtful: Run) -> None:
    assert doubtful("ledger", "--json").json["doubtful"] == 1

    doubtful("settle", "support", "A-1", "--remote-id", "1")

    assert doubtful("ledger", "--json").json["delivered"] == 1
    assert "only a doubtful one" in doubtful("settle", "support", "A-1", code=1).err


def test_a_doubtful_delivery_is_sent_again_or_cancelled_by_name(doubtful: Run) -> None:
    assert doubtful("replay", "support", "--json").json["replayed"] == 0
    assert doubtful("replay", "support", "A-1", "--json").json["replayed"] == 1
    assert doubtful("cancel", "support", "A-1", "--json").json["cancelled"] == 1
    assert doubtful("ledger", "--json").json["cancelled"] == 1


def test_an_inbox_without_trouble_has_an_empty_log(bound: Run) -> None:
    assert bound("log", "support").out == "Nothing went wrong.\n"
    assert bound("log", "support", "--json").json == []
