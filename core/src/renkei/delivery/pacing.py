"""Requests are counted in the store, shared by all workers, and taken from before they are made."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from renkei.delivery.policy import Policy
from renkei.spec import DailyBudget, Limits, Load, Scope
from renkei.store import budgets

# A day's figure may be run ahead of by this part before batches are made to wait.
SLACK = 0.1
# Below this part of the day's figure nobody is made to wait.
FREE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a lane's requests are counted under."""

    backend: str
    account: str
    connection: int
    target: str

    def scope(self, scope: Scope) -> str:
        """The counter's name."""
        match scope:
            case Scope.ACCOUNT:
                return f"{self.backend}|{self.account}"
            case Scope.CONNECTION:
                return f"{self.backend}|{self.account}|#{self.connection}"
            case Scope.TARGET:
                return f"{self.backend}|{self.account}|{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Not now: why, and until when."""

    code: str
    until: datetime


class Pacing:
    """The budget of one lane, and the room that it leaves to others.

    Args:
        crowds: counter's name → until when, for what was said to be crowded; shared by the lanes of a worker. It is
            kept in memory alone: a figure that is two seconds old is worth nothing to anybody else.
    """

    def __init__(self, place: Place, limits: Limits, policy: Policy, crowds: dict[str, datetime] | None = None) -> None:
        self._place = place
        self._limits = limits
        self._policy = policy
        self._crowds = crowds if crowds is not None else {}

    def hold(self, connection: sa.Connection, now: datetime, *, requests: int, full: bool) -> Hold | None:
        """Whether to wait before making *requests*; a push that is *full* wastes nothing by going now."""
        for window in self._limits.windows:
            started = _window_start(now, window.per)
            used = budgets.used(connection, self._place.scope(window.scope), f"window {window.per}", started)
            if used and used + requests > window.requests:
                return Hold(code="window", until=started + window.per)
        daily = self._limits.daily
        return self._hold_for_the_day(connection, daily, now, requests, full) if daily else None

    def _hold_for_the_day(
        self, connection: sa.Connection, daily: DailyBudget, now: datetime, requests: int, full: bool
    ) -> Hold | None:
        started, ends = day_of(daily, now)
        used = budgets.used(connection, self._place.scope(daily.scope), "day", started)
        ours = daily.requests * self._policy.daily_share
        if used + requests > ours and (not daily.soft or self._policy.daily_is_a_wall):
            return Hold(code="daily_budget", until=ends)
        gone = (now - started) / (ends - started)
        if not full and used > ours * max(FREE, gone + SLACK):
            return Hold(code="linger", until=now + self._policy.linger)
        return None

    def hear(self, load: Load | None, now: datetime) -> None:
        """Take in how busy the backend says it is. One request alone is no crowd, whatever the limit."""
        if load is not None and load.running > 1 and load.running >= load.limit * self._policy.crowded_at:
            # At random lengths: workers that heard it at once must not come back together.
            pause = self._policy.crowded_pause * random.uniform(0.5, 1.0)
            self._crowds[self._crowd] = now + pause

    def make_room(self, now: datetime) -> Hold | None:
        """Whether to leave a crowded backend to others for a moment longer."""
        until = self._crowds.get(self._crowd)
        # A time further ahead than the longest pause is a clock that was put back: it counts as reached.
        if until is None or not now < until <= now + self._policy.crowded_pause:
            return None
        return Hold(code="linger", until=until)

    @property
    def _crowd(self) -> str:
        return self._place.scope(self._limits.concurrency_scope)

    def spend(self, connection: sa.Connection, now: datetime, requests: int) -> None:
        """Count *requests*; a negative number gives back what was taken and not made."""
        for window in self._limits.windows:
            started = _window_start(now, window.per)
            budgets.spend(connection, self._place.scope(window.scope), f"window {window.per}", started, requests)
        daily = self._limits.daily
        if daily:
            budgets.spend(connection, self._place.scope(daily.scope), "day", day_of(daily, now)[0], requests)

    def expected(self, records: int) -> int:
        """Requests that a push of so many records makes at least."""
        return math.ceil(records / self._limits.request_size)


def day_of(daily: DailyBudget, now: datetime) -> tuple[datetime, datetime]:
    """Begin and end of the budget's day that holds *now*."""
    zone = ZoneInfo(daily.zone)
    local = now.astimezone(zone)
    start = datetime.combine(local.date(), daily.resets_at, tzinfo=zone)
    if start > local:
        start = datetime.combine(local.date() - timedelta(days=1), daily.resets_at, tzinfo=zone)
    end = datetime.combine(start.date() + timedelta(days=1), daily.resets_at, tzinfo=zone)
    return start.astimezone(UTC), end.astimezone(UTC)


def _window_start(now: datetime, per: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (now - epoch) // per * per
