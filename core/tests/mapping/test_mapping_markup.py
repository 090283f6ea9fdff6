import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.mapping.markup import TooHeavy, clean_html, cut_html, html_to_text
from renkei.spec import LengthUnit


def test_blocks_become_lines_and_breaks_are_kept():
    assert html_to_text("<div>一行目<br>二行目</div><div>三行目</div>") == "一行目\n二行目\n三行目"


def test_paragraphs_are_parted_by_an_empty_line():
    assert html_to_text("<p>a</p>\n\n\n<p>b</p>") == "a\n\nb"


def test_a_links_address_stands_after_its_words():
    text = html_to_text('<a href="https://shop.example/x">詳細</a> <a href="mailto:a@example.jp">a@example.jp</a>')

    assert text == "詳細 (https://shop.example/x) a@example.jp"


def test_lists_have_a_bullet_and_tables_a_line_per_row():
    assert html_to_text("<ul><li>a</li><li>b</li></ul>") == "・a\n・b"
    assert html_to_text("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>") == "a b\nc"


def test_white_space_collapses_except_in_preformatted_text():
    assert html_to_text("a \n  b<pre>c\n  d</pre>e") == "a b\n\nc\n  d\n\ne"


def test_scripts_and_styles_are_no_text():
    assert html_to_text("<style>p{}</style><p onclick=x()>a</p><script>alert(1)</script>") == "a"


def test_entities_are_read():
    assert html_to_text("&lt;b&gt; &amp; &yen;1&nbsp;") == "<b> & ¥1"


def test_cleaning_keeps_simple_styles_and_drops_scripts():
    dirty = (
        '<p style="color:red;position:fixed" onclick="x()"><a href="javascript:x()">a</a></p><iframe src=x></iframe>'
    )

    cleaned = clean_html(dirty)

    assert "color:red" in cleaned.replace(" ", "")
    for word in ("position", "onclick", "javascript", "iframe"):
        assert word not in cleaned


@pytest.mark.parametrize("source", ["<div>" * 100_000, "<ul><li>" * 100_000, "&" * 1_000_000, "&amp;" * 200_000])
def test_html_heavier_than_any_mail_is_refused_quickly(source):
    with pytest.raises(TooHeavy):
        html_to_text(source + "x")


def test_long_flat_html_is_read():
    text = html_to_text("<p>x<br>" * 5_000)

    assert text.count("x") == 5_000


def test_a_mail_nested_as_deep_as_its_thread_is_read():
    assert html_to_text("<blockquote>" * 300 + "x" + "</blockquote>" * 300) == "x"


@settings(deadline=None)
@given(st.text(st.sampled_from(list("<>&/ab p=\"'!-\n")), max_size=80))
def test_any_html_reads_as_text(source):
    assert isinstance(html_to_text(source), str)


@settings(deadline=None)
@given(st.text(max_size=60), st.integers(1, 40), st.sampled_from(LengthUnit))
def test_cut_html_fits(source, limit, unit):
    assert unit.measure(cut_html(source, limit, unit, "…")) <= limit
