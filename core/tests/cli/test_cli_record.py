"""Recording and rehearsing: what can be taken is taken, and what cannot is named by its line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from commandline import Run, action, lines
from hypothesis import given
from hypothesis import strategies as st

from renkei.cli.lines import LONGEST, read_chunks


def test_the_lines_that_can_be_taken_are_taken_and_the_others_named(bound: Run, tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    path.write_text(lines(action(1), "{bad", "", "[1]", {"inbox": "support"}, action(2)), encoding="utf-8")

    ended = bound("record", str(path), "--json", code=2)

    assert ended.json == {
        "recorded": 2, "excluded": {}, "conflict": 0, "repeated": 0, "refused": 3, "unknown_fields": [],
    }  # fmt: skip
    assert [line.split(":")[0] for line in ended.err.splitlines()] == ["line 2", "line 4", "line 5"]


def test_exit_code_0_means_that_every_line_was_taken(bound: Run) -> None:
    ended = bound("--lang", "ja", "record", "-", stdin=lines(action(1), action(2)))

    assert ended.out.startswith("記録 2 ")
    assert ended.err == ""


@pytest.mark.parametrize("form", [{"inbox": "support"}, {"inbox": {"id": "support"}}, {"inbox.id": "support"}])
def test_an_action_names_its_inbox_in_three_ways(bound: Run, form: dict[str, object]) -> None:
    flat = {
        "action.id": "A",
        "action.kind": "mail_sent",
        "action.channel": "mail",
        "action.occurred_at": _now(),
        **form,
    }

    assert bound("record", "-", "--json", stdin=lines(flat)).json["recorded"] == 1


def test_the_option_goes_before_what_actions_say_and_without_either_a_line_is_refused(bound: Run) -> None:
    nameless = action(1)
    del nameless["inbox"]

    refused = bound("record", "-", stdin=lines(nameless), code=2)
    elsewhere = bound("record", "-", "--inbox", "other", "--json", stdin=lines(action(2)))

    assert "line 1: no inbox" in refused.err
    assert elsewhere.json["excluded"] == {"no_integration": 1}


def test_what_is_recorded_and_explained(bound: Run) -> None:
    fax = action(2)
    fax["action"]["channel"] = "fax"
    early = action(3)
    early["action"]["occurred_at"] = "2001-01-01T00:00:00+09:00"
    changed = action(1, customer={"name": "別の人"})
    changed["action"]["occurred_at"] = "2030-01-01T00:00:00+09:00"
    first = action(1, plan="gold")

    ended = bound("record", "-", "--json", stdin=lines(first, first, changed, fax, early))

    assert ended.json == {
        "recorded": 1, "excluded": {"before_activation": 1, "channel_unknown": 1}, "conflict": 1, "repeated": 1,
        "refused": 0, "unknown_fields": ["plan"],
    }  # fmt: skip


def test_reasons_are_told_in_words(bound: Run) -> None:
    early = action(1, odd=1)
    early["action"]["occurred_at"] = "2001-01-01T00:00:00Z"

    told = bound("record", "-", stdin=lines(early)).out

    assert "there is no backfill" in told
    assert "lacks (kept): odd" in told


def test_receipts_name_each_action_and_the_last_line_counts(bound: Run) -> None:
    ended = bound("record", "-", "--receipts", "--json", stdin=lines(action(1), action(2)))

    *receipts, counts = map(json.loads, ended.out.splitlines())
    assert [(item["action_id"], item["outcome"], item["line"]) for item in receipts] == [
        ("A-1", "recorded", 1),
        ("A-2", "recorded", 2),
    ]
    assert counts["recorded"] == 2


def test_a_tenant_or_a_time_zone_that_is_missing_refuses_the_line(bound: Run) -> None:
    naive = action(1)
    naive["action"]["occurred_at"] = "2026-04-01T09:00:00"

    assert "has no zone" in bound("record", "-", stdin=lines(naive), code=2).err
    assert "no tenant given" in bound("--tenant", "", "record", "-", stdin=lines(action(2)), code=2).err


def test_bytes_that_are_no_text_and_marks_of_editors(bound: Run) -> None:
    good = lines(action(1)).encode()

    ended = bound("record", "-", "--json", stdin=b"\xef\xbb\xbf" + good + b"\xff\xfe\n" + b'{"a": NaN}\n', code=2)

    assert ended.json["recorded"] == 1
    assert "line 2: this is not UTF-8" in ended.err


def test_nul_and_lone_surrogates_are_recorded_and_rejected_by_field(bound: Run) -> None:
    odd = action(1, message={"subject": "\ud83d\0"})
    bound("record", "-", stdin=json.dumps(odd) + "\n")

    worked = bound("work", "--until-idle", "--json").json

    assert worked["ledger"]["rejected"] == 1
    assert bound("log", "support", "--json").json[0]["field"] == "件名"


def test_a_file_that_is_not_there_is_named(bound: Run) -> None:
    assert "nowhere.jsonl: cannot be opened" in bound("record", "nowhere.jsonl", code=2).err


def test_a_rehearsal_shows_the_records_and_writes_nothing(bound: Run, kintone: object) -> None:
    ended = bound("rehearse", "support", "-", "--json", stdin=lines(action(1), action(2)))

    assert [item["record"]["件名"]["value"] for item in ended.json] == ["Re: お見積りの件 1", "Re: お見積りの件 2"]
    assert bound("ledger", "--json").json["offered"] == 0
    assert kintone.values() == []  # type: ignore[attr-defined]  # the simulator's domain


def test_a_rehearsal_lists_problems_and_names_lines(bound: Run) -> None:
    odd = action(2)
    odd["action"]["channel"] = "telex"

    ended = bound(
        "rehearse", "support", "-", stdin=lines("{", {"x": 1}, odd, action(3, message={"subject": "\0"})), code=2
    )

    assert "line 1: this is not JSON" in ended.err
    assert "line 2: action.id" in ended.err
    assert "The action's channel is missing or unknown" in ended.out
    assert "control character" in ended.out


def test_a_rehearsal_may_try_another_mapping(bound: Run, tmp_path: Path) -> None:
    path = tmp_path / "try.json"
    rule = {"target": "件名", "template": "{{ action.id }}!"}
    path.write_text(json.dumps({"rules": [rule]}), encoding="utf-8")

    ended = bound("rehearse", "support", "-", "--mapping", str(path), stdin=lines(action(7)))

    assert "A-7!" in ended.out


@given(st.lists(st.sampled_from([b"", b"  ", b'{"a": 1}', b"{", b"\xff", b"[]"])), st.integers(1, 5))
def test_chunks_hold_every_line_once_and_every_byte(parts: list[bytes], most: int) -> None:
    data = b"\n".join(parts)

    chunks = list(read_chunks(io.BytesIO(data), most=most))

    assert sum(chunk.size for chunk in chunks) == len(data)
    numbers = [line.number for chunk in chunks for line in chunk.lines]
    assert numbers == [number for number, part in enumerate(parts, start=1) if part.strip()]


def test_a_line_without_end_costs_one_line_and_the_next_is_read() -> None:
    stream = io.BytesIO(b'"' + b"x" * (2 * LONGEST) + b'"\n{"a": 1}\n')

    long, good = (line for chunk in read_chunks(stream) for line in chunk.lines)

    assert "longer than 16 MiB" in (long.wrong or "")
    assert good.action == {"a": 1}


def _now() -> str:
    return str(action()["action"]["occurred_at"])
