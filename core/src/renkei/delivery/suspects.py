"""Suspects of a refusal that names nobody: the culprit is found, or it is the lane that is blocked (promise 7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from renkei.delivery import lane_changes
from renkei.delivery.batches import Batch
from renkei.delivery.isolation import isolate, witnesses
from renkei.delivery.lane import Lane
from renkei.delivery.reasons import explain
from renkei.plugins import PushOutcome
from renkei.spec import Suspect


class Suspects:
    """Those of one lane.

    Args:
        push: pushes some of a batch once more and settles them; None where all of them were cancelled meanwhile.
    """

    def __init__(self, lane: Lane, push: Callable[[Batch], PushOutcome | None]) -> None:
        self._lane = lane
        self._push = push
        # {code, ids}: lone records refused in a row; on disk as well, so that it outlives this run.
        self._lone: dict[str, Any] | None = lane.row.lone

    def isolate(self, ids: list[int], batch: Batch) -> None:
        """Split the suspects of *batch* until each culprit found on the way was refused by itself."""
        plan = isolate(ids)
        group = next(plan, None)
        while group is not None:
            others = [one for one in ids if one not in set(group)]
            refused = self._push_group(batch.only(group), batch.only(others))
            batch = batch.pushed(group)
            self._lane.policy.reached("split")
            try:
                group = plan.send(refused)
            except StopIteration:
                group = None

    def _push_group(self, group: Batch, others: Batch) -> bool:
        """Push part of a refused batch by itself; whether it was refused again without naming anybody."""
        outcome = self._push(group)
        if outcome is None:
            return False
        refused = _is_refused_whole(outcome)
        if refused and len(outcome.verdicts) == 1:
            row = next(row for row in group.rows if row.key in outcome.verdicts)
            self.lone_refusal(row.id, outcome.verdicts[row.key], others)
        elif not refused:
            self.forget_lone_refusals()
        return refused

    def lone_refusal(self, delivery: int, verdict: Any, others: Batch | None = None) -> None:
        """Count lone records refused in a row for one reason: after a few it is the lane, not the records.

        Unless one of *others*, which were refused together with it, gets in.

        Raises:
            LaneStopped: it is the lane.
        """
        lane = self._lane
        before = self._lone["ids"] if self._lone and self._lone["code"] == verdict.code else []
        # Each counts once: a bad record that somebody replays again and again is still one record.
        self._count(verdict.code, [*(one for one in before if one != delivery), delivery])
        lane.policy.reached("lone_counted")
        if self._lone is None or len(self._lone["ids"]) < lane.policy.lone_refusals:
            return
        if others is not None and others.rows and self._anybody_gets_in(others, verdict.code):
            self.forget_lone_refusals()
            return
        self._blame_the_lane(verdict, self._lone["ids"])

    def _blame_the_lane(self, verdict: Any, ids: list[int]) -> None:
        lane = self._lane
        now = lane.clock.now()
        lane.return_refused(ids, now, code=verdict.code)
        lane.policy.reached("lone_returned")
        lane.change(lone=None)
        change = lane_changes.own(
            verdict.code,
            state="blocked",
            until=now + lane.policy.longest_retry,
            message=verdict.message or verdict.code,
        )
        words = explain(lane.backend.manifest, verdict.code, link=verdict.remedy_link)
        lane.stop(replace(change, reason={**words, "error": "lone_refusals"}))

    def _anybody_gets_in(self, others: Batch, code: str) -> bool:
        """The lane's last hearing: a handful of bad records in front of good ones must not stop it."""
        for group in witnesses([row.id for row in others.rows]):
            outcome = self._push(others.only(group))
            if outcome is None:
                continue
            if not _is_refused_whole(outcome):
                return True
            if len(outcome.verdicts) == 1 and self._lone is not None:
                self._count(code, [*self._lone["ids"], *group])
        return False

    def _count(self, code: str, ids: list[int]) -> None:
        self._lone = {"code": code, "ids": ids}
        self._lane.change(lone=self._lone)

    def forget_lone_refusals(self) -> None:
        """Somebody got in."""
        if self._lone is not None:
            self._lone = None
            self._lane.change(lone=None)
            self._lane.policy.reached("lone_forgotten")


def _is_refused_whole(outcome: PushOutcome) -> bool:
    return all(isinstance(verdict, Suspect) for verdict in outcome.verdicts.values())
