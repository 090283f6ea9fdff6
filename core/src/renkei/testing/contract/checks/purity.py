"""What makes `crm_map` pure: it knows its request and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from renkei.spec import Field, FieldType, MapRequest, MapResult, TargetSchema
from renkei.testing.contract import edges
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.checks.trying import Trials, require_named
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.edges import Edge
from renkei.testing.contract.stage import Stage

_FIRST = 10_000
_COUNT = 8


def require_same_twice(stage: Stage, *, among_others: bool) -> None:
    """The same input gives the same output, whatever was mapped in between: *among_others*, another connection's too.

    Raises:
        Broken: it does not.
    """
    asked = _requests(stage.good)
    before = [_mapped(stage, request) for request in asked]
    others = _requests(stage.second, start=_FIRST + 500) if among_others else []
    for request in others:
        _mapped(stage, request)
    after = [_mapped(stage, request) for request in reversed(asked)][::-1]
    for request, first, later in zip(asked, before, after, strict=True):
        require(_alike(first, later), f"crm_map made something else of record {request.key!r} the second time")
    for request, first in zip(asked, before, strict=True):
        turned = request.model_copy(update={"values": dict(reversed(list(request.values.items())))})
        require(
            _alike(first, _mapped(stage, turned)), "crm_map made something else of the same values in another order"
        )


def require_unchanged_input(stage: Stage) -> None:
    """The request is afterwards what it was before.

    Raises:
        Broken: it is not.
    """
    for request in _requests(stage.good):
        before = repr(request)
        _mapped(stage, request)
        require(repr(request) == before, "crm_map changed the request that it was given")


def require_same_from_threads(stage: Stage) -> None:
    """Called from several threads at once, each gets what belongs to its own request.

    Raises:
        Broken: some get something else.
    """
    asked = _requests(stage.good)
    alone = [_mapped(stage, request) for request in asked]
    with ThreadPoolExecutor(max_workers=4) as threads:
        together = list(threads.map(lambda request: _mapped(stage, request), asked * 4))
    wrong = sum(not _alike(one, alone[at % len(alone)]) for at, one in enumerate(together))
    require(not wrong, f"crm_map, called from 4 threads, made something else of {wrong} of {len(together)} records")


def require_schema_as_given(stage: Stage) -> None:
    """The schema that counts is the one in the request, not one that was seen before.

    Raises:
        Broken: a field that the request's schema lacks is mapped all the same.
    """
    trials = Trials.on(stage, start=_FIRST + 900)
    fields = trials.fields()
    require(fields, "the schema has no writable field besides the key field; the kit's target needs some")
    require_problem_without(stage, trials, fields[0])


def require_problem_without(stage: Stage, trials: Trials, field: Field) -> None:
    """With a schema that lacks *field*, a value for it is a problem; with the whole schema it is not.

    Raises:
        Broken: it is not so.
    """
    good, number = stage.good, next(trials.numbers)
    row = {**good.values(number, only_required=True), field.code: good.values(number)[field.code]}
    what = f"a value for the field {field.code!r}"
    for _ in range(2):
        whole = answered("crm_map", lambda: good.map(row, key=key(number)))
        require(whole.record is not None, f"{what} is a problem, although the schema allows it")
        result = answered("crm_map", lambda: good.map(row, key=key(number), schema=without(good.schema, field.code)))
        require_named(result, field.code, f"{what}, which the request's schema does not have,")


def require_choice_of_this_schema(stage: Stage, trials: Trials, field: Field) -> None:
    """With a schema in which *field* has lost its last choice, that choice is a problem.

    Raises:
        Broken: it is not: the choices come from elsewhere.
    """
    if len(field.choices) < 2:
        return
    *left, gone = field.choices
    fewer = replaced(stage.good.schema, field.model_copy(update={"choices": tuple(left)}))
    value = gone.code if field.type is FieldType.CHOICE else (gone.code,)
    row = trials.row({field.code: Edge(name="a choice", value=value)})
    result = answered("crm_map", lambda: stage.good.map(row.values, key=key(row.number), schema=fewer))
    require_named(result, field.code, f"a choice that the request's schema does not have, in field {field.code!r}")


def require_long_numbers_whole(stage: Stage, trials: Trials, field: Field) -> None:
    """With a schema in which *field* keeps 38 digits, all of them are in the wire record, or the value is a problem.

    Looked for where numbers are sent as texts or whole numbers: what is sent as a double never had that many.

    Raises:
        Broken: some are gone.
    """
    wide = field.model_copy(update={"digits": edges.MOST_DIGITS, "minimum": None, "maximum": None})
    schema = replaced(stage.good.schema, wide)
    for value in edges.long_numbers(field.decimals):
        row = trials.row({field.code: Edge(name="many digits", value=value)})
        result = answered("crm_map", lambda row=row: stage.good.map(row.values, key=key(row.number), schema=schema))  # type: ignore[misc]  # bound now
        whole = "".join(map(str, value.as_tuple().digits))
        sent = [_digits(leaf) for leaf in _texts_and_integers(result.record.fields if result.record else {})]
        near = [digits for digits in sent if digits.startswith(whole[:9])]
        require(
            all(digits.startswith(whole) for digits in near),
            f"field {field.code!r}, a number of {len(whole)} digits where the request's schema allows "
            f"{edges.MOST_DIGITS}: crm_map had nothing against it, and sends other digits",
        )


def without(schema: TargetSchema, code: str) -> TargetSchema:
    """*schema* as it is when somebody has deleted a field."""
    kept = tuple(field for field in schema.fields if field.code != code)
    return TargetSchema(target=schema.target, label=schema.label, fields=kept)


def replaced(schema: TargetSchema, *fields: Field) -> TargetSchema:
    """*schema* with these *fields* in the place of those that have their codes."""
    new = {field.code: field for field in fields}
    return TargetSchema(
        target=schema.target, label=schema.label, fields=tuple(new.get(field.code, field) for field in schema.fields)
    )


def _requests(connection: Connection, start: int = _FIRST) -> list[MapRequest]:
    schema = connection.schema
    return [
        MapRequest(
            key=key(number),
            values=connection.values(number),
            target_schema=schema,
            options=connection.options,
            settings=connection.settings.public(),
        )
        for number in range(start, start + _COUNT)
    ]


def _mapped(stage: Stage, request: MapRequest) -> MapResult:
    return answered("crm_map", lambda: stage.backend.map(request))


def _alike(one: MapResult, other: MapResult) -> bool:
    # The order of fields is nobody's business; 1 and True, or 1 and Decimal(1), are not alike.
    return one == other and _typed(one) == _typed(other)


def _typed(result: MapResult) -> str:
    fields = sorted(result.record.fields.items()) if result.record else []
    return repr((fields, sorted(map(repr, result.problems))))


def _texts_and_integers(data: Any) -> Iterator[str]:
    match data:
        case Mapping():
            for part in data.values():
                yield from _texts_and_integers(part)
        case list() | tuple():
            for part in data:
                yield from _texts_and_integers(part)
        case str() | int():
            yield str(data)


def _digits(text: str) -> str:
    return "".join(one for one in text if one in "0123456789")
