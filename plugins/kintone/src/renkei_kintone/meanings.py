"""What each answer of kintone means: one table from code to error class, causes and remedies in both languages.

The code decides, never the HTTP status: the same conditions have been answered with 400, 403 and 520 over the years.
Sources: kintone's REST API documentation (common errors, authentication, limits) and answers seen from real kintone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from renkei_kintone.lane_meanings import ADD_RECORDS, LANE, MAY_ADD
from renkei_kintone.record_meanings import RECORD
from renkei_kintone.remedies import Meaning, Place, page
from renkei_kintone.settings import KintoneSettings

__all__ = ["ADD_RECORDS", "MAY_ADD", "MEANINGS", "Meaning", "remedy_link"]

MEANINGS: Mapping[str, Meaning] = MappingProxyType({**LANE, **RECORD})
"""kintone's codes as far as they are known, and our own short words for answers without a code."""


def remedy_link(settings: KintoneSettings, code: str) -> str | None:
    """Where in the kintone of *settings* a person puts right what *code* means; None where it is not done there.

    A code that is not known leads to the app's settings.
    """
    meaning = MEANINGS.get(code)
    place = meaning.place if meaning is not None else Place.SETTINGS
    return page(settings, place) if place is not None else None
