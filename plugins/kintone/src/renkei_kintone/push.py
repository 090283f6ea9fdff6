"""Push: `POST records.json`, and one verdict per record from whatever came back.

A request is stored as a whole or not at all. What kintone names is rejected, what stands beside it is innocent,
and where it names nobody all are suspect; core splits those. Only an id in the answer makes a record created.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from renkei.spec import (
    BackendError,
    Context,
    Created,
    Duplicate,
    NotStored,
    OutcomeUnknown,
    PushReport,
    PushRequest,
    Rejected,
    Suspect,
    TargetNotFound,
    TargetSchema,
    Unavailable,
    Unknown,
    Verdict,
    WireRecord,
    carrying,
)
from renkei_kintone.manifest import RECORDS_PER_REQUEST, REQUEST_BYTES
from renkei_kintone.meanings import MEANINGS
from renkei_kintone.records import key_fits
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.validation import Complaint, complaints_by_record, sentence
from renkei_kintone.wire import (
    Refusal,
    api_url,
    checked_app_id,
    error_without_code,
    headers,
    lane_error,
    record_url,
    refusal_in,
    unknown_outcome,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encoded:
    """A record and its bytes on the wire."""

    record: WireRecord
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of one request's records; *stopped_by* ends the push."""

    verdicts: Sequence[Verdict]
    stopped_by: BackendError | None = None


async def push(ctx: Context[KintoneSettings], request: PushRequest) -> PushReport:
    """Send the records in as few requests as the byte cap allows, and stop at the first error of the lane.

    Raises:
        Unavailable, TargetNotFound: the push itself cannot be sent. Nothing was.
    """
    app = checked_app_id(request.target)
    _check_size(request)
    encoded, unsendable = _encode(request.records)
    verdicts: list[Verdict] = list(unsendable)
    stopped_by: BackendError | None = None
    for chunk in _chunks(encoded, room=REQUEST_BYTES - len(_body(app, []))):
        records = [item.record for item in chunk]
        if stopped_by is None:
            outcome = await _send(ctx, request, app, records, _body(app, [item.body for item in chunk]))
            verdicts += outcome.verdicts
            stopped_by = outcome.stopped_by
        else:
            verdicts += [NotStored(key=record.key) for record in records]
    return PushReport(verdicts=tuple(verdicts), stopped_by=stopped_by)


def _check_size(request: PushRequest) -> None:
    if len(request.records) > RECORDS_PER_REQUEST:
        raise Unavailable("push_too_large", f"a push holds at most {RECORDS_PER_REQUEST} records; nothing was sent")
    if len({record.key for record in request.records}) < len(request.records):
        raise Unavailable("repeated_key", "a push holds each delivery key once; nothing was sent")


def _encode(records: Sequence[WireRecord]) -> tuple[list[_Encoded], list[Rejected]]:
    encoded: list[_Encoded] = []
    unsendable: list[Rejected] = []
    for record in records:
        try:
            body = json.dumps(record.fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, ValueError):  # a file, NaN, half of a surrogate pair
            unsendable.append(Rejected(key=record.key, code="not_sendable"))
            continue
        if len(body) > REQUEST_BYTES // 2:
            unsendable.append(Rejected(key=record.key, code="too_large"))
        else:
            encoded.append(_Encoded(record=record, body=body))
    return encoded, unsendable


def _chunks(encoded: Sequence[_Encoded], *, room: int) -> Iterator[list[_Encoded]]:
    chunk: list[_Encoded] = []
    size = 0
    for item in encoded:
        if chunk and size + len(item.body) + 1 > room:
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += len(item.body) + 1
    if chunk:
        yield chunk


def _body(app: str, records: Sequence[bytes]) -> bytes:
    return b'{"app":' + app.encode() + b',"records":[' + b",".join(records) + b"]}"


async def _send(
    ctx: Context[KintoneSettings], request: PushRequest, app: str, records: list[WireRecord], body: bytes
) -> _Outcome:
    try:
        response = await ctx.http.post(
            api_url(ctx.settings, "records"),
            content=body,
            headers=headers(ctx.settings) | {"Content-Type": "application/json"},
            extensions=carrying(records),
        )
    except OutcomeUnknown as error:
        return _all_unknown(records, error)
    except BackendError as error:
        return _Outcome(verdicts=[NotStored(key=record.key) for record in records], stopped_by=error)
    refusal = refusal_in(response, ctx.clock)
    if refusal is None:
        return _stored(ctx.settings, app, records, response)
    return _refused(request, records, refusal, tokens=ctx.settings.api_token.get_secret_value().split(","))


def _all_unknown(records: Sequence[WireRecord], error: OutcomeUnknown) -> _Outcome:
    return _Outcome(verdicts=[Unknown(key=record.key) for record in records], stopped_by=error)


def _stored(settings: KintoneSettings, app: str, records: Sequence[WireRecord], response: httpx.Response) -> _Outcome:
    """Ids come in the order of the request. A record without one of its own is unknown, not created.

    Where there are more or fewer of them than records, none can be told whose it is.
    """
    ids = _ids(response)
    verdicts: list[Verdict] = []
    for index, record in enumerate(records):
        given = ids[index] if len(ids) == len(records) else None
        if isinstance(given, str) and given.isascii() and given.isdigit() and ids.count(given) == 1:
            verdicts.append(Created(key=record.key, id=given, link=record_url(settings, app, given)))
        else:
            verdicts.append(Unknown(key=record.key))
    if all(isinstance(verdict, Created) for verdict in verdicts):
        return _Outcome(verdicts=verdicts)
    word = "unexpected_answer" if ids else "not_json"
    error = OutcomeUnknown(
        word, f"kintone answered {response.status_code} without one id for each record that was sent"
    )
    return _Outcome(verdicts=verdicts, stopped_by=error)


def _ids(response: httpx.Response) -> list[Any]:
    try:
        data = json.loads(response.content)
    except (ValueError, RecursionError):
        return []
    ids = data.get("ids") if isinstance(data, dict) else None
    return ids if isinstance(ids, list) else []


def _refused(request: PushRequest, records: list[WireRecord], refusal: Refusal, *, tokens: Sequence[str]) -> _Outcome:
    if refusal.code is None:
        return _refused_by_another(records, refusal)
    if refusal.code == "CB_VA01":
        return _invalid(request, records, refusal, tokens)
    meaning = MEANINGS.get(refusal.code)
    if meaning is not None and meaning.error is not None:
        return _lane(records, lane_error(meaning.error, refusal.code, refusal, resource=meaning.resource))
    if meaning is None and (refusal.status >= 500 or refusal.status in (401, 403, 429)):
        # A code that we do not know: its status is all there is to go by.
        word = {401: "CB_AU01", 403: "refused", 429: "rate_limited"}.get(refusal.status, "server_error")
        error = MEANINGS[word].error or Unavailable
        return _lane(records, lane_error(error, refusal.code, refusal))
    return _suspects(records, refusal.code)


def _refused_by_another(records: list[WireRecord], refusal: Refusal) -> _Outcome:
    """A gateway, a maintenance page, a log-in page: only a 4xx certainly did not let the request through."""
    if 400 <= refusal.status < 500:
        return _lane(records, error_without_code(refusal))
    return _all_unknown(records, unknown_outcome(refusal))


def _lane(records: Sequence[WireRecord], error: BackendError) -> _Outcome:
    return _Outcome(verdicts=[NotStored(key=record.key) for record in records], stopped_by=error)


def _suspects(records: Sequence[WireRecord], code: str) -> _Outcome:
    # Not kintone's own words: without a path they name values.
    meaning = MEANINGS.get(code)
    message = meaning.text.en if meaning else "kintone refused the request without naming a record."
    return _Outcome(verdicts=[Suspect(key=record.key, code=code, message=message) for record in records])


def _invalid(request: PushRequest, records: list[WireRecord], refusal: Refusal, tokens: Sequence[str]) -> _Outcome:
    if "app" in refusal.errors:
        return _lane(records, lane_error(TargetNotFound, "bad_app_id", refusal))
    codes = {field.code for field in request.target_schema.fields}.union(*(record.fields for record in records))
    named = complaints_by_record(refusal.errors, codes, len(records))
    if not named:
        return _suspects(records, "CB_VA01")
    return _Outcome(
        verdicts=[
            _culprit(request, record, named[index], tokens) if index in named else NotStored(key=record.key)
            for index, record in enumerate(records)
        ]
    )


def _culprit(request: PushRequest, record: WireRecord, complaints: list[Complaint], tokens: Sequence[str]) -> Verdict:
    if _is_taken(request.target_schema, request.key_field, record, complaints):
        return Duplicate(key=record.key)
    others = [item for item in complaints if item.field not in (None, request.key_field)]
    first = others[0] if others else complaints[0]
    message = sentence(complaints, [*tokens, *_texts(record.fields)]) or MEANINGS["CB_VA01"].text.en
    return Rejected(key=record.key, code="CB_VA01", field=first.field, message=message)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a wire record's values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)


def _is_taken(schema: TargetSchema, key_field: str | None, record: WireRecord, complaints: list[Complaint]) -> bool:
    """By elimination: one complaint, on the key field alone, whose value obeys every other rule.

    The message never decides: its language is a setting of kintone's, and its wording is nobody's promise.
    """
    if key_field is None or any(item.field != key_field for item in complaints):
        return False
    field = schema.field(key_field)
    if field is None or not field.unique or len(complaints) != 1:
        return False
    entry = record.fields.get(key_field)
    value = entry.get("value") if isinstance(entry, dict) else None
    return complaints[0].parsed and len(set(complaints[0].messages)) <= 1 and key_fits(field, value)
