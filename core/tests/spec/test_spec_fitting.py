"""What a plugin may leave to `spec.problems`, `spec.retry_after` and `spec.chunks`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei import spec
from renkei.spec import Choice, Field, FieldType, LengthUnit


def field(kind: str, **changes: Any) -> Field:
    return Field(code="x", label="X", type=FieldType(kind), native_type="native", **changes)


CHOICES = (Choice(code="a"), Choice(code="b"))


@pytest.mark.parametrize(
    ("of", "value"),
    [
        (field("text", max_length=3), "あいう"),
        (field("text", max_length=2, length_unit=LengthUnit.UTF16), "😀"),
        (field("long_text"), "a\r\nb"),
        (field("integer", maximum=Decimal(9)), 9),
        (field("number", digits=5, decimals=2), Decimal("123.4500")),
        (field("number", digits=3), Decimal("1E+2")),
        (field("number", digits=3), Decimal("-0")),
        (field("boolean"), False),
        (field("date"), date(2026, 1, 1)),
        (field("time"), time(1, 2)),
        (field("datetime"), datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=9)))),
        (field("choice", choices=CHOICES), "a"),
        (field("choice", choices=CHOICES, choices_open=True), "c"),
        (field("choices", choices=CHOICES), ("b", "a")),
        (field("files"), (spec.FileRef(id="1", name="a.pdf"),)),
        (field("users"), ("tanaka",)),
    ],
    ids=lambda value: repr(value)[:40] if not isinstance(value, Field) else str(value.type),
)
def test_what_a_field_declares_and_a_value_keeps_is_no_problem(of, value):
    assert spec.misfit("x", of, value) is None


@pytest.mark.parametrize(
    ("of", "value", "code"),
    [
        (None, "a", "unknown_field"),
        (field("text", writable=False), "a", "not_writable"),
        (field("opaque"), "a", "not_writable"),
        (field("text"), 1, "wrong_type"),
        (field("integer"), True, "wrong_type"),
        (field("number"), 1.5, "wrong_type"),
        (field("number"), Decimal("NaN"), "wrong_type"),
        (field("date"), datetime(2026, 1, 1, tzinfo=UTC), "wrong_type"),
        (field("datetime"), datetime(2026, 1, 1), "wrong_type"),  # noqa: DTZ001  # without a zone on purpose
        (field("time"), time(1, tzinfo=UTC), "wrong_type"),
        (field("choices", choices=CHOICES), ["a"], "wrong_type"),
        (field("files"), ("a.pdf",), "wrong_type"),
        (field("text"), "", "empty"),
        (field("choices", choices=CHOICES), (), "empty"),
        (field("text"), "a\x00", "bad_character"),
        (field("long_text"), "\ud800", "bad_character"),
        (field("text"), "a\nb", "line_break"),
        (field("url"), "https://a.example/\r", "line_break"),
        (field("text", max_length=1, length_unit=LengthUnit.UTF16), "😀", "too_long"),
        (field("text", max_length=2, length_unit=LengthUnit.BYTES), "あ", "too_long"),
        (field("text", min_length=2), "a", "too_short"),
        (field("integer", minimum=Decimal(1)), 0, "out_of_range"),
        (field("number", maximum=Decimal(1)), Decimal("1.1"), "out_of_range"),
        (field("number", decimals=1), Decimal("1.01"), "too_many_decimals"),
        (field("number", digits=3), Decimal("1234"), "out_of_range"),
        (field("number", digits=3), Decimal("1E+1000000"), "out_of_range"),
        (field("choice", choices=CHOICES), "c", "unknown_choice"),
        (field("choices", choices=CHOICES), ("a", "c"), "unknown_choice"),
        (field("choices", choices=CHOICES), ("a", "a"), "repeated_choice"),
    ],
)
def test_each_misfit_has_its_code_and_names_the_field(of, value, code):
    problem = spec.misfit("x", of, value)

    assert problem is not None
    assert (problem.field, problem.code) == ("x", code)


def test_all_problems_of_a_record_are_told_at_once():
    schema = spec.TargetSchema(
        target="t",
        label="t",
        fields=(
            Field(code="needed", label="", type=FieldType.TEXT, native_type="", required=True),
            Field(code="filled", label="", type=FieldType.TEXT, native_type="", required=True, has_default=True),
            Field(code="short", label="", type=FieldType.TEXT, native_type="", max_length=1),
        ),
    )
    values = {"short": "ab", "gone": "x"}
    request = spec.MapRequest(key="k", values=values, target_schema=schema, options=spec.NoOptions(), settings={})

    found = spec.problems(request)

    assert {(problem.field, problem.code) for problem in found} == {
        ("needed", "required"),
        ("short", "too_long"),
        ("gone", "unknown_field"),
    }


def test_a_value_for_a_field_of_a_type_that_is_not_written_is_a_problem():
    fields = (
        Field(code="due", label="", type=FieldType.DATE, native_type=""),
        Field(code="body", label="", type=FieldType.TEXT, native_type=""),
    )
    schema = spec.TargetSchema(target="t", label="t", fields=fields)
    values = {"due": date(2026, 1, 1), "body": "a"}
    request = spec.MapRequest(key="k", values=values, target_schema=schema, options=spec.NoOptions(), settings={})

    assert spec.problems(request) == []
    assert [(found.field, found.code) for found in spec.problems(request, (FieldType.TEXT,))] == [
        ("due", "unsupported_type")
    ]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=12))
def test_digits_are_those_of_the_number_written_out(number):
    with localcontext(prec=100):
        whole, _, decimals = f"{abs(number):f}".partition(".")

    assert spec.digits_of(number) == (len(whole.lstrip("0")), len(decimals.rstrip("0"))) or number == 0


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 4, 1, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("Wed, 01 Apr 2026 12:00:30 GMT", 30),
        ("Wed, 01 Apr 2026 11:00:00 GMT", 0),
        ("999999999999", 86_400),
        ("9" * 400, None),
        ("soon", None),
        ("-1", None),
        ("\u0667", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header, seconds):
    response = httpx.Response(429, headers=[(b"retry-after", header.encode())])

    wait = spec.retry_after(response, Noon())

    assert wait == (None if seconds is None else timedelta(seconds=seconds))


@given(
    st.lists(st.integers(1, 40), max_size=60),
    st.integers(1, 7),
    st.one_of(st.none(), st.integers(40, 120)),
)
def test_chunks_keep_both_limits_and_lose_nothing(sizes, most, most_bytes):
    records = [spec.WireRecord(key=f"k{at}", fields={"size": size}) for at, size in enumerate(sizes)]

    found = list(spec.chunks(records, most=most, most_bytes=most_bytes, size=lambda record: record.fields["size"]))

    assert [record for chunk in found for record in chunk] == records
    assert all(1 <= len(chunk) <= most for chunk in found)
    if most_bytes is not None:
        assert all(sum(record.fields["size"] for record in chunk) <= most_bytes for chunk in found)
