"""Tables (5.4) and lookups (5.5), row by row."""

from __future__ import annotations

from raw_api import BOTH, REQUIRED, Api, Row, cells_of, check_names, row, rows, shown, table

TABLES = rows(
    (
        "5.4 rows",
        "doc",
        "rows without an id get one, a string",
        lambda api: [each["id"] for each in api.stored({"件名": "a", "経過": [row({}), row({})]}, "経過")],
        ["1", "2"],
    ),
    (
        "5.4 defaults in rows",
        "observed",
        "an inner field that a row leaves out gets its default",
        lambda api: (
            table(api, type="SINGLE_LINE_TEXT", defaultValue="既定").add({"t": [row({}), row({"c": ""})]}),
            cells_of(api),
        )[1],
        ["既定", ""],
    ),
    (
        "5.4 no rows",
        "observed",
        "an absent table and an empty one have no row, and no default",
        lambda api: [
            table(api, type="SINGLE_LINE_TEXT", defaultValue="既定").stored(record, "t") for record in ({}, {"t": []})
        ],
        [[], []],
    ),
    (
        "5.4 rules in rows",
        "observed",
        "lengths and required hold inside rows",
        lambda api: table(api, type="SINGLE_LINE_TEXT", required=True).add({"t": [row({"c": ""})]}),
        {"records[0].t.value[0].value.c.value": [REQUIRED]},
    ),
    (
        "5.4 users in rows",
        "observed",
        "an unknown login name is refused inside rows too",
        lambda api: table(api, type="USER_SELECT").add({"t": [row({"c": [{"code": "nobody"}]})]}),
        (400, "GAIA_IL26"),
    ),
    (
        "5.4 update replaces",
        "doc, observed",
        "the rows that are sent replace the table",
        lambda api: (two_rows(api), api.put(t=[row({"c": "z"})]), cells_of(api))[2],
        ["z"],
    ),
    (
        "5.4 update merges by id",
        "doc, observed",
        "a row that is named keeps the inner fields that are left out",
        lambda api: (two_rows(api), api.put(t=[row({"c": "z"}, "2")]), cells_of(api), cells_of(api, "d"))[2:],
        (["z"], ["2"]),
    ),
    (
        "5.4 update with an unknown row id",
        "doc, observed",
        "makes a new row with a new id",
        lambda api: (two_rows(api), api.put(t=[row({"c": "z"}, "9")]), api.stored(code="t")[0]["id"])[2],
        "3",
    ),
    (
        "5.4 update without the table",
        "doc, observed",
        "keeps all rows",
        lambda api: (two_rows(api), api.put(), cells_of(api))[2],
        ["a", "b"],
    ),
    (
        "5.4 update with no rows",
        "doc, observed",
        "deletes them all",
        lambda api: (two_rows(api), api.put(t=[]), api.stored(code="t"))[2],
        [],
    ),
)

LOOKUPS = rows(
    (
        "5.5 copy",
        "observed",
        "writing the key copies the mapped fields",
        lambda api: (looked_up(api), api.stored(code="顧客ランク"))[1],
        "金",
    ),
    (
        "5.5 snapshot",
        "observed",
        "the copy stays when the source changes",
        lambda api: (
            looked_up(api),
            api.kintone.apps["2"].change("1", values={"顧客コード": "C1", "ランク": "銅"}),
            api.put(件名="b"),
            api.stored(code="顧客ランク"),
        )[3],
        "金",
    ),
    (
        "5.5 direct values",
        "observed",
        "what is sent for a mapped field is ignored",
        lambda api: (
            api.customer("C1", "金").add({"件名": "a", "顧客コード": "C1", "顧客ランク": "銅"}, token=BOTH),
            api.put(顧客ランク="銅", token=BOTH),
            api.stored(code="顧客ランク"),
        )[2],
        "金",
    ),
    (
        "5.5 no key on add",
        "observed",
        "an empty or omitted key is fine and leaves the mapped fields empty",
        lambda api: [api.stored({"件名": "a"} | key, "顧客ランク") for key in ({}, {"顧客コード": ""})],
        ["", ""],
    ),
    (
        "5.5 empty key on update",
        "observed",
        "empties the mapped fields",
        lambda api: (looked_up(api), api.put(顧客コード=""), api.stored(code="顧客ランク"))[2],
        "",
    ),
    (
        "5.5 omitted key on update",
        "observed",
        "keeps them",
        lambda api: (looked_up(api), api.put(件名="b"), api.stored(code="顧客ランク"))[2],
        "金",
    ),
    (
        "5.5 another key on update",
        "observed",
        "copies again",
        lambda api: (
            looked_up(api),
            api.customer("C2", "銀").put(token=BOTH, 顧客コード="C2"),
            api.stored(code="顧客ランク"),
        )[2],
        "銀",
    ),
    (
        "5.5 key that is a record number",
        "observed",
        "finds the record of that number",
        lambda api: (
            api.kintone.apps["1"].fields["顧客コード"]["lookup"].update(relatedKeyField="レコード番号"),
            api.customer("C1", "金").customer("C2", "銀").add({"件名": "a", "顧客コード": "2"}, token=BOTH),
            api.stored(code="顧客ランク"),
        )[2],
        "銀",
    ),
    (
        "5.5 picker filter",
        "observed",
        "the filter of the picker has no effect",
        lambda api: (
            api.kintone.apps["1"].fields["顧客コード"]["lookup"].update(filterCond='ランク = "銀"'),
            looked_up(api),
            api.stored(code="顧客ランク"),
        )[2],
        "金",
    ),
)


def two_rows(api: Api) -> None:
    table(api, type="SINGLE_LINE_TEXT").add({"t": [row({"c": "a", "d": "1"}), row({"c": "b", "d": "2"})]})


def looked_up(api: Api) -> None:
    assert "ids" in api.customer("C1", "金").add({"件名": "a", "顧客コード": "C1"}, token=BOTH)


def row_lookup(api: Api) -> Api:
    """A table whose field `c` looks up a customer and fills `r` beside it."""
    lookup = {
        "relatedApp": {"app": "2", "code": ""},
        "relatedKeyField": "顧客コード",
        "fieldMappings": [{"field": "r", "relatedField": "ランク"}],
    }
    columns = {
        "c": {"type": "SINGLE_LINE_TEXT", "lookup": lookup},
        "r": {"type": "SINGLE_LINE_TEXT"},
        "d": {"type": "SINGLE_LINE_TEXT"},
    }
    return api.form(t={"type": "SUBTABLE", "fields": columns}).customer("C1", "金").customer("C2", "銀")


def test_5_5_a_lookup_in_a_table_fills_its_row(api: Api) -> None:
    row_lookup(api).add({"t": [row({"c": "C1", "r": "x"}), {"value": None}, row({}), row({"c": "C2"})]}, token=BOTH)

    assert cells_of(api, "r") == ["金", "", "銀"]
    # Rows that name their keys look up again, the one that leaves it out keeps what it has, without the other token.
    assert api.put(t=[row({"d": "y"}, "1"), row({"c": ""}, "3")]) == {"revision": "2"}
    assert (cells_of(api, "c"), cells_of(api, "r"), cells_of(api, "d")) == (["C1", ""], ["金", ""], ["y", ""])


def test_5_5_a_lookup_in_a_table_that_finds_nothing_names_no_row(api: Api) -> None:
    assert row_lookup(api).add({"t": [row({"c": "C9"})]}, token=BOTH) == (400, "GAIA_LO04")
    assert api.add({"t": [row({"c": "C1"})]}) == (400, "GAIA_LO04")


def test_5_5_a_mapped_field_that_was_deleted_is_not_filled(api: Api) -> None:
    del api.kintone.apps["1"].fields["顧客ランク"]

    looked_up(api)

    assert "顧客ランク" not in api.kintone.values()[0]


def test_5_5_a_related_field_that_was_deleted_leaves_the_mapped_field_empty(api: Api) -> None:
    del api.kintone.apps["2"].fields["ランク"]

    looked_up(api)

    assert api.stored(code="顧客ランク") == ""


@shown(TABLES, LOOKUPS)
def test_a_row_of_the_facts_holds(api: Api, row: Row) -> None:
    assert row.run(api) == row.gives, row.says


def test_every_row_has_a_name_of_its_own_and_a_known_source() -> None:
    check_names([*TABLES, *LOOKUPS], {})
