"""What one verdict makes of one delivery. Pure; promises 6 and 7 are decided here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from renkei.delivery.reasons import explain, rejection
from renkei.spec import (
    Created,
    Duplicate,
    Manifest,
    NotStored,
    Rejected,
    Suspect,
    Unknown,
    Updated,
    Verdict,
)
from renkei.store.deliveries import Delivered, Kept, Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the target and its backend allow us to conclude.

    Attributes:
        keyed: the delivery key sits in a field that the backend keeps unique.
        verifiable: the backend can be asked by key.
        sent_at: when this push was marked.
    """

    manifest: Manifest
    key_field: str | None
    keyed: bool
    verifiable: bool
    settles_within: timedelta
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A line for the attempt log."""

    event: str
    code: str
    field: str | None
    message: str
    reason: dict[str, str] | None = None


def settle(row: Waiting, verdict: Verdict, terms: Terms, *, alone: bool) -> tuple[Delivered | Kept, Failure | None]:
    """The outcome of *row* and, unless it went well or is innocent, a line for the log.

    Args:
        row: as it was before the mark: its `maybe_written` tells of earlier requests only, its `sent_at` when the
            last of them left.
        alone: the record was the only one in its push, so that a suspect is the culprit.
    """
    match verdict:
        case Created() | Updated():
            return Delivered(id=row.id, remote_id=verdict.id, link=verdict.link), None
        case Duplicate():
            return _duplicate(row, verdict, terms)
        case Rejected():
            return _refused(row, verdict.code, verdict.field, verdict.message, terms, "rejected")
        case Suspect():
            if alone:
                return _refused(row, verdict.code, None, verdict.message, terms, "rejected")
            return _waits(row), None
        case NotStored():
            return _waits(row), None
        case Unknown():
            return _unknown(row, terms)
        case _:
            assert_never(verdict)


def _waits(row: Waiting) -> Kept:
    return Kept(id=row.id, state="waiting", maybe_written=row.maybe_written, due_at=row.due_at)


def _duplicate(row: Waiting, verdict: Duplicate, terms: Terms) -> tuple[Delivered | Kept, Failure | None]:
    if not (terms.keyed and row.maybe_written):
        # A first attempt cannot have met itself: the key belongs to a record that is not ours.
        kept = Kept(
            id=row.id,
            state="rejected",
            maybe_written=row.maybe_written,
            due_at=row.due_at,
            code="key_taken",
            field=terms.key_field,
            reason=explain(None, "key_taken"),
        )
        return kept, Failure(
            event="rejected",
            code="key_taken",
            field=terms.key_field,
            message="the delivery key is taken",
            reason=kept.reason,
        )
    settled_at = (row.sent_at or terms.sent_at) + terms.settles_within
    if terms.manifest.uniqueness != "atomic" and terms.sent_at < settled_at:
        # An earlier request may still be running, and may yet be rolled back: its key proves nothing until then.
        return _held(row, settled_at), Failure(
            event="held",
            code=verdict.code,
            field=terms.key_field,
            message="taken while an earlier request may run",
            reason=explain(None, "held"),
        )
    return Delivered(id=row.id, remote_id=None, link=None), None


def _refused(row: Waiting, code: str, field: str | None, words: str, terms: Terms, event: str) -> tuple[Kept, Failure]:
    reason = rejection(terms.manifest, code, field, words)
    state = "rejected"
    if row.maybe_written:
        # This request did not store it, but an earlier one may have: saying "rejected" would be a guess.
        state = "doubtful"
        first = explain(None, "refused_after_unknown")
        reason = {language: f"{first[language]} {sentence}" for language, sentence in reason.items()}
    kept = Kept(
        id=row.id,
        state=state,
        maybe_written=row.maybe_written,
        due_at=row.due_at,
        code=code,
        field=field,
        reason=reason,
    )
    return kept, Failure(event=event, code=code, field=field, message=words or reason["en"], reason=reason)


def _unknown(row: Waiting, terms: Terms) -> tuple[Kept, Failure]:
    askable = terms.keyed or terms.verifiable
    kept = _held(row, terms.sent_at + terms.settles_within) if askable else doubtful(row.id, row.due_at)
    failure = Failure(
        event="unknown",
        code="outcome_unknown",
        field=None,
        message="the outcome is unknown",
        reason=kept.reason,
    )
    return kept, failure


def _held(row: Waiting, until: datetime) -> Kept:
    return Kept(id=row.id, state="waiting", maybe_written=True, due_at=until, code="held", reason=explain(None, "held"))


def doubtful(row_id: int, due_at: datetime) -> Kept:
    """An outcome that only a person can settle."""
    return Kept(
        id=row_id,
        state="doubtful",
        maybe_written=True,
        due_at=due_at,
        code="outcome_unknown",
        reason=explain(None, "outcome_unknown"),
    )
