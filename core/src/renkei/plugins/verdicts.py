"""The wire's word goes before the plugin's: which verdicts of a push may be believed.

A record *may have been applied* when some write that may have carried it was answered with 2xx or has an unknown
outcome. It is *certainly not* applied when every write that may have carried it was refused or never left. A write
without a `spec.carrying` tag may have carried every record of the push.

    the plugin says        and the wire says                              then
    ---------------------  ---------------------------------------------  ------------------------------------
    created, updated       no 2xx to a write that carried it              a lie: unknown, or not stored
    duplicate              no answer to a write that carried it           a lie: unknown, or not stored
    anything negative      a write that carried it has unknown outcome    unknown, whatever came later
    unknown                every write that carried it was refused        not stored
    no verdict             it may have been applied                       unknown, else not stored

An answer to a later write does not settle an earlier unknown one: a refused second attempt says nothing about the
first. Only a 2xx with a remote id is proof. An `unknown` is turned into `not_stored` only where the wire saw each
attempt fail, or saw no write at all; where tags and verdict contradict each other, the careful one stands.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from renkei.plugins.wire import Entry, Outcome, writes_in
from renkei.spec import (
    Created,
    Duplicate,
    NotStored,
    PushReport,
    Rejected,
    Suspect,
    Unknown,
    Updated,
    Verdict,
)

_MAY_BE_APPLIED = (Outcome.ANSWERED, Outcome.UNKNOWN)
_NAMED = 5


class Wire:
    """What one push's requests prove about its records, indexed once: a push may hold thousands of both."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.writes = tuple(writes_in(entries))
        self._by_key: defaultdict[str, set[Outcome]] = defaultdict(set)
        self._of_all: set[Outcome] = set()
        self._answered: set[str] = set()
        self._all_answered = False
        for entry in self.writes:
            self._index(entry)

    def outcomes(self, key: str) -> set[Outcome]:
        """Outcomes of the writes that may have carried the record of *key*."""
        return self._of_all | self._by_key.get(key, set())

    def answered(self, key: str) -> bool:
        """Whether any answer came to a write that may have carried it."""
        return self._all_answered or key in self._answered

    def fallback(self, key: str) -> Verdict:
        """The verdict where the plugin's is missing or cannot be believed."""
        return NotStored(key=key) if self.outcomes(key).isdisjoint(_MAY_BE_APPLIED) else Unknown(key=key)

    @property
    def unknown(self) -> bool:
        """Whether some write has an unknown outcome."""
        return any(entry.outcome is Outcome.UNKNOWN for entry in self.writes)

    def _index(self, entry: Entry) -> None:
        answered = entry.status is not None
        if entry.carried is None:
            self._of_all.add(entry.outcome)
            self._all_answered |= answered
            return
        for key in entry.carried:
            self._by_key[key].add(entry.outcome)
        if answered:
            self._answered |= entry.carried


@dataclass(frozen=True, slots=True)
class Judgement:
    """One verdict per record, and what the plugin said that cannot be true (empty where nothing)."""

    verdicts: dict[str, Verdict]
    lies: tuple[str, ...]


def without_report(keys: Collection[str], wire: Wire) -> dict[str, Verdict]:
    """Verdicts where the push raised, hung or gave a report that is none."""
    return {key: wire.fallback(key) for key in keys}


def judge(keys: Collection[str], report: PushReport, wire: Wire, *, request_size: int) -> Judgement:
    """Hold *report* against *keys* and *wire*.

    Args:
        keys: of the records that were pushed.
        report: what the plugin says.
        wire: what was seen.
        request_size: most records that one request can store, after the manifest.
    """
    misfits = _misfits(keys, report)
    if misfits:
        return Judgement(without_report(keys, wire), (misfits,))
    said = {verdict.key: verdict for verdict in report.verdicts}
    disbelieved = _disbelieved(said, wire, request_size)
    verdicts = {key: wire.fallback(key) if key in disbelieved else _corrected(said[key], wire) for key in keys}
    lies = tuple(dict.fromkeys(disbelieved.values()))
    return Judgement(verdicts, lies)


def _misfits(keys: Collection[str], report: PushReport) -> str:
    """How the report is not one-to-one; empty where it is. Keys are ours and hold nothing of a record's content."""
    counted = Counter(verdict.key for verdict in report.verdicts)
    wanted = set(keys)
    kinds = {
        "no verdict for": sorted(wanted - counted.keys()),
        "a verdict for unknown": sorted(counted.keys() - wanted),
        "more than one verdict for": sorted(key for key, times in counted.items() if times > 1 and key in wanted),
    }
    wrong = [f"{what} {_some(found)}" for what, found in kinds.items() if found]
    return f"its report must have exactly one verdict per record; it has {', '.join(wrong)}" if wrong else ""


def _some(keys: list[str]) -> str:
    named = ", ".join(repr(key[:40]) for key in keys[:_NAMED])
    return named if len(keys) <= _NAMED else f"{named} and {len(keys) - _NAMED} more"


def _disbelieved(said: dict[str, Verdict], wire: Wire, request_size: int) -> dict[str, str]:
    """Key → why its verdict cannot be true."""
    lies: dict[str, str] = {}
    won = {key: verdict for key, verdict in said.items() if isinstance(verdict, (Created, Updated))}
    for key, verdict in won.items():
        if Outcome.ANSWERED not in wire.outcomes(key):
            lies[key] = f"it reports {verdict.verdict!r} without a 2xx answer to a write that carried the record"
    for key, other in said.items():
        if isinstance(other, Duplicate) and not wire.answered(key):
            lies[key] = "it reports 'duplicate' without an answer to a write that carried the record"
    answered = sum(1 for entry in wire.writes if entry.outcome is Outcome.ANSWERED)
    if len(won) > answered * request_size:
        why = f"it reports {len(won)} records as stored by {answered} requests of at most {request_size}"
        lies.update({key: lies.get(key, why) for key in won})
    ids = Counter(verdict.id for verdict in won.values())
    for key, verdict in won.items():
        if not verdict.id.strip() or ids[verdict.id] > 1:
            lies.setdefault(key, "it reports an empty record id, or one id for several records")
    return lies


def _corrected(verdict: Verdict, wire: Wire) -> Verdict:
    outcomes = wire.outcomes(verdict.key)
    if isinstance(verdict, (Rejected, Suspect, NotStored, Duplicate)):
        return Unknown(key=verdict.key) if Outcome.UNKNOWN in outcomes else verdict
    if isinstance(verdict, Unknown) and not outcomes.intersection(_MAY_BE_APPLIED):
        # Refused each time, or no write at all in the whole push.
        return NotStored(key=verdict.key) if outcomes or not wire.writes else verdict
    return verdict
