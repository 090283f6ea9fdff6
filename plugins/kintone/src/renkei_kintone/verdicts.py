"""What an answer says of the records that its request carried: one verdict each.

A request is stored as a whole or not at all. What kintone names is rejected, what stands beside it is innocent,
and where it names nobody all of the call that failed are suspect; core splits those. Only an id in the answer makes
a record created.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from renkei.spec import (
    BackendError,
    Clock,
    Created,
    Duplicate,
    NotStored,
    OutcomeUnknown,
    PushRequest,
    Rejected,
    Suspect,
    TargetNotFound,
    TargetSchema,
    Unavailable,
    Unknown,
    Verdict,
    WireRecord,
)
from renkei_kintone.blame import fields_at_fault
from renkei_kintone.bulk import Calls, answers_in, refusals_in
from renkei_kintone.meanings import MEANINGS, remedy_link
from renkei_kintone.records import key_fits
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.validation import Complaint, complaints_by_record, sentence
from renkei_kintone.wire import (
    Refusal,
    error_by_status,
    error_without_code,
    is_record_id,
    lane_error,
    record_url,
    refusal_in,
    unknown_outcome,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a push is about."""

    settings: KintoneSettings
    clock: Clock
    request: PushRequest
    app: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one request's records; *stopped_by* ends the push."""

    verdicts: Sequence[Verdict]
    stopped_by: BackendError | None = None


def outcome_of(errand: Errand, calls: Calls, response: httpx.Response) -> Outcome:
    """What *response* says of the records in *calls*."""
    refusal = refusal_in(response, errand.clock, errand.settings)
    if refusal is None:
        return _stored(errand, calls, response)
    records = together(calls)
    if len(calls) == 1:
        return _refused(errand, records, refusal)
    refused = refusals_in(response, len(calls))
    if refused is None:
        # The bulk request itself: what its paths are about is none of our records.
        return _refused(errand, records, refusal, placed=False)
    if not refused:
        return not_stored(records, lane_error(Unavailable, "unexpected_answer", refusal))
    return _refused_in_bulk(errand, calls, refused)


def together(calls: Calls) -> list[WireRecord]:
    """The records of all *calls*, in their order."""
    return [record for records in calls for record in records]


def all_unknown(records: Sequence[WireRecord], error: OutcomeUnknown) -> Outcome:
    """None of *records* is known to be stored or not."""
    return Outcome(verdicts=[Unknown(key=record.key) for record in records], stopped_by=error)


def not_stored(records: Sequence[WireRecord], error: BackendError | None = None) -> Outcome:
    """All of *records* are innocent, and certainly not stored."""
    return Outcome(verdicts=[NotStored(key=record.key) for record in records], stopped_by=error)


def _stored(errand: Errand, calls: Calls, response: httpx.Response) -> Outcome:
    """Ids come in the order of the request. A record without one of its own is unknown, not created."""
    answers = answers_in(response, len(calls))
    ids = [id for records, answer in zip(calls, answers, strict=True) for id in _ids(answer, len(records))]
    times = Counter(ids)
    verdicts: list[Verdict] = []
    for record, id in zip(together(calls), ids, strict=True):
        if id is not None and times[id] == 1:
            link = record_url(errand.settings, errand.app, id)
            verdicts.append(Created(key=record.key, id=id, link=link))
        else:
            verdicts.append(Unknown(key=record.key))
    if all(isinstance(verdict, Created) for verdict in verdicts):
        return Outcome(verdicts=verdicts)
    word = "not_json" if all(answer is None for answer in answers) else "unexpected_answer"
    what = f"kintone answered {response.status_code} without one id for each record that was sent"
    return Outcome(verdicts=verdicts, stopped_by=OutcomeUnknown(word, what))


def _ids(answer: Any, count: int) -> list[str | None]:
    """One id or None for each record of a call. With more or fewer than records, none can be told whose it is."""
    ids = answer.get("ids") if isinstance(answer, dict) else None
    if not isinstance(ids, list) or len(ids) != count:
        return [None] * count
    return [id if is_record_id(id) else None for id in ids]


def _refused_in_bulk(errand: Errand, calls: Calls, refused: Mapping[int | None, httpx.Response]) -> Outcome:
    """The records of the call that failed are judged by its error, all others are innocent."""
    verdicts: list[Verdict] = []
    for place, records in enumerate(calls):
        answer = refused.get(place, refused.get(None))
        refusal = refusal_in(answer, errand.clock, errand.settings) if answer is not None else None
        judged = (
            not_stored(records) if refusal is None else _refused(errand, records, refusal, placed=None not in refused)
        )
        if isinstance(judged.stopped_by, OutcomeUnknown):
            return all_unknown(together(calls), judged.stopped_by)
        if judged.stopped_by is not None:
            return not_stored(together(calls), judged.stopped_by)
        verdicts += judged.verdicts
    return Outcome(verdicts=verdicts)


def _refused(errand: Errand, records: Sequence[WireRecord], refusal: Refusal, *, placed: bool = True) -> Outcome:
    """*placed*: a path's `records[i]` is the record at *i* of *records*."""
    if refusal.code is None:
        return _refused_by_another(errand, records, refusal)
    if refusal.code == "CB_VA01":
        return _invalid(errand, records, refusal, placed=placed)
    meaning = MEANINGS.get(refusal.code)
    if meaning is not None and meaning.error is not None:
        return not_stored(records, lane_error(meaning.error, refusal.code, refusal, resource=meaning.resource))
    error = error_by_status(refusal.status) if meaning is None else None
    if error is not None:
        return not_stored(records, lane_error(error, refusal.code, refusal))
    return _suspects(errand, records, refusal.code)


def _refused_by_another(errand: Errand, records: Sequence[WireRecord], refusal: Refusal) -> Outcome:
    """A gateway, a maintenance page, a log-in page: only a 4xx certainly did not let the request through."""
    if refusal.status == 413:
        # Splitting stores them all in a few smaller requests, and finds the record that no request can hold.
        return _suspects(errand, records, "request_too_large")
    if 400 <= refusal.status < 500:
        return not_stored(records, error_without_code(refusal))
    return all_unknown(records, unknown_outcome(refusal))


def _suspects(errand: Errand, records: Sequence[WireRecord], code: str) -> Outcome:
    return Outcome(verdicts=[_suspect(errand, record, code) for record in records])


def _suspect(errand: Errand, record: WireRecord, code: str) -> Suspect:
    # Not kintone's own words: without a path they name values.
    meaning = MEANINGS.get(code)
    message = meaning.text.en if meaning else "kintone refused the request without naming a record."
    fields = fields_at_fault(code, errand.request.target_schema, record)
    return Suspect(
        key=record.key,
        code=code,
        field=fields[0] if len(fields) == 1 else None,
        message=", ".join(fields) if len(fields) > 1 else message,
        remedy_link=remedy_link(errand.settings, code),
    )


def _invalid(errand: Errand, records: Sequence[WireRecord], refusal: Refusal, *, placed: bool) -> Outcome:
    if "app" in refusal.errors:
        return not_stored(records, lane_error(TargetNotFound, "bad_app_id", refusal))
    schema = errand.request.target_schema
    codes = {field.code for field in schema.fields}.union(*(record.fields for record in records))
    columns = [column.code for field in schema.fields for column in field.fields]
    named = complaints_by_record(refusal.errors, codes, len(records), columns) if placed else {}
    if not named:
        return _suspects(errand, records, "CB_VA01")
    return Outcome(
        verdicts=[
            _culprit(errand, record, named[index]) if index in named else NotStored(key=record.key)
            for index, record in enumerate(records)
        ]
    )


def _culprit(errand: Errand, record: WireRecord, complaints: list[Complaint]) -> Verdict:
    request = errand.request
    if _is_taken(request.target_schema, request.key_field, record, complaints):
        return Duplicate(key=record.key)
    others = [item for item in complaints if item.field not in (None, request.key_field)]
    first = others[0] if others else complaints[0]
    message = sentence(complaints, [*_secrets(errand), *_texts(record.fields)]) or MEANINGS["CB_VA01"].text.en
    link = remedy_link(errand.settings, "CB_VA01")
    return Rejected(key=record.key, code="CB_VA01", field=first.field, message=message, remedy_link=link)


def _secrets(errand: Errand) -> list[str]:
    """What was sent beside the record and stands in no message: tokens, one by one, and passwords."""
    secrets = (getattr(errand.settings, name) for name in errand.settings.secret_fields())
    return [part for secret in secrets if secret for part in secret.get_secret_value().replace(",", " ").split()]


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
    (only,) = complaints
    return only.parsed and only.ending == ".value" and len(set(only.messages)) <= 1 and key_fits(field, value)
