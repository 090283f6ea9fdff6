"""Checks E01 to E13: plugins that say something else of records than what became of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import Any

import httpx

from renkei import spec
from renkei.testing.contract.saboteurs import Saboteur, damaged, module_saboteur
from saboteurs.tapping import Report, Tap, each, erring, settled, status_of, telling

# E01 to E04, E12


def hide_suspects(verdict: spec.Verdict) -> spec.Verdict:
    if isinstance(verdict, spec.Suspect):
        return spec.Rejected(key=verdict.key, code=verdict.code, message=verdict.message)
    return verdict


def other_field(report: Report, request: spec.PushRequest) -> Report:
    names = [field.code for field in request.target_schema.fields if field.writable]

    def change(verdict: spec.Verdict) -> spec.Verdict:
        if isinstance(verdict, spec.Rejected) and verdict.field in names:
            return verdict.model_copy(update={"field": names[names.index(verdict.field) - 1]})
        return verdict

    return each(change)(report, request)


def field_for_suspects(report: Report, request: spec.PushRequest) -> Report:
    """Whatever nobody has named is about the key field."""

    def change(verdict: spec.Verdict) -> spec.Verdict:
        suspect = isinstance(verdict, spec.Suspect)
        return verdict.model_copy(update={"field": request.key_field}) if suspect else verdict

    return each(change)(report, request)


def no_field(verdict: spec.Verdict) -> spec.Verdict:
    return verdict.model_copy(update={"field": None}) if isinstance(verdict, spec.Rejected) else verdict


def no_code(verdict: spec.Verdict) -> spec.Verdict:
    return verdict.model_copy(update={"code": ""}) if isinstance(verdict, spec.Rejected) else verdict


def off_by_one(report: Report, request: spec.PushRequest) -> Report:
    """Whoever stands before the culprit is blamed for it."""
    told = list(report.verdicts)
    for at, verdict in enumerate(report.verdicts):
        if at and isinstance(verdict, spec.Rejected):
            innocent = told[at - 1].key
            told[at - 1] = verdict.model_copy(update={"key": innocent})
            told[at] = spec.NotStored(key=verdict.key)
    return Report(verdicts=tuple(told), stopped_by=report.stopped_by)


def spread(report: Report, request: spec.PushRequest) -> Report:
    told: list[spec.Verdict] = []
    bad: spec.Rejected | None = None
    for verdict in report.verdicts:
        bad = verdict if isinstance(verdict, spec.Rejected) else bad
        told.append(verdict if bad is None else bad.model_copy(update={"key": verdict.key}))
    return Report(verdicts=tuple(told), stopped_by=report.stopped_by)


def poison_stops_all(report: Report, request: spec.PushRequest) -> Report:
    if not any(isinstance(verdict, spec.Rejected) for verdict in report.verdicts):
        return report
    told = tuple(
        spec.NotStored(key=verdict.key) if isinstance(verdict, spec.Rejected) else verdict
        for verdict in report.verdicts
    )
    return Report(verdicts=told, stopped_by=spec.SchemaDrift("bad_record", "A record was refused."))


# E05, E06


def with_wait(error: spec.BackendError, wait: timedelta | None) -> spec.BackendError:
    error.retry_after = wait
    return error


def header_of(answer: httpx.Response | None) -> str:
    return "" if answer is None else answer.headers.get("retry-after", "")


def by_the_machine(error: spec.BackendError, answer: httpx.Response | None, _ctx: Any) -> spec.BackendError:
    if "GMT" not in header_of(answer) or not isinstance(error, spec.RateLimited):
        return error
    try:
        wait = parsedate_to_datetime(header_of(answer)) - datetime.now(UTC)
    except ValueError:
        return error
    return with_wait(error, max(wait, timedelta()))


def only_seconds(error: spec.BackendError, answer: httpx.Response | None, _ctx: Any) -> spec.BackendError:
    return error if header_of(answer).isdigit() else with_wait(error, None)


def as_milliseconds(error: spec.BackendError, answer: httpx.Response | None, _ctx: Any) -> spec.BackendError:
    return with_wait(error, error.retry_after / 1_000 if error.retry_after else None)


def as_it_comes(error: spec.BackendError, answer: httpx.Response | None, _ctx: Any) -> spec.BackendError:
    header = header_of(answer)
    return with_wait(error, timedelta(seconds=int(header))) if header.lstrip("-").isdecimal() else error


def needs_the_header(error: spec.BackendError, answer: httpx.Response | None, _ctx: Any) -> spec.BackendError:
    if answer is not None and answer.status_code == 429:
        answer.headers["retry-after"]
    return error


def reads_are_not_limited(error: spec.BackendError, _answer: Any, _ctx: Any) -> spec.BackendError:
    if isinstance(error, spec.RateLimited):
        return spec.Unavailable(error.code, error.message, retry_after=error.retry_after)
    return error


# E07 to E11, E13


def gateway_optimist(good: ModuleType) -> ModuleType:
    def change(report: Report, tap: Tap) -> Report:
        if status_of(tap.last) not in (502, 504):
            return report
        told = tuple(
            spec.NotStored(key=verdict.key) if isinstance(verdict, spec.Unknown) else verdict
            for verdict in report.verdicts
        )
        return Report(verdicts=told, stopped_by=spec.Unavailable("bad_gateway", "A gateway stands in between."))

    return settled(good, change)


def teapot_waiter(error: spec.BackendError, answer: httpx.Response | None, _ctx: Any) -> spec.BackendError:
    if status_of(answer) in (418, 451) or (status_of(answer) == 501 and not isinstance(error, spec.OutcomeUnknown)):
        return spec.Unavailable(error.code, error.message)
    return error


def network_as_auth(error: spec.BackendError, answer: httpx.Response | None, _ctx: Any) -> spec.BackendError:
    if isinstance(error, spec.Unavailable) and answer is None:
        return spec.TargetNotFound("no_such_host", "The host cannot be reached.")
    return error


def amnesiac(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        report = await good.crm_push(ctx, request)
        if report.stopped_by is not None:
            raise report.stopped_by
        return report

    return damaged(good, push=crm_push)


def goes_on(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        told: list[spec.Verdict] = []
        stopped_by = None
        for record in request.records:
            report = await good.crm_push(ctx, request.model_copy(update={"records": (record,)}))
            told += report.verdicts
            stopped_by = stopped_by or report.stopped_by
        return Report(verdicts=tuple(told), stopped_by=stopped_by)

    return damaged(good, push=crm_push)


def silent_stop(report: Report, request: spec.PushRequest) -> Report:
    return Report(verdicts=report.verdicts)


def id_inventor(good: ModuleType) -> ModuleType:
    def change(report: Report, tap: Tap) -> Report:
        if tap.last is None or not tap.last.is_success:
            return report
        told = tuple(
            spec.Created(key=verdict.key, id=f"made-up-{verdict.key}") if isinstance(verdict, spec.Unknown) else verdict
            for verdict in report.verdicts
        )
        return Report(verdicts=told, stopped_by=None)

    return settled(good, change)


def two_hundred_is_enough(good: ModuleType) -> ModuleType:
    """Believes the status, and takes the id from wherever it finds a text."""

    def change(report: Report, tap: Tap) -> Report:
        if tap.last is None or not tap.last.is_success:
            return report
        try:
            data = tap.last.json()
        except ValueError:
            return report
        given = str(data.get("id")) if isinstance(data, dict) else "0"
        told = tuple(
            spec.Created(key=verdict.key, id=given) if isinstance(verdict, spec.Unknown) else verdict
            for verdict in report.verdicts
        )
        return Report(verdicts=told, stopped_by=None)

    return settled(good, change)


def no_id_no_record(good: ModuleType) -> ModuleType:
    def change(report: Report, tap: Tap) -> Report:
        if tap.last is None or not tap.last.is_success:
            return report
        told = tuple(
            spec.Suspect(key=verdict.key, code="no_id") if isinstance(verdict, spec.Unknown) else verdict
            for verdict in report.verdicts
        )
        return Report(verdicts=told, stopped_by=None)

    return settled(good, change)


SABOTEURS: tuple[Saboteur, ...] = (
    module_saboteur(38, "ChunkAmnesiac", "Raises where it should report what it had won.", ("E10", "E14"), amnesiac),
    module_saboteur(
        51, "SuspectHider", "Rejects where the refusal named nobody.", ("E01",), telling(each(hide_suspects))
    ),
    module_saboteur(160, "WrongFieldNamer", "Names the field beside the bad one.", ("E01",), telling(other_field)),
    module_saboteur(161, "FieldForgetter", "Names no field where the answer does.", ("E01",), telling(each(no_field))),
    module_saboteur(162, "CodeForgetter", "Rejects without a code.", ("E01",), telling(each(no_code))),
    module_saboteur(
        163, "OffByOne", "Blames the record before the bad one.", ("E01", "E02", "E03", "E04"), telling(off_by_one)
    ),
    module_saboteur(164, "RejectionSpreader", "Rejects all behind a bad record.", ("E01", "E12"), telling(spread)),
    module_saboteur(165, "PoisonBlocker", "Blocks the lane for one bad record.", ("E01",), telling(poison_stops_all)),
    module_saboteur(166, "MachineClock", "Reads a date by the machine's clock.", ("E05",), erring(by_the_machine)),
    module_saboteur(167, "SecondsOnly", "Does not read a date.", ("E05",), erring(only_seconds)),
    module_saboteur(168, "Milliseconds", "Takes seconds for milliseconds.", ("E05",), erring(as_milliseconds)),
    module_saboteur(169, "HeaderNeeder", "Fails without Retry-After.", ("E06",), erring(needs_the_header)),
    module_saboteur(170, "NegativePause", "Believes a negative Retry-After.", ("E06",), erring(as_it_comes)),
    module_saboteur(
        171,
        "LimitAsOutage",
        "Calls a 429 to a read an outage.",
        ("E05", "E06"),
        erring(reads_are_not_limited, ("authenticate", "discover")),
    ),
    module_saboteur(172, "GatewayOptimist", "Takes a gateway's 502 for a refusal.", ("E07",), gateway_optimist),
    module_saboteur(173, "TeapotWaiter", "Waits for a 418 to pass.", ("E07",), erring(teapot_waiter)),
    module_saboteur(
        174, "OutageAsMissing", "Calls an unreachable host a missing target.", ("E08",), erring(network_as_auth)
    ),
    module_saboteur(175, "GoesOn", "Sends the rest after an answer was lost.", ("E10", "E05"), goes_on),
    module_saboteur(
        176, "SilentStop", "Reports what was not stored and not why.", ("E09", "E10"), telling(silent_stop)
    ),
    module_saboteur(177, "IdInventor", "Makes up an id where none came.", ("E11", "E13"), id_inventor),
    module_saboteur(178, "StatusBeliever", "Takes whatever it finds for an id.", ("E13",), two_hundred_is_enough),
    module_saboteur(
        241, "SuspectMisnamer", "Guesses a field where the refusal named none.", ("E01",), telling(field_for_suspects)
    ),
    module_saboteur(179, "NoIdNoRecord", "Takes a 2xx without an id for a refusal.", ("E11", "E13"), no_id_no_record),
)
