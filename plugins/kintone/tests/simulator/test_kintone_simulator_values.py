"""What fields take and keep (5.1, 5.2), row by row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from raw_api import (
    NOT_A_DATE,
    NOT_A_NUMBER,
    REQUIRED,
    Api,
    Row,
    cells_of,
    check_names,
    managed,
    row,
    rows,
    shown,
    table,
    wired,
)


def at(api: Api, hour: int, minute: int) -> Api:
    """At this time of the first of April, in UTC."""
    api.kintone.now = lambda: datetime(2026, 4, 1, hour, minute, tzinfo=UTC)
    return api


RULES = rows(
    (
        "5.1 type may be sent",
        "doc",
        "a value may bring its type, which is not needed",
        lambda api: api("POST", "records", records=[{"件名": {"type": "SINGLE_LINE_TEXT", "value": "a"}}])["ids"],
        ["1"],
    ),
    (
        "5.1 unknown codes",
        "doc, observed",
        "an unknown field code is dropped without a word",
        lambda api: (api.add({"件名": "a", "題名": "b"})["ids"], "題名" in api.kintone.values()[0]),
        (["1"], False),
    ),
    (
        "5.1 inner code at top level",
        "observed",
        "so is the code of a field that is in a table",
        lambda api: (api.add({"件名": "a", "経過内容": "b"})["ids"], "経過内容" in api.kintone.values()[0]),
        (["1"], False),
    ),
    (
        "5.1 renamed field",
        "observed",
        "a renamed code loses data without an error",
        lambda api: (
            api.kintone.apps["1"].fields.update(題=api.kintone.apps["1"].fields.pop("本文")),
            api.add({"件名": "a", "本文": "b"})["ids"],
            api.stored(code="題"),
        )[1:],
        (["1"], ""),
    ),
    (
        "5.1 default",
        "observed",
        "a default stands in for a field that is absent",
        lambda api: api.field("SINGLE_LINE_TEXT", defaultValue="既定").stored({}),
        "既定",
    ),
    *(
        (
            f"5.1 default suppressed by {empty!r}",
            "observed",
            "an explicit empty value keeps the default out",
            lambda api, native=native, empty=empty, more=more: api.field(native, **more).stored({"f": empty}),
            read,
        )
        for native, empty, more, read in (
            ("SINGLE_LINE_TEXT", "", {"defaultValue": "既定"}, ""),
            ("SINGLE_LINE_TEXT", None, {"defaultValue": "既定"}, ""),
            ("CHECK_BOX", [], {"defaultValue": ["a"], "options": ["a"]}, []),
        )
    ),
    (
        "5.1 defaultNowValue",
        "observed",
        "now wins over another default",
        lambda api: api.field("DATE", defaultNowValue=True, defaultValue="2000-01-01").stored({}),
        "2026-04-01",
    ),
    *(
        (
            f"5.1 defaultNowValue of a {native}",
            "observed",
            "is the day or the time of the user's time zone, here Japan; a date with time is kept in UTC",
            lambda api, native=native: at(api, 16, 30).field(native, defaultNowValue=True).stored({}),
            now,
        )
        for native, now in (("DATE", "2026-04-02"), ("TIME", "01:30"), ("DATETIME", "2026-04-01T16:30:00Z"))
    ),
    (
        "5.1 default of the acting user",
        "js-sdk, observed",
        "a function as a default is the user who adds, of tokens the Administrator",
        lambda api: api.field("USER_SELECT", defaultValue=[{"type": "FUNCTION", "code": "LOGINUSER()"}]).stored({}),
        [{"code": "Administrator", "name": "Administrator"}],
    ),
    (
        "5.1 no default on PUT",
        "observed",
        "an update fills in no default",
        lambda api: (
            api.field("SINGLE_LINE_TEXT", defaultValue="既定").add({"f": ""}),
            api.put_stored(),
        )[1],
        "",
    ),
    (
        "5.1 required met by default",
        "observed",
        "a default satisfies a required field that is absent",
        lambda api: api.field("SINGLE_LINE_TEXT", required=True, defaultValue="既定").stored({}),
        "既定",
    ),
    (
        "5.1 required and explicitly empty",
        "observed",
        "an explicit empty value does not, in spite of a default",
        lambda api: api.field("SINGLE_LINE_TEXT", required=True, defaultValue="既定").add({"f": ""}),
        {"records[0].f.value": [REQUIRED]},
    ),
    (
        "5.1 PUT validates the merged record",
        "observed",
        "a field that became required keeps an old record without it from being updated",
        lambda api: (
            api.add({"件名": "a"}),
            api.kintone.apps["1"].fields["本文"].update(required=True),
            api.put(件名="b"),
            api.put(件名="b", 本文="c"),
        )[2:],
        ({"record.本文.value": [REQUIRED]}, {"revision": "2"}),
    ),
    (
        "5.1 RADIO_BUTTON required",
        "observed",
        "is not enforced: absent stays null, empty is skipped",
        lambda api: (
            api.field("RADIO_BUTTON", required=True, options=["a"]).stored({}),
            api.stored({"f": ""}),
        ),
        (None, None),
    ),
    (
        "5.1 CALC required",
        "observed",
        "is not enforced",
        lambda api: api.field("CALC", required=True, expression="1").add({})["ids"],
        ["1"],
    ),
    (
        "5.1 reserved keys",
        "js-sdk, observed",
        "id and revision of a record read under names of their own",
        lambda api: (
            api.add({"件名": "a"}),
            {code: api("GET", "record", id=1)["record"][code] for code in ("$id", "$revision")},
        )[1],
        {"$id": {"type": "__ID__", "value": "1"}, "$revision": {"type": "__REVISION__", "value": "1"}},
    ),
)


def kept(name: str, source: str, native: str, sent: Any, read: Any, **more: Any) -> Row:
    """A value of a type and how it reads back."""
    return Row(
        f"5.2 {native} {name}",
        source,
        f"{sent!r} is kept as {read!r}",
        lambda api: api.field(native, **more).stored({"f": sent}),
        read,
    )


def refused(name: str, source: str, native: str, sent: Any, said: str, **more: Any) -> Row:
    """A value of a type that cannot be read."""
    return Row(
        f"5.2 {native} {name}",
        source,
        f"{sent!r} is refused",
        lambda api: api.field(native, **more)("POST", "record", record=wired({"f": sent})),
        {"record[f].value" if said in (NOT_A_NUMBER, NOT_A_DATE) else "record.f.value": [said]},
    )


TYPES = [
    kept("as is", "doc", "SINGLE_LINE_TEXT", " a ", " a "),
    kept("line breaks", "doc", "MULTI_LINE_TEXT", "a\nb", "a\nb"),
    kept("unsafe parts", "doc", "RICH_TEXT", "<p onclick='x()'>a<script>b</script></p>", "<p>a</p>"),
    kept("exponent", "observed", "NUMBER", "1.5e1", "15"),
    kept("trimmed", "observed", "NUMBER", " 42 ", "42"),
    kept("JSON number", "observed", "NUMBER", 7, "7"),
    kept("sign", "observed", "NUMBER", "+7", "7"),
    kept("half to even", "observed", "NUMBER", "1.00005", "1"),
    kept("half to even, odd", "observed", "NUMBER", "1.00015", "1.0002"),
    kept("12 digits", "doc, observed", "NUMBER", "999999999999.9999", "999999999999.9999"),
    refused("bare point", "observed", "NUMBER", ".5", NOT_A_NUMBER),
    refused("thousands", "observed", "NUMBER", "1,000", NOT_A_NUMBER),
    refused("letters", "observed", "NUMBER", "12abc", NOT_A_NUMBER),
    kept("options", "doc", "CHECK_BOX", ["a"], ["a"], options=["a", "b"]),
    kept("options", "doc", "MULTI_SELECT", ["b"], ["b"], options=["a", "b"]),
    kept("option", "doc", "RADIO_BUTTON", "a", "a", options=["a"]),
    kept("option", "doc", "DROP_DOWN", "a", "a", options=["a"]),
    kept("unset", "observed", "DROP_DOWN", "", None, options=["a"]),
    refused("another case", "observed", "DROP_DOWN", "A", '"A"は選択肢にありません。', options=["a"]),
    kept("day", "doc", "DATE", "2026-04-09", "2026-04-09"),
    kept("year", "doc", "DATE", "2026", "2026-01-01"),
    kept("month", "doc", "DATE", "2026-04", "2026-04-01"),
    kept("short", "doc", "DATE", "2026-4-9", "2026-04-09"),
    kept("first", "doc", "DATE", "1000-01-01", "1000-01-01"),
    kept("last", "doc", "DATE", "9999-12-31", "9999-12-31"),
    refused("too early", "doc", "DATE", "0999-12-31", NOT_A_DATE),
    kept("minutes", "doc", "TIME", "09:05", "09:05"),
    kept("seconds", "doc", "TIME", "09:05:59", "09:05"),
    kept("UTC", "doc, js-sdk", "DATETIME", "2026-04-01T09:05:59Z", "2026-04-01T09:05:00Z"),
    kept("offset", "doc, js-sdk", "DATETIME", "2026-04-01T09:05:00+09:00", "2026-04-01T00:05:00Z"),
    kept("padded", "doc", "DATETIME", "2026-04-01", "2026-04-01T00:00:00Z"),
    kept("unset", "doc, js-sdk", "DATETIME", "", ""),
    kept("web", "doc", "LINK", "https://a.example/", "https://a.example/", protocol="WEB"),
    kept("mail", "doc", "LINK", "a@b.example", "a@b.example", protocol="MAIL"),
    kept("call", "doc", "LINK", "03-0000-0000", "03-0000-0000", protocol="CALL"),
    refused("not web", "doc", "LINK", "a.example", "URLの形式が正しくありません。", protocol="WEB"),
    refused("not mail", "doc", "LINK", "ab", "URLの形式が正しくありません。", protocol="MAIL"),
    kept("login name", "doc", "USER_SELECT", [{"code": "tanaka"}], [{"code": "tanaka", "name": "tanaka"}]),
    kept("code", "doc", "ORGANIZATION_SELECT", [{"code": "sales"}], [{"code": "sales", "name": "sales"}]),
    kept("code", "doc", "GROUP_SELECT", [{"code": "leaders"}], [{"code": "leaders", "name": "leaders"}]),
    *rows(
        (
            "5.2 NUMBER rounding by the app",
            "doc",
            "the app says how many decimals there are and where half goes",
            lambda api: [api.precise(2, mode).stored({"f": "1.005"}) for mode in ("HALF_EVEN", "UP", "DOWN")],
            ["1", "1.01", "1"],
        ),
        (
            "5.2 NUMBER empty in table",
            "observed",
            "inside a table what is no number becomes empty without an error",
            lambda api: (table(api, type="NUMBER").add({"t": [row({"c": "x"})]})["ids"], cells_of(api)),
            (["1"], [""]),
        ),
        (
            "5.2 CALC",
            "doc",
            "is never taken from the request",
            lambda api: api.field("CALC", expression="1").stored({"f": "9"}),
            "",
        ),
        (
            "5.2 UTF-16",
            "observed",
            "an emoji counts two",
            lambda api: [
                "ids" in api.field("SINGLE_LINE_TEXT", maxLength="2").add({"f": text})
                for text in ("ああ", "😀", "😀あ")
            ],
            [True, True, False],
        ),
        (
            "5.2 unique types",
            "observed",
            "five types can forbid repetition, others drop the setting",
            lambda api: [
                native
                for native in ("SINGLE_LINE_TEXT", "NUMBER", "LINK", "DATE", "DATETIME", "MULTI_LINE_TEXT", "TIME")
                if "unique" in api.field(native, unique=True).kintone.apps["1"].fields["f"]
            ],
            ["SINGLE_LINE_TEXT", "NUMBER", "LINK", "DATE", "DATETIME"],
        ),
        (
            "5.2 unique text length",
            "doc",
            "a text that must be unique holds 64 characters",
            lambda api: api.field("SINGLE_LINE_TEXT", unique=True).add({"f": "k" * 65}),
            {"records[0].f.value": ["65文字より短くなければなりません。"]},
        ),
        (
            "5.2 FILE",
            "observed",
            "reads as name, type and size, a string, under another key than the upload's",
            lambda api: (
                listed := api.attached(),
                "fileKey" in listed,
                [listed[key] for key in ("contentType", "name", "size")],
            )[1:],
            (True, ["text/plain", "a.txt", "3"]),
        ),
        (
            "5.2 FILE keys differ",
            "observed",
            "the file is downloaded by the key of the record, not by that of the upload",
            lambda api: (api.download(api.upload()), api.download(api.attached()["fileKey"])),
            ((404, "GAIA_BL01"), b"abc"),
        ),
        (
            "5.2 RECORD_NUMBER",
            "doc",
            "is the id, with the app code before it where there is one",
            lambda api: [api.numbered(code) for code in ("", "CRM")],
            ["1", "CRM-1"],
        ),
        (
            "5.2 RECORD_NUMBER not written",
            "doc",
            "is never taken from the request",
            lambda api: api.stored({"件名": "a", "レコード番号": "77"}, "レコード番号"),
            "1",
        ),
        (
            "5.2 CREATOR with manage",
            "doc",
            "may be given by who may manage the app",
            lambda api: api.stored({"件名": "a", "作成者": {"code": "tanaka"}}, "作成者"),
            {"code": "tanaka", "name": "tanaka"},
        ),
        (
            "5.2 CREATOR unknown",
            "observed",
            "of an unknown login name is refused",
            lambda api: api.add({"件名": "a", "作成者": {"code": "nobody"}}),
            (400, "GAIA_IL26"),
        ),
        (
            "5.2 CREATOR on update",
            "doc",
            "is not written by an update",
            lambda api: (api.add({"件名": "a"}), api.put(作成者={"code": "tanaka"}))[1],
            (400, "GAIA_UN10"),
        ),
        (
            "5.2 CREATED_TIME with manage",
            "doc",
            "may be given, to the minute",
            lambda api: api.stored({"件名": "a", "作成日時": "2026-01-02T09:00:30+09:00"}, "作成日時"),
            "2026-01-02T00:00:00Z",
        ),
        (
            "5.2 UPDATED_TIME beside a given CREATED_TIME",
            "doc",
            "is the time of adding where it is not given",
            lambda api: api.stored({"件名": "a", "作成日時": "2026-01-02"}, "更新日時"),
            "2026-04-01T01:02:00Z",
        ),
        (
            "5.2 UPDATED_TIME with manage",
            "doc",
            "may be given beside an earlier creation",
            lambda api: api.stored({"件名": "a", "作成日時": "2026-01-02", "更新日時": "2026-01-03"}, "更新日時"),
            "2026-01-03T00:00:00Z",
        ),
        (
            "5.2 CREATED_TIME without manage",
            "doc",
            "is refused otherwise",
            lambda api: managed("add")(api, {"件名": "a", "作成日時": "2026"}),
            (403, "GAIA_BF02"),
        ),
        *(
            (
                f"5.2 {native}",
                "observed",
                "is never written with a record",
                lambda api, code=code: api.add({"件名": "a", code: "x"}),
                (400, "GAIA_UN10"),
            )
            for native, code in (("STATUS", "ステータス"), ("STATUS_ASSIGNEE", "作業者"), ("CATEGORY", "カテゴリー"))
        ),
    ),
]

NOT_SIMULATED = {
    "5.1 case of field codes": "a guess; codes are compared as they are",
    "5.2 CALC values": "expressions are not calculated; such a field reads as empty",
    "5.2 automatic text": "expressions are not calculated; such a field reads as empty",
    "5.2 entities": "limits the choice on the screen, not in the API",
    "5.2 GROUP_SELECT unknown": "no code is known; the switch unknown_group takes either side",
}
"""Rows about writing that the simulator does not show, and why."""


@shown(RULES, TYPES)
def test_a_row_of_the_facts_holds(api: Api, row: Row) -> None:
    assert row.run(api) == row.gives, row.says


def test_every_row_has_a_name_of_its_own_and_a_known_source() -> None:
    check_names([*RULES, *TYPES], NOT_SIMULATED)
