"""A slice of what kintone's own clients do against the simulator; `make test-clients` runs all of it.

npm installs them where they are not there yet, once, into `build/clients`. Where Node, npm or its registry is missing,
what needs them is skipped with that reason.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "clients"))

from client_records import FIELDS, many, numbered, plain, wired
from outside import NotHere, Outside, ready, versions

CLIENTS = Path(__file__).parent / "clients"
PAGE = CLIENTS.parent.parent / "plugins" / "kintone" / "docs" / "outside-clients.md"
pytestmark = pytest.mark.xdist_group("outside-clients")


@pytest.fixture(scope="module")
def started() -> Iterator[Outside]:
    try:
        with ready() as outside:
            yield outside
    except NotHere as missing:
        pytest.skip(str(missing))


@pytest.fixture
def outside(started: Outside) -> Outside:
    started.afresh()
    return started


def test_one_bad_record_among_250_is_found_and_the_rest_reads_back(outside: Outside) -> None:
    records = [wired(values) for values in many(250)]
    records[177]["件名"] = {"value": ""}

    told = outside.refused("record.addAllRecords", app=1, records=records)
    records[177]["件名"] = {"value": numbered(177)["件名"]}
    added = outside("record.addAllRecords", app=1, records=records)["records"]

    assert (told["class"], told["errorIndex"], told["numOfProcessedRecords"]) == ("KintoneAllRecordsError", 177, 0)
    assert told["error"]["errors"] == {"records[77].件名.value": {"messages": ["必須です。"]}}
    read = outside("record.getAllRecords", app=1)
    assert [record["$id"]["value"] for record in read] == [record["id"] for record in added]
    assert [plain(record, *FIELDS) for record in read] == many(250) == outside.stored(*FIELDS)


def test_an_upsert_and_a_file_arrive(outside: Outside) -> None:
    data = base64.b64encode(bytes(range(256)) * 40).decode()
    key = outside("file.uploadFile", file={"name": "見積書.bin", "base64": data})["fileKey"]
    items = [{"updateKey": {"field": "キー", "value": "k"}, "record": wired({"件名": subject})} for subject in "ab"]
    items[1]["record"] |= wired({"添付": [{"fileKey": key}]})

    said = [outside("record.updateRecords", app=1, upsert=True, records=[item])["records"][0] for item in items]

    assert [each["operation"] for each in said] == ["INSERT", "UPDATE"]
    (record,) = outside("record.getRecords", app=1)["records"]
    (file,) = record["添付"]["value"]
    assert plain(record, "キー", "件名") == {"キー": "k", "件名": "b"}
    assert outside("file.downloadFile", fileKey=file["fileKey"])["base64"] == data


def test_a_csv_of_fifty_rows_goes_in_and_comes_out(outside: Outside, tmp_path: Path) -> None:
    rows = [{**values, "ラベル": "\n".join(values["ラベル"])} for values in many(50)]
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)

    imported = outside.cli("import", "--app", "1", "--file-path", tmp_path / "in.csv")
    exported = outside.cli("export", "--app", "1", "--fields", ",".join(FIELDS), "--order-by", "キー asc")

    assert (imported.returncode, exported.returncode) == (0, 0), imported.stderr + exported.stderr
    assert outside.stored(*FIELDS) == many(50)
    assert list(csv.DictReader(io.StringIO(exported.stdout, newline=""))) == rows


def test_the_page_names_the_versions_that_are_run() -> None:
    named = json.loads((CLIENTS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    page = PAGE.read_text(encoding="utf-8")

    for name, version in named.items():
        assert f"{name} {version}\n" in page


def test_the_page_lists_every_call_that_the_tests_make() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in CLIENTS.glob("test_*.py"))
    made = set(re.findall(r'"((?:record|app|file)\.\w+|bulkRequest)"', sources))
    made |= {f"cli-kintone record {command}" for command in re.findall(r'\.cli\(\s*"(\w+)"', sources)}
    listed = set(re.findall(r"^ *\d+  (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))

    assert listed == made


def test_the_page_names_files_that_exist_and_ends_in_a_summary() -> None:
    page = PAGE.read_text(encoding="utf-8")

    for name in re.findall(r"tests/clients/(test_\w+\.py)", page):
        assert (CLIENTS / name).exists()
    assert re.search(r"^=+ \d+ passed in … =+$", page, re.MULTILINE)


def test_the_lock_file_says_what_is_installed_and_not_where_from() -> None:
    lock = json.loads((CLIENTS / "package-lock.json").read_text(encoding="utf-8"))
    named = json.loads((CLIENTS / "package.json").read_text(encoding="utf-8"))["dependencies"]

    assert lock["packages"][""]["dependencies"] == named
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name


def test_the_versions_that_are_printed_are_those_of_the_lock_file(outside: Outside) -> None:
    lock = json.loads((CLIENTS / "package-lock.json").read_text(encoding="utf-8"))["packages"]

    found = versions(outside.folder)

    assert found["@kintone/rest-api-client"] == lock["node_modules/@kintone/rest-api-client"]["version"]
    assert found["@kintone/cli"] == lock["node_modules/@kintone/cli"]["version"]
