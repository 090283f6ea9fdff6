"""The numbers that delivery goes by, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from renkei.delivery.points import Point
from renkei.spec import RenkeiError


class PolicyError(RenkeiError):
    """A configuration under which nothing would ever be sent, or something twice."""


def _nowhere(_point: Point) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a worker behaves. The defaults are meant for production.

    Attributes:
        lease: how long a claimed lane is ours without renewal. Renewed every five seconds, or at a third of it.
        push_deadline: after which a push is abandoned. Must end well inside the lease.
        hook_deadline: the same for every other hook.
        fresh_for: a push lies between two discoveries, neither further away than this.
        unkeyed_push: most records in a push without a unique key: each crash makes so many doubtful.
        turn: how long a lane may be worked in while others wait.
        first_retry, longest_retry: bounds of the exponential back-off, before jitter.
        give_up_after: a lane that has failed for so long asks for a person.
        faults_allowed: a plugin that fails so many times in a row without sending has its lanes blocked.
        lone_refusals: so many lone records refused in a row for one unnamed reason block the lane.
        lanes_at_once: threads, each working in one lane.
        poll: how often a worker looks for what other processes recorded.
        confirm_at_once: discover again as soon as a lane runs dry, instead of within *fresh_for*.
        daily_share: our share of the backend's daily figure.
        daily_is_a_wall: stop at our share also where the backend's figure is soft.
        linger: how long to wait for a fuller batch when requests run ahead of the day.
        crowded_at: the part of a backend's concurrency that is in use, ours and others', from which a lane makes room.
        crowded_pause: the longest that this worker's lanes then leave the backend to others.
        settles_within: overrides the manifests' figure. For simulators: with a real backend it breaks promise 6.
        reached: called at each failure point (`renkei.delivery.points`), for tests that stop the process there.
    """

    lease: timedelta = timedelta(seconds=120)
    push_deadline: timedelta = timedelta(seconds=60)
    hook_deadline: timedelta = timedelta(seconds=30)
    fresh_for: timedelta = timedelta(minutes=9)
    unkeyed_push: int = 20
    turn: timedelta = timedelta(seconds=20)
    first_retry: timedelta = timedelta(seconds=1)
    longest_retry: timedelta = timedelta(minutes=10)
    give_up_after: timedelta = timedelta(days=3)
    faults_allowed: int = 3
    lone_refusals: int = 5
    lanes_at_once: int = 8
    poll: timedelta = timedelta(milliseconds=250)
    confirm_at_once: bool = False
    daily_share: float = 1.0
    daily_is_a_wall: bool = False
    linger: timedelta = timedelta(seconds=30)
    crowded_at: float = 0.8
    crowded_pause: timedelta = timedelta(seconds=2)
    settles_within: timedelta | None = None
    reached: Callable[[Point], None] = field(default=_nowhere)

    def __post_init__(self) -> None:
        if self.lease < self.push_deadline * 1.5:
            raise PolicyError(
                f"the lease ({self.lease.total_seconds():g} s) must be at least one and a half times the push "
                f"deadline ({self.push_deadline.total_seconds():g} s): a worker would lose its lane while it sends"
            )
        if not 0 < self.daily_share <= 1:
            raise PolicyError("daily_share must be more than 0 and at most 1")
        for name in ("unkeyed_push", "lanes_at_once", "faults_allowed", "lone_refusals"):
            if getattr(self, name) < 1:
                raise PolicyError(f"{name} must be at least 1")

    @property
    def margin(self) -> timedelta:
        """How much of the lease must be left when a request leaves."""
        return self.push_deadline / 4
