"""How long the backend says that what it gives is good, held against what the plugin tells of it (check A06)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from renkei.spec import Credentials
from renkei.testing.contract.broken import require
from renkei.testing.contract.wire import Exchange

_SECONDS: Final = re.compile(r"(?:access_?token_?)?expires_?in", re.IGNORECASE)
_INSTANT: Final = re.compile(r"(?:access_?token_?)?(?:expires?_?(?:at|on)|expiry|expires|valid_until)", re.IGNORECASE)
_MILLISECONDS_FROM: Final = 10**11  # as seconds, a year that nobody means
_ROUNDING: Final = timedelta(seconds=1)


def require_end_as_answered(credentials: Credentials, exchanges: Iterable[Exchange], now: datetime) -> None:
    """Where the answer says how long what it gives is good, the end of *credentials* is told, and is no later.

    Only answers are looked at in which one of the credentials stands.

    Raises:
        Broken: it is not told, or is told for too late.
    """
    given = [secret.get_secret_value().encode() for secret in credentials.values.values()]
    answers = [one.answer for one in exchanges if any(secret and secret in one.answer for secret in given)]
    ends = [end for answer in answers for end in _ends(_data(answer), now)]
    if not ends:
        return
    told = credentials.expires_at
    require(told is not None, "the backend's answer says how long its token is good, and no `expires_at` is told")
    assert told is not None
    late = told - max(ends)
    require(
        late <= _ROUNDING,
        f"the end of the credentials is told {late.total_seconds():.0f} seconds later than the backend's answer says",
    )


def _data(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except ValueError:
        return None


def _ends(data: Any, now: datetime) -> Iterator[datetime]:
    match data:
        case dict():
            for name, value in data.items():
                end = _end(name, value, now)
                if end is not None:
                    yield end
                yield from _ends(value, now)
        case list():
            for item in data:
                yield from _ends(item, now)


def _end(name: str, value: Any, now: datetime) -> datetime | None:
    if not isinstance(value, (int, float, str)) or isinstance(value, bool):
        return None
    try:
        if _SECONDS.fullmatch(name):
            return now + timedelta(seconds=float(value)) if float(value) > 0 else None
        return _instant(value) if _INSTANT.fullmatch(name) else None
    except (ValueError, OverflowError, OSError):
        return None


def _instant(value: int | float | str) -> datetime | None:
    if isinstance(value, str) and not value.strip().isdigit():
        found = datetime.fromisoformat(value)
        return found if found.utcoffset() is not None else None
    seconds = float(value)
    return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, UTC)
