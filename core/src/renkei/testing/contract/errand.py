"""One run of the suite: what the command wants of its child process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from renkei.testing.contract.catalogue import CHECKS, Source
from renkei.testing.contract.sources import Site, live_site, simulator_of
from renkei.testing.contract.subject import NotProvable, Subject, find, missing_members
from renkei.testing.kit import Kit


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for, as it is handed to the child.

    Attributes:
        backend: id.
        kit: `module:Class` instead of the entry point's; empty for that.
        only: ids; empty for all.
        prove: with the slow ones.
        source: where the other end of the wire is.
        record: folder that traffic is recorded into; empty for none.
        cassettes: folder that traffic is played from, instead of the kit's.
        paths: an author's own test files; empty for the suite as it is shipped.
        pytest: further arguments of an author's.
        seed: of a random order; None for the order of the ids.
        results: file that the child writes a line into for each event.
    """

    backend: str
    kit: str = ""
    only: Sequence[str] = ()
    prove: bool = False
    source: Source = "simulator"
    record: str = ""
    cassettes: str = ""
    paths: Sequence[str] = ()
    pytest: Sequence[str] = ()
    seed: int | None = None
    results: str = ""

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Order:
        """The reverse."""
        return cls(**json.loads(text))


@dataclass(slots=True, kw_only=True)
class Errand:
    """An order in the process that carries it out.

    Attributes:
        subject: the plugin.
        environment: what names a live account.
    """

    order: Order
    subject: Subject
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @classmethod
    def of(cls, order: Order) -> Errand:
        """The plugin looked up.

        Raises:
            NotProvable: it cannot be.
        """
        made = cls(order=order, subject=find(order.backend, kit=order.kit))
        if order.source == "live" and not missing_members(made.subject.kit):
            made._live_site(made.subject.kit())  # once before anything runs, and not once a check
        return made

    def site(self, kit: Kit, id: str) -> Site:
        """Where check *id* finds the other end of the wire.

        Raises:
            NotProvable: the source was not prepared.
        """
        if self.order.source == "cassette":
            from renkei.testing.contract import cassettes

            return cassettes.replaying(self._cassettes(kit), id, simulator_of(kit))
        site = self._live_site(kit) if self.order.source == "live" else simulator_of(kit)
        check = CHECKS.get(id)
        # What cannot be played later is not worth megabytes.
        if not self.order.record or (check is not None and "cassette" not in check.sources):
            return site
        from renkei.testing.contract import cassettes

        return cassettes.recording(Path(self.order.record), id, site)

    def _cassettes(self, kit: Kit) -> Path:
        folder = Path(self.order.cassettes) if self.order.cassettes else kit.cassettes
        if folder is None:
            raise NotProvable(
                f"The kit {type(kit).__qualname__} names no folder of cassettes: record some with "
                f"'renkei verify {self.order.backend} --record FOLDER' and set `cassettes` in it."
            )
        return folder

    def _live_site(self, kit: Kit) -> Site:
        return live_site(kit, self.environment)
