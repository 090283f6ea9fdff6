from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei import spec
from renkei.plugins.verdicts import Wire, judge, without_report
from renkei.plugins.wire import Entry, Outcome

KEYS = ("a", "b", "c", "d")
NEGATIVE = ("rejected", "suspect", "not_stored", "duplicate")


def write(outcome, carried=None, status=...):
    told = {Outcome.ANSWERED: 200, Outcome.REFUSED: 400}.get(outcome) if status is ... else status
    return Entry(
        kind="write",
        method="POST",
        host="h",
        path="/",
        carried=None if carried is None else frozenset(carried),
        status=told,
        outcome=outcome,
    )


def verdict(name, key, id="1"):
    made = {
        "created": lambda: spec.Created(key=key, id=id),
        "updated": lambda: spec.Updated(key=key, id=id),
        "duplicate": lambda: spec.Duplicate(key=key),
        "rejected": lambda: spec.Rejected(key=key, code="x"),
        "suspect": lambda: spec.Suspect(key=key, code="x"),
        "not_stored": lambda: spec.NotStored(key=key),
        "unknown": lambda: spec.Unknown(key=key),
    }
    return made[name]()


def judged(entries, *verdicts, keys=None, request_size=10):
    keys = [item.key for item in verdicts] if keys is None else keys
    return judge(keys, spec.PushReport(verdicts=verdicts), Wire(entries), request_size=request_size)


@pytest.mark.parametrize("name", NEGATIVE)
def test_a_negative_verdict_cannot_stand_where_the_write_was_lost(name):
    result = judged([write(Outcome.UNKNOWN, "a", status=500)], verdict(name, "a"))

    assert result.verdicts["a"] == spec.Unknown(key="a")
    assert result.lies == ()


@pytest.mark.parametrize("name", NEGATIVE)
def test_a_later_refusal_does_not_settle_an_earlier_lost_write(name):
    result = judged([write(Outcome.UNKNOWN, "a"), write(Outcome.REFUSED, "a")], verdict(name, "a"))

    assert result.verdicts["a"] == spec.Unknown(key="a")


def test_an_untagged_lost_write_makes_every_record_unknown_that_was_not_won():
    result = judged(
        [write(Outcome.ANSWERED, "a"), write(Outcome.UNKNOWN)], verdict("created", "a"), verdict("not_stored", "b")
    )

    assert result.verdicts["a"].verdict == "created"
    assert result.verdicts["b"].verdict == "unknown"


@pytest.mark.parametrize("name", ["created", "updated"])
def test_success_without_a_2xx_to_a_write_that_carried_the_record_is_a_lie(name):
    for entries, instead in (
        ([], "not_stored"),
        ([write(Outcome.REFUSED, "a")], "not_stored"),
        ([write(Outcome.ANSWERED, "b")], "not_stored"),
        ([write(Outcome.UNSENT, "a", status=None)], "not_stored"),
        ([write(Outcome.UNKNOWN, "a")], "unknown"),
    ):
        result = judged(entries, verdict(name, "a"))
        assert result.verdicts["a"].verdict == instead
        assert "without a 2xx answer" in result.lies[0]


def test_reads_prove_nothing_was_written():
    read = Entry(kind="read", method="GET", host="h", path="/", status=200, outcome=Outcome.ANSWERED)

    assert judged([read], verdict("created", "a")).verdicts["a"].verdict == "not_stored"


def test_duplicate_needs_an_answer_to_a_write_that_carried_the_record():
    assert judged([write(Outcome.REFUSED, "a")], verdict("duplicate", "a")).lies == ()
    assert judged([write(Outcome.REFUSED)], verdict("duplicate", "a")).verdicts["a"].verdict == "duplicate"
    for entries, instead in (([], "not_stored"), ([write(Outcome.UNKNOWN, "a", status=None)], "unknown")):
        result = judged(entries, verdict("duplicate", "a"))
        assert (result.verdicts["a"].verdict, len(result.lies)) == (instead, 1)


def test_no_more_records_are_stored_than_the_requests_can_hold():
    won = [verdict("created", key, id=key) for key in KEYS]

    result = judged([write(Outcome.ANSWERED)], *won, request_size=3)

    assert {item.verdict for item in result.verdicts.values()} == {"unknown"}
    assert result.lies == ("it reports 4 records as stored by 1 requests of at most 3",)


@pytest.mark.parametrize("ids", [("1", "1"), ("", "2"), ("  ", "2")])
def test_one_id_for_two_records_and_empty_ids_are_lies(ids):
    result = judged([write(Outcome.ANSWERED)], verdict("created", "a", ids[0]), verdict("created", "b", ids[1]))

    assert result.verdicts["a"].verdict == "unknown"
    assert "empty record id" in result.lies[0]


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (("a",), "no verdict for 'b'"),
        (("a", "b", "x"), "a verdict for unknown 'x'"),
        (("a", "b", "b"), "more than one verdict for 'b'"),
        ((), "no verdict for 'a', 'b'"),
    ],
)
def test_a_report_that_is_not_one_to_one_is_refused_whole(said, what):
    entries = [write(Outcome.ANSWERED, "a"), write(Outcome.REFUSED, "b")]

    result = judged(entries, *(verdict("created", key, id=str(n)) for n, key in enumerate(said)), keys=["a", "b"])

    assert what in result.lies[0]
    assert [result.verdicts[key].verdict for key in "ab"] == ["unknown", "not_stored"]


def test_unknown_becomes_not_stored_only_where_each_attempt_was_seen_to_fail():
    for entries, instead in (
        ([write(Outcome.REFUSED, "a"), write(Outcome.UNSENT, "a", status=None)], "not_stored"),
        ([], "not_stored"),
        ([write(Outcome.REFUSED, "b")], "unknown"),  # its tags say that "a" never left; its verdict doubts it
        ([write(Outcome.ANSWERED, "a")], "unknown"),
        ([write(Outcome.UNKNOWN)], "unknown"),
    ):
        assert judged(entries, verdict("unknown", "a")).verdicts["a"].verdict == instead


entries = st.lists(
    st.builds(
        write,
        st.sampled_from(Outcome),
        st.one_of(st.none(), st.frozensets(st.sampled_from(KEYS))),
    ),
    max_size=5,
)
names = st.sampled_from([*NEGATIVE, "created", "updated", "unknown"])


@given(
    entries=entries, said=st.lists(st.tuples(names, st.sampled_from([*KEYS, "x"]), st.sampled_from("123")), max_size=6)
)
def test_whatever_is_reported_each_record_has_one_verdict_that_the_wire_allows(entries, said):
    wire = Wire(entries)
    report = [verdict(*item) for item in said]

    result = judged(entries, *report, keys=KEYS)

    assert list(result.verdicts) == list(KEYS)
    for key, found in result.verdicts.items():
        assert found.key == key
        outcomes = wire.outcomes(key)
        if found.verdict in ("created", "updated"):
            assert Outcome.ANSWERED in outcomes
        if found.verdict in NEGATIVE:
            assert Outcome.UNKNOWN not in outcomes
        if found not in report:
            assert found.verdict in ("unknown", "not_stored")


@given(entries=entries)
def test_without_a_report_what_may_be_applied_is_unknown_and_the_rest_not_stored(entries):
    wire = Wire(entries)

    for key, found in without_report(KEYS, wire).items():
        may_be = {Outcome.ANSWERED, Outcome.UNKNOWN} & wire.outcomes(key)
        assert found.verdict == ("unknown" if may_be else "not_stored")


# The same, through a backend.


def test_a_foreign_exception_after_a_write_leaves_unknown_what_was_carried(acme, toolbox, wire):
    async def dies(ctx, request):
        await ctx.http.post(f"https://{toolbox.HOST}/r", extensions=spec.carrying(request.records[:1]))
        raise KeyError("x")

    outcome = acme(push=dies).push(toolbox.call(), toolbox.push_of(2))

    assert [item.verdict for item in outcome.verdicts.values()] == ["unknown", "not_stored"]
    assert outcome.fault.sent
    assert (outcome.fault.backend, outcome.fault.hook) == ("acme", "crm_push")


def test_a_foreign_exception_before_anything_was_sent_stores_nothing(acme, toolbox):
    async def dies(ctx, request):
        raise KeyError("x")

    outcome = acme(push=dies).push(toolbox.call(), toolbox.push_of(2))

    assert {item.verdict for item in outcome.verdicts.values()} == {"not_stored"}
    assert not outcome.fault.sent
    assert outcome.requests == 0


@pytest.mark.parametrize(("status", "body", "expected"), [
    (200, b"{}", "unknown"),
    (400, b"{}", "not_stored"),
    (429, b"", "not_stored"),
    (500, b'{"code": "E1"}', "not_stored"),
    (500, b"<html>", "unknown"),
    (503, b"", "unknown"),
    (302, b"", "unknown"),
])  # fmt: skip
def test_a_backend_error_from_push_is_held_against_the_wire(acme, toolbox, wire, status, body, expected):
    wire.answer = lambda request: httpx.Response(status, content=body, headers={"location": "/x"})

    async def gives_up(ctx, request):
        await ctx.http.post(f"https://{toolbox.HOST}/r")
        raise spec.Unavailable("down", "the backend is down")

    outcome = acme(push=gives_up).push(toolbox.call(), toolbox.push_of(1))

    assert outcome.verdicts["k0"].verdict == expected
    assert outcome.fault is None
    lost = expected == "unknown" and status != 200
    assert type(outcome.stopped_by) is (spec.OutcomeUnknown if lost else spec.Unavailable)


def test_an_error_in_the_report_is_held_against_the_wire_too(acme, toolbox, wire):
    wire.answer = lambda request: httpx.Response(502)

    async def optimist(ctx, request):
        await ctx.http.post(f"https://{toolbox.HOST}/r")
        stopped = spec.Unavailable("down", "not sent")
        return spec.PushReport(
            verdicts=tuple(spec.NotStored(key=record.key) for record in request.records), stopped_by=stopped
        )

    outcome = acme(push=optimist).push(toolbox.call(), toolbox.push_of(2))

    assert {item.verdict for item in outcome.verdicts.values()} == {"unknown"}
    assert type(outcome.stopped_by) is spec.OutcomeUnknown


def test_what_was_won_before_the_stop_stands(acme, toolbox, wire):
    async def careful(ctx, request):
        await ctx.http.post(f"https://{toolbox.HOST}/r", extensions=spec.carrying(request.records[:1]))
        verdicts = [spec.Created(key="k0", id="1"), spec.NotStored(key="k1")]
        return spec.PushReport(verdicts=verdicts, stopped_by=spec.AuthenticationFailed("E", "the token was revoked"))

    outcome = acme(push=careful).push(toolbox.call(), toolbox.push_of(2))

    assert [item.verdict for item in outcome.verdicts.values()] == ["created", "not_stored"]
    assert isinstance(outcome.stopped_by, spec.AuthenticationFailed)
    assert outcome.fault is None


def test_a_report_stopped_by_a_class_that_says_nothing_is_a_fault(acme, toolbox):
    async def vague(ctx, request):
        return spec.PushReport(verdicts=(spec.NotStored(key="k0"),), stopped_by=spec.BackendError("x", "y"))

    outcome = acme(push=vague).push(toolbox.call(), toolbox.push_of(1))

    assert "BackendError, which says nothing" in str(outcome.fault)
    assert outcome.stopped_by is None


def test_a_push_without_a_report_is_refused(acme, toolbox):
    async def silent(ctx, request):
        await asyncio.sleep(0)

    outcome = acme(push=silent).push(toolbox.call(), toolbox.push_of(1))

    assert "returned a NoneType instead of a PushReport" in str(outcome.fault)
    assert outcome.verdicts["k0"].verdict == "not_stored"


def test_a_plugin_that_writes_with_a_get_and_an_override_header_is_seen_to_write(acme, toolbox, wire):
    wire.answer = lambda request: httpx.Response(503)

    async def sly(ctx, request):
        await ctx.http.get(f"https://{toolbox.HOST}/r", headers={"X-HTTP-Method-Override": "POST"})
        return spec.PushReport(verdicts=(spec.NotStored(key="k0"),))

    call = toolbox.call()
    outcome = acme(push=sly).push(call, toolbox.push_of(1))

    assert outcome.verdicts["k0"].verdict == "unknown"
    assert (call.wire.writes, call.wire.unknown_writes, call.wire.requests) == (1, 1, 1)


def test_a_tag_that_is_no_set_of_keys_counts_as_none(acme, toolbox, wire):
    wire.answer = lambda request: httpx.Response(503)

    async def mistagged(ctx, request):
        await ctx.http.post(f"https://{toolbox.HOST}/r", extensions={"renkei.carrying": "k0"})
        return spec.PushReport(verdicts=tuple(spec.NotStored(key=record.key) for record in request.records))

    outcome = acme(push=mistagged).push(toolbox.call(), toolbox.push_of(2))

    assert {item.verdict for item in outcome.verdicts.values()} == {"unknown"}
