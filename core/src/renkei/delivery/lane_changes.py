"""What an error makes of a lane. Pure: the class says what happens next."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from renkei.delivery.policy import Policy
from renkei.delivery.reasons import explain
from renkei.spec import (
    AuthenticationFailed,
    BackendError,
    Manifest,
    PermissionDenied,
    QuotaExhausted,
    SchemaDrift,
    TargetNotFound,
)

# After these a pause is all that is needed; the backend has said so itself, so nothing is probed.
THROTTLES = ("RateLimited", "QuotaExhausted", "budget")


# The longest pause that a backend is believed.
LONGEST_TOLD = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneChange:
    """The lane's next state: `waiting` or `blocked`, why, and when it is looked at again."""

    state: str
    code: str
    reason: dict[str, Any]
    until: datetime
    event: str
    message: str


def after(
    error: BackendError, manifest: Manifest, policy: Policy, *, failures: int, failing_since: datetime, now: datetime
) -> LaneChange:
    """The change that *error* brings, with *failures* before it in a row since *failing_since*."""
    reason = {**explain(manifest, error.code, error), "error": type(error).__name__}
    pause = backoff(policy, failures)
    until = now + max(pause, error.retry_after or timedelta(0))
    state = "waiting"
    code = error.code
    match error:
        case AuthenticationFailed() | PermissionDenied() | TargetNotFound() | SchemaDrift():
            state = "blocked"
        case QuotaExhausted() if error.resets_at is not None:
            until = max(until, error.resets_at)
        case _:
            pass
    # A time beyond the longest wait counts as reached, so that a clock put right does no harm: stay below it.
    until = min(until, now + LONGEST_TOLD)
    told = isinstance(error, QuotaExhausted) and error.resets_at is not None
    if state == "waiting" and not told and now - failing_since > policy.give_up_after:
        state, code, reason = "blocked", "gave_up", {**explain(None, "gave_up"), "error": type(error).__name__}
        until = now + policy.longest_retry
    return LaneChange(state=state, code=code, reason=reason, until=until, event=f"lane_{state}", message=error.message)


def own(code: str, *, state: str, until: datetime, message: str, kind: str = "renkei") -> LaneChange:
    """A change for a reason of core's own."""
    return LaneChange(
        state=state,
        code=code,
        reason={**explain(None, code), "error": kind},
        until=until,
        event=f"lane_{state}",
        message=message,
    )


def backoff(policy: Policy, failures: int) -> timedelta:
    """Exponential, bounded, with jitter between half and the whole: many lanes must not come back at once."""
    bound = min(policy.longest_retry, policy.first_retry * 2 ** min(failures, 20))
    pause: timedelta = bound * random.uniform(0.5, 1.0)
    return pause
