"""One delivery key, one record, where the backend can see to that; and no such claim where it cannot."""

from __future__ import annotations

from collections.abc import Sequence

from renkei.spec import Field, Value, WireRecord
from renkei.testing.contract import values
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.checks.collisions import (
    require_duplicate_in_any_language,
    require_duplicate_means_taken,
)
from renkei.testing.contract.checks.crowded_request import require_taken_keys_told_apart
from renkei.testing.contract.checks.settling import Settled, settle
from renkei.testing.contract.checks.storing import few, push_and_compare
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage

_TIMES = 10
_BATCH = (601, 602, 603)


def require_keys_hold(stage: Stage) -> None:
    """All that the manifest and the schema promise of the key field, tried out.

    Raises:
        Broken: they promise what is not so.
    """
    if stage.is_keyed:
        _require_one_record_each(stage)
        _require_fresh_beside_taken(stage)
        _require_first_content_or_last(stage)
        _require_duplicate_for_the_key_alone(stage)
        _require_no_duplicate_without_key_field(stage)
    else:
        _require_nothing_claimed(stage)
        _require_every_push_adds(stage)
    require_duplicate_means_taken(stage, _lone)
    if stage.is_keyed:
        require_duplicate_in_any_language(stage, _lone)
        require_taken_keys_told_apart(stage, _lone)
    _require_records_without_key(stage)


def require_carried_once(pushed: Pushed) -> None:
    """No record goes into two requests of one push.

    Raises:
        Broken: it does.
    """
    for one in pushed.keys:
        carriers = sum(one.encode() in exchange.body + exchange.target for exchange in pushed.writes)
        require(carriers <= 1, f"record {one!r} was sent in {carriers} requests of one push")


def _require_one_record_each(stage: Stage) -> None:
    before = len(stage.read())
    batch = [_lone(stage.good, number) for number in _BATCH]
    first = _settled(stage.good, batch)
    missing = {one: word for one, word in first.words.items() if one not in first.stored}
    require(not missing, f"records with fresh keys were not stored: {missing}")
    _require_held_once(stage, before + len(batch))
    for _ in range(_TIMES - 1):
        again = _settled(stage.good, batch)
        _require_seen_as_taken(stage, again, [record.key for record in batch])
        _require_held_once(stage, before + len(batch))


def _require_fresh_beside_taken(stage: Stage) -> None:
    before = len(stage.read())
    taken = [_lone(stage.good, number) for number in _BATCH]
    fresh = [_lone(stage.good, number) for number in (611, 612)]
    settled = _settled(stage.good, [taken[0], fresh[0], taken[1], fresh[1], taken[2]])
    _require_seen_as_taken(stage, settled, [record.key for record in taken])
    held = {record.id: record.values.get(stage.kit.key_field) for record in stage.read()}
    for record in fresh:
        word = settled.words[record.key]
        what = "a record with a fresh key, beside others whose keys are taken,"
        require(record.key in settled.stored, f"{what} was called {word!r}")
        id = settled.stored[record.key]
        require(
            held.get(id) == record.key, f"the id reported for {record.key!r} is not that of the record that holds it"
        )
    _require_held_once(stage, before + len(fresh))


def _require_first_content_or_last(stage: Stage) -> None:
    """Other content under a key that is taken: `duplicate` leaves the record, `updated` writes it anew."""
    good, code = stage.good, stage.kit.key_field
    number = _BATCH[0]
    before = _of_key(stage, key(number))
    other: dict[str, Value] = {**_without_other_unique(good, number + 7), code: key(number)}
    settled = _settled(good, [good.wire_record(other, key=key(number))])
    after = _of_key(stage, key(number))
    if settled.words[key(number)] == "updated":
        wrong = values.differences(good.schema, other, after)
        require(not wrong, f"a record was called 'updated', and its fields {sorted(wrong)} are not what was sent")
    else:
        require(after == before, "a record was called 'duplicate', and what was stored under its key has changed")


def _require_duplicate_for_the_key_alone(stage: Stage) -> None:
    """A fresh key, and another unique field whose value is taken: that is no `duplicate`."""
    good = stage.good
    for field in _other_unique(good):
        before = len(stage.read())
        taken = good.values(621)[field.code]
        rows = [{**_without_other_unique(good, number), field.code: taken} for number in (621, 622)]
        first, second = (
            _settled(good, [good.wire_record(row, key=key(number))])
            for number, row in zip((621, 622), rows, strict=True)
        )
        require(key(621) in first.stored, f"a good record with a value in {field.code!r} was not stored")
        word = second.words[key(622)]
        what = f"a record with a fresh key whose value in the unique field {field.code!r} is taken"
        require(
            word not in ("duplicate", "updated"), f"{what} was called {word!r}; that word is for the key field alone"
        )
        require(word != "created", f"{what} was stored: the schema calls a field unique that is not")
        require(len(stage.read()) == before + 1, f"{what} changed the number of records")
        return


def _require_no_duplicate_without_key_field(stage: Stage) -> None:
    """Where core names no key field, nothing is a `duplicate`."""
    pushed = stage.good.push([_lone(stage.good, _BATCH[0])], key_field=None).require_sound()
    word = pushed.said(key(_BATCH[0])).verdict
    require(
        word not in ("duplicate", "created"), f"a record whose key is taken, pushed without a key field, was {word!r}"
    )


def _require_nothing_claimed(stage: Stage) -> None:
    field = stage.good.schema.field(stage.kit.key_field)
    assert field is not None
    uniqueness = stage.manifest.uniqueness
    require(
        not field.unique,
        f"discovery calls the field {field.code!r} unique, while the manifest says uniqueness={uniqueness!r}",
    )
    require(
        uniqueness == "none",
        f"the manifest says uniqueness={uniqueness!r}, and discovery does not call the kit's key field {field.code!r} "
        "unique: no field is enforced, or the kit names the wrong one",
    )
    unique = sorted(one.code for one in stage.good.schema.fields if one.unique)
    require(not unique, f"discovery calls the fields {unique} unique, while the manifest says uniqueness='none'")


def _require_every_push_adds(stage: Stage) -> None:
    good = stage.good
    batch = [_lone(good, number) for number in _BATCH[: few(stage)]]
    for _ in range(_TIMES):
        before = stage.stored_keys()
        pushed = good.push(batch).require_all_created()
        require_carried_once(pushed)
        others = sorted({word for word in pushed.words().values() if word != "created"})
        require(not others, f"records were called {others} by a backend that enforces no key")
        after = stage.stored_keys()
        added = list(after)
        for one in before:
            added.remove(one)
        require(
            sorted(added) == sorted(pushed.keys),
            f"a push of {len(batch)} records with their keys in {stage.kit.key_field!r} added records with the keys "
            f"{added[:6]} to a backend that enforces nothing",
        )


def _require_records_without_key(stage: Stage) -> None:
    """Without a key and a key field, one push stores each record once all the same."""
    good, code = stage.good, stage.kit.key_field
    field = good.schema.field(code)
    if field is not None and field.required and not field.has_default:
        return
    before = len(stage.read())
    rows = {number: good.values(number) for number in (631, 632, 633)[: few(stage)]}
    bare = [
        good.wire_record({name: value for name, value in row.items() if name != code}, key=key(number))
        for number, row in rows.items()
    ]
    pushed = good.push(bare, key_field=None).require_all_created()
    now = len(stage.read())
    require(now == before + len(bare), f"{len(bare)} records without a key became {now - before}")
    require(len({pushed.said(one).key for one in pushed.keys}) == len(bare), "a record without a key has no verdict")
    push_and_compare(good, (641,))
    _require_equals_apart(stage)


def _require_equals_apart(stage: Stage) -> None:
    """Two records of the same content are two records: somebody wrote the same twice."""
    good = stage.good
    row = {code: value for code, value in _without_other_unique(good, 651).items() if code != stage.kit.key_field}
    if any(field.code in row for field in _other_unique(good)):
        return
    before = len(stage.read())
    alike = [good.wire_record(row, key=key(number)) for number in (651, 652, 653)[: few(stage)]]
    good.push(alike, key_field=None).require_all_created()
    now = len(stage.read()) - before
    require(now == len(alike), f"{len(alike)} records with the same content and keys of their own became {now}")


def _settled(connection: Connection, records: Sequence[WireRecord]) -> Settled:
    settled = settle(connection, records)
    for pushed in settled.pushes:
        require_carried_once(pushed)
    return settled


def _require_seen_as_taken(stage: Stage, settled: Settled, keys: Sequence[str]) -> None:
    for one in keys:
        word = settled.words[one]
        if word == "rejected" and any(field.required for field in _other_unique(stage.good)):
            continue  # another unique field, which cannot be left out, was taken as well
        require(word in ("duplicate", "updated"), f"a record whose key is taken was called {word!r}")


def _require_held_once(stage: Stage, count: int) -> None:
    keys = stage.stored_keys()
    twice = sorted({one for one in keys if one and keys.count(one) > 1})
    require(
        not twice,
        f"the backend holds {len(twice)} delivery keys more than once, {twice[0] if twice else ''!r} among them",
    )
    require(len(keys) == count, f"the target should hold {count} records by now and holds {len(keys)}")


def _of_key(stage: Stage, one: str) -> dict[str, object]:
    found = [record.values for record in stage.read() if record.values.get(stage.kit.key_field) == one]
    if len(found) != 1:
        broken(f"the backend holds {len(found)} records under a key that was stored once")
    return dict(found[0])


def _other_unique(connection: Connection) -> list[Field]:
    """Unique fields besides the key field for which there are values."""
    kit = connection.stage.kit
    made = values.settable(connection.schema, kit.examples)
    return [field for field in made if field.unique and field.code != kit.key_field and field.code not in kit.filled]


def _without_other_unique(connection: Connection, number: int) -> dict[str, Value]:
    others = {field.code for field in _other_unique(connection) if not field.required or field.has_default}
    return {code: value for code, value in connection.values(number).items() if code not in others}


def _lone(connection: Connection, number: int) -> WireRecord:
    """A record in which the key field alone is unique."""
    return connection.wire_record(_without_other_unique(connection, number), key=key(number))
