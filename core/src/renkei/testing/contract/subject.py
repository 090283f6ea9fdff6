"""What is being proven: an installed backend, its module, and the kit its author gives with it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, entry_points
from types import ModuleType

from renkei.plugins.faults import name_exception
from renkei.plugins.loading import LoadFailure
from renkei.plugins.scan import Claim, find_claims
from renkei.plugins.versions import require_renkei
from renkei.spec import RenkeiError
from renkei.testing.kit import KIT_GROUP, Kit


class NotProvable(RenkeiError):
    """There is nothing to run the suite against; the text says what is missing and how to give it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A plugin to be proven.

    Attributes:
        id: the backend's.
        claims: every distribution's claim to be it; one where all is well.
        module: the plugin's, None where it cannot be imported.
        broken: why not.
        kit: the author's.
    """

    id: str
    claims: tuple[Claim, ...]
    module: ModuleType | None
    broken: str
    kit: type[Kit]

    @property
    def claim(self) -> Claim:
        """The claim that is looked at where there are several: the first."""
        return self.claims[0]

    @property
    def distribution(self) -> Distribution | None:
        """Its metadata; None where it comes from no installed distribution."""
        try:
            return distribution(self.claim.distribution)
        except PackageNotFoundError:
            return None

    def instead(self, module: ModuleType) -> Subject:
        """The same with another module: one that does damage on purpose."""
        return replace(self, module=module, broken="")


def claims_of(id: str) -> tuple[Claim, ...]:
    """Who claims to be the backend of *id*. Imports nothing of it.

    Raises:
        NotProvable: nobody.
    """
    claims = tuple(claim for claim in find_claims() if claim.id == id)
    if not claims:
        known = ", ".join(sorted({claim.id for claim in find_claims()})) or "none"
        raise NotProvable(f"No installed distribution provides the backend {id!r}. Installed: {known}.")
    return claims


def find(id: str, *, kit: str = "") -> Subject:
    """The backend of *id*, imported, and its kit.

    An import that ends its process, or never comes back, is tried in another one first, and not here.

    Args:
        id: the backend's.
        kit: `package.module:Class`, instead of the one named in the entry-point group.

    Raises:
        NotProvable: it is not installed, or has no kit.
    """
    from renkei.testing.contract.imported import imported  # it knows subjects, too

    claims = claims_of(id)
    subject = Subject(id=id, claims=claims, module=None, broken="", kit=load_kit(id, kit))
    alone = imported(subject)
    if alone.died:
        return replace(subject, broken=f"importing {subject.claim.entry_point.module} {alone.error}")
    module, broken = _imported(subject.claim)
    return replace(subject, module=module, broken=broken)


def load_kit(id: str, named: str = "") -> type[Kit]:
    """The kit class of backend *id*, or the one that is *named*.

    Raises:
        NotProvable: there is none, it cannot be imported, or it is no kit.
    """
    entry = _kit_entry(id, named)
    try:
        found = entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise NotProvable(f"Importing the kit {entry.value!r} {name_exception(error)}: {error}") from None
    if not (isinstance(found, type) and issubclass(found, Kit)):
        raise NotProvable(f"{entry.value!r} is no kit: it has to be a subclass of renkei.testing.Kit.")
    return found


def missing_members(kit: type[Kit]) -> list[str]:
    """What an author has not filled in yet."""
    attributes = ("target", "missing_target", "key_field", "second_target")
    return sorted({*kit.__abstractmethods__, *(name for name in attributes if not hasattr(kit, name))})


def _kit_entry(id: str, named: str) -> EntryPoint:
    if named:
        return EntryPoint(name=id, value=named, group=KIT_GROUP)
    found: Iterable[EntryPoint] = entry_points(group=KIT_GROUP, name=id)
    for entry in found:
        return entry
    raise NotProvable(
        f"The backend {id!r} has no kit. Subclass renkei.testing.Kit and name it in your pyproject.toml: "
        f'[project.entry-points."{KIT_GROUP}"] {id} = "your_package.kit:YourKit". Then install your package again.'
    )


def _imported(claim: Claim) -> tuple[ModuleType | None, str]:
    entry_point = claim.entry_point
    try:
        require_renkei(claim)  # what core looks at before it imports anything
        module = importlib.import_module(entry_point.module)
    except LoadFailure as failure:
        return None, str(failure)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return None, f"importing {entry_point.module} {name_exception(error)}"
    if entry_point.attr:
        return None, f"the entry point {entry_point.value!r} leads to an attribute; a plugin is a module"
    return module, ""
