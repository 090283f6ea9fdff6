"""Facts about errors, fields and writing (4 to 6) that need no file of their own, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from raw_api import BOTH, Api, Row, check_names, count, keyed, many, rows, shown, wired

from renkei_kintone.simulator import App, Token

URL_WANTED = "URLの形式が正しくありません。"


def struck(api: Api, kind: str, **fault: Any) -> tuple[int, str, int]:
    """An addition that a fault strikes: status, content type without its parameters, and how many records there are."""
    api.kintone.order(kind, **fault)
    body = {"app": 1, "record": wired({"件名": "a"})}
    answer = api.world.call("POST", "record.json", json=body)
    return answer.status_code, answer.headers["Content-Type"].partition(";")[0], count(api)


def old(api: Api, token: str, app: int) -> Any:
    api.kintone.old_statuses = True
    said = api.world.call("GET", "app.json", token=token, params={"id": str(app)})
    return said.status_code, said.json()["code"]


ANSWERS = rows(
    (
        "4.1 answers that are no JSON",
        "doc, observed",
        "maintenance, gateways, unknown subdomains and closed addresses answer with texts and pages",
        lambda api: [
            struck(api, kind, **more)[1]
            for kind, more in (
                ("before_apply_503", {}),
                ("before_apply_503", {"html": True}),
                ("before_apply_502", {}),
                ("unknown_subdomain", {}),
                ("ip_restriction", {}),
            )
        ],
        ["text/plain", "text/html", "text/html", "text/html", "text/html"],
    ),
    (
        "4.1 statuses of older servers",
        "observed",
        "were 520 where they are 400 now, with the same code",
        lambda api: [old(api, "simulated-typo", 1), old(api, "simulated-guest-space-token", 12)],
        [(520, "GAIA_IA02"), (520, "GAIA_IL23")],
    ),
    (
        "4.2 maintenance",
        "doc",
        "status 503 without a code, as a text or as HTML, and nothing is saved",
        lambda api: [struck(api, "before_apply_503", html=html) for html in (False, True)],
        [(503, "text/plain", 0), (503, "text/html", 0)],
    ),
    (
        "4.2 unknown subdomain",
        "observed",
        "status 404 without a code",
        lambda api: struck(api, "unknown_subdomain"),
        (404, "text/html", 0),
    ),
    (
        "4.2 GAIA_ST02",
        "observed",
        "an action in an app without process management",
        lambda api: (api.add({"件名": "a"}), api("PUT", "record/status", id=1, action="始める"))[1],
        (400, "GAIA_ST02"),
    ),
    (
        "4.2 GAIA_IL03",
        "observed",
        "an action that does not lead away from where the record is",
        lambda api: (api.with_process().add({}), api("PUT", "record/status", id=1, action="終える"))[1],
        (400, "GAIA_IL03"),
    ),
    (
        "4.5 429 and GAIA_DA02",
        "doc, observed",
        "are refused before anything is saved, and the same request then goes in",
        lambda api: (
            struck(api, "429"),
            struck(api, "da02"),
            "id" in api("POST", "record", record=wired({"件名": "a"})),
        ),
        ((429, "application/json", 0), (400, "application/json", 0), True),
    ),
    (
        "4.5 an unknown outcome",
        "doc",
        "a page from a gateway can mean that nothing was saved or that all was",
        lambda api: (struck(api, "before_apply_502"), struck(api, "applied_then_504")),
        ((502, "text/html", 0), (504, "text/html", 1)),
    ),
    (
        "4.5 two updates of one record",
        "observed",
        "the one that comes later with the same revision is refused",
        lambda api: (
            api.add({"件名": "a"}),
            *(api("PUT", "record", id=1, revision=1, record=wired({"件名": each})) for each in "bc"),
            api.stored(code="件名"),
        )[1:],
        ({"revision": "2"}, (409, "GAIA_CO02"), "b"),
    ),
)


def adding_only(api: Api, code: str, value: Any) -> Any:
    """Add as a token that may add and nothing else."""
    api.kintone.tokens["limited"] = Token("limited", "1", frozenset({"add"}))
    return api.add({"件名": "a", code: value}, token="limited")


def lookup_of(api: Api, native: str, key: str) -> Any:
    """A key of a type that looks up another app's field of that type: what the app then holds."""
    lookup = {"relatedApp": {"app": "2", "code": ""}, "relatedKeyField": "n"}
    mapped = [{"field": "r", "relatedField": "x"}]
    source = {"n": {"type": native, "unique": True}, "x": {"type": "SINGLE_LINE_TEXT"}}
    api.kintone.apps["2"] = App.from_data({"id": 2, "name": "元", "fields": source})
    api.kintone.apps["2"].store({"n": key, "x": "金"}, "2026-01-01T00:00:00Z")
    api.form(f={"type": native, "lookup": {**lookup, "fieldMappings": mapped}}, r={"type": "SINGLE_LINE_TEXT"})
    return api.add({"f": key}, token=BOTH)["ids"], api.stored(), api.stored(code="r")


SYSTEM = {"作成者": {"code": "tanaka"}, "更新者": {"code": "tanaka"}, "作成日時": "2026", "更新日時": "2026"}

FIELDS = rows(
    (
        "5.1 reads",
        "doc",
        "give every field as its type and its value",
        lambda api: (api.field("NUMBER").add({"f": 7}), api("GET", "record", id=1)["record"]["f"])[1],
        {"type": "NUMBER", "value": "7"},
    ),
    *(
        (
            f"5.2 NUMBER sign or exponent {sent}",
            "observed",
            "signs and both forms of exponent are read",
            lambda api, sent=sent: api.field("NUMBER").stored({"f": sent}),
            read,
        )
        for sent, read in (("-7.50", "-7.5"), ("2E2", "200"), ("5e-2", "0.05"))
    ),
    *(
        (
            f"5.2 {native} exact name",
            "doc",
            "an option is named exactly",
            lambda api, native=native, sent=sent: api.field(native, options=["a"]).add({"f": sent}),
            {f"records[0].f.{path}": ['"A"は選択肢にありません。']},
        )
        for native, sent, path in (
            ("CHECK_BOX", ["A"], "values[0].value"),
            ("MULTI_SELECT", ["A"], "values[0].value"),
            ("RADIO_BUTTON", "A", "value"),
        )
    ),
    (
        "5.2 LINK not call",
        "doc",
        "what is no telephone number is refused",
        lambda api: api.field("LINK", protocol="CALL").add({"f": "電話"}),
        {"records[0].f.value": [URL_WANTED]},
    ),
    *(
        (
            f"5.2 LOOKUP of a {native}",
            "observed",
            "a key is written as its base type, and copies",
            lambda api, native=native, key=key: lookup_of(api, native, key),
            (["1"], key, "金"),
        )
        for native, key in (("SINGLE_LINE_TEXT", "C1"), ("NUMBER", "10"), ("LINK", "https://a.example/"))
    ),
    *(
        (
            f"5.2 {code} without manage",
            "observed",
            "needs the permission to manage the app",
            lambda api, code=code, value=value: adding_only(api, code, value),
            (403, "GAIA_BF02"),
        )
        for code, value in SYSTEM.items()
    ),
    *(
        (
            f"5.2 {code} on update",
            "doc, observed",
            "is not written by an update, whatever the token may do",
            lambda api, code=code, value=value: (api.add({"件名": "a"}), api.put(**{code: value}))[1],
            (400, "GAIA_UN10"),
        )
        for code, value in SYSTEM.items()
    ),
    (
        "5.2 MODIFIER with manage",
        "doc",
        "may be given by who may manage the app",
        lambda api: api.stored({"件名": "a", "更新者": {"code": "tanaka"}}, "更新者"),
        {"code": "tanaka", "name": "tanaka"},
    ),
    (
        "5.2 GROUP and REFERENCE_TABLE",
        "doc",
        "hold no value, and are not in a record that is read",
        lambda api: (
            api.form(
                g={"type": "GROUP"}, r={"type": "REFERENCE_TABLE", "referenceTable": {}}, f={"type": "NUMBER"}
            ).add({"f": "1"}),
            sorted(api("GET", "record", id=1)["record"]),
        )[1],
        ["$id", "$revision", "f"],
    ),
    (
        "5.3 default of a DATETIME",
        "doc, observed",
        "has no seconds, and in older notes a Z at its end",
        lambda api: [
            api.field("DATETIME", defaultValue=given).stored({}) for given in ("2026-01-02T03:04", "2026-01-02T03:04Z")
        ],
        ["2026-01-02T03:04:00Z", "2026-01-02T03:04:00Z"],
    ),
    (
        "5.3 fields that a lookup fills",
        "doc",
        "look like any other; only the lookup names them",
        lambda api: (
            form := api.world.call("GET", "app/form/fields.json?app=1", token=BOTH).json()["properties"],
            form["顧客コード"]["lookup"]["fieldMappings"],
            sorted(form["顧客ランク"]) == sorted(form["担当者"]),
        )[1:],
        ([{"field": "顧客ランク", "relatedField": "ランク"}], True),
    ),
)

WRITING = rows(
    (
        "6.2 id and updateKey",
        "doc, spec",
        "exclude each other",
        lambda api: [
            api.upsert({**keyed("k", 件名="a"), "id": 1}),
            api("PUT", "record", id=1, updateKey={"field": "キー", "value": "k"}, record={}),
        ],
        [(400, "CB_IL02"), (400, "CB_IL02")],
    ),
    (
        "6.2 the key's own field on update",
        "doc",
        "is written like any other, so that the record then has another key",
        lambda api: (api.add({"件名": "a", "キー": "k"}), api.upsert(keyed("k", キー="l")), api.stored(code="キー"))[2],
        "l",
    ),
)

NOT_SIMULATED = {
    "4.1 what a client makes of an answer": "kintone's own clients show it: see outside-clients.md",
    "4.4 lang": "forms have labels in one language",
    "4.5 how often clients try again": "tells what a client does",
    "5.1 what a field code may be made of": "calls of the settings take any code",
    "5.1 names instead of codes": "status, assignee and category go by their names, which are their codes here",
    "5.3 fields inside a GROUP": "no field here stands in a group",
    "5.3 LABEL, SPACER and HR": "no form here has them",
    "5.3 codes of system fields by language": "forms are given with their codes",
    "5.3 PRIMARY_ORGANIZATION()": "users here belong to no organization, so such a default is empty",
    "5.3 order of the fields": "a guess; they come in the order of the form",
    "6.1 chunks of kintone's client": "kintone's own clients show them: see outside-clients.md",
    "6.4 two files in one request": "what becomes of the other is not known",
}
"""Rows that the simulator does not show, and why."""


@shown(ANSWERS, FIELDS, WRITING)
def test_a_row_of_the_facts_holds(api: Api, row: Row) -> None:
    assert row.run(api) == row.gives, row.says


# Row, what brings it about, where it is named, its words in English and in Japanese; "" where they are not known.
WORDS: list[tuple[str, Callable[[Api], Any], str, str, str]] = [
    ("missing", lambda api: api.raw({}, "POST", "records"), "records", "Required field.", "必須です。"),
    (
        "app below one",
        lambda api: api.raw({}, "POST", "record", app=0),
        "app",
        "must be greater than or equal to 1",
        "最小でも1以上です。",
    ),
    ("not an integer", lambda api: api.raw({}, "PUT", "record", id="x"), "id", "Enter an integer value.", ""),
    (
        "revision below -1",
        lambda api: api.raw({}, "PUT", "record", id=1, revision=-2),
        "revision",
        "must be greater than or equal to -1",
        "",
    ),
    (
        "not a boolean",
        lambda api: api.raw({}, "PUT", "records", records=[], upsert="x"),
        "upsert",
        "must be boolean.",
        "",
    ),
    (
        "101 additions",
        lambda api: api.raw({}, "POST", "records", records=many(101)),
        "records",
        "A maximum of 100 records can be added at one time.",
        "一度に100件までのレコードを追加できます。",
    ),
    (
        "101 updates",
        lambda api: api.raw({}, "PUT", "records", records=many(101)),
        "records",
        "A maximum of 100 records can be updated at one time.",
        "一度に100件までのレコードを更新できます。",
    ),
    (
        "101 deletions",
        lambda api: api.raw({}, "DELETE", "records", ids=list(range(1, 102))),
        "ids",
        "Between 1 and 100 records can be deleted at one time.",
        "一度に1件から100件までのレコードを削除できます。",
    ),
    ("query", lambda api: api.raw({}, "GET", "records", query="件名"), "query", "", "クエリ記法が間違っています。"),
    (
        "unique",
        lambda api: (api.add({"件名": "a", "キー": "k"}), api.raw({"件名": "a", "キー": "k"}))[1],
        "record.キー.value",
        "This value already exists in another record.",
        "値がほかのレコードと重複しています。",
    ),
    (
        "not a number",
        lambda api: api.raw({"件名": "a", "応対時間": "x"}),
        "record[応対時間].value",
        "Only numbers are allowed.",
        "数字でなければなりません。",
    ),
    (
        "not a date",
        lambda api: api.raw({"件名": "a", "対応日": "2015-"}),
        "record[対応日].value",
        "",
        "日時はISO8601形式の必要があります。",
    ),
]


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize(("run", "path", "en", "ja"), [each[1:] for each in WORDS], ids=[each[0] for each in WORDS])
def test_4_3_a_mistake_has_kintones_words(
    api: Api, run: Callable[[Api], Any], path: str, en: str, ja: str, language: str
) -> None:
    api.kintone.language = language

    (said,) = run(api)["errors"].items()

    assert said[0] == path
    assert said[1]["messages"] == [(en if language == "en" else ja) or said[1]["messages"][0]]


def test_every_row_has_a_name_of_its_own_and_a_known_source() -> None:
    check_names([*ANSWERS, *FIELDS, *WRITING], NOT_SIMULATED)
