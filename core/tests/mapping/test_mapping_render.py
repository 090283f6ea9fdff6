from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.mapping import (
    Mapping,
    Rule,
    SourceChoice,
    SourceField,
    SourceSchema,
    compatible,
    helpdesk_schema,
    renderer,
)
from renkei.spec import Choice, Field, FieldType, FileRef, LengthUnit, TargetSchema, Text

T = FieldType
PYTHON_TYPES = {
    T.TEXT: str,
    T.LONG_TEXT: str,
    T.HTML: str,
    T.INTEGER: int,
    T.NUMBER: Decimal,
    T.BOOLEAN: bool,
    T.DATE: date,
    T.TIME: time,
    T.DATETIME: datetime,
    T.CHOICE: str,
    T.CHOICES: tuple,
    T.USER: str,
    T.USERS: tuple,
    T.ORGANIZATIONS: tuple,
    T.GROUPS: tuple,
    T.EMAIL: str,
    T.EMAILS: tuple,
    T.PHONE: str,
    T.PHONES: tuple,
    T.URL: str,
    T.FILES: tuple,
}
SOURCE = helpdesk_schema()


def target(kind, **more):
    return Field(code="x", label="欄", type=kind, native_type="X", **more)


def codes(rendered):
    return [problem.code for problem in rendered.problems]


# ------------------------------------------------------------------------------------------------- laws

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(st.characters(codec=None), max_size=20)
    | st.sampled_from(["2026-04-01", "2026-04-01T09:00:00+09:00", "9:00", "１２", "1e999", "<b>x</b>", "open", "true"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)
STATES = tuple(SourceChoice(code=code, label=Text(ja=code, en=code)) for code in ("open", "closed"))
EVERY_TYPE = SourceSchema(
    fields=tuple(
        SourceField(
            key=f"any.{kind}",
            type=kind,
            label=Text(ja="何か", en="Anything"),
            sample=None,
            choices=STATES if kind is T.CHOICE else (),
        )
        for kind in PYTHON_TYPES
    )
)
pairs = [
    (f"any.{source}", kind) for source in PYTHON_TYPES for kind in PYTHON_TYPES if compatible(source, target(kind))
]
limited = st.fixed_dictionaries(
    {},
    optional={
        "max_length": st.integers(0, 12),
        "min_length": st.integers(0, 3),
        "length_unit": st.sampled_from(LengthUnit),
        "decimals": st.integers(0, 2),
        "maximum": st.just(Decimal(100)),
        "choices_open": st.booleans(),
    },
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "too_long": st.sampled_from(["cut", "reject"]),
        "other_choice": st.sampled_from(["skip", "reject", "fallback"]),
        "join": st.sampled_from(["newline", "comma", "first"]),
        "choices": st.just({"open": "A", "suzuki": None}),
    },
)


@settings(deadline=None, max_examples=600)
@given(st.sampled_from(pairs), anything, limited, policies)
def test_rendering_never_raises_and_gives_values_of_the_fields_type(pair, raw, limits, policy):
    key, kind = pair
    field = target(kind, choices=(Choice(code="A"), Choice(code="B", label="保留")), **limits)
    mapping = Mapping(rules=(Rule(target="x", source=key, **policy),))

    schema = TargetSchema(target="1", label="t", fields=(field,))
    rendered = renderer(mapping, EVERY_TYPE, schema).render({key: raw}, key="k")

    assert not (rendered.values and rendered.problems)
    for value in rendered.values.values():
        assert isinstance(value, PYTHON_TYPES[kind])
        assert value not in ("", ())
        assert not (kind is T.INTEGER and isinstance(value, bool))
        if isinstance(value, str) and field.max_length is not None and kind in (T.TEXT, T.LONG_TEXT, T.HTML, T.URL):
            assert field.length_unit.measure(value) <= field.max_length


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_a_number_is_never_changed(render_one, number):
    rendered = render_one(target(T.NUMBER), {"ticket.id": format(number, "f")}, source="ticket.id")

    assert rendered.values["x"] == number


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(SOURCE.keys), anything, max_size=6))
def test_a_template_never_raises(values):
    loop = "{% for label in ticket.labels %}{{ label }}{% endfor %}"
    template = "{{ ticket.title | upcase }}" + loop + "{{ action.response_minutes | plus: 1 }}"
    mapping = Mapping(rules=(Rule(target="x", template=template),))
    fields = (target(T.LONG_TEXT),)

    rendered = renderer(mapping, SOURCE, TargetSchema(target="1", label="t", fields=fields)).render(values, key="k")

    assert rendered.values or rendered.problems


# -------------------------------------------------------------------------------------------- conversions


@pytest.mark.parametrize(
    ("kind", "key", "raw", "expected"),
    [
        (T.TEXT, "message.body_text", "一\r\n\r\n二\n", "一 二"),
        (T.LONG_TEXT, "message.body_text", "一\r\n二", "一\n二"),
        (T.HTML, "message.body_text", "a<b>\n&", "a&lt;b&gt;<br>&amp;"),
        (T.TEXT, "message.body_html", "<p>a</p><p>b</p>", "a b"),
        (T.LONG_TEXT, "message.body_html", "<p>a</p><p>b</p>", "a\n\nb"),
        (T.TEXT, "ticket.id", 3001, "3001"),
        (T.NUMBER, "ticket.id", "３０．５０", Decimal("30.50")),
        (T.INTEGER, "ticket.id", " 0012 ", 12),
        (T.NUMBER, "action.response_minutes", 0.1, None),
        (T.NUMBER, "action.response_minutes", 5, Decimal(5)),
        (T.INTEGER, "action.response_minutes", Decimal("5.0"), 5),
        (T.TEXT, "action.response_minutes", 12, "12"),
        (T.DATETIME, "action.occurred_at", "2026-04-01T00:30:00Z", datetime(2026, 4, 1, 0, 30, tzinfo=UTC)),
        (T.DATE, "action.occurred_at", "2026-03-31T20:00:00Z", date(2026, 4, 1)),
        (T.TIME, "action.occurred_at", "2026-03-31T20:15:00Z", time(5, 15)),
        (T.TEXT, "action.occurred_at", "2026-03-31T20:15:00Z", "2026-04-01 05:15:00"),
        (T.TEXT, "action.is_automatic", True, "はい"),
        (T.BOOLEAN, "action.is_automatic", "false", False),
        (T.TEXT, "ticket.status", "closed", "対応完了"),
        (T.TEXT, "ticket.status", "unlisted", "unlisted"),
        (T.TEXT, "ticket.labels", ["a", "b"], "a, b"),
        (T.LONG_TEXT, "ticket.labels", ["a", "b"], "a\nb"),
        (T.EMAIL, "message.to_addresses", ["a@example.jp", "b@example.jp"], "a@example.jp"),
        (T.EMAILS, "message.to_addresses", "a@example.jp, b@example.jp", ("a@example.jp", "b@example.jp")),
        (T.EMAILS, "message.to_addresses", '"山田, 太郎" <a@example.jp>', ('"山田, 太郎" <a@example.jp>',)),
        (T.USERS, "operator.user", "suzuki", ("suzuki",)),
        (T.URL, "ticket.url", "https://desk.example/1", "https://desk.example/1"),
        (T.TEXT, "message.attachments", [{"id": "1", "name": "a.pdf"}, {"id": "2", "name": "b.pdf"}], "a.pdf, b.pdf"),
        (T.FILES, "message.attachments", {"id": "1", "name": "a.pdf"}, (FileRef(id="1", name="a.pdf"),)),
    ],
)
def test_a_value_becomes_one_of_the_targets_type(render_one, kind, key, raw, expected):
    rendered = render_one(target(kind), {key: raw}, source=key)

    assert rendered.values.get("x") == expected
    assert bool(rendered.problems) is (expected is None)


@pytest.mark.parametrize(
    ("source", "kind", "raw", "expected"),
    [
        (T.DATE, T.DATE, "2026/4/1", date(2026, 4, 1)),
        (T.DATE, T.DATE, "２０２６-０４-０１", date(2026, 4, 1)),
        (T.DATE, T.DATE, date(2026, 4, 1), date(2026, 4, 1)),
        (T.DATE, T.TEXT, "2026-04-01", "2026-04-01"),
        (T.DATE, T.DATE, "2026/2/30", None),
        (T.DATE, T.DATE, datetime(2026, 4, 1, tzinfo=UTC), None),
        (T.TIME, T.TIME, "09:30", time(9, 30)),
        (T.TIME, T.TEXT, "09:30", "09:30"),
        (T.TIME, T.TEXT, "09:30:05", "09:30:05"),
        (T.TIME, T.TIME, "09:30Z", None),
        (T.NUMBER, T.NUMBER, 0.1, Decimal("0.1")),
        (T.NUMBER, T.NUMBER, "1e3", Decimal(1000)),
        (T.NUMBER, T.TEXT, Decimal("1E+2"), "100"),
        (T.NUMBER, T.TEXT, "12.50", "12.50"),
        (T.NUMBER, T.INTEGER, "12.5", None),
        (T.NUMBER, T.NUMBER, True, None),
        (T.NUMBER, T.NUMBER, "NaN", None),
        (T.NUMBER, T.NUMBER, float("inf"), None),
        (T.NUMBER, T.NUMBER, 10**120, None),
        (T.BOOLEAN, T.BOOLEAN, 1, True),
        (T.BOOLEAN, T.BOOLEAN, "FALSE", False),
        (T.BOOLEAN, T.BOOLEAN, 2, None),
        (T.GROUPS, T.GROUPS, ["a", "a", "b"], ("a", "b")),
        (T.CHOICES, T.GROUPS, ["a"], ("a",)),
        (T.CHOICES, T.TEXT, "single", "single"),
        (T.PHONES, T.PHONE, ["03-0000-0000"], "03-0000-0000"),
        (T.TEXT, T.EMAILS, "a@example.jp", ("a@example.jp",)),
        (T.FILES, T.FILES, FileRef(id="1", name="a"), (FileRef(id="1", name="a"),)),
    ],
)
def test_a_hosts_own_fields_of_any_type_are_read_exactly(source, kind, raw, expected):
    mapping = Mapping(rules=(Rule(target="x", source=f"any.{source}"),))
    work = renderer(mapping, EVERY_TYPE, TargetSchema(target="1", label="t", fields=(target(kind),)))

    rendered = work.render({f"any.{source}": raw}, key="k")

    assert rendered.values.get("x") == expected
    assert bool(rendered.problems) is (expected is None)


@pytest.mark.parametrize("raw", [None, "", "  ", [], [None], [""], ()])
def test_empty_is_absent(render_one, raw):
    rendered = render_one(target(T.LONG_TEXT), {"ticket.labels": raw}, source="ticket.labels")

    assert rendered.values == {}
    assert rendered.problems == ()


@pytest.mark.parametrize(
    ("kind", "key", "raw", "code"),
    [
        (T.TEXT, "message.subject", {"a": 1}, "wrong_type"),
        (T.TEXT, "message.subject", True, "wrong_type"),
        (T.TEXT, "message.subject", "a\x00b", "control_character"),
        (T.TEXT, "message.subject", "\ud83d", "control_character"),
        (T.TEXT, "message.subject", "\x1b[31m", "control_character"),
        (T.TEXT, "message.body_html", "&#1;", "control_character"),
        (T.TEXT, "message.body_html", "<div>" * 5000, "too_heavy"),
        (T.HTML, "message.body_html", "<div>" * 5000, "too_heavy"),
        (T.NUMBER, "ticket.id", "12x", "wrong_type"),
        (T.NUMBER, "ticket.id", "1,234", "wrong_type"),
        (T.NUMBER, "ticket.id", "10²", "wrong_type"),
        (T.NUMBER, "action.response_minutes", Decimal("1e999999999"), "out_of_range"),
        (T.TEXT, "ticket.id", Decimal("1e999999999"), "out_of_range"),
        (T.INTEGER, "action.response_minutes", 10**200, "out_of_range"),
        (T.DATETIME, "action.occurred_at", "2026-04-01T00:30:00", "no_zone"),
        (T.DATE, "action.occurred_at", "0001-01-01T00:00:00+14:00", "out_of_range"),
        (T.DATETIME, "action.occurred_at", 5, "wrong_type"),
        (T.BOOLEAN, "action.is_automatic", "maybe", "wrong_type"),
        (T.FILES, "message.attachments", [{"id": "1"}], "wrong_type"),
        (T.FILES, "message.attachments", [{"id": "1", "name": "\x00"}], "control_character"),
        (T.EMAILS, "message.to_addresses", [{"a": 1}], "wrong_type"),
    ],
)
def test_a_bad_value_is_a_problem_of_its_field(render_one, kind, key, raw, code):
    rendered = render_one(target(kind), {key: raw}, source=key)

    assert codes(rendered) == [code]
    assert rendered.problems[0].field == "x"
    assert key in rendered.problems[0].message.en
    assert SOURCE.field(key).label.ja in rendered.problems[0].message.ja


def test_a_problem_never_repeats_the_value(render_one):
    rendered = render_one(target(T.NUMBER), {"ticket.id": "canary-value"}, source="ticket.id")

    assert "canary-value" not in str(rendered.problems)


def test_the_delivery_key_is_cores_own(render_one):
    rendered = render_one(target(T.TEXT), {"delivery.key": "forged"}, source="delivery.key", key="k1")

    assert rendered.values == {"x": "k1"}


def test_times_are_in_the_mappings_zone(render_one):
    rendered = render_one(
        target(T.DATE),
        {"action.occurred_at": "2026-04-01T02:00:00Z"},
        source="action.occurred_at",
        time_zone="America/New_York",
    )

    assert rendered.values == {"x": date(2026, 3, 31)}


def test_scripts_do_not_reach_the_target(render_one):
    rendered = render_one(
        target(T.HTML), {"message.body_html": "<p onclick=x()>a<script>b</script></p>"}, source="message.body_html"
    )

    assert rendered.values == {"x": "<p>a</p>"}


# ------------------------------------------------------------------------------------------------ choices

STATUS = (Choice(code="1", label="未対応"), Choice(code="2", label="対応完了"), Choice(code="closed"))


@pytest.mark.parametrize(("code", "found"), [("open", "1"), ("closed", "closed")])
def test_a_choice_is_found_by_code_then_by_label(render_one, code, found):
    rendered = render_one(target(T.CHOICE, choices=STATUS), {"ticket.status": code}, source="ticket.status")

    assert rendered.values == {"x": found}


def test_the_value_table_goes_first(render_one):
    rendered = render_one(
        target(T.CHOICE, choices=STATUS), {"ticket.status": "closed"}, source="ticket.status", choices={"closed": "2"}
    )

    assert rendered.values == {"x": "2"}


def test_the_value_table_can_leave_a_field_empty(render_one):
    rendered = render_one(
        target(T.CHOICE, choices=STATUS),
        {"ticket.status": "closed"},
        source="ticket.status",
        choices={"closed": None},
        fallback="1",
    )

    assert rendered.values == {}
    assert rendered.problems == ()


def test_width_case_and_kana_do_not_count_but_signs_do(render_one):
    field = target(
        T.CHOICES, choices=(Choice(code="ｖｉｐ"), Choice(code="りんご"), Choice(code="A+"), Choice(code="A-"))
    )

    rendered = render_one(field, {"ticket.labels": ["VIP", "リンゴ", "A+"]}, source="ticket.labels")

    assert rendered.values == {"x": ("ｖｉｐ", "りんご", "A+")}
    assert codes(render_one(field, {"ticket.labels": ["A"]}, source="ticket.labels")) == ["unknown_choice"]


def test_an_ambiguous_label_is_not_guessed(render_one):
    field = target(T.CHOICE, choices=(Choice(code="1", label="未対応"), Choice(code="2", label="未対応")))

    assert codes(render_one(field, {"ticket.status": "open"}, source="ticket.status")) == ["unknown_choice"]


@pytest.mark.parametrize(
    ("policy", "values", "problems", "notes"),
    [
        ({"other_choice": "reject"}, {}, ["unknown_choice"], []),
        ({"other_choice": "skip"}, {}, [], ["choice_skipped"]),
        ({"other_choice": "fallback", "fallback": "1"}, {"x": "1"}, [], ["choice_replaced"]),
        ({"other_choice": "fallback", "fallback": "未対応"}, {"x": "1"}, [], ["choice_replaced"]),
        ({"other_choice": "fallback"}, {}, ["unknown_choice"], []),
    ],
)
def test_a_value_without_counterpart_follows_the_rule(render_one, policy, values, problems, notes):
    rendered = render_one(target(T.CHOICE, choices=STATUS), {"ticket.status": "spam"}, source="ticket.status", **policy)

    assert rendered.values == values
    assert codes(rendered) == problems
    assert [note.code for note in rendered.notes] == notes


def test_several_skipped_values_make_one_note(render_one):
    rendered = render_one(
        target(T.CHOICES, choices=STATUS),
        {"ticket.labels": ["a", "b", "1"]},
        source="ticket.labels",
        other_choice="skip",
    )

    assert rendered.values == {"x": ("1",)}
    assert len(rendered.notes) == 1


SEVERAL = [
    (target(T.CHOICE, choices=STATUS), "ticket.labels", ["1", "2"], "1"),
    (target(T.EMAIL), "customer.emails", ["a@example.com", "b@example.com"], "a@example.com"),
    (target(T.PHONE), "customer.phones", ["03-0000-0000", "06-0000-0000"], "03-0000-0000"),
]


@pytest.mark.parametrize(("field", "key", "values", "first"), SEVERAL, ids=["choice", "email", "phone"])
def test_that_only_the_first_of_several_values_fits_is_noted_unless_the_rule_says_so(
    render_one, field, key, values, first
):
    several = render_one(field, {key: values}, source=key)
    meant = render_one(field, {key: values}, source=key, join="first")
    alone = render_one(field, {key: values[:1]}, source=key)

    assert several.values == meant.values == alone.values == {"x": first}
    assert [note.code for note in several.notes] == ["only_first"]
    assert (meant.notes, alone.notes) == ((), ())


def test_a_value_that_is_left_empty_by_the_table_is_not_one_that_was_left_out(render_one):
    rendered = render_one(
        target(T.CHOICE, choices=STATUS),
        {"ticket.labels": ["a", "1"]},
        source="ticket.labels",
        choices={"a": None},
    )

    assert (rendered.values, rendered.notes) == ({"x": "1"}, ())


def test_an_open_choice_field_takes_the_japanese_label(render_one):
    rendered = render_one(target(T.CHOICE, choices_open=True), {"ticket.status": "spam"}, source="ticket.status")

    assert rendered.values == {"x": "迷惑メール"}


def test_a_tick_box_is_ticked_by_a_table(render_one):
    field = target(T.CHOICES, choices=(Choice(code="自動"),))
    table = {"true": "自動", "false": None}

    ticked = render_one(field, {"action.is_automatic": True}, source="action.is_automatic", choices=table)
    empty = render_one(field, {"action.is_automatic": False}, source="action.is_automatic", choices=table)

    assert ticked.values == {"x": ("自動",)}
    assert empty.values == {}


def test_a_yes_finds_a_yes(render_one):
    field = target(T.CHOICE, choices=(Choice(code="はい"), Choice(code="いいえ")))

    assert render_one(field, {"action.is_automatic": False}, source="action.is_automatic").values == {"x": "いいえ"}


def test_who_is_not_in_the_table_of_users_passes_for_nobody(render_one):
    field, table = target(T.USER), {"suzuki": "hanako.suzuki"}

    assert render_one(field, {"operator.user": "suzuki"}, source="operator.user", choices=table).values == {
        "x": "hanako.suzuki"
    }
    assert codes(render_one(field, {"operator.user": "sato"}, source="operator.user", choices=table)) == [
        "unknown_choice"
    ]
    assert render_one(field, {"operator.user": "sato"}, source="operator.user").values == {"x": "sato"}


def test_the_value_table_gives_the_words_of_a_text(render_one):
    rendered = render_one(
        target(T.TEXT), {"ticket.status": "open"}, source="ticket.status", choices={"open": "これから"}
    )

    assert rendered.values == {"x": "これから"}


# ------------------------------------------------------------------------------------- limits, fallbacks


def test_what_is_too_long_is_rejected_by_default(render_one):
    rendered = render_one(target(T.TEXT, max_length=3), {"message.subject": "abcd"}, source="message.subject")

    assert codes(rendered) == ["too_long"]
    assert "3" in rendered.problems[0].message.ja


def test_what_is_too_long_is_cut_with_a_note_where_the_rule_says_so(render_one):
    rendered = render_one(
        target(T.TEXT, max_length=3), {"message.subject": "abcd"}, source="message.subject", too_long="cut"
    )

    assert rendered.values == {"x": "ab…"}
    assert [note.code for note in rendered.notes] == ["cut"]


def test_a_cut_html_body_stays_well_formed(render_one):
    rendered = render_one(
        target(T.HTML, max_length=10),
        {"message.body_html": "<p><b>a&lt;bcdefghijkl</b></p>"},
        source="message.body_html",
        too_long="cut",
    )

    assert rendered.values == {"x": "a&lt;bcde…"}


def test_an_address_is_never_cut(render_one):
    rendered = render_one(
        target(T.URL, max_length=5), {"ticket.url": "https://desk.example"}, source="ticket.url", too_long="cut"
    )

    assert codes(rendered) == ["too_long"]


@pytest.mark.parametrize(
    ("limits", "raw", "code"),
    [
        ({"maximum": Decimal(10)}, 11, "out_of_range"),
        ({"minimum": Decimal(0)}, -1, "out_of_range"),
        ({"decimals": 1}, "1.25", "too_many_decimals"),
        ({"digits": 3}, "1234", "out_of_range"),
        ({"decimals": 1, "digits": 3, "maximum": Decimal(99), "minimum": Decimal(0)}, "12.50", None),
    ],
)
def test_numbers_keep_the_fields_limits(render_one, limits, raw, code):
    rendered = render_one(target(T.NUMBER, **limits), {"ticket.id": raw}, source="ticket.id")

    assert codes(rendered) == ([code] if code else [])


def test_what_is_too_short_is_told(render_one):
    assert codes(render_one(target(T.TEXT, min_length=3), {"ticket.id": "a"}, source="ticket.id")) == ["too_short"]


def test_a_missing_source_takes_the_fallback(render_one):
    rendered = render_one(target(T.TEXT, required=True), {}, source="message.subject", fallback="(件名なし)")

    assert rendered.values == {"x": "(件名なし)"}


def test_a_required_field_without_a_value_is_a_problem(render_one):
    assert codes(render_one(target(T.TEXT, required=True), {}, source="message.subject")) == ["required"]
    assert codes(render_one(target(T.TEXT, required=True, has_default=True), {}, source="message.subject")) == []


def test_a_required_field_with_a_bad_value_has_one_problem(render_one):
    assert codes(render_one(target(T.TEXT, required=True), {"message.subject": "\x00"}, source="message.subject")) == [
        "control_character"
    ]


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (T.TEXT, "固定", "固定"),
        (T.NUMBER, 1.5, Decimal("1.5")),
        (T.DATE, "2026-04-01", date(2026, 4, 1)),
        (T.CHOICES, ["対応完了"], ("2",)),
        (T.BOOLEAN, False, False),
        (T.USERS, ["suzuki"], ("suzuki",)),
        (T.HTML, "<b>x</b><script>y</script>", "<b>x</b>"),
    ],
)
def test_a_constant_is_of_the_targets_type(render_one, kind, raw, expected):
    rendered = render_one(target(kind, choices=STATUS), {}, constant=raw)

    assert rendered.values == {"x": expected}


def test_one_bad_field_does_not_hide_the_others():
    fields = tuple(Field(code=code, label=code, type=T.TEXT, native_type="T") for code in "abc")
    rules = (
        Rule(target="a", source="message.subject"),
        Rule(target="b", source="ticket.title"),
        Rule(target="c", source="ticket.id"),
    )
    work = renderer(Mapping(rules=rules), SOURCE, TargetSchema(target="1", label="t", fields=fields))

    rendered = work.render({"message.subject": "\x00", "ticket.title": {}, "ticket.id": "1"}, key="k")

    assert [problem.field for problem in rendered.problems] == ["a", "b"]
    assert rendered.values == {"c": "1"}


@pytest.mark.parametrize(
    ("rule", "zone", "code"),
    [
        ({"target": "gone", "source": "ticket.id"}, "Asia/Tokyo", "unknown_target"),
        ({"target": "locked", "source": "ticket.id"}, "Asia/Tokyo", "not_writable"),
        ({"target": "x", "source": "ticket.nothing"}, "Asia/Tokyo", "unknown_source"),
        ({"target": "x", "template": "{{"}, "Asia/Tokyo", "bad_template"),
        ({"target": "x", "source": "ticket.id"}, "Mars/Olympus", "bad_time_zone"),
        ({"target": "x", "source": "ticket.id"}, "../etc", "bad_time_zone"),
        ({"target": "day", "source": "ticket.id"}, "Asia/Tokyo", "not_compatible"),
        ({"target": "day", "constant": "soon"}, "Asia/Tokyo", "wrong_type"),
    ],
)
def test_a_rule_that_cannot_work_says_so_with_every_action(make_field, make_form, rule, zone, code):
    schema = make_form(make_field("x"), make_field("locked", writable=False), make_field("day", T.DATE))
    work = renderer(Mapping(rules=(Rule(**rule),), time_zone=zone), SOURCE, schema)

    assert codes(work.render({"ticket.id": "1"}, key="k")) == [code]
    assert codes(work.render({}, key="k")) == [code]


def test_rendering_is_pure(render_one):
    values = {"ticket.labels": ["a", "b"], "message.subject": "x"}
    before = dict(values)

    first = render_one(target(T.TEXT), values, source="ticket.labels")
    second = render_one(target(T.TEXT), values, source="ticket.labels")

    assert first == second
    assert values == before


def test_texts_of_problems_exist_in_both_languages(render_one):
    problem = render_one(target(T.NUMBER), {"ticket.id": "x"}, source="ticket.id").problems[0]

    assert problem.message == Text(
        ja="「欄」(x) ← 「チケットID」(ticket.id): 値が数値ではありません。",
        en="'欄' (x) from 'Ticket ID' (ticket.id): the value is not a number.",
    )
