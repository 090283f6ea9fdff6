"""Plugins that store too much, too little, or elsewhere: checks P."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from renkei import spec
from renkei.testing.contract.saboteurs import Saboteur, damaged, described, module_saboteur
from saboteurs.rewriting import Change, with_changes

_SIZE_CHECK = "if len(request.records) > PUSH_SIZE:"
_KEY_CHECK = "if len({record.key for record in request.records}) < len(request.records):"


_SENT: Final = "            verdicts.append(await _store(ctx, request, record))\n"
_SENT_AND_FORGOTTEN: Final = "                await _store(ctx, request, record)\n"
_OUT_OF_TIME: Final = "        if ctx.remaining() < _TIME_FOR_ONE:"
_SENT_ONCE: Final = """            body = records.body_of(record.fields, request.options)
            if body not in known:
                known[body] = await _store(ctx, request, record)
            verdicts.append(known[body].model_copy(update={"key": record.key}))
"""
_NO_VERDICTS: Final = "    verdicts: list[spec.Verdict] = []\n"


def _insert_only(good: ModuleType) -> ModuleType:
    """It promises what its backend does not keep: nothing looks at the key."""

    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        schema: spec.TargetSchema = await good.crm_discover(ctx, request)
        fields = tuple(
            field.model_copy(update={"unique": True}) if field.code == "delivery_key" else field
            for field in schema.fields
        )
        return spec.TargetSchema(target=schema.target, label=schema.label, fields=fields, warnings=schema.warnings)

    return damaged(described(good, uniqueness="atomic"), discover=crm_discover)


def _changed_report(good: ModuleType, change: Callable[[list[Any]], list[Any]]) -> ModuleType:
    async def crm_push(ctx: Any, request: spec.PushRequest) -> spec.PushReport:
        report: spec.PushReport = await good.crm_push(ctx, request)
        return spec.PushReport(verdicts=tuple(change(list(report.verdicts))), stopped_by=report.stopped_by)

    return damaged(good, push=crm_push)


def _id_shuffler(good: ModuleType) -> ModuleType:
    def shuffled(verdicts: list[Any]) -> list[Any]:
        ids = [verdict.id for verdict in verdicts if verdict.verdict == "created"]
        if len(ids) < len(verdicts):
            return verdicts
        turned = [*ids[1:], *ids[:1]]
        return [verdict.model_copy(update={"id": id}) for verdict, id in zip(verdicts, turned, strict=True)]

    return _changed_report(good, shuffled)


def _one_link(good: ModuleType) -> ModuleType:
    def linked(verdicts: list[Any]) -> list[Any]:
        home = "https://north-wind.atelier-crm.example/tables/inquiries"
        return [
            verdict.model_copy(update={"link": home}) if verdict.verdict == "created" else verdict
            for verdict in verdicts
        ]

    return _changed_report(good, linked)


def _first_target(good: ModuleType) -> ModuleType:
    first: list[str] = []

    async def crm_push(ctx: Any, request: spec.PushRequest) -> spec.PushReport:
        first.append(request.target)
        report: spec.PushReport = await good.crm_push(ctx, request.model_copy(update={"target": first[0]}))
        return report

    return damaged(good, push=crm_push)


def _request_editor(good: ModuleType) -> ModuleType:
    """It adds to what it was given, by the back door: the models are frozen."""

    async def crm_push(ctx: Any, request: spec.PushRequest) -> spec.PushReport:
        report: spec.PushReport = await good.crm_push(ctx, request)
        for record in request.records:
            record.__dict__["fields"] = {**record.fields, "sent": True}
        return report

    return damaged(good, push=crm_push)


def _asker(good: ModuleType) -> ModuleType:
    async def crm_push(ctx: Any, request: spec.PushRequest) -> spec.PushReport:
        await good.crm_discover(ctx, spec.DiscoverRequest(target=request.target, options=request.options))
        report: spec.PushReport = await good.crm_push(ctx, request)
        return report

    return damaged(good, push=crm_push)


def _key_mangler(good: ModuleType) -> ModuleType:
    def crm_map(request: spec.MapRequest) -> spec.MapResult:
        values = {code: value.upper() if value == request.key else value for code, value in request.values.items()}  # type: ignore[union-attr]  # a key is text
        result: spec.MapResult = good.crm_map(request.model_copy(update={"values": spec.FrozenDict(values)}))
        return result

    return damaged(good, map=crm_map)


SABOTEURS: Final[tuple[Saboteur, ...]] = (
    module_saboteur(
        11, "InsertOnly", "Calls its key field unique, and nothing ever looks at the key.", ("P06",), _insert_only
    ),
    module_saboteur(
        150,
        "OversizeTaker",
        "Takes more records than a push may hold.",
        ("P05",),
        with_changes(Change("backend", _SIZE_CHECK, "if False:")),
    ),
    module_saboteur(
        151,
        "CharacterCounter",
        "Counts characters where the limit is one of bytes.",
        ("P13",),
        with_changes(
            Change("backend", "len(body) > REQUEST_BYTES", "len(body.decode()) > REQUEST_BYTES"),
            Change(
                "records", "len(body_of(fields, request.options))", "len(body_of(fields, request.options).decode())"
            ),
        ),
    ),
    module_saboteur(152, "IdShuffler", "Reports each record under its neighbour's id.", ("P02", "P15"), _id_shuffler),
    module_saboteur(153, "FirstTarget", "Writes to the first target that it ever saw.", ("P02",), _first_target),
    module_saboteur(
        154,
        "OptionDropper",
        "Ignores the target's options.",
        ("P02",),
        with_changes(
            Change("records", 'stage = getattr(options, "stage", "")', 'stage = ""'),
            Change("backend", 'stage = getattr(options, "stage", "")', 'stage = ""'),
        ),
    ),
    module_saboteur(155, "Asker", "Reads the target's fields before each push.", ("P03", "P16"), _asker),
    module_saboteur(
        156,
        "TwiceTaker",
        "Stores one key twice where a push holds it twice.",
        ("P11",),
        with_changes(Change("backend", _KEY_CHECK, "if False:")),
    ),
    module_saboteur(157, "RequestEditor", "Writes into the request that it was given.", ("P12",), _request_editor),
    module_saboteur(158, "OneLink", "Gives every record the link of its target.", ("P15",), _one_link),
    module_saboteur(159, "KeyMangler", "Changes the case of the delivery key.", ("P02", "P06"), _key_mangler),
    module_saboteur(
        456,
        "EarlyStopper",
        "Sends the first forty records of a push and no more.",
        ("P02", "P04"),
        with_changes(Change("backend", _OUT_OF_TIME, _OUT_OF_TIME.replace(":", " or len(verdicts) >= 40:"))),
    ),
    module_saboteur(
        457,
        "LateDoubler",
        "Sends each record twice from the twenty-first on.",
        ("P02", "P04"),
        with_changes(
            Change("backend", _SENT, f"            if len(verdicts) >= 20:\n{_SENT_AND_FORGOTTEN}{_SENT}"),
        ),
    ),
    module_saboteur(
        427,
        "ContentMerger",
        "Sends records of the same content once.",
        ("P06",),
        with_changes(
            Change("backend", _NO_VERDICTS, f"{_NO_VERDICTS}    known: dict[bytes, spec.Verdict] = {{}}\n"),
            Change("backend", _SENT, _SENT_ONCE),
        ),
    ),
)
"""Those of the letter P."""
