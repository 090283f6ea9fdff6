"""Checks C: discovery tells all fields as they are now, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from renkei.spec import AuthenticationFailed, FieldType, TargetNotFound, TargetSchema, fingerprint_of
from renkei.testing.contract import acts
from renkei.testing.contract.broken import broken, raised, require
from renkei.testing.contract.catalogue import ANYWHERE, check
from renkei.testing.contract.checks.calling import answered, outcome_of
from renkei.testing.contract.checks.echoes import same_answers
from renkei.testing.contract.checks.holdings import prepared, untouched
from renkei.testing.contract.checks.truth import TruthChecks
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Exchange

_EVERY_REQUEST = 1_000_000
_UNHEARD = "a-type-of-next-year"
_LABELS = (
    "件名",
    "お客様番号（ＶＩＰ）",
    "👩‍🎨 担当デザイナー",
    "𠮷野家の髙橋﨑",
    "e\u0301tat が\u3099",
    "<b>Größe</b> & \"quotes\" 'more'",
    "two  spaces",
    " spaces around\u3000",
    "100% {{ a }} / [b] \\ c",
)
_MANY = 120  # more than a page of most backends


class SchemaChecks(TruthChecks):
    """Checks C."""

    @check("C01", sources=ANYWHERE, traffic=True)
    def test_c01_codes_and_labels_are_stable(self, stage: Stage) -> None:
        """Every field has a code of its own and a label, the same each time, down into tables.

        Why: a mapping is kept by code. A code that depends on the order, the language or the day maps the customer's
        name into another field.
        Mend: take the backend's own identifier, the one that is sent on the wire; use it as label where there is none.
        """
        good = prepared(stage)
        first, again = (answered("crm_discover", good.discover) for _ in range(2))
        require(first.fields == again.fields, "the fields are described in another way each time")
        require(first.label.strip(), "the target has no label")
        for field in (inner for one in first.fields for inner in (one, *one.fields)):
            require(field.code.strip(), "a field has no code")
            require(field.label.strip(), f"field {field.code!r} has no label; its code is better than nothing")
        for table in first.fields:
            codes = [column.code for column in table.fields]
            require(len(set(codes)) == len(codes), f"table {table.code!r} has two columns of one code")

    @check("C02", traffic=True)
    def test_c02_an_unheard_type_is_opaque(self, stage: Stage) -> None:
        """The backend's own word for a type is kept, and one that nobody has heard of is opaque, never a crash.

        Why: the backend invents a new type, one customer uses it in one field, and discovery fails for the whole
        target until the plugin's next release.
        Mend: look types up with a default of `FieldType.OPAQUE`, and set `native_type` to the backend's word.
        """
        good = prepared(stage)
        for field in good.schema.fields:
            require(field.native_type.strip(), f"field {field.code!r} does not keep the backend's word for its type")
        for native in sorted({field.native_type for field in good.schema.fields}):
            alike = [field for field in good.schema.fields if field.native_type == native]
            names = {field.code for field in alike} | {field.label for field in alike}
            if native in names:
                continue  # nobody can tell the type's word from the field's name
            changed = _discover_through(stage, good, partial(_retyped, native=native, names=names))
            if changed is None:
                broken(f"discovery fails when fields of type {native!r} have a type that nobody has heard of")
            for field in changed.fields:
                if field.native_type == _UNHEARD:
                    opaque = field.type is FieldType.OPAQUE and not field.writable
                    require(opaque, f"a field whose type nobody has heard of is told as {field.type.value}")

    @check("C04", traffic=True)
    def test_c04_every_field_is_found(self, stage: Stage) -> None:
        """All fields are found, on however many pages the backend lists them.

        Why: what is on the second page cannot be mapped, and a key or required field among it breaks the whole set-up.
        Mend: follow the backend's cursor or offset until it says that there is no more, also where the last page is
        exactly full.
        """
        good = prepared(stage)
        known = [field.code for field in good.schema.fields]
        added: dict[str, str] = {}
        for number in range(_MANY):
            label = f"追加項目 {number}"
            added[stage.kit.add_field(label)] = label
            if number < 12 or number == _MANY - 1:  # a dozen in a row end on every place of a small page
                _require_found(answered("crm_discover", good.discover), known, added)

    @check("C05", traffic=True)
    def test_c05_nothing_is_found_where_nothing_is(self, stage: Stage) -> None:
        """A target without fields is told without fields.

        Why: a new target is empty until its owner has added fields. A crash then looks like a broken connection, and
        invented fields are mapped and lost.
        Mend: let an empty list of fields make an empty tuple.
        """
        good = prepared(stage)
        gone = [field.code for field in good.schema.fields if field.writable]
        for code in gone:
            stage.kit.delete_field(code)
        left = answered("crm_discover, once every writable field was deleted,", good.discover)
        still = sorted({field.code for field in left.fields} & set(gone))
        require(not still, f"deleted fields are still told: {still[:5]}")
        # One that was there may be writable from now on: what filled it is gone.
        known = {field.code for field in good.schema.fields}
        invented = [field.code for field in left.fields if field.writable and field.code not in known]
        require(not invented, f"fields that were never there are told as writable: {invented[:5]}")

    @check("C06", traffic=True)
    def test_c06_labels_are_unchanged(self, stage: Stage) -> None:
        """Labels come through unchanged: Japanese, emoji, combining characters, signs, spaces.

        Why: an admin looks for the field by the label that they gave it; normalised, trimmed or escaped it is another
        one, and two that differ in that alone become one.
        Mend: pass the label on as it is, without normalising, stripping, escaping or cutting.
        """
        good = prepared(stage)
        added = {stage.kit.add_field(label): label for label in _LABELS}
        schema = answered("crm_discover", good.discover)
        for code, label in added.items():
            field = schema.field(code)
            require(field is not None, f"the field with the label {label!r} is not told")
            assert field is not None
            require(field.label == label, f"the label {label!r} is told as {field.label!r}")

    @check("C08", traffic=True)
    def test_c08_the_fingerprint_follows_the_fields(self, stage: Stage) -> None:
        """The fingerprint is the same while the fields are, in whatever order, and another one once a field changed.

        Why: core compares fingerprints around each push to see a field vanish. One that stands still, or an answer
        from a cache, loses a field's values unnoticed; one that moves by itself blocks a healthy lane.
        Mend: ask the backend each time, keep nothing between calls, and leave `fingerprint` empty: core computes it
        from the fields.
        """
        good = prepared(stage)
        first = _discovered_anew(stage, good)
        for _ in range(3):
            again = _discovered_anew(stage, good)
            require(again.fingerprint == first.fingerprint, "the fingerprint is another one although nothing changed")
        _require_order_does_not_count(stage, good, first)

        code = stage.kit.add_field("一時的な項目")
        more = _discovered_anew(stage, good)
        require(more.field(code), "a field that was just added is not told: is this answer from a cache?")
        require(more.fingerprint != first.fingerprint, "the fingerprint stands still although a field was added")
        other = answered("crm_authenticate", lambda: stage.second)
        if other.target != good.target:
            foreign = _discovered_anew(stage, other)
            require(not foreign.field(code), "a field of one target is told of another: is this answer from a cache?")
        stage.kit.delete_field(code)
        back = _discovered_anew(stage, good)
        require(not back.field(code), "a field that was just deleted is still told: is this answer from a cache?")
        require(back.fingerprint == first.fingerprint, "the fingerprint stays changed although the field is gone again")
        for gone in _deletable(stage, first):
            stage.kit.delete_field(gone)
            less = _discovered_anew(stage, good)
            require(not less.field(gone), f"field {gone!r} was deleted and is still told")
            require(less.fingerprint != back.fingerprint, f"the fingerprint stands still although {gone!r} was deleted")
            back = less
        _require_details_count(stage, good)

    @check("C09", traffic=True)
    def test_c09_a_missing_target_is_told(self, stage: Stage) -> None:
        """A target that is not there raises TargetNotFound from discovery, a push, and a lane's probe; `crm_verify`
        raises it too, or cannot tell.

        Why: an app that its owner deleted has to stop the lane and be named. Called an outage, it is asked for until
        somebody wonders; called a bad record, every record is rejected.
        Mend: map the backend's answer for a missing target to TargetNotFound in one place. Only where it answers
        exactly as for bad credentials can nobody tell the two apart, and AuthenticationFailed is right.
        """
        good = prepared(stage)
        missing = stage.kit.missing_target
        allowed: tuple[type[Exception], ...] = (TargetNotFound,)
        with stage.wire.since_now() as asked:
            _schema, error = outcome_of(lambda: good.discover(missing))
        if isinstance(error, AuthenticationFailed) and _looks_like_bad_credentials(stage, missing, asked):
            allowed = (TargetNotFound, AuthenticationFailed)
        _require_told("crm_discover", error, allowed)
        _account, error = outcome_of(lambda: stage.connection().authenticate(target=missing))
        _require_told("crm_authenticate, as a probe of that target,", error, allowed)

        if stage.supports("verify"):
            report, error = outcome_of(lambda: replace(good, target=missing).verify(key(1)))
            words = {answer.answer for answer in report.answers} if report is not None else set()
            if words != {"cannot_tell"}:
                _require_told("crm_verify", error, allowed)

        pushed = good.push(good.records(2), target=missing)
        pushed.require_ours()
        _require_told("crm_push", pushed.stopped_by, allowed)
        others = sorted(set(pushed.words().values()) - {"not_stored"})
        require(not others, f"crm_push to a missing target calls its records {others} instead of not_stored")
        held = stage.read() + stage.read(stage.kit.second_target)
        require(not held, "crm_push to a missing target stored records in another one")

    @check("C10", traffic=True)
    def test_c10_discovery_only_reads(self, stage: Stage) -> None:
        """Discovery leaves every record and field as it is, also for a moment.

        Why: core discovers before and after pushes, every few minutes: whatever it leaves behind piles up.
        Mend: describe the target by reading its description, not by trying things out.
        """
        good = prepared(stage)
        stage.kit.seed(stage.site.target, good.values(1))
        second = answered("crm_authenticate", lambda: stage.second)
        with untouched(stage, "crm_discover", hook="crm_discover"):
            first = answered("crm_discover", good.discover)
            answered("crm_discover", second.discover)
            outcome_of(lambda: good.discover(stage.kit.missing_target))
        require(answered("crm_discover", good.discover).fields == first.fields, "crm_discover changed the fields")

    @check("C11", sources=ANYWHERE, traffic=True)
    def test_c11_tables_are_described(self, stage: Stage) -> None:
        """A table in a record tells its columns; where the plugin does not write tables, it is not writable.

        Why: without columns there is nothing to map rows to; writable without being written, rows are lost.
        Mend: fill `fields` of a field of type `table` with its columns, each described like any other field.
        """
        schema = prepared(stage).schema
        for table in (field for field in schema.fields if field.type is FieldType.TABLE):
            if stage.supports("tables"):
                require(table.fields, f"table {table.code!r} is told without columns")
            else:
                require(not table.writable, f"table {table.code!r} is writable, and 'tables' is not declared")
        for field in schema.fields:
            plain = field.type is not FieldType.TABLE and field.fields
            require(not plain, f"field {field.code!r} has columns and is no table")


def _discovered_anew(stage: Stage, connection: Connection) -> TargetSchema:
    with stage.wire.since_now() as asked:
        schema = answered("crm_discover", connection.discover)
    require(asked, "crm_discover answered without asking the backend: it must not answer from a cache")
    return schema


def _require_found(schema: TargetSchema, known: list[str], added: dict[str, str]) -> None:
    missing = [code for code in (*known, *added) if schema.field(code) is None]
    total = len(known) + len(added)
    require(not missing, f"{len(missing)} of {total} fields are not told, among them {missing[0] if missing else ''!r}")
    for code, label in added.items():
        field = schema.field(code)
        require(field is not None and field.label == label, f"field {code!r} is told with another field's label")


def _discover_through(stage: Stage, connection: Connection, change: Callable[[Any], Any]) -> TargetSchema | None:
    """What discovery finds where each answer is changed; None where it raises."""
    stage.wire.play(acts.edited(change), on="any", hook="crm_discover", times=_EVERY_REQUEST)
    schema: TargetSchema | None
    try:
        schema, _error = outcome_of(connection.discover)
    finally:
        stage.wire.calm()
    return schema


def _retyped(data: Any, native: str, names: Collection[str], described: bool = False) -> Any:
    """*data* with another type in the descriptions of the fields of these *names*."""
    if isinstance(data, list):
        return [_retyped(value, native, names) for value in data]
    if not isinstance(data, dict):
        return data
    described = described or any(value in names for value in data.values() if isinstance(value, str))
    return {
        name: _UNHEARD if described and value == native else _retyped(value, native, names, name in names)
        for name, value in data.items()
    }


def _reversed(data: Any) -> Any:
    match data:
        case dict():
            return {name: _reversed(value) for name, value in reversed(data.items())}
        case list():
            return [_reversed(value) for value in reversed(data)]
        case _:
            return data


def _require_order_does_not_count(stage: Stage, good: Connection, first: TargetSchema) -> None:
    turned = _discover_through(stage, good, _reversed)
    # Where a list's order says something, turning it round makes other fields, and nothing is shown.
    if turned is None or {field.code for field in turned.fields} != {field.code for field in first.fields}:
        return
    if fingerprint_of(turned.fields) == fingerprint_of(first.fields):
        require(
            turned.fingerprint == first.fingerprint, "the fingerprint is another one when fields come in another order"
        )


def _require_details_count(stage: Stage, good: Connection) -> None:
    """A field that becomes required, shorter or closed changes the fingerprint, too."""
    now = _discovered_anew(stage, good)
    for change in (_with_flags_turned, _with_numbers_raised, _with_lists_shortened):
        changed = _discover_through(stage, good, change)
        if changed is None or fingerprint_of(changed.fields) == fingerprint_of(now.fields):
            continue
        require(
            changed.fingerprint != now.fingerprint,
            "the fingerprint stands still although what is told of the fields changed (required, lengths or choices)",
        )


def _with_flags_turned(data: Any) -> Any:
    return _leaves(data, lambda leaf: not leaf if isinstance(leaf, bool) else leaf)


def _with_numbers_raised(data: Any) -> Any:
    def raised_by_one(leaf: Any) -> Any:
        if isinstance(leaf, int) and not isinstance(leaf, bool):
            return leaf + 1
        return str(int(leaf) + 1) if isinstance(leaf, str) and leaf.isascii() and leaf.isdigit() else leaf

    return _leaves(data, raised_by_one)


def _with_lists_shortened(data: Any) -> Any:
    """The innermost lists and maps of several lose their last part: choices, mostly."""
    if isinstance(data, list):
        inner = [_with_lists_shortened(value) for value in data]
        nested = any(isinstance(part, list) for value in data for part in _parts(value))
        return inner if nested or len(inner) < 2 else inner[:-1]
    if isinstance(data, dict):
        return {name: _with_lists_shortened(value) for name, value in data.items()}
    return data


def _parts(data: Any) -> Iterator[Any]:
    yield data
    children = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    for child in children:
        yield from _parts(child)


def _leaves(data: Any, change: Callable[[Any], Any]) -> Any:
    match data:
        case dict():
            return {name: _leaves(value, change) for name, value in data.items()}
        case list():
            return [_leaves(value, change) for value in data]
        case _:
            return change(data)


def _deletable(stage: Stage, schema: TargetSchema) -> list[str]:
    """A few fields of different kinds, the key field among the last: a cache may remember some of them only."""
    optional = [field for field in schema.fields if field.writable and field.code != stage.kit.key_field]
    return [field.code for field in (*optional[:2], *optional[-1:])][:3]


def _looks_like_bad_credentials(stage: Stage, missing: str, asked: list[Exchange]) -> bool:
    """Whether the backend answers for a missing target exactly as it does for credentials that it does not know."""
    wrong = stage.connection(stage.kit.wrong_credentials())
    samples = []
    for _ in range(2):
        with stage.wire.since_now() as seen:
            outcome_of(lambda: wrong.discover(stage.site.target))
        samples.append(seen)
    if not asked or not all(samples):
        return False
    return same_answers(asked[-1], samples[0][-1], samples[1][-1])


def _require_told(what: str, error: BaseException | None, allowed: tuple[type[Exception], ...]) -> None:
    if error is None:
        broken(f"{what} asked about a missing target, and nothing was raised")
    require(
        isinstance(error, allowed), f"{what} asked about a missing target, {raised(error)} instead of TargetNotFound"
    )
