import pytest

from renkei.mapping import Mapping, Rule, check, compatible
from renkei.spec import FieldType, Text

T = FieldType
KEY = Rule(target="キー", source="delivery.key")


@pytest.fixture
def found(source, make_field, make_form):
    """Check rules against a small form; errors and warnings as (field, code)."""

    def run(*rules, fields=(), zone="Asia/Tokyo", uniqueness="atomic", key=True):
        schema = make_form(make_field("キー", unique=True, max_length=64), *fields)
        mapping = Mapping(rules=((KEY,) if key else ()) + rules, time_zone=zone)
        result = check(mapping, source, schema, uniqueness=uniqueness)
        return (
            {(problem.field, problem.code) for problem in result.errors},
            {(problem.field, problem.code) for problem in result.warnings},
        )

    return run


def rule(target, origin="ticket.id", **more):
    return Rule(target=target, source=origin, **more)


def test_a_good_mapping_has_no_problems(found, make_field):
    assert found(rule("件名", "message.subject"), fields=(make_field("件名"),)) == (set(), set())


def test_all_problems_are_told_at_once(found, make_field):
    errors, _ = found(
        rule("消えた欄"),
        rule("作成者"),
        rule("日付", "ticket.title"),
        rule("件名", "ticket.nothing"),
        Rule(target="数", constant="three"),
        fields=(
            make_field("作成者", writable=False, why_not=Text(ja="システム項目です。", en="It is a system field.")),
            make_field("日付", T.DATE),
            make_field("件名"),
            make_field("数", T.NUMBER),
            make_field("必須", required=True),
        ),
        zone="Tokyo/Asia",
    )

    assert errors == {
        ("消えた欄", "unknown_target"),
        ("作成者", "not_writable"),
        ("日付", "not_compatible"),
        ("件名", "unknown_source"),
        ("数", "bad_constant"),
        ("必須", "required_unmapped"),
        ("time_zone", "bad_time_zone"),
    }


def test_two_rules_for_one_field_are_one_problem(found, make_field):
    errors, _ = found(rule("件名"), rule("件名", "message.subject"), fields=(make_field("件名"),))

    assert errors == {("件名", "two_rules")}


def test_messages_name_fields_by_label_and_code_and_say_what_to_do(source, make_field, make_form):
    field = make_field("subject", required=True).model_copy(update={"label": "件名"})

    problem = check(Mapping(), source, make_form(field), uniqueness="atomic").errors[0]

    assert problem.message.ja.startswith("「件名」(subject): 必須項目ですが")
    assert (
        problem.message.en == "'件名' (subject) is required but not mapped. Choose a source field or a constant for it."
    )


def test_why_a_field_cannot_be_written_is_passed_on(source, make_field, make_form):
    why = Text(ja="計算項目です。", en="It is computed.")
    schema = make_form(make_field("計", T.NUMBER, writable=False, why_not=why))

    problem = check(Mapping(rules=(rule("計"),)), source, schema, uniqueness="atomic").errors[0]

    assert why.ja in problem.message.ja
    assert why.en in problem.message.en


def test_what_discovery_warns_of_is_told_with_the_mapping(source, make_field, make_form):
    hidden = Text(ja="参照先が見えません。", en="The other app is hidden.")
    schema = make_form(make_field("キー", unique=True, max_length=64)).model_copy(update={"warnings": (hidden,)})

    result = check(Mapping(rules=(KEY,), time_zone="Asia/Tokyo"), source, schema, uniqueness="atomic")

    assert [(warning.code, warning.message) for warning in result.warnings] == [("discovery_warning", hidden)]
    assert result.errors == ()


def test_a_default_makes_a_required_field_optional(found, make_field):
    assert found(fields=(make_field("必須", required=True, has_default=True),)) == (set(), set())


def test_a_required_field_fed_by_something_optional_is_warned_about(found, make_field):
    fields = (make_field("件名", required=True),)

    assert found(rule("件名", "message.subject"), fields=fields) == (set(), {("件名", "no_fallback")})
    assert found(rule("件名", "message.subject", fallback="なし"), fields=fields) == (set(), set())
    assert found(rule("件名", "action.id"), fields=fields) == (set(), set())


def test_choices_without_counterpart_are_an_error_until_the_rule_says_what_happens(found, make_field):
    fields = (make_field("状況", T.CHOICE, "未対応", "保留", "対応完了"),)

    assert found(rule("状況", "ticket.status"), fields=fields)[0] == {("状況", "choice_without_counterpart")}
    assert found(rule("状況", "ticket.status", other_choice="skip"), fields=fields) == (
        set(),
        {("状況", "choice_without_counterpart")},
    )
    table = dict.fromkeys(("unwanted", "trash", "spam"), "対応完了")
    assert found(rule("状況", "ticket.status", choices=table), fields=fields) == (set(), set())


def test_several_values_into_a_field_of_one_are_warned_about_until_the_first_is_meant(found, make_field):
    mail = make_field("連絡先", FieldType.EMAIL)

    assert found(rule("連絡先", "customer.emails"), fields=(mail,)) == (set(), {("連絡先", "only_first")})
    assert found(rule("連絡先", "customer.emails", join="first"), fields=(mail,)) == (set(), set())


def test_in_a_table_each_of_several_values_has_a_row_of_its_own(found, make_field):
    table = make_field("連絡先表", FieldType.TABLE, fields=(make_field("連絡先", FieldType.EMAIL),))
    rows = Rule(target="連絡先表", columns=(rule("連絡先", "customer.emails"),))

    assert found(rows, fields=(table,)) == (set(), set())


def test_an_open_choice_field_needs_no_counterparts(found, make_field):
    assert found(rule("状況", "ticket.status"), fields=(make_field("状況", T.CHOICE, choices_open=True),)) == (
        set(),
        set(),
    )


def test_a_value_table_leads_to_choices_that_exist(found, make_field):
    errors, warnings = found(
        rule("状況", "ticket.status", choices={"open": "消えた値", "opne": "未対応"}, other_choice="skip"),
        fields=(make_field("状況", T.CHOICE, "未対応"),),
    )

    assert errors == {("状況", "unknown_target_choice")}
    assert ("状況", "unknown_source_choice") in warnings


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"source": "ticket.status", "other_choice": "fallback"}, "bad_fallback"),
        ({"source": "ticket.status", "other_choice": "skip", "fallback": "ない"}, "bad_fallback"),
        ({"constant": "ない"}, "bad_constant"),
        ({"constant": ""}, "bad_constant"),
        ({"constant": {"a": 1}}, "bad_constant"),
    ],
)
def test_constants_and_fallbacks_are_values_of_the_field(found, make_field, more, code):
    errors, _ = found(Rule(target="状況", **more), fields=(make_field("状況", T.CHOICE, "未対応"),))

    assert errors == {("状況", code)}


def test_a_constant_that_is_too_long_is_found(found, make_field):
    errors, _ = found(Rule(target="件名", constant="あいう"), fields=(make_field("件名", max_length=2),))

    assert errors == {("件名", "bad_constant")}


def test_a_template_cannot_become_a_date(found, make_field):
    errors, _ = found(Rule(target="日", template="{{ ticket.id }}"), fields=(make_field("日", T.DATE),))

    assert errors == {("日", "not_compatible")}


def test_without_a_field_for_the_delivery_key_the_cost_is_told(source, make_form, make_field):
    result = check(Mapping(), source, make_form(make_field("件名")), uniqueness="atomic")

    assert [warning.code for warning in result.warnings] == ["no_delivery_key"]
    assert "不明" in result.warnings[0].message.ja
    assert "a person has to settle it" in result.warnings[0].message.en


@pytest.mark.parametrize("uniqueness", ["atomic", "checked", "none"])
def test_a_key_field_that_allows_duplicates_is_warned_about(found, make_field, uniqueness):
    errors, warnings = found(
        rule("控え", "delivery.key"), fields=(make_field("控え"),), key=False, uniqueness=uniqueness
    )

    assert errors == set()
    assert warnings == {("控え", "no_delivery_key")}


def test_a_key_field_holds_the_whole_key(found, make_field):
    errors, _ = found(rule("短い", "delivery.key"), fields=(make_field("短い", unique=True, max_length=39),), key=False)

    assert errors == {("短い", "key_too_short")}


def test_a_key_field_is_text(found, make_field):
    errors, _ = found(rule("番号", "delivery.key"), fields=(make_field("番号", T.NUMBER, unique=True),), key=False)

    assert errors == {("番号", "key_not_text")}


def test_the_key_goes_into_one_field(found, make_field):
    errors, _ = found(rule("二つ目", "delivery.key"), fields=(make_field("二つ目"),))

    assert errors == {("二つ目", "two_keys")}


@pytest.mark.parametrize(
    ("kind", "into", "possible"),
    [
        (T.DATETIME, T.DATE, True),
        (T.DATE, T.DATETIME, False),
        (T.TEXT, T.DATE, False),
        (T.HTML, T.TEXT, True),
        (T.EMAILS, T.EMAIL, True),
        (T.FILES, T.TEXT, True),
        (T.TEXT, T.FILES, False),
        (T.TEXT, T.TABLE, False),
        (T.TEXT, T.OPAQUE, False),
        (T.BOOLEAN, T.CHOICE, True),
    ],
)
def test_what_can_become_what(make_field, kind, into, possible):
    assert compatible(kind, make_field("x", into)) is possible
