"""Canonical values: what a mapping makes of an action before a plugin sees it."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeAlias

from renkei.spec.frozen import FrozenMap, Model


class FileRef(Model):
    """A promise of a file: the host opens it when push redeems it through `ctx.open_file`.

    Attributes:
        id: the host's own handle.
        name: file name with extension.
        size: in bytes, None where the host does not know.
        media_type: for example `application/pdf`.
    """

    id: str
    name: str
    size: int | None = None
    media_type: str = "application/octet-stream"


Value: TypeAlias = (
    str
    | bool
    | int
    | Decimal
    | datetime
    | date
    | time
    | tuple[str, ...]
    | tuple[FileRef, ...]
    | tuple[FrozenMap[str, Any], ...]
)
"""One canonical value; `FieldType` says which Python type belongs to which field type."""
