"""What @kintone/rest-api-client makes of refusals: its error classes, and where it says that the error is."""

from __future__ import annotations

from typing import Any

import pytest
from client_records import many, numbered, wired
from outside import ADD, FULL, Outside

VIEW = "simulated-view-only-token"


def test_a_refusal_is_a_kintone_rest_api_error_with_all_that_kintone_said(outside: Outside) -> None:
    told = outside.refused("record.addRecords", app=1, records=[wired({"件名": "a"}), wired({"応対時間": "x"})])

    assert (told["class"], told["status"], told["code"]) == ("KintoneRestAPIError", 400, "CB_VA01")
    assert told["errors"] == {
        "records[1].件名.value": {"messages": ["必須です。"]},
        "records[1][応対時間].value": {"messages": ["数字でなければなりません。"]},
    }
    assert told["headers"]["x-cybozu-error"] == "CB_VA01"
    assert told["headers"]["x-concurrencylimit-limit"] == "100"
    assert told["message"] == f"[400] [CB_VA01] 入力内容が正しくありません。 ({told['id']})"
    assert len(told["id"]) == 20
    assert outside.stored() == []


@pytest.mark.parametrize("at", [0, 99, 100, 1_999, 2_000, 2_345, 4_999])
def test_one_bad_record_among_five_thousand_is_found_by_its_index(outside: Outside, at: int) -> None:
    records = [wired(values) for values in many(5_000)]
    records[at]["件名"] = {"value": ""}

    told = outside.refused("record.addAllRecords", app=1, records=records)

    before = at // 2_000 * 2_000  # what the transactions before it had brought in
    assert (told["class"], told["errorIndex"], told["numOfAllRecords"]) == ("KintoneAllRecordsError", at, 5_000)
    assert (told["numOfProcessedRecords"], told["numOfUnprocessed"]) == (before, 5_000 - before)
    assert len(told["processedRecordsResult"].get("records", [])) == before
    inner = told["error"]
    assert (inner["class"], inner["code"], inner["status"]) == ("KintoneRestAPIError", "CB_VA01", 400)
    assert inner["errors"] == {f"records[{at % 100}].件名.value": {"messages": ["必須です。"]}}
    assert inner["bulkRequestIndex"] == at % 2_000 // 100
    assert outside.stored("キー") == [{"キー": f"k{number:05}"} for number in range(before)]


def test_of_several_bad_records_the_first_is_told(outside: Outside) -> None:
    records = [wired(values) for values in many(300)]
    for at in (255, 207, 290):
        records[at]["応対時間"] = {"value": "9999"}

    told = outside.refused("record.addAllRecords", app=1, records=records)

    assert (told["errorIndex"], len(told["error"]["errors"])) == (207, 3)
    assert told["message"] == "An error occurred at records[207]. 0/300 records are processed successfully"


def test_a_refusal_that_names_no_record_has_no_index(outside: Outside) -> None:
    records = [wired(values) for values in many(150)]
    records[120]["操作ユーザ"] = {"value": [{"code": "nobody"}]}

    told = outside.refused("record.addAllRecords", app=1, records=records)

    assert told["class"] == "KintoneAllRecordsError"
    assert "errorIndex" not in told
    assert (told["error"]["code"], told["error"]["bulkRequestIndex"]) == ("GAIA_IL26", 1)
    assert outside.stored() == []


@pytest.mark.parametrize("upsert", [False, True])
def test_one_bad_update_among_250_is_found_and_nothing_is_changed(outside: Outside, upsert: bool) -> None:
    added = outside("record.addAllRecords", app=1, records=[wired(values) for values in many(250)])["records"]
    items = [{"id": record["id"], "record": wired({"件名": "改"})} for record in added]
    items[213]["record"] = wired({"チャネル": "電報"})

    told = outside.refused("record.updateAllRecords", app=1, records=items, upsert=upsert)

    assert (told["class"], told["errorIndex"]) == ("KintoneAllRecordsError", 213)
    assert told["error"]["errors"] == {"records[13].チャネル.value": {"messages": ['"電報"は選択肢にありません。']}}
    assert [values["件名"] for values in outside.stored()] == [numbered(number)["件名"] for number in range(250)]


def test_one_deletion_that_is_refused_among_250_leaves_all(outside: Outside) -> None:
    added = outside("record.addAllRecords", app=1, records=[wired(values) for values in many(250)])["records"]
    items: list[dict[str, Any]] = [{"id": record["id"]} for record in added]
    items[130]["revision"] = 7

    told = outside.refused("record.deleteAllRecords", app=1, records=items)

    assert (told["class"], told["error"]["status"], told["error"]["code"]) == (
        "KintoneAllRecordsError",
        409,
        "GAIA_CO02",
    )
    assert len(outside.stored()) == 250


def test_a_failed_bulk_request_says_which_of_its_requests_failed(outside: Outside) -> None:
    requests = [
        {"method": "POST", "endpointName": "record", "payload": {"app": 1, "record": wired({"件名": subject})}}
        for subject in ("a", "b", "")
    ]

    told = outside.refused("bulkRequest", requests=requests)

    assert (told["class"], told["bulkRequestIndex"], told["code"]) == ("KintoneRestAPIError", 2, "CB_VA01")
    assert list(told["errors"]) == ["record.件名.value"]
    assert outside.stored() == []


@pytest.mark.parametrize(
    ("token", "call", "parameters", "status", "code"),
    [
        ("simulated-typo", "app.getApp", {"id": 1}, 400, "GAIA_IA02"),
        ("simulated-token-before-update-app", "app.getApp", {"id": 1}, 400, "GAIA_IA02"),
        (FULL, "app.getApp", {"id": 2}, 403, "GAIA_AP15"),
        (ADD, "record.getRecords", {"app": 1}, 403, "GAIA_NO01"),
        (VIEW, "record.addRecord", {"app": 1, "record": {}}, 403, "GAIA_NO01"),
        ([FULL, ADD], "app.getApp", {"id": 1}, 400, "GAIA_DA03"),
        (FULL, "record.getRecord", {"app": 1, "id": 404}, 404, "GAIA_RE01"),
        (FULL, "record.getRecords", {"app": 1, "query": "limit 501"}, 400, "GAIA_QU01"),
        (FULL, "record.getRecords", {"app": 1, "query": "offset 10001"}, 400, "GAIA_QU02"),
        (FULL, "record.getRecords", {"app": 1, "query": '題名 = "a"'}, 400, "GAIA_IQ11"),
        (FULL, "record.addRecord", {"app": 1, "record": {"件名": {"value": []}}}, 400, "CB_IJ01"),
        (
            FULL,
            "record.updateRecord",
            {"app": 1, "updateKey": {"field": "件名", "value": "a"}, "record": {}},
            400,
            "GAIA_IQ27",
        ),
        (
            FULL,
            "record.updateRecord",
            {"app": 1, "updateKey": {"field": "キー", "value": "a"}, "record": {}},
            404,
            "GAIA_RE20",
        ),
    ],
)
def test_each_refusal_keeps_its_status_and_code(
    outside: Outside, token: Any, call: str, parameters: dict[str, Any], status: int, code: str
) -> None:
    told = outside.refused(call, token, **parameters)

    assert (told["class"], told["status"], told["code"]) == ("KintoneRestAPIError", status, code)


def test_a_file_that_is_not_there_is_a_404_whose_code_this_client_does_not_read(outside: Outside) -> None:
    told = outside.refused("file.downloadFile", fileKey="none")

    # It asks for bytes and looks for the code in them as they are; the header has it.
    assert (told["class"], told["status"], told.get("code")) == ("KintoneRestAPIError", 404, None)
    assert told["headers"]["x-cybozu-error"] == "GAIA_BL01"


def test_a_429_is_a_kintone_rest_api_error_and_stores_nothing(outside: Outside) -> None:
    outside.control("faults", kind="429", method="POST")

    told = outside.refused("record.addRecord", app=1, record=wired({"件名": "a"}))

    assert (told["class"], told["status"], told["code"]) == ("KintoneRestAPIError", 429, "GAIA_TO04")
    assert outside.stored() == []


def test_a_crowd_beyond_the_limit_is_told_429(outside: Outside) -> None:
    outside.control("switches", concurrency=2, latency=0.5)
    options = {"auth": {"apiToken": FULL}}

    came = outside.at_once([("record.addRecord", options, {"app": 1, "record": wired({"件名": "a"})})] * 6)

    refused = [each["error"] for each in came if "error" in each]
    assert {(told["class"], told["status"], told["code"]) for told in refused} == {
        ("KintoneRestAPIError", 429, "GAIA_TO04")
    }
    assert {told["headers"]["x-concurrencylimit-running"] for told in refused} == {"3"}
    assert len(outside.stored()) == 6 - len(refused)


# -- answers that are not kintone's JSON, which this client reports in other ways


@pytest.mark.parametrize(
    ("fault", "message", "stored"),
    [
        ({"kind": "before_apply_503"}, "503: Service Unavailable", 0),
        ({"kind": "before_apply_503", "html": True}, "503: Service Unavailable", 0),
        ({"kind": "before_apply_502"}, "502: Bad Gateway", 0),
        ({"kind": "applied_then_504"}, "504: Gateway Timeout", 1),
        ({"kind": "unknown_subdomain"}, "404: Not Found", 0),
        ({"kind": "ip_restriction"}, "403: Forbidden", 0),
    ],
)
def test_a_page_or_a_text_is_an_error_without_kintones_class(
    outside: Outside, fault: dict[str, Any], message: str, stored: int
) -> None:
    outside.control("faults", method="POST", **fault)

    told = outside.refused("record.addRecord", app=1, record=wired({"件名": "a"}))

    assert (told["class"], told["message"]) == ("Error", message)
    assert len(outside.stored()) == stored


@pytest.mark.parametrize(("kind", "stored"), [("cut", 0), ("applied_then_cut", 1)])
def test_a_cut_connection_is_an_error_of_the_network_whatever_was_stored(
    outside: Outside, kind: str, stored: int
) -> None:
    outside.control("faults", method="POST", kind=kind)

    told = outside.refused("record.addRecord", app=1, record=wired({"件名": "a"}))

    assert (told["class"], told["code"]) == ("AxiosError", "ECONNRESET")
    assert len(outside.stored()) == stored


@pytest.mark.parametrize(("kind", "begins", "stored"), [("html_200", "<", 0), ("broken_json", "{", 1)])
def test_a_200_that_is_no_json_is_taken_for_a_success_and_given_as_text(
    outside: Outside, kind: str, begins: str, stored: int
) -> None:
    outside.control("faults", method="POST", kind=kind)

    said = outside("record.addRecord", app=1, record=wired({"件名": "a"}))

    assert isinstance(said, str)
    assert said.startswith(begins)
    assert len(outside.stored()) == stored
