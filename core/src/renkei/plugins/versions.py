"""Whether a plugin is meant for this renkei. Three questions, the first two before anything of it is imported:
has it entry points for our hooks' major, does the installed renkei lie in what its distribution requires, and does
our spec lie in the range that its manifest names.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from renkei.plugins.loading import LoadFailure
from renkei.plugins.scan import MAJOR, Claim
from renkei.spec import SPEC_VERSION, Manifest

_CORE = "renkei"
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


class Incompatible(LoadFailure):
    """Nothing is wrong with the plugin, but it was written for another renkei."""


def other_major(claim: Claim) -> str:
    """The sentence for a claim that is not for our hooks."""
    offered = " and ".join(claim.majors)
    return (
        f"It is written for hooks {offered}; this renkei has {MAJOR}. Nothing of it was imported: install a version of "
        f"{claim.distribution} for {MAJOR}, or a renkei that has {offered}."
    )


def require_renkei(claim: Claim) -> None:
    """Hold the installed renkei against what the claim's distribution requires. Imports nothing of it.

    A distribution that requires no renkei is not refused: its manifest decides, after the import. Neither is any
    where renkei itself was not installed as a distribution, so that its version is not known.

    Raises:
        Incompatible: the installed version is not among those required.
        LoadFailure: a requirement on renkei cannot be read.
    """
    installed = _installed()
    if installed is None:
        return
    wanted = _required(claim)
    # Whoever has installed a pre-release means it: 0.3.0rc1 fits >=0.2, though it does not fit >=0.3 or <0.3.
    if not wanted.contains(installed, prereleases=True):
        raise Incompatible(
            f"{claim.distribution} {claim.version} requires {_CORE} {wanted}, and {_CORE} {installed} is installed: "
            "install versions of both that fit each other. Nothing of it was imported."
        )


def require_spec(manifest: Manifest) -> None:
    """Hold our spec against the range in *manifest*.

    Raises:
        Incompatible: it lies outside.
        LoadFailure: the range cannot be read.
    """
    try:
        wanted = SpecifierSet(manifest.spec)
    except InvalidSpecifier:
        wanted = SpecifierSet()
    if not list(wanted):  # an empty range would admit every spec there will ever be
        raise LoadFailure(
            f"The manifest's spec range cannot be read: {manifest.spec!r} is not a version range; "
            "write for example '>=1.0,<2'."
        )
    if not wanted.contains(SPEC_VERSION, prereleases=True):
        raise Incompatible(
            f"It is written for spec {manifest.spec}, and this renkei has spec {SPEC_VERSION}: "
            "install versions of both that fit each other."
        )


def _installed() -> Version | None:
    try:
        return Version(version(_CORE))
    except (PackageNotFoundError, InvalidVersion, TypeError):  # TypeError: metadata without a version
        return None


def _required(claim: Claim) -> SpecifierSet:
    """All ranges that the distribution puts on renkei, joined. An extra's are its user's choice and do not count."""
    wanted = SpecifierSet()
    for line in claim.requires:
        name = _NAME.match(line)
        if name is None or canonicalize_name(name[1]) != _CORE:
            continue  # what else a plugin asks for is not ours to judge
        try:
            requirement = Requirement(line)
            counts = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        except ValueError:  # also a marker that asks for what no environment has
            raise LoadFailure(
                f"{claim.distribution} {claim.version} has a requirement on {_CORE} that cannot be read: {line!r}; "
                f"write for example '{_CORE}>=0.1,<1'. Nothing of it was imported."
            ) from None
        if counts:
            wanted &= requirement.specifier
    return wanted
