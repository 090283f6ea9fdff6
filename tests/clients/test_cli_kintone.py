"""cli-kintone against the simulator: CSV in and out, and what the simulator then holds."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from client_records import FIELDS, many, numbered, wired
from outside import CUSTOMER, FULL, GUEST, Outside

GUEST_SPACE = ("--guest-space-id", "5", "--api-token", GUEST)
ENCODINGS = {"utf8": "utf-8", "sjis": "cp932"}


def written(path: Path, rows: list[dict[str, Any]], encoding: str = "utf8") -> Path:
    """A file of rows; several values of a cell stand on lines of their own."""
    with path.open("w", encoding=ENCODINGS[encoding], newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow({code: "\n".join(cell) if isinstance(cell, list) else cell for code, cell in row.items()})
    return path


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def cells(values: dict[str, Any]) -> dict[str, str]:
    """How a record's values stand in a row."""
    return {code: "\n".join(value) if isinstance(value, list) else value for code, value in values.items()}


def imported(outside: Outside, path: Path, *more: str | Path, **options: Any) -> str:
    done = outside.cli("import", "--app", "1", "--file-path", path, *more, **options)
    assert done.returncode == 0, done.stderr
    return done.stderr


def exported(outside: Outside, *more: str | Path, encoding: str = "utf8") -> list[dict[str, str]]:
    done = outside.cli("export", "--app", "1", "--encoding", encoding, *more, encoding=ENCODINGS[encoding])
    assert done.returncode == 0, done.stderr
    return read(done.stdout)


@pytest.mark.parametrize("encoding", ["utf8", "sjis"])
def test_a_thousand_rows_go_in_and_come_out_the_same(outside: Outside, tmp_path: Path, encoding: str) -> None:
    sent = many(1_000)
    for values in sent:
        values["件名"] = values["件名"].replace("😀", "①～" if encoding == "sjis" else "😀")  # Shift JIS has no emoji

    said = imported(outside, written(tmp_path / "in.csv", sent, encoding), "--encoding", encoding)
    rows = exported(outside, "--fields", ",".join(FIELDS), "--order-by", "キー asc", encoding=encoding)

    assert "Imported 1000 records successfully" in said
    writes = [entry for entry in outside.requests() if entry[:2] == ("POST", "/k/v1/bulkRequest.json")]
    assert [entry[3] for entry in writes] == [1_000]
    assert outside.stored(*FIELDS) == sent
    assert rows == [cells(values) for values in sent]


def test_an_update_key_updates_what_is_there_and_adds_what_is_not(outside: Outside, tmp_path: Path) -> None:
    imported(outside, written(tmp_path / "in.csv", many(10)))
    changed = [{"キー": f"k{number:05}", "件名": f"改 {number}"} for number in range(5, 15)]

    said = imported(outside, written(tmp_path / "changed.csv", changed), "--update-key", "キー")

    assert "Imported 10 records successfully" in said
    stored = outside.stored()
    assert [values["件名"] for values in stored[:5]] == [numbered(number)["件名"] for number in range(5)]
    assert [(values["キー"], values["件名"]) for values in stored[5:]] == [
        (row["キー"], row["件名"]) for row in changed
    ]
    assert stored[5]["本文"] == numbered(5)["本文"]


def test_rows_of_a_table_go_in_and_come_out(outside: Outside, tmp_path: Path) -> None:
    rows = [
        {"*": "*", "キー": "t1", "件名": "表", "経過": "", "経過内容": "電話", "経過分": "5"},
        {"*": "", "キー": "t1", "件名": "表", "経過": "", "経過内容": "折り返し", "経過分": "12"},
        {"*": "*", "キー": "t2", "件名": "空", "経過": "", "経過内容": "", "経過分": ""},
    ]

    imported(outside, written(tmp_path / "in.csv", rows))

    tables = [values.get("経過", []) for values in outside.stored()]
    assert [
        [(row["value"]["経過内容"]["value"], row["value"]["経過分"]["value"]) for row in table] for table in tables
    ] == [
        [("電話", "5"), ("折り返し", "12")],
        [],
    ]
    back = exported(outside, "--fields", "キー,件名,経過", "--order-by", "キー asc")
    same = ("*", "キー", "件名", "経過内容", "経過分")
    assert [{code: row[code] for code in same} for row in back] == [{code: row[code] for code in same} for row in rows]


def test_attachments_go_in_from_a_folder_and_come_out_into_one(outside: Outside, tmp_path: Path) -> None:
    files = {"見積書.pdf": b"%PDF-\x00\xff" * 999, "memo.txt": "お礼".encode()}
    (tmp_path / "in").mkdir()
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    path = written(tmp_path / "in.csv", [{"件名": "a", "添付": list(files)}])

    imported(outside, path, "--attachments-dir", tmp_path / "in")
    (row,) = exported(outside, "--fields", "件名,添付", "--attachments-dir", tmp_path / "out")

    assert [(file["name"], int(file["size"])) for file in outside.stored()[0]["添付"]] == [
        (name, len(data)) for name, data in files.items()
    ]
    assert {Path(name).name: (tmp_path / "out" / name).read_bytes() for name in row["添付"].split("\n")} == files


def test_an_export_obeys_condition_order_and_fields(outside: Outside, tmp_path: Path) -> None:
    imported(outside, written(tmp_path / "in.csv", many(30)))

    rows = exported(
        outside,
        "--condition",
        '応対時間 >= 20 and チャネル in ("LINE")',
        "--order-by",
        "応対時間 desc",
        "--fields",
        "応対時間,キー",
    )

    assert rows == [{"応対時間": str(number), "キー": f"k{number:05}"} for number in (28, 25, 22)]


def test_a_bad_row_is_named_with_its_fields_and_reasons_and_its_transaction_stores_nothing(
    outside: Outside, tmp_path: Path
) -> None:
    rows = many(1_000)
    for values in rows:
        values["本文"] = "一行"  # so that a row is a line
    rows[777] |= {"件名": "", "応対時間": "9999"}

    done = outside.cli("import", "--app", "1", "--file-path", written(tmp_path / "in.csv", rows))

    assert done.returncode == 1
    assert "[400] [CB_VA01] 入力内容が正しくありません。" in done.stderr
    assert "An error occurred on 件名 at row 779.\n" in done.stderr.replace("ERROR: ", "")  # the header is row 1
    assert "Cause: 必須です。" in done.stderr
    assert "An error occurred on 応対時間 at row 779." in done.stderr
    assert "Cause: 1440以下である必要があります。" in done.stderr
    assert outside.stored() == []


def test_a_token_that_may_not_is_told_with_kintones_code(outside: Outside, tmp_path: Path) -> None:
    path = written(tmp_path / "in.csv", many(1))

    refused = [
        outside.cli("import", "--app", "1", "--file-path", path, login=("--api-token", token))
        for token in ("simulated-view-only-token", "simulated-typo")
    ]

    assert [done.returncode for done in refused] == [1, 1]
    assert "[403] [GAIA_NO01]" in refused[0].stderr
    assert "[400] [GAIA_IA02]" in refused[1].stderr


def test_an_add_only_token_is_enough_for_an_import(outside: Outside, tmp_path: Path) -> None:
    imported(outside, written(tmp_path / "in.csv", many(3)), login=("--api-token", "simulated-add-only-token"))

    assert outside.stored(*FIELDS) == many(3)
    assert {path for _, path, _, _ in outside.requests()} == {"/k/v1/app/form/fields.json", "/k/v1/bulkRequest.json"}


def test_two_tokens_let_a_lookup_be_imported(outside: Outside, tmp_path: Path) -> None:
    outside("record.addRecord", CUSTOMER, app=2, record=wired({"顧客コード": "C1", "ランク": "金"}))
    path = written(tmp_path / "in.csv", [{"件名": "a", "顧客コード": "C1"}])

    imported(outside, path, login=("--api-token", FULL, "--api-token", CUSTOMER))

    assert outside.stored("顧客コード", "顧客ランク") == [{"顧客コード": "C1", "顧客ランク": "金"}]


def test_an_app_of_a_guest_space_is_imported_into(outside: Outside, tmp_path: Path) -> None:
    path = written(tmp_path / "in.csv", [{"キー": "g", "件名": "共同"}])

    done = outside.cli("import", "--app", "12", "--file-path", path, login=GUEST_SPACE)

    assert done.returncode == 0, done.stderr
    assert outside.stored("キー", "件名", app=12) == [{"キー": "g", "件名": "共同"}]


def test_a_password_and_basic_authentication_are_enough(outside: Outside, tmp_path: Path) -> None:
    outside.control("switches", basic="domain:simulated-basic-password")
    path = written(tmp_path / "in.csv", many(2))
    login = ("--username", "Administrator", "--password", "simulated-password")
    basic = ("--basic-auth-username", "domain", "--basic-auth-password", "simulated-basic-password")

    kept_out = outside.cli("import", "--app", "1", "--file-path", path, login=login)
    let_in = outside.cli("import", "--app", "1", "--file-path", path, login=(*login, *basic))

    assert (kept_out.returncode, let_in.returncode) == (1, 0)
    assert "401: Unauthorized" in kept_out.stderr
    assert outside.stored(*FIELDS) == many(2)


def test_records_are_deleted_by_their_numbers_or_all(outside: Outside, tmp_path: Path) -> None:
    imported(outside, written(tmp_path / "in.csv", many(5)))
    numbers = [row["レコード番号"] for row in exported(outside, "--order-by", "キー asc", "--fields", "レコード番号")]

    path = written(tmp_path / "gone.csv", [{"レコード番号": number} for number in numbers[1:3]])
    assert outside.cli("delete", "--app", "1", "--file-path", path, "--yes").returncode == 0
    left = outside.stored("キー")
    assert outside.cli("delete", "--app", "1", "--yes").returncode == 0

    assert left == [{"キー": f"k{number:05}"} for number in (0, 3, 4)]
    assert outside.stored() == []
