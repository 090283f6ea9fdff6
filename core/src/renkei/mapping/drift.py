"""What changed in a target since the mapping was made, in plain words, as far as the mapping cares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from renkei.mapping.rules import Mapping, Rule
from renkei.mapping.unfit import named_target
from renkei.spec import Field, FieldType, TargetSchema, Text


@dataclass(frozen=True, slots=True)
class Difference:
    """One change that matters: at which field, a stable code, and a sentence for an admin."""

    field: str
    code: str
    message: Text


def differences(old: TargetSchema, new: TargetSchema, mapping: Mapping) -> tuple[Difference, ...]:
    """What differs between two discoveries of one target, for mapped, key and required fields.

    What only became wider (a longer text, a new choice, no longer required) is not told: it breaks nothing.
    """
    return tuple(_between(old.fields, new.fields, mapping.rules, mapping.key_field))


def _between(
    old: Iterable[Field], new: Iterable[Field], rules: Iterable[Rule], key_field: str | None
) -> Iterator[Difference]:
    was, now = {field.code: field for field in old}, {field.code: field for field in new}
    mapped = set()
    for rule in rules:
        mapped.add(rule.target)
        before, after = was.get(rule.target), now.get(rule.target)
        if after is None:
            yield _gone(before, rule.target)
        elif before is not None:
            yield from _changes(before, after, rule, is_key=rule.target == key_field)
    for after in now.values():
        if after.code not in mapped and _needed(after):
            before = was.get(after.code)
            if before is None or not _needed(before):
                yield _now_required(after)


def _needed(field: Field) -> bool:
    return field.required and not field.has_default and field.writable


def _difference(field: Field, code: str, ja: str, en: str) -> Difference:
    named = named_target(field)
    return Difference(field.code, code, Text(ja=f"{named.ja}: {ja}", en=f"{named.en}: {en}"))


def _gone(before: Field | None, code: str) -> Difference:
    field = before or Field(code=code, label="", type=FieldType.TEXT, native_type="")
    return _difference(
        field,
        "gone",
        "項目が削除されたか、フィールドコードが変わりました。マッピングを選び直してください。",
        "the field was deleted, or its code was changed. Map it anew.",
    )


def _now_required(field: Field) -> Difference:
    return _difference(
        field,
        "now_required",
        "必須になりましたが、マッピングされていません。マッピングするか、必須を外してください。",
        "it is required now but not mapped. Map it, or make it optional.",
    )


def _type_name(field: Field) -> Text:
    return field.native_name or Text(ja=field.native_type, en=field.native_type)


def _changes(before: Field, after: Field, rule: Rule, *, is_key: bool) -> Iterator[Difference]:
    if before.type is not after.type or before.native_type != after.native_type:
        named = _type_name(before), _type_name(after)
        yield _difference(
            after,
            "type_changed",
            f"型が{named[0].ja}から{named[1].ja}に変わりました。マッピングを確認してください。",
            f"its type changed from {named[0].en} to {named[1].en}. Check its rule.",
        )
    if before.writable and not after.writable:
        yield _difference(
            after,
            "not_writable",
            "書き込めない項目になりました。別の項目に割り当ててください。",
            "it can no longer be written. Map another field.",
        )
    if _needed(after) and not _needed(before):
        yield _difference(
            after,
            "now_required",
            "必須になりました。値のない行動のために、代替値を設定してください。",
            "it is required now. Give its rule a fallback for actions without a value.",
        )
    if is_key and before.unique and not after.unique:
        yield _difference(
            after,
            "key_not_unique",
            "連携キーの項目が値の重複を許すようになりました。重複禁止に戻してください。",
            "the field of the delivery key is no longer unique. Make it unique again.",
        )
    yield from _choices_gone(before, after, rule)
    yield from _tightened(before, after)
    if rule.columns:
        yield from (_in_table(one, after) for one in _between(before.fields, after.fields, rule.columns, None))


def _in_table(column: Difference, table: Field) -> Difference:
    named = named_target(table)
    message = Text(ja=f"{named.ja}の列、{column.message.ja}", en=f"{named.en}, column {column.message.en}")
    return Difference(table.code, column.code, message)


def _choices_gone(before: Field, after: Field, rule: Rule) -> Iterator[Difference]:
    """Choices that are gone: those that the value table leads to, or any where there is no table."""
    if after.choices_open:
        return
    now = {choice.code for choice in after.choices}
    gone = [choice.code for choice in before.choices if choice.code not in now]
    fixed = [code for code in (rule.constant, rule.fallback) if isinstance(code, str)]
    used = {*rule.choices.values(), *fixed}
    concerned = [code for code in gone if code in used or (rule.constant is None and not rule.choices)]
    if concerned:
        listed = ", ".join(repr(code) for code in concerned)
        yield _difference(
            after,
            "choice_gone",
            f"選択肢{listed}がなくなりました。値の対応表を選び直すか、選択肢を戻してください。",
            f"the choices {listed} are gone. Change the value table, or bring them back.",
        )


def _tightened(before: Field, after: Field) -> Iterator[Difference]:
    if after.max_length is not None and (
        _lowered(before.max_length, after.max_length) or before.length_unit is not after.length_unit
    ):
        yield _difference(
            after,
            "limit_tightened",
            f"長さの上限が{after.max_length}になりました。長い値の扱いを確認してください。",
            f"at most {after.max_length} fit now. Check what its rule does with long values.",
        )
    elif _narrower(before, after):
        yield _difference(
            after,
            "limit_tightened",
            "入る値の範囲が狭くなりました。マッピングを確認してください。",
            "it takes fewer values than before. Check its rule.",
        )


def _narrower(before: Field, after: Field) -> bool:
    return (
        _lowered(before.maximum, after.maximum)
        or _lowered(before.digits, after.digits)
        or _lowered(before.decimals, after.decimals)
        or _raised(before.minimum, after.minimum)
        or _raised(before.min_length, after.min_length)
    )


def _lowered(before: int | Decimal | None, after: int | Decimal | None) -> bool:
    """Whether an upper bound excludes now what it allowed before."""
    return after is not None and (before is None or after < before)


def _raised(before: int | Decimal | None, after: int | Decimal | None) -> bool:
    """Whether a lower bound excludes now what it allowed before."""
    return after is not None and (before is None or after > before)
