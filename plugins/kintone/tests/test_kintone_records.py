from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from renkei import spec
from renkei_kintone.fields import Precision, schema_of
from renkei_kintone.records import map_record

FILE = spec.FileRef(id="f1", name="見積書.pdf", size=1024**3)
JST = timezone(timedelta(hours=9))
OPTIONS = {"要返信": {"label": "要返信", "index": "0"}, "VIP": {"label": "VIP", "index": "1"}}
FORM: dict[str, dict[str, Any]] = {
    "text": {"type": "SINGLE_LINE_TEXT", "maxLength": "10", "minLength": "2", "defaultValue": "既定"},
    "long": {"type": "MULTI_LINE_TEXT"},
    "html": {"type": "RICH_TEXT"},
    "number": {"type": "NUMBER", "minValue": "-1000", "maxValue": ""},
    "ticks": {"type": "CHECK_BOX", "options": OPTIONS},
    "one": {"type": "DROP_DOWN", "options": OPTIONS},
    "day": {"type": "DATE"},
    "clock": {"type": "TIME"},
    "instant": {"type": "DATETIME"},
    "web": {"type": "LINK", "protocol": "WEB"},
    "mail": {"type": "LINK", "protocol": "MAIL"},
    "tel": {"type": "LINK", "protocol": "CALL"},
    "users": {"type": "USER_SELECT"},
    "calc": {"type": "CALC", "format": "NUMBER"},
    "files": {"type": "FILE"},
    "lookup": {"type": "SINGLE_LINE_TEXT", "lookup": None},
    "number_lookup": {"type": "NUMBER", "lookup": {"relatedApp": {"app": "2"}, "relatedKeyField": "番号"}},
    "table": {
        "type": "SUBTABLE",
        "fields": {
            "cell": {"type": "SINGLE_LINE_TEXT", "label": "セル", "maxLength": "5", "required": True},
            "amount": {"type": "NUMBER", "label": "金額"},
            "papers": {"type": "FILE", "label": "書類"},
            "sum": {"type": "CALC", "format": "NUMBER", "label": "合計"},
            "tick": {"type": "CHECK_BOX", "options": OPTIONS, "defaultValue": ["VIP"], "required": True},
        },
    },
}
SCHEMA = schema_of("1", {code: {"code": code, "label": code, "required": False} | item for code, item in FORM.items()})


def mapped(schema: spec.TargetSchema = SCHEMA, **values: Any) -> spec.MapResult:
    return map_record(
        spec.MapRequest(key="k", values=values, target_schema=schema, options=spec.NoOptions(), settings={})
    )


def wire(**values: Any) -> Any:
    record = mapped(**values).record
    assert record is not None
    (value,) = record.fields.values()
    assert set(value) == {"value"}
    return value["value"]


def problem(**values: Any) -> str:
    result = mapped(**values)
    assert result.record is None
    (only,) = result.problems
    assert only.field in values
    return only.code


@pytest.mark.parametrize(
    ("code", "value", "sent"),
    [
        ("text", "件名", "件名"),
        ("long", "一\r\n二\r三\n四", "一\n二\n三\n四"),
        ("html", "<p onclick='x()'>a</p><script>b</script>", "<p>a</p>"),
        ("html", "<script>b</script>", ""),
        ("html", '<p style="color:red;position:fixed">a</p>', '<p style="color:red">a</p>'),
        ("number", Decimal("12.50"), "12.5"),
        ("number", Decimal("1.500000"), "1.5"),
        ("number", Decimal("1E+3"), "1000"),
        ("number", Decimal("-0.00"), "0"),
        ("number", Decimal("123456789012.1234"), "123456789012.1234"),
        ("number", 42, "42"),
        ("ticks", ("VIP", "要返信", "VIP"), ("VIP", "要返信")),
        ("one", "VIP", "VIP"),
        ("day", date(2026, 4, 1), "2026-04-01"),
        ("clock", time(9, 5, 59, 999), "09:05"),
        ("instant", datetime(2026, 4, 1, 0, 0, 59, tzinfo=JST), "2026-03-31T15:00:00Z"),
        ("web", "https://example.com/あ", "https://example.com/あ"),
        ("mail", "a@example.com", "a@example.com"),
        ("tel", "+81-3-0000-0000", "+81-3-0000-0000"),
        ("users", ("tanaka", "sato"), ({"code": "tanaka"}, {"code": "sato"})),
        ("lookup", "K-1", "K-1"),
        ("number_lookup", Decimal("7.0"), "7"),
        ("files", (FILE, FILE), (FILE, FILE)),
        (
            "table",
            ({"cell": "一", "amount": Decimal("1.50")}, {"cell": "二", "papers": (FILE,)}),
            (
                {"value": {"cell": {"value": "一"}, "amount": {"value": "1.5"}}},
                {"value": {"cell": {"value": "二"}, "papers": {"value": (FILE,)}}},
            ),
        ),
    ],
)
def test_a_value_is_written_exactly(code: str, value: Any, sent: Any) -> None:
    assert wire(**{code: value}) == sent


@pytest.mark.parametrize(
    ("code", "value", "said"),
    [
        ("text", "一行\n二行", "line_break"),
        ("text", "x" * 11, "too_long"),
        ("text", "😀" * 6, "too_long"),
        ("text", "x", "too_short"),
        ("text", "a\0b", "bad_character"),
        ("long", "half \ud83d pair", "bad_character"),
        ("long", "", "empty"),
        ("long", 12, "wrong_type"),
        ("html", True, "wrong_type"),
        ("number", Decimal("0.12345"), "too_many_decimals"),
        ("number", Decimal("1E-400"), "too_many_decimals"),
        ("number", Decimal("1E+12"), "too_many_digits"),
        ("number", Decimal("1E+999999"), "too_many_digits"),
        ("number", Decimal("-1000.1"), "out_of_range"),
        ("number", True, "wrong_type"),
        ("number", "12", "wrong_type"),
        ("ticks", ("なし",), "unknown_choice"),
        ("ticks", "VIP", "wrong_type"),
        ("ticks", (), "empty"),
        ("one", "vip", "unknown_choice"),
        ("one", ("VIP",), "wrong_type"),
        ("day", datetime(2026, 4, 1, tzinfo=UTC), "wrong_type"),
        ("day", date(999, 12, 31), "out_of_range"),
        ("clock", time(9, 5, tzinfo=UTC), "wrong_type"),
        ("instant", datetime(2026, 4, 1), "wrong_type"),  # noqa: DTZ001  # without a zone is the case
        ("instant", datetime(1, 1, 1, tzinfo=JST), "out_of_range"),
        ("web", "example.com", "bad_link"),
        ("web", "javascript:alert(1)", "bad_link"),
        ("mail", "nobody", "bad_link"),
        ("tel", "０３", "bad_link"),
        ("users", ("",), "empty"),
        ("calc", Decimal(1), "not_writable"),
        ("nowhere", "x", "unknown_field"),
        ("files", (spec.FileRef(id="1", name="a.pdf", size=1024**3 + 1),), "file_too_large"),
        ("files", (spec.FileRef(id="1", name=""),), "empty"),
        ("files", (spec.FileRef(id="1", name="a\0.pdf"),), "bad_character"),
        ("files", (), "empty"),
        ("files", ("a.pdf",), "wrong_type"),
        ("table", ("文",), "wrong_type"),
        ("table", (), "empty"),
    ],
)
def test_a_value_that_does_not_fit_is_a_problem_of_its_field(code: str, value: Any, said: str) -> None:
    assert problem(**{code: value}) == said


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("-Infinity"), 1.5, None])
def test_what_is_no_exact_number_is_a_problem_even_if_core_lets_it_through(value: Any) -> None:
    request = spec.MapRequest(key="k", values={}, target_schema=SCHEMA, options=spec.NoOptions(), settings={})

    result = map_record(request.model_copy(update={"values": {"number": value}}))

    assert [item.field for item in result.problems] == ["number"]


@pytest.mark.parametrize(
    ("number", "sent"), [(Decimal("-0.00"), "0"), (Decimal("0E+9"), "0"), (Decimal("-0.5"), "-0.5"), (Decimal(1), None)]
)
def test_an_app_that_keeps_decimals_alone_takes_what_has_no_digit_before_the_point(
    number: Decimal, sent: str | None
) -> None:
    schema = schema_of("1", {"number": {"type": "NUMBER"}}, Precision(digits=4, decimals=4))

    result = mapped(schema, number=number)

    assert (result.record and result.record.fields["number"]) == (sent and {"value": sent})


def test_an_emoji_counts_two_characters() -> None:
    assert wire(text="😀" * 5) == "😀" * 5


def test_what_is_absent_stays_absent() -> None:
    record = mapped(long="本文").record

    assert record is not None
    assert set(record.fields) == {"long"}


def test_all_problems_of_a_record_are_told_at_once() -> None:
    result = mapped(text="x", one="?", nowhere=1)

    assert [item.field for item in result.problems] == ["text", "one", "nowhere"]


def test_a_problem_in_a_table_names_row_and_column() -> None:
    rows = (
        {"cell": "一"},
        {"cell": "長すぎる値", "amount": Decimal("0.00001"), "nowhere": "x"},
        {"cell": "長すぎる値です", "sum": Decimal(1)},
        {},
    )

    told = [(item.field, item.code, item.message.ja.split(": ")[0]) for item in mapped(table=rows).problems]

    assert told == [
        ("table", "too_many_decimals", "2行目の「金額」"),
        ("table", "unknown_field", "2行目の「nowhere」"),
        ("table", "too_long", "3行目の「セル」"),
        ("table", "not_writable", "3行目の「合計」"),
        ("table", "required", "4行目の「セル」"),
    ]


def test_no_problem_repeats_the_value() -> None:
    result = mapped(text="canary-value\0", one="canary-value", mail="canary value", number=Decimal("987654321.98765"))

    said = "".join(f"{item} {item.message.ja}" for item in result.problems)
    assert len(result.problems) == 4
    assert "canary" not in said
    assert "98765" not in said


def test_a_required_field_without_a_value_or_default_is_a_problem() -> None:
    schema = schema_of(
        "1",
        {
            "件名": {"type": "SINGLE_LINE_TEXT", "required": True},
            "既定": {"type": "DROP_DOWN", "required": True, "options": OPTIONS, "defaultValue": "VIP"},
            "向き": {"type": "RADIO_BUTTON", "required": True, "options": OPTIONS},
        },
    )

    assert [(item.field, item.code) for item in mapped(schema).problems] == [("件名", "required")]


def test_a_required_rich_text_with_nothing_safe_in_it_is_a_problem() -> None:
    schema = schema_of("1", {"html": {"type": "RICH_TEXT", "required": True}})

    assert [item.code for item in mapped(schema, html="<script>x</script>").problems] == ["empty_html"]


def test_mapping_twice_gives_the_same_and_changes_nothing() -> None:
    values = {"text": "件名", "ticks": ("VIP",), "number": Decimal("1.50")}
    before = dict(values)

    assert mapped(**values) == mapped(**values)
    assert values == before


def test_a_record_is_json_as_it_is(world: Any) -> None:
    assert json.loads(json.dumps(world.record(ラベル=("VIP",)).fields))["ラベル"] == {"value": ["VIP"]}
