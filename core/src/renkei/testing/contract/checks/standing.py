"""How a backend stands to writes: whether what its manifest says of them is what the simulator does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from renkei.spec import Field, Refusal, WireRecord
from renkei.testing.contract import foreign
from renkei.testing.contract import values as making
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.connection import Connection
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Exchange


def require_atomicity(stage: Stage) -> None:
    """A bad record among good ones, in one request where one request holds several.

    Raises:
        Broken: what the simulator then holds is not what `atomicity` says.
    """
    good = stage.good
    bad = answered("crm_map of a poisoned record", lambda: good.poisoned(2))
    pushed = _pushed(stage, [good.record(1), bad, good.record(3)])
    shared = [write for write in pushed.writes if write.forwarded and _carried(write, pushed) == set(pushed.keys)]
    stored = [key for key in pushed.keys if key in stage.stored_keys()]
    require(bad.key not in stored, "the kit's poisoned record was stored; poison() has to give one that is refused")
    if shared and stage.manifest.atomicity == "request":
        require(not stored, f"atomicity is 'request', but of one refused request {len(stored)} records were stored")
    if shared and stage.manifest.atomicity == "record":
        require(stored, "atomicity is 'record', but one bad record kept the others of its request from being stored")


def require_uniqueness(stage: Stage) -> None:
    """The same record twice, in two pushes.

    Raises:
        Broken: a key that is unique by schema and manifest is there twice, or one of them says so and not the other.
    """
    good = stage.good
    field = good.schema.field(stage.kit.key_field)
    require(field is not None, f"discovery does not show the kit's key field {stage.kit.key_field!r}")
    assert field is not None
    unique = stage.manifest.uniqueness
    require(not (field.unique and unique == "none"), "uniqueness is 'none', but discovery calls the key field unique")
    if not field.unique:
        return
    record = good.record(11)
    for _ in range(2):
        _pushed(stage, [record])
    times = stage.stored_keys().count(record.key)
    require(times == 1, f"uniqueness is {unique!r}, but a key that was sent twice is there {times} times")


def require_own_objects(stage: Stage) -> None:
    """An error object such as strangers give, too, is described only with a status that the backend uses itself.

    Raises:
        Broken: it is described with another, so that a breakdown after the write counts as "not applied".
    """
    for refusal in stage.manifest.refusals:
        for status in foreign.STATUSES:
            own = any(
                said.status == status and refusal.describes(status, said.content())
                for said in stage.kit.answers.values()
            )
            for what, body in foreign.OBJECTS:
                require(
                    (own and status in refusal.statuses) or not refusal.describes(status, body),
                    f"refusals also describe {what} with status {status}, and by no word of the kit's does the backend "
                    "itself refuse so: name the `statuses` of its own refusals, and give its words in `answers`",
                )


def require_told_refusals(stage: Stage) -> None:
    """The backend's own words for a refusal, its words for a success, and credentials that are gone.

    Raises:
        Broken: `refusals` miss the first, or describe the second.
    """
    good, refusals = stage.good, stage.manifest.refusals
    pushed = good.push(good.records(2, start=21)).require_all_created()
    for write in pushed.writes:
        for status in foreign.STATUSES:
            require(
                not _describe(refusals, status, write.answer),
                f"refusals also describe the answer to a write that was applied, should it come with status {status}",
            )
    for situation, said in stage.kit.answers.items():
        if said.status >= 500 and _is_object(said.content()):
            require(
                _describe(refusals, said.status, said.content()),
                f"refusals do not describe the backend's own {said.status} for {situation!r}: each such refusal would "
                "be taken for a write that may have been applied",
            )
    stage.kit.revoke_credentials()
    _pushed(stage, [good.record(23)])
    stage.kit.reset()
    answered("crm_authenticate with good settings", good.authenticate)


def require_unknown_fields(stage: Stage) -> None:
    """A record with a field that was deleted since it was mapped.

    Raises:
        Broken: `unknown_fields` says another thing than what the simulator does.
    """
    good = stage.good
    field = _spare_field(good, stage.kit.key_field)
    if field is None:
        return
    record = good.record(31)
    if field.code not in good.values(31):
        return
    stage.kit.delete_field(field.code)
    pushed = _pushed(stage, [record])
    if not any(write.forwarded for write in pushed.writes):
        return
    stored = record.key in stage.stored_keys()
    told = stage.manifest.unknown_fields
    require(
        stored == (told == "ignored"),
        f"unknown_fields is {told!r}, but a record with a field that was deleted was {'' if stored else 'not '}stored",
    )


def _pushed(stage: Stage, records: Sequence[WireRecord]) -> Pushed:
    """Push *records*, and hold every answer against what is there now and was not before."""
    before = Counter(stage.stored_keys())
    pushed = stage.good.push(records)
    new = Counter(stage.stored_keys()) - before
    applied = {key for write in pushed.writes if write.applied for key in _carried(write, pushed)}
    for write in pushed.writes:
        if not write.forwarded or write.status is None or write.status < 400:
            continue
        described = _describe(stage.manifest.refusals, write.status, write.answer)
        there = any(key in new for key in _carried(write, pushed) - applied)
        require(
            not (there and (described or write.status < 500)),
            f"an answer with status {write.status} counts as a refusal, but what it refused was stored",
        )
        if write.status >= 500 and _is_object(write.answer) and not there:
            require(described, f"the simulator refused a write with its own {write.status}, and refusals miss that")
    return pushed


def _describe(refusals: Sequence[Refusal], status: int, body: bytes) -> bool:
    return any(refusal.describes(status, body) for refusal in refusals)


def _carried(write: Exchange, pushed: Pushed) -> set[str]:
    return {key for key in pushed.keys if key.encode() in write.body}


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _spare_field(connection: Connection, key_field: str) -> Field | None:
    """A writable field that a record can do without: text where there is one."""
    schema = connection.schema
    spare = [
        field
        for field in making.settable(schema, connection.stage.kit.examples)
        if field.code != key_field and not field.required and field.code not in connection.stage.kit.filled
    ]
    texts = {field.code for field in making.text_fields(schema, key_field)}
    return next((field for field in spare if field.code in texts), next(iter(spare), None))
