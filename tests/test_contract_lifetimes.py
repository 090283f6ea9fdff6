"""How long a token is good, as backends say it, and the end that a plugin tells of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from renkei.spec import Credentials
from renkei.testing.contract.broken import Broken
from renkei.testing.contract.checks.lifetimes import require_end_as_answered
from renkei.testing.contract.wire import Exchange

NOW = datetime(2026, 4, 1, 1, 2, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOKEN = "given-by-the-backend"
SAYS = {
    "seconds": {"expires_in": 3600},
    "seconds as text": {"expiresIn": "3600"},
    "an instant": {"data": {"expires_at": (NOW + HOUR).isoformat()}},
    "seconds since 1970": {"expires": int((NOW + HOUR).timestamp())},
    "milliseconds since 1970": {"expiry": int((NOW + HOUR).timestamp() * 1000)},
    "several": {"tokens": [{"expires_in": 60}, {"expires_in": 3600}]},
}
SAYS_NOTHING = {
    "nothing": {},
    "never": {"expires_in": 0},
    "of the refresh token": {"refresh_token_expires_in": 60, "refresh_expires_in": 60},
    "no number": {"expires_in": "soon", "expires_at": "tomorrow", "expiry": True},
    "an instant of no zone": {"expires_at": "2026-04-01T02:00:00"},
}


def _answer(body: dict[str, Any]) -> Exchange:
    request = httpx.Request("POST", "https://crm.example/token")
    return Exchange(hook="crm_authenticate", request=request, body=b"", answer=json.dumps(body).encode())


def _told(end: datetime | None) -> Credentials:
    return Credentials(values={"access_token": TOKEN}, expires_at=end)


@pytest.mark.parametrize("how", SAYS)
@pytest.mark.parametrize("end", [NOW + HOUR, NOW + HOUR / 2])
def test_an_end_that_is_no_later_than_the_answer_says_passes(how, end):
    require_end_as_answered(_told(end), [_answer({"access_token": TOKEN, **SAYS[how]})], NOW)


@pytest.mark.parametrize("how", SAYS)
@pytest.mark.parametrize(
    ("end", "seen"), [(None, "no `expires_at` is told"), (NOW + 2 * HOUR, "told 3600 seconds later")]
)
def test_an_end_that_is_not_told_or_too_late_is_found(how, end, seen):
    with pytest.raises(Broken, match=seen):
        require_end_as_answered(_told(end), [_answer({"access_token": TOKEN, **SAYS[how]})], NOW)


@pytest.mark.parametrize("how", SAYS_NOTHING)
def test_an_answer_that_says_nothing_of_it_asks_for_nothing(how):
    require_end_as_answered(_told(None), [_answer({"access_token": TOKEN, **SAYS_NOTHING[how]})], NOW)


def test_an_answer_without_the_token_says_nothing_of_it():
    require_end_as_answered(_told(None), [_answer({"expires_in": 60})], NOW)
