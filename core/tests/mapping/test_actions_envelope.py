import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.mapping import EnvelopeError, helpdesk_schema, load_values, read_action
from renkei.spec import FileRef

SOURCE = helpdesk_schema()
TIME = "2026-04-01T09:30:00+09:00"


def raw(**more):
    return {"action.id": "A-1", "action.occurred_at": TIME, **more}


def nested(flat):
    tree = {}
    for key, value in flat.items():
        *path, last = key.split(".")
        inner = tree
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return tree


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from([key for key in SOURCE.keys if not key.startswith(("action.", "delivery."))])


@settings(deadline=None)
@given(st.dictionaries(keys, json_values, max_size=8))
def test_nested_and_flat_actions_of_equal_content_are_stored_alike(content):
    flat = raw(**content)

    one, other = read_action(flat, SOURCE), read_action(nested(flat), SOURCE)

    assert one == other


@settings(deadline=None)
@given(st.dictionaries(keys, json_values, max_size=8))
def test_what_is_stored_reads_back_and_stores_again_as_it_was(content):
    action = read_action(raw(**content), SOURCE)

    again = read_action(load_values(action.payload), SOURCE)

    assert set(content) <= set(load_values(action.payload))
    assert json.loads(again.payload).keys() == json.loads(action.payload).keys()


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=30))
def test_any_text_survives_storage_nul_and_lone_surrogates_too(text):
    action = read_action(raw(**{"message.subject": text}), SOURCE)

    assert action.payload.isascii()
    assert load_values(action.payload)["message.subject"] == text


def test_the_envelope_is_taken_out_of_the_content():
    action = read_action(
        {"action": {"id": 7, "kind": "mail_sent", "channel": "mail", "occurred_at": TIME, "is_automatic": True}}, SOURCE
    )

    assert (action.id, action.kind, action.channel, action.automatic) == ("7", "mail_sent", "mail", True)
    assert action.occurred_at == datetime(2026, 4, 1, 0, 30, tzinfo=UTC)
    assert action.occurred_at.tzinfo is UTC


def test_equal_content_has_one_digest_however_it_is_ordered_or_typed():
    plain = read_action({"action.id": "1", "action.occurred_at": TIME, "ticket.id": "5"}, SOURCE)
    mixed = read_action(
        {"ticket": {"id": "5"}, "action": {"occurred_at": datetime(2026, 4, 1, 0, 30, tzinfo=UTC), "id": 1}}, SOURCE
    )

    assert plain.digest == mixed.digest
    assert len(plain.digest) == 64


def test_other_content_has_another_digest():
    one = read_action(raw(**{"ticket.title": "a"}), SOURCE)
    other = read_action(raw(**{"ticket.title": "b"}), SOURCE)

    assert one.digest != other.digest


def test_unknown_keys_are_kept_and_named():
    action = read_action(raw(weather={"wind": 3}, message="no fields inside", ticket={"mood": "good"}), SOURCE)

    assert set(action.unknown) == {"weather.wind", "message", "ticket.mood"}
    assert load_values(action.payload)["weather.wind"] == 3


def test_a_host_cannot_set_the_delivery_key():
    action = read_action(raw(**{"delivery.key": "forged"}), SOURCE)

    assert action.unknown == ("delivery.key",)


def test_unknown_names_are_printable():
    action = read_action(raw(**{"a\x00b": 1, "c\ud800": 2}), SOURCE)

    assert action.unknown == ("a\\x00b", "c\\ud800")


def test_python_values_are_stored_as_json():
    values = {
        "ticket.created_at": datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=9))),
        "ticket.closed_at": date(2026, 1, 2),
        "message.id": time(9, 30),
        "action.response_minutes": Decimal("12.50"),
        "ticket.labels": ("a", "b"),
        "message.attachments": [FileRef(id="f1", name="x.pdf", size=3)],
    }

    stored = load_values(read_action(raw(**values), SOURCE).payload)

    assert stored["ticket.created_at"] == "2026-01-02T03:04:00+09:00"
    assert stored["action.response_minutes"] == "12.50"
    assert stored["ticket.labels"] == ["a", "b"]
    assert stored["message.attachments"][0]["name"] == "x.pdf"


def test_numbers_with_a_fraction_are_loaded_exactly():
    assert load_values('{"a": 0.1000}') == {"a": Decimal("0.1000")}


def test_floats_that_json_has_no_word_for_are_kept_as_text():
    action = read_action(raw(**{"ticket.message_count": float("nan"), "ticket.labels": [float("inf")]}), SOURCE)

    assert load_values(action.payload)["ticket.message_count"] == "nan"
    assert load_values(action.payload)["ticket.labels"] == ["inf"]


@pytest.mark.parametrize("value", ["mail\x00", "\ud800", "", "x" * 101, 5, ["mail"], None])
def test_a_channel_that_is_no_short_plain_text_reads_as_none(value):
    assert read_action(raw(**{"action.channel": value}), SOURCE).channel is None


@pytest.mark.parametrize(
    ("identity", "says"),
    [
        (None, "has no id"),
        ("", "is empty"),
        (" \t", "is empty"),
        (1.5, "text or an integer, not float"),
        (True, "not bool"),
        ({"x": 1}, "not dict"),
        ("x" * 201, "201 characters; at most 200"),
        ("a\x00", "control character"),
        ("a\ud800", "surrogate"),
        (10**300, "not int"),
    ],
)
def test_a_broken_id_is_explained(identity, says):
    with pytest.raises(EnvelopeError, match=says) as caught:
        read_action(raw(**{"action.id": identity}), SOURCE)

    assert caught.value.field == "action.id"


@pytest.mark.parametrize(
    ("stamp", "says"),
    [
        (None, "has no time"),
        ("yesterday", "cannot be read"),
        ("\ud800", "cannot be read"),
        ("2026-04-01", "has no zone"),
        ("2026-04-01T09:30:00", "has no zone"),
        (datetime(2026, 4, 1), "has no zone"),  # noqa: DTZ001
        (1775003400, "not int"),
        (date(2026, 4, 1), "not date"),
        ("0001-01-01T00:00:00+14:00", "outside the years"),
    ],
)
def test_a_broken_time_is_explained(stamp, says):
    with pytest.raises(EnvelopeError, match=says) as caught:
        read_action(raw(**{"action.occurred_at": stamp}), SOURCE)

    assert caught.value.field == "action.occurred_at"


@pytest.mark.parametrize(
    "value", [b"bytes", {1, 2}, object(), [object()], 10**5000], ids=["bytes", "set", "object", "inside", "huge"]
)
def test_what_is_not_json_is_refused_by_key(value):
    with pytest.raises(EnvelopeError, match="cannot be stored as JSON") as caught:
        read_action(raw(**{"ticket.title": value}), SOURCE)

    assert caught.value.field == "ticket.title"


@pytest.mark.parametrize("value", ["text", ["list"], None, 5])
def test_an_action_that_is_no_mapping_is_refused(value):
    with pytest.raises(EnvelopeError, match="must be a mapping"):
        read_action(value, SOURCE)


def test_keys_that_are_no_text_are_refused():
    with pytest.raises(EnvelopeError, match="keys must be text"):
        read_action({"action": {1: "x"}}, SOURCE)


def test_a_key_given_twice_is_refused():
    with pytest.raises(EnvelopeError, match="given twice"):
        read_action({**raw(), "action": {"id": "B"}}, SOURCE)


def test_an_endless_action_is_refused():
    endless: dict[str, object] = {}
    endless["x"] = endless

    with pytest.raises(EnvelopeError, match="too deeply"):
        read_action(raw(extra=endless), SOURCE)


def test_a_value_that_holds_itself_is_refused_by_key():
    endless: list[object] = []
    endless.append(endless)

    with pytest.raises(EnvelopeError) as caught:
        read_action(raw(**{"ticket.labels": endless}), SOURCE)

    assert caught.value.field == "ticket.labels"
