"""Why one value cannot become another: raised while rendering one field, caught at that field."""

from __future__ import annotations

from renkei.mapping.source import SourceField
from renkei.spec import Field, Problem, Text


class Unfit(Exception):
    """A value that a field cannot take. Its sentences follow the names of the fields, and never hold the value."""

    def __init__(self, code: str, *, ja: str, en: str) -> None:
        self.code = code
        self.ja = ja
        self.en = en
        self.origin: Text | None = None
        super().__init__(code)

    def problem(self, target: str, named: Text, origin: Text | None) -> Problem:
        """The problem at field *target*, whose value comes from *origin* (or from `self.origin`, known better)."""
        origin = self.origin or origin
        if origin is None:
            ja, en = f"{named.ja}: {self.ja}", f"{named.en}: {self.en}"
        else:
            ja, en = f"{named.ja} ← {origin.ja}: {self.ja}", f"{named.en} from {origin.en}: {self.en}"
        return Problem(field=target, code=self.code, message=Text(ja=ja, en=en))


def named_target(field: Field) -> Text:
    """How a target field is called in messages: by label, and by code where that differs."""
    if not field.label or field.label == field.code:
        return Text(ja=f"「{field.code}」", en=repr(field.code))
    return Text(ja=f"「{field.label}」({field.code})", en=f"{field.label!r} ({field.code})")


def named_source(field: SourceField) -> Text:
    """How a source field is called in messages: by label and key."""
    return Text(ja=f"「{field.label.ja}」({field.key})", en=f"{field.label.en!r} ({field.key})")
