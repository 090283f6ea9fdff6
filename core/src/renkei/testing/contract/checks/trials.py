"""Records that try one claim of a schema each: does the backend take this, and does it refuse that?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from renkei.spec import Field, Rejected, SchemaDrift, TargetSchema, Value, WireRecord
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.values import same
from renkei.testing.kit import SeenRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One record and the claim that it tries.

    Attributes:
        field: whose claim it is.
        values: of the record.
        claim: in words that follow the field's code.
        schema: for `crm_map` to go by, where it has to let something through.
    """

    field: Field
    values: dict[str, Value]
    claim: str
    schema: TargetSchema | None = None


def loosened(schema: TargetSchema, code: str, **changes: Any) -> TargetSchema:
    """*schema* with another description of field *code*, so that `crm_map` has nothing against what it describes."""
    fields = tuple(field.model_copy(update=changes) if field.code == code else field for field in schema.fields)
    return schema.model_copy(update={"fields": fields})


class Trials:
    """Pushes trials over one connection; numbers its records, so that none meets another by accident."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers = count(1_000)

    def base(self, *, without: str = "") -> dict[str, Value]:
        """Values of the required fields alone, and a key."""
        values = self._connection.values(next(self._numbers), only_required=True)
        return {code: value for code, value in values.items() if code != without}

    def number(self) -> int:
        """One that no record had."""
        return next(self._numbers)

    def require_taken(self, trials: Sequence[Trial]) -> list[SeenRecord]:
        """All of them must be stored, the field in question as it was sent.

        Raises:
            Broken: naming the first field whose claim is wrong.
        """
        seen: dict[int, SeenRecord] = {}
        size = self._connection.stage.manifest.limits.push_size
        for start in range(0, len(trials), size):
            chunk = list(enumerate(trials))[start : start + size]
            seen |= self._taken(chunk)
        for at, trial in enumerate(trials):
            if at not in seen:
                _pushed, new = self._alone(trial)
                require(len(new) == 1, f"field {trial.field.code!r} {trial.claim}, and such a record was not stored")
                seen[at] = new[0]
            if trial.field.code in trial.values:
                _require_same(trial, seen[at])
        return [seen[at] for at in range(len(trials))]

    def require_refused(self, trials: Sequence[Trial]) -> None:
        """None of them may be stored with the value that was sent, or with none where that is what is tried.

        Raises:
            Broken: naming the field whose claim is wrong.
        """
        for trial in trials:
            _pushed, new = self._alone(trial)
            for record in new:
                sent = trial.values.get(trial.field.code)
                read = record.values.get(trial.field.code)
                taken = sent is None or (read is not None and same(trial.field, sent, read))
                require(not taken, f"field {trial.field.code!r} {trial.claim}, and the backend stored it all the same")

    def stored(self, trial: Trial) -> SeenRecord | None:
        """What became of a record of which nothing is required."""
        _pushed, new = self._alone(trial)
        return new[0] if new else None

    def _taken(self, chunk: Sequence[tuple[int, Trial]]) -> dict[int, SeenRecord]:
        kit = self._connection.stage.kit
        records = [self._wire(trial) for _index, trial in chunk]
        self._connection.push(records)
        by_key = {record.values.get(kit.key_field): record for record in self._connection.stage.read()}
        found = {index: by_key.get(trial.values.get(kit.key_field)) for index, trial in chunk}
        return {index: record for index, record in found.items() if record is not None}

    def _wire(self, trial: Trial) -> WireRecord:
        result = self._connection.map(trial.values, key=self._key_of(trial), schema=trial.schema)
        if result.record is None:
            codes = ", ".join(sorted({problem.code for problem in result.problems}))
            broken(f"field {trial.field.code!r} {trial.claim}, and crm_map refuses such a record: {codes}")
        return result.record

    def _key_of(self, trial: Trial) -> str:
        """Of the record: what stands in its key field, where that is a key."""
        value = trial.values.get(self._connection.stage.kit.key_field)
        number = next(self._numbers)
        return value if isinstance(value, str) and len(value) == len(key(number)) else key(number)

    def _alone(self, trial: Trial) -> tuple[Pushed | None, list[SeenRecord]]:
        stage = self._connection.stage
        result = self._connection.map(trial.values, key=self._key_of(trial), schema=trial.schema)
        if result.record is None:
            return None, []
        before = {record.id for record in stage.read()}
        pushed = self._connection.push([result.record])
        return pushed, [record for record in stage.read() if record.id not in before]


def blamed(pushed: Pushed) -> Iterator[str]:
    """Codes and fields that a push names."""
    for verdict in pushed.outcome.verdicts.values():
        if isinstance(verdict, Rejected):
            yield f"{verdict.field or 'no field'}: {verdict.code}"
    if isinstance(pushed.stopped_by, SchemaDrift):
        yield pushed.stopped_by.code


def _require_same(trial: Trial, record: SeenRecord) -> None:
    code = trial.field.code
    sent, read = trial.values[code], record.values.get(code)
    require(
        read is not None and same(trial.field, sent, read),
        f"field {code!r} {trial.claim}, and what was read back is not what was sent",
    )
