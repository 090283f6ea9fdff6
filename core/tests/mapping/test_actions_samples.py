import json
import re
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from renkei.mapping import DEFAULT_TRIGGERS, read_action
from renkei.samples import SAMPLE_CHANNELS, sample_actions


@pytest.fixture(scope="module")
def actions(start):
    return list(sample_actions(600, inbox="support", start=start))


def test_twelve_actions_show_all_channels(actions):
    assert {raw["action"]["channel"] for raw in actions[:12]} == DEFAULT_TRIGGERS.channels == set(SAMPLE_CHANNELS)


def test_every_sample_is_known_to_the_schema_and_fires(actions, source):
    for raw in actions:
        action = read_action(raw, source)
        assert action.unknown == ()
        assert DEFAULT_TRIGGERS.excludes(action) is None


def test_samples_repeat_exactly_and_another_seed_gives_other_ids(actions, start):
    assert list(sample_actions(600, inbox="support", start=start)) == actions
    other = sample_actions(600, inbox="support", start=start, seed=2)
    assert not {raw["action"]["id"] for raw in other} & {raw["action"]["id"] for raw in actions}


def test_ids_are_unique_and_time_moves_on_by_little(actions, start):
    times = [datetime.fromisoformat(raw["action"]["occurred_at"]) for raw in actions]

    assert len({raw["action"]["id"] for raw in actions}) == len(actions)
    assert times[0] == start
    assert all(earlier < later for earlier, later in pairwise(times))
    assert times[-1] - start < timedelta(minutes=5)


def test_samples_are_json(actions):
    assert json.loads(json.dumps(actions)) == actions


def test_samples_hold_what_makes_syncs_fail(actions):
    text = json.dumps(actions, ensure_ascii=False)

    assert max(len(raw["message"]["body_text"]) for raw in actions) > 2_000
    assert any(len(raw["message"].get("to_addresses", ())) > 1 for raw in actions)
    assert {"😊", "𠮷", "①", "Ａ", "\\n", "<p>"} <= {
        part for part in ("😊", "𠮷", "①", "Ａ", "\\n", "<p>") if part in text
    }
    assert any("memo" in raw and "duration_min" in raw["memo"] for raw in actions)
    assert any("shop" in raw and raw["shop"]["order_number"] for raw in actions)


def test_nobody_in_the_samples_exists(actions):
    text = json.dumps(actions, ensure_ascii=False)

    for address in re.findall(r"[\w.-]+@([\w.-]+)", text):
        assert address == "example.jp" or address.endswith(".example")
    for address in re.findall(r"https?://([\w.-]+)", text):
        assert address.endswith(".example")
    assert all(
        number.startswith(("03-0000-00", "090-0000-00")) for number in re.findall(r"\b0\d0?-\d{4}-\d{4}\b", text)
    )


def test_a_start_without_zone_is_refused():
    with pytest.raises(ValueError, match="with zone"):
        sample_actions(1, inbox="support", start=datetime(2026, 4, 1))  # noqa: DTZ001
