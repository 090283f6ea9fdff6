"""What is not known of kintone's writes: the simulator takes a side on each, and here also the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from raw_api import NOT_A_DATE, NOT_A_NUMBER, REQUIRED, TAKEN, Api, keyed, managed, table

from renkei_kintone.simulator.unsure import Unsure

_TWICE = {"records": [{"id": "1", "revision": "1", "operation": "INSERT"}]}
_FUTURE = {"件名": "a", "作成日時": "2030-01-01"}
_LONG_AGO = {"件名": "a", "更新日時": "2020-01-01"}
_NOT_ALLOWED = "指定できない日時です。"


def texts(api: Api, least: str) -> Any:
    return api.field("SINGLE_LINE_TEXT", minLength=least).add({"f": ""})


def named(api: Api) -> Any:
    said = api.add({"件名": "a", "キー": "k"}, {"件名": "b", "キー": "k"})
    return sorted(said) if "ids" not in said else said["ids"]


def null_rows(api: Api) -> Any:
    """How many rows a table that is null has; a row that is null is none in either case."""
    table(api, type="SINGLE_LINE_TEXT", defaultValue="既定").add({"t": None}, {"t": [{"value": None}]})
    return [
        [each["value"]["c"]["value"] for each in values.get("t", [])]
        for values in (record.values for record in api.kintone.apps["1"].records.values())
    ]


def attached_twice(api: Api) -> Any:
    key = api.upload()
    first = api.add({"件名": "a", "添付": [{"fileKey": key}]})
    return "ids" in first, api.add({"件名": "b", "添付": [{"fileKey": key}]})


def same_key_twice(api: Api) -> Any:
    said = api.upsert(keyed("k", 件名="a"), keyed("k", 本文="b"))
    return said, [(values["件名"], values["本文"]) for values in api.kintone.values()]


def new_record_by(api: Api, **item: Any) -> Any:
    said = api.upsert({**keyed("k", 件名="a"), **item})
    return said.get("records") and said["records"][0]["operation"] if isinstance(said, dict) else said


def defaulted(api: Api) -> Any:
    api.form(k={"type": "SINGLE_LINE_TEXT", "unique": True}, f={"type": "SINGLE_LINE_TEXT", "defaultValue": "既定"})
    api.upsert(keyed("k", field="k"))
    return api.stored()


CASES: list[tuple[str, Any, Callable[[Api], Any], Any]] = [
    ("needs_manage_status", 403, lambda api: managed()(api, _LONG_AGO), (403, "GAIA_BF02")),
    ("needs_manage_status", 400, lambda api: managed()(api, _LONG_AGO), (400, "GAIA_BF02")),
    (
        "bracket_paths_in_batches",
        True,
        lambda api: api.field("NUMBER").add({"f": "x"}),
        {"records[0][f].value": [NOT_A_NUMBER]},
    ),
    (
        "bracket_paths_in_batches",
        False,
        lambda api: api.field("NUMBER").add({"f": "x"}),
        {"records[0].f.value": [NOT_A_NUMBER]},
    ),
    *(
        (
            "bracket_paths_of_times",
            bracket,
            lambda api, native=native: api.field(native)("POST", "record", record={"f": {"value": "x"}}),
            {f"record{path}.value": [NOT_A_DATE]},
        )
        for native in ("TIME", "DATETIME")
        for bracket, path in ((True, "[f]"), (False, ".f"))
    ),
    ("equal_in_batch", "later", named, ["records[1].キー.value"]),
    ("equal_in_batch", "first", named, ["records[0].キー.value"]),
    ("equal_in_batch", "both", named, ["records[0].キー.value", "records[1].キー.value"]),
    ("equal_in_batch", "allowed", named, ["1", "2"]),
    ("file_key_twice", "refused", attached_twice, (True, (404, "GAIA_BL01"))),
    ("file_key_twice", "accepted", attached_twice, (True, {"ids": ["2"], "revisions": ["1"]})),
    ("unknown_group", "refused", lambda api: api.field("GROUP_SELECT").add({"f": [{"code": "g"}]}), (400, "GAIA_IL28")),
    (
        "unknown_group",
        "taken",
        lambda api: api.field("GROUP_SELECT").stored({"f": [{"code": "g"}]}),
        [{"code": "g", "name": "g"}],
    ),
    ("null_table", "one_row", null_rows, [["既定"], []]),
    ("null_table", "no_row", null_rows, [[], []]),
    (
        "least_length_of_empty",
        True,
        lambda api: texts(api, "3"),
        {"records[0].f.value": ["2文字より長くなければなりません。"]},
    ),
    ("least_length_of_empty", False, lambda api: texts(api, "3"), {"ids": ["1"], "revisions": ["1"]}),
    (
        "full_width_numbers",
        "refused",
        lambda api: list(api.field("NUMBER").add({"f": "１２"})),
        ["records[0][f].value"],
    ),
    ("full_width_numbers", "read", lambda api: api.field("NUMBER").stored({"f": "１２"}), "12"),
    ("line_breaks_in_text", "kept", lambda api: api.field("SINGLE_LINE_TEXT").stored({"f": "a\r\nb"}), "a\r\nb"),
    ("line_breaks_in_text", "dropped", lambda api: api.field("SINGLE_LINE_TEXT").stored({"f": "a\r\nb"}), "ab"),
    (
        "rich_text_rewritten",
        False,
        lambda api: api.field("RICH_TEXT").stored({"f": "<B>a&quot;</B>"}),
        "<B>a&quot;</B>",
    ),
    ("rich_text_rewritten", True, lambda api: api.field("RICH_TEXT").stored({"f": "<B>a&quot;</B>"}), '<b>a"</b>'),
    *(
        (
            "choices_in_form_order",
            in_order,
            lambda api, native=native: api.field(native, options=["a", "b"]).stored({"f": ["b", "a"]}),
            read,
        )
        for native in ("CHECK_BOX", "MULTI_SELECT")
        for in_order, read in ((True, ["a", "b"]), (False, ["b", "a"]))
    ),
    ("computed_writes", "ignored", lambda api: api.add({"件名": "a", "応対時間_時": "9"})["ids"], ["1"]),
    ("computed_writes", "refused", lambda api: api.add({"件名": "a", "応対時間_時": "9"}), (400, "GAIA_UN10")),
    (
        "computed_writes",
        "ignored",
        lambda api: api.field("SINGLE_LINE_TEXT", expression="1").stored({"f": "9"}),
        "",
    ),
    (
        "computed_writes",
        "refused",
        lambda api: api.field("SINGLE_LINE_TEXT", expression="1").add({"f": "9"}),
        (400, "GAIA_UN10"),
    ),
    (
        "times_checked",
        True,
        lambda api: api.add(_FUTURE),
        {
            "records[0].作成日時.value": [_NOT_ALLOWED],
        },
    ),
    ("times_checked", False, lambda api: api.stored(_FUTURE, "作成日時"), "2030-01-01T00:00:00Z"),
    ("times_checked", True, lambda api: api.add(_LONG_AGO), {"records[0].更新日時.value": [_NOT_ALLOWED]}),
    ("times_checked", False, lambda api: api.stored(_LONG_AGO, "更新日時"), "2020-01-01T00:00:00Z"),
    (
        "same_new_key",
        "refused",
        same_key_twice,
        ({"records[1].キー.value": [TAKEN], "records[1].件名.value": [REQUIRED]}, []),
    ),
    (
        "same_new_key",
        "updates",
        same_key_twice,
        (
            {
                "records": [
                    {"id": "1", "revision": "1", "operation": "INSERT"},
                    {"id": "1", "revision": "2", "operation": "UPDATE"},
                ]
            },
            [("a", "b")],
        ),
    ),
    *(
        (
            "keys_fold",
            folds,
            lambda api: (
                api.add({"件名": "a", "キー": "k1"}),
                api.upsert(keyed("Ｋ1", 件名="b"))["records"][0]["operation"],
            )[1],
            done,
        )
        for folds, done in ((False, "INSERT"), (True, "UPDATE"))
    ),
    ("insert_with_revision", "ignored", lambda api: new_record_by(api, revision=1), "INSERT"),
    ("insert_with_revision", "refused", lambda api: new_record_by(api, revision=1), (409, "GAIA_CO02")),
    ("insert_like_add", True, defaulted, "既定"),
    ("insert_like_add", False, defaulted, ""),
    ("key_in_inserted_record", "accepted", lambda api: api.upsert(keyed("k", 件名="a", キー="k")), _TWICE),
    ("key_in_inserted_record", "refused", lambda api: api.upsert(keyed("k", 件名="a", キー="k")), (400, "CB_IL02")),
]


@pytest.mark.parametrize(
    ("fact", "answer", "run", "gives"), CASES, ids=[f"{fact}={answer}" for fact, answer, *_ in CASES]
)
def test_a_fact_that_is_not_known_can_be_either_way(
    api: Api, fact: str, answer: Any, run: Callable[[Api], Any], gives: Any
) -> None:
    api.kintone.unsure = Unsure().changed({fact: answer})

    assert run(api) == gives


def test_every_fact_that_is_switched_here_is_shown_with_each_of_its_answers() -> None:
    shown = {fact: {case[1] for case in CASES if case[0] == fact} for fact, *_ in CASES}

    assert all(len(answers) > 1 for answers in shown.values()), shown
    assert all(getattr(Unsure(), fact) in answers for fact, answers in shown.items())
