"""Suggesting rules: by label, code and type, with Japanese names in mind. A person confirms them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from renkei.mapping.conversion import TEXTS, compatible
from renkei.mapping.counterpart import CHOICE_TYPES, Counterparts
from renkei.mapping.names import fold_name
from renkei.mapping.rules import Rule
from renkei.mapping.source import ALWAYS_THERE, DELIVERY_KEY, DELIVERY_KEY_LENGTH, SourceField, SourceSchema
from renkei.mapping.synonyms import names_of_fields, other_names_of_choice
from renkei.mapping.unfit import named_source
from renkei.spec import Field, FieldType, TargetSchema, Text

T = FieldType

_SAME, _SYNONYM, _PART, _LEAST = 0.95, 0.88, 0.55, 0.45
_SHORTEST_PART = 2
_KEY_WORDS = tuple(map(fold_name, ("キー", "key", "連携", "ID")))
_KINDRED = (
    {T.TEXT, T.LONG_TEXT},
    {T.LONG_TEXT, T.HTML},
    {T.INTEGER, T.NUMBER},
    {T.CHOICE, T.CHOICES},
    {T.USER, T.USERS},
    {T.EMAIL, T.EMAILS},
    {T.PHONE, T.PHONES},
    {T.DATETIME, T.DATE},
    {T.EMAIL, T.TEXT},
    {T.EMAILS, T.TEXT},
    {T.EMAILS, T.LONG_TEXT},
    {T.PHONE, T.TEXT},
    {T.URL, T.TEXT},
    {T.CHOICE, T.TEXT},
)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One proposed rule.

    Attributes:
        rule: ready to use.
        confidence: from 0 to 1; above 0.8 the names say the same, below 0.6 it is worth a look, below 0.5 it should
            not be taken without one.
        reason: why, for the admin who decides.
    """

    rule: Rule
    confidence: float
    reason: Text


def suggest(source: SourceSchema, target: TargetSchema) -> tuple[Suggestion, ...]:
    """Propose at most one rule per target field, and each source field at most once, in the target's order.

    Only writable fields and compatible types are proposed. A unique text field for the delivery key comes first.
    """
    key = _suggest_key(source, target)
    found = {key.rule.target: key} if key else {}
    used = {DELIVERY_KEY}
    for score, _order, offered, field, exact in sorted(_candidates(source, target), key=lambda item: item[:2]):
        if field.code in found or offered.key in used:
            continue
        rule = _rule(offered, field)
        if rule is None:
            continue
        found[field.code] = Suggestion(rule, _confidence(-score, rule, offered, field), _reason(offered, exact))
        used.add(offered.key)
    return tuple(found[field.code] for field in target.fields if field.code in found)


def _candidates(
    source: SourceSchema, target: TargetSchema
) -> Iterator[tuple[float, tuple[int, int], SourceField, Field, bool]]:
    """Pairs worth a thought: negative score first, so that sorting puts the best in front."""
    named = [(field, _names(field)) for field in target.fields if field.writable and not _speaks_in_codes(field)]
    for row, offered in enumerate(source.fields):
        if offered.key == DELIVERY_KEY:
            continue
        own = {fold_name(name) for name in (offered.label.ja, offered.label.en, offered.key)}
        others = names_of_fields().get(offered.key, frozenset())
        for column, (field, names) in enumerate(named):
            if not compatible(offered.type, field):
                continue
            likeness = _likeness(names, own, others)
            score = likeness - _strangeness(offered, field) + (0.01 if offered.core else 0.0)
            if likeness and score >= _LEAST:
                yield -score, (row, column), offered, field, likeness == _SAME


def _speaks_in_codes(field: Field) -> bool:
    """Whether its values are codes of things that no name tells: organisations, groups, records of another target.

    Such a rule may be right, but whoever makes it must know the codes; proposed by name, it refuses whole requests.
    """
    return field.type in (T.ORGANIZATIONS, T.GROUPS) or field.references is not None


def _names(field: Field) -> tuple[str, ...]:
    names = (fold_name(field.label), fold_name(field.code))
    return tuple(dict.fromkeys(name for name in names if name))


def _likeness(names: tuple[str, ...], own: set[str], others: frozenset[str]) -> float:
    """How much the names of a target field say what the source field is."""
    if any(name in own for name in names):
        return _SAME
    if any(name in others for name in names):
        return _SYNONYM
    best = 0.0
    for name in names:
        for word in own | others:
            shorter, longer = sorted((name, word), key=len)
            if len(shorter) >= _SHORTEST_PART and not shorter.isascii() and longer.endswith(shorter):
                best = max(best, _PART + 0.2 * len(shorter) / len(longer))
    return best


def _strangeness(offered: SourceField, field: Field) -> float:
    """What is taken off because the types differ."""
    if offered.type is field.type:
        return 0.0
    return 0.04 if any({offered.type, field.type} == pair for pair in _KINDRED) else 0.1


def _rule(offered: SourceField, field: Field) -> Rule | None:
    """The rule, with what it needs to pass `check`; None where it could not."""
    options: dict[str, Any] = {}
    if field.type in CHOICE_TYPES:
        table = _choice_options(offered, field)
        if table is None:
            return None
        options = table
    needed = field.required and not field.has_default
    if needed and offered.key not in ALWAYS_THERE and field.type in TEXTS:
        options["fallback"] = _absent_words(field)
    if field.type in TEXTS and field.max_length is not None:
        options["too_long"] = "cut"
    return Rule(target=field.code, source=offered.key, **options)


def _absent_words(field: Field) -> str:
    words = f"({field.label or field.code}なし)"
    return words if field.max_length is None or field.length_unit.measure(words) <= field.max_length else "-"


def _choice_options(offered: SourceField, field: Field) -> dict[str, Any] | None:
    """Value table and policy for a choice field; None where too little corresponds."""
    if field.choices_open:
        return {}
    codes = ["true", "false"] if offered.type is T.BOOLEAN else list(offered.label_of)
    table, explicit = _table(codes, offered, field)
    missing = [code for code in codes if table.get(code) is None]
    if offered.type is T.BOOLEAN and len(field.choices) == 1 and field.type is T.CHOICES:
        return {"choices": {"true": field.choices[0].code, "false": None}}
    if codes and len(missing) * 2 > len(codes):
        return None
    options: dict[str, Any] = {"choices": table} if explicit else {}
    if missing or not codes:
        other = _other(field) if field.required and not field.has_default else None
        if field.required and not field.has_default and other is None:
            return None
        options |= {"other_choice": "fallback", "fallback": other} if other else {"other_choice": "skip"}
    return options


def _table(codes: list[str], offered: SourceField, field: Field) -> tuple[dict[str, str], bool]:
    """Source code → target code where one corresponds, and whether a table has to say so."""
    plain = Counterparts(Rule(target=field.code, source=offered.key), offered, field)
    table: dict[str, str] = {}
    explicit = False
    for code in codes:
        match = plain.find(code)
        if not isinstance(match, str):
            match = _similar(code, offered, field)
            explicit = explicit or match is not None
        if isinstance(match, str):
            table[code] = match
    return table, explicit


def _similar(code: str, offered: SourceField, field: Field) -> str | None:
    """The one choice of *field* whose name means the same as *code*; closest names first."""
    label = offered.label_of.get(code)
    own = {fold_name(code)} | ({fold_name(label.ja), fold_name(label.en)} if label else set())
    for names in (own, other_names_of_choice(code)):
        found = [choice.code for choice in field.choices if names & {fold_name(choice.code), fold_name(choice.label)}]
        if len(found) == 1:
            return found[0]
    return None


def _other(field: Field) -> str | None:
    names = other_names_of_choice("other")
    for choice in field.choices:
        if names & {fold_name(choice.code), fold_name(choice.label)}:
            return choice.code
    return None


def _confidence(score: float, rule: Rule, offered: SourceField, field: Field) -> float:
    if offered.type in (T.USER, T.USERS) and field.type in (T.USER, T.USERS):
        score -= 0.5  # the names agree, but the users' codes may not: a table is needed where they differ
    if rule.other_choice != "reject":
        score -= 0.15
    return round(min(1.0, max(0.05, score)), 2)


def _reason(offered: SourceField, exact: bool) -> Text:
    origin = named_source(offered)
    if exact:
        return Text(ja=f"名前が{origin.ja}と一致しています。", en=f"The names are the same as those of {origin.en}.")
    return Text(ja=f"名前が{origin.ja}と同じ意味に読めます。", en=f"The names mean the same as {origin.en}.")


def _suggest_key(source: SourceSchema, target: TargetSchema) -> Suggestion | None:
    """A unique, writable, long enough text field: the one whose name speaks of a key, else any not better matched."""
    if source.field(DELIVERY_KEY) is None:
        return None
    fields = [
        field
        for field in target.fields
        if field.writable
        and field.unique
        and field.type is T.TEXT
        and (field.max_length is None or field.max_length >= DELIVERY_KEY_LENGTH)
    ]
    for rank, word in enumerate(_KEY_WORDS):
        for field in fields:
            if any(word in name for name in _names(field)) and not (
                rank == len(_KEY_WORDS) - 1 and _taken(field, source)
            ):
                return _key_suggestion(field, 0.95 - 0.05 * rank)
    for field in fields:
        if not _taken(field, source):
            return _key_suggestion(field, 0.6)
    return None


def _taken(field: Field, source: SourceSchema) -> bool:
    """Whether the names of *field* say clearly that it is for something else."""
    names = _names(field)
    for offered in source.fields:
        if offered.key == DELIVERY_KEY:
            continue
        own = {fold_name(name) for name in (offered.label.ja, offered.label.en, offered.key)}
        if _likeness(names, own, names_of_fields().get(offered.key, frozenset())) >= _SYNONYM:
            return True
    return False


def _key_suggestion(field: Field, confidence: float) -> Suggestion:
    return Suggestion(
        Rule(target=field.code, source=DELIVERY_KEY),
        round(confidence, 2),
        Text(
            ja="値の重複を許さない文字列の項目です。連携キーを入れると、同じ行動が二重に記録されません。",
            en="A unique text field: with the delivery key in it, no action is recorded twice.",
        ),
    )
