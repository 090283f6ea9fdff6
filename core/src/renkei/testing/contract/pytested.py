"""The checks as pytest classes: one stage for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import pytest

from renkei.testing.contract import checks
from renkei.testing.contract.errand import Errand
from renkei.testing.contract.running import staged
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.subject import NotProvable, Subject, find, missing_members
from renkei.testing.kit import Kit

errand_key: pytest.StashKey[Errand] = pytest.StashKey()
"""What the command wants; an author's own pytest has none."""


class Contract(checks.Contract):
    """Subclass it in your own tests to see a check fail under your debugger.

    Attributes:
        backend: id of the backend.
        kit: your kit; the one in the entry-point group by default.
    """

    backend: ClassVar[str] = ""
    kit: ClassVar[type[Kit] | None] = None

    @pytest.fixture(scope="session")
    def contract_kits(self) -> Iterator[dict[type[Kit], Kit]]:
        """One kit for the whole run."""
        made: dict[type[Kit], Kit] = {}
        yield made
        for kit in made.values():
            kit.close()

    @pytest.fixture
    def stage(self, request: pytest.FixtureRequest, contract_kits: dict[type[Kit], Kit]) -> Iterator[Stage]:
        """A simulator as on its first day, and the plugin in front of it."""
        errand = request.config.stash.get(errand_key, None)
        subject = errand.subject if errand is not None else self._subject()
        absent = missing_members(subject.kit)
        if absent:
            pytest.fail(f"The kit {subject.kit.__qualname__} lacks: {', '.join(absent)}.", pytrace=False)
        kit = contract_kits.get(subject.kit) or contract_kits.setdefault(subject.kit, subject.kit())
        id = str(getattr(request.function, "__contract_check__", ""))
        with staged(subject, kit, errand.site(kit, id) if errand is not None else None) as stage:
            yield stage

    def _subject(self) -> Subject:
        if not self.backend:
            raise NotProvable(f"{type(self).__name__} names no backend: write backend = 'acme' in the class.")
        found = find(self.backend)
        return found if self.kit is None else replace(found, kit=self.kit)
