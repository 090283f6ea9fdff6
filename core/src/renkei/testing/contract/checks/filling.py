"""A field that has to have a value and gets none (check G02)."""

from __future__ import annotations

from renkei.spec import Field, FieldType
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.checks.purity import replaced
from renkei.testing.contract.checks.trying import Trials, require_named
from renkei.testing.contract.connection import key
from renkei.testing.contract.stage import Stage

_NEVER_ASKED = (FieldType.BOOLEAN, FieldType.TABLE, FieldType.OPAQUE)


def require_no_filler(stage: Stage, trials: Trials, fields: list[Field]) -> None:
    """A required field without a value and without a default is a problem that names it.

    Each field of *fields* is asked about with a schema in which it, and it alone, is required.

    Raises:
        Broken: it is none: something was made up, or the record is sent without it.
    """
    for field in fields:
        if field.type not in _NEVER_ASKED:
            _require_named_without(stage, trials, field)


def _require_named_without(stage: Stage, trials: Trials, field: Field) -> None:
    row = trials.row({})
    values = {code: value for code, value in row.values.items() if code != field.code}
    wanted = field.model_copy(update={"required": True, "has_default": False})
    schema = replaced(stage.good.schema, wanted)
    result = answered("crm_map", lambda: stage.good.map(values, key=key(row.number), schema=schema))
    require_named(result, field.code, f"no value for the field {field.code!r}, where it is required,")
