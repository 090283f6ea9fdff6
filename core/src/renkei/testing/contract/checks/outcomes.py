"""Checks E07 to E11: what is said of records when the answer is lost, broken or not what it should be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import httpx

from renkei.spec import (
    AuthenticationFailed,
    BackendError,
    Created,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    SchemaDrift,
    SettingsError,
    TargetNotFound,
    Unavailable,
    Updated,
    WireRecord,
)
from renkei.testing.contract import acts
from renkei.testing.contract.broken import raised, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks.calling import Asked, Disturbed, Question, disturbed, questions
from renkei.testing.contract.checks.crowded import require_told_when_full
from renkei.testing.contract.checks.refusals import require_error
from renkei.testing.contract.connection import key
from renkei.testing.contract.lane import by_key, for_requests
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Act
from renkei.testing.kit import BackendAnswer

_BODIES: Final = (
    BackendAnswer(status=0, body=""),
    BackendAnswer(status=0, body="upstream connect error or disconnect/reset before headers"),
    BackendAnswer(status=0, body="<html><head><title>Error</title></head><body><h1>Error</h1></body></html>",
                  headers={"content-type": "text/html"}),
    BackendAnswer(status=0, body={"message": "An error occurred", "request_id": "0a1b2c3d"}),
    BackendAnswer(status=0, body={"error": "server error", "status": "failed"}),
)  # fmt: skip
"""What stands in front of a backend says in its name. The status is filled in."""

_FAILURES: Final = (500, 502, 503, 504, 520)
_FOR_GOOD: Final = (501, 418, 451, 413, 414, 415, 431)
_TOO_LARGE: Final = (413, 414, 431)
"""These may be the record's own fault."""

_PASSING: Final = (Unavailable, RateLimited, QuotaExhausted)
_LASTING: Final = (AuthenticationFailed, PermissionDenied, TargetNotFound, SchemaDrift, SettingsError)

# The simulator carries it out, and nobody hears of it.
_LOST: Final = (
    acts.lost(applied=True, how=httpx.ReadTimeout),
    acts.lost(applied=True, how=httpx.ReadError),
    acts.lost(applied=True, how=httpx.RemoteProtocolError),
    acts.lost(applied=True, how=httpx.WriteError),
    acts.broken_off(),
)
_HOLLOW: Final = (b"", b"{}", b"[]", b"null", b"true", b'"ok"', b"0", b'{"ok": true}', b'{"status": "success"}')


class OutcomeChecks:
    """Checks E07 to E11."""

    @check("E07", traffic=True)
    def test_e07_a_server_that_fails_leaves_a_write_unknown(self, stage: Stage) -> None:
        """A 5xx to a write makes `unknown` of every record in it, unless the manifest's `refusals` describe that very
        answer; to a read it is `Unavailable`. What will be the same next time, 501 or a 4xx that nobody knows, is no
        passing trouble.

        Why: a gateway's 502 often stands before a request that was carried out: "not stored" would store it twice. And
        a lane that waits for a 418 to pass waits for ever.
        Mend: go by one table from answer to meaning: your backend's own error objects that you describe in `refusals`
        are certainly not applied; any other 5xx to a write is `OutcomeUnknown`, your backend's own words in it or not;
        to a read `Unavailable`; a 4xx without a meaning is `Suspect` or an error that blocks.
        """
        number = 0
        for status in _FAILURES:
            for body in _BODIES:
                number += 1
                said = _with(body, status)
                _failing_write(stage, stage.good.record(number), said, applied=number % 2 == 0)
        for said in _described(stage):
            number += 1
            _failing_write(stage, stage.good.record(number), said, applied=False)
        for said in _own_words(stage, number + 1):
            number += 2
            _failing_write(stage, stage.good.record(number), said, applied=True)
        for status in _FOR_GOOD:
            number += 1
            _refused_for_good(stage, stage.good.record(number), _with(_BODIES[number % 5], status))
        asked = questions(stage)
        for place, status in enumerate((*_FAILURES, *_FOR_GOOD)):
            for question in asked:
                for at in question.places:
                    _failing_read(question, _with(_BODIES[(place + at) % 5], status), at=at)

    @check("E08", traffic=True)
    def test_e08_what_is_not_connected_is_not_sent(self, stage: Stage) -> None:
        """Where no connection comes about, every hook says `Unavailable`, and no record is said to be more than
        `not_stored`.

        Why: an outage must delay and nothing else: not block a lane, not put a record in doubt.
        Mend: let `ctx.http`'s `Unavailable` through; after a part of a push, put it into `stopped_by`.
        """
        asked = questions(stage)
        for how in ("refused", "name", "certificate", "slow"):
            act = acts.unreachable(how)
            done = disturbed(stage.good, stage.good.records(3), act, times=1_000)
            when = f"no connection ({how})"
            done.require_all("not_stored", done.pushed.keys, when)
            require_error(done.pushed.stopped_by, (Unavailable,), f"{when}, crm_push")
            require(not stage.read(), f"{when}: a record is stored all the same")
            for question in asked:
                seen = question.through(act, times=1_000)
                if not seen.is_the_same(question.good):
                    require_error(seen.error, (Unavailable,), f"{when}, {question.hook}")

    @check("E09", traffic=True)
    def test_e09_an_answer_that_is_lost_leaves_its_records_unknown(self, stage: Stage) -> None:
        """When the connection ends after the request left, every record in it is `unknown`, and nothing else is said.

        Why: it was stored. "Not stored" stores it again; "stored" would be a guess that loses it the other time.
        Mend: let `ctx.http`'s `OutcomeUnknown` through, or answer `Unknown` for the records of that request and put the
        error into `stopped_by`. Never turn a time-out into a refusal.
        """
        for number, act in enumerate(_LOST, 1):
            done = disturbed(stage.good, [stage.good.record(number)], act)
            when = act.__name__
            require(done.struck is not None, "crm_push sent no write for a good record")
            _lost_for(stage, done, [key(number)], when)
        start = len(_LOST) + 1
        most = min(2, stage.manifest.limits.request_size, stage.manifest.limits.push_size)
        done = disturbed(stage.good, stage.good.records(most, start=start), _LOST[0])
        _lost_for(stage, done, done.in_doubt or done.pushed.keys, "a request of several records")
        require_told_when_full(stage, acts.lost(applied=True), (OutcomeUnknown,), lost=True)

    @check("E10", traffic=True)
    def test_e10_a_push_that_breaks_off_keeps_what_was_won(self, stage: Stage) -> None:
        """When the second of three requests is lost, the first one's records stay `created`, its own are `unknown`, the
        third is not sent and its records are `not_stored`, and `stopped_by` says why.

        Why: what was won and is forgotten is sent again; what was not sent and is called unknown waits for a person.
        Mend: collect verdicts request by request, catch `BackendError` around each, and return the report with what
        there is. Tell core what each request carries: `extensions=spec.carrying(chunk)`.
        """
        records = for_requests(stage.good, 3)
        if records is None:
            _only_request_lost(stage)
        else:
            for act in (acts.lost(applied=True, how=httpx.ReadError), acts.lost(applied=False, how=httpx.ReadTimeout)):
                stage.kit.reset()
                stage.good.authenticate()
                _breaks_off(stage, records, act)
        require_told_when_full(stage, acts.lost(applied=False, how=httpx.ReadError), (OutcomeUnknown,), lost=True)

    @check("E11", traffic=True)
    def test_e11_a_page_or_half_an_answer_is_no_success(self, stage: Stage) -> None:
        """A 200 with a page for people, with half an answer or with nothing in it makes no record `created`; nor does a
        redirect. Whether it was stored is unknown.

        Why: log-in pages, proxies and wifi portals answer 200; a record counted as delivered on their word is lost.
        Mend: take the record's id from the answer, and give `Unknown` where there is none; `spec.json_answer` does half
        of it.
        """
        hollow = [acts.garbled(body, f"the answer {body.decode() or 'without a body'}") for body in _HOLLOW]
        odd = [acts.page(200, applied=True), acts.page(201, applied=True), acts.page(200), acts.cut(), *hollow]
        odd += [acts.answer(204, applied=True), acts.answer(202, applied=True)]
        odd += [acts.redirect(status=status) for status in (302, 304)]
        odd += [acts.redirect(status=status, applied=True) for status in (301, 303, 307, 308)]
        for number, act in enumerate(odd, 1):
            done = disturbed(stage.good, [stage.good.record(number)], act)
            _no_success(stage, done, key(number), act)
        for question in questions(stage):
            for act in (acts.page(200), acts.cut(), *(acts.garbled(body) for body in (b"", b"null", b"true", b'"ok"'))):
                for at in question.places:
                    seen = question.through(act, at=at)
                    _no_answer(question, seen, f"{act.__name__} to {question.hook}")


def _no_answer(question: Question, seen: Asked, when: str) -> None:
    if not seen.is_the_same(question.good):
        require(isinstance(seen.error, BackendError), f"{when}: it {raised(seen.error) if seen.error else 'answered'}")


def _with(body: BackendAnswer, status: int) -> BackendAnswer:
    return BackendAnswer(status=status, body=body.body, headers=body.headers)


def _described(stage: Stage) -> list[BackendAnswer]:
    """Answers that the manifest says are certainly not applied, as bare as they can be."""
    return [
        BackendAnswer(status=status, body="" if refusal.json_key is None else {refusal.json_key: "NEW_CODE_01"})
        for refusal in stage.manifest.refusals
        for status in refusal.statuses or _FAILURES
        if status >= 500
    ]


def _own_words(stage: Stage, number: int) -> list[BackendAnswer]:
    """The backend's own error objects under a status that promises nothing: it broke down after it had begun."""
    refused = stage.good.push([stage.good.poisoned(number)]).writes
    found = [said.content() for said in stage.kit.answers.values()]
    found += [write.answer for write in refused if write.status is not None and write.status >= 400]
    own = [BackendAnswer(status=500, body=data) for data in map(_object, found) if data is not None]
    # What `refusals` describe the plugin may take at its word, and the record may be to blame.
    return [said for said in own if not _is_described(stage, said)]


def _object(content: bytes) -> Any:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _is_described(stage: Stage, said: BackendAnswer) -> bool:
    return any(refusal.describes(said.status, said.content()) for refusal in stage.manifest.refusals)


def _failing_write(stage: Stage, record: WireRecord, said: BackendAnswer, *, applied: bool) -> None:
    described = _is_described(stage, said)
    done = disturbed(stage.good, [record], acts.words(said, applied=applied and not described))
    when = f"a {said.status} to a write ({_kind(said)})"
    require(done.struck is not None, "crm_push sent no write for a good record")
    done.pushed.require_ours()
    if described:
        # `unknown` says less than is known, and does no harm: core goes by the same description.
        word = done.pushed.words()[record.key]
        fitting = ("not_stored", "unknown", "suspect")
        require(word in fitting, f"{when}, which `refusals` describe, made {word!r} of its record")
        done.require_by_core("suspect" if word == "suspect" else "not_stored", [record.key], when)
        if word != "suspect":
            require_error(done.pushed.stopped_by, (*_PASSING, OutcomeUnknown), when)
        return
    done.require_all("unknown", [record.key], when)
    done.require_by_core("unknown", [record.key], when)
    require_error(done.pushed.stopped_by, (OutcomeUnknown,), when)


def _kind(said: BackendAnswer) -> str:
    if not said.body:
        return "no body"
    return "JSON" if not isinstance(said.body, (str, bytes)) else "a page" if "<" in str(said.body) else "text"


def _refused_for_good(stage: Stage, record: WireRecord, said: BackendAnswer) -> None:
    if said.status >= 500:
        _failing_write(stage, record, said, applied=False)
        return
    done = disturbed(stage.good, [record], acts.words(said))
    when = f"a {said.status} to a write"
    done.pushed.require_sound()
    word = done.pushed.words()[record.key]
    fitting = ("suspect", "not_stored", *(["rejected"] if said.status in _TOO_LARGE else []))
    require(
        word in fitting,
        f"{when}, which nobody knows, made {word!r} of the record: nothing was stored",
    )
    stopped_by = done.pushed.stopped_by
    if word == "not_stored" or stopped_by is not None:
        require_error(stopped_by, _LASTING, when)


def _failing_read(question: Question, said: BackendAnswer, *, at: int) -> None:
    seen = question.through(acts.words(said), at=at)
    if seen.is_the_same(question.good):
        return
    when = f"a {said.status} to {question.hook} ({_kind(said)})"
    require(seen.error is not None, f"{when}: it answered, and otherwise than without it")
    if said.status in _FOR_GOOD:
        require_error(seen.error, _LASTING, when)
    else:
        require_error(seen.error, (Unavailable,), when)


def _lost_for(stage: Stage, done: Disturbed, keys: Sequence[str], when: str) -> None:
    done.require_all("unknown", keys, when)
    done.require_by_core("unknown", keys, when)
    require_error(done.pushed.stopped_by, (OutcomeUnknown,), when)
    stored = stage.stored_keys()
    wrong = [one for one in keys if stored.count(one) != 1]
    require(not wrong, f"{when}: the simulator holds record {wrong[:1]} not exactly once")


def _breaks_off(stage: Stage, records: Sequence[WireRecord], act: Act) -> None:
    done = disturbed(stage.good, records, act, after=1)
    pushed = done.pushed
    pushed.require_sound()
    require(done.struck is not None, "a push of that many records took one request: is the manifest right?")
    lost = done.in_doubt
    won = [one for one in pushed.keys if any(seen.applied and seen is not done.struck for seen in done.sent(one))]
    unsent = [one for one in pushed.keys if not done.sent(one)]
    require(won and lost, "the suite cannot tell which records each request carries: their keys are not in the bodies")
    _kept(stage, done, won, "after the loss of the second request")
    done.require_all("unknown", [one for one in lost if one not in won], "the second request was lost")
    require(not done.late, f"after the second request was lost, {len(done.late)} more were sent")
    done.require_all("not_stored", unsent, "never sent")
    done.require_by_core("not_stored", unsent, "never sent")
    require_error(pushed.stopped_by, (OutcomeUnknown,), "the second request was lost")


def _kept(stage: Stage, done: Disturbed, won: Sequence[str], when: str) -> None:
    words = done.pushed.words()
    forgotten = [one for one in won if words[one] not in ("created", "updated")]
    require(not forgotten, f"{when} record {forgotten[:1]}, which was won, became {words[(forgotten or won)[0]]!r}")
    seen = by_key(stage)
    for one in won:
        verdict = done.pushed.said(one)
        assert isinstance(verdict, (Created, Updated))
        here = seen.get(one, [])
        require(len(here) == 1 and here[0].id == verdict.id, f"{when} record {one!r} has an id that is not its own")


def _only_request_lost(stage: Stage) -> None:
    most = min(3, stage.manifest.limits.request_size, stage.manifest.limits.push_size)
    done = disturbed(stage.good, stage.good.records(most), acts.lost(applied=True, how=httpx.ReadError))
    require(len(done.pushed.writes) == 1, "the manifest says that a push is one request, and more were sent")
    _lost_for(stage, done, done.pushed.keys, "the only request was lost")


def _no_success(stage: Stage, done: Disturbed, one: str, act: Act) -> None:
    pushed, when = done.pushed, act.__name__
    pushed.require_ours()
    verdict = pushed.said(one)
    if isinstance(verdict, (Created, Updated)):
        # An id may stand in a header, too.
        here = by_key(stage).get(one, [])
        require(
            [record.id for record in here] == [verdict.id],
            f"{when}: the record is reported as {verdict.verdict}, under an id that nobody gave",
        )
        return
    require(
        verdict.verdict == "unknown", f"{when}: the record is reported as {verdict.verdict!r}, and it may be stored"
    )
    stopped_by = pushed.stopped_by
    require(
        stopped_by is None or isinstance(stopped_by, OutcomeUnknown),
        f"{when}: the push was stopped by {type(stopped_by).__name__} instead of OutcomeUnknown",
    )
