"""Plugins that do well with three records and lie about many, or about an answer that is seldom seen."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from renkei import spec
from renkei.testing.contract.saboteurs import Saboteur, damaged, module_saboteur
from saboteurs.rewriting import Change, with_changes

_LOOP: Final = "    for record in request.records:\n        if ctx.remaining()"
_STORE: Final = "async def _store("
_IN_FOURS: Final = """async def _in_fours(ctx, request):
    import asyncio

    verdicts, stopped_by = [], None
    for at in range(0, len(request.records), 4):
        try:
            four = request.records[at : at + 4]
            verdicts += await asyncio.gather(*(_store(ctx, request, record) for record in four))
        except spec.BackendError as error:
            stopped_by = error
            break
    verdicts += [spec.NotStored(key=record.key) for record in request.records[len(verdicts) :]]
    return spec.PushReport(verdicts=tuple(verdicts), stopped_by=stopped_by)


async def _store("""

_REST: Final = "    verdicts += [spec.NotStored(key=record.key) for record in request.records[len(verdicts) :]]\n"
_BY_FIVES: Final = (
    "    if stopped_by is not None and len(verdicts) > 5:\n        del verdicts[5 * (len(verdicts) // 5) :]\n"
)

OWN_503: Final = Change(
    "answers", "case 503 if refusal is not None:", "case status if status >= 500 and refusal is not None:"
)
_TOO_LARGE: Final = (
    "    if response.status_code == 413:\n        return _rejected(record, Refusal(code=Code.TOO_LARGE))\n"
)
_WAIT: Final = (
    '    if response.status_code in (413, 415):\n        raise spec.Unavailable(Code.TOO_LARGE, "Too large.")\n'
)


def _redirect_forgiver(good: ModuleType) -> ModuleType:
    """A redirect is no answer to it, and so the record was not stored."""

    async def crm_push(ctx: Any, request: spec.PushRequest) -> spec.PushReport:
        report: spec.PushReport = await good.crm_push(ctx, request)
        if report.stopped_by is None or report.stopped_by.code != "redirected":
            return report
        verdicts = tuple(
            spec.NotStored(key=verdict.key) if isinstance(verdict, spec.Unknown) else verdict
            for verdict in report.verdicts
        )
        return spec.PushReport(verdicts=verdicts, stopped_by=spec.Unavailable("redirected", "It moved."))

    return damaged(good, push=crm_push)


SABOTEURS: Final[tuple[Saboteur, ...]] = (
    module_saboteur(
        420,
        "FoursForgetter",
        "Sends larger pushes four at a time, and forgets three where the fourth is refused.",
        ("E05", "E09", "E14", "E17"),
        with_changes(
            Change(
                "backend",
                _LOOP,
                f"    if len(request.records) > 10:\n        return await _in_fours(ctx, request)\n{_LOOP}",
            ),
            Change("backend", _STORE, _IN_FOURS),
        ),
    ),
    module_saboteur(
        421,
        "FivesForgetter",
        "Forgets after an error what was won since the last five.",
        ("E05", "E09", "E10", "E14", "E17"),
        with_changes(Change("backend", _REST, _BY_FIVES + _REST)),
    ),
    module_saboteur(
        422,
        "OwnBreakdown",
        "Takes a 500 with the backend's own error object for a refusal.",
        ("E07",),
        with_changes(OWN_503),
    ),
    module_saboteur(
        424,
        "TooLargeWaiter",
        "Waits until a record that is too large is not.",
        ("E07",),
        with_changes(Change("answers", _TOO_LARGE, _WAIT)),
    ),
    module_saboteur(
        425,
        "StageBlamer",
        "Rejects every record where the option names a stage that is gone.",
        ("E15",),
        with_changes(Change("answers", "Code.READ_ONLY_FIELD, Code.UNKNOWN_STAGE})", "Code.READ_ONLY_FIELD})")),
    ),
    module_saboteur(
        426, "RedirectForgiver", "Takes a redirected write for one that was not stored.", ("E11",), _redirect_forgiver
    ),
)
