"""One push, from four sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from renkei.plugins import PushOutcome
from renkei.plugins.wire import Entry
from renkei.spec import BackendError, PushReport, Verdict, WireRecord
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.wire import Exchange


@dataclass(slots=True, kw_only=True)
class Pushed:
    """One push: what the plugin said, what core made of it, and what went over the wire.

    Attributes:
        records: what was pushed.
        report: the plugin's, None where it raised.
        error: what it raised, None where it reported.
        outcome: core's.
        entries: core's wire log.
        exchanges: the suite's.
    """

    records: tuple[WireRecord, ...]
    report: PushReport | None
    error: BaseException | None
    outcome: PushOutcome
    entries: list[Entry]
    exchanges: list[Exchange]

    @property
    def keys(self) -> list[str]:
        """Of the records, in order."""
        return [record.key for record in self.records]

    @property
    def writes(self) -> list[Exchange]:
        """Requests that may have stored something."""
        return [exchange for exchange in self.exchanges if exchange.write]

    @property
    def stopped_by(self) -> BackendError | None:
        """The error that ended the push, as the plugin told it: in its report, or raised."""
        if self.report is not None:
            return self.report.stopped_by
        return self.error if isinstance(self.error, BackendError) else None

    def said(self, key: str) -> Verdict:
        """The plugin's own verdict; core's where the plugin raised a `BackendError` for the whole push.

        Raises:
            Broken: it gave none, or more than one.
        """
        if self.report is None:
            self.require_ours()
            return self.outcome.verdicts[key]
        found = [verdict for verdict in self.report.verdicts if verdict.key == key]
        require(len(found) == 1, f"the report has {len(found)} verdicts for record {key!r} instead of one")
        return found[0]

    def words(self) -> dict[str, str]:
        """Key → the word of the plugin's verdict."""
        return {one: self.said(one).verdict for one in self.keys}

    def created(self) -> list[str]:
        """Keys that the plugin reports as stored now."""
        return [one for one, word in self.words().items() if word in ("created", "updated")]

    def require_ours(self) -> None:
        """It reported, or raised one of our errors.

        Raises:
            Broken: it raised something else.
        """
        if self.error is not None and not isinstance(self.error, BackendError):
            broken(f"crm_push raised {type(self.error).__name__} instead of reporting or raising a BackendError")

    def require_sound(self) -> Self:
        """Core has nothing against it: it was one-to-one, and claimed nothing that the wire contradicts.

        Raises:
            Broken: with core's words.
        """
        self.require_ours()
        if self.outcome.fault is not None:
            broken(f"core refuses what crm_push said: {self.outcome.fault.what}")
        return self

    def require_all_created(self) -> Self:
        """Every record was stored.

        Raises:
            Broken: with the verdicts that say otherwise.
        """
        self.require_sound()
        others = {one: word for one, word in self.words().items() if word not in ("created", "updated")}
        require(
            not others and self.stopped_by is None,
            f"good records were not stored: {_some(others)}; stopped by {self.stopped_by!r}",
        )
        return self


def _some(words: Mapping[str, str]) -> str:
    shown = ", ".join(f"{one} {word}" for one, word in list(words.items())[:4])
    return shown + (f" and {len(words) - 4} more" if len(words) > 4 else "") or "none"
