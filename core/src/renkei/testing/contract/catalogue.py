"""The checks by id: what each requires, why, and how to mend a plugin that fails it.

A check is a method of one of the classes in `checks`, and its docstring is what an author reads:

    @check("P01", traffic=True)
    def test_p01_one_verdict_for_each_record(self, stage: Stage) -> None:
        \"\"\"Exactly one verdict comes back for each record, by its key.

        Why: a record without a verdict is neither sent again nor told to anybody.
        Mend: make the verdicts in one loop over `request.records`.
        \"\"\"
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args

from renkei.testing.contract.broken import Broken, broken
from renkei.testing.contract.required import REQUIRED

if TYPE_CHECKING:
    from renkei.testing.contract.stage import Stage

Source = Literal["simulator", "cassette", "live"]
SOURCES: Final[tuple[Source, ...]] = get_args(Source)

# From everywhere: what needs neither a probe nor faults nor chance.
ANYWHERE: Final = frozenset(SOURCES)

F = TypeVar("F", bound=Callable[..., None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check.

    Attributes:
        id: stable.
        requirement: one sentence.
        why: what happens to people where it is broken.
        mend: what to change.
        function: the method itself; no other counts.
        sources: where it can be run from.
        traffic: it has proven nothing unless requests were seen.
        prove: slow, run with `--prove` only.
    """

    id: str
    requirement: str
    why: str
    mend: str
    function: Callable[..., None]
    sources: frozenset[str]
    traffic: bool
    prove: bool

    @property
    def required(self) -> bool:
        """Whether a plugin that fails it fails the suite."""
        return self.id in REQUIRED

    def explanation(self) -> str:
        """What an author reads."""
        return f"{self.requirement}\nWhy: {self.why}\nHow to mend it: {self.mend}"


CHECKS: Final[dict[str, Check]] = {}
"""Every check that is a function, by id. `K01`, `K02` and `K08` are judged over the whole run, see `ledger`."""


def check(
    id: str, *, sources: Collection[str] = ("simulator",), traffic: bool = False, prove: bool = False
) -> Callable[[F], F]:
    """Make a method the check *id*.

    Raises:
        TypeError: its name or docstring lacks what an author needs, or the id is taken.
    """

    def register(function: F) -> F:
        if not function.__name__.startswith(f"test_{id.lower()}_"):
            raise TypeError(f"check {id} must be called test_{id.lower()}_…, not {function.__name__}")
        if id in CHECKS or not function.__module__.startswith("renkei.testing.contract."):
            raise TypeError(f"the id {id} is the suite's; give a check of your own another name and no id")
        run = _proven(id, function)
        requirement, why, mend = _read(function)
        CHECKS[id] = Check(
            id=id,
            requirement=requirement,
            why=why,
            mend=mend,
            function=run,
            sources=frozenset(sources),
            traffic=traffic,
            prove=prove,
        )
        return run

    return register


def expected(source: str, *, prove: bool) -> list[str]:
    """The ids that a run from *source* has to show, in order."""
    return sorted(id for id, found in CHECKS.items() if source in found.sources and (prove or not found.prove))


def _proven(id: str, function: F) -> F:
    """*function*, which tells its stage when it has come to its end: pytest's word for "passed" is not enough."""

    @functools.wraps(function)
    def run(self: Any, stage: Stage) -> None:
        begin = getattr(stage, "begin_check", None)
        if begin is None:
            broken("the fixture 'stage' was replaced; a check says something only on the suite's own")
        begin(id)
        try:
            function(self, stage)
            if CHECKS[id].traffic and not stage.wire.exchanges:
                raise Broken("not one request was seen: a check of traffic without traffic shows nothing")
        except Broken:
            raise
        except AssertionError as error:  # a plain assert inside the suite is the suite's own mistake
            raise RuntimeError(f"check {id} broke down") from error
        stage.end_check(id)

    run.__contract_check__ = id  # type: ignore[attr-defined]  # read by the ledger
    return run  # type: ignore[return-value]  # same parameters


_SECTION = re.compile(r"\n\s*\n?(?=(?:Why|Mend): )")


def _read(function: Callable[..., None]) -> tuple[str, str, str]:
    parts = _SECTION.split(inspect.getdoc(function) or "")
    told = {head: " ".join(text.split()) for head, _, text in (part.partition(": ") for part in parts[1:])}
    if not parts[0].strip() or set(told) != {"Why", "Mend"}:
        raise TypeError(f"{function.__name__} needs a docstring: one sentence, then 'Why: …' and 'Mend: …'")
    return " ".join(parts[0].split()), told["Why"], told["Mend"]
