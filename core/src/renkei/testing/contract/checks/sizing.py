"""Sizes: records in a push, records in a request, bytes in a body, requests for a push."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from renkei.spec import Field, OutcomeUnknown, TargetSchema, Value, WireRecord
from renkei.testing.contract import values
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.checks.purity import replaced
from renkei.testing.contract.checks.settling import settle
from renkei.testing.contract.checks.storing import push_and_compare
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.saboteurs.making import described
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Exchange

_NOT_STORED: Final = ("rejected", "suspect", "not_stored")
_PACKED = 4
_THREE_BYTES = "長"


def require_oversize_refused(stage: Stage) -> None:
    """One record more than a push may hold: the plugin's own hook refuses it, before any request.

    Core would not push it. So the plugin is asked behind a manifest that allows one more.

    Raises:
        Broken: it sent something.
    """
    require(stage.good.schema.fields, "discovery shows no field")
    limits = stage.manifest.limits
    size = limits.push_size + 1
    assert stage.subject.module is not None
    roomy = stage.subject.instead(described(stage.subject.module, limits=limits.model_copy(update={"push_size": size})))
    with Stage(roomy, stage.kit, stage.site) as wide:
        before = len(wide.read())
        pushed = wide.good.push(wide.good.records(size, start=500_000, only_required=True))
        require(
            not pushed.exchanges,
            f"a push of {size} records, one more than push_size, sent {len(pushed.exchanges)} requests",
        )
        pushed.require_sound()
        _require_refused(pushed, f"a push of {size} records, one more than push_size,")
        require(len(wide.read()) == before, "a push that is too large changed the number of records")


def require_large_record_refused(stage: Stage) -> None:
    """A record that no request can hold is a problem, or rejected before anything of it is sent.

    Raises:
        Broken: it was sent, or took others with it.
    """
    limit, field = stage.manifest.limits.request_bytes, _text_field(stage)
    if limit is None or field is None:
        return
    good = stage.good
    record = _mapped(good, 511_001, {field.code: "a" * (limit + 1)}, without_lengths(good.schema))
    if record is None:
        return
    small = [good.record(number) for number in (511_002, 511_003)]
    settled = settle(good, [small[0], record, small[1]])
    word = settled.words[record.key]
    require(
        word == "rejected",
        f"a record of more than request_bytes, {limit}, was called {word!r}; it fits into no request and is rejected",
    )
    for pushed in settled.pushes:
        _require_within(pushed.exchanges, limit)
        sent = any(record.key.encode() in exchange.body for exchange in pushed.exchanges)
        require(not sent, "a record that fits into no request was sent")
    for other in small:
        what = settled.words.get(other.key)
        require(other.key in settled.stored, f"a good record, pushed beside one that is too large, was called {what!r}")


def require_bytes_held(stage: Stage) -> None:
    """No body is larger than the manifest says, whatever the text is made of.

    Raises:
        Broken: one is.
    """
    limit, field = stage.manifest.limits.request_bytes, _text_field(stage)
    if limit is None or field is None:
        push_and_compare(stage.good, range(521_001, 521_004))
        return
    _require_many_split(stage, field, limit)
    _require_brim_held(stage, field, limit)
    # Few characters, many bytes; and few bytes of text that take more of JSON.
    for at, text in enumerate((_THREE_BYTES * (limit // 2), "𠮷" * (limit * 2 // 7), '"' * (limit * 7 // 10))):
        _require_within(_sent(stage.good, [(523_000 + at, {field.code: text})]), limit)


def require_few_requests(stage: Stage) -> None:
    """As many requests as records and bytes need, and no request with more records than declared.

    Raises:
        Broken: there are more.
    """
    limits = stage.manifest.limits
    for number in dict.fromkeys((1, min(limits.push_size, 2 * limits.request_size + 1))):
        records = stage.good.records(number, start=530_000 + number, only_required=number > 50)
        pushed = stage.good.push(records).require_all_created()
        by_count = math.ceil(number / limits.request_size)
        total = sum(len(exchange.body) for exchange in pushed.writes)
        by_bytes = math.ceil(2 * total / limits.request_bytes) if limits.request_bytes else 1
        require(
            len(pushed.exchanges) <= max(by_count, by_bytes),
            f"{number} records took {len(pushed.exchanges)} requests instead of {by_count}: "
            f"core counts the day's budget by request_size, which is {limits.request_size}",
        )
        for exchange in pushed.writes:
            carried = sum(one.encode() in exchange.body for one in pushed.keys)
            require(
                carried <= limits.request_size,
                f"one request carried {carried} records, where the manifest says at most {limits.request_size}",
            )


def without_lengths(schema: TargetSchema) -> TargetSchema:
    """*schema*, with texts of any length: what a plugin does with too many bytes is seen only so."""
    texts = values.text_fields(schema, "")
    return replaced(schema, *(field.model_copy(update={"max_length": None, "min_length": None}) for field in texts))


def _require_many_split(stage: Stage, field: Field, limit: int) -> None:
    """A push whose records fit into a request each, and not into one together."""
    good, limits = stage.good, stage.manifest.limits
    # Escaped as JSON, a three-byte character may take six.
    text = values.fitted(field, _THREE_BYTES * (limit // 5 // 3))
    size = len(text.encode())
    count = min(limits.push_size, max(3, math.ceil(1.4 * limit / max(size, 1))))
    rows = {
        number: {**good.values(number, only_required=True), field.code: text}
        for number in range(522_001, 522_001 + count)
    }
    if field.unique:
        rows = {number: {**row, field.code: f"{text[: -len(str(number))]}{number}"} for number, row in rows.items()}
    records = [good.wire_record(row, key=key(number)) for number, row in rows.items()]
    settled = settle(good, records)
    for pushed in settled.pushes:
        _require_within(pushed.exchanges, limit)
    others = {one: word for one, word in settled.words.items() if one not in settled.stored}
    require(not others, f"of {count} records with {size} bytes of text each, {len(others)} were not stored: {others}")
    held = {record.id: record.values for record in stage.read()}
    for number, row in rows.items():
        read = held.get(settled.stored[key(number)], {}).get(field.code)
        require(
            values.same(field, row[field.code], read), f"a text of {size} bytes in {field.code!r} reads back changed"
        )


def _require_brim_held(stage: Stage, field: Field, limit: int) -> None:
    """Records that make a body one byte too large together: commas and envelope count."""
    limits = stage.manifest.limits
    count = min(limits.request_size, limits.push_size, _PACKED)
    small = _sent(stage.good, [(number, {field.code: "長a"}) for number in range(524_011, 524_011 + count)])
    if len(small) != 1:
        return
    missing = limit + 1 - len(small[0].body)
    share, rest = divmod(missing, count)
    padded = ["長a" + "a" * (share + (rest if at == 0 else 0)) for at in range(count)]
    # Seven further on: the sample values of these records are as long as those of the others.
    numbers = range(524_018, 524_018 + count)
    _require_within(
        _sent(stage.good, [(number, {field.code: text}) for number, text in zip(numbers, padded, strict=True)]), limit
    )


def _sent(connection: Connection, rows: Sequence[tuple[int, dict[str, Value]]]) -> list[Exchange]:
    """What a push of these *rows* sends; nothing where `crm_map` has something against one."""
    schema = without_lengths(connection.schema)
    records = [record for number, row in rows if (record := _mapped(connection, number, row, schema)) is not None]
    if len(records) < len(rows):
        return []
    pushed = connection.push(records, schema=schema)
    pushed.require_ours()
    return pushed.writes


def _mapped(connection: Connection, number: int, changed: dict[str, Value], schema: TargetSchema) -> WireRecord | None:
    row = {**connection.values(number, only_required=True), **changed}
    return answered("crm_map", lambda: connection.map(row, key=key(number), schema=schema)).record


def _text_field(stage: Stage) -> Field | None:
    return values.long_text_field(stage.good.schema, stage.kit.key_field)


def _require_within(exchanges: Sequence[Exchange], limit: int) -> None:
    largest = max((len(exchange.body) for exchange in exchanges), default=0)
    require(largest <= limit, f"a request had a body of {largest} bytes, where the manifest says at most {limit}")


def _require_refused(pushed: Pushed, what: str) -> None:
    require(not isinstance(pushed.stopped_by, OutcomeUnknown), f"{what} ended in OutcomeUnknown, and nothing was sent")
    words = pushed.words()
    others = {word for word in words.values() if word not in _NOT_STORED}
    require(not others, f"{what} was reported as {sorted(others)}")
