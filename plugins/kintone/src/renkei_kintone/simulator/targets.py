"""Which stored record an update means: its id, or the value of a unique field; and whether it is still the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.form import App, Record
from renkei_kintone.simulator.values import Rules, taken_apart, units_of

_LONGEST_KEY = 64
_KEY_TYPES = frozenset({"SINGLE_LINE_TEXT", "NUMBER"})


def whole_number(value: Any, path: str, least: int = 1, most: int | None = None) -> int:
    """A number, or a text that is one.

    Raises:
        Refused: it is missing, of another JSON type, no whole number, less than *least* or more than *most*.
    """
    if value is None or value == "":
        raise words.invalid({path: [words.PARAMETER_REQUIRED]})
    if isinstance(value, (list, dict)):
        raise words.bad_json()
    text = str(value)
    digits = text.removeprefix("-")
    if isinstance(value, bool) or not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise words.invalid({path: [words.NOT_AN_INTEGER]})
    if int(text) < least:
        raise words.invalid({path: [words.at_least(least)]})
    if most is not None and int(text) > most:
        raise words.invalid({path: [words.at_most(most)]})
    return int(text)


def expected_revision(value: Any, path: str) -> int:
    """The revision that a change expects, -1 for any."""
    return -1 if value is None else whole_number(value, path, least=-1)


def revision_in(item: Mapping[str, Any], path: str) -> int:
    """The revision that an update expects, -1 for any."""
    return expected_revision(item.get("revision"), f"{path}revision")


def check_revision(current: str, expected: int) -> None:
    """Refuse what was meant for another revision.

    Raises:
        Refused: `GAIA_CO02`.
    """
    if expected not in (-1, int(current)):
        raise words.other_revision()


def by_id(app: App, id: int) -> Record:
    """The record with that id.

    Raises:
        Refused: there is none.
    """
    found = app.records.get(str(id))
    if found is None:
        raise words.no_such_record(str(id))
    return found


class Key:
    """An `updateKey`: a unique field and the value by which it finds a record."""

    def __init__(self, kintone: Kintone, app: App, given: Any, path: str) -> None:
        if not isinstance(given, dict) or isinstance(given.get("value"), (list, dict, bool)):
            raise words.bad_json()
        missing = [f"{path}.{name}" for name in ("field", "value") if given.get(name) in (None, "")]
        if missing:
            raise words.invalid({each: [words.PARAMETER_REQUIRED] for each in missing})
        self.field = str(given["field"])
        self.sent = given["value"]
        item = app.fields.get(self.field)
        if item is None:
            raise words.no_such_field(self.field)
        if item["type"] not in _KEY_TYPES or item.get("unique") is not True:
            raise words.not_a_key(self.field)
        if units_of(str(self.sent)) > _LONGEST_KEY:
            raise words.invalid({f"{path}.value": [words.too_long(_LONGEST_KEY)]})
        self._folds = kintone.unsure.keys_fold and item["type"] == "SINGLE_LINE_TEXT"
        stored, faults = taken_apart({"type": item["type"]}, self.sent, Rules(app.digits, app.decimals, app.rounding))
        if faults:
            raise words.invalid({f"{path}.value": [fault.words for fault in faults]})
        self.value = str(stored)

    @property
    def folded(self) -> str:
        """The value by which two keys are the same."""
        return _folded(self.value) if self._folds else self.value

    def record_in(self, app: App) -> Record | None:
        """The record that holds the value; numbers are the same by what they are worth."""
        held = app.taken.get(self.field, {})
        id = held.get(self.value)
        if id is None and self._folds:
            id = next((found for value, found in held.items() if _folded(value) == self.folded), None)
        return None if id is None else app.records.get(id)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
