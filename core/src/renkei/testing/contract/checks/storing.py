"""What was pushed, held against what the probe reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from renkei.spec import Field, RenkeiError, Value
from renkei.testing.contract import edges, values
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.absence import require_untouched
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.checks.settling import settle
from renkei.testing.contract.checks.trying import Trials
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.edges import Edge
from renkei.testing.contract.stage import Stage
from renkei.testing.kit import SeenRecord

_SOME = 7
_MOST_EXAMPLES = 20


def seed_others(stage: Stage, *, start: int) -> None:
    """Two records of somebody else's: ids do not begin at the first, and there is something to damage."""
    for number in (start, start + 1):
        stage.kit.seed(stage.site.target, stage.good.values(number))


def push_and_compare(connection: Connection, numbers: Sequence[int], *, only_required: bool = False) -> None:
    """Push the records of *numbers*; each is stored once, whole, under the id that was reported for it.

    Raises:
        Broken: it is not, or something else in the target has changed.
    """
    size = connection.stage.manifest.limits.push_size
    for at in range(0, len(numbers), size):
        _push_and_compare(connection, numbers[at : at + size], only_required=only_required)


def _push_and_compare(connection: Connection, numbers: Sequence[int], *, only_required: bool) -> None:
    stage, target = connection.stage, connection.target
    sent = {key(number): connection.values(number, only_required=only_required) for number in numbers}
    before = stage.read(target)
    records = [connection.wire_record(row, key=one) for one, row in sent.items()]
    pushed = connection.push(records).require_all_created()
    after = stage.read(target)
    require(
        len(after) == len(before) + len(sent),
        f"{len(sent)} records were pushed and reported as stored; the target held {len(before)} before and holds "
        f"{len(after)} now",
    )
    require_unchanged(before, after)
    ids = {one: verdict.id for one in sent if (verdict := pushed.said(one)).verdict in ("created", "updated")}
    require_each_held(connection, sent, ids, after)


def require_unchanged(before: Sequence[SeenRecord], after: Sequence[SeenRecord]) -> None:
    """Whatever was there *before* is there *after*, as it was.

    Raises:
        Broken: it is not.
    """
    now = {record.id: record.values for record in after}
    for record in before:
        require(record.id in now, "a record that was there before the push is gone")
        changed = [
            code for code in {*record.values, *now[record.id]} if _value(record, code) != now[record.id].get(code)
        ]
        require(not changed, f"a push changed the fields {sorted(changed)} of a record that it had nothing to do with")


def require_each_held(
    connection: Connection, sent: Mapping[str, Mapping[str, Value]], ids: Mapping[str, str], after: Sequence[SeenRecord]
) -> None:
    """The record with the id that was reported for a key holds that key, and all that was sent.

    Raises:
        Broken: it does not.
    """
    held = {record.id: record.values for record in after}
    key_field = connection.stage.kit.key_field
    for one, row in sent.items():
        id = ids[one]
        require(id in held, f"record {one!r} was reported as stored under the id {id!r}, which the probe does not find")
        found = held[id].get(key_field)
        require(found == one, f"the id reported for {one!r} is that of the record that holds {found!r} as its key")
        wrong = values.differences(connection.schema, row, held[id])
        require(not wrong, f"what was read back differs from what was sent in the fields {sorted(wrong)}")


def require_own_target(stage: Stage) -> None:
    """Each connection writes to its own target, in turn.

    Raises:
        Broken: records landed elsewhere.
    """
    first, second = stage.site.target, stage.kit.second_target
    apart = first != second
    for connection, numbers, other in (
        (stage.good, (211, 212), second),
        (stage.second, (213, 214), first),
        (stage.good, (215,), second),
    ):
        elsewhere = stage.read(other)
        push_and_compare(connection, numbers)
        moved = apart and stage.read(other) != elsewhere
        require(not moved, f"a push to {connection.target!r} changed what {other!r} holds")
    _require_nothing_instead(stage, 216)


def _require_nothing_instead(stage: Stage, number: int) -> None:
    """What is meant for a target that is not there is stored nowhere."""
    targets = dict.fromkeys((stage.site.target, stage.kit.second_target))
    before = {target: stage.read(target) for target in targets}
    pushed = stage.good.push([stage.good.record(number)], target=stage.kit.missing_target)
    require(not pushed.created(), "a record was reported as stored in a target that is not there")
    changed = sorted(target for target in targets if stage.read(target) != before[target])
    require(not changed, f"a push to a target that is not there changed what {changed} hold")


def require_options_count(stage: Stage) -> None:
    """Another choice of the target's options changes something: in the schema, in a record, or on the wire.

    Raises:
        Broken: it changes nothing.
    """
    typed = stage.site.options
    for name in typed:
        others = {option: value for option, value in typed.items() if option != name}
        try:
            changed = stage.connection(options=others).connected()
        except RenkeiError:  # an option that cannot be left out counts
            continue
        if changed.options == stage.good.options:
            continue
        traces = [_traces(connection, number) for connection, number in ((stage.good, 221), (changed, 222))]
        require(traces[0] != traces[1], f"the option {name!r} of the target changes nothing that is asked or sent")


def _traces(connection: Connection, number: int) -> Any:
    """What a discovery and a push show of the connection's options: the key and the number are taken out."""
    require(connection.schema.fields, "discovery shows no field")  # asked once, outside of what is compared
    with connection.stage.wire.since_now() as exchanges:
        schema = answered("crm_discover", connection.discover)
        row = {**connection.values(220), connection.stage.kit.key_field: key(number)}
        unique = [field.code for field in schema.fields if field.unique and not field.required]
        kept = {code: value for code, value in row.items() if code not in unique or value == key(number)}
        record = connection.wire_record(kept, key=key(number))
        connection.push([record]).require_sound()
    plain = key(number).encode()
    sent = [(one.request.method, one.target, one.body.replace(plain, b"")) for one in exchanges]
    return schema.fields, repr(record.fields).replace(key(number), ""), sent


def require_only_mapped_touched(stage: Stage) -> None:
    """A push touches what was mapped: no other field, no other record.

    Raises:
        Broken: it touches more.
    """
    good, number = stage.good, 303
    seed_others(stage, start=301)
    before = stage.read()
    given = good.values(number, only_required=True)
    settled = settle(good, [good.wire_record(given, key=key(number))])
    require(key(number) in settled.stored, f"a good record was not stored: {settled.words[key(number)]}")
    after = stage.read()
    require_unchanged(before, after)
    require(len(after) == len(before) + 1, f"one push of one record added {len(after) - len(before)} records")
    read = {record.id: record.values for record in after}.get(settled.stored[key(number)])
    require(read is not None, "a record that was reported as stored is not found by the probe")
    assert read is not None
    require_untouched(stage, given, read)
    if stage.is_keyed:
        _require_merge_only(stage, 304)


def _require_merge_only(stage: Stage, number: int) -> None:
    """A record that is there under the same key keeps what the push does not mention, or all of it."""
    good = stage.good
    id = stage.kit.seed(stage.site.target, good.values(number))
    before = {record.id: record.values for record in stage.read()}
    given = good.values(number, only_required=True)
    settled = settle(good, [good.wire_record(given, key=key(number))])
    after = {record.id: record.values for record in stage.read()}
    word = settled.words[key(number)]
    require(word in ("duplicate", "updated"), f"a record under a key that is taken was called {word!r}")
    kept = [code for code in before[id] if word == "duplicate" or code not in given]
    lost = [code for code in kept if after[id].get(code) != before[id][code]]
    require(not lost, f"pushing a record again without the fields {sorted(lost)} changed them")


def require_types_round_trip(stage: Stage) -> None:
    """Values that a field's type promises to hold, and its schema allows, are stored and read back.

    Raises:
        Broken: `crm_map` has something against all of them, or lets one pass that is changed or refused.
    """
    trials = Trials.on(stage, start=60_000)
    found = {
        field.code: [edge for edge in _plain_and_telling(stage, field) if _maps(trials, field, edge)]
        for field in trials.fields()
    }
    none = sorted(code for code, tried in found.items() if not tried)
    require(not none, f"crm_map has something against every value that was tried on the fields {none}")
    stored = trials.store(found)
    refused = sorted(code for code, tried in found.items() if stored[code] < len(tried))
    require(
        not refused,
        f"the backend refused values that the schema allows and crm_map let pass, in the fields {refused} (where no "
        "schema tells a field's rules, the kit's examples do)",
    )


def _plain_and_telling(stage: Stage, field: Field) -> list[Edge]:
    kit = stage.kit
    given = () if field.unique else kit.examples.get(field.code, ())[:_MOST_EXAMPLES]
    plain = given or [values.sample(field, kit.examples, 60_000 + at) for at in range(2)]
    special = [] if field.code in kit.examples or field.unique else edges.telling(field)
    return [
        *(Edge(name="a plain value", value=value) for value in plain),
        *(Edge(name="a telling value", value=value) for value in special),
    ]


def _maps(trials: Trials, field: Field, edge: Edge) -> bool:
    return trials.map(trials.row({field.code: edge})).record is not None


def some(stage: Stage) -> int:
    """As many records as take more than one request, where one push may."""
    limits = stage.manifest.limits
    several = limits.request_size + 1 if limits.request_size < limits.push_size else 1
    return min(limits.push_size, max(_SOME, several))


def few(stage: Stage) -> int:
    """Three, or what one push takes."""
    return min(3, stage.manifest.limits.push_size)


def _value(record: SeenRecord, code: str) -> Any:
    return record.values.get(code)
