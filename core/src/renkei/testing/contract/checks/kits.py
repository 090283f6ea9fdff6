"""Checks K: the kit, its simulator and its probe are fit to show damage."""

from __future__ import annotations

from collections.abc import Sequence

from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.catalogue import ANYWHERE, check
from renkei.testing.contract.checks.calling import answered, outcome_of
from renkei.testing.contract.checks.holdings import prepared
from renkei.testing.contract.checks.proof import ProofChecks
from renkei.testing.contract.checks.replaying import anonymous, captured, is_json, overfull, send, without_field
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.values import differences

_MANY = 120  # a probe that sees one page is found out


class KitChecks(ProofChecks):
    """Checks K."""

    @check("K03", traffic=True)
    def test_k03_the_simulator_refuses_what_the_backend_refuses(self, stage: Stage) -> None:
        """The simulator stores a good record, and none without credentials, target or required field.

        Nor does it store more in one request than the manifest says that it takes.
        Why: a simulator that says yes to everything lets every plugin pass, also one that forgets its token.
        Mend: check credentials, target, size and required fields in the simulator, and let `revoke_credentials`
        take effect on the very next request.
        """
        good = prepared(stage)
        one = captured(good, [good.record(1)])
        _require_nothing_stored(stage, "a request that never reached it")
        send(stage, captured(good, [good.record(2)]))
        require(stage.stored_keys() == [key(2)], "the simulator does not store a good record that is sent by hand")

        for changes in anonymous(stage, one):
            send(stage, one, **changes)
            _require_nothing_stored(stage, "a record that was sent without credentials", key(2))
        _require_target_known(stage, good)
        _require_required_known(stage, good)
        _require_size_known(stage, good)
        _require_poison_refused(stage, good)
        held = captured(good, [good.record(3)])
        stage.kit.revoke_credentials()
        send(stage, held)
        _require_nothing_stored(stage, "a record after revoke_credentials()", key(2))

    @check("K04", traffic=True)
    def test_k04_the_probe_sees_what_is_there_and_nothing_else(self, stage: Stage) -> None:
        """The probe sees each record that was seeded or written, whole and in order, and none that was not; both of
        the kit's targets have its key field.

        Why: all that the suite finds out about records it finds out through the probe. One that sees what was meant
        instead of what is there proves any plugin.
        Mend: read the simulator's own store in `read`, write to the same store in `seed`, and bring everything back in
        `reset`: records, fields, credentials.
        """
        good = prepared(stage)
        answered("crm_authenticate", lambda: stage.second).require_key_field()
        _require_nothing_stored(stage, "nothing yet")
        ids = [_seeded(stage, good, number) for number in range(1, _MANY + 1)]
        _require_whole(stage, good, ids)
        require(len(set(ids)) == len(ids), "seed() gave one id to several records")
        if stage.kit.second_target != stage.site.target:
            require(not stage.read(stage.kit.second_target), "what is seeded into one target is seen in the other")

        lost = captured(good, [good.record(1_001)])
        _require_seen(stage, ids)  # a request that never arrived leaves no trace
        stage.kit.poison(good.values(1_002))
        stage.kit.unnamed_poison(good.values(1_003))
        _require_seen(stage, ids)
        if is_json(lost):
            send(stage, lost, content=lost.body[: len(lost.body) // 2])
            _require_seen(stage, ids)  # nor does half a request
        send(stage, lost)
        require(stage.stored_keys()[len(ids) :] == [key(1_001)], "the probe does not see a record that was written")
        gone = differences(good.schema, good.values(1_001), stage.read()[-1].values)
        require(not gone, f"the probe does not see what was written into {sorted(gone)}")
        _require_reset(stage, good)

    @check("K07", sources=ANYWHERE, traffic=True)
    def test_k07_each_hook_was_seen_on_the_wire(self, stage: Stage) -> None:
        """Authenticating, discovering and pushing each send requests, and so do the optional hooks that are declared.

        Why: a hook that answers without asking the backend makes things up, and every other check of it is hollow.
        Mend: send every request through `ctx.http`, and ask the backend each time.
        """
        good = prepared(stage)
        pushed = good.push([good.record(1)])
        require(pushed.writes, "crm_push sent no request for a good record")
        require(any(one.applied for one in pushed.writes), "no request of crm_push was accepted for a good record")
        asked = ["crm_authenticate", "crm_discover", "crm_push"]
        if stage.supports("list_targets"):
            answered("crm_list_targets", good.targets)
            asked.append("crm_list_targets")
        if stage.supports("verify"):
            answered("crm_verify", lambda: good.verify(key(1)))
            asked.append("crm_verify")
        if stage.supports("refresh"):
            answered("crm_refresh", good.refresh)
            asked.append("crm_refresh")
        seen = {exchange.hook for exchange in stage.wire.exchanges}
        silent = [hook for hook in asked if hook not in seen]
        require(not silent, f"no request was seen of {', '.join(silent)}")


def _require_nothing_stored(stage: Stage, what: str, *but: str) -> None:
    held = stage.stored_keys()
    require(held == list(but), f"the simulator holds {len(held)} records instead of {len(but)}: it stored {what}")
    second = stage.kit.second_target
    if second != stage.site.target:
        require(not stage.read(second), f"the simulator stored {what} in {second!r}")


def _require_target_known(stage: Stage, good: Connection) -> None:
    missing = stage.kit.missing_target
    pushed = good.push([good.record(11)], target=missing)
    pushed.require_ours()
    require(not pushed.created(), "the simulator accepted a record for a target that it does not know")
    _require_nothing_stored(stage, "a record for a target that it does not know", key(2))
    schema, _error = outcome_of(lambda: good.discover(missing))
    require(schema is None, "the fields of a target that the simulator does not know were told")


def _require_required_known(stage: Stage, good: Connection) -> None:
    needed = [field for field in good.schema.fields if field.required and field.writable and not field.has_default]
    held = captured(good, [good.record(21)])
    for field in needed:
        content = without_field(held, field.code)
        if content is not None and field.code != stage.kit.key_field:
            send(stage, held, content=content)
            _require_nothing_stored(stage, f"a record without its required field {field.code!r}", key(2))


def _require_size_known(stage: Stage, good: Connection) -> None:
    """Of the two sizes that a manifest can give, one at least is the backend's own."""
    limits = stage.manifest.limits
    tried = 0
    if limits.request_size > 1:
        records = good.records(2, start=31)
        held = captured(good, records)
        fresh = (key(number) for number in range(1_000, 1_001 + limits.request_size))
        content = overfull(held, [record.key for record in records], limits.request_size, fresh)
        if content is not None:
            tried += 1
            send(stage, held, content=content)
            if stage.stored_keys() == [key(2)]:
                return
            broken(f"the simulator stored more than {limits.request_size} records of one request")
    if limits.request_bytes is not None:
        held = captured(good, [good.record(41)])
        padding = b" " * (limits.request_bytes + 1)  # white space around a document says nothing
        tried += 1
        send(stage, held, content=held.body + padding)
        if stage.stored_keys() == [key(2)]:
            return
    require(not tried, "the simulator stored a record from a request that is larger than the manifest says it takes")


def _require_poison_refused(stage: Stage, good: Connection) -> None:
    for what, poison in (("poison()", stage.kit.poison), ("unnamed_poison()", stage.kit.unnamed_poison)):
        values = poison(good.values(51))
        if values is None:
            continue
        result = good.map(values, key=key(51))
        require(
            result.record is not None, f"crm_map refuses the values of the kit's {what}; it has to let them through"
        )
        assert result.record is not None
        send(stage, captured(good, [result.record]))
        _require_nothing_stored(stage, f"a record with the values of {what}", key(2))


def _seeded(stage: Stage, good: Connection, number: int) -> str:
    return stage.kit.seed(stage.site.target, good.values(number))


def _require_whole(stage: Stage, good: Connection, ids: Sequence[str]) -> None:
    _require_seen(stage, ids)
    held = stage.read()
    for number, record in enumerate(held, 1):
        wrong = differences(good.schema, good.values(number), record.values)
        require(not wrong, f"the probe does not see what was seeded into {sorted(wrong)}")
    require(stage.read() == held, "the probe sees something else when it looks again")


def _require_seen(stage: Stage, ids: Sequence[str]) -> None:
    seen = [record.id for record in stage.read()]
    require(seen == list(ids), f"{len(ids)} records were seeded, and the probe sees others")


def _require_reset(stage: Stage, good: Connection) -> None:
    before = good.schema.fields
    stage.kit.add_field("あとで消える項目")
    gone = next((field.code for field in before if field.writable and field.code != stage.kit.key_field), None)
    if gone is not None:
        stage.kit.delete_field(gone)
    stage.kit.revoke_permission()
    stage.kit.revoke_credentials()
    stage.kit.reset()
    _require_nothing_stored(stage, "something that reset() did not take away")
    fresh = stage.connection()
    answered("crm_authenticate, after reset(),", fresh.authenticate)
    after = answered("crm_discover, after reset(),", fresh.discover)
    require(after.fields == before, "after reset() the target has other fields than on the first day")
    fresh.push([fresh.record(1)]).require_all_created()
    require(stage.stored_keys() == [key(1)], "after reset() a good record is not stored")
