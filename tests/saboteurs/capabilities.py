"""Plugins that claim what they have not: checks V."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from renkei import spec
from renkei.testing.contract.saboteurs import Saboteur, damaged, described, module_saboteur
from renkei_template import answers, api
from renkei_template.backend import crm_discover, crm_list_targets, crm_map, crm_push, crm_verify
from saboteurs.rewriting import Change, with_changes

_ABSENT_ONLY_IF_ALL: Final = "spec.CannotTell(key=key) if page.items or page.next is not None else spec.Absent(key=key)"
_DENIED: Final = "    except spec.PermissionDenied:\n        # A client"
_NO_TABLE: Final = """    except spec.TargetNotFound:
        replies += [spec.Absent(key=key) for key in request.keys[len(replies) :]]
"""
_SUPPORTED: Final = spec.Capability(state=spec.CapabilityState.SUPPORTED)


def _braggart(good: ModuleType) -> ModuleType:
    capabilities = good.crm_describe().capabilities
    return described(good, capabilities={**capabilities, "files": _SUPPORTED, "tables": _SUPPORTED})


def _reference_braggart(good: ModuleType) -> ModuleType:
    return described(good, capabilities={**good.crm_describe().capabilities, "references": _SUPPORTED})


def _file_eater(good: ModuleType) -> ModuleType:
    def map_(request: spec.MapRequest) -> spec.MapResult:
        files = {code for code, value in request.values.items() if _is_file(value)}
        kept = {code: value for code, value in request.values.items() if code not in files}
        return crm_map(request.model_copy(update={"values": spec.FrozenDict(kept)}))

    return damaged(good, map=map_)


def _is_file(value: object) -> bool:
    return isinstance(value, tuple) and any(isinstance(item, spec.FileRef) for item in value)


def _claiming_eater(kind: spec.FieldType) -> Callable[[ModuleType], ModuleType]:
    """Claims and shows a field for files or rows, and drops what is sent for it."""
    capability = "files" if kind is spec.FieldType.FILES else "tables"
    column = spec.Field(code="cell", label="内容", type=spec.FieldType.TEXT, native_type="line")
    shown = spec.Field(
        code="more",
        label="添付・明細",
        type=kind,
        native_type="more",
        fields=(column,) if kind is spec.FieldType.TABLE else (),
    )

    def damage(good: ModuleType) -> ModuleType:
        made = described(good, capabilities={**good.crm_describe().capabilities, capability: _SUPPORTED})

        async def discover(ctx: Any, request: Any) -> spec.TargetSchema:
            schema = await crm_discover(ctx, request)
            return spec.TargetSchema(target=schema.target, label=schema.label, fields=(*schema.fields, shown))

        def map_(request: spec.MapRequest) -> spec.MapResult:
            kept = {code: value for code, value in request.values.items() if code != shown.code}
            return crm_map(request.model_copy(update={"values": spec.FrozenDict(kept)}))

        return damaged(made, discover=discover, map=map_)

    return damage


def _yes_man(good: ModuleType) -> ModuleType:
    async def verify(ctx: Any, request: spec.VerifyRequest) -> spec.VerifyReport:
        await crm_verify(ctx, request)
        there = tuple(spec.Present(key=key, id=f"rec_{at:06}") for at, key in enumerate(request.keys, 1))
        return spec.VerifyReport(answers=there)

    return damaged(good, verify=verify)


def _case_blind(good: ModuleType) -> ModuleType:
    async def verify(ctx: Any, request: spec.VerifyRequest) -> spec.VerifyReport:
        found = []
        for key in request.keys:
            path, asked = f"{api.table_path(request.target)}/records", {"field": request.key_field, "equals": key}
            page = answers.read(api.Page[api.Found], await api.get(ctx, path, asked))
            first = page.items[0] if page.items else None
            found.append(spec.Present(key=key, id=first.id) if first else spec.Absent(key=key))
        return spec.VerifyReport(answers=tuple(found))

    return damaged(good, verify=verify)


def _absent_on_error(good: ModuleType) -> ModuleType:
    async def verify(ctx: Any, request: spec.VerifyRequest) -> spec.VerifyReport:
        try:
            return await crm_verify(ctx, request)
        except spec.BackendError:
            return spec.VerifyReport(answers=tuple(spec.Absent(key=key) for key in request.keys))

    return damaged(good, verify=verify)


def _memory(good: ModuleType) -> ModuleType:
    won: dict[str, str] = {}

    async def push(ctx: Any, request: Any) -> spec.PushReport:
        report = await crm_push(ctx, request)
        won.update({verdict.key: verdict.id for verdict in report.verdicts if isinstance(verdict, spec.Created)})
        return report

    async def verify(ctx: Any, request: spec.VerifyRequest) -> spec.VerifyReport:
        report = await crm_verify(ctx, request)
        told = [
            spec.Present(key=one.key, id=won[one.key]) if one.key in won and isinstance(one, spec.Absent) else one
            for one in report.answers
        ]
        return spec.VerifyReport(answers=tuple(told))

    return damaged(good, push=push, verify=verify)


def _first_page_of_keys(good: ModuleType) -> ModuleType:
    async def verify(ctx: Any, request: spec.VerifyRequest) -> spec.VerifyReport:
        report = await crm_verify(ctx, request)
        told = [one if at < 20 else spec.Absent(key=one.key) for at, one in enumerate(report.answers)]
        return spec.VerifyReport(answers=tuple(told))

    return damaged(good, verify=verify)


def _never_tells(good: ModuleType) -> ModuleType:
    async def verify(ctx: Any, request: spec.VerifyRequest) -> spec.VerifyReport:
        await crm_verify(ctx, request)
        return spec.VerifyReport(answers=tuple(spec.CannotTell(key=key) for key in request.keys))

    return damaged(good, verify=verify)


def _any_field(good: ModuleType) -> ModuleType:
    """Searches every field for the key, as a full-text search does."""

    async def verify(ctx: Any, request: spec.VerifyRequest) -> spec.VerifyReport:
        report = await crm_verify(ctx, request)
        other = await crm_verify(ctx, request.model_copy(update={"key_field": "subject"}))
        told = [
            two if isinstance(two, spec.Present) else one
            for one, two in zip(report.answers, other.answers, strict=True)
        ]
        return spec.VerifyReport(answers=tuple(told))

    return damaged(good, verify=verify)


def _first_page_of_targets(good: ModuleType) -> ModuleType:
    async def list_targets(ctx: Any, request: Any) -> spec.TargetList:
        room = {"room": request.parent} if request.parent else None
        page = answers.read(api.Page[api.Table], await api.get(ctx, "/v2/tables", room))
        return spec.TargetList(targets=tuple(spec.Target(id=table.id, label=table.name) for table in page.items))

    return damaged(good, list_targets=list_targets)


def _half_list(good: ModuleType) -> ModuleType:
    async def list_targets(ctx: Any, request: Any) -> spec.TargetList:
        found = (await crm_list_targets(ctx, request)).targets
        return spec.TargetList(targets=found[:3] if request.parent is None else found)

    return damaged(good, list_targets=list_targets)


def _ghost_list(good: ModuleType) -> ModuleType:
    async def list_targets(ctx: Any, request: Any) -> spec.TargetList:
        found = (await crm_list_targets(ctx, request)).targets
        ghost = spec.Target(id="archive", label="アーカイブ")
        return spec.TargetList(targets=(*found, ghost) if request.parent is None else found)

    return damaged(good, list_targets=list_targets)


def _shuffled_upgrade(good: ModuleType) -> ModuleType:
    made = described(good, capabilities={**good.crm_describe().capabilities, "upgrade": _SUPPORTED})

    def upgrade(request: spec.UpgradeRequest) -> spec.Upgraded:
        data = dict(request.data)
        if "workspace" in data:
            data["workspace"] = f"{data['workspace']}-2"
        return spec.Upgraded(data=data)

    return damaged(made, upgrade=upgrade)


SABOTEURS: Final[tuple[Saboteur, ...]] = (
    module_saboteur(35, "CapabilityBraggart", "Claims files and tables, and has none.", ("V04",), _braggart),
    module_saboteur(54, "VerifyYesMan", "Says that everything is there.", ("V02",), _yes_man),
    module_saboteur(309, "ReferenceBraggart", "Claims references, and has none.", ("V04",), _reference_braggart),
    module_saboteur(310, "FileEater", "Takes files and drops them.", ("V04",), _file_eater),
    module_saboteur(
        331,
        "ClaimingFileEater",
        "Claims files, shows a field, drops them.",
        ("V04",),
        _claiming_eater(spec.FieldType.FILES),
    ),
    module_saboteur(
        330, "RowEater", "Claims tables, shows one, drops its rows.", ("V04",), _claiming_eater(spec.FieldType.TABLE)
    ),
    module_saboteur(311, "CaseBlindVerify", "Takes the search's first find for the record.", ("V02",), _case_blind),
    module_saboteur(312, "AbsentOnError", "Calls a record absent where nobody answered.", ("V02",), _absent_on_error),
    module_saboteur(313, "MemoryVerify", "Remembers what it wrote, and does not look.", ("V02",), _memory),
    module_saboteur(314, "FirstPageOfKeys", "Looks for the first twenty keys.", ("V02",), _first_page_of_keys),
    module_saboteur(315, "NeverTells", "Asks, and says that it cannot tell.", ("V02",), _never_tells),
    module_saboteur(316, "AnyFieldVerify", "Finds the key in any field.", ("V02",), _any_field),
    module_saboteur(317, "HalfList", "Lists the first few targets.", ("V01",), _half_list),
    module_saboteur(318, "GhostList", "Lists a target that is not there.", ("V01",), _ghost_list),
    module_saboteur(328, "FirstPageOfTargets", "Reads one page of targets.", ("V01",), _first_page_of_targets),
    module_saboteur(
        400,
        "FixedFieldVerify",
        "Searches one field, whichever is asked for.",
        ("V02",),
        with_changes(Change("backend", '{"field": request.key_field, "equals"', '{"field": "delivery_key", "equals"')),
    ),
    module_saboteur(
        401,
        "FirstPageVerify",
        "Takes a first page full of look-alikes for a proof of absence.",
        ("V02",),
        with_changes(Change("backend", _ABSENT_ONLY_IF_ALL, "spec.Absent(key=key)")),
    ),
    module_saboteur(
        402,
        "EmptyPageVerify",
        "Takes an empty page for the end of a search.",
        ("V02",),
        with_changes(
            Change(
                "backend",
                _ABSENT_ONLY_IF_ALL,
                "spec.CannotTell(key=key) if page.items else spec.Absent(key=key)",
            )
        ),
    ),
    module_saboteur(
        403,
        "NoTableNoRecords",
        "Calls every record absent where the table is gone.",
        ("V02", "C09"),
        with_changes(Change("backend", _DENIED, f"{_NO_TABLE}{_DENIED}")),
    ),
    module_saboteur(319, "ShuffledUpgrade", "Changes current settings each time.", ("V03",), _shuffled_upgrade),
)
