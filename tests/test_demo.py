"""The demo: one command from an empty folder to records, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from renkei.cli import simulated
from renkei.cli.failures import CommandError

DEMO = [sys.executable, "-m", "renkei", "demo"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """No variable from outside; temporary files go where the test can count them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RENKEI_", "LC_", "LANG"))}
    (tmp_path / "tmp").mkdir()
    return kept | {"TMPDIR": str(tmp_path / "tmp")}


def test_the_demo_walks_through_the_set_up_and_shows_records_beside_their_actions(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [*DEMO, "--actions", "24", "--lang", "ja"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    steps = ("連携先を選ぶ", "サブドメイン", "提案されたルール", "すでにチケット同期連携", "12チャネル", "送信済み 24")
    places = [done.stdout.find(step) for step in steps]
    assert places == sorted(places)
    assert places[0] >= 0
    assert "already has an integration" in done.stdout
    assert list((tmp_path / "tmp").iterdir()) == []


def test_with_json_the_demo_prints_one_object_that_adds_up(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--actions", "300", "--json"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert told["offered"] == told["recorded"] == told["delivered"] == told["records"] == 300
    others = ("excluded", "conflict", "waiting", "sending", "rejected", "doubtful", "cancelled")
    assert [told[name] for name in others] == [0] * len(others)
    assert told["requests"] <= 300 / 100 + 5
    assert told["seconds"] > 0
    assert set(told["backends"]) >= {"kintone"}


def test_what_is_kept_can_be_looked_at_afterwards(environment: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    ledger = [sys.executable, "-m", "renkei", "--database", str(kept / "renkei.db"), "--tenant", "demo", "ledger"]

    first, again = (
        subprocess.run(
            [*DEMO, "--actions", "12", "--keep", str(kept)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    )
    told = subprocess.run([*ledger, "--json"], env=environment, capture_output=True, text=True, check=True)

    assert first.returncode == 0, first.stderr
    assert json.loads(told.stdout)["delivered"] == 12
    assert again.returncode == 2
    assert "holds a renkei.db already" in again.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_demo_that_is_interrupted_leaves_no_simulator_and_no_file(
    environment: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [*DEMO, "--actions", "100000", "--lang", "en"],
        env=environment | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A shell's background job ignores Ctrl-C, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    while "Record 100000" not in (line := process.stdout.readline()):
        assert line
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()

    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert children
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_without_the_simulator_the_demo_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "SCRIPT", "renkei-nothing")

    with pytest.raises(CommandError, match=r"renkei-kintone\[simulator\]"), simulated.simulator():
        pass


def test_a_simulator_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "_RUN", "import sys; sys.exit('starlette is missing')")

    with pytest.raises(CommandError, match="starlette is missing"), simulated.simulator():
        pass
