"""Which distributions claim to be a backend: our own scan, because stevedore's goes through a cache and drops
which distribution an entry point is from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, distributions

from renkei.spec import ENTRY_POINT_GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One distribution's claim to be the backend of an id."""

    id: str
    entry_point: EntryPoint
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} ({self.entry_point.value})"


def find_claims() -> tuple[Claim, ...]:
    """Every claim on the path, sorted by id and distribution.

    A distribution that is on the path twice (an editable install and a wheel, a path entry repeated) counts once,
    as the import system sees it: the first one wins.
    """
    claims = [claim for found in _claimants() for claim in _claims_of(found)]
    return tuple(sorted(claims, key=lambda claim: (claim.id, claim.distribution, claim.entry_point.value)))


def _claimants() -> Iterator[Distribution]:
    """The first distribution of each name that has our entry-point group.

    The text is looked at before the name: reading the name parses the whole metadata file, and most distributions
    are not ours.
    """
    seen: set[str] = set()
    for found in distributions():
        try:
            if ENTRY_POINT_GROUP not in (found.read_text("entry_points.txt") or ""):
                continue
            name = _normal(found.metadata["Name"])
            if name in seen:
                continue
            seen.add(name)
            yield _first_on_path(found)
        except Exception:  # a damaged distribution is no reason to lose the others; it cannot be named either
            continue


def _first_on_path(found: Distribution) -> Distribution:
    try:
        return distribution(found.metadata["Name"])
    except PackageNotFoundError:
        return found


def _claims_of(found: Distribution) -> Iterator[Claim]:
    seen: set[tuple[str, str]] = set()
    for entry_point in found.entry_points.select(group=ENTRY_POINT_GROUP):
        if (entry_point.name, entry_point.value) in seen:
            continue
        seen.add((entry_point.name, entry_point.value))
        yield Claim(
            id=entry_point.name,
            entry_point=entry_point,
            distribution=found.metadata["Name"],
            version=found.metadata["Version"] or "",
        )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
