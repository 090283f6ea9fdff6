"""A read-only or full disk, a wrong key, a database of a newer version: said clearly, and nothing is half done."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from processes import ADMIN, INBOX, SETTINGS, TENANT, Desk, TellClerk, action, child, clerk_at, ended_well, engine

from renkei.store import StoreTooNew, StoreUnavailable, VaultError
from renkei.store.vault import new_key


def everything_in(database: Path) -> list[str]:
    """The whole content, as SQL."""
    with closing(sqlite3.connect(database)) as opened:
        return list(opened.iterdump())


@pytest.fixture
def standing(helpdesk: Desk) -> Desk:
    """Five actions wait, and nobody has the database open."""
    helpdesk.set_up()
    helpdesk.record(5, threads=1)
    helpdesk.renkei.close()
    return helpdesk


def assert_adds_up(tell: TellClerk, **counts: int) -> None:
    ledger = tell("ledger")
    assert ledger["adds_up"]
    assert {name: ledger[name] for name in counts} == counts


# -- read-only -------------------------------------------------------------------------------------------------------

SENTENCE = r"Cannot use the database: .*(file and its folder writable|its folder exists and is writable)"


@pytest.fixture(params=[("renkei.db",), (".",), ("renkei.db", ".")], ids=["file", "folder", "file and folder"])
def read_only(standing: Desk, request: pytest.FixtureRequest) -> Iterator[Desk]:
    paths = [standing.database.parent / name for name in request.param]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield standing
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def make_writable(desk: Desk) -> None:
    desk.database.chmod(0o644)
    desk.database.parent.chmod(0o755)


def test_a_read_only_database_refuses_every_action_and_goes_on_once_it_can_be_written(read_only: Desk) -> None:
    before = everything_in(read_only.database)
    with clerk_at(read_only) as tell:
        assert len(tell("may_write")) < 2

        for name, *arguments in (["record", 5], ["record_many", 5, 8], ["pause"], ["record", 5]):
            kind, says = tell.refused(name, *arguments)
            assert kind == "StoreUnavailable"
            assert re.match(SENTENCE, says), says
        assert everything_in(read_only.database) == before

        make_writable(read_only)
        tell("record_many", 5, 10)
        assert tell("work")
        assert_adds_up(tell, offered=10, recorded=10, delivered=10)
    assert sum(read_only.stored().values()) == 10


# -- full ------------------------------------------------------------------------------------------------------------


def test_a_full_disk_refuses_actions_and_every_confirmed_one_is_delivered_after_it(standing: Desk) -> None:
    with clerk_at(standing) as tell:
        tell("record", 5)
        tell("fill", 20_000)
        answers = [tell.ask("record", number) for number in range(6, 40)]
        confirmed = [answer["answer"] for answer in answers if "answer" in answer]
        refused = {(answer["error"], answer["says"]) for answer in answers if "error" in answer}
        assert confirmed
        assert refused
        assert {kind for kind, _ in refused} == {"StoreUnavailable"}
        assert all(re.match(r"Cannot use the database: .*(full|free some space)", says) for _, says in refused)
        assert_adds_up(tell, offered=6 + len(confirmed), recorded=6 + len(confirmed))

        tell("free")
        tell("record_many", 6, 40)
        assert tell("work")
        assert_adds_up(tell, offered=40, recorded=40, delivered=40)
    assert standing.stored() == {action(number)["action"]["id"]: 1 for number in range(40)}


def test_a_disk_that_fills_up_while_a_push_is_on_the_wire_loses_and_doubles_nothing(standing: Desk) -> None:
    with clerk_at(standing) as tell:
        tell("record_many", 5, 250)
        complaints = tell("work_with_a_full_disk")

        assert complaints >= 1
        assert_adds_up(tell, recorded=250, delivered=250)
    assert standing.stored() == {action(number)["action"]["id"]: 1 for number in range(250)}


MOUNT = 'mount -t tmpfs -o size=12m renkei-test "$1" && shift && exec "$@"'


def on_a_small_disk(folder: Path, *command: str) -> str:
    """Run *command* where *folder* is a file system of twelve megabytes that nobody else sees; what it wrote.

    Skips where this user may not mount one, not even in a namespace of his own.
    """
    for way in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        small = [*way, "sh", "-c", MOUNT, "sh", str(folder)]
        if (
            shutil.which("unshare")
            and subprocess.run([*small, "true"], capture_output=True, check=False).returncode == 0
        ):
            with child([*small, *command]) as process:
                return ended_well(process, within=100)
    pytest.skip("a small file system cannot be mounted here (unshare --mount, with or without --user, was refused)")


@pytest.mark.parametrize("keyed", ["keyed", "unkeyed"])
def test_a_disk_without_any_space_left_refuses_loses_nothing_and_goes_on_without_a_restart(
    tmp_path: Path, keyed: str
) -> None:
    script = str(Path(__file__).with_name("full_disk.py"))
    found = json.loads(on_a_small_disk(tmp_path, sys.executable, script, str(tmp_path), keyed))
    recorded, delivered = found["recorded"], found["delivered"]

    assert recorded["noted"] + recorded["refused"] == 120
    assert recorded["kept"] == {"waiting": recorded["noted"]}
    assert recorded["refused"]
    assert all(re.match(r"Cannot use the database: the disk .*free some space", says) for says in recorded["says"])
    assert recorded["afterwards"] == {"waiting": 120}

    assert delivered["complaints"] >= 1
    assert delivered["adds_up"]
    assert (delivered["stored"], delivered["doubled"], delivered["delivered_but_not_there"]) == (120, 0, [])
    if keyed == "keyed":
        assert delivered["ledger"]["delivered"] == 120
    else:
        # What was answered and could not be written down is for a person to look at; it is not sent again.
        assert delivered["ledger"]["doubtful"] >= 1
        assert delivered["ledger"]["delivered"] + delivered["ledger"]["doubtful"] == 120


# -- not ours to open ------------------------------------------------------------------------------------------------


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(standing: Desk) -> None:
    with closing(sqlite3.connect(standing.database)) as database:
        database.execute("UPDATE renkei_schema SET version_num = '9999'")
        database.commit()
    before = everything_in(standing.database)

    with engine(standing.database, standing.url) as renkei:
        for _ in range(2):
            with pytest.raises(
                StoreTooNew, match=r"schema '9999'.*install the renkei that made it.*Nothing was changed"
            ):
                renkei.record(TENANT, INBOX, action(5))

    assert everything_in(standing.database) == before


@pytest.mark.parametrize("same_name", [False, True], ids=["another name", "the same name"])
def test_a_wrong_vault_key_is_refused_before_anything_is_written(standing: Desk, same_name: bool) -> None:
    file = standing.database.with_name("renkei.db.key")
    right = file.read_text()
    name = right.splitlines()[-1].partition(":")[0]
    file.write_text(f"{name}:{new_key().partition(':')[2]}" if same_name else new_key())
    before = everything_in(standing.database)

    with engine(standing.database, standing.url) as renkei:
        with pytest.raises(VaultError, match=r"wrong vault key for this database: .*give"):
            renkei.record(TENANT, INBOX, action(5))
        with pytest.raises(VaultError, match="wrong vault key"):
            renkei.connections.add(TENANT, ADMIN, "another", backend="kintone", settings=SETTINGS)
        assert everything_in(standing.database) == before

        file.write_text(right)
        assert renkei.record(TENANT, INBOX, action(5)).outcome == "recorded"
        assert renkei.work_until_idle(timeout=30)
    assert sum(standing.stored().values()) == 6


def test_a_lost_key_file_is_missed_and_no_other_key_takes_its_place(standing: Desk) -> None:
    file = standing.database.with_name("renkei.db.key")
    right = file.read_text()
    file.unlink()
    before = everything_in(standing.database)

    with engine(standing.database, standing.url) as renkei:
        with pytest.raises(VaultError, match="key"):
            renkei.record(TENANT, INBOX, action(5))
        assert everything_in(standing.database) == before
        assert not file.exists(), "a key that opens nothing lies where the right one is to be restored"

        file.write_text(right)
        file.chmod(0o600)
        assert renkei.record(TENANT, INBOX, action(5)).outcome == "recorded"


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "renkei.db"
    file.write_bytes(b"these are the minutes of a meeting\n" * 200)

    with (
        engine(file, None) as renkei,
        pytest.raises(StoreUnavailable, match="Cannot use the database: the file is not a database of renkei's"),
    ):
        renkei.record(TENANT, INBOX, action(1))

    assert file.read_bytes() == b"these are the minutes of a meeting\n" * 200
    assert not file.with_name("renkei.db.key").exists()


def test_a_folder_that_is_not_there_is_named_as_the_reason(tmp_path: Path) -> None:
    with (
        engine(tmp_path / "nowhere" / "renkei.db", None) as renkei,
        pytest.raises(StoreUnavailable, match="check that its folder exists and is writable"),
    ):
        renkei.record(TENANT, INBOX, action(1))
