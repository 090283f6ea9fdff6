"""Twenty processes that start at once on an empty folder agree on one database and one key."""

from __future__ import annotations

import pkgutil
import sqlite3
from contextlib import closing
from pathlib import Path

from processes import TENANT, crowd, desk, engine

from renkei.store.migrations import versions

NEWEST = max(found.name[1:5] for found in pkgutil.iter_modules(versions.__path__))
"""Number of the newest migration."""


def test_20_processes_that_start_on_an_empty_folder_share_one_schema_one_key_and_one_id(tmp_path: Path) -> None:
    with desk(tmp_path / "elsewhere") as sim:
        folder = tmp_path / "new"
        folder.mkdir()

        found = crowd(20, "first_start", folder=str(folder), url=sim.url)

        assert {one.get("account") for one in found} == {found[0].get("account")} != {None}, found
        assert len({one["installation"] for one in found}) == 1
        assert_one_of_each(folder)
        with engine(folder / "renkei.db", sim.url) as renkei:
            opened = [renkei.connections.test(TENANT, "mori", f"c{number}").account for number in range(20)]
        assert set(opened) == {found[0]["account"]}


def assert_one_of_each(folder: Path) -> None:
    left = sorted(path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm")))
    assert left == ["renkei.db", "renkei.db.key"]
    key = folder / "renkei.db.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len([line for line in key.read_text().splitlines() if not line.startswith("#")]) == 1
    with closing(sqlite3.connect(folder / "renkei.db")) as database:
        assert database.execute("SELECT version_num FROM renkei_schema").fetchall() == [(NEWEST,)]
        assert database.execute("SELECT count(*) FROM connections").fetchone() == (20,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
