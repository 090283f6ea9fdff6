"""Checks R: what a plugin uses, and how it lets go."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, Final

import httpx

from renkei.spec import BackendError, Field, FieldType, FileRef, TargetSchema, Value, WireRecord
from renkei.testing.contract import acts
from renkei.testing.contract.broken import broken, raised, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks.calling import Disturbed, answered, disturbed, outcome_of, questions
from renkei.testing.contract.connection import DEADLINE, key
from renkei.testing.contract.lane import by_key, for_requests
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.watching import ways_out
from renkei.testing.contract.wire import Act, Exchange, Forward
from renkei.testing.kit import BackendAnswer

_LEFT: Final = timedelta(seconds=0.25)
"""How long a request may last there; the hook itself has a second more."""

_A_SECOND: Final = 1.0 + _LEFT.total_seconds()

_BUSY_MOST: Final = 400  # records: enough for a plugin that sends all it has at once to be seen

_WARM: Final = 100
_RECORDS: Final = 300
_TURNS: Final = 3
_BLOCKS_FOR_EACH: Final = 0.8
"""Memory blocks that may stay for each record: one that is kept anywhere costs several."""

_CONTENT: Final = bytes(range(256)) * 8_192
_FILE_FIELD: Final = "contract_files"


class ResourceChecks:
    """Checks R."""

    @check("R01", traffic=True)
    def test_r01_all_traffic_goes_through_the_client_that_core_gives(self, stage: Stage) -> None:
        """A plugin connects nowhere but through `ctx.http`, and starts no program that could.

        Why: only there are hosts, deadline, size, budget and outcome under control; a client of the plugin's own
        reaches addresses inside the network, and writes that nobody knows of.
        Mend: use `ctx.http` for everything, for log-in and files as well; if a vendor's library opens connections of
        its own, give it that client or leave it out.
        """
        simulator = stage.kit.simulator()
        asked = questions(stage)
        records = stage.good.records(min(3, stage.manifest.limits.push_size))
        refused = stage.good.record(90)
        with ways_out(simulator if isinstance(simulator, str) else "") as found:
            calls = [question.call for question in asked]
            for call in (*calls, lambda: stage.good.push(records), lambda: stage.good.record(91)):
                outcome_of(call)
            for act in (acts.answer(500), acts.unreachable(), acts.lost(applied=False), acts.answer(401)):
                disturbed(stage.good, [refused], act)
                for question in asked:
                    question.through(act)
        ways = list(dict.fromkeys(map(str, found)))
        require(not ways, f"the plugin {'; '.join(ways[:3])}, beside `ctx.http`")

    @check("R02", traffic=True)
    def test_r02_no_more_requests_at_once_than_declared(self, stage: Stage) -> None:
        """In a full push, and in everything else, no more requests are under way at once than `limits.concurrency`.

        Why: the figure is the account's, shared with all that its owner runs; going over makes the backend refuse
        everybody.
        Mend: send one request after the other, or let a semaphore of that size decide; correct the manifest if it is
        wrong.
        """
        most = stage.manifest.limits.concurrency
        count = min(stage.manifest.limits.push_size, _BUSY_MOST)
        records = stage.good.records(count, only_required=True)
        asked = questions(stage)
        stage.wire.busiest = 0
        stage.wire.play(acts.unhurried(), on="any", times=100_000)
        stage.good.push(records).require_all_created()
        for question in asked:
            answered(question.hook, question.call)
        busiest = stage.wire.busiest
        require(busiest <= most, f"{busiest} requests were under way at once, and the manifest declares {most}")

    @check("R03", traffic=True)
    def test_r03_how_long_to_wait_is_told_with_any_refusal(self, stage: Stage) -> None:
        """`Retry-After` is told as `retry_after` also with a lock, a maintenance window, or a 503.

        Why: a backend that says when it is back need not be asked every minute until then.
        Mend: read the header in the place where errors are made, for every class of them.
        """
        date = format_datetime(stage.clock.now() + timedelta(seconds=75), usegmt=True)
        number = 0
        for said in _refusals(stage):
            for header in ("75", date):
                number += 1
                act = acts.words(said, headers={"retry-after": header}, name=f"a {said.status} with Retry-After")
                done = disturbed(stage.good, [stage.good.record(number)], act)
                _tells(done.pushed.stopped_by, f"{_name(act)} to a push")
                for question in questions(stage):
                    _tells(question.through(act).error, f"{_name(act)} to {question.hook}")

    @check("R04", traffic=True)
    def test_r04_a_call_ends_within_its_deadline(self, stage: Stage) -> None:
        """Where the backend does not answer, or answers byte by byte, a call still ends before its deadline, with a
        report or one of our errors: what is in flight is `unknown`, what was not sent `not_stored`.

        Why: past its deadline a hook is cut off, and what it had won and knew is lost with it.
        Mend: go by `ctx.remaining()`, begin nothing that does not fit into it, and let `ctx.http`'s errors end the
        push; it gives up in time by itself.
        """
        for number, act in enumerate((acts.hang(applied=True), acts.drip())):
            _within(stage, act, 1 + 3 * number)
        for act in (acts.hang(), acts.drip()):
            _answers_within(stage, act)

    @check("R05", traffic=True)
    def test_r05_a_call_that_is_cancelled_ends_at_once(self, stage: Stage) -> None:
        """When core stops, a hook ends promptly and sends nothing more; what was in flight is `unknown`, what was not
        sent `not_stored`.

        Why: a host that restarts waits for nobody; and a request that leaves after that belongs to no lease.
        Mend: never swallow `CancelledError`, and tell with `spec.carrying` which records each request holds, so that
        core knows the rest.
        """
        good = stage.good
        records = for_requests(good, 2) or good.records(min(2, stage.manifest.limits.push_size))
        records = records[:50] if stage.manifest.limits.request_size == 1 else records

        async def stopped(exchange: Exchange, forward: Forward) -> httpx.Response:
            await forward()
            stage.backend.close()
            return await acts.hang()(exchange, forward)

        done = disturbed(good, records, stopped)
        _ended(stage, done)
        for question in questions(stage):
            question.through(stopped)
            require(stage.heard[-1].answer is None, f"{question.hook} answered after it was cancelled")

    @check("R06", traffic=True)
    def test_r06_memory_does_not_grow_with_the_records(self, stage: Stage) -> None:
        """After thousands of records a plugin holds no more memory than after the first hundred.

        Why: a worker runs for months; what is kept for each record ends it one night, and holds customers' words.
        Mend: keep nothing at module level: no cache by key, no list of what was sent.
        """
        _push_many(stage, 1, _WARM)
        grown = 0
        for turn in range(_TURNS):
            before = _blocks(stage)
            _push_many(stage, 1 + _WARM + turn * _RECORDS, _RECORDS)
            grown = _blocks(stage) - before
            if grown < _RECORDS * _BLOCKS_FOR_EACH:
                return
        # What a cache somewhere takes once is no leak: that grows each time.
        broken(f"with every {_RECORDS} records {grown} blocks of memory more are held, {grown / _RECORDS:.1f} for each")

    @check("R07", traffic=True)
    def test_r07_files_are_streamed_when_they_are_sent(self, stage: Stage) -> None:
        """A file is opened when it is pushed, once, and arrives whole; where files are not supported, a value for a
        field of files is a problem, and no file is ever opened.

        Why: mapping runs at rehearsals too, and an attachment that is read into memory there is read for nothing.
        Mend: where the manifest supports files, leave the `FileRef` in the wire record, and read it in `crm_push` from
        `ctx.open_file`, chunk by chunk. Where it does not, return a `Problem` that names the field from `crm_map`, and
        leave the file alone.
        """
        ref = stage.files.add("file-1", "見積書.pdf", _CONTENT)
        field = _file_field(stage.good.schema)
        if stage.supports("files") and field is not None:
            _streamed(stage, field, ref)
        else:
            require(not stage.supports("files"), "the manifest supports files, and discovery shows no field for them")
            _never_opened(stage, field, ref)


def _name(act: Act) -> str:
    return str(getattr(act, "__name__", "a fault"))


def _refusals(stage: Stage) -> list[BackendAnswer]:
    own = [stage.kit.answers[name] for name in ("locked", "maintenance") if name in stage.kit.answers]
    return [*own, BackendAnswer(status=503)]


def _tells(error: BaseException | None, when: str) -> None:
    if not isinstance(error, BackendError):
        return  # what kind of error it is, is for other checks
    told = error.retry_after
    near = told is not None and abs(told - timedelta(seconds=75)) <= timedelta(seconds=1)
    require(near, f"{when}: the backend asks to wait 75 seconds, and {raised(error)[7:]} tells {told}")


class _Rush:
    """A call whose time is nearly over when its first request leaves.

    Made with the clock and not with a short deadline: a plugin may rightly begin nothing that has no time.
    """

    def __init__(self, stage: Stage) -> None:
        self._clock = stage.clock
        self._begun = False
        self._over = False

    def before_send(self) -> None:
        """For the call: now there is only the second left that a hook has for its report, and a little more."""
        if not self._begun:
            self._begun = True
            self._clock.forward(DEADLINE - timedelta(seconds=1) - _LEFT)

    def struck(self) -> None:
        """For the fault: from now on that second runs."""
        asyncio.get_running_loop().call_later(_A_SECOND, self._run_out)

    def done(self) -> None:
        """The call has ended."""
        self._over = True

    def _run_out(self) -> None:
        if not self._over:
            self._clock.forward(timedelta(seconds=1) + _LEFT)


def _within(stage: Stage, act: Act, start: int) -> None:
    records = stage.good.records(min(3, stage.manifest.limits.push_size), start=start)
    rush = _Rush(stage)
    done = disturbed(stage.good, records, acts.first_noted(act, rush.struck), times=1_000, before_send=rush.before_send)
    rush.done()
    fault = done.pushed.outcome.fault
    when = f"{_name(act)} to a push"
    require(fault is None, f"{when}: {fault.what if fault else ''}")
    done.pushed.require_ours()
    require(done.struck is not None, "crm_push sent no write for good records")
    done.require_all("unknown", done.in_doubt, when)
    unsent = [one for one in done.pushed.keys if not done.sent(one)]
    done.require_all("not_stored", unsent, when)
    done.require_by_core("not_stored", unsent, when)
    twice = [one for one in done.pushed.keys if len(done.sent(one)) > 1]
    require(not twice, f"{when}: record {twice[:1]} was sent again")


def _answers_within(stage: Stage, act: Act) -> None:
    good = stage.good
    calls: Mapping[str, Callable[[Callable[[], None]], Any]] = {
        "crm_authenticate": lambda before_send: good.authenticate(before_send=before_send),
        "crm_discover": lambda before_send: good.discover(before_send=before_send),
    }
    for hook, call in calls.items():
        rush = _Rush(stage)
        stage.wire.play(acts.first_noted(act, rush.struck), on="any", hook=hook, times=1_000)
        _answer, error = outcome_of(lambda call=call, rush=rush: call(rush.before_send))  # type: ignore[misc]
        rush.done()
        stage.wire.calm()
        require(isinstance(error, BackendError), f"{_name(act)} to {hook}: it {raised(error) if error else 'answered'}")


def _ended(stage: Stage, done: Disturbed) -> None:
    pushed: Pushed = done.pushed
    require(done.struck is not None, "crm_push sent no write for good records")
    require(not done.late, f"after it was cancelled, crm_push sent {len(done.late)} more requests")
    done_by_core = pushed.outcome.verdicts
    lost = done.in_doubt
    for one in pushed.keys:
        wanted = "unknown" if one in lost else "created" if done.sent(one) else "not_stored"
        found = done_by_core[one].verdict
        fitting = (wanted,) if wanted != "created" else ("created", "updated", "unknown")
        require(
            found in fitting, f"a push was cancelled: core has to take record {one!r} for {found!r}, not {wanted!r}"
        )
    heard = stage.heard[-1]
    require(heard.hook == "crm_push", "crm_push did not end when it was cancelled")


def _push_many(stage: Stage, start: int, count: int) -> None:
    """Push *count* records, and forget all that suite and simulator know of them."""
    good, most = stage.good, stage.manifest.limits.push_size
    for first in range(start, start + count, most):
        size = min(most, start + count - first)
        good.push(good.records(size, start=first, only_required=True)).require_all_created()
        stage.heard.clear()
        stage.wire.exchanges.clear()
    stage.kit.reset()
    good.authenticate()


def _blocks(stage: Stage) -> int:
    stage.wire.exchanges.clear()
    stage.heard.clear()
    gc.collect()
    blocks = sys.getallocatedblocks()
    answered("crm_discover", stage.good.discover)  # traffic, after the log was cleared
    return blocks


def _file_field(schema: TargetSchema) -> Field | None:
    return next((field for field in schema.fields if field.type is FieldType.FILES and field.writable), None)


def _streamed(stage: Stage, field: Field, ref: FileRef) -> None:
    values: dict[str, Value] = {**stage.good.values(1), field.code: (ref,)}
    record: WireRecord = stage.good.wire_record(values, key=key(1))
    require(not stage.files.opened, "crm_map opened a file; it is to leave the FileRef in the wire record")
    stage.good.push([record]).require_all_created()
    require(stage.files.opened == [ref.id], f"a file of one record was opened {len(stage.files.opened)} times")
    stored = by_key(stage).get(key(1), [])
    found = stored[0].values.get(field.code) if stored else None
    require(found == ((ref.name, _CONTENT),), f"the file in field {field.code!r} is not stored as it was given")


def _never_opened(stage: Stage, field: Field | None, ref: FileRef) -> None:
    schema = stage.good.schema
    if field is None:
        field = Field(code=_FILE_FIELD, label="files", type=FieldType.FILES, native_type="files")
        schema = TargetSchema(target=schema.target, label=schema.label, fields=(*schema.fields, field))
    values: dict[str, Value] = {**stage.good.values(1), field.code: (ref,)}
    result = answered("crm_map", lambda: stage.good.map(values, key=key(1), schema=schema))
    named = [problem.field for problem in result.problems]
    if result.record is not None or field.code not in named:
        broken(f"files are not supported, and a file for field {field.code!r} is no problem that names it: {named}")
    stage.good.push([stage.good.record(2)]).require_all_created()
    require(not stage.files.opened, "files are not supported, and one was opened")
