"""@kintone/rest-api-client against the simulator: every call, and what it read, wrote and left behind."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from client_records import FIELDS, many, numbered, plain, wired
from outside import CUSTOMER, FULL, GUEST, PASSWORD, Outside, ready

from renkei_kintone.simulator import sample

GUEST_SPACE = {"auth": {"apiToken": GUEST}, "guestSpaceId": 5}


def fill(outside: Outside, count: int) -> list[str]:
    """Add so many records; their ids."""
    added = outside("record.addAllRecords", app=1, records=[wired(values) for values in many(count)])
    return [record["id"] for record in added["records"]]


# -- the form


def test_the_form_has_the_fields_of_the_app(outside: Outside) -> None:
    answer = outside("app.getFormFields", app=1)

    form = sample().apps["1"].fields
    assert {code: field["type"] for code, field in answer["properties"].items()} == {
        code: field["type"] for code, field in form.items()
    }
    assert list(answer["properties"]["経過"]["fields"]) == list(form["経過"]["fields"])


def test_the_layout_shows_every_field_that_a_person_fills_in(outside: Outside) -> None:
    rows = outside("app.getFormLayout", app=1)["layout"]

    shown = {field["code"] for row in rows if row["type"] == "ROW" for field in row["fields"]}
    assert {"件名", "本文", "添付", "顧客コード"} <= shown
    assert [row["code"] for row in rows if row["type"] == "SUBTABLE"] == ["経過"]


def test_the_app_has_its_name_and_a_password_lists_all_apps(outside: Outside) -> None:
    assert outside("app.getApp", id=1)["name"] == "対応履歴"
    assert [app["name"] for app in outside.with_options("app.getApps", {"auth": PASSWORD})["apps"]] == [
        "対応履歴",
        "顧客",
    ]


def test_a_field_is_added_before_update_app_and_stands_in_the_form_after_it() -> None:
    field = {"type": "SINGLE_LINE_TEXT", "code": "追記", "label": "追記"}

    # A simulator of its own: what is pressed cannot be taken back.
    with ready() as outside:
        outside("app.addFormFields", app=1, properties={"追記": field})
        before = outside("app.getFormFields", app=1)["properties"]
        outside("app.deployApp", apps=[{"app": 1}])

        assert outside("app.getDeployStatus", apps=[1]) == {"apps": [{"app": "1", "status": "SUCCESS"}]}
        assert ("追記" in before, "追記" in outside("app.getFormFields", app=1)["properties"]) == (False, True)


# -- adding and reading


def test_a_record_reads_back_as_it_was_added(outside: Outside) -> None:
    values = {**numbered(2), "操作ユーザ": [{"code": "tanaka"}], "対応日": "2026-04-01", "対応時刻": "09:30"}
    values["経過"] = [{"value": wired({"経過内容": "電話", "経過分": "3"})}]

    added = outside("record.addRecord", app=1, record=wired(values))
    record = outside("record.getRecord", app=1, id=added["id"])["record"]

    assert added["revision"] == record["$revision"]["value"] == "1"
    same = [code for code in values if code not in ("操作ユーザ", "経過")]
    assert plain(record, *same) == {code: values[code] for code in same}
    assert record["操作ユーザ"] == {"type": "USER_SELECT", "value": [{"code": "tanaka", "name": "tanaka"}]}
    (row,) = record["経過"]["value"]
    assert plain(row["value"], "経過内容", "経過分") == {"経過内容": "電話", "経過分": "3"}
    assert {code: outside.stored()[0][code] for code in same} == {code: values[code] for code in same}


def test_a_hundred_records_are_added_in_order(outside: Outside) -> None:
    sent = many(100)

    added = outside("record.addRecords", app=1, records=[wired(values) for values in sent])
    read = outside("record.getRecords", app=1, query="order by $id asc limit 500", totalCount=True)

    assert added["revisions"] == ["1"] * 100
    assert [record["$id"]["value"] for record in read["records"]] == added["ids"]
    assert [plain(record, *FIELDS) for record in read["records"]] == sent == outside.stored(*FIELDS)
    assert read["totalCount"] == "100"


def test_five_thousand_records_are_added_in_three_transactions_and_read_back_in_three_ways(outside: Outside) -> None:
    sent = many(5_000)

    added = outside("record.addAllRecords", app=1, records=[wired(values) for values in sent])["records"]

    written = [entry for entry in outside.requests() if entry[0] == "POST"]
    assert written == [("POST", "/k/v1/bulkRequest.json", 200, count) for count in (2_000, 2_000, 1_000)]
    assert [int(record["id"]) - int(added[0]["id"]) for record in added] == list(range(5_000))
    assert outside.stored(*FIELDS) == sent
    by_id = outside("record.getAllRecordsWithId", app=1)
    by_offset = outside("record.getAllRecordsWithOffset", app=1, orderBy="$id asc")
    by_cursor = outside("record.getAllRecordsWithCursor", app=1, query="order by $id asc")
    assert by_id == by_offset == by_cursor
    assert [plain(record, *FIELDS) for record in by_id] == sent


@pytest.mark.parametrize(
    ("more", "paths"),
    [
        ({}, {"/k/v1/records.json"}),
        ({"orderBy": "キー asc"}, {"/k/v1/records/cursor.json"}),
        ({"orderBy": "キー asc", "withCursor": False}, {"/k/v1/records.json"}),
    ],
)
def test_all_records_are_read_by_id_by_cursor_or_by_offset(
    outside: Outside, more: dict[str, Any], paths: set[str]
) -> None:
    fill(outside, 501)
    already = len(outside.requests())

    read = outside("record.getAllRecords", app=1, condition='チャネル in ("LINE")', fields=["キー", "チャネル"], **more)

    assert [plain(record, "キー", "チャネル") for record in read] == [
        {"キー": f"k{number:05}", "チャネル": "LINE"} for number in range(1, 501, 3)
    ]
    assert {path for _, path, _, _ in outside.requests()[already:]} == paths


def test_a_query_that_is_too_long_for_an_address_is_posted(outside: Outside) -> None:
    fill(outside, 100)
    query = " or ".join(f'キー = "k{number:05}"' for number in range(1, 100)) + " order by キー asc"

    read = outside("record.getRecords", app=1, query=query, fields=["キー"])["records"]

    assert [record["キー"]["value"] for record in read] == [f"k{number:05}" for number in range(1, 100)]
    assert outside.requests()[-1][:3] == ("POST", "/k/v1/records.json", 200)


def test_a_cursor_is_made_read_and_deleted(outside: Outside) -> None:
    fill(outside, 7)

    cursor = outside("record.createCursor", app=1, fields=["キー"], query="order by キー desc", size=4)
    page = outside("record.getRecordsByCursor", id=cursor["id"])

    assert cursor["totalCount"] == "7"
    assert [record["キー"]["value"] for record in page["records"]] == [f"k{number:05}" for number in (6, 5, 4, 3)]
    assert page["next"] is True
    outside("record.deleteCursor", id=cursor["id"])
    assert outside.refused("record.getRecordsByCursor", id=cursor["id"])["class"] == "KintoneRestAPIError"


# -- changing


def test_a_record_is_updated_by_its_id_and_by_a_unique_field(outside: Outside) -> None:
    (id, _) = fill(outside, 2)

    by_id = outside("record.updateRecord", app=1, id=id, record=wired({"件名": "改"}), revision=1)
    by_key = outside(
        "record.updateRecord", app=1, updateKey={"field": "キー", "value": "k00001"}, record=wired({"件名": "新"})
    )

    assert (by_id, by_key) == ({"revision": "2"}, {"revision": "2"})
    assert outside.stored(*FIELDS) == [{**numbered(0), "件名": "改"}, {**numbered(1), "件名": "新"}]


def test_several_records_are_updated_in_order(outside: Outside) -> None:
    ids = fill(outside, 3)
    items = [{"id": id, "record": wired({"応対時間": str(60 + at)})} for at, id in enumerate(reversed(ids))]

    answer = outside("record.updateRecords", app=1, records=items)

    assert answer["records"] == [{"id": id, "revision": "2"} for id in reversed(ids)]
    assert [values["応対時間"] for values in outside.stored()] == ["62", "61", "60"]


def test_two_hundred_and_fifty_records_are_updated_in_one_transaction(outside: Outside) -> None:
    ids = fill(outside, 250)

    outside("record.updateAllRecords", app=1, records=[{"id": id, "record": wired({"件名": f"改{id}"})} for id in ids])

    assert [values["件名"] for values in outside.stored()] == [f"改{id}" for id in ids]
    assert outside.requests()[-1] == ("POST", "/k/v1/bulkRequest.json", 200, 250)


@pytest.mark.parametrize("call", ["record.updateRecords", "record.updateAllRecords"])
def test_an_upsert_updates_what_is_there_and_inserts_what_is_not(outside: Outside, call: str) -> None:
    (id,) = fill(outside, 1)
    items = [
        {"updateKey": {"field": "キー", "value": key}, "record": wired({"件名": subject})}
        for key, subject in (("k00000", "改"), ("new", "新"))
    ]

    said = outside(call, app=1, upsert=True, records=items)["records"]

    assert [(record["operation"], record["revision"]) for record in said] == [("UPDATE", "2"), ("INSERT", "1")]
    assert said[0]["id"] == id
    stored = outside.stored()
    assert {code: stored[0][code] for code in FIELDS} == {**numbered(0), "件名": "改"}
    assert (stored[1]["キー"], stored[1]["件名"], stored[1]["方向"]) == ("new", "新", "発信")


def test_upsert_record_reads_first_and_then_adds_or_updates(outside: Outside) -> None:
    key = {"field": "キー", "value": "one"}

    first = outside("record.upsertRecord", app=1, updateKey=key, record=wired({"件名": "a"}))
    second = outside("record.upsertRecord", app=1, updateKey=key, record=wired({"件名": "b"}))

    assert (first["id"], first["revision"], second["revision"]) == (second["id"], "1", "2")
    assert [(values["キー"], values["件名"]) for values in outside.stored()] == [("one", "b")]
    reads = [("GET", "/k/v1/records.json"), ("POST", "/k/v1/record.json"), ("GET", "/k/v1/records.json")]
    assert [entry[:2] for entry in outside.requests()] == [*reads, ("PUT", "/k/v1/record.json")]


def test_records_are_deleted_few_or_all(outside: Outside) -> None:
    ids = fill(outside, 253)

    outside("record.deleteRecords", app=1, ids=ids[:1], revisions=[1])
    outside("record.deleteAllRecords", app=1, records=[{"id": id} for id in ids[1:251]])

    assert outside.stored(*FIELDS) == [numbered(251), numbered(252)]


def test_a_bulk_request_is_one_transaction_over_apps(outside: Outside) -> None:
    requests = [
        {
            "method": "POST",
            "endpointName": "record",
            "payload": {"app": 2, "record": wired({"顧客コード": "C1", "ランク": "金"})},
        },
        {
            "method": "POST",
            "api": "/k/v1/records.json",
            "payload": {"app": 1, "records": [wired({"キー": "a", "件名": "b", "顧客コード": "C1"})]},
        },
    ]

    results = outside("bulkRequest", [FULL, CUSTOMER], requests=requests)["results"]

    assert [sorted(result) for result in results] == [["id", "revision"], ["ids", "revisions"]]
    (stored,) = outside.stored()
    assert (stored["件名"], stored["顧客ランク"]) == ("b", "金")
    assert outside.stored("顧客コード", app=2) == [{"顧客コード": "C1"}]


# -- files


def test_files_go_up_by_path_or_as_bytes_and_come_back_byte_for_byte(outside: Outside, tmp_path: Path) -> None:
    large = bytes(range(256)) * 8_000
    (tmp_path / "見積書.bin").write_bytes(large)
    sent = {"name": "メモ.txt", "base64": base64.b64encode("お礼\n".encode()).decode()}

    keys = [outside("file.uploadFile", file=file)["fileKey"] for file in ({"path": str(tmp_path / "見積書.bin")}, sent)]
    added = outside("record.addRecord", app=1, record=wired({"件名": "a", "添付": [{"fileKey": key} for key in keys]}))

    listed = outside("record.getRecord", app=1, id=added["id"])["record"]["添付"]["value"]
    assert [(file["name"], file["size"]) for file in listed] == [("見積書.bin", "2048000"), ("メモ.txt", "7")]
    back = [outside("file.downloadFile", fileKey=file["fileKey"])["base64"] for file in listed]
    assert [base64.b64decode(data) for data in back] == [large, "お礼\n".encode()]
    assert outside.refused("file.downloadFile", fileKey=keys[0])["status"] == 404


# -- who calls


def test_an_app_of_a_guest_space_is_written_on_its_own_path(outside: Outside) -> None:
    added = outside.with_options("record.addRecord", GUEST_SPACE, app=12, record=wired({"件名": "共同"}))

    as_user = {"auth": PASSWORD, "guestSpaceId": 5}
    record = outside.with_options("record.getRecord", as_user, app=12, id=added["id"])["record"]
    assert record["件名"]["value"] == "共同"
    assert outside.stored("件名", app=12) == [{"件名": "共同"}]
    assert outside.refused("record.addRecord", GUEST, app=12, record={})["code"] == "GAIA_IL23"


def test_several_tokens_let_a_lookup_be_filled(outside: Outside) -> None:
    outside("record.addRecord", CUSTOMER, app=2, record=wired({"顧客コード": "C1", "ランク": "金"}))
    looking_up = wired({"件名": "a", "顧客コード": "C1"})

    alone = outside.refused("record.addRecord", app=1, record=looking_up)
    outside("record.addRecord", [FULL, CUSTOMER], app=1, record=looking_up)

    assert (alone["status"], alone["code"]) == (400, "GAIA_LO04")
    assert outside.stored("顧客コード", "顧客ランク") == [{"顧客コード": "C1", "顧客ランク": "金"}]


def test_a_password_does_what_a_token_does(outside: Outside) -> None:
    outside.with_options("record.addRecord", {"auth": PASSWORD}, app=1, record=wired({"件名": "a"}))

    (record,) = outside.with_options("record.getRecords", {"auth": PASSWORD}, app=1)["records"]
    assert (record["件名"]["value"], record["作成者"]["value"]["code"]) == ("a", "Administrator")


def test_a_domain_with_basic_authentication_is_entered_with_it_alone(outside: Outside) -> None:
    outside.control("switches", basic="domain:simulated-basic-password")
    basic = {"username": "domain", "password": "simulated-basic-password"}
    options = {"auth": {"apiToken": FULL}, "basicAuth": basic}

    # The answer is a page, which this client reports without kintone's error class.
    kept_out = outside.refused("record.addRecord", app=1, record=wired({"件名": "a"}))
    added = outside.with_options("record.addRecord", options, app=1, record=wired({"件名": "a"}))

    assert (kept_out["class"], kept_out["message"]) == ("Error", "401: Unauthorized")
    assert (added["revision"], outside.stored("件名")) == ("1", [{"件名": "a"}])
