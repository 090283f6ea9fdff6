"""What only a person can know: listed, chosen and said on the command line."""

from __future__ import annotations

import pytest
from commandline import Run, action, lines

BACKUP = ("restored", "--backup-of", "2026-01-01T09:00+09:00")


@pytest.fixture
def unkeyed(connected: Run) -> Run:
    """`run` where no field takes the delivery key."""
    connected("integrations", "add", "support", "--connection", "kintone", "--without", "キー")
    return connected


def test_doubtful_deliveries_are_listed_with_what_to_look_for(unkeyed: Run, kintone: object) -> None:
    unkeyed("record", "-", stdin=lines(action(1)))
    kintone.order("applied_then_cut", path="records.json")  # type: ignore[attr-defined]  # the simulator's domain
    unkeyed("work", "--until-idle")

    english, japanese = unkeyed("doubtful", "support"), unkeyed("doubtful", "support", "--lang", "ja")
    (listed,) = unkeyed("doubtful", "support", "--json").json

    assert "look for:" in english.out
    assert "renkei settle support ACTION_ID" in english.out
    assert "探す項目:" in japanese.out
    assert "renkei replay support 行動ID" in japanese.out
    assert listed["look_for"]
    assert listed["sent_at"] <= listed["again_from"]


def test_nothing_doubtful_is_said_so(bound: Run) -> None:
    assert "Nothing is doubtful" in bound("doubtful", "support").out


def test_resending_asks_with_its_price_and_where_nobody_answers_needs_yes(unkeyed: Run) -> None:
    refused = unkeyed("integrations", "unknown-outcome", "support", "resend", code=2)
    in_japanese = unkeyed("integrations", "unknown-outcome", "support", "resend", "--lang", "ja", code=2)

    assert "4 in 10" in refused.err
    assert "約4割" in in_japanese.err
    assert "left to a person" in unkeyed("integrations", "show", "support").out


def test_resending_that_was_chosen_is_shown_and_taken_back_without_asking(unkeyed: Run) -> None:
    unkeyed("integrations", "unknown-outcome", "support", "resend", "--yes")
    shown = unkeyed("integrations", "show", "support").out
    unkeyed("record", "-", stdin=lines(action(1)))
    (offered,) = unkeyed("audit", "--json", "--most", "1").json

    back = unkeyed("integrations", "unknown-outcome", "support", "doubtful", "--json").json

    assert "unknown outcomes are sent again, and double" in shown
    assert (offered["event"], offered["unknown_outcome"]) == ("integration.unknown_outcome", "resend")
    assert back == {"inbox": "support", "unknown_outcome": "doubtful"}


def test_a_return_from_a_backup_is_noted_with_its_numbers(bound: Run) -> None:
    bound("record", "-", stdin=lines(action(1), action(2)))

    said = bound(*BACKUP)
    counted = bound(*BACKUP, "--json").json

    assert "2 are sent again under their key" in said.out
    assert (counted["waiting"], counted["doubtful"], counted["sent_since"]) == (2, 0, 0)
    assert bound("audit", "--json", "--most", "1").json[0]["event"] == "database.restored"


def test_a_return_that_leaves_doubts_ends_with_the_code_for_a_person(unkeyed: Run) -> None:
    unkeyed("record", "-", stdin=lines(action(1)))

    assert "1 件は要確認です" in unkeyed(*BACKUP, "--lang", "ja", code=3).out


@pytest.mark.parametrize("time", ["yesterday", "2026-01-01T09:00"])
def test_a_time_without_a_zone_is_refused_with_an_example(bound: Run, time: str) -> None:
    assert "for example 2026-11-02T09:00+09:00" in bound("restored", "--backup-of", time, code=2).err
