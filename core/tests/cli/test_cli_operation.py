"""Health, audit, keys, backends, and everything about the surroundings that can be wrong."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from commandline import Run, action, lines

from renkei.cli import backends as backends_command


def test_the_backends_are_listed_with_state_version_and_capabilities(run: Run) -> None:
    found = {entry["id"]: entry for entry in run("backends", "--json").json}

    assert {name: entry["state"] for name, entry in found.items()} == {"kintone": "ready", "template": "ready"}
    assert found["kintone"]["distribution"] == "renkei-kintone"
    assert found["kintone"]["entry_point"] == "renkei_kintone.backend"
    assert found["template"]["capabilities"]["refresh"]["state"] == "supported"
    assert found["kintone"]["name"] == {"ja": "kintone", "en": "kintone"}


def test_a_backend_that_the_operator_disabled_says_so_and_the_others_work(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENKEI_DISABLED", "template")

    assert "The operator has disabled it." in run("backends").out
    assert "disabled" in run("connections", "add", "template", code=1).err


def test_health_says_what_needs_a_person(bound: Run) -> None:
    assert bound("health", "--json").json["ok"] is True
    assert bound("health").out.startswith("All is well.")


def test_the_audit_trail_names_who_did_what(bound: Run) -> None:
    bound("--as", "tanaka", "integrations", "pause", "support")

    newest = bound("audit", "support", "--json").json[0]

    assert (newest["actor"], newest["event"]) == ("tanaka", "integration.paused")
    assert "integration.paused" in bound("audit").out


def test_a_new_key_goes_first_and_secrets_are_sealed_with_it(connected: Run, surroundings: Path) -> None:
    file = surroundings / "renkei.db.key"
    before = [line for line in file.read_text().splitlines() if not line.startswith("#")]

    made = connected("keys", "new", "--file", str(file), "--json").json
    assert connected("keys", "reseal", "--json").json == {"resealed": 1}
    file.write_text("".join(line + "\n" for line in file.read_text().splitlines() if line not in before))

    assert file.read_text().startswith(made["id"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert connected("connections", "test", "kintone").code == 0


def test_a_printed_key_serves_in_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = run("keys", "new").out.strip()
    monkeypatch.setenv("RENKEI_KEYS", entry)

    assert run("ledger").code == 0
    assert not (tmp_path / "renkei.db.key").exists()
    assert run("keys", "new", "--json").json["entry"].startswith("k")


def test_a_wrong_vault_key_is_refused_before_anything_is_stored(
    connected: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENKEI_KEYS", connected("keys", "new").out.strip())

    failure = connected("connections", "list", "--json", code=1).failure

    assert failure["type"] == "VaultError"


@pytest.mark.parametrize("keys", ["nonsense", "k1:c2hvcnQ="])
def test_a_malformed_key_is_refused_and_not_repeated(run: Run, monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("RENKEI_KEYS", keys)

    ended = run("ledger", code=1)

    assert "key entry 1" in ended.err
    assert keys not in ended.err


def test_two_sources_of_keys_are_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENKEI_KEYS", "x")
    monkeypatch.setenv("RENKEI_KEY_FILE", "y")

    assert "keep one of them" in run("ledger", code=2).err


def test_a_key_file_of_one_s_own_is_made_on_first_use(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RENKEI_KEY_FILE", str(tmp_path / "mine.key"))

    run("ledger")

    assert (tmp_path / "mine.key").stat().st_mode & 0o777 == 0o600


def test_a_key_is_not_put_into_a_file_that_holds_something_else(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a key\n")

    assert "key entry 1" in run("keys", "new", "--file", "notes.txt", code=1).err
    assert (tmp_path / "notes.txt").read_text() == "not a key\n"
    assert "cannot be written" in run("keys", "new", "--file", "nowhere/x.key", code=2).err


def test_a_database_from_a_newer_version_is_left_alone(bound: Run, surroundings: Path) -> None:
    with sqlite3.connect(surroundings / "renkei.db") as database:
        database.execute("UPDATE renkei_schema SET version_num = '9999'")
    database.close()

    assert "install the renkei that made it" in bound("ledger", code=1).err


def test_a_file_that_is_no_database_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x" * 4096)

    assert "not a database of renkei's" in run("--database", "notes.txt", "ledger", code=1).err
    assert "cannot be opened" in run("--database", "nowhere/renkei.db", "ledger", code=1).err
    assert "must begin with sqlite" in run("--database", "mysql://x", "ledger", code=1).err


def test_a_read_only_database_refuses_to_record_and_says_so(bound: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENKEI_KEY_FILE", "renkei.db.key")
    read_only = "sqlite:///file:renkei.db?mode=ro&uri=true"

    ended = bound("--database", read_only, "record", "-", stdin=lines(action(1)), code=1)

    assert "the database is read-only" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("routes", ["demo.cybozu.com=http://192.0.2.1:80", "nonsense", "=http://127.0.0.1:1"])
def test_routes_lead_to_this_machine_alone(run: Run, monkeypatch: pytest.MonkeyPatch, routes: str) -> None:
    monkeypatch.setenv("RENKEI_ROUTES", routes)

    assert "cannot be used" in run("ledger", code=1).err


def test_the_simulators_shorter_wait_needs_a_route(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RENKEI_ROUTES")

    ended = run("--lang", "ja", "ledger", code=2)

    assert "RENKEI_ROUTES も設定するか" in ended.err


@pytest.mark.parametrize("seconds", ["soon", "-1", "nan", "1e9"])
def test_the_simulators_shorter_wait_is_a_number_of_seconds(
    run: Run, monkeypatch: pytest.MonkeyPatch, seconds: str
) -> None:
    monkeypatch.setenv("RENKEI_SIMULATED_SETTLES_WITHIN", seconds)

    assert "number of seconds" in run("ledger", code=2).err


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("nonsense", "module:object"),
        ("nowhere_at_all:host", "cannot be loaded"),
        ("json:dumps", "cannot be loaded"),
        ("json:decoder", "is not a host"),
        ("renkei:nothing", "cannot be loaded"),
    ],
)
def test_a_host_that_cannot_be_used_says_why(run: Run, host: str, said: str) -> None:
    assert said in run("--host", host, "integrations", "list", code=2).err


@pytest.mark.parametrize("host", ["renkei:Helpdesk", "ready_host:host"])
def test_a_host_is_a_class_or_an_instance(
    run: Run, surroundings: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    (surroundings / "ready_host.py").write_text("from renkei import Helpdesk\n\nhost = Helpdesk()\n")
    monkeypatch.syspath_prepend(str(surroundings))

    assert run("--host", host, "integrations", "list", "--json").json == []


def test_a_defect_is_one_line_and_its_traceback_is_kept_for_the_debug_level(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_state: object) -> None:
        raise KeyError("a customer's words")

    monkeypatch.setattr(backends_command, "describe", broken)

    short, long = run("backends", code=70), run("backends", "--log-level", "debug", code=70)

    assert short.err.splitlines() == [
        "Error: Something unexpected went wrong (KeyError). Run it again with --log-level debug to see where."
    ]
    assert "Traceback" in long.err
    assert run("backends", "--json", code=70).failure["type"] == "KeyError"


def test_the_language_comes_from_the_option_the_variable_or_the_locale(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("health").out.startswith("All is well.")
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert run("health").out.startswith("正常です。")
    monkeypatch.setenv("RENKEI_LANG", "en")
    assert run("health").out.startswith("All is well.")
    assert run("health", "--lang", "ja").out.startswith("正常です。")


def test_global_options_stand_before_or_after_the_command_and_the_later_one_counts(run: Run, tmp_path: Path) -> None:
    run("--database", "a.db", "ledger")
    run("--database", "a.db", "ledger", "--database", "b.db")

    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["a.db", "b.db"]


def test_a_misused_command_ends_with_2(run: Run) -> None:
    assert "No such command" in run("nonsense", code=2).err
    assert "Missing argument" in run("log", code=2).err


@pytest.mark.parametrize(
    "command",
    [("connections", "list"), ("integrations", "list"), ("ledger",), ("health",), ("audit",), ("backends",)],
)
def test_with_json_standard_output_is_one_document(connected: Run, command: tuple[str, ...]) -> None:
    ended = connected(*command, "--json")

    json.loads(ended.out)
    assert ended.err == ""
