"""Checks E01 to E04 and E12: records that the backend refuses, among others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from renkei.plugins import PluginFault
from renkei.spec import Rejected, Suspect, Value, WireRecord
from renkei.testing.contract import acts
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks.crowded_request import apart, full_request
from renkei.testing.contract.checks.told import strings_in
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.lane import (
    Lane,
    carried_by,
    mapped,
    require_stored_once,
    require_true,
    values_for_requests,
)
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage
from renkei.testing.kit import BackendAnswer

Poison = Callable[[Mapping[str, Value]], Mapping[str, Value] | None]

_UNNAMED = (
    BackendAnswer(status=400, body=""),
    BackendAnswer(status=400, body={"unexpected": True}),
    BackendAnswer(status=422, body="<!doctype html><title>Error</title><p>入力エラー</p>"),
)
_FEW = 3
_MANY = 15
_TRANSIENT = ["Unavailable", "RateLimited", "QuotaExhausted", "OutcomeUnknown"]


class PoisonChecks:
    """Checks E01 to E04 and E12."""

    @check("E01", traffic=True)
    def test_e01_a_poison_in_the_middle_stops_nobody_else(self, stage: Stage) -> None:
        """One record that the backend refuses keeps none of its neighbours from being stored: it alone is `rejected`,
        with the backend's code and field, or all of its request are `suspect` where the backend names nobody.

        Why: one bad address would hold up, or condemn, everything that was sent with it.
        Mend: give `Rejected` only to the record that the answer names, `NotStored` to those refused beside it, and
        `Suspect` to all of a request that was refused for a reason that names no record; core finds the culprit.
        """
        _found(stage, 5, poisoned={3})
        _found_in_a_crowd(stage)
        _named_in_a_crowd(stage)
        stage.kit.reset()
        stage.good.authenticate()
        unnamed = stage.kit.unnamed_poison(stage.good.values(13))
        if unnamed is not None:
            stage.kit.reset()
            stage.good.authenticate()
            _found(stage, 7, poisoned={5}, poison=stage.kit.unnamed_poison)
        for said in _UNNAMED:
            _nobody_is_condemned(stage, said)

    @check("E02", traffic=True)
    def test_e02_a_poison_is_found_wherever_it_stands(self, stage: Stage) -> None:
        """The record that is refused is found as the first, as the last, as the only one, and where all are refused.

        Why: an index that is off by one rejects an innocent record and sends the bad one for ever.
        Mend: count records from the first of the request, and give every record of it a verdict.
        """
        for count, poisoned in ((4, {1}), (4, {4}), (1, {1}), (3, {1, 2, 3})):
            stage.kit.reset()
            stage.good.authenticate()
            _found(stage, count, poisoned=poisoned)

    @check("E03", traffic=True)
    def test_e03_two_poisons_in_different_requests_are_both_found(self, stage: Stage) -> None:
        """Two records that are refused, in two requests of one push, are both found, and all others are stored.

        Why: what is said of one request must not be taken for the whole push.
        Mend: make the verdicts of each request from its own answer, and go on after a refusal that is about records.
        """
        made = values_for_requests(stage.good, 2, least=5)
        if made is None:  # a push is one request: both are in it
            _found(stage, 5, poisoned={2, 4})
        else:
            _drained(stage, made, poisoned={1, len(made)})

    @check("E04", traffic=True)
    def test_e04_the_right_record_is_named_in_a_later_request(self, stage: Stage) -> None:
        """In the second request of a push the right record is named, though the backend counts from its first again.

        Why: the innocent record with the same place in the first request would be rejected instead.
        Mend: take the index from the answer as a place in the records of that request, not of the push.
        """
        made = values_for_requests(stage.good, 2, least=5)
        if made is None:
            _found(stage, 5, poisoned={5})
        else:
            _drained(stage, made, poisoned={len(made)})

    @check("E12", traffic=True)
    def test_e12_what_one_request_says_of_single_records_is_believed(self, stage: Stage) -> None:
        """Where each record stands by itself, those beside a refused one are stored in the same push, and the refused
        one is not among the stored, whatever the status; where a request is all or nothing, nothing of it is.

        Why: a 200 with an error inside, read as a success, is a record that is lost and counted as delivered.
        Mend: read the result of each record, not the status alone; say in the manifest what `atomicity` really is.
        """
        good = stage.good
        count = min(3, stage.manifest.limits.push_size)
        bad = (count + 1) // 2
        records = [good.poisoned(at) if at == bad else good.record(at) for at in range(1, count + 1)]
        pushed = good.push(records).require_sound()
        require_true(stage, pushed)
        word = pushed.words()[key(bad)]
        require(word in ("rejected", "suspect"), f"the record that was refused is reported as {word!r}")
        if stage.manifest.atomicity == "record":
            others = {one: word for one, word in pushed.words().items() if one != key(bad)}
            wrong = sorted(one for one, word in others.items() if word not in ("created", "updated"))
            require(not wrong, f"records beside the refused one were not stored in the same push: {', '.join(wrong)}")
        else:
            _all_or_nothing(stage, pushed)


def _found(stage: Stage, count: int, *, poisoned: set[int], poison: Poison | None = None) -> None:
    """Push *count* records of which those numbers are *poisoned*, as core would, and look at the end."""
    made = [stage.good.values(number) for number in range(1, count + 1)]
    _drained(stage, made, poisoned=poisoned, poison=poison)


def _named_in_a_crowd(stage: Stage) -> None:
    """Who is named at once at the end of a few records is named at once at the end of many."""
    words = []
    for count in (min(_FEW, stage.manifest.limits.push_size), full_request(stage)):
        stage.kit.reset()
        stage.good.authenticate()
        records = [*stage.good.records(count - 1, only_required=True), stage.good.poisoned(count)]
        words.append((count, stage.good.push(records).require_sound().words()[key(count)]))
    (few, usual), (many, word) = words
    require(
        usual != "rejected" or word == usual,
        f"a refused record is 'rejected' at the end of a push of {few}, and {word!r} at the end of one of {many}",
    )


def _found_in_a_crowd(stage: Stage) -> None:
    """Two among as many as a request takes, at places that end like others'; and more bad ones than good."""
    count = full_request(stage)
    many = min(count, _MANY)
    mostly_bad = {number for number in range(1, many + 1) if number % 3}
    for size, poisoned in ((count, {place + 1 for place in apart(count)}), (many, mostly_bad)):
        stage.kit.reset()
        stage.good.authenticate()
        _found(stage, size, poisoned=poisoned)


def _drained(
    stage: Stage, made: Sequence[Mapping[str, Value]], *, poisoned: set[int], poison: Poison | None = None
) -> None:
    good, bad = stage.good, {key(number) for number in poisoned}
    spoil = poison or stage.kit.poison
    spoilt = [_spoilt(spoil, one) if number in poisoned else one for number, one in enumerate(made, 1)]
    lane = Lane(good, _sendable(good, spoilt)).drained()
    innocent = {key(number) for number in range(1, len(made) + 1)} - bad
    condemned = sorted(innocent & lane.refused.keys())
    require(not condemned, f"records that nothing is wrong with were refused: {', '.join(condemned)}")
    missed = sorted(bad - lane.refused.keys())
    require(not missed, f"records that the simulator refuses are reported as stored: {', '.join(missed)}")
    require_stored_once(stage, innocent)
    most = lane.allowed(len(bad))
    require(len(lane.pushes) <= most, f"core needed {len(lane.pushes)} pushes to find {len(bad)}; {most} are enough")
    for number in poisoned:
        _is_explained(stage, lane, number, before=made[number - 1], after=spoilt[number - 1])


def _spoilt(spoil: Poison, made: Mapping[str, Value]) -> Mapping[str, Value]:
    spoilt = spoil(made)
    if spoilt is None:
        broken("the kit's unnamed_poison() gives a poison for one record and none for another")
    return spoilt


def _sendable(good: Connection, made: Sequence[Mapping[str, Value]]) -> list[WireRecord]:
    try:
        return mapped(good, made)
    except PluginFault as fault:
        broken(f"crm_map is at fault: {fault.what}")


def _is_explained(
    stage: Stage, lane: Lane, number: int, *, before: Mapping[str, Value], after: Mapping[str, Value]
) -> None:
    """The verdict has a code, no field but one that is wrong, and of a rejection the one that the answer names."""
    verdict = lane.refused[key(number)]
    require(verdict.code.strip(), f"record {key(number)!r} is {verdict.verdict} without a code")
    changed = {code for code in {*before, *after} if before.get(code) != after.get(code)}
    known = {field.code for field in stage.good.schema.fields}
    if verdict.field is not None:
        require(verdict.field in known, f"the refused field {verdict.field!r} is none of the target's")
        require(
            verdict.field in changed,
            f"field {verdict.field!r} is named as refused, and what is wrong is in {', '.join(sorted(changed))}",
        )
    elif isinstance(verdict, Rejected):
        named = _named_in_answers(lane, key(number), changed, known)
        require(not named, f"the answer names field {', '.join(named)}, and the verdict of the record names none")


def _named_in_answers(lane: Lane, one: str, changed: set[str], known: set[str]) -> list[str]:
    """Which changed fields the refusal of record *one* names, where it names no other field besides."""
    for pushed in reversed(lane.pushes):
        for exchange in pushed.writes:
            if one in carried_by(exchange, pushed.records) and not exchange.applied:
                text = "\n".join(strings_in(exchange.answer))
                found = {code for code in known if len(code) > 2 and code in text}
                return sorted(found) if found and found <= changed else []
    return []


def _nobody_is_condemned(stage: Stage, said: BackendAnswer) -> None:
    """One record of several meets a refusal that says nothing: it may be suspected, and not convicted."""
    stage.kit.reset()
    good = stage.good
    good.authenticate()
    count = min(3, stage.manifest.limits.push_size)
    bad = key((count + 1) // 2)
    stage.wire.play(acts.refusing(lambda exchange: bad.encode() in exchange.body, said), on="write", times=10_000)
    records = good.records(count)
    pushed = good.push(records).require_sound()
    require_true(stage, pushed)
    words = pushed.words()
    require(
        words[bad] in ("suspect", "not_stored"),
        f"a refusal that names no record and no reason ({said.status}) made {words[bad]!r} of the record in it",
    )
    guessed = [one.field for one in pushed.outcome.verdicts.values() if isinstance(one, Suspect) and one.field]
    require(not guessed, f"of a refusal that says nothing ({said.status}), field {guessed[:1]} is named")
    others = [one for one in words if words[one] not in ("suspect", "not_stored", "created", "updated")]
    require(not others, f"beside such a refusal record {others[:1]} became {words.get(others[0]) if others else ''!r}")
    _is_settled(pushed, bad, said.status)
    if pushed.stopped_by is None:
        lane = Lane(good, records[:0])
        lane.waiting = [record for record in records if words[record.key] not in ("created", "updated")]
        if len(lane.waiting) > 1:
            lane.drained()
            require(set(lane.refused) == {bad}, "core cannot tell the refused record from its neighbours")
    stage.wire.calm()


def _is_settled(pushed: Pushed, bad: str, status: int) -> None:
    stopped_by = pushed.stopped_by
    if pushed.words()[bad] == "not_stored":
        require(
            stopped_by is not None,
            f"a refusal without a reason ({status}) left its record 'not_stored' and named no error: it comes for ever",
        )
    require(
        stopped_by is None or type(stopped_by).__name__ not in _TRANSIENT,
        f"a refusal without a reason ({status}) became {type(stopped_by).__name__}, as if waiting would help",
    )


def _all_or_nothing(stage: Stage, pushed: Pushed) -> None:
    stored = set(stage.stored_keys())
    for exchange in pushed.writes:
        carried = set(carried_by(exchange, pushed.records))
        kept = carried & stored
        require(
            not kept or kept == carried,
            f"the manifest says that a request is stored as a whole or not at all, and {len(kept)} of "
            f"{len(carried)} records of one were stored",
        )
