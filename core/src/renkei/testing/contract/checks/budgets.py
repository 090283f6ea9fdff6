"""Check E16: a budget that is spent, core's own or the backend's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from renkei.plugins import NotSent
from renkei.spec import QuotaExhausted
from renkei.testing.contract import acts
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks.calling import questions
from renkei.testing.contract.checks.refusals import LONGEST_PAUSE, require_error, require_stopped
from renkei.testing.contract.connection import key
from renkei.testing.contract.lane import for_requests
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage
from renkei.testing.kit import BackendAnswer


class BudgetChecks:
    """Check E16."""

    @check("E16", traffic=True)
    def test_e16_a_spent_budget_sends_nothing_and_says_until_when(self, stage: Stage) -> None:
        """When core holds a request back, nothing is sent and nothing is made of it; when the backend's own day is
        spent, the error is `QuotaExhausted` with the time at which it goes on.

        Why: a budget that is spent is nobody's fault; without its reset the lane asks in vain all day.
        Mend: catch `BackendError` and not `Exception`, so that core's `NotSent` flies through; give the backend's quota
        error its class, with `resets_at` (aware) or `retry_after`.
        """
        _held_back_at_once(stage)
        _held_back_midway(stage)
        daily, said = stage.manifest.limits.daily, stage.kit.answers.get("quota_exhausted")
        if daily is not None and not daily.soft:
            require(
                said is not None,
                "the manifest's daily budget is hard, and the kit's `answers` lack 'quota_exhausted': give the "
                "backend's own words for it",
            )
        if said is not None:
            _quota(stage, said)


def _held_back_at_once(stage: Stage) -> None:
    def hold() -> None:
        raise NotSent("the budget of this lane is spent")

    good = stage.good
    pushed = good.push(good.records(min(3, stage.manifest.limits.push_size)), before_send=hold)
    require(not pushed.exchanges, f"core held everything back, and {len(pushed.exchanges)} requests were sent")
    require(
        pushed.outcome.fault is None, f"core held a request back: {pushed.outcome.fault and pushed.outcome.fault.what}"
    )
    _is_left_alone(pushed)
    for question in questions(stage):
        error = _held(stage, question.hook, hold)
        require_error(error, (NotSent,), f"core held a request of {question.hook} back")


def _is_left_alone(pushed: Pushed) -> None:
    if pushed.report is None:
        if not isinstance(pushed.error, NotSent):
            broken(f"core held a request back, and crm_push made {type(pushed.error).__name__} of it")
        return
    words = {verdict.key: verdict.verdict for verdict in pushed.report.verdicts}
    wrong = [one for one in pushed.keys if words.get(one) != "not_stored"]
    require(not wrong, f"core held a request back, and record {wrong[:1]} is {words.get((wrong or [''])[0])!r}")
    require(
        pushed.report.stopped_by is None,
        f"core held a request back, and crm_push made {type(pushed.report.stopped_by).__name__} of it",
    )


def _held(stage: Stage, hook: str, hold: Any) -> BaseException | None:
    good = stage.good
    calls: dict[str, Callable[[], object]] = {
        "crm_authenticate": lambda: good.authenticate(before_send=hold),
        "crm_discover": lambda: good.discover(before_send=hold),
        "crm_list_targets": lambda: good.targets(before_send=hold),
        "crm_verify": lambda: good.verify(key(1), before_send=hold),
        "crm_refresh": lambda: good.refresh(before_send=hold),
    }
    with stage.wire.since_now() as exchanges:
        try:
            calls[hook]()
        except Exception as error:
            found: BaseException | None = error
        else:
            found = None
    require(not exchanges, f"core held everything back, and {hook} sent {len(exchanges)} requests")
    return found


def _held_back_midway(stage: Stage) -> None:
    """The first write may leave, and nothing after it."""
    records = for_requests(stage.good, 2)
    if records is None:
        return

    def hold() -> None:
        if stage.wire.writes[before:]:
            raise NotSent("the budget of this lane is spent")

    before = len(stage.wire.writes)
    pushed = stage.good.push(records, before_send=hold)
    stored = set(stage.stored_keys())
    sent = {one for one in pushed.keys if any(one.encode() in exchange.body for exchange in pushed.writes)}
    require(
        pushed.outcome.fault is None, f"core held a request back: {pushed.outcome.fault and pushed.outcome.fault.what}"
    )
    for one, verdict in pushed.outcome.verdicts.items():
        fitting = ("not_stored",) if one not in sent else ("created", "updated", "unknown")
        require(verdict.verdict in fitting, f"core held later requests back: record {one!r} is {verdict.verdict!r}")
        require(one in sent or one not in stored, f"record {one!r} was held back and is stored")
    if pushed.report is not None:
        said: Sequence[str] = [verdict.key for verdict in pushed.report.verdicts if verdict.verdict == "created"]
        require(set(said) <= sent, "records that core held back are reported as created")


def _quota(stage: Stage, said: BackendAnswer) -> None:
    act = acts.words(said, name="the day's requests are spent")
    done = require_stopped(stage, act, (QuotaExhausted,), start=20)
    _tells_when(stage, done.pushed.stopped_by, "crm_push")
    for question in questions(stage):
        seen = question.through(act)
        require_error(seen.error, (QuotaExhausted,), f"the day's requests are spent, {question.hook}")
        _tells_when(stage, seen.error, question.hook)
        require(not seen.late, f"{question.hook} went on asking after the day's requests were spent")


def _tells_when(stage: Stage, error: BaseException | None, hook: str) -> None:
    assert isinstance(error, QuotaExhausted)
    when = f"the day's requests are spent, {hook}"
    require(error.resets_at or error.retry_after, f"{when}: the error says neither `resets_at` nor `retry_after`")
    if error.resets_at is not None:
        require(error.resets_at.tzinfo is not None, f"{when}: `resets_at` has no zone")
        ahead = error.resets_at - stage.clock.now()
        require(timedelta(0) < ahead <= LONGEST_PAUSE, f"{when}: `resets_at` is {ahead} from now")
