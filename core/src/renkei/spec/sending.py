"""Two things that every push needs: how long a backend asks us to wait, and what goes into one request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from renkei.spec.context import Clock
from renkei.spec.requests import WireRecord

if TYPE_CHECKING:
    import httpx

_LONGEST_WAIT: Final = timedelta(days=1)


def retry_after(response: httpx.Response, clock: Clock) -> timedelta | None:
    """How long `Retry-After` asks us to wait: seconds or a date (RFC 9110, 10.2.3).

    None without the header, or where it is neither. Never negative, and a day at most.
    """
    header = response.headers.get("retry-after", "").strip()
    try:
        if header.isascii() and header.isdecimal():
            wait = timedelta(seconds=int(header))
        else:
            moment = parsedate_to_datetime(header)
            wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - clock.now()
    except (ValueError, OverflowError, TypeError):
        return None
    return min(max(wait, timedelta()), _LONGEST_WAIT)


def chunks(
    records: Iterable[WireRecord], *, most: int, most_bytes: int | None = None, size: Callable[[WireRecord], int]
) -> Iterator[list[WireRecord]]:
    """The records of each request, in order: at most *most*, whose sizes add up to *most_bytes* at most.

    Args:
        records: of one push.
        most: records in one request (`Limits.request_size`).
        most_bytes: for their bytes in one request, what stands around them taken off; None for no limit.
        size: bytes that a record takes in a request, what separates it from the next counted in. Measure UTF-8, not
            characters. A record that is too large by itself gets a request by itself; reject it before.
    """
    chunk: list[WireRecord] = []
    filled = 0
    for record in records:
        length = size(record)
        if chunk and (len(chunk) >= most or (most_bytes is not None and filled + length > most_bytes)):
            yield chunk
            chunk, filled = [], 0
        chunk.append(record)
        filled += length
    if chunk:
        yield chunk
