"""What plugins may still use, for how long, and what refuses those that use it longer.

An entry stays in the table for good: it is what tells a plugin of the old kind why it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from types import ModuleType

from packaging.version import Version

from renkei.plugins.versions import Incompatible
from renkei.spec import SPEC_VERSION, Manifest

MINORS = 2
"""A deprecated thing works in at least so many minors of the spec, the one that deprecates it among them."""

NOTICE = timedelta(days=365)
"""And at least so long after it was announced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """Something of the spec that will be refused.

    Attributes:
        what: as a plugin's author knows it: "crm_verify without key_field".
        since: the minor of the spec that deprecates it.
        announced: when that was released.
        remove_in: the minor that refuses plugins which use it.
        not_before: the release of *remove_in* is not made before that day. Releases are held to it; a running
            renkei goes by the version alone, so that nothing stops at midnight that nobody has touched.
        instead: what to do, as an imperative: "read the key from the request".
        used_by: whether a plugin uses it, by its module and manifest. Plugins that do not are never bothered.

    Raises:
        ValueError: the notice is shorter than promised.
    """

    what: str
    since: str
    announced: date
    remove_in: str
    not_before: date
    instead: str
    used_by: Callable[[ModuleType, Manifest], bool]

    def __post_init__(self) -> None:
        since, remove_in = Version(self.since), Version(self.remove_in)
        same_major = since.major == remove_in.major
        if remove_in <= since or (same_major and remove_in.minor - since.minor < MINORS):
            raise ValueError(f"{self.what!r} must work in at least {MINORS} minors from {self.since} on")
        if self.not_before - self.announced < NOTICE:
            raise ValueError(f"{self.what!r} must work for at least {NOTICE.days} days from {self.announced} on")

    def __str__(self) -> str:
        return (
            f"It uses {self.what}, deprecated since spec {self.since} ({self.announced}): {self.instead}. "
            f"Spec {self.remove_in} will refuse it, not before {self.not_before}."
        )

    @property
    def refusal(self) -> str:
        """The sentence once it is over."""
        return (
            f"It uses {self.what}, which was deprecated in spec {self.since} ({self.announced}) and is refused since "
            f"spec {self.remove_in}; this renkei has spec {SPEC_VERSION}. Install a newer version of the plugin. "
            f"For its author: {self.instead}."
        )


DEPRECATIONS: tuple[Deprecation, ...] = ()
"""By `since`, oldest first. `docs/versioning.md` shows the same table."""


def notes_on(module: ModuleType, manifest: Manifest) -> tuple[str, ...]:
    """A sentence for each deprecated thing that the plugin uses.

    Raises:
        Incompatible: the time of one of them is over.
    """
    used = [entry for entry in DEPRECATIONS if entry.used_by(module, manifest)]
    over = [entry for entry in used if Version(entry.remove_in) <= Version(SPEC_VERSION)]
    if over:
        raise Incompatible(" ".join(entry.refusal for entry in over))
    return tuple(str(entry) for entry in used)
