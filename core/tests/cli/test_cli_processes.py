"""The real thing: processes, signals, a terminal, and what they leave in logs."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from commandline import TOKEN, Run, action, lines, spawned

from renkei_kintone.simulator import Kintone


def test_help_answers_without_loading_the_engine() -> None:
    code = (
        "import sys, renkei.cli\nsys.argv = ['renkei', '--help']\ntry: renkei.cli.main()\nfinally: print(*sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = set(done.stdout.splitlines()[-1].split())
    assert "Exit codes" in done.stdout
    assert not loaded & {"sqlalchemy", "httpx", "pydantic", "stevedore", "renkei.engine", "renkei.spec", "asyncio"}


def test_receipts_come_out_chunk_by_chunk_while_the_input_goes_on(bound: Run) -> None:
    with spawned("record", "-", "--receipts", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        process.stdin.write(lines(*(action(number) for number in range(501))))
        process.stdin.flush()
        first = [json.loads(process.stdout.readline()) for _ in range(500)]
        stored = _count("deliveries")
        rest, _ = process.communicate()

    assert stored == len({receipt["action_id"] for receipt in first}) == 500
    assert len(rest.splitlines()) == 1
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_asked_to_end_does_so_in_order(bound: Run, number: signal.Signals) -> None:
    bound("record", "-", stdin=lines(action(1)))

    with spawned("work") as process:
        assert process.stderr is not None
        assert "Delivering" in process.stderr.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

    assert process.returncode == 0, err
    assert "sending 0" in out


def test_a_signal_while_working_until_idle_finishes_what_is_on_the_wire(bound: Run, kintone: Kintone) -> None:
    bound("record", "-", stdin=lines(action(1)))

    with spawned("work", "--until-idle", "--json") as process:
        kintone.order("signal", pid=process.pid, signal=int(signal.SIGTERM), at="after_apply", path="records.json")
        out, err = process.communicate(timeout=30)

    assert process.returncode in (0, 1), err
    assert json.loads(out)["ledger"]["sending"] == 0


def test_at_a_terminal_what_is_missing_is_asked_for_by_its_label_and_the_secret_is_not_echoed(
    surroundings: Path, kintone: Kintone
) -> None:
    screen, terminal = pty.openpty()
    command = ("--lang", "ja", "connections", "add", "kintone", "--set", "subdomain=demo", "--json")

    with spawned(*command, stdin=terminal, start_new_session=True) as process:
        os.write(screen, b"1\n")
        asked = _until(process, "APIトークン: ")  # the space comes when the echo is off
        os.write(screen, f"{TOKEN}\n".encode())
        out, err = process.communicate(timeout=30)
    os.close(terminal)
    os.close(screen)

    assert process.returncode == 0, err
    assert "アプリID" in asked
    assert json.loads(out)["account"] == "対応履歴"
    assert TOKEN not in asked + out + err


def test_the_token_is_nowhere_in_debug_logs_and_json(bound: Run) -> None:
    bound("record", "-", stdin=lines(action(1)))
    commands = [
        ("work", "--until-idle", "--json"),
        ("connections", "test", "kintone", "--json"),
        ("integrations", "show", "support", "--json"),
        ("audit", "--json"),
    ]

    ended = [bound(*command, "--log-level", "debug") for command in commands]

    assert all(TOKEN not in item.out + item.err for item in ended)
    assert json.loads(ended[0].out)["ledger"]["delivered"] == 1


def _count(table: str) -> int:
    database = sqlite3.connect("renkei.db")
    try:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        database.close()


def _until(process: subprocess.Popen[str], word: str) -> str:
    assert process.stderr is not None
    seen = ""
    while word not in seen:
        character = process.stderr.read(1)
        assert character, seen
        seen += character
    return seen
