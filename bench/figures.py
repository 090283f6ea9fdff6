"""What a measurement comes to: numbers beside what they are compared with, and beside what was aimed at."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table.

    Attributes:
        value: what was measured, a median over the rounds.
        beside: the same of the thing it is compared with, from the same rounds.
        most, least: the aim, for *ratio* where there is one, else for *value*; None where nothing was aimed at.
        spread: the values of the rounds, in order.
    """

    name: str
    value: float
    unit: str
    beside: float | None = None
    beside_name: str = ""
    most: float | None = None
    least: float | None = None
    spread: tuple[float, ...] = ()

    @property
    def ratio(self) -> float | None:
        """How *value* compares."""
        return self.value / self.beside if self.beside else None

    @property
    def aim(self) -> str:
        """The aim in words."""
        sign, bound = ("≤", self.most) if self.most is not None else ("≥", self.least)
        if bound is None:
            return ""
        return f"{sign} {bound:g} x" if self.ratio is not None else f"{sign} {bound:g} {self.unit}"

    @property
    def met(self) -> bool | None:
        """Whether the aim was met; None where there was none."""
        judged = self.ratio if self.ratio is not None else self.value
        if self.most is not None:
            return judged <= self.most
        return judged >= self.least if self.least is not None else None

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "ratio": self.ratio, "aim": self.aim, "met": self.met}


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """What 99 of 100 stay within."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
