"""Tables: a rule with columns, whose lists make the rows."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.mapping import Mapping, Rule, SourceField, SourceSchema, check, differences, renderer
from renkei.spec import Choice, Field, FieldType, FileRef, SettingsError, TargetSchema, Text

T = FieldType


def offered(key, kind):
    return SourceField(key=key, type=kind, label=Text(ja=key, en=key), sample=None)


SOURCE = SourceSchema(
    fields=(
        offered("delivery.key", T.TEXT),
        offered("message.to_addresses", T.EMAILS),
        offered("message.files", T.FILES),
        offered("message.subject", T.TEXT),
        offered("ticket.labels", T.CHOICES),
        offered("action.occurred_at", T.DATETIME),
    )
)


def column(code, kind=T.TEXT, **more):
    return Field(code=code, label=code, type=kind, native_type=str(kind).upper(), **more)


def form(*columns, **more):
    table = Field(code="明細", label="明細", type=T.TABLE, native_type="SUBTABLE", fields=columns, **more)
    return TargetSchema(target="1", label="応対履歴", fields=(table, column("件名")))


def rendered(target, values, *rules):
    mapping = Mapping(rules=(Rule(target="明細", columns=tuple(Rule(**rule) for rule in rules)),))
    return renderer(mapping, SOURCE, target).render(values, key="k" * 40)


def checked(target, *rules):
    mapping = Mapping(rules=(Rule(target="明細", columns=tuple(Rule(**rule) for rule in rules)),))
    found = check(mapping, SOURCE, target, uniqueness="none")
    return [(problem.field, problem.code) for problem in found.errors]


TO = {"target": "宛先", "source": "message.to_addresses"}
FILE = {"target": "添付", "source": "message.files"}
SUBJECT = {"target": "件名", "source": "message.subject"}
TYPE = {"target": "区分", "constant": "メール"}
FILES = [{"id": "1", "name": "a.pdf"}, {"id": "2", "name": "b.pdf"}]


def test_each_item_of_a_list_becomes_a_row_and_the_rest_stands_in_all_of_them():
    found = rendered(
        form(column("宛先"), column("件名"), column("区分")),
        {"message.to_addresses": ["a@shop.example", "b@shop.example"], "message.subject": "御見積"},
        TO,
        SUBJECT,
        TYPE,
    )

    assert found.problems == ()
    assert found.values["明細"] == (
        {"宛先": "a@shop.example", "件名": "御見積", "区分": "メール"},
        {"宛先": "b@shop.example", "件名": "御見積", "区分": "メール"},
    )


def test_lists_go_side_by_side_and_the_shorter_one_leaves_its_column_empty():
    found = rendered(
        form(column("宛先"), column("添付", T.FILES)),
        {"message.to_addresses": ["a@shop.example"], "message.files": FILES},
        TO,
        FILE,
    )

    assert found.values["明細"] == (
        {"宛先": "a@shop.example", "添付": (FileRef(id="1", name="a.pdf"),)},
        {"添付": (FileRef(id="2", name="b.pdf"),)},
    )


@pytest.mark.parametrize("values", [{}, {"message.to_addresses": []}, {"message.to_addresses": ["", None]}])
def test_a_list_without_items_makes_no_rows_whatever_the_constants_say(values):
    found = rendered(form(column("宛先"), column("区分")), values, TO, TYPE)

    assert (found.values, found.problems) == ({}, ())


def test_without_a_list_there_is_one_row():
    found = rendered(
        form(column("件名"), column("日付", T.DATE)),
        {"message.subject": "御見積", "action.occurred_at": "2026-04-01T23:30:00+09:00"},
        SUBJECT,
        {"target": "日付", "source": "action.occurred_at"},
    )

    assert found.values["明細"] == ({"件名": "御見積", "日付": date(2026, 4, 1)},)


def test_a_template_in_a_column_sees_the_item_of_its_row():
    found = rendered(
        form(column("宛先"), column("行")),
        {"message.to_addresses": ["a@shop.example", "b@shop.example"]},
        TO,
        {"target": "行", "template": "宛先: {{ message.to_addresses | first }}"},
    )

    assert [row["行"] for row in found.values["明細"]] == ["宛先: a@shop.example", "宛先: b@shop.example"]


def test_what_a_column_cannot_take_is_named_by_table_row_and_column():
    found = rendered(
        form(column("宛先", max_length=15)),
        {"message.to_addresses": ["a@shop.example", "much-longer@shop.example"]},
        TO,
    )

    (problem,) = found.problems
    assert (problem.field, problem.code) == ("明細", "too_long")
    assert problem.message.ja.startswith("「明細」の2行目、「宛先」 ← 「message.to_addresses」")
    assert problem.message.en.startswith("'明細', row 2, '宛先' from ")


def test_a_required_column_that_a_row_lacks_is_a_problem_of_that_row():
    found = rendered(
        form(column("宛先"), column("添付", T.FILES, required=True)),
        {"message.to_addresses": ["a@shop.example", "b@shop.example"], "message.files": FILES[:1]},
        TO,
        FILE,
    )

    assert [(problem.field, problem.code) for problem in found.problems] == [("明細", "required")]
    assert "2行目" in found.problems[0].message.ja


def test_what_is_no_list_is_said_at_its_column():
    found = rendered(form(column("添付", T.FILES)), {"message.files": "a.pdf"}, FILE)

    assert [(problem.field, problem.code) for problem in found.problems] == [("明細", "wrong_type")]


@given(st.lists(st.integers(0, 99), max_size=6), st.lists(st.integers(0, 99), max_size=6))
def test_there_are_as_many_rows_as_the_longest_list_has_items_and_each_holds_its_own(addresses, files):
    found = rendered(
        form(column("宛先"), column("添付", T.FILES)),
        {
            "message.to_addresses": [f"{number}@shop.example" for number in addresses],
            "message.files": [{"id": str(number), "name": f"{number}.pdf"} for number in files],
        },
        TO,
        FILE,
    )

    rows = found.values.get("明細", ())
    assert [row["宛先"] for row in rows if "宛先" in row] == [f"{number}@shop.example" for number in addresses]
    assert [row["添付"][0].id for row in rows if "添付" in row] == [str(number) for number in files]
    assert len(rows) == max(len(addresses), len(files))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([TO], []),
        ([{"target": "ない", "source": "message.subject"}], [("明細.ない", "unknown_target")]),
        ([TO, TO], [("明細.宛先", "two_rules")]),
        (
            [{"target": "宛先", "source": "message.files"}, {"target": "数", "source": "message.files"}],
            [("明細.数", "not_compatible")],
        ),
        ([{"target": "宛先", "source": "delivery.key"}], [("明細.宛先", "key_in_table")]),
        ([{"target": "区分", "constant": "電話"}], [("明細.区分", "bad_constant")]),
    ],
)
def test_columns_are_checked_like_fields(rules, expected):
    target = form(column("宛先"), column("数", T.NUMBER), column("区分", T.CHOICE, choices=(Choice(code="メール"),)))

    assert checked(target, *rules) == expected


def test_a_required_column_without_a_rule_is_told_where_the_table_is_mapped():
    target = form(column("宛先"), column("数", T.NUMBER, required=True))

    assert checked(target, TO) == [("明細.数", "required_unmapped")]


def test_a_table_wants_columns_and_nothing_else_takes_them():
    def errors(rule):
        mapping = Mapping(rules=(rule,))
        target = form(column("宛先"))
        found = check(mapping, SOURCE, target, uniqueness="none")
        made = renderer(mapping, SOURCE, target).render({"message.subject": "x"}, key="k")
        assert made.problems
        return [problem.code for problem in found.errors]

    assert errors(Rule(target="明細", source="message.subject")) == ["table_without_columns"]
    assert errors(Rule(target="件名", columns=(Rule(**SUBJECT),))) == ["not_a_table"]


@pytest.mark.parametrize(
    ("rule", "field", "code"),
    [
        ({"target": "明細", "columns": [TO], "fallback": "x"}, "rules.0", "columns_alone"),
        ({"target": "明細", "columns": [{"target": "内", "columns": [TO]}]}, "rules.0", "table_in_table"),
        ({"target": "明細", "columns": [TO], "source": "message.subject"}, "rules.0", "one_origin"),
    ],
)
def test_rules_that_make_no_sense_are_refused_with_their_place(rule, field, code):
    with pytest.raises(SettingsError) as refused:
        Mapping.parse({"rules": [rule]})

    assert [(problem.field, problem.code) for problem in refused.value.problems] == [(field, code)]


def test_a_mapping_with_tables_survives_json():
    mapping = Mapping(rules=(Rule(target="明細", columns=(Rule(**TO), Rule(**TYPE))),))

    assert Mapping.parse(mapping.model_dump(mode="json")) == mapping


def test_a_column_that_vanished_is_drift_of_the_table():
    old = form(column("宛先"), column("数", T.NUMBER, maximum=Decimal(9)))
    mapping = Mapping(
        rules=(Rule(target="明細", columns=(Rule(**TO), Rule(target="数", constant=1))),),
    )

    found = differences(old, form(column("数", T.NUMBER, maximum=Decimal(5))), mapping)

    assert [(difference.field, difference.code) for difference in found] == [
        ("明細", "gone"),
        ("明細", "limit_tightened"),
    ]
    assert found[0].message.ja.startswith("「明細」の列、「宛先」")
    assert differences(old, old, mapping) == ()
