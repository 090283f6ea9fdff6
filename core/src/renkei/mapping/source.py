"""The source side of a mapping: the fields that a host offers."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, model_validator

from renkei.spec import FieldType, Model, Text, freeze

DELIVERY_KEY = "delivery.key"
"""The source field that core fills itself: one value per delivery, at most `DELIVERY_KEY_LENGTH` characters."""

DELIVERY_KEY_LENGTH = 40

ALWAYS_THERE = frozenset({DELIVERY_KEY, "action.id", "action.occurred_at", "action.kind", "action.channel"})
"""Source fields that every synced action has."""

_KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_NOT_OFFERED = (FieldType.TABLE, FieldType.OPAQUE)


class SourceChoice(Model):
    """One value of a choice field: *code* stands in actions, *label* is what people see."""

    code: str
    label: Text


class SourceField(Model):
    """One field that the host can supply with an action.

    Attributes:
        key: where it stands in an action, lower snake case with dots: `ticket.title`, `ticket.custom.plan`.
        type: canonical type; the action holds it as JSON (date-times as ISO 8601 with zone, numbers as numbers).
        choices: of a choice field; left empty, any code is possible.
        sample: a value as an action would hold it, obviously invented. Shown beside the field, used in rehearsals.
        core: whether every host should supply it.
    """

    key: str
    type: FieldType
    label: Text
    choices: tuple[SourceChoice, ...] = ()
    sample: Annotated[Any, AfterValidator(freeze)]
    core: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> SourceField:
        if not _KEY.fullmatch(self.key):
            raise ValueError(f"source key {self.key!r} must be lower snake case with a dot, such as 'ticket.title'")
        if self.type in _NOT_OFFERED:
            raise ValueError(f"source field {self.key!r} cannot be of type {self.type.value!r}; use another type")
        codes = [choice.code for choice in self.choices]
        if len(set(codes)) != len(codes):
            raise ValueError(f"source field {self.key!r} lists a choice code twice; each must be unique")
        return self

    @cached_property
    def label_of(self) -> dict[str, Text]:
        """Choice code → label."""
        return {choice.code: choice.label for choice in self.choices}


class SourceSchema(Model):
    """All fields that a host offers. Checked when it is made, so that a mistake shows at start-up."""

    fields: tuple[SourceField, ...]

    @model_validator(mode="after")
    def _keys_are_distinct(self) -> SourceSchema:
        keys = [field.key for field in self.fields]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"source keys must be unique; more than once: {', '.join(twice)}")
        inner = sorted(key for key in keys if any(other.startswith(f"{key}.") for other in keys))
        if inner:
            raise ValueError(f"a source key cannot be the beginning of another: {', '.join(inner)}")
        return self

    @cached_property
    def by_key(self) -> dict[str, SourceField]:
        """Key → field."""
        return {field.key: field for field in self.fields}

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, in the host's order."""
        return tuple(self.by_key)

    def field(self, key: str) -> SourceField | None:
        """The field of that key, or None."""
        return self.by_key.get(key)
