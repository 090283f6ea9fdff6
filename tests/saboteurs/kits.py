"""Kits that cannot see damage: checks K03 and K04."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from renkei.testing import BadSettings, Kit, SeenRecord
from renkei.testing.contract.saboteurs import Saboteur
from renkei.testing.contract.subject import Subject
from renkei_template.kit import AtelierKit
from renkei_template.simulator.atelier import Atelier, Table


class YesAtelier(Atelier):
    """Says yes to everything."""

    def admit(self, authorization: str, scope: str | None) -> None:
        """Whoever it is."""

    def table(self, table: str) -> Table:
        """Some table."""
        return self.tables.get(table) or next(iter(self.tables.values()))

    def store(self, table: str, body: Any) -> dict[str, Any]:
        """Whatever it is."""
        with self.lock:
            values = body.get("values", {}) if isinstance(body, dict) else {}
            known = table if table in self.tables else next(iter(self.tables))
            return {"id": self.seed(known, values), "link": None}


class OpenDoor(Atelier):
    """Asks nobody who they are."""

    def admit(self, authorization: str, scope: str | None) -> None:
        """Whoever it is."""


class Undemanding(Atelier):
    """Takes records without what is required."""

    def store(self, table: str, body: Any) -> dict[str, Any]:
        """With what is missing made up, and taken away again."""
        values = dict(body["values"])
        made_up = {"subject": "…"} if "subject" not in values else {}
        stored = super().store(table, {**body, "values": values | made_up})
        for code in made_up:
            del self.tables[table].records[-1]["values"][code]
        return stored


class AnyTable(Atelier):
    """Takes an unknown table for its first."""

    def table(self, table: str) -> Table:
        """Some table."""
        return self.tables.get(table) or next(iter(self.tables.values()))

    def store(self, table: str, body: Any) -> dict[str, Any]:
        """In some table."""
        return super().store(table if table in self.tables else next(iter(self.tables)), body)


class Unshakeable(Atelier):
    """Lets clients go on whose credentials were revoked."""

    def revoke(self) -> None:
        """New ones are refused, old tokens are not."""
        self.clients = {name: replace(client, secret="gone") for name, client in self.clients.items()}


def _kit_of(atelier: type[Atelier]) -> type[Kit]:
    class SimulatedKit(AtelierKit):
        def __init__(self) -> None:
            from renkei_template.simulator import make_app

            self._atelier = atelier(page_size=2)
            self._app = make_app(self._atelier)

    return SimulatedKit


class BlindProbe(AtelierKit):
    """Its probe sees nothing."""

    def read(self, target: str) -> Sequence[SeenRecord]:
        """Never anything."""
        return ()


class EchoProbe(AtelierKit):
    """Its probe sees what was seeded, from memory."""

    def __init__(self) -> None:
        super().__init__()
        self._seeded: dict[str, list[SeenRecord]] = {}

    def reset(self) -> None:
        """Forget."""
        super().reset()
        self._seeded = {}

    def seed(self, target: str, values: Mapping[str, Any]) -> str:
        """Remember."""
        id = super().seed(target, values)
        self._seeded.setdefault(target, []).append(SeenRecord(id=id, values=dict(values)))
        return id

    def read(self, target: str) -> Sequence[SeenRecord]:
        """What it remembers."""
        return tuple(self._seeded.get(target, ()))


class KeyProbe(AtelierKit):
    """Its probe sees keys and nothing else of a record."""

    def read(self, target: str) -> Sequence[SeenRecord]:
        """Keys."""
        seen = super().read(target)
        return [replace(one, values={self.key_field: one.values.get(self.key_field, "")}) for one in seen]


class LazyReset(AtelierKit):
    """Takes the records away, and leaves fields that were added."""

    def reset(self) -> None:
        """All but those."""
        table = self._atelier.tables[self.target]
        added = [field for field in table.fields if field["code"].startswith("added_")]
        super().reset()
        self._atelier.tables[self.target].fields += added[:1]


class NarrowTarget(AtelierKit):
    """Its second target has no field for the key."""

    second_target = "empty"


class OwnWords(AtelierKit):
    """One of its bad values is a word of the sentence that refuses it."""

    def bad_settings(self) -> Sequence[BadSettings]:
        """One more."""
        worded = {**self.good_settings(), "client_id": "letters!"}
        return (*super().bad_settings(), BadSettings(settings=worded, field="client_id", value="letters"))


class MildPoison(AtelierKit):
    """Its poison harms nobody."""

    def poison(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """A good record."""
        return dict(values)


def _kit_saboteur(number: int, name: str, does: str, killed_by: tuple[str, ...], kit: type[Kit]) -> Saboteur:
    def damage(subject: Subject) -> Subject:
        return replace(subject, kit=kit)

    return Saboteur(number=number, name=name, does=does, killed_by=killed_by, damage=damage)


SABOTEURS: Final[tuple[Saboteur, ...]] = (
    _kit_saboteur(45, "BlindProbe", "The kit's probe sees nothing.", ("K04",), BlindProbe),
    _kit_saboteur(46, "YesSimulator", "The kit's simulator says yes to everything.", ("K03",), _kit_of(YesAtelier)),
    _kit_saboteur(320, "OpenDoor", "The simulator asks nobody who they are.", ("K03",), _kit_of(OpenDoor)),
    _kit_saboteur(321, "Undemanding", "The simulator requires no field.", ("K03",), _kit_of(Undemanding)),
    _kit_saboteur(322, "AnyTable", "The simulator takes an unknown target for another.", ("K03",), _kit_of(AnyTable)),
    _kit_saboteur(323, "Unshakeable", "Revoked credentials go on working.", ("K03",), _kit_of(Unshakeable)),
    _kit_saboteur(324, "MildPoison", "The kit's poison is a good record.", ("K03",), MildPoison),
    _kit_saboteur(325, "EchoProbe", "The probe sees what was seeded, from memory.", ("K04",), EchoProbe),
    _kit_saboteur(326, "KeyProbe", "The probe sees no values.", ("K04",), KeyProbe),
    _kit_saboteur(408, "NarrowTarget", "The second target has no key field.", ("K04", "A09"), NarrowTarget),
    _kit_saboteur(410, "OwnWords", "A bad setting is a word of the plugin's own sentence.", ("S04",), OwnWords),
    _kit_saboteur(327, "LazyReset", "Reset leaves a field that was added.", ("K04",), LazyReset),
)
