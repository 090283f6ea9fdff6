"""From a source's choice to the target's: value table, equal codes, equal labels, and what to do otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from renkei.mapping.names import fold
from renkei.mapping.rules import Rule
from renkei.mapping.source import SourceField
from renkei.mapping.unfit import Unfit
from renkei.spec import Field, FieldType

CHOICE_TYPES = (FieldType.CHOICE, FieldType.CHOICES)
_TRUE_WORDS = ("true", "yes", "はい", "1", "on", "有", "あり", "する", "○")
_FALSE_WORDS = ("false", "no", "いいえ", "0", "off", "無", "なし", "しない", "×")


class NoCounterpart:
    """Marks a code that nothing on the other side corresponds to."""


NO_COUNTERPART: Final = NoCounterpart()


class Counterparts:
    """Finds what a source code is called in the target. Built once per rule."""

    def __init__(self, rule: Rule, source: SourceField | None, target: Field) -> None:
        self._table = rule.choices
        self._labels = source.label_of if source else {}
        self._boolean = source is not None and source.type is FieldType.BOOLEAN
        self._listed = target.type in CHOICE_TYPES
        self._open = not self._listed or target.choices_open
        self._codes = frozenset(choice.code for choice in target.choices)
        self._folded = _unambiguous(target)
        self._known = {code: self._search(code) for code in self._labels}

    def find(self, code: str) -> str | NoCounterpart | None:
        """The target's code, None for "leave it empty", or `NO_COUNTERPART`."""
        if code in self._table:
            return self._table[code]
        return self._known[code] if code in self._known else self._search(code)

    def _search(self, code: str) -> str | NoCounterpart:
        if not self._listed:
            # A table for users is a list of who is whom: somebody who is not on it must not pass for a namesake.
            return NO_COUNTERPART if self._table else code
        if code in self._codes:
            return code
        for name in self._names(code):
            match = self._folded.get(fold(name))
            if match is not None:
                return match
        if not self._open:
            return NO_COUNTERPART
        label = self._labels.get(code)
        return label.ja if label else code

    def _names(self, code: str) -> Iterable[str]:
        yield code
        if code in self._labels:
            yield self._labels[code].ja
            yield self._labels[code].en
        if self._boolean:
            yield from _TRUE_WORDS if code == "true" else _FALSE_WORDS


def _unambiguous(target: Field) -> dict[str, str]:
    """Folded code or label → code, without those that two choices share."""
    found: dict[str, str] = {}
    shared: set[str] = set()
    for choice in target.choices:
        for name in {fold(choice.code), fold(choice.label)} - {""}:
            if found.setdefault(name, choice.code) != choice.code:
                shared.add(name)
    return {name: code for name, code in found.items() if name not in shared}


def unknown_choice() -> Unfit:
    """For a value that has no counterpart where the rule says to reject."""
    return Unfit(
        "unknown_choice",
        ja="値に対応する選択肢が連携先にありません。値の対応表に追加するか、連携先に選択肢を追加してください。",
        en="the value has no counterpart among the target's choices. Add it to the value table, or to the choices.",
    )


def skipped_choice() -> Unfit:
    """The note for a value that was left out because the rule says so."""
    return Unfit(
        "choice_skipped",
        ja="対応する選択肢がない値を、設定に従って省きました。",
        en="a value without counterpart was left out, as the rule says.",
    )


def replaced_choice() -> Unfit:
    """The note for a value that the rule's fallback stands for."""
    return Unfit(
        "choice_replaced",
        ja="対応する選択肢がない値を、設定に従って代替値に置き換えました。",
        en="a value without counterpart was replaced by the fallback, as the rule says.",
    )
