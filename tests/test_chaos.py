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
pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(600)]

SCRIPT = Path(__file__).parent / "chaos" / "run.py"
RULES_AT_WORK = ("lost", "doubled", "misjudged", "strangers", "kills_missing", "doubtful_unexplained")


def chaos(*arguments: str) -> dict[str, Any]:
    """What one command printed; it must have ended well."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--json", *arguments], capture_output=True, text=True, timeout=500, check=False
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
    # One more where two workers waited for the same kill and both were past saving.
    assert sum(told["kills"].values()) >= kills
    assert set(told["kills"]) == set(WINDOWS)


def test_with_a_key_each_action_is_one_record_whoever_is_killed() -> None:
    told = chaos("--actions", "240", "--kills", "6", "--seed", "7")

    assert_nothing_lost_and_nothing_doubled(told, actions=240, kills=6)
    assert told["found"] == 240
    assert told["doubtful"] == 0
    assert min(told["kills"].values()) >= 1
    assert told["host_kills"] >= 1
    assert len(told["faults"]) > 1


def test_without_a_key_nothing_is_doubled_and_every_doubt_is_explained() -> None:
    # The plan of this seed kills in the window "applied": at least that push is in doubt, and was stored.
    told = chaos("--actions", "160", "--kills", "4", "--seed", "7", "--no-key")

    assert_nothing_lost_and_nothing_doubled(told, actions=160, kills=4)
    assert told["kills"]["applied"] >= 1
    assert told["doubtful"] >= told["doubtful_stored"] >= 1
    assert sum(told["doubtful_by_cause"].values()) == told["doubtful"]
    assert told["found"] == told["recorded"] - told["doubtful"] + told["doubtful_stored"]


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
