"""Trying values out: what `crm_map` lets pass is pushed, and must read back as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, zip_longest
from typing import Any

from renkei.spec import Field, MapResult, Rejected, Suspect, Value, WireRecord
from renkei.spec.fitting import is_canonical
from renkei.testing.contract import edges, values
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.checks.settling import settle
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.edges import Edge
from renkei.testing.contract.stage import Stage


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One record: edges by field, and the other values that it needs."""

    number: int
    tried: Mapping[str, Edge]
    values: Mapping[str, Value]


@dataclass(slots=True)
class Trials:
    """Tries values on the fields of one target.

    Attributes:
        numbers: of the records; each has its own.
    """

    stage: Stage
    numbers: Iterator[int]

    @classmethod
    def on(cls, stage: Stage, *, start: int) -> Trials:
        """Records are numbered from *start* on."""
        return cls(stage, count(start))

    @property
    def connection(self) -> Connection:
        """The good one."""
        return self.stage.good

    def fields(self) -> list[Field]:
        """The fields that values can be tried on: all but the key field and what the simulator fills itself."""
        kit = self.stage.kit
        return [
            field
            for field in values.settable(self.connection.schema, kit.examples)
            # A reference takes what the other target holds, and nothing that is made up.
            if field.code != kit.key_field and field.code not in kit.filled and field.references is None
        ]

    def row(self, tried: Mapping[str, Edge]) -> Row:
        """A record that holds *tried*."""
        number = next(self.numbers)
        needed = self.connection.values(number, only_required=True)
        return Row(number, tried, {**needed, **{code: edge.value for code, edge in tried.items()}})

    def map(self, row: Row) -> MapResult:
        """What `crm_map` makes of it."""
        return answered("crm_map", lambda: self.connection.map(row.values, key=key(row.number)))

    def passing(self, field: Field) -> list[Edge]:
        """The edges of *field* that `crm_map` has nothing against.

        Raises:
            Broken: it names another field than this one.
        """
        passing = []
        for edge in edges.edges(field, next(self.numbers)):
            result = self.map(self.row({field.code: edge}))
            if result.record is not None:
                passing.append(edge)
            else:
                require_named(result, field.code, f"{edge.name} in field {field.code!r}")
        return passing

    def store(self, found: Mapping[str, Sequence[Edge]]) -> dict[str, int]:
        """Push every edge of *found*, by field, and look for each in the store.

        Several fields go into one record; where that does not work out, each goes into one of its own.

        Returns:
            How many were stored, by field.

        Raises:
            Broken: something was changed, dropped, or refused although it should have been a problem.
        """
        rows = [self.row(tried) for tried in _side_by_side(found)]
        mapped = {row.number: self.map(row).record for row in rows}
        apart = [row for row in rows if mapped[row.number] is None]
        refused = self._push([row for row in rows if row not in apart], mapped)
        singles = [self.row({code: edge}) for row in [*apart, *refused] for code, edge in row.tried.items()]
        alone = {row.number: self.map(row).record for row in singles}
        astray = self._push([row for row in singles if alone[row.number]], alone)
        for row, verdict in astray.items():
            self._require_excusable(row, verdict)
        lost = [code for row in singles if row in astray or not alone[row.number] for code in row.tried]
        return {code: len(tried) - lost.count(code) for code, tried in found.items()}

    def _push(self, rows: Sequence[Row], mapped: Mapping[int, WireRecord | None]) -> dict[Row, Rejected | Suspect]:
        """Push *rows* and compare what was stored; what was refused, with its verdict."""
        settled = settle(self.connection, [record for row in rows if (record := mapped[row.number]) is not None])
        held = {record.id: record.values for record in self.stage.read()}
        refused: dict[Row, Rejected | Suspect] = {}
        for row in rows:
            one = key(row.number)
            require(one not in settled.taken, f"a record with a fresh key was called 'duplicate' ({_named(row)})")
            if one in settled.refused:
                refused[row] = settled.refused[one]
            else:
                id = settled.stored[one]
                require(id in held, f"record {id!r} was reported as stored and the probe does not find it")
                self._require_held(row, held[id])
        return refused

    def _require_held(self, row: Row, read: Mapping[str, Any]) -> None:
        for code, edge in row.tried.items():
            field = self.connection.schema.field(code)
            assert field is not None
            require(
                _is_held(field, edge.value, read.get(code)),
                f"field {code!r}, {edge.name}: crm_map had nothing against it, and the backend holds something else: "
                f"sent {shown(edge.value)}, read {shown(read.get(code))}",
            )

    def _require_excusable(self, row: Row, verdict: Rejected | Suspect) -> None:
        """A backend may know more than its schema says; what the schema says is for `crm_map` to know."""
        for code, edge in row.tried.items():
            field = self.connection.schema.field(code)
            assert field is not None
            what = f"field {code!r}, {edge.name}: crm_map had nothing against it, the backend refused it"
            why = edges.forbidden(field, edge.value)
            require(not why, f"{what}, and the schema says so: {why}")
            require(is_canonical(field.type, edge.value), f"{what}, and it is no value of type {field.type.value!r}")
            require(verdict.field in (None, code), f"{what}, and the verdict names the field {verdict.field!r}")


def require_named(result: MapResult, code: str, what: str) -> None:
    """There are problems, and all of them name the field *code*.

    Raises:
        Broken: there are none, or they name something else.
    """
    if result.record is not None:
        broken(f"{what}: crm_map had nothing against it")
    named = sorted({problem.field for problem in result.problems})
    require(named == [code], f"{what}: the problems name {named} and not just {code!r}")


def shown(value: Any) -> str:
    """A value of the suite's, short, with what cannot be seen escaped."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:50]}…{text[-20:]} ({len(text)} characters)"


def _is_held(field: Field, sent: Any, read: Any) -> bool:
    if sent in ("", ()):  # empty values never reach a plugin; if one did, nothing is what is to be there
        return read in (None, "", ()) or field.has_default
    return values.same(field, sent, read)


def _side_by_side(found: Mapping[str, Sequence[Edge]]) -> Iterable[dict[str, Edge]]:
    for tried in zip_longest(*found.values()):
        yield {code: edge for code, edge in zip(found, tried, strict=True) if edge is not None}


def _named(row: Row) -> str:
    return ", ".join(f"field {code!r}: {edge.name}" for code, edge in list(row.tried.items())[:3])
