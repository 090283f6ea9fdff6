"""What one verdict makes of one delivery. Pure; promises 6 and 7 are decided here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from renkei.delivery.reasons import explain, rejection
from renkei.mapping.unfit import named_target
from renkei.spec import (
    Absent,
    CannotTell,
    Created,
    Duplicate,
    Manifest,
    NotStored,
    Present,
    Rejected,
    Suspect,
    TargetSchema,
    Text,
    Unknown,
    Updated,
    Verdict,
)
from renkei.store.deliveries import Delivered, Kept, Waiting

Answer = Present | Absent | CannotTell


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the target and its backend allow us to conclude.

    Attributes:
        keyed: the delivery key sits in a field that the backend keeps unique.
        verifiable: the backend can be asked by key.
        schema: of the target, for the names of its fields.
        sent_at: when this push was marked.
    """

    manifest: Manifest
    key_field: str | None
    keyed: bool
    verifiable: bool
    settles_within: timedelta
    schema: TargetSchema
    sent_at: datetime

    def name_of(self, field: str | None) -> Text | None:
        """How people call that field: by label, and by code where that differs."""
        if not field:
            return None
        known = self.schema.field(field)
        return named_target(known) if known is not None else Text(ja=f"「{field}」", en=repr(field))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A line for the attempt log."""

    event: str
    code: str
    field: str | None
    message: str
    reason: dict[str, str] | None = None


def is_in_question(row: Waiting, verdict: Verdict, terms: Terms, *, alone: bool) -> bool:
    """Whether the backend is asked by key before *row* is settled.

    This request has not stored it, an earlier one may have: only the backend can say which it is.
    """
    refused = isinstance(verdict, Rejected) or (isinstance(verdict, Suspect) and alone)
    return refused and row.maybe_written and terms.verifiable


def settle(
    row: Waiting, verdict: Verdict, terms: Terms, *, alone: bool, now: datetime, answer: Answer | None = None
) -> tuple[Delivered | Kept, Failure | None]:
    """The outcome of *row* and, unless it went well or is innocent, a line for the log.

    Args:
        row: as it was before the mark: its `maybe_written` tells of earlier requests only, its `sent_at` when the
            last of them left.
        alone: the record was the only one in its push, so that a suspect is the culprit.
        now: when this is learnt.
        answer: what the backend said of a row that `is_in_question`; None: it could not be asked just now.
    """
    match verdict:
        case Created() | Updated():
            return Delivered(id=row.id, remote_id=verdict.id, link=verdict.link), None
        case Duplicate():
            return _duplicate(row, verdict, terms)
        case Rejected():
            return _refused(row, verdict, terms, now, answer)
        case Suspect():
            return _refused(row, verdict, terms, now, answer) if alone else (_waits(row), None)
        case NotStored():
            return _waits(row), None
        case Unknown():
            return _unknown(row, terms, now)
        case _:
            assert_never(verdict)


def _waits(row: Waiting) -> Kept:
    return Kept(
        id=row.id, state="waiting", maybe_written=row.maybe_written, due_at=row.due_at, code=row.code, refused=True
    )


def _duplicate(row: Waiting, verdict: Duplicate, terms: Terms) -> tuple[Delivered | Kept, Failure | None]:
    if not (terms.keyed and row.maybe_written):
        # A first attempt cannot have met itself: the key belongs to a record that is not ours.
        kept = Kept(
            id=row.id,
            # What an earlier request may have stored may be that very record.
            state="doubtful" if row.maybe_written else "rejected",
            maybe_written=row.maybe_written,
            due_at=row.due_at,
            code="key_taken",
            field=terms.key_field,
            reason=explain(None, "key_taken"),
            refused=True,
        )
        return kept, Failure(
            event="rejected",
            code="key_taken",
            field=terms.key_field,
            message="the delivery key is taken",
            reason=kept.reason,
        )
    settled_at = _settled_at(row, terms)
    if terms.manifest.uniqueness != "atomic" and terms.sent_at < settled_at:
        # An earlier request may still be running, and may yet be rolled back: its key proves nothing until then.
        return _held(row, settled_at, refused=True), Failure(
            event="held",
            code=verdict.code,
            field=terms.key_field,
            message="taken while an earlier request may run",
            reason=explain(None, "held"),
        )
    return Delivered(id=row.id, remote_id=None, link=None), None


def _settled_at(row: Waiting, terms: Terms) -> datetime:
    """When the earlier request that may have stored *row* has ended, by the clock that stamps this one."""
    if row.sent_at is None or row.sent_at > terms.sent_at:
        # The clock was put back since. What counts is the hold-off that the row has been through before it was due.
        return terms.sent_at
    return row.sent_at + terms.settles_within


def _refused(
    row: Waiting, verdict: Rejected | Suspect, terms: Terms, now: datetime, answer: Answer | None
) -> tuple[Delivered | Kept, Failure | None]:
    """A refusal by name. What an earlier request may have stored is rejected only on proof that it is not there."""
    code, field, words = verdict.code, verdict.field, verdict.message
    reason = rejection(terms.manifest, code, terms.name_of(field), words, link=verdict.remedy_link)
    failure = Failure(event="rejected", code=code, field=field, message=words or reason["en"], reason=reason)
    maybe_written = row.maybe_written
    if maybe_written and terms.verifiable:
        if isinstance(answer, Present):
            return Delivered(id=row.id, remote_id=answer.id, link=answer.link), None
        settled_at = _settled_at(row, terms)
        if answer is None or (isinstance(answer, Absent) and terms.sent_at < settled_at):
            # Asked again when it can be, after one more attempt under its key.
            kept = _held(row, max(settled_at, now + terms.settles_within), refused=True)
            return kept, replace(failure, event="held", reason=kept.reason)
        maybe_written = not isinstance(answer, Absent)
    if maybe_written:
        # This request did not store it, but an earlier one may have: saying "rejected" would be a guess.
        first = explain(None, "refused_after_unknown")
        reason = {language: f"{first[language]} {sentence}" for language, sentence in reason.items()}
    kept = Kept(
        id=row.id,
        state="doubtful" if maybe_written else "rejected",
        maybe_written=maybe_written,
        due_at=row.due_at,
        code=code,
        field=field,
        reason=reason,
        refused=True,
    )
    return kept, replace(failure, reason=reason)


def _unknown(row: Waiting, terms: Terms, now: datetime) -> tuple[Kept, Failure]:
    settles = terms.keyed or terms.verifiable or resends(row)
    # Counted from when it is learnt, not from the mark: the request had left by then, however the clock has jumped.
    kept = _held(row, now + terms.settles_within) if settles else doubtful(row, row.due_at)
    failure = Failure(
        event="unknown",
        code="outcome_unknown",
        field=None,
        message="the outcome is unknown",
        reason=kept.reason,
    )
    return kept, failure


def resends(row: Waiting) -> bool:
    """Whether *row* is sent again although nothing can tell whether it is there: its admin has chosen so.

    Not what a restored database brought back: most of that was delivered, and the choice was not made for it.
    """
    return row.resend and row.code != "restored"


def _held(row: Waiting, until: datetime, *, refused: bool = False) -> Kept:
    code = "restored" if row.code == "restored" else "held"
    return Kept(
        id=row.id,
        state="waiting",
        maybe_written=True,
        due_at=until,
        code=code,
        reason=explain(None, code),
        refused=refused,
    )


def held(row: Waiting, until: datetime) -> Kept:
    """Put off until its outcome has settled."""
    return _held(row, until)


def doubtful(row: Waiting, due_at: datetime) -> Kept:
    """An outcome that only a person can settle."""
    code = "restored" if row.code == "restored" else "outcome_unknown"
    return Kept(id=row.id, state="doubtful", maybe_written=True, due_at=due_at, code=code, reason=explain(None, code))
