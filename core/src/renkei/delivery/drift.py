"""What a fresh discovery says about the mappings in use (promise 8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from renkei.mapping import Difference, Mapping, differences
from renkei.spec import TargetSchema
from renkei.store.integrations import Revision


def drifted(found: TargetSchema, used: Iterable[Revision]) -> tuple[Difference, ...]:
    """Differences in mapped, key and required fields, against the shape that each mapping was checked with."""
    seen: dict[tuple[str, str], Difference] = {}
    for revision in used:
        checked_with = TargetSchema.model_validate(revision.schema)
        if checked_with.fingerprint == found.fingerprint:
            continue
        for difference in differences(checked_with, found, Mapping.parse(revision.mapping)):
            seen.setdefault((difference.field, difference.code), difference)
    return tuple(seen.values())


def in_words(found: Iterable[Difference]) -> dict[str, str]:
    """All differences as one text in each language."""
    listed = list(found)
    return {
        "ja": " ".join(difference.message.ja for difference in listed),
        "en": " ".join(difference.message.en for difference in listed),
    }


def as_data(found: Iterable[Difference]) -> list[dict[str, Any]]:
    """For the drift log."""
    return [{"field": one.field, "code": one.code, "ja": one.message.ja, "en": one.message.en} for one in found]
