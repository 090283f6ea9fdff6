"""Rendering: one action's raw values → the values of one record, compiled once per revision.

Nothing here raises because of a value. What a field cannot take becomes a problem of that field, and the record is
not sent; what was changed to make a value fit becomes a note, and the record is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from renkei.mapping.characters import one_line
from renkei.mapping.conversion import TEXTS, compatible, constant, converter
from renkei.mapping.fitting import Notes, fitter
from renkei.mapping.reading import read
from renkei.mapping.rows import lists_of, rows_of
from renkei.mapping.rules import Mapping, Rule
from renkei.mapping.source import DELIVERY_KEY, SourceField, SourceSchema
from renkei.mapping.template import BadTemplate, Template
from renkei.mapping.unfit import Unfit, named_source, named_target
from renkei.spec import Field, FieldType, FrozenDict, Problem, TargetSchema, Text, Value

RenderField = Callable[[AnyMapping[str, Any], str, Notes], Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """What rendering made of one action.

    Attributes:
        values: target field code → canonical value; what is empty is absent.
        problems: by field; with any of them the record must not be sent.
        notes: by field, what was cut, left out or replaced as the rules say.
    """

    values: dict[str, Value]
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


def zone_of(name: str) -> ZoneInfo | None:
    """The zone of that IANA name, None where there is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # a name that is a path, or that no zone has
        return None
    except KeyError:
        return None


@dataclass(slots=True)
class _Draft:
    """A record, or a row of one, while it is being rendered."""

    record: dict[str, Value] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def require(self, fields: Iterable[Field]) -> None:
        """Each of *fields* that has no value is a problem, unless what is wrong with it was said already."""
        said = {problem.field for problem in self.problems}
        missing = (one for one in fields if one.code not in self.record and one.code not in said)
        self.problems.extend(_missing(one) for one in missing)


class Renderer:
    """One revision's mapping, compiled against the schemas of both sides. Made by `renderer`."""

    def __init__(self, mapping: Mapping, source: SourceSchema, target: TargetSchema) -> None:
        zone = zone_of(mapping.time_zone)
        self._fields = [_compiled(rule, source, target.field(rule.target), zone) for rule in mapping.rules]
        self._required = [field for field in target.fields if field.required and not field.has_default]

    def render(self, values: AnyMapping[str, Any], *, key: str) -> Rendered:
        """The record for one action.

        Args:
            values: flat raw values, as `load_values` gives them; unknown keys are ignored.
            key: the delivery key.
        """
        draft = _Draft()
        for one in self._fields:
            one.render(values, key, draft)
        draft.require(self._required)
        return Rendered(draft.record, tuple(draft.problems), tuple(draft.notes))


def renderer(mapping: Mapping, source: SourceSchema, target: TargetSchema) -> Renderer:
    """Compile *mapping*. A rule that cannot work (`check` would have said so) gives its problem with every action."""
    return Renderer(mapping, source, target)


class _CompiledField:
    """One rule, ready to run."""

    def __init__(self, rule: Rule, source: SourceSchema, field: Field | None, zone: ZoneInfo | None) -> None:
        self._target = rule.target
        self._named = named_target(field) if field else Text(ja=f"「{rule.target}」", en=repr(rule.target))
        self._origin: Text | None = None
        offered = source.field(rule.source) if rule.source else None
        if offered:
            self._origin = named_source(offered)
        try:
            self._work = _compile(rule, source, field, zone)
        except Unfit as unfit:
            self._work = partial(_refuse, unfit)

    def render(self, values: AnyMapping[str, Any], key: str, draft: _Draft) -> None:
        noted: Notes = []
        try:
            value = self._work(values, key, noted)
        except Unfit as unfit:
            draft.problems.append(unfit.problem(self._target, self._named, self._origin))
            return
        if value is not None:
            draft.record[self._target] = value
        if noted:
            told = {note.code: note for note in noted}  # one note of a kind, however many values it concerns
            draft.notes.extend(note.problem(self._target, self._named, self._origin) for note in told.values())


class _CompiledTable:
    """One rule of a table, ready to run."""

    def __init__(self, rule: Rule, source: SourceSchema, field: Field, zone: ZoneInfo) -> None:
        self._target = field.code
        self._named = named_target(field)
        self._lists = lists_of(rule, source)
        by_code = {column.code: column for column in field.fields}
        self._columns = [_CompiledField(column, source, by_code.get(column.target), zone) for column in rule.columns]
        # Where lists make the rows, a row without any of their items says nothing.
        self._telling = {column.target for column in rule.columns if not self._lists or column.source in self._lists}
        self._required = [
            column for column in field.fields if column.required and not column.has_default and column.writable
        ]

    def render(self, values: AnyMapping[str, Any], key: str, draft: _Draft) -> None:
        rows: list[FrozenDict[str, Any]] = []
        for number, seen in enumerate(rows_of(values, self._lists), start=1):
            row = _Draft()
            for column in self._columns:
                column.render(seen, key, row)
            draft.notes.extend(self._placed(note, number) for note in row.notes)
            if not row.problems and self._telling.isdisjoint(row.record):
                continue
            row.require(self._required)
            draft.problems.extend(self._placed(problem, number) for problem in row.problems)
            rows.append(FrozenDict(row.record))
        if rows:
            draft.record[self._target] = tuple(rows)

    def _placed(self, problem: Problem, number: int) -> Problem:
        ja = f"{self._named.ja}の{number}行目、{problem.message.ja}"
        en = f"{self._named.en}, row {number}, {problem.message.en}"
        return Problem(field=self._target, code=problem.code, message=Text(ja=ja, en=en))


def _compiled(
    rule: Rule, source: SourceSchema, field: Field | None, zone: ZoneInfo | None
) -> _CompiledField | _CompiledTable:
    if rule.columns and field is not None and field.type is FieldType.TABLE and field.writable and zone is not None:
        return _CompiledTable(rule, source, field, zone)
    return _CompiledField(rule, source, field, zone)


def _refuse(unfit: Unfit, _values: AnyMapping[str, Any], _key: str, _notes: Notes) -> Any:
    raise Unfit(unfit.code, ja=unfit.ja, en=unfit.en)


def _compile(rule: Rule, source: SourceSchema, field: Field | None, zone: ZoneInfo | None) -> RenderField:
    """The function that renders *rule*.

    Raises:
        Unfit: it can never work.
    """
    if field is None:
        raise Unfit("unknown_target", ja="連携先にこの項目がありません。", en="the target has no such field.")
    if not field.writable:
        raise Unfit("not_writable", ja="書き込めない項目です。", en="the field cannot be written.")
    if zone is None:
        raise Unfit(
            "bad_time_zone", ja="マッピングの時間帯がありません。", en="the mapping's time zone does not exist."
        )
    if rule.source is not None:
        fetch, offered = _from_source(rule.source, source), source.field(rule.source)
    elif rule.template is not None:
        fetch, offered = _from_template(rule.template, source, zone, field.type), None
    elif rule.columns:
        raise Unfit("not_a_table", ja="テーブルの項目ではありません。", en="the field is no table.")
    else:
        return _fixed(rule, field, rule.constant)
    if not compatible(offered.type if offered else FieldType.TEXT, field):
        raise Unfit("not_compatible", ja="型を変換できません。", en="the types cannot be converted.")
    return _pipeline(rule, offered, field, zone, fetch)


def _pipeline(
    rule: Rule,
    offered: SourceField | None,
    field: Field,
    zone: ZoneInfo,
    fetch: Callable[[AnyMapping[str, Any], str], Any],
) -> RenderField:
    convert = converter(rule, offered, field, zone)
    fit = fitter(rule, field)
    instead = _fixed(rule, field, rule.fallback)
    text = field.type in TEXTS

    def work(values: AnyMapping[str, Any], key: str, notes: Notes) -> Any:
        value = fetch(values, key)
        if value is None:
            return instead(values, key, notes)
        value = convert(value, notes)
        if value is None:
            # A text that turned out blank is missing; a choice that was left empty on purpose is not.
            return instead(values, key, notes) if text else None
        return value if fit is None else fit(value, notes)

    return work


def _from_source(key: str, source: SourceSchema) -> Callable[[AnyMapping[str, Any], str], Any]:
    if key == DELIVERY_KEY:
        return lambda _values, delivery_key: delivery_key
    offered = source.field(key)
    if offered is None:
        raise Unfit("unknown_source", ja="連携元にこの項目がありません。", en="the host offers no such source field.")
    kind = offered.type
    return lambda values, _key: read(kind, values.get(key))


def _from_template(
    text: str, source: SourceSchema, zone: ZoneInfo, kind: FieldType
) -> Callable[[AnyMapping[str, Any], str], Any]:
    try:
        template = Template(text, source, zone, html=kind is FieldType.HTML)
    except BadTemplate as bad:
        raise Unfit("bad_template", ja=bad.ja, en=bad.en) from None
    if kind in TEXTS:
        return lambda values, key: read(FieldType.TEXT, template.render(values, key))
    return lambda values, key: read(FieldType.TEXT, one_line(template.render(values, key)).strip())


def _fixed(rule: Rule, field: Field, raw: Any) -> RenderField:
    """The same value for every action: a constant, or the fallback.

    Raises:
        Unfit: the field cannot take it.
    """
    value = constant(field, raw)
    fit = fitter(rule, field)
    if value is not None and fit is not None:
        value = fit(value, [])
    return lambda _values, _key, _notes: value


def check_constant(rule: Rule, field: Field, raw: Any) -> bool:
    """Whether *raw* is empty as a value of *field*.

    Raises:
        Unfit: the field cannot take it.
    """
    return _fixed(rule, field, raw)({}, "", []) is None


def _missing(field: Field) -> Problem:
    named = named_target(field)
    return Problem(
        field=field.code,
        code="required",
        message=Text(
            ja=f"{named.ja}: 必須項目ですが、入れる値がありません。マッピングで代替値を設定してください。",
            en=f"{named.en}: the field is required, but there is no value for it. Give its rule a fallback.",
        ),
    )
