"""Atelier's answers → verdicts and errors. Everything that this plugin knows about failure is in this module.

Two questions decide each line: *was it certainly not applied?* and *whose fault is it, this record's or the lane's?*
A record's fault is a verdict; the lane's is an error, whose class tells core what to do next.

Texts are ours: Atelier repeats values in its messages, so its words are not passed on, only its code and field.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, TypeVar

import httpx
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from renkei import spec
from renkei_template.codes import SENTENCES, Code

M = TypeVar("M", bound=BaseModel)

_PLAIN_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SCOPE = re.compile(r"[a-z]+:[a-z]+")
# Refusals of one record whose cause is the table: the next record would meet the same.
_DRIFT = frozenset({Code.UNKNOWN_FIELD, Code.READ_ONLY_FIELD, Code.UNKNOWN_STAGE})


class Refusal(BaseModel):
    """The error object that Atelier gives with every refusal of its own."""

    code: str
    field: str | None = None
    resets_at: AwareDatetime | None = None


class _RefusalBody(BaseModel):
    error: Refusal


Id = Annotated[str, Field(pattern=r"\S")]
"""An id of Atelier's: what is empty or white space is nobody's."""


class _Stored(BaseModel):
    id: Id
    link: str | None = None


def read(model: type[M], response: httpx.Response, *, stored: bool = False) -> M:
    """The body of *response* as *model*; *stored*: the request was to store a record.

    Raises:
        OutcomeUnknown, Unavailable: the body is not what it should be.
    """
    data = spec.json_answer(response)
    try:
        return model.model_validate(data)
    except ValidationError:
        pass  # and not chained: pydantic's error holds the input
    raise _unreadable(response, stored=stored)


def verdict(response: httpx.Response, record: spec.WireRecord, clock: spec.Clock) -> spec.Verdict:
    """What became of *record*, sent alone in a request that was answered with *response*.

    Raises:
        BackendError: the answer concerns the lane. Unless it is `OutcomeUnknown`, the record was not stored.
    """
    if response.status_code == 201:
        stored = read(_Stored, response, stored=True)
        return spec.Created(key=record.key, id=stored.id, link=link(stored.link))
    if response.status_code == 413:
        return _rejected(record, Refusal(code=Code.TOO_LARGE))
    refusal = refusal_in(response)
    if response.status_code == 422 and refusal is not None:
        if refusal.code in _DRIFT:
            raise spec.SchemaDrift(refusal.code, _field_sentence(refusal, record))
        return _rejected(record, refusal)
    if response.status_code in (401, 403, 404, 409, 429) or not 400 <= response.status_code < 500:
        raise error(response, clock, stored=True)
    # Any other 4xx: certainly not stored, and nobody said why. Core finds out whether the record or the lane is at
    # fault by what happens to its neighbours.
    return spec.Suspect(key=record.key, code=Code.UNEXPECTED_ANSWER, message=_unexpected(response))


def error(response: httpx.Response, clock: spec.Clock, *, stored: bool = False) -> spec.BackendError:
    """The error that *response* stands for, where it is not a success; *stored*: the request was to store a record."""
    refusal = refusal_in(response)
    code = refusal.code if refusal else Code.UNEXPECTED_ANSWER
    wait = spec.retry_after(response, clock)
    match response.status_code:
        case 401:
            return spec.AuthenticationFailed(code, _sentence(code))
        case 403:
            scope = refusal.field if refusal and _SCOPE.fullmatch(refusal.field or "") else None
            return spec.PermissionDenied(
                code, f"{_sentence(code)} Missing: {scope or 'unknown'}.", resource=scope or ""
            )
        case 404:
            return spec.TargetNotFound(code, _sentence(code))
        case 422 if refusal is not None and refusal.code in _DRIFT:
            return spec.SchemaDrift(code, _sentence(code))
        case 409:
            return spec.Unavailable(code, _sentence(code), retry_after=wait)
        case 429 if code == Code.DAILY_QUOTA and refusal is not None:
            return spec.QuotaExhausted(code, _sentence(code), resets_at=refusal.resets_at, retry_after=wait)
        case 429:
            return spec.RateLimited(code, _sentence(code), retry_after=wait)
        case 503 if refusal is not None:
            return spec.Unavailable(code, _sentence(code), retry_after=wait)
        case 501 if not stored:
            return _refused_for_good(response)
        case status if 400 <= status < 500:
            return _refused_for_good(response)
        case _:
            return _unreadable(response, wait, stored=stored)


def refusal_in(response: httpx.Response) -> Refusal | None:
    """Atelier's error object in *response*, or None where it is not one that Atelier would give."""
    try:
        refusal = _RefusalBody.model_validate_json(response.content).error
    except ValidationError:
        return None
    return refusal if _PLAIN_CODE.fullmatch(refusal.code) else None


def link(given: str | None) -> str | None:
    """Where a person opens a record, as Atelier gave it: what was stored stays so, whatever address came with it."""
    return given if given is not None and given.startswith("https://") else None


def _rejected(record: spec.WireRecord, refusal: Refusal) -> spec.Rejected:
    field = refusal.field if refusal.field in record.fields or refusal.code == Code.REQUIRED else None
    return spec.Rejected(key=record.key, code=refusal.code, field=field, message=_sentence(refusal.code))


def _field_sentence(refusal: Refusal, record: spec.WireRecord) -> str:
    sentence = _sentence(refusal.code)
    return f"Field {refusal.field!r}: {sentence}" if refusal.field in record.fields else sentence


def _sentence(code: str) -> str:
    known = SENTENCES.get(code)
    return known.en if known else "Atelier refused this; look its code up in Atelier's documentation."


def _unexpected(response: httpx.Response) -> str:
    return f"{response.request.method} was answered with {response.status_code}. {_sentence(Code.UNEXPECTED_ANSWER)}"


def _refused_for_good(response: httpx.Response) -> spec.PermissionDenied:
    # Not `Unavailable`: asking again would bring the same answer, so the lane is blocked and a person looks at it.
    return spec.PermissionDenied(Code.UNEXPECTED_ANSWER, _unexpected(response))


def _unreadable(response: httpx.Response, wait: timedelta | None = None, *, stored: bool) -> spec.BackendError:
    # After a write, an answer that nobody understands proves nothing.
    if stored:
        return spec.OutcomeUnknown(Code.UNEXPECTED_ANSWER, _unexpected(response), retry_after=wait)
    return spec.Unavailable(Code.UNEXPECTED_ANSWER, _unexpected(response), retry_after=wait)
