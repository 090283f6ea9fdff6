"""Laws of what fields keep: one form for one value, near what was sent, and the same when it is sent again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from renkei_kintone.simulator.values import Rules, taken_apart

# Without a zone, as hypothesis takes bounds; a day from the first and the last date, so that no offset leads beyond.
FIRST, LAST = datetime(1000, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001
NORMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")


@settings(max_examples=60, deadline=None)
@given(
    number=st.decimals(-(10**11), 10**11, allow_nan=False, places=7),
    decimals=st.integers(0, 6),
    rounding=st.sampled_from(["HALF_EVEN", "UP", "DOWN"]),
)
def test_a_number_is_kept_in_one_form_next_to_what_was_sent(number: Decimal, decimals: int, rounding: str) -> None:
    rules = Rules(18, decimals, rounding)

    kept, faults = taken_apart({"type": "NUMBER"}, f"{number:f}", rules)

    assert faults == []
    assert NORMAL.fullmatch(kept)
    assert kept != "-0"
    assert taken_apart({"type": "NUMBER"}, kept, rules) == (kept, [])
    away = abs(Decimal(kept)) - abs(number)
    unit = Decimal(1).scaleb(-decimals)
    low, high = {"HALF_EVEN": (-unit / 2, unit / 2), "UP": (0, unit), "DOWN": (-unit, 0)}[rounding]
    assert low <= away <= high


@settings(max_examples=60, deadline=None)
@given(
    moment=st.datetimes(FIRST, LAST),
    offset=st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_is_kept_in_utc_to_the_minute(moment: datetime, offset: int) -> None:
    sent = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset)))

    kept, faults = taken_apart({"type": "DATETIME"}, sent.isoformat(), Rules(16, 4))

    assert faults == []
    assert kept == sent.astimezone(UTC).replace(second=0, tzinfo=None).isoformat() + "Z"
    assert taken_apart({"type": "DATETIME"}, kept, Rules(16, 4)) == (kept, [])


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=12), limit=st.integers(1, 12))
def test_a_length_is_counted_as_javascript_counts_it(text: str, limit: int) -> None:
    units = sum(2 if ord(character) > 0xFFFF else 1 for character in text)

    _, faults = taken_apart({"type": "SINGLE_LINE_TEXT", "maxLength": str(limit)}, text, Rules(16, 4))

    assert bool(faults) is (units > limit)
