"""Both clients over https, where they trust the simulator's self-made certificate and where they do not."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_records import FIELDS, many, plain, wired
from outside import Outside, ready


@pytest.fixture(scope="module")
def secured() -> Iterator[Outside]:
    with ready("--https") as outside:
        yield outside


@pytest.fixture
def outside(secured: Outside) -> Outside:
    secured.afresh()
    return secured


def test_records_and_files_go_over_https(outside: Outside) -> None:
    data = base64.b64encode(bytes(range(256)) * 400).decode()

    added = outside("record.addAllRecords", app=1, records=[wired(values) for values in many(250)])["records"]
    key = outside("file.uploadFile", file={"name": "a.bin", "base64": data})["fileKey"]
    outside("record.updateRecord", app=1, id=added[0]["id"], record=wired({"添付": [{"fileKey": key}]}))
    read = outside("record.getAllRecords", app=1)

    assert outside.url.startswith("https://localhost:")
    assert [plain(record, *FIELDS) for record in read] == many(250) == outside.stored(*FIELDS)
    (file,) = read[0]["添付"]["value"]
    assert outside("file.downloadFile", fileKey=file["fileKey"])["base64"] == data


def test_a_csv_goes_over_https(outside: Outside, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("キー,件名\nk1,件名1\nk2,件名2\n", encoding="utf-8")

    done = outside.cli("import", "--app", "1", "--file-path", tmp_path / "in.csv")

    assert done.returncode == 0, done.stderr
    assert outside.stored("キー", "件名") == [{"キー": "k1", "件名": "件名1"}, {"キー": "k2", "件名": "件名2"}]


def test_a_client_that_does_not_trust_the_certificate_sends_nothing(outside: Outside, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("キー,件名\nk1,件名1\n", encoding="utf-8")

    done = outside.cli("import", "--app", "1", "--file-path", tmp_path / "in.csv", trusts=False)

    assert done.returncode == 1
    assert "certificate" in done.stderr
    assert outside.requests() == []
