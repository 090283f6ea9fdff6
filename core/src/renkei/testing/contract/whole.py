"""Checks that are judged over a whole run: that all of it ran, that it was ours, that it is the same again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from renkei.testing.contract.ledger import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeCheck:
    """A check without a function of its own; what it says is as in `catalogue.Check`."""

    id: str
    requirement: str
    why: str
    mend: str
    required: bool = True
    prove: bool = False

    def explanation(self) -> str:
        """What an author reads."""
        return f"{self.requirement}\nWhy: {self.why}\nHow to mend it: {self.mend}"


WHOLE: Final[Mapping[str, WholeCheck]] = {
    check.id: check
    for check in (
        WholeCheck(
            id="K01",
            requirement="Every check that the suite's version, the manifest and the source ask for has run to its end.",
            why="a suite that skips what would fail is green and empty.",
            mend="Take away what leaves checks out: -k, marks, skips in fixtures, xfail, filters in a conftest. "
            "Declare a capability as unsupported instead; its checks then ask for the refusal.",
        ),
        WholeCheck(
            id="K02",
            requirement="Every check that ran was the suite's own function, on the suite's own stage.",
            why="an override that keeps the name and drops the check proves nothing.",
            mend="Remove your method or fixture of that name; what a check needs to know goes into the kit.",
        ),
        WholeCheck(
            id="K08",
            requirement="A second run, in another order, comes to the same result for every check.",
            why="a plugin that is right by luck is wrong in production, and a kit that leaks from one check into the "
            "next hides it.",
            mend="Keep no state in the plugin's modules; let the kit's `reset` bring back everything; take "
            "nothing from chance, the time of day, or the order of a set.",
            prove=True,
        ),
    )
}


def all_ran(lines: Mapping[str, Line]) -> Line:
    """K01."""
    absent = [f"{id} ({line.seen or line.word})" for id, line in lines.items() if line.word in ("missing", "skipped")]
    return _line("K01", absent, "did not run to its end:")


def all_ours(lines: Mapping[str, Line]) -> Line:
    """K02."""
    return _line(
        "K02", [f"{id} ({line.seen})" for id, line in lines.items() if line.word == "hollow"], "is not the suite's:"
    )


def same_again(first: Mapping[str, Line], second: Mapping[str, Line], seed: int) -> Line:
    """K08."""
    differing = [
        f"{id} ({first[id].word}, then {second[id].word}{': ' + second[id].seen if second[id].seen else ''})"
        for id in first
        if id in second and first[id].word != second[id].word
    ]
    return _line("K08", differing, f"differs in a second run in random order (--seed {seed}):")


def _line(id: str, found: Sequence[str], what: str) -> Line:
    if not found:
        return Line(id=id, word="passed")
    shown = "; ".join(found[:20]) + (f"; and {len(found) - 20} more" if len(found) > 20 else "")
    return Line(id=id, word="failed", seen=f"{what} {shown}")
