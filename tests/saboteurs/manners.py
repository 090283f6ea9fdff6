"""Checks E14 to E20: plugins that misread the backend's no, or do not leave it at saying so."""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import ModuleType
from typing import Any

import httpx

from renkei import spec
from renkei.testing.contract.saboteurs import Saboteur, damaged, described, module_saboteur
from saboteurs.tapping import Report, Tap, each, erring, settled, status_of, tapped, telling

# E14 to E17


def auth_as_transient(error: spec.BackendError, answer: httpx.Response | None, _ctx: Any) -> spec.BackendError:
    if isinstance(error, spec.AuthenticationFailed):
        return spec.Unavailable(error.code, error.message)
    return error


def stale_schema(good: ModuleType) -> ModuleType:
    known: dict[str, spec.TargetSchema] = {}

    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        if request.target not in known:
            known[request.target] = await good.crm_discover(ctx, request)
        await good.crm_discover(ctx, request)
        return known[request.target]

    return damaged(good, discover=crm_discover)


def one_fingerprint(good: ModuleType) -> ModuleType:
    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        schema = await good.crm_discover(ctx, request)
        return schema.model_copy(update={"fingerprint": f"table-{request.target}"})

    return damaged(good, discover=crm_discover)


def drift_as_rejection(report: Report, request: spec.PushRequest) -> Report:
    if not isinstance(report.stopped_by, spec.SchemaDrift):
        return report
    told = tuple(spec.Rejected(key=record.key, code=report.stopped_by.code) for record in request.records)
    return Report(verdicts=told)


def drift_as_denied(error: spec.BackendError, _answer: Any, _ctx: Any) -> spec.BackendError:
    if isinstance(error, spec.SchemaDrift):
        return spec.PermissionDenied(error.code, error.message)
    return error


def drops_unknown(good: ModuleType) -> ModuleType:
    """Asks what is there before a push, and leaves out what is gone: nothing is refused, and nobody hears of it."""

    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        schema = await good.crm_discover(ctx, spec.DiscoverRequest(target=request.target, options=request.options))
        kept = tuple(
            record.model_copy(
                update={"fields": spec.FrozenDict({k: v for k, v in record.fields.items() if schema.field(k)})}
            )
            for record in request.records
        )
        return await good.crm_push(ctx, request.model_copy(update={"records": kept}))

    return damaged(good, push=crm_push)


def not_sent_eater(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        try:
            return await good.crm_push(ctx, request)
        except Exception as error:
            told = tuple(spec.NotStored(key=record.key) for record in request.records)
            return Report(verdicts=told, stopped_by=spec.Unavailable("failed", type(error).__name__))

    return damaged(good, push=crm_push)


def not_sent_blamer(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        try:
            return await good.crm_push(ctx, request)
        except Exception as error:
            return Report(
                verdicts=tuple(spec.Rejected(key=record.key, code=type(error).__name__) for record in request.records)
            )

    return damaged(good, push=crm_push)


def quota_as_rate(error: spec.BackendError, _answer: Any, _ctx: Any) -> spec.BackendError:
    return spec.RateLimited(error.code, error.message) if isinstance(error, spec.QuotaExhausted) else error


def quota_without_end(error: spec.BackendError, _answer: Any, _ctx: Any) -> spec.BackendError:
    return spec.QuotaExhausted(error.code, error.message) if isinstance(error, spec.QuotaExhausted) else error


def quota_without_zone(error: spec.BackendError, _answer: Any, _ctx: Any) -> spec.BackendError:
    if isinstance(error, spec.QuotaExhausted) and error.resets_at is not None:
        return spec.QuotaExhausted(error.code, error.message, resets_at=error.resets_at.replace(tzinfo=None))
    return error


def lock_as_rejection(good: ModuleType) -> ModuleType:
    def change(report: Report, tap: Tap) -> Report:
        if status_of(tap.last) != 409:
            return report
        code = report.stopped_by.code if report.stopped_by else "conflict"
        first, *others = report.verdicts
        return Report(verdicts=(spec.Rejected(key=first.key, code=code), *others))

    return settled(good, change)


def lock_as_denied(error: spec.BackendError, answer: httpx.Response | None, _ctx: Any) -> spec.BackendError:
    return spec.PermissionDenied(error.code, error.message) if status_of(answer) == 409 else error


# E18 to E20


def hidden_retry(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        for attempt in range(4):
            report = await good.crm_push(ctx, request)
            if report.stopped_by is None:
                return report
            await asyncio.sleep(0.4 * 2**attempt)
        return report

    return damaged(good, push=crm_push)


def eager_retry(good: ModuleType) -> ModuleType:
    """Once more at once, and only after what was certainly not applied: nothing is doubled."""

    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        report = await good.crm_push(ctx, request)
        if not isinstance(report.stopped_by, (spec.Unavailable, spec.RateLimited)):
            return report
        left = tuple(
            record
            for record, verdict in zip(request.records, report.verdicts, strict=True)
            if isinstance(verdict, spec.NotStored)
        )
        again = await good.crm_push(ctx, request.model_copy(update={"records": left}))
        won = tuple(verdict for verdict in report.verdicts if not isinstance(verdict, spec.NotStored))
        return Report(verdicts=(*won, *again.verdicts), stopped_by=again.stopped_by)

    return damaged(good, push=crm_push)


def reads_twice(good: ModuleType) -> ModuleType:
    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        try:
            return await good.crm_discover(ctx, request)
        except spec.Unavailable:
            return await good.crm_discover(ctx, request)

    return damaged(good, discover=crm_discover)


def polite_pause(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        report = await good.crm_push(ctx, request)
        if report.stopped_by is not None and report.stopped_by.retry_after:
            await asyncio.sleep(0.01)
        return report

    return damaged(good, push=crm_push)


def waits_for_nothing(good: ModuleType) -> ModuleType:
    """A sleep by another name."""

    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            pass
        return await good.crm_push(ctx, request)

    return damaged(good, push=crm_push)


def holds_its_thread(good: ModuleType) -> ModuleType:
    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        try:
            return await good.crm_discover(ctx, request)
        except spec.BackendError:
            time.sleep(0.001)  # noqa: ASYNC251  # it is bad on purpose
            raise

    return damaged(good, discover=crm_discover)


def raw_errors(good: ModuleType) -> ModuleType:
    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        seen, tap = tapped(ctx)
        try:
            return await good.crm_discover(seen, request)
        except spec.BackendError:
            if tap.last is not None and tap.last.is_success:
                tap.last.json()["items"][0]["code"]
            raise

    return damaged(good, discover=crm_discover)


def error_echo(good: ModuleType) -> ModuleType:
    def say(error: spec.BackendError, answer: httpx.Response | None, _ctx: Any) -> spec.BackendError:
        if answer is not None:
            error.message = f"{error.message} {answer.text}"
            error.args = (error.message,)
        return error

    return erring(say)(good)


def body_in_verdict(good: ModuleType) -> ModuleType:
    def change(report: Report, tap: Tap) -> Report:
        text = "" if tap.last is None else tap.last.text[:500]
        told = tuple(
            verdict.model_copy(update={"message": text})
            if isinstance(verdict, (spec.Rejected, spec.Suspect))
            else verdict
            for verdict in report.verdicts
        )
        return Report(verdicts=told, stopped_by=report.stopped_by)

    return settled(good, change)


def value_teller(report: Report, request: spec.PushRequest) -> Report:
    fields = {record.key: record.fields for record in request.records}

    def change(verdict: spec.Verdict) -> spec.Verdict:
        if isinstance(verdict, spec.Rejected) and verdict.field:
            value = fields[verdict.key].get(verdict.field)
            return verdict.model_copy(update={"message": f"{verdict.field}: {value!r} is not accepted"})
        return verdict

    return each(change)(report, request)


def code_from_answer(good: ModuleType) -> ModuleType:
    def say(error: spec.BackendError, answer: httpx.Response | None, _ctx: Any) -> spec.BackendError:
        with contextlib.suppress(ValueError, LookupError, TypeError):
            error.code = str(answer.json()["error"]["code"]) if answer is not None else error.code
        return error

    return erring(say)(good)


SABOTEURS: tuple[Saboteur, ...] = (
    module_saboteur(12, "HiddenRetry", "Waits and sends again by itself.", ("E18", "R04"), hidden_retry),
    module_saboteur(
        14, "AuthAsTransientInPush", "Calls lost credentials an outage.", ("E14",), erring(auth_as_transient, ("push",))
    ),
    module_saboteur(23, "BodyEcho", "Puts the answer's body into its errors.", ("E20",), error_echo),
    module_saboteur(53, "StaleSchemaInDrift", "Describes fields as it first saw them.", ("E15",), stale_schema),
    module_saboteur(180, "OneFingerprint", "Has one fingerprint for all schemas.", ("E15",), one_fingerprint),
    module_saboteur(
        181, "DriftAsRejection", "Rejects records for a field that is gone.", ("E15",), telling(drift_as_rejection)
    ),
    module_saboteur(
        182,
        "DriftAsDenied",
        "Calls a field that is gone a missing permission.",
        ("E15",),
        erring(drift_as_denied, ("push",)),
    ),
    module_saboteur(183, "DropsUnknown", "Leaves out fields that are gone, in silence.", ("E15",), drops_unknown),
    module_saboteur(
        184,
        "UnknownFieldsLiar",
        "Says that unknown fields are ignored.",
        ("E15",),
        lambda good: described(good, unknown_fields="ignored"),
    ),
    module_saboteur(185, "NotSentEater", "Makes an outage of what core held back.", ("E16",), not_sent_eater),
    module_saboteur(186, "NotSentBlamer", "Rejects what core held back.", ("E16",), not_sent_blamer),
    module_saboteur(187, "QuotaAsRate", "Calls a spent day a short pause.", ("E16",), erring(quota_as_rate)),
    module_saboteur(188, "QuotaWithoutEnd", "Does not say when the day is over.", ("E16",), erring(quota_without_end)),
    module_saboteur(189, "LockAsRejection", "Rejects the record that met a lock.", ("E17",), lock_as_rejection),
    module_saboteur(220, "LockAsDenied", "Blocks the lane for a lock.", ("E17",), erring(lock_as_denied)),
    module_saboteur(221, "QuotaWithoutZone", "Tells the reset in nobody's time.", ("E16",), erring(quota_without_zone)),
    module_saboteur(222, "EagerRetry", "Sends again at once what was not stored.", ("E18", "E05"), eager_retry),
    module_saboteur(223, "ReadsTwice", "Asks once more when a read failed.", ("E18",), reads_twice),
    module_saboteur(224, "PolitePause", "Waits as told, by itself.", ("E18",), polite_pause),
    module_saboteur(225, "SleepByAnotherName", "Waits for what never comes.", ("E18",), waits_for_nothing),
    module_saboteur(226, "ThreadHolder", "Sleeps with its thread after a failure.", ("E18",), holds_its_thread),
    module_saboteur(227, "RawErrors", "Lets a KeyError out.", ("E19",), raw_errors),
    module_saboteur(228, "BodyInVerdict", "Puts the answer's body into its verdicts.", ("E20",), body_in_verdict),
    module_saboteur(229, "ValueTeller", "Tells the value that was refused.", ("E20",), telling(value_teller)),
    module_saboteur(230, "CodeFromAnswer", "Takes any text for a code.", ("E20",), code_from_answer),
)
