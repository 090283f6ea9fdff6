import pytest

from renkei.mapping import Mapping, Rule, check
from renkei.spec import FieldType

T = FieldType


def codes(rendered):
    return [problem.code for problem in rendered.problems]


def test_a_template_reads_source_fields_by_their_keys(render_one, make_field):
    rendered = render_one(
        make_field("x"),
        {"ticket.title": "見積り", "customer.name": "見本 太郎"},
        template="【{{ ticket.title }}】{{ customer.name }}様 {{ delivery.key }}",
        key="k1",
    )

    assert rendered.values == {"x": "【見積り】見本 太郎様 k1"}


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("{{ action.occurred_at }}", {"action.occurred_at": "2026-04-01T00:00:00Z"}, "2026-04-01 09:00:00"),
        ("{{ ticket.labels | join: '/' }}", {"ticket.labels": ["a", "b"]}, "a/b"),
        ("{% for l in ticket.labels %}[{{ l }}]{% endfor %}", {"ticket.labels": ["a", "b"]}, "[a][b]"),
        ("{{ ticket.labels.size }}/{{ ticket.labels[0] }}", {"ticket.labels": ["a", "b"]}, "2/a"),
        ("{{ action.channel }}", {"action.channel": "mail"}, "メール"),
        ("{% if action.is_automatic %}auto{% else %}hand{% endif %}", {"action.is_automatic": False}, "hand"),
        ("{{ action.response_minutes | plus: 1 }}", {"action.response_minutes": 41}, "42"),
        ("{{ message.body_html }}", {"message.body_html": "<p>a</p>"}, "a"),
        ("{{ message.subject }}<b>", {"message.subject": "a<b"}, "a<b<b>"),
        ("{{ ticket['title'] }}|", {}, "|"),
        ("{% for i in (1..3) %}{{ i }}{% endfor %}", {}, "123"),
    ],
)
def test_values_stand_in_a_template_as_a_reader_expects(render_one, make_field, template, values, text):
    assert render_one(make_field("x"), values, template=template).values == {"x": text}


def test_values_are_escaped_in_html_and_html_stays_html(render_one, make_field):
    rendered = render_one(
        make_field("x", T.HTML),
        {"message.subject": "<script>x</script>", "message.body_html": "<p onclick=y()>本文</p>"},
        template="<h2>{{ message.subject }}</h2>{{ message.body_html }}",
    )

    assert rendered.values == {"x": "<h2>&lt;script&gt;x&lt;/script&gt;</h2><p>本文</p>"}


def test_a_value_cannot_smuggle_a_script_into_a_link(render_one, make_field):
    rendered = render_one(
        make_field("x", T.HTML), {"ticket.url": "javascript:alert(1)"}, template='<a href="{{ ticket.url }}">開く</a>'
    )

    assert "javascript" not in rendered.values["x"]


def test_a_template_fills_other_types_through_their_text(render_one, make_field):
    number = render_one(make_field("x", T.NUMBER), {"ticket.id": "5"}, template="{{ ticket.id | times: 2 }}\n")
    choice = render_one(make_field("x", T.CHOICE, "高い", "低い"), {"ticket.id": "5"}, template="\n高い\n")

    assert number.values == {"x": 10}
    assert choice.values == {"x": "高い"}


def test_an_empty_template_takes_the_fallback(render_one, make_field):
    assert render_one(make_field("x"), {}, template="{{ ticket.title }}", fallback="なし").values == {"x": "なし"}


def test_a_bad_value_in_a_template_names_its_source(render_one, make_field):
    rendered = render_one(make_field("x"), {"ticket.title": "\x00"}, template="{{ ticket.title }}")

    assert codes(rendered) == ["control_character"]
    assert "ticket.title" in rendered.problems[0].message.en


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}",
        "{% assign a = 'aaaaaaaaaa' %}" + "{% assign a = a | append: a %}" * 30 + "{{ a }}",
        "{{ 'aaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaa'" * 9 + " }}",
        "{% assign n = 99999999 %}" + "{% assign n = n | times: n %}" * 40 + "{{ n }}",
        "{% for i in (1..2000) %}{{ message.body_text }}{% endfor %}",
        "{{ 1 | divided_by: 0 }}",
    ],
)
def test_a_template_that_grows_or_breaks_is_a_problem_not_an_outage(render_one, make_field, template):
    rendered = render_one(make_field("x", T.LONG_TEXT), {"message.body_text": "あ" * 5000}, template=template)

    assert codes(rendered) == ["template_failed"]


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ ticket.title", "not well-formed"),
        ("{% for %}", "not well-formed"),
        ("{% if ticket.id %}", "not well-formed"),
        ("{% include 'x' %}", "not well-formed"),
        ("{% render 'x' %}", "not well-formed"),
        ("{{ ticket.id | date: '%Y' }}", "filter 'date'"),
        ("{{ 'now' | nosuch }}", "filter 'nosuch'"),
        ("{{ ticket.tilte }}", "ticket.tilte"),
        ("{{ title }}", "title"),
        ("{{ ticket }}", "ticket"),
        ("{{ ticket.title.deeper }}", "ticket.title"),
        ("{{ ticket[message.id] }}", "no source field"),
        ("{{ (1..1000000000) | join: 'x' }}", "for loop"),
        ("{% assign r = (1..9999999999) %}{% if r contains 'x' %}y{% endif %}", "for loop"),
        ("{% for i in (1..3) %}{% if (1..9) contains 'x' %}y{% endif %}{% endfor %}", "for loop"),
        ("x" * 20_001, "at most 20,000"),
        ("{% if true %}" * 500 + "{% endif %}" * 500, "template"),
    ],
)
def test_a_bad_template_is_found_before_it_is_saved(source, make_field, make_form, template, says):
    form = make_form(make_field("x"))

    result = check(Mapping(rules=(Rule(target="x", template=template),)), source, form, uniqueness="atomic")

    assert [problem.code for problem in result.errors] == ["bad_template"]
    assert says in result.errors[0].message.en
