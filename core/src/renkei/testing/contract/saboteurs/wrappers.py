"""Saboteurs that work round any plugin."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final

from renkei.spec import (
    Created,
    Duplicate,
    FrozenDict,
    MapRequest,
    MapResult,
    NotStored,
    OutcomeUnknown,
    PushReport,
    PushRequest,
    Rejected,
    Suspect,
    Unavailable,
    Unknown,
    Updated,
    Verdict,
)
from renkei.testing.contract.saboteurs.making import Saboteur, damaged, module_saboteur


def _null_writer(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: PushRequest) -> PushReport:
        made: Sequence[Verdict] = [Created(key=record.key, id=f"{at}") for at, record in enumerate(request.records, 1)]
        return PushReport(verdicts=tuple(made))

    return damaged(good, push=crm_push)


def _drop_last(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: PushRequest) -> PushReport:
        return await _pushed(good, ctx, request.model_copy(update={"records": request.records[:-1]}))

    return damaged(good, push=crm_push)


def _short_report(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: PushRequest) -> PushReport:
        report = await _pushed(good, ctx, request)
        return PushReport(verdicts=report.verdicts[:-1], stopped_by=report.stopped_by)

    return damaged(good, push=crm_push)


def _extra_report(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: PushRequest) -> PushReport:
        report = await _pushed(good, ctx, request)
        extra = Created(key="somebodyelses", id="987654321")
        return PushReport(verdicts=(*report.verdicts, extra), stopped_by=report.stopped_by)

    return damaged(good, push=crm_push)


def _all_or_nothing_liar(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: PushRequest) -> PushReport:
        report = await _pushed(good, ctx, request)
        bad = [verdict for verdict in report.verdicts if isinstance(verdict, (Rejected, Suspect))]
        if not bad:
            return report
        told: Sequence[Verdict] = [Rejected(key=record.key, code=bad[0].code) for record in request.records]
        return PushReport(verdicts=tuple(told), stopped_by=report.stopped_by)

    return damaged(good, push=crm_push)


def _poison_swallower(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: PushRequest) -> PushReport:
        report = await _pushed(good, ctx, request)
        told: Sequence[Verdict] = [
            Created(key=verdict.key, id=f"98765{at}") if isinstance(verdict, (Rejected, Suspect)) else verdict
            for at, verdict in enumerate(report.verdicts)
        ]
        return PushReport(verdicts=tuple(told), stopped_by=report.stopped_by)

    return damaged(good, push=crm_push)


def _optimistic_timeout(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: PushRequest) -> PushReport:
        try:
            report = await _pushed(good, ctx, request)
        except OutcomeUnknown as error:
            verdicts: tuple[Verdict, ...] = tuple(Unknown(key=record.key) for record in request.records)
            report = PushReport(verdicts=verdicts, stopped_by=error)
        told: Sequence[Verdict] = [
            NotStored(key=verdict.key) if isinstance(verdict, Unknown) else verdict for verdict in report.verdicts
        ]
        stopped_by = report.stopped_by
        if isinstance(stopped_by, OutcomeUnknown):
            stopped_by = Unavailable(stopped_by.code, stopped_by.message)
        return PushReport(verdicts=tuple(told), stopped_by=stopped_by)

    return damaged(good, push=crm_push)


def _double_sender(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: PushRequest) -> PushReport:
        report = await _pushed(good, ctx, request)
        await _pushed(good, ctx, request)
        return report

    return damaged(good, push=crm_push)


def _duplicate_liar(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: PushRequest) -> PushReport:
        sent, unsent = request.records[:-1], request.records[-1:]
        report = await _pushed(good, ctx, request.model_copy(update={"records": sent})) if sent else None
        told: Sequence[Verdict] = [Duplicate(key=record.key) for record in unsent]
        return PushReport(
            verdicts=(*(report.verdicts if report else ()), *told), stopped_by=report.stopped_by if report else None
        )

    return damaged(good, push=crm_push)


def _key_dropper(good: ModuleType) -> ModuleType:
    def crm_map(request: MapRequest) -> MapResult:
        kept = FrozenDict({code: value for code, value in request.values.items() if value != request.key})
        result: MapResult = good.crm_map(request.model_copy(update={"values": kept}))
        return result

    return damaged(good, map=crm_map)


def _partial_forgetter(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: PushRequest) -> PushReport:
        report = await _pushed(good, ctx, request)
        if report.stopped_by is None:
            return report
        told: Sequence[Verdict] = [
            NotStored(key=verdict.key) if isinstance(verdict, (Created, Updated)) else verdict
            for verdict in report.verdicts
        ]
        return PushReport(verdicts=tuple(told), stopped_by=report.stopped_by)

    return damaged(good, push=crm_push)


async def _pushed(good: ModuleType, ctx: Any, request: PushRequest) -> PushReport:
    report: PushReport = await good.crm_push(ctx, request)
    return report


WRAPPERS: Final[tuple[Saboteur, ...]] = (
    module_saboteur(1, "NullWriter", "Reports success and sends nothing.", ("P02", "K07"), _null_writer),
    module_saboteur(2, "DropLast", "Neither sends nor reports the last record.", ("P01", "P02"), _drop_last),
    module_saboteur(3, "ShortReport", "Leaves the last verdict out of the report.", ("P01",), _short_report),
    module_saboteur(4, "ExtraReport", "Reports a record that nobody pushed.", ("P01",), _extra_report),
    module_saboteur(
        6, "AllOrNothingLiar", "Rejects every record of a push with a bad one.", ("E01",), _all_or_nothing_liar
    ),
    module_saboteur(7, "PoisonSwallower", "Reports a refused record as stored.", ("E01", "E12"), _poison_swallower),
    module_saboteur(
        8, "OptimisticTimeout", "Reports a record whose answer was lost as not stored.", ("E09",), _optimistic_timeout
    ),
    module_saboteur(10, "DoubleSender", "Sends every record twice.", ("P06", "P16"), _double_sender),
    module_saboteur(
        48, "DuplicateLiar", "Says 'duplicate' for a record that it never sent.", ("P02", "P06"), _duplicate_liar
    ),
    module_saboteur(49, "KeyDropper", "Leaves the delivery key out of the record.", ("P06",), _key_dropper),
    module_saboteur(
        50,
        "PartialForgetter",
        "Forgets what was won when a later request fails.",
        ("E10", "E14"),
        _partial_forgetter,
        several=True,
    ),
)
"""All of them, by number."""
