"""A slice of `make chaos`: the whole of it runs for minutes, and is started by hand."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chaos.plan import FAULTS, WINDOWS, plan
from chaos.without import RULES

# One at a time: each keeps several processes busy.
pytestmark = pytest.mark.xdist_group("chaos")

SCRIPT = Path(__file__).parent / "chaos" / "run.py"
RULES_AT_WORK = ("lost", "doubled", "misjudged", "strangers", "kills_missing", "doubtful_unexplained")


def chaos(*arguments: str) -> dict[str, Any]:
    """What one command printed; it must have ended well."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--json", *arguments], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.stdout.count("\n") == 1, done.stderr
    assert done.returncode == 0, done.stdout
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def assert_nothing_lost_and_nothing_doubled(told: dict[str, Any], *, actions: int, kills: int) -> None:
    assert {name: told[name] for name in RULES_AT_WORK} == dict.fromkeys(RULES_AT_WORK, 0)
    assert told["broken_looks"] == []
    assert told["looks"] > 1
    assert told["recorded"] == told["ledger"]["recorded"] == actions
    assert sum(told["kills"].values()) == kills
    assert set(told["kills"]) == set(WINDOWS)


def test_with_a_key_each_action_is_one_record_whoever_is_killed() -> None:
    told = chaos("--actions", "1500", "--kills", "8", "--seed", "7")

    assert_nothing_lost_and_nothing_doubled(told, actions=1500, kills=8)
    assert told["found"] == 1500
    assert told["doubtful"] == 0
    assert min(told["kills"].values()) >= 1
    assert told["host_kills"] >= 1
    assert sum(told["freezes"].values()) >= 1


def test_without_a_key_nothing_is_doubled_and_every_doubt_is_explained() -> None:
    told = chaos("--actions", "600", "--kills", "4", "--seed", "7", "--no-key")

    assert_nothing_lost_and_nothing_doubled(told, actions=600, kills=4)
    assert told["doubtful"] > 0, "four kills, and nobody was in the middle of a push"
    assert sum(told["doubtful_by_cause"].values()) == told["doubtful"]
    assert told["found"] == told["recorded"] - told["doubtful"] + told["doubtful_stored"]


def test_without_the_mark_a_killed_worker_doubles() -> None:
    # A harness that cannot fail would prove nothing.
    races = {race["key"]: race for race in chaos("--races", "mark")["races"]}

    assert races[False]["with"] == {"lost": 0, "doubled": 0, "doubtful": 10, "misjudged": 0}
    assert races[False]["without"] == {"lost": 0, "doubled": 10, "doubtful": 0, "misjudged": 0}
    assert races[True]["with"] == {"lost": 0, "doubled": 0, "doubtful": 0, "misjudged": 0}
    assert races[True]["without"]["misjudged"] == 10


@pytest.mark.parametrize("name", [*WINDOWS, *FAULTS, *RULES])
def test_the_page_names_every_window_fault_and_rule(name: str) -> None:
    page = (Path(__file__).parents[1] / "docs" / "outcomes.md").read_text(encoding="utf-8")
    first_cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]

    assert name in re.findall(r"[\w-]+", " ".join(first_cells))


def test_the_plan_depends_on_the_seed_alone() -> None:
    first, again, other = (plan(seed, kills=200, actions=100_000, keyed=True) for seed in (1, 1, 2))

    assert first == again
    assert first.digest != other.digest
    assert min(sum(1 for kill in first.kills if kill.window == window) for window in WINDOWS) >= 20
