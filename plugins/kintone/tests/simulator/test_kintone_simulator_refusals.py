"""Refusals of writes by code (4.1, 4.2) and by parameter (4.3), row by row.

Sources: `doc` kintone's documentation, `spec` its OpenAPI description, `js-sdk` its JavaScript client, `observed`
reported of a real kintone by others. Guesses are in `test_kintone_simulator_unsure_writes.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from raw_api import (
    BOTH,
    REQUIRED,
    Api,
    Row,
    added,
    bulk,
    check_names,
    count,
    keyed,
    managed,
    many,
    row,
    rows,
    shown,
)

CODES = rows(
    (
        "4.1 bulkRequest failure",
        "doc, spec",
        "the status of the inner request, an empty object for every other one; nothing is saved",
        lambda api: (
            bulk(api, added({"件名": "a"}), added({"件名": "b", "操作ユーザ": [{"code": "x"}]}), added({"件名": "c"})),
            count(api),
        ),
        ((400, ["", "GAIA_IL26", ""]), 0),
    ),
    (
        "4.2 CB_IJ01 scalar",
        "observed",
        "a list where a scalar is due refuses the request without a path",
        lambda api: api.add({"件名": "a"}, {"件名": ["b"]}),
        (400, "CB_IJ01"),
    ),
    (
        "4.2 CB_IJ01 list",
        "observed",
        "so does a string where a list is due",
        lambda api: api.add({"件名": "a", "ラベル": "VIP"}),
        (400, "CB_IJ01"),
    ),
    (
        "4.2 CB_IJ01 row id",
        "observed",
        "and a row id that is no number",
        lambda api: api.add({"件名": "a", "経過": [row({}, id="x")]}),
        (400, "CB_IJ01"),
    ),
    (
        "4.2 GAIA_LO04 no match",
        "observed",
        "a lookup key that the referenced app does not hold",
        lambda api: api.customer("C1", "金").add({"件名": "a", "顧客コード": "C2"}, token=BOTH),
        (400, "GAIA_LO04"),
    ),
    (
        "4.2 GAIA_LO04 not visible",
        "observed",
        "a lookup whose referenced app no token may view",
        lambda api: api.customer("C1", "金").add({"件名": "a", "顧客コード": "C1"}),
        (400, "GAIA_LO04"),
    ),
    (
        "4.2 GAIA_LO03",
        "observed",
        "a lookup key that several records of the referenced app hold",
        lambda api: api.ambiguous_customers().add({"件名": "a", "顧客コード": "C1"}, token=BOTH),
        (400, "GAIA_LO03"),
    ),
    (
        "4.2 GAIA_BF02",
        "observed",
        "the creator without the permission to manage the app",
        lambda api: managed("add")(api, {"件名": "a", "作成者": {"code": "tanaka"}}),
        (403, "GAIA_BF02"),
    ),
    (
        "4.2 GAIA_UN10",
        "observed",
        "a type that is not written by adding or updating",
        lambda api: api.add({"件名": "a", "ステータス": "完了"}),
        (400, "GAIA_UN10"),
    ),
    (
        "4.2 GAIA_IL26",
        "observed",
        "a login name that is not known",
        lambda api: api.add({"件名": "a", "操作ユーザ": [{"code": "nobody"}]}),
        (400, "GAIA_IL26"),
    ),
    (
        "4.2 GAIA_IL28",
        "observed",
        "an organization that is not known",
        lambda api: api.add({"件名": "a", "担当部署": [{"code": "nowhere"}]}),
        (400, "GAIA_IL28"),
    ),
    (
        "4.2 GAIA_BL01 unknown",
        "observed",
        "a file key that is not known",
        lambda api: api.add({"件名": "a", "添付": [{"fileKey": "none"}]}),
        (404, "GAIA_BL01"),
    ),
    (
        "4.2 GAIA_BL01 of the wrong kind",
        "observed",
        "the key under which another record lists its file attaches nothing",
        lambda api: api.add({"件名": "b", "添付": [{"fileKey": api.attached()["fileKey"]}]}),
        (404, "GAIA_BL01"),
    ),
    (
        "4.2 GAIA_RE01 update",
        "observed",
        "an update of an id that is not there",
        lambda api: api.put("9", 件名="a"),
        (404, "GAIA_RE01"),
    ),
    (
        "4.2 GAIA_RE01 delete",
        "observed",
        "a deletion of one, which then deletes nothing",
        lambda api: (api.add({"件名": "a"}), api("DELETE", "records", ids=[1, 9]), count(api))[1:],
        ((404, "GAIA_RE01"), 1),
    ),
    (
        "4.2 GAIA_RE20",
        "observed",
        "an updateKey that matches nothing, without upsert",
        lambda api: api("PUT", "records", records=[keyed("k")]),
        (404, "GAIA_RE20"),
    ),
    (
        "4.2 GAIA_IQ11",
        "observed",
        "an updateKey whose field the form does not have",
        lambda api: api.upsert(keyed("k", field="鍵")),
        (400, "GAIA_IQ11"),
    ),
    (
        "4.2 GAIA_IQ27",
        "observed",
        "an updateKey whose field lets values repeat",
        lambda api: api.upsert(keyed("k", field="件名")),
        (400, "GAIA_IQ27"),
    ),
    (
        "4.2 GAIA_CO02",
        "observed",
        "a revision that is not the record's",
        lambda api: (api.add({"件名": "a"}), api("PUT", "record", id=1, revision=2, record={}))[1],
        (409, "GAIA_CO02"),
    ),
    (
        "4.2 GAIA_SI01",
        "observed",
        "one row id twice in a table, with status 520",
        lambda api: (api.add({"件名": "a"}), api.put(経過=[row({}, "1"), row({}, "1")]))[1],
        (520, "GAIA_SI01"),
    ),
)

PARAMETERS = rows(
    (
        "4.3 parameter missing: records",
        "observed",
        "a parameter that is missing has its own name as key",
        lambda api: api("POST", "records"),
        {"records": [REQUIRED]},
    ),
    (
        "4.3 parameter missing: id",
        "observed",
        "an update of one record without an id",
        lambda api: api("PUT", "record", record={}),
        {"id": [REQUIRED]},
    ),
    (
        "4.3 parameter missing: records[i].id",
        "observed",
        "an update of several, one without an id",
        lambda api: (api.add({"件名": "a"}), api("PUT", "records", records=[{"id": 1}, {"record": {}}]))[1],
        {"records[1].id": [REQUIRED]},
    ),
    (
        "4.3 not an integer",
        "observed",
        "an id that is none",
        lambda api: api("PUT", "record", id="x", record={}),
        {"id": ["整数で入力してください。"]},
    ),
    (
        "4.3 not a boolean",
        "observed",
        "an upsert that is neither true nor false",
        lambda api: api("PUT", "records", upsert="yes", records=[]),
        {"upsert": ["真偽値でなければなりません。"]},
    ),
    (
        "4.3 revision below -1",
        "observed",
        "a revision that cannot be",
        lambda api: api("PUT", "record", id=1, revision=-2, record={}),
        {"revision": ["最小でも-1以上です。"]},
    ),
    (
        "4.3 101 records POST",
        "observed",
        "the 101st record keeps all out",
        lambda api: (api.add(*many(101)), count(api)),
        ({"records": ["一度に100件までのレコードを追加できます。"]}, 0),
    ),
    (
        "4.3 101 records PUT",
        "observed",
        "100 are updated at one time",
        lambda api: api("PUT", "records", records=[{"id": 1}] * 101),
        {"records": ["一度に100件までのレコードを更新できます。"]},
    ),
    (
        "4.3 DELETE 101 ids",
        "observed",
        "100 are deleted at one time",
        lambda api: api("DELETE", "records", ids=list(range(1, 102))),
        {"ids": ["一度に1件から100件までのレコードを削除できます。"]},
    ),
    (
        "4.3 DELETE 0 ids",
        "observed",
        "none is too few, and is called missing too",
        lambda api: api("DELETE", "records", ids=[]),
        {"ids": [REQUIRED, "一度に1件から100件までのレコードを削除できます。"]},
    ),
)

NOT_SIMULATED = {
    "4.2 GAIA_FU01": "seen with passwords of users who may not edit a field; users may do everything here",
    "4.2 GAIA_UN03": "there is no screen to edit on",
    "4.2 GAIA_RE18, GAIA_LT01": "locks cannot happen; the fault `error` answers with any code",
    "4.2 GAIA_TO03": "how many parameters are too many is not known",
    "4.2 GAIA_NO02": "the fault `error` answers with any code",
    "4.2 GAIA_RE02, GAIA_RE03, GAIA_RE12": "comments are not simulated",
    "4.2 GAIA_NT01, GAIA_SA01": "who may take which action of a process is not simulated",
    "4.2 CB_JH01": "session calls are not simulated",
    "4.5 retry table": "tells what a client does",
}
"""Rows about writing that the simulator does not show, and why."""


# Code, what brings it about, the message in English and in Japanese; None where it is not known.
MESSAGES: list[tuple[str, Callable[[Api], Any], str | None, str | None]] = [
    ("CB_IJ01", lambda api: api.raw({"件名": []}), "Invalid JSON string.", "不正なJSON文字列です。"),
    ("CB_VA01", lambda api: api.raw({}), "Missing or invalid input.", "入力内容が正しくありません。"),
    (
        "GAIA_LO04",
        lambda api: api.raw({"件名": "a", "顧客コード": "C9"}),
        (
            "A value C9 in the field 顧客コード does not exist in the datasource app for lookup, or you do not have "
            "permission to view the app or the field."
        ),
        (
            "フィールド「顧客コード」の値「C9」が、ルックアップの参照先のフィールドにないか、"
            "またはアプリやフィールドの閲覧権限がありません。"
        ),
    ),
    (
        "GAIA_BF02",
        lambda api: api.raw({"件名": "a", "作成日時": "2026"}, token="simulated-add-only-token"),
        'App permissions are required to add records with specifying a value in the "作成日時" field.',
        "フィールド「作成日時」の値を指定してレコードを追加するには、アプリに管理権限が必要です。",
    ),
    (
        "GAIA_UN10",
        lambda api: api.raw({"件名": "a", "ステータス": "x"}),
        "Cannot update field whose type is STATUS.",
        None,
    ),
    (
        "GAIA_IL26",
        lambda api: api.raw({"件名": "a", "操作ユーザ": [{"code": "x"}]}),
        "The specified user (code：x) not found.",
        "指定したユーザー(code:x)が見つかりません。",
    ),
    (
        "GAIA_IL28",
        lambda api: api.raw({"件名": "a", "担当部署": [{"code": "x"}]}),
        None,
        "指定した組織(code:x)が見つかりません。",
    ),
    (
        "GAIA_BL01",
        lambda api: api.raw({"件名": "a", "添付": [{"fileKey": "x"}]}),
        "The specified file (id: x) not found.",
        "指定したファイル（id: x）が見つかりません。",
    ),
    (
        "GAIA_RE01",
        lambda api: api.raw({}, "PUT", "record", id=9),
        "The specified record (ID: 9) is not found.",
        "指定したレコード（id: 9）が見つかりません。",
    ),
    (
        "GAIA_RE20",
        lambda api: api.raw({}, "PUT", "record", updateKey={"field": "キー", "value": "x"}),
        'No records match the conditions specified in the "updateKey" field.',
        None,
    ),
    (
        "GAIA_IQ11",
        lambda api: api.raw({}, "PUT", "record", updateKey={"field": "鍵", "value": "x"}),
        "Specified field (鍵) not found.",
        None,
    ),
    (
        "GAIA_IQ27",
        lambda api: api.raw({}, "PUT", "record", updateKey={"field": "件名", "value": "x"}),
        (
            'Failed to update record. The field (code: 件名) set as "updateKey" must be set to '
            '"Prohibit duplicate values".'
        ),
        None,
    ),
    (
        "GAIA_CO02",
        lambda api: (api.add({"件名": "a"}), api.raw({}, "PUT", "record", id=1, revision=7))[1],
        "The revision is not the latest. Someone may update a record.",
        "指定したrevisionは最新ではありません。ほかのユーザーがレコードを更新した可能性があります。",
    ),
]


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize(("code", "run", "en", "ja"), MESSAGES, ids=[message[0] for message in MESSAGES])
def test_4_2_a_code_has_kintones_words(
    api: Api, code: str, run: Callable[[Api], Any], en: str | None, ja: str | None, language: str
) -> None:
    api.kintone.language = language

    said = run(api)

    assert said["code"] == code
    assert said["message"] == ((en if language == "en" else ja) or said["message"])
    assert set(said) == {"code", "id", "message"} | ({"errors"} if code == "CB_VA01" else set())


@shown(CODES, PARAMETERS)
def test_a_row_of_the_facts_holds(api: Api, row: Row) -> None:
    assert row.run(api) == row.gives, row.says


def test_every_row_has_a_name_of_its_own_and_a_known_source() -> None:
    check_names([*CODES, *PARAMETERS], NOT_SIMULATED)


def test_an_id_of_a_thousand_digits_is_no_number_either(api: Api) -> None:
    assert api("PUT", "record", id="9" * 5_000, record={}) == {"id": ["整数で入力してください。"]}


def test_a_creator_that_is_no_object_has_the_wrong_json_type(api: Api) -> None:
    assert api.add({"件名": "a", "作成者": "tanaka"}) == (400, "CB_IJ01")


def test_one_answer_lists_what_is_wrong_with_the_parameters_of_all_items(api: Api) -> None:
    assert api("PUT", "records", records=[{"revision": -2}, {"id": "x"}, {"id": 9}]) == {
        "records[0].id": [REQUIRED],
        "records[0].revision": ["最小でも-1以上です。"],
        "records[1].id": ["整数で入力してください。"],
    }


def test_a_revision_of_a_deletion_that_is_none_is_named_by_its_place(api: Api) -> None:
    api.add({"件名": "a"})

    assert api("DELETE", "records", ids=[1], revisions=["x"]) == {"revisions[0]": ["整数で入力してください。"]}
    assert count(api) == 1
