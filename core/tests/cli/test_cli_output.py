"""What reaches a terminal or a program: nothing that steers the one or breaks the other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.cli.output import json_text, printable
from renkei.engine import Ledger


@given(st.text(st.characters()))
def test_printed_text_holds_no_control_character_and_no_lone_surrogate(text: str) -> None:
    shown = printable(text)

    shown.encode()
    assert not any(ord(character) < 32 and character != "\n" for character in shown)
    assert "\x1b" not in shown
    assert "\x9b" not in shown


@pytest.mark.parametrize("text", ["お見積りの件", "👨‍👩‍👧", "全角　空白", "two\nlines"])
def test_words_are_shown_as_they_are(text: str) -> None:
    assert printable(text) == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(st.characters()), st.lists))
def test_json_survives_any_text(data: object) -> None:
    text = json_text(data)

    text.encode()
    assert json.loads(text) == data


def test_json_has_a_word_for_everything_that_the_engine_answers() -> None:
    zeros = dict.fromkeys(
        ("offered", "recorded", "excluded", "conflict", "delivered", "waiting", "sending", "rejected", "doubtful"), 0
    )
    data = {
        "at": datetime(2026, 4, 1, tzinfo=UTC),
        "lasts": timedelta(minutes=2),
        "chosen": frozenset({"b", "a"}),
        "ledger": Ledger(**zeros, cancelled=0),
    }

    assert json.loads(json_text(data)) == {
        "at": "2026-04-01T00:00:00+00:00",
        "lasts": 120.0,
        "chosen": ["a", "b"],
        "ledger": {**zeros, "cancelled": 0},
    }
