"""Errors of fields (4.3): their paths, their words and what is listed together, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from raw_api import (
    NOT_A_DATE,
    NOT_A_NUMBER,
    REQUIRED,
    TAKEN,
    Api,
    Row,
    check_names,
    count,
    row,
    rows,
    shown,
    table,
    wired,
)

PATHS = rows(
    (
        "4.3 prefix single",
        "observed",
        "errors of a single call begin with `record.`",
        lambda api: api("POST", "record", record={}),
        {"record.件名.value": [REQUIRED]},
    ),
    (
        "4.3 prefix batch",
        "observed",
        "errors of a batch name the record by its place, from zero",
        lambda api: api.add({"件名": "a"}, {}),
        {"records[1].件名.value": [REQUIRED]},
    ),
    (
        "4.3 prefix update",
        "observed",
        "updates have the same two prefixes",
        lambda api: (
            api.add({"件名": "a"}),
            api.put(件名=""),
            api("PUT", "records", records=[{"id": 1, "record": wired({"件名": ""})}]),
        )[1:],
        ({"record.件名.value": [REQUIRED]}, {"records[0].件名.value": [REQUIRED]}),
    ),
    *(
        (
            f"4.3 suffix {native}",
            "observed",
            "the end of a path goes by the type of the field",
            lambda api, native=native, more=more: api.field(native, required=True, **more).add({}),
            {f"records[0].f{suffix}": [REQUIRED]},
        )
        for native, suffix, more in (
            ("SINGLE_LINE_TEXT", ".value", {}),
            ("CHECK_BOX", ".values", {"options": ["a"]}),
            ("MULTI_SELECT", ".values", {"options": ["a"]}),
            ("FILE", ".values", {}),
            ("USER_SELECT", ".values.value", {}),
            ("ORGANIZATION_SELECT", ".values.value", {}),
            ("GROUP_SELECT", ".values.value", {}),
        )
    ),
    (
        "4.3 suffix of one bad choice",
        "observed",
        "a choice is named by its place in the list",
        lambda api: api.add({"件名": "a", "ラベル": ["VIP", "無"]}),
        {"records[0].ラベル.values[1].value": ['"無"は選択肢にありません。']},
    ),
    (
        "4.3 table",
        "observed",
        "an error in a table names its row and its inner field",
        lambda api: table(api, type="SINGLE_LINE_TEXT", maxLength="1")(
            "POST", "record", record=wired({"t": [row({"c": "a"}), row({"c": "ab"})]})
        ),
        {"record.t.value[1].value.c.value": ["2文字より短くなければなりません。"]},
    ),
    (
        "4.3 table suffix",
        "observed",
        "the inner path ends by the inner type",
        lambda api: table(api, type="CHECK_BOX", options=["a"])(
            "POST", "record", record=wired({"t": [row({"c": ["b"]})]})
        ),
        {"record.t.value[0].value.c.values[0].value": ['"b"は選択肢にありません。']},
    ),
    *(
        (
            f"4.3 bracket path {native}",
            "observed",
            "a value that cannot be read has the field code in brackets",
            lambda api, native=native, sent=sent: api.field(native)("POST", "record", record=wired({"f": sent})),
            {"record[f].value": [said]},
        )
        for native, sent, said in (("NUMBER", "12abc", NOT_A_NUMBER), ("DATE", "2015-", NOT_A_DATE))
    ),
    (
        "4.3 required and unreadable",
        "observed",
        "a required field with an unreadable number gets both paths",
        lambda api: api.field("NUMBER", required=True)("POST", "record", record=wired({"f": "x"})),
        {"record[f].value": [NOT_A_NUMBER], "record.f.value": [REQUIRED]},
    ),
    (
        "4.3 required and no option",
        "observed",
        "choices that are all no options leave a required field empty, which is said as well",
        lambda api: api.field("CHECK_BOX", required=True, options=["a"]).add({"f": ["x"]}),
        {"records[0].f.values[0].value": ['"x"は選択肢にありません。'], "records[0].f.values": [REQUIRED]},
    ),
    (
        "4.3 all errors of all records",
        "observed",
        "one answer lists everything that is wrong",
        lambda api: api.add({"件名": ""}, {"件名": "a", "チャネル": "電報", "応対時間": "-1"}),
        {
            "records[0].件名.value": [REQUIRED],
            "records[1].チャネル.value": ['"電報"は選択肢にありません。'],
            "records[1].応対時間.value": ["0以上である必要があります。"],
        },
    ),
    (
        "4.3 first problem only",
        "observed",
        "every other code tells of the first problem and not where it is",
        lambda api: api.add(
            {"件名": "a", "操作ユーザ": [{"code": "x"}]}, {"件名": "b", "担当部署": [{"code": "y"}]}, {"件名": "c"}
        ),
        (400, "GAIA_IL26"),
    ),
    (
        "4.3 all or nothing",
        "doc, observed",
        "a refused request saves nothing",
        lambda api: (api.add({"件名": "a"}, {"件名": ""}) != {}, count(api)),
        (True, 0),
    ),
    (
        "4.3 all or nothing: update",
        "doc, observed",
        "a refused update changes nothing",
        lambda api: (
            api.add({"件名": "a"}, {"件名": "b"}),
            api(
                "PUT",
                "records",
                records=[{"id": 1, "record": wired({"件名": "x"})}, {"id": 2, "record": wired({"件名": ""})}],
            ),
            [values["件名"] for values in api.kintone.values()],
        )[1:],
        ({"records[1].件名.value": [REQUIRED]}, ["a", "b"]),
    ),
    (
        "4.3 no records: POST",
        "observed",
        "an empty list is answered with empty lists",
        lambda api: api.add(),
        {"ids": [], "revisions": []},
    ),
    (
        "4.3 no records: PUT",
        "observed",
        "so is an empty list of updates",
        lambda api: api("PUT", "records", records=[]),
        {"records": []},
    ),
    (
        "4.3 success of POST records",
        "doc, observed",
        "ids and revisions are strings, in the order of the request",
        lambda api: api.add({"件名": "a"}, {"件名": "b"}),
        {"ids": ["1", "2"], "revisions": ["1", "1"]},
    ),
    (
        "4.3 success of POST record",
        "doc, observed",
        "one record has one id and one revision",
        lambda api: api("POST", "record", record=wired({"件名": "a"})),
        {"id": "1", "revision": "1"},
    ),
)

UNIQUE = rows(
    (
        "4.3 unique",
        "observed",
        "a value that another record holds",
        lambda api: (api.add({"件名": "a", "キー": "k"}), api.add({"件名": "b", "キー": "k"}))[1],
        {"records[0].キー.value": [TAKEN]},
    ),
    (
        "4.3 unique empty",
        "observed",
        "empty values never collide",
        lambda api: api.add({"件名": "a", "キー": ""}, {"件名": "b", "キー": ""})["ids"],
        ["1", "2"],
    ),
    (
        "4.3 unique itself",
        "observed",
        "a record does not collide with itself when it is updated",
        lambda api: (api.add({"件名": "a", "キー": "k"}), api.put(キー="k", 件名="b"))[1],
        {"revision": "2"},
    ),
    (
        "4.3 unique update",
        "observed",
        "nor may an update take the value of another",
        lambda api: (api.add({"件名": "a", "キー": "k"}, {"件名": "b"}), api.put("2", キー="k"))[1],
        {"record.キー.value": [TAKEN]},
    ),
    (
        "4.3 LINK format",
        "observed",
        "stands beside the message of the least length",
        lambda api: api.field("LINK", protocol="WEB", minLength="9").add({"f": "a"}),
        {"records[0].f.value": ["URLの形式が正しくありません。", "8文字より長くなければなりません。"]},
    ),
)

# Row, form of the field, what is sent, the message in English and in Japanese.
TEXTS: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("required", {"type": "SINGLE_LINE_TEXT", "required": True}, {}, "Required.", REQUIRED),
    (
        "maxLength",
        {"type": "SINGLE_LINE_TEXT", "maxLength": "3"},
        {"f": "abcd"},
        "Enter less than 4 characters.",
        "4文字より短くなければなりません。",
    ),
    (
        "minLength",
        {"type": "SINGLE_LINE_TEXT", "minLength": "3"},
        {"f": "ab"},
        "Enter more than 2 characters.",
        "2文字より長くなければなりません。",
    ),
    (
        "minLength of what is left out",
        {"type": "SINGLE_LINE_TEXT", "minLength": "3"},
        {},
        "Enter more than 2 characters.",
        "2文字より長くなければなりません。",
    ),
    (
        "maxValue before rounding",
        {"type": "NUMBER", "maxValue": "2"},
        {"f": "2.000001"},
        "The value must be 2 or less.",
        "2以下である必要があります。",
    ),
    (
        "minValue before rounding",
        {"type": "NUMBER", "minValue": "2"},
        {"f": "1.999999"},
        "The value must be 2 or more.",
        "2以上である必要があります。",
    ),
    (
        "digits after rounding",
        {"type": "NUMBER"},
        {"f": "999999999999.99999"},
        "The number of digits exceeds the maximum allowed.",
        "有効桁数を超えています。",
    ),
    (
        "not an option",
        {"type": "DROP_DOWN", "options": ["a"]},
        {"f": "Z"},
        'The value, "Z", is not in options.',
        '"Z"は選択肢にありません。',
    ),
]


@shown(PATHS, UNIQUE)
def test_a_row_of_the_facts_holds(api: Api, row: Row) -> None:
    assert row.run(api) == row.gives, row.says


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize(("item", "record", "en", "ja"), [text[1:] for text in TEXTS], ids=[text[0] for text in TEXTS])
def test_4_3_a_rule_has_kintones_words(
    api: Api, item: dict[str, Any], record: dict[str, Any], en: str, ja: str, language: str
) -> None:
    api.kintone.language = language

    assert api.form(f=item).add(record) == {"records[0].f.value": [en if language == "en" else ja]}


def test_every_row_has_a_name_of_its_own_and_a_known_source() -> None:
    check_names([*PATHS, *UNIQUE], {})
