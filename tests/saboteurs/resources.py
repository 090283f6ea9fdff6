"""Checks R: plugins that use more than they may, or do not let go."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from datetime import timedelta
from types import ModuleType
from typing import Any

from renkei import spec
from renkei.testing.contract.saboteurs import Saboteur, damaged, module_saboteur

Report = spec.PushReport


def own_socket(good: ModuleType) -> ModuleType:
    """Looks by itself whether the backend is there; where not, nobody hears of it."""

    async def crm_authenticate(ctx: Any, request: spec.AuthenticateRequest) -> spec.Account:
        with contextlib.suppress(OSError):
            socket.create_connection(("203.0.113.7", 443), timeout=0.01).close()
        return await good.crm_authenticate(ctx, request)

    return damaged(good, authenticate=crm_authenticate)


def resolver(good: ModuleType) -> ModuleType:
    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().getaddrinfo("telemetry.invalid", 443)
        return await good.crm_discover(ctx, request)

    return damaged(good, discover=crm_discover)


def after_a_failure(good: ModuleType) -> ModuleType:
    """Tells its author of errors."""

    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        report = await good.crm_push(ctx, request)
        if report.stopped_by is not None:
            with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as telling:
                telling.sendto(b"failed", ("203.0.113.7", 514))
        return report

    return damaged(good, push=crm_push)


def runs_a_program(good: ModuleType) -> ModuleType:
    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        subprocess.run([sys.executable, "-S", "-c", ""], check=False)  # noqa: ASYNC221  # it is bad on purpose
        return await good.crm_discover(ctx, request)

    return damaged(good, discover=crm_discover)


def flood(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        parts = [request.model_copy(update={"records": (record,)}) for record in request.records]
        reports = await asyncio.gather(*(good.crm_push(ctx, part) for part in parts))
        verdicts = tuple(verdict for report in reports for verdict in report.verdicts)
        stopped_by = next((report.stopped_by for report in reports if report.stopped_by is not None), None)
        return Report(verdicts=verdicts, stopped_by=stopped_by)

    return damaged(good, push=crm_push)


def only_429(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        report = await good.crm_push(ctx, request)
        if isinstance(report.stopped_by, spec.Unavailable):
            report.stopped_by.retry_after = None
        return report

    return damaged(good, push=crm_push)


def deadline_ignorer(good: ModuleType) -> ModuleType:
    """Waits for a word that never comes, to be quite sure."""

    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        report = await good.crm_push(ctx, request)
        if isinstance(report.stopped_by, spec.OutcomeUnknown):
            await asyncio.Event().wait()
        return report

    return damaged(good, push=crm_push)


def own_patience(good: ModuleType) -> ModuleType:
    """Answers a read that came to nothing when it thinks fit."""

    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        try:
            return await good.crm_discover(ctx, request)
        except spec.Unavailable:
            if ctx.remaining() < timedelta(seconds=3):
                await asyncio.sleep(5)
            raise

    return damaged(good, discover=crm_discover)


def cancel_swallower(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        told: list[spec.Verdict] = []
        for record in request.records:
            try:
                report = await good.crm_push(ctx, request.model_copy(update={"records": (record,)}))
            except asyncio.CancelledError:
                told.append(spec.Unknown(key=record.key))
            else:
                told += report.verdicts
        return Report(verdicts=tuple(told))

    return damaged(good, push=crm_push)


def hoarder(good: ModuleType) -> ModuleType:
    known: dict[str, spec.Verdict] = {}

    async def crm_push(ctx: Any, request: spec.PushRequest) -> Report:
        report = await good.crm_push(ctx, request)
        known.update({verdict.key: verdict for verdict in report.verdicts})
        return report

    return damaged(good, push=crm_push)


SABOTEURS: tuple[Saboteur, ...] = (
    module_saboteur(231, "OwnSocket", "Connects by itself.", ("R01",), own_socket),
    module_saboteur(232, "OwnResolver", "Looks a name up by itself.", ("R01",), resolver),
    module_saboteur(233, "Telemetry", "Tells its author of failures.", ("R01",), after_a_failure),
    module_saboteur(234, "ProgramRunner", "Starts a program.", ("R01",), runs_a_program),
    module_saboteur(235, "Flood", "Sends everything at once.", ("R02",), flood),
    module_saboteur(236, "Only429", "Tells how long to wait with a 429 alone.", ("R03",), only_429),
    module_saboteur(237, "DeadlineIgnorer", "Waits past its deadline.", ("R04",), deadline_ignorer),
    module_saboteur(238, "OwnPatience", "Holds a read past its deadline.", ("R04",), own_patience),
    module_saboteur(239, "CancelSwallower", "Goes on when it is cancelled.", ("R05",), cancel_swallower),
    module_saboteur(240, "Hoarder", "Keeps every verdict.", ("R06",), hoarder),
)
