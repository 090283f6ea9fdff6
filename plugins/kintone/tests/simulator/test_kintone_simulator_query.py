"""The simulator's query language, against records whose values are known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei_kintone.simulator import App
from renkei_kintone.simulator.matching import FUNCTIONS, OPERATORS, Search
from renkei_kintone.simulator.query import Comparison, Function, Joined, read
from renkei_kintone.simulator.words import NotSimulated, Refused

FIELDS = {
    "番号": {"type": "RECORD_NUMBER"},
    "作成者": {"type": "CREATOR"},
    "作成日時": {"type": "CREATED_TIME"},
    "名": {"type": "SINGLE_LINE_TEXT"},
    "文": {"type": "MULTI_LINE_TEXT"},
    "飾": {"type": "RICH_TEXT"},
    "数": {"type": "NUMBER"},
    "日": {"type": "DATE"},
    "時": {"type": "TIME"},
    "刻": {"type": "DATETIME"},
    "選": {"type": "DROP_DOWN", "options": ["甲", "乙"]},
    "印": {"type": "CHECK_BOX", "options": ["赤", "青", "白"]},
    "人": {"type": "USER_SELECT"},
    "書類": {"type": "FILE"},
    "表": {"type": "SUBTABLE", "fields": {"行名": {"type": "SINGLE_LINE_TEXT"}, "行数": {"type": "NUMBER"}}},
}


def table(*cells: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "id": str(at),
            "value": {
                "行名": {"type": "SINGLE_LINE_TEXT", "value": name},
                "行数": {"type": "NUMBER", "value": number},
            },
        }
        for at, (name, number) in enumerate(cells, start=1)
    ]


RECORDS: list[dict[str, Any]] = [
    {
        "名": "Tokyo 本社",
        "文": "一行目\n二行目",
        "飾": "<b>太字</b>",
        "数": "9",
        "日": "2026-03-31",
        "時": "09:30",
        "刻": "2026-03-31T16:00:00Z",
        "選": "甲",
        "印": ["赤", "青"],
        "人": [{"code": "tanaka", "name": "tanaka"}],
        "書類": [{"fileKey": "k", "name": "見積.pdf", "size": "1", "contentType": "application/pdf"}],
        "表": table(("い", "1"), ("ろ", "20")),
    },
    {"名": "大阪", "数": "10", "日": "2026-04-01", "刻": "2026-04-01T00:30:00Z", "選": "乙", "表": table(("は", "3"))},
    {"名": 'かぎ"括弧', "文": "  \n", "数": "-1.5", "印": ["白"], "人": [{"code": "Administrator", "name": "A"}]},
    {},
]
# 10:00 on the first of April in Japan.
NOW = datetime(2026, 4, 1, 1, 0, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def search() -> Search:
    app = App.from_data({"id": 1, "name": "試験", "fields": FIELDS, "code": "SHIKEN"})
    for values in RECORDS:
        app.store(values, "2026-04-01T00:00:00Z")
    return Search(app, "Administrator", NOW)


def found(search: Search, query: str) -> str:
    """The numbers of the records that are found, in their order."""
    return "".join(record.id for record in search.found(read(query)))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "4321"),
        ('名 = "大阪"', "2"),
        ('名 != "大阪"', "431"),
        ('名 = ""', "4"),
        ('名 != ""', "321"),
        ('名 in ("大阪", "京都", "")', "42"),
        ('名 not in ("大阪", "")', "31"),
        ('名 like "tokyo"', "1"),
        ('名 not like "tokyo"', "432"),
        (r'名 = "かぎ\"括弧"', "3"),
        ('文 like "二行"', "1"),
        ("文 is empty", "432"),
        ("文 is not empty", "1"),
        ('飾 like "太字"', "1"),
        ("数 = 9", "1"),
        ('数 = "9.0"', "1"),
        ("数 > 9", "2"),
        ("数 >= 9", "21"),
        ("数 < -1", "3"),
        ("数 <= 9", "31"),
        ("数 != 9", "432"),
        ('数 = ""', "4"),
        ('数 in ("9", "10")', "21"),
        ('選 in ("甲")', "1"),
        ('選 in ("")', "43"),
        ('選 not in ("甲")', "432"),
        ('印 in ("青")', "1"),
        ('印 not in ("青")', "432"),
        ('人 in ("tanaka")', "1"),
        ("人 in (LOGINUSER())", "3"),
        ('書類 like "見積"', "1"),
        ('作成者 in ("Administrator")', "4321"),
        ('番号 = "2"', "2"),
        ('番号 in ("SHIKEN-2")', "2"),
        ("$id >= 3", "43"),
        ("$id in (1, 4)", "41"),
        ('日 = "2026-04-01"', "2"),
        ('日 < "2026-04-01"', "1"),
        ("日 = TODAY()", "2"),
        ("日 = YESTERDAY()", "1"),
        ("日 > TOMORROW()", ""),
        ('時 >= "09:00"', "1"),
        ('刻 = "2026-04-01T01:00:00+09:00"', "1"),
        ('刻 > "2026-03-31T16:00:00Z"', "2"),
        ("刻 = TODAY()", "21"),
        ("刻 < NOW()", "21"),
        ("作成日時 = TODAY()", "4321"),
        ("作成日時 < TODAY()", ""),
        ('行名 in ("ろ", "に")', "1"),
        ('行名 not in ("は")', "431"),
        ("行数 > 5", "1"),
        ('行名 like "い"', "1"),
        ('名 = "大阪" or 数 = 9 and 選 in ("乙")', "2"),
        ('(名 = "大阪" or 数 = 9) and 選 in ("甲")', "1"),
        ('名 = "大阪" AND 数 = 10 OR 数 = 9', "21"),
    ],
)
def test_a_condition_finds_its_records(search: Search, query: str, expected: str) -> None:
    assert found(search, query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("order by $id asc", "1234"),
        ("order by 数 asc", "4312"),
        ("order by 数 desc", "2134"),
        ("order by 選 desc, 数 asc", "1243"),
        ("order by 日 asc, $id desc", "4312"),
        ('名 != "" order by 番号 asc limit 1 offset 1', "123"),
    ],
)
def test_an_order_is_kept(search: Search, query: str, expected: str) -> None:
    assert found(search, query) == expected


@pytest.mark.parametrize("native", sorted(set(OPERATORS) - {"__ID__", "STATUS", "STATUS_ASSIGNEE"}))
def test_a_type_knows_its_operators_and_refuses_the_others(native: str) -> None:
    known = {"=", "!=", ">", "<", ">=", "<=", "in", "not in", "like", "not like", "is", "is not"}
    app = App.from_data({"id": 1, "name": "試験", "fields": {"f": {"type": native, "options": []}}})
    value = {"DATE": "2026-04-01", "TIME": "10:00", "NUMBER": "1", "CALC": "1", "RECORD_NUMBER": "1"}.get(native, "")

    for operator in known:
        operand = {"in": f'("{value}")', "not in": f'("{value}")', "is": "empty", "is not": "empty"}
        query = read(f"f {operator} {operand.get(operator, chr(34) + value + chr(34))}")
        if operator in OPERATORS[native]:
            assert Search(app, "x", NOW).found(query) == []
        else:
            with pytest.raises(Refused, match="GAIA_IQ03"):
                Search(app, "x", NOW).found(query)


@pytest.mark.parametrize("query", ["刻 = THIS_MONTH()", "フ in (PRIMARY_ORGANIZATION())", "日 = FROM_TODAY(3, DAYS)"])
def test_a_function_beyond_the_simulator_is_said_to_be_so(search: Search, query: str) -> None:
    with pytest.raises(NotSimulated, match=r"\(\) of a query"):
        found(search, query.replace("フ", "人"))


def test_a_function_that_does_not_fit_the_field_is_no_query(search: Search) -> None:
    for query in ("数 = TODAY()", '数 > "ten"', '刻 = "tomorrow"'):
        with pytest.raises(Refused, match="CB_VA01"):
            found(search, query)


@pytest.mark.parametrize("character", ["\t", "\n", "\r"])
def test_a_text_holds_control_characters_by_their_escapes_alone(character: str) -> None:
    with pytest.raises(Refused, match="CB_VA01"):
        read(f'名 = "a{character}b"')

    escaped = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}[character]
    assert read(f'名{character}= "a{escaped}b"').condition == Comparison("名", "=", (f"a{character}b",))


def test_and_binds_closer_than_or() -> None:
    condition = read('a = "1" or b = "2" and c = "3"').condition

    assert isinstance(condition, Joined)
    assert (condition.word, condition.left) == ("or", Comparison("a", "=", ("1",)))


def test_a_function_may_have_arguments() -> None:
    assert read("a = FROM_TODAY(-5, DAYS)").condition == Comparison("a", "=", (Function("FROM_TODAY", ("-5", "DAYS")),))
    assert "FROM_TODAY" not in FUNCTIONS


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=20))
def test_any_text_can_be_asked_for(text: str) -> None:
    app = App.from_data({"id": 1, "name": "試験", "fields": {"f": {"type": "SINGLE_LINE_TEXT"}}})
    app.store({"f": text}, "2026-04-01T00:00:00Z")
    app.store({"f": text + "x"}, "2026-04-01T00:00:00Z")
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    for character, escape in (("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r")):
        quoted = quoted.replace(character, escape)

    assert [record.id for record in Search(app, "x", NOW).found(read(f'f = "{quoted}"'))] == ["1"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_query_or_is_refused_in_kintones_way(text: str) -> None:
    refused = None
    try:
        read(text)
    except Refused as refusal:
        refused = refusal.code

    assert refused in {None, "CB_VA01", "GAIA_QU01", "GAIA_QU02"}
