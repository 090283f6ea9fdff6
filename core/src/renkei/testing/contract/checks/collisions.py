"""`duplicate` is the word for a key that is taken; for nothing else that is wrong with it, and in any language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

from renkei.spec import Field, TargetSchema, WireRecord
from renkei.testing.contract import acts
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks import told
from renkei.testing.contract.checks.calling import disturbed
from renkei.testing.contract.connection import Connection
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage

Lone = Callable[[Connection, int], WireRecord]
"""Makes a record in which the key field alone is unique."""

_LONG: Final = 20_000
_GONE: Final = object()
_OTHER_WORDS: Final = (
    "Ein Satz in einer anderen Sprache.",
    "別の言い方をした文です。",
    "words that nobody has seen yet",
)


def require_duplicate_means_taken(stage: Stage, lone: Lone) -> None:
    """Fresh keys that are wrong in other ways are no `duplicate`, and nothing is stored beside what is reported.

    They go past `crm_map`, which would refuse most of them: what a schema tells can be ten minutes old.

    Raises:
        Broken: one is.
    """
    good, usual = stage.good, stage.kit.key_field
    field = good.schema.field(usual)
    require(field is not None, f"discovery does not show the kit's key field {usual!r}")
    assert field is not None
    numbers = count(660)
    ways: Sequence[tuple[TargetSchema, str | None, str]] = (
        (good.schema, usual, ""),
        (_without_rules(good.schema, field), usual, ", in a schema whose key field is not unique,"),
        (good.schema, None, ", pushed without a key field,"),
    )
    for what, change in _wrong_keys(field):
        for schema, key_field, how in ways:
            number = next(numbers)
            record = lone(good, number)
            wrong = WireRecord(key=record.key, fields=_changed(record.fields, record.key, change(record.key)))
            before = len(stage.read())
            pushed = good.push([wrong], key_field=key_field, schema=schema)
            added = len(stage.read()) - before
            _require_no_duplicate(pushed, f"a record with {what}{how}", added)
            if added:
                break  # from now on the same value may be taken indeed


def require_duplicate_in_any_language(stage: Stage, lone: Lone) -> None:
    """A refusal in other words is the same refusal, and another one in the words for "taken" is not that one.

    Raises:
        Broken: the words decide.
    """
    good = stage.good
    record = lone(good, 691)
    good.push([record]).require_all_created()
    plain = good.push([record]).require_sound()
    if plain.words()[record.key] != "duplicate":
        return
    names = _names(good.schema, record.key)
    for words in _OTHER_WORDS:
        act = acts.edited(lambda data, words=words: _reworded(data, words, names))  # type: ignore[misc]
        word = _word(disturbed(good, [record], act).pushed)
        require(
            word == "duplicate",
            f"a key is taken, and when the answer says so in other words, {words!r}, its record is {word!r}",
        )
    _require_codes_decide(stage, lone(good, 692), _sentences(told.answer_to(plain.writes), names))


def _require_codes_decide(stage: Stage, record: WireRecord, sentences: Sequence[str]) -> None:
    field = stage.good.schema.field(stage.kit.key_field)
    if field is None or not sentences:
        return
    long = record.key.ljust((field.max_length or _LONG) + 1, "x")
    wrong = WireRecord(key=record.key, fields=_changed(record.fields, record.key, long))
    act = acts.edited(lambda data: _reworded(data, sentences[0], ()), name="the words for a key that is taken")
    before = len(stage.read())
    pushed = disturbed(stage.good, [wrong], act).pushed
    what = "a record whose key is too long, refused in the backend's words for a key that is taken,"
    _require_no_duplicate(pushed, what, len(stage.read()) - before)


def _require_no_duplicate(pushed: Pushed, what: str, added: int) -> None:
    word = _word(pushed)
    require(word != "duplicate", f"{what} was called 'duplicate': its key is fresh, and it would count as delivered")
    if word in ("created", "updated"):
        require(added == 1, f"{what} was called {word!r}, and {added} records were added")
    elif word != "unknown":
        require(not added, f"{what} was stored, and called {word!r}")


def _word(pushed: Pushed) -> str:
    """The plugin's own; core's where there is none: what `crm_map` never made may be too much for a plugin."""
    [one] = pushed.keys
    own = [verdict.verdict for verdict in (pushed.report.verdicts if pushed.report else ()) if verdict.key == one]
    return own[0] if own else pushed.outcome.verdicts[one].verdict


def _wrong_keys(field: Field) -> Iterator[tuple[str, Callable[[str], Any]]]:
    """In words, and the change of a good key."""
    yield "a key that is too long", lambda one: one.ljust((field.max_length or _LONG) + 1, "x")
    yield "a key that is much too long", lambda one: one.ljust((field.max_length or _LONG) + 9_000, "長")
    yield "a NUL in its key", lambda one: f"{one[:5]}\0{one[5:]}"
    yield "half of a surrogate pair in its key", lambda one: f"{one}\ud83d"
    yield "line breaks in its key", lambda one: f"{one}\r\n\n{one}"
    yield "no key in its fields", lambda _one: _GONE
    odd: Sequence[Any] = (None, "", "  ", 7, True, [], {})
    for value in odd:
        yield f"{value!r} for a key", lambda _one, value=value: value  # type: ignore[misc]


def _changed(data: Any, one: str, new: Any) -> Any:
    """A copy of wire data in which *new* stands for the key *one*; with `_GONE`, a field that held it is left out."""
    if isinstance(data, Mapping):
        kept = data.items() if new is not _GONE else [item for item in data.items() if not _holds(item[1], one)]
        return {name: _changed(value, one, new) for name, value in kept}
    if isinstance(data, (list, tuple)):
        return [_changed(value, one, new) for value in data if new is not _GONE or not _holds(value, one)]
    if data == one:
        return new
    return data.replace(one, new) if isinstance(data, str) and isinstance(new, str) else data


def _holds(data: Any, one: str) -> bool:
    if isinstance(data, Mapping):
        return any(_holds(value, one) for value in data.values())
    if isinstance(data, (list, tuple)):
        return any(_holds(value, one) for value in data)
    return isinstance(data, str) and one in data


def _without_rules(schema: TargetSchema, key_field: Field) -> TargetSchema:
    bare = {"unique": False, "required": False, "max_length": None, "min_length": None}
    fields = tuple(one.model_copy(update=bare) if one.code == key_field.code else one for one in schema.fields)
    return TargetSchema(target=schema.target, label=schema.label, fields=fields, warnings=schema.warnings)


def _names(schema: TargetSchema, one: str) -> list[str]:
    """What an answer names things by: that stays in any language."""
    choices = [choice.code for field in schema.fields for choice in field.choices]
    return [one, *(field.code for field in schema.fields), *(field.label for field in schema.fields), *choices]


def _sentences(answer: Any, names: Sequence[str]) -> list[str]:
    return [leaf for _path, leaf in told.leaves(answer) if _is_sentence(leaf) and leaf not in names]


def _is_sentence(leaf: Any) -> bool:
    """Whether it is written for people: codes and paths have no blanks, and are ASCII."""
    return isinstance(leaf, str) and (not leaf.isascii() or any(character.isspace() for character in leaf))


def _reworded(data: Any, words: str, names: Sequence[str]) -> Any:
    for path, leaf in list(told.leaves(data)):
        if _is_sentence(leaf) and leaf not in names:
            named = [name for name in names if len(name) > 2 and name in leaf]
            data = told.replaced(data, path, " ".join([words, *named]))
    return data
