"""Which distributions claim to be a backend: our own scan, because stevedore's goes through a cache and drops
which distribution an entry point is from. It reads metadata alone; nothing of a plugin is imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, distributions

from renkei.spec import ENTRY_POINT_GROUP

# `renkei.backends.` in front of the hooks' major; `v1` behind it.
FAMILY = ENTRY_POINT_GROUP[: ENTRY_POINT_GROUP.rindex(".") + 1]
MAJOR = ENTRY_POINT_GROUP.removeprefix(FAMILY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One distribution's claim to be the backend of an id.

    Attributes:
        entry_point: of the group of this renkei's hooks where there is one.
        majors: the hooks that it offers the id for: `v1`, or others where it has none for these.
        requires: the distribution's `Requires-Dist`, as they stand.
    """

    id: str
    entry_point: EntryPoint
    distribution: str
    version: str
    majors: tuple[str, ...] = (MAJOR,)
    requires: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} ({self.entry_point.value})"

    @property
    def is_ours(self) -> bool:
        """Whether it is for the hooks that this renkei has."""
        return MAJOR in self.majors


def find_claims() -> tuple[Claim, ...]:
    """Every claim on the path for this renkei's hooks, sorted by id and distribution.

    A distribution that is on the path twice (an editable install and a wheel, a path entry repeated) counts once,
    as the import system sees it: the first one wins.
    """
    return tuple(claim for claim in find_all_claims() if claim.is_ours)


def find_all_claims() -> tuple[Claim, ...]:
    """The same with the claims for hooks of another major, where a distribution has none for ours."""
    claims = [claim for found in _claimants() for claim in _claims_of(found)]
    return tuple(sorted(claims, key=lambda claim: (claim.id, claim.distribution, claim.entry_point.value)))


def _claimants() -> Iterator[Distribution]:
    """The first distribution of each name that has one of our entry-point groups.

    The text is looked at before the name: reading the name parses the whole metadata file, and most distributions
    are not ours.
    """
    seen: set[str] = set()
    for found in distributions():
        try:
            if FAMILY not in (found.read_text("entry_points.txt") or ""):
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


def _claims_of(found: Distribution) -> list[Claim]:
    try:
        points = list(dict.fromkeys(point for point in found.entry_points if point.group.startswith(FAMILY)))
        ours = [point for point in points if point.group == ENTRY_POINT_GROUP]
        others: dict[str, list[EntryPoint]] = {}
        for point in points:
            if point.name not in {known.name for known in ours}:
                others.setdefault(point.name, []).append(point)
        return [_claim(found, [point]) for point in ours] + [_claim(found, same) for same in others.values()]
    except Exception:  # entry points that cannot be read: which ids they claim is not known
        return []


def _claim(found: Distribution, points: list[EntryPoint]) -> Claim:
    return Claim(
        id=points[0].name,
        entry_point=points[0],
        distribution=found.metadata["Name"],
        version=found.metadata["Version"] or "",
        majors=tuple(sorted({point.group.removeprefix(FAMILY) for point in points})),
        requires=tuple(found.requires or ()),
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
