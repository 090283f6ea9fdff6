"""A push that is as full as it may be, and one of its requests goes wrong: what is said of each record is true.

What a plugin does well with three records it may do otherwise with fifty: in parallel, in slices, by another loop.
"""

from __future__ import annotations

from typing import Final

from renkei.spec import WireRecord
from renkei.testing.contract.broken import broken, raised, require
from renkei.testing.contract.checks.calling import Disturbed, answered, disturbed
from renkei.testing.contract.lane import require_true
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Act

_MANY: Final = 200
_MOST: Final = 1_000
_REQUESTS: Final = 4
"""Where a push may hold thousands, as many of them as make that many requests are enough."""


def require_told_when_full(
    stage: Stage, act: Act, kinds: tuple[type[BaseException], ...], *, lost: bool = False
) -> None:
    """One request of a full push meets *act*: the second, one in the middle, the last but one.

    Args:
        stage: its simulator is reset.
        act: the fault.
        kinds: what `stopped_by` has to be.
        lost: the answer to the request that meets it is lost.

    Raises:
        Broken: what is said of a record is not what became of it.
    """
    records = _full(stage)
    for place in _places(stage, len(records)):
        stage.kit.reset()
        answered("crm_authenticate", stage.good.authenticate)
        done = disturbed(stage.good, records, act, after=place)
        when = f"{act.__name__}, to request {place + 1} of a push of {len(records)}"
        _require_told(stage, done, when, lost=lost)
        stopped_by = done.pushed.stopped_by
        words = "no error" if stopped_by is None else raised(stopped_by).removeprefix("raised ")
        fitting = " or ".join(kind.__name__ for kind in kinds)
        require(isinstance(stopped_by, kinds), f"{when}: {words} instead of {fitting}")


def _full(stage: Stage) -> list[WireRecord]:
    limits = stage.manifest.limits
    several = min(limits.request_size * (_REQUESTS - 1) + 1, _MOST)
    return stage.good.records(min(limits.push_size, max(_MANY, several)), only_required=True)


def _places(stage: Stage, count: int) -> list[int]:
    """Which requests, counted from 0; the middle one beside a round number, where slices begin."""
    last = (count - 1) // stage.manifest.limits.request_size
    return sorted({min(1, last), min(last // 2 + 2, last), max(last - 1, 0)})


def _require_told(stage: Stage, done: Disturbed, when: str, *, lost: bool) -> None:
    pushed = done.pushed.require_sound()
    require(done.struck is not None, f"{when}: crm_push sent fewer requests than the manifest says")
    try:
        require_true(stage, pushed)
    except AssertionError as error:
        broken(f"{when}: {error}")
    fitting: tuple[str, ...]
    words, stored, doubtful = pushed.words(), set(stage.stored_keys()), set(done.in_doubt) if lost else set()
    for one in pushed.keys:
        sent = done.sent(one)
        if one in doubtful:
            what, fitting = "had its answer lost", ("unknown",)
        elif any(exchange.applied for exchange in sent):
            what, fitting = "was stored and its answer came", ("created", "updated")
        elif one in stored or any(exchange.status is None for exchange in sent):
            what, fitting = "was sent and never answered", ("unknown", "created", "updated")
        else:
            what, fitting = "was refused" if sent else "was never sent", ("not_stored",)
        require(words[one] in fitting, f"{when}: record {one!r} {what}, and is reported as {words[one]!r}")
