import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.mapping.characters import cut, cut_escaped, half_width, is_clean, lines, one_line, text_to_html
from renkei.spec import LengthUnit

texts = st.text(
    st.characters(codec="utf-8") | st.sampled_from(list('か\u3099e\u0301\u200d👩💻👍\U0001f3fd🇯🇵𠮷ﾞ\ufe0f\r\n<&"')),
    max_size=60,
)
units = st.sampled_from(LengthUnit)
markers = st.sampled_from(["…", "", "...", "（続き）", "👉"])


@settings(deadline=None)
@given(texts, st.integers(0, 80), units, markers)
def test_a_cut_never_exceeds_the_limit_in_any_unit(text, limit, unit, marker):
    assert unit.measure(cut(text, limit, unit, marker)) <= limit


@settings(deadline=None)
@given(texts, st.integers(0, 80), units, markers)
def test_a_cut_of_escaped_text_never_exceeds_the_limit(text, limit, unit, marker):
    assert unit.measure(cut_escaped(text, limit, unit, marker)) <= limit


@settings(deadline=None)
@given(texts, st.integers(0, 80), units, markers)
def test_a_cut_keeps_the_beginning_and_ends_with_the_marker(text, limit, unit, marker):
    short = cut(text, limit, unit, marker)

    if unit.measure(text) <= limit:
        assert short == text
    elif short:
        kept = short.removesuffix(marker) if unit.measure(marker) < limit else short
        assert text.startswith(kept)


@settings(deadline=None)
@given(texts, st.integers(1, 80), units)
def test_a_cut_never_parts_a_base_from_its_marks(text, limit, unit):
    kept = cut(text, limit, unit, "")

    if kept and len(kept) < len(text):
        following = text[len(kept)]
        assert not unicodedata.category(following).startswith("M")
        assert following != "\u200d"
        assert kept[-1] != "\u200d"


@pytest.mark.parametrize("whole", ["👨‍👩‍👧‍👦", "👍🏽", "🇯🇵", "が", "e\u0301", "✌️", "ｶﾞ", "\r\n", "ᄒ\u1161ᆫ"])
def test_what_a_reader_sees_as_one_character_is_kept_whole(whole):
    decomposed = unicodedata.normalize("NFD", whole)
    for unit in LengthUnit:
        for limit in range(1, unit.measure(decomposed) + 1):
            assert cut(f"a{decomposed}", limit, unit, "") == "a"


def test_two_flags_part_between_them():
    assert cut("🇯🇵🇺🇸x", 3, LengthUnit.CODE_POINTS, "") == "🇯🇵"


def test_a_cut_counts_in_the_fields_unit():
    text = "𠮷𠮷𠮷𠮷"

    assert cut(text, 3, LengthUnit.CODE_POINTS, "…") == "𠮷𠮷…"
    assert cut(text, 6, LengthUnit.UTF16, "…") == "𠮷𠮷…"
    assert cut(text, 12, LengthUnit.BYTES, "…") == "𠮷𠮷…"


def test_a_marker_that_takes_all_the_room_is_left_out():
    assert cut("abcdef", 3, LengthUnit.CODE_POINTS, "（続き）") == "abc"


@pytest.mark.parametrize("text", ["", "a\tb\r\nc", "日本語🎉", "\x7f"])
def test_ordinary_text_is_clean(text):
    assert is_clean(text)


@pytest.mark.parametrize("text", ["a\x00", "\x1b[0m", "\x0b", "a\ud800b", "\udfff"])
def test_control_characters_and_broken_pairs_are_not_clean(text):
    assert not is_clean(text)


@settings(deadline=None)
@given(st.text(st.characters(codec=None)))
def test_clean_means_encodable_and_free_of_control_characters(text):
    bad = any((ord(c) < 0x20 and c not in "\t\n\r") or 0xD800 <= ord(c) <= 0xDFFF for c in text)

    assert is_clean(text) is not bad


@settings(deadline=None)
@given(st.text())
def test_one_line_has_no_line_breaks(text):
    assert not set("\n\r\x85\u2028\u2029") & set(one_line(text))


def test_line_breaks_become_one_space():
    assert one_line("a \r\n\r\n  b\nc") == "a b c"


def test_every_line_break_becomes_a_line_feed():
    assert lines("a\r\nb\rc\u2028d\x85e") == "a\nb\nc\nd\ne"


def test_full_width_digits_are_read_but_circled_ones_are_not():
    assert half_width("－１２．５") == "-12.5"
    assert half_width("①10²") == "①10²"


def test_text_is_shown_unchanged_by_html():
    assert text_to_html("a<b>\r\n&") == "a&lt;b&gt;<br>&amp;"
