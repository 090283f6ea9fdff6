"""How records go into requests: up to 100 in `records.json`, up to 2,000 of them in one `bulkRequest.json`.

kintone's documentation: a POST of records takes 100, a bulk request takes 20 such calls and stores all of them or
none. Its answer to a refusal has the status of the call that failed, and one part for each call: that call's error
object, and `{}` for each of the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from renkei.spec import WireRecord
from renkei_kintone.manifest import CALLS_PER_BULK, OWN_FAILURES, RECORDS_PER_CALL
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.wire import api_url, json_in

Calls = Sequence[Sequence[WireRecord]]
"""The records of one request, call by call. With one call it is no bulk request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A record and its bytes on the wire."""

    record: WireRecord
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What stands around the records of a request to one app."""

    settings: KintoneSettings
    app: str

    def address(self, calls: int) -> str:
        """Where a request of so many *calls* goes."""
        return api_url(self.settings, "records" if calls == 1 else "bulkRequest")

    def body(self, calls: Sequence[Sequence[Encoded]]) -> bytes:
        """The request's body."""
        if len(calls) == 1:
            return self._payload(calls[0])
        return b'{"requests":[' + b",".join(self._call(records) for records in calls) + b"]}"

    def size(self, calls: int, filled: int) -> int:
        """Length of a body of so many *calls*, whose records take *filled* bytes with one for a comma behind each."""
        if calls == 1:
            return len(self._payload([])) + filled - 1
        commas = calls - 1 - calls  # between calls; and the last record of each call has none behind it
        return len(self.body([])) + calls * len(self._call([])) + filled + commas

    def _call(self, records: Sequence[Encoded]) -> bytes:
        path = urlsplit(api_url(self.settings, "records")).path
        return b'{"method":"POST","api":"' + path.encode() + b'","payload":' + self._payload(records) + b"}"

    def _payload(self, records: Sequence[Encoded]) -> bytes:
        return b'{"app":' + self.app.encode() + b',"records":[' + b",".join(one.body for one in records) + b"]}"


def requests_of(encoded: Iterable[Encoded], envelope: Envelope, *, most_bytes: int) -> Iterator[list[list[Encoded]]]:
    """The records of each request, call by call: as few requests as calls and bytes allow."""
    calls: list[list[Encoded]] = []
    filled = 0
    for one in encoded:
        opens = not calls or len(calls[-1]) == RECORDS_PER_CALL
        size = envelope.size(len(calls) + opens, filled + len(one.body) + 1)
        if calls and (size > most_bytes or (opens and len(calls) == CALLS_PER_BULK)):
            yield calls
            calls, filled, opens = [], 0, True
        if opens:
            calls.append([])
        calls[-1].append(one)
        filled += len(one.body) + 1
    if calls:
        yield calls


def answers_in(response: httpx.Response, calls: int) -> list[Any]:
    """The answer to each call of a request that succeeded; None for each where they cannot be told apart."""
    data = json_in(response)
    if calls == 1:
        return [data]
    parts = _parts(data)
    return parts if len(parts) == calls else [None] * calls


def refusals_in(response: httpx.Response, calls: int) -> dict[int | None, httpx.Response] | None:
    """The calls of a bulk request that were refused, by their place, each as if it had been refused alone.

    The place is None where the answer has another number of parts than the request had calls: then it is not known
    whose refusal it is. Empty where no part can be read. None where the answer is none to a bulk request: it was
    refused as a whole, or somebody else answers.
    """
    data = json_in(response)
    if not isinstance(data, dict) or "code" in data or "results" not in data:
        return None
    if response.status_code >= 500 and response.status_code not in OWN_FAILURES:
        return None
    parts = _parts(data)
    refused = [(at, part) for at, part in enumerate(parts) if isinstance(part, dict) and "code" in part]
    known = len(parts) == calls
    return {at if known else None: _alone(response, part) for at, part in refused}


def _alone(response: httpx.Response, part: Any) -> httpx.Response:
    waits = {name: value for name, value in response.headers.items() if name == "retry-after"}
    # As ASCII: kintone's words may hold half of a surrogate pair, where they cut an emoji.
    return httpx.Response(response.status_code, content=json.dumps(part).encode(), headers=waits)


def _parts(data: Any) -> list[Any]:
    parts = data.get("results") if isinstance(data, dict) else None
    return parts if isinstance(parts, list) else []
