"""Checks C03 and C07: what discovery says of a field is what the backend does with it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from renkei.spec import Choice, Field, FieldType, TargetSchema, Value
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks.holdings import prepared
from renkei.testing.contract.checks.trials import Trial, Trials, blamed, loosened
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.values import UNKNOWABLE, differences, sample, settable

_PLAIN = (FieldType.TEXT, FieldType.LONG_TEXT, FieldType.URL)
_NUMBERS = (FieldType.NUMBER, FieldType.INTEGER)
_CHOSEN = (FieldType.CHOICE, FieldType.CHOICES)
_UNLIMITED = 1_000  # characters that a field without a limit has to take
_LONGEST = 20_000  # a limit beyond it is not tried: it says nothing that shorter ones do not
_MOST_CHOICES = 20
_NO_CHOICE = "no-such-choice-of-the-suite"


class TruthChecks:
    """Checks C03 and C07."""

    @check("C03", traffic=True)
    def test_c03_the_schema_tells_the_backends_rules(self, stage: Stage) -> None:
        """Required, unique, lengths, ranges, choices, defaults and writable are what the backend enforces.

        Why: an admin builds the mapping by them, and crm_map goes by them. A rule that is told wrong rejects records
        that would have been stored, or lets through records that the backend rejects one by one in the night.
        Mend: take each rule from the backend's own description of the field, count lengths in the unit in which it
        counts, and leave unset what it does not limit.
        """
        good = prepared(stage)
        trials = Trials(good)
        fields = _tried(good)
        _require_bare_record(good, trials)
        trials.require_refused([trial for field in fields for trial in _refused(good.schema, trials, field)])
        trials.require_taken([trial for field in fields for trial in _taken(trials, field)])
        _require_uniqueness(stage, good, trials, fields)
        _require_defaults(good, trials)
        _require_not_writable(good, trials)

    @check("C07", traffic=True)
    def test_c07_what_is_called_writable_can_be_written(self, stage: Stage) -> None:
        """Every field that is called writable keeps what is sent for it; one that is not says why.

        Why: a computed, filled or system field is offered in the mapping screen, the admin maps it, and every record
        is refused, or what was sent for it is lost without a word.
        Mend: set `writable=False` and `why_not` for whatever the backend fills by itself; where it does not tell which
        fields those are (a lookup whose settings are hidden), say so in the schema's `warnings`.
        """
        good = prepared(stage)
        schema = good.schema
        for field in schema.fields:
            require(field.writable or field.why_not, f"field {field.code!r} is not writable and does not say why")
            opaque = field.type is FieldType.OPAQUE
            require(not (opaque and field.writable), f"field {field.code!r} is opaque and called writable")
        hidden = stage.kit.filled & {field.code for field in schema.fields if field.writable}
        require(
            schema.warnings or not hidden,
            f"the backend fills {sorted(hidden)} although they look writable, and discovery has no warning",
        )
        _require_examples(stage, good)
        _require_kept(stage, good)
        _require_nothing_else_filled(stage, good)


def _tried(connection: Connection) -> list[Field]:
    """The writable fields that values can be made for."""
    kit = connection.stage.kit
    return [field for field in settable(connection.schema, kit.examples) if field.code not in kit.filled]


def _require_examples(stage: Stage, good: Connection) -> None:
    """Of users, organizations and groups only the kit knows some: without them nobody can say what is written."""
    people = UNKNOWABLE - {FieldType.FILES, FieldType.TABLE}
    untried = [
        field.code
        for field in good.schema.fields
        if field.writable and field.type in people and not stage.kit.examples.get(field.code)
    ]
    require(not untried, f"fields {untried} are called writable, and the kit's `examples` has no values for them")


def _require_kept(stage: Stage, good: Connection) -> None:
    """A record with a value for every writable field is stored as it was sent."""
    for number in (1, 2, 3):
        values = good.values(number)
        result = good.map(values, key=key(number))
        codes = sorted({f"{problem.field}: {problem.code}" for problem in result.problems})
        require(result.record is not None, f"crm_map refuses values for fields that are called writable: {codes}")
        assert result.record is not None
        pushed = good.push([result.record])
        stored = {record.values.get(stage.kit.key_field): record for record in stage.read()}.get(key(number))
        if stored is None:
            _name_the_liar(good)
            named = ", ".join(blamed(pushed)) or f"{pushed.stopped_by!r}"
            broken(f"a record with a value for each writable field was not stored ({named})")
        lost = differences(good.schema, values, stored.values)
        require(not lost, f"fields are called writable, and what was sent for them was not kept: {sorted(lost)}")


def _name_the_liar(good: Connection) -> None:
    trials = Trials(good)
    for field in _tried(good):
        sent = sample(field, good.stage.kit.examples, trials.number())
        values = {**trials.base(), field.code: sent}
        trials.require_taken([Trial(field=field, values=values, claim="is called writable")])


def _require_nothing_else_filled(stage: Stage, good: Connection) -> None:
    """What the backend puts into a field by itself is a default that was told, or no writable field."""
    trials = Trials(good)
    values = trials.base()
    before = {record.id for record in stage.read()}
    good.push([good.wire_record(values, key=key(900))])
    new = [record for record in stage.read() if record.id not in before]
    require(len(new) == 1, "a record with its required fields alone was not stored")
    for code in sorted(new[0].values.keys() - values.keys()):
        field = good.schema.field(code)
        explained = field is None or field.has_default or not field.writable or code in stage.kit.filled
        require(
            explained, f"the backend filled field {code!r} by itself, which is told as writable and without a default"
        )


def _require_bare_record(good: Connection, trials: Trials) -> None:
    """What is not called required may be left out."""
    first = good.schema.fields[0]
    stored = trials.stored(Trial(field=first, values=trials.base(), claim=""))
    require(stored, "a record with every field that is called required was refused: another one is required, too")


def _refused(schema: TargetSchema, trials: Trials, field: Field) -> Iterator[Trial]:
    """Records that the backend must not take if *field* is as it is told."""
    code = field.code

    def trial(claim: str, value: Value, **changes: object) -> Trial:
        return Trial(
            field=field, values={**trials.base(), code: value}, claim=claim, schema=loosened(schema, code, **changes)
        )

    if field.required and not field.has_default:
        let_through = loosened(schema, code, required=False)
        yield Trial(field=field, values=trials.base(without=code), claim="is called required", schema=let_through)
    if _fits(field.max_length, field):
        assert field.max_length is not None
        too_long = _text(field, field.max_length + 1, trials.number())
        yield trial(f"is said to hold at most {field.max_length}", too_long, max_length=None)
    if field.min_length is not None and field.min_length > 1 and field.type in _PLAIN[:2]:
        too_short = "あ" * (field.min_length - 1)
        if field.length_unit.measure(too_short) < field.min_length:
            yield trial(f"is said to hold at least {field.min_length}", too_short, min_length=None)
    if field.type in _CHOSEN and not field.choices_open:
        more = (*field.choices, Choice(code=_NO_CHOICE))
        yield trial("is said to take its choices alone", _other_choice(field), choices=more)
    if field.type in _NUMBERS:
        for value, bound in _beyond(field):
            limits = {"minimum": None, "maximum": None, "decimals": None, "digits": None}
            yield trial(f"is said to take no number beyond its {bound}", value, **limits)


def _taken(trials: Trials, field: Field) -> Iterator[Trial]:
    """Records that the backend must take if *field* is as it is told."""

    def trial(claim: str, value: Value) -> Trial:
        return Trial(field=field, values={**trials.base(), field.code: value}, claim=claim)

    if field.references is not None:
        return  # it takes what the other target holds, and nothing that is made up
    if _fits(field.max_length, field):
        assert field.max_length is not None
        yield trial(f"is said to hold {field.max_length}", _text(field, field.max_length, trials.number()))
    elif field.max_length is None and field.type in _PLAIN[:2]:
        yield trial("is said to have no limit", _text(field, _UNLIMITED, trials.number()))
    if field.type in _CHOSEN:
        for choice in field.choices[:_MOST_CHOICES]:
            one = choice.code if field.type is FieldType.CHOICE else (choice.code,)
            yield trial(f"is said to take the choice {choice.code!r}", one)
        if field.choices_open:
            yield trial("is said to take other choices, too", _other_choice(field))
    if field.type in _NUMBERS:
        for value, bound in _at_bounds(field):
            yield trial(f"is said to take a number at its {bound}", value)


def _other_choice(field: Field) -> Value:
    return _NO_CHOICE if field.type is FieldType.CHOICE else (_NO_CHOICE,)


def _fits(length: int | None, field: Field) -> bool:
    shortest = 40 if field.type is FieldType.URL else 12  # room for what makes a text of its own
    return length is not None and shortest <= length <= _LONGEST and field.type in _PLAIN


def _text(field: Field, length: int, number: int) -> str:
    """*length* in the field's unit, with one character that the units count differently; no two are the same."""
    text = f"https://desk.example/{number}" if field.type is FieldType.URL else f"{number}😀"
    measure = field.length_unit.measure
    return text + "a" * (length - measure(text))


def _at_bounds(field: Field) -> Iterator[tuple[Value, str]]:
    for bound, name in ((field.minimum, "minimum"), (field.maximum, "maximum")):
        if bound is not None:
            yield _number(field, bound), name
    if field.type is FieldType.NUMBER and field.decimals is not None:
        finest = _inside(field) + Decimal(1).scaleb(-field.decimals)
        if _within(field, finest):
            yield finest, "decimals"


def _beyond(field: Field) -> Iterator[tuple[Value, str]]:
    if field.minimum is not None:
        yield _number(field, field.minimum - 1), "minimum"
    if field.maximum is not None:
        yield _number(field, field.maximum + 1), "maximum"
    if field.type is FieldType.NUMBER and field.decimals is not None:
        finer = _inside(field) + Decimal(1).scaleb(-field.decimals - 1)
        if _within(field, finer):
            yield finer, "decimals"


def _number(field: Field, value: Decimal) -> Value:
    return int(value) if field.type is FieldType.INTEGER else value


def _inside(field: Field) -> Decimal:
    return field.minimum if field.minimum is not None else min(Decimal(1), field.maximum or Decimal(1))


def _within(field: Field, value: Decimal) -> bool:
    return (field.minimum is None or value >= field.minimum) and (field.maximum is None or value <= field.maximum)


def _require_uniqueness(stage: Stage, good: Connection, trials: Trials, fields: list[Field]) -> None:
    unique = [field for field in fields if field.unique]
    if stage.manifest.uniqueness == "none":
        names = [field.code for field in unique]
        require(not names, f"the manifest says that nothing is enforced as unique, and the schema calls {names} so")
    shared = trials.number()
    for field in unique:
        value = sample(field, stage.kit.examples, shared)
        first = Trial(field=field, values={**trials.base(), field.code: value}, claim="is called unique")
        trials.require_taken([first])
        count = len(stage.read())
        trials.stored(Trial(field=field, values={**trials.base(), field.code: value}, claim="is called unique"))
        require(
            len(stage.read()) == count, f"field {field.code!r} is called unique, and a second record has its value now"
        )
    for _ in range(2):
        values = {field.code: sample(field, stage.kit.examples, shared) for field in fields if not field.unique}
        stored = trials.stored(Trial(field=good.schema.fields[0], values={**trials.base(), **values}, claim=""))
        require(stored, "two records that are the same but for what is called unique: the second one was refused")


def _require_defaults(good: Connection, trials: Trials) -> None:
    values = trials.base()
    seen = trials.stored(Trial(field=good.schema.fields[0], values=values, claim=""))
    if seen is None:
        broken("a record with its required fields alone was stored once, and refused the next time")
    for field in good.schema.fields:
        if field.has_default and field.writable and field.code not in values:
            require(field.code in seen.values, f"field {field.code!r} is said to have a default, and it stays empty")


def _require_not_writable(good: Connection, trials: Trials) -> None:
    """What is called not writable is not stored when it is sent."""
    for field in good.schema.fields:
        makeable = field.type not in UNKNOWABLE | {FieldType.OPAQUE} and field.references is None
        if field.writable or not makeable or (field.type in _CHOSEN and not field.choices):
            continue
        value = sample(field, {}, trials.number())
        schema = loosened(good.schema, field.code, writable=True)
        values = {**trials.base(), field.code: value}
        trials.require_refused([Trial(field=field, values=values, claim="is called not writable", schema=schema)])
