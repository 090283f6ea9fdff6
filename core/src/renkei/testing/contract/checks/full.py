"""As many records as one push takes, at once (check P02)."""

from __future__ import annotations

from collections import Counter

from renkei.testing.contract.broken import require
from renkei.testing.contract.connection import key
from renkei.testing.contract.stage import Stage

_START = 450_001
_MOST = 300  # of a push that takes thousands, this many show the same


def require_full_push_told_once(stage: Stage) -> None:
    """A full push has one verdict for each record, carries each in one request, and stores each once.

    Raises:
        Broken: it has, carries or stores another number.
    """
    count = min(stage.manifest.limits.push_size, _MOST)
    before = Counter(stage.stored_keys())
    pushed = stage.good.push(stage.good.records(count, start=_START, only_required=count > 20))
    pushed.require_ours()
    require(pushed.report is not None, f"crm_push gave no report for {count} good records")
    assert pushed.report is not None
    told = Counter(verdict.key for verdict in pushed.report.verdicts)
    stored = Counter(stage.stored_keys()) - before
    for place in range(count):
        one = key(_START + place)
        sent = sum(one.encode() in exchange.target + exchange.body for exchange in pushed.writes)
        found = {"verdicts": told[one], "requests that carry it": sent, "records stored": stored[one]}
        for what, number in found.items():
            require(number == 1, f"record {place + 1} of a push of {count}: {number} {what} instead of one")
    pushed.require_all_created()
