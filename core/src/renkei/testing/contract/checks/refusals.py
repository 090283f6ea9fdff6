"""Checks E05, E06, E14, E15 and E17: a backend that says no to the lane, and what that is told as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, Final

from renkei.spec import (
    AuthenticationFailed,
    BackendError,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    SchemaDrift,
    SettingsError,
    TargetNotFound,
    TargetSchema,
    Unavailable,
    WireRecord,
)
from renkei.testing.contract import acts
from renkei.testing.contract.broken import broken, raised, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks.calling import Disturbed, Question, answered, disturbed, questions
from renkei.testing.contract.checks.crowded import require_told_when_full
from renkei.testing.contract.connection import key
from renkei.testing.contract.lane import for_requests, require_stored_once, require_true
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage
from renkei.testing.kit import BackendAnswer

_PAUSE: Final = (RateLimited, QuotaExhausted)
_AGAIN: Final = (Unavailable, RateLimited)
LONGEST_PAUSE: Final = timedelta(days=31)
"""No pause that a backend asks for is believed longer than this."""

_UNREADABLE: Final = ("soon", "", "-5", "1.5 hours", "9" * 30, "Wed, 99 Foo 2026 25:61:61 GMT", "１２")
_LABEL: Final = "契約スイートの項目"


class RefusalChecks:
    """Checks E05, E06, E14, E15 and E17."""

    @check("E05", traffic=True)
    def test_e05_too_many_requests_wait_as_long_as_the_backend_says(self, stage: Stage) -> None:
        """A 429 is `RateLimited` with `retry_after` as `Retry-After` says, in seconds or as a date by `ctx.clock`; its
        records are `not_stored`, and nothing more is sent.

        Why: who goes on too early is locked out for longer, and who counts a 429 as a failure of the record loses it.
        Mend: read both forms of the header (RFC 9110, 10.2.3), the date against `ctx.clock.now()`, for reads and
        writes in one place, whatever the body holds.
        """
        date = format_datetime(stage.clock.now() + timedelta(seconds=90), usegmt=True)
        asked = questions(stage)
        for number, (header, wait) in enumerate((("37", 37), (date, 90), ("0", 0), ("7200", 7_200))):
            for said in _too_many(stage):
                act = acts.words(said, headers={"retry-after": header}, name=f"a 429 with Retry-After: {header}")
                done = require_stopped(stage, act, _PAUSE, start=1 + 3 * number)
                _waits(done.pushed.stopped_by, timedelta(seconds=wait), header)
                for question in asked:
                    for at in question.places:
                        seen = question.through(act, at=at)
                        if not seen.is_the_same(question.good):
                            require_error(seen.error, _PAUSE, f"a 429 to {question.hook}")
                            _waits(seen.error, timedelta(seconds=wait), header)
                        require(not seen.late, f"{question.hook} went on asking after a 429")
        require_told_when_full(stage, acts.words(_too_many(stage)[0], name="a 429"), _PAUSE)

    @check("E06", traffic=True)
    def test_e06_too_many_requests_without_a_time_are_the_same(self, stage: Stage) -> None:
        """A 429 without `Retry-After`, or with one that nobody can read, is `RateLimited` all the same.

        Why: many backends and every proxy leave the header out; core then has a pause of its own.
        Mend: leave `retry_after` None where the header is not there or not readable, and let no parser raise.
        """
        asked = questions(stage)
        past = format_datetime(stage.clock.now() - timedelta(hours=1), usegmt=True)
        for number, header in enumerate((None, past, *_UNREADABLE)):
            headers = {} if header is None else {"retry-after": header}
            for said in _too_many(stage) if header is None else _too_many(stage)[:1]:
                act = _plain_words(said, headers)
                done = require_stopped(stage, act, _PAUSE, start=1 + 3 * number)
                _is_reasonable(done.pushed.stopped_by)
                for question in asked:
                    seen = question.through(act)
                    require_error(seen.error, _PAUSE, f"a 429 to {question.hook}, Retry-After {header!r}")
                    _is_reasonable(seen.error)
                    require(not seen.late, f"{question.hook} went on asking after a 429")

    @check("E14", traffic=True)
    def test_e14_credentials_lost_midway_stop_the_push_and_forget_nothing(self, stage: Stage) -> None:
        """When the credentials are revoked in the middle of a push, what was won stands, `stopped_by` is
        `AuthenticationFailed`, and the rest is `not_stored`.

        Why: an admin has to reconnect, and must hear so; until then nothing may be lost, doubled or tried for ever.
        Mend: give the backend's "who are you" the class `AuthenticationFailed`, in pushes as well, and return a report
        with the verdicts so far instead of raising.
        """
        _revoked_before_the_only_request(stage)
        stage.kit.reset()
        stage.good.authenticate()
        records = for_requests(stage.good, 2)
        if records is not None:
            _revoked_midway(stage, records)
        revoked = acts.first(stage.kit.revoke_credentials, "the credentials are revoked")
        require_told_when_full(stage, revoked, (AuthenticationFailed,))

    @check("E15", traffic=True)
    def test_e15_a_field_that_was_removed_is_never_lost_in_silence(self, stage: Stage) -> None:
        """Once a mapped field is gone, a backend that refuses unknown fields makes the push `SchemaDrift`, with nothing
        stored and no record to blame; one that ignores them stores the record, and the next discovery differs. What an
        option of the target names and the backend does not know any more is the lane's error as well.

        Why: an admin has to mend the mapping; a thousand rejected records, or a thousand without that field, are what
        nobody would find.
        Mend: give the refusal of an unknown field, or of an option's value, the class `SchemaDrift`; ask the backend at
        each discovery, and keep nothing from the last; tell in the manifest what `unknown_fields` really are.
        """
        good, kit = stage.good, stage.kit
        code = kit.add_field(_LABEL)
        before = answered("crm_discover", good.discover)
        require(before.field(code) is not None, f"discovery does not show the field {code!r} that was just added")
        records = [_with_field(stage, number, code, before) for number in range(1, 4)]
        kit.delete_field(code)
        pushed = good.push(records[: stage.manifest.limits.push_size], schema=before).require_sound()
        require_true(stage, pushed)
        if stage.manifest.unknown_fields == "refused":
            _drifted(stage, pushed, code)
        else:
            pushed.require_all_created()
        _seen_to_be_gone(stage, code, before)
        if kit.stale_options is not None:
            _option_gone(stage, kit.stale_options)

    @check("E17", traffic=True)
    def test_e17_a_lock_is_waited_for(self, stage: Stage) -> None:
        """What passes by itself, a lock, a conflict, a maintenance window that was refused before it was looked at, is
        retried: `Unavailable` or `RateLimited`, all records `not_stored`, none of them blamed.

        Why: a record that met a lock is as good as any other; rejected, it waits for a person who finds nothing.
        Mend: give the backend's code for it the class `Unavailable`; describe its maintenance answer in `refusals` if
        it certainly was not applied, and leave it to be `OutcomeUnknown` otherwise.
        """
        asked = questions(stage)
        locked, closed = stage.kit.answers.get("locked"), stage.kit.answers.get("maintenance")
        if locked is not None:  # what no page of the vendor's tells, no author can know: then nothing is played
            _passes(stage, asked, locked, "locked", start=1)
        _passes(stage, asked, closed or BackendAnswer(status=503), "maintenance", start=4)
        if locked is not None and locked.status < 500:
            require_told_when_full(stage, acts.words(locked, name="locked"), _AGAIN)
        elif closed is not None and _is_described(stage, closed):
            require_told_when_full(stage, acts.words(closed, name="maintenance"), _AGAIN)


def _passes(stage: Stage, asked: Sequence[Question], said: BackendAnswer, situation: str, *, start: int) -> None:
    act = acts.words(said, name=situation)
    if said.status < 500 or _is_described(stage, said):
        require_stopped(stage, act, _AGAIN, start=start)
    else:
        done = disturbed(stage.good, [stage.good.record(start)], act)
        done.require_all("unknown", done.pushed.keys, f"{situation}, which `refusals` do not describe")
        require_error(done.pushed.stopped_by, (OutcomeUnknown,), situation)
    for question in asked:
        for at in question.places:
            seen = question.through(act, at=at)
            if not seen.is_the_same(question.good):
                require_error(seen.error, _AGAIN, f"{situation}, {question.hook}")


def _too_many(stage: Stage) -> list[BackendAnswer]:
    own = stage.kit.answers.get("rate_limited")
    plain = [
        BackendAnswer(status=429),
        BackendAnswer(status=429, body="<html><h1>429 Too Many Requests</h1></html>"),
        BackendAnswer(status=429, body={"code": "NEW_CODE", "message": "slow down", "error": {"code": "new_code"}}),
    ]
    return [own, *plain] if own is not None and own.status == 429 else ([own] if own is not None else []) + plain


def _plain_words(said: BackendAnswer, headers: Mapping[str, str]) -> Any:
    """Headers as they are, also those that are not ASCII."""
    given = {name: value.encode("utf-8") for name, value in headers.items()}
    return acts.words(said, headers=given, name="a 429")  # type: ignore[arg-type]  # httpx takes bytes as well


def _is_described(stage: Stage, said: BackendAnswer) -> bool:
    return any(refusal.describes(said.status, said.content()) for refusal in stage.manifest.refusals)


def require_error(error: BaseException | None, kinds: tuple[type[BaseException], ...], when: str) -> None:
    """*error* is one of *kinds*.

    Raises:
        Broken: with what it is instead.
    """
    words = "no error" if error is None else raised(error).removeprefix("raised ")
    require(isinstance(error, kinds), f"{when}: {words} instead of {' or '.join(kind.__name__ for kind in kinds)}")


def require_stopped(stage: Stage, act: Any, kinds: tuple[type[BaseException], ...], *, start: int) -> Disturbed:
    """Every write meets *act*, which certainly stores nothing: nothing is stored, blamed, retried, or sent after it."""
    count = min(3, stage.manifest.limits.push_size)
    done = disturbed(stage.good, stage.good.records(count, start=start), act, times=1_000)
    when = f"{act.__name__} to a push"
    done.pushed.require_sound()
    require(done.struck is not None, "crm_push sent no write for good records")
    done.require_all("not_stored", done.pushed.keys, when)
    done.require_by_core("not_stored", done.pushed.keys, when)
    require_error(done.pushed.stopped_by, kinds, when)
    require(not done.late, f"{when}: {len(done.late)} more requests were sent after it")
    require(not set(done.pushed.keys) & set(stage.stored_keys()), f"{when}: a record is stored all the same")
    return done


def _waits(error: BaseException | None, wait: timedelta, header: str) -> None:
    told = error.retry_after if isinstance(error, BackendError) else None
    near = told is not None and abs(told - wait) <= timedelta(seconds=1)
    if not wait:  # to wait for nothing and to say nothing come to the same
        near = near or told is None
    require(near, f"Retry-After: {header} is told as {told} instead of {wait}")


def _is_reasonable(error: BaseException | None) -> None:
    told = error.retry_after if isinstance(error, BackendError) else None
    require(
        told is None or timedelta(0) <= told <= LONGEST_PAUSE,
        f"a 429 whose Retry-After is not there or not readable is told to last {told}",
    )


def _revoked_before_the_only_request(stage: Stage) -> None:
    count = min(3, stage.manifest.limits.push_size)
    records = stage.good.records(count)
    stage.kit.revoke_credentials()
    done = disturbed(stage.good, records, acts.unhurried())  # so that it is seen what is sent after its answer
    pushed = done.pushed.require_sound()
    words = pushed.words()
    wrong = [one for one in words if words[one] != "not_stored"]
    require(not wrong, f"credentials lost: record {wrong[:1]} is {words[(wrong or pushed.keys)[0]]!r}")
    require_error(pushed.stopped_by, (AuthenticationFailed,), "credentials lost before the first write")
    require(not done.late, f"after credentials were refused, {len(done.late)} more were sent")
    require(not stage.read(), "after the kit's revoke_credentials() the simulator still stores records")


def _revoked_midway(stage: Stage, records: Sequence[WireRecord]) -> None:
    done = disturbed(stage.good, records, acts.then(stage.kit.revoke_credentials, "the credentials are revoked"))
    pushed = done.pushed
    pushed.require_sound()
    stored = set(stage.stored_keys())
    require(stored, "the kit's revoke_credentials() took back what was stored before it")
    won = [one for one in pushed.keys if one in stored]
    others = [one for one in pushed.keys if one not in stored]
    require(others or not done.late, "after the kit's revoke_credentials() the simulator still stores records")
    require_true(stage, pushed)
    forgotten = sorted(set(won) - set(pushed.created()))
    require(not forgotten, f"record {forgotten[:1]} was won before the credentials were lost, and is not reported so")
    if not others:  # all were under way by then
        return
    done.require_all("not_stored", others, "credentials lost midway")
    require_error(pushed.stopped_by, (AuthenticationFailed,), "credentials lost midway")


def _with_field(stage: Stage, number: int, code: str, schema: TargetSchema) -> WireRecord:
    values = {**stage.good.values(number), code: "a value"}
    return stage.good.wire_record(values, key=key(number), schema=schema)


def _drifted(stage: Stage, pushed: Pushed, code: str) -> None:
    words = pushed.words()
    wrong = [one for one in words if words[one] != "not_stored"]
    require(
        not wrong,
        f"field {code!r} is gone, the backend refuses unknown fields, and record {wrong[:1]} is "
        f"{words[(wrong or pushed.keys)[0]]!r}: no record is to blame",
    )
    require_error(pushed.stopped_by, (SchemaDrift,), f"field {code!r} is gone")
    require_stored_once(stage, ())


def _option_gone(stage: Stage, typed: Mapping[str, Any]) -> None:
    """An option names what is not there any more: that is wrong with the lane, and with none of its records."""
    good = stage.good
    try:
        stale = stage.connection(options=typed)
    except SettingsError:
        broken("the kit's stale_options have to be such as parse; only the simulator may not know them")
    answered("crm_authenticate", stale.connected)
    schema = answered("crm_discover", good.discover)
    records = []
    for number in range(20, 20 + min(3, stage.manifest.limits.push_size)):
        values = {code: value for code, value in good.values(number).items() if schema.field(code) is not None}
        records.append(stale.wire_record(values, key=key(number), schema=schema))
    pushed = stale.push(records, schema=schema).require_sound()
    words, stored = pushed.words(), stage.stored_keys()
    require(
        not any(record.key in stored for record in records),
        "records were stored under the kit's stale_options: are they not sent, or does the simulator know them?",
    )
    wrong = [one for one in words if words[one] != "not_stored"]
    require(
        not wrong,
        f"an option names what the backend does not know any more, and record {wrong[:1]} is "
        f"{words[(wrong or pushed.keys)[0]]!r}: no record is to blame",
    )
    require_error(pushed.stopped_by, (SchemaDrift, TargetNotFound, PermissionDenied), "an option that is gone")


def _seen_to_be_gone(stage: Stage, code: str, before: TargetSchema) -> None:
    after = answered("crm_discover", stage.good.discover)
    require(after.field(code) is None, f"field {code!r} was deleted, and discovery still shows it")
    require(after.fingerprint != before.fingerprint, f"field {code!r} was deleted, and the fingerprint is the same")
    values = {name: value for name, value in stage.good.values(9).items() if name != code}
    record = stage.good.wire_record(values, key=key(9), schema=after)
    stage.good.push([record], schema=after).require_all_created()
