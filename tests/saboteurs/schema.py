"""Plugins that describe a target as it is not: checks C."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from renkei import spec
from renkei.testing.contract.saboteurs import Saboteur, damaged, module_saboteur
from renkei_template.backend import crm_authenticate, crm_discover, crm_push

Change = Callable[[spec.TargetSchema], spec.TargetSchema]


def _told(good: ModuleType, change: Change) -> ModuleType:
    """A plugin that discovers well and tells something else."""

    async def discover(ctx: Any, request: Any) -> spec.TargetSchema:
        return change(await crm_discover(ctx, request))

    return damaged(good, discover=discover)


def _with_fields(schema: spec.TargetSchema, fields: tuple[spec.Field, ...]) -> spec.TargetSchema:
    return spec.TargetSchema(target=schema.target, label=schema.label, fields=fields, warnings=schema.warnings)


def _each(change: Callable[[spec.Field], spec.Field]) -> Callable[[ModuleType], ModuleType]:
    def damage(good: ModuleType) -> ModuleType:
        return _told(good, lambda schema: _with_fields(schema, tuple(map(change, schema.fields))))

    return damage


def _first_page_only(good: ModuleType) -> ModuleType:
    return _told(good, lambda schema: _with_fields(schema, schema.fields[:100]))


def _last_page_lost(good: ModuleType) -> ModuleType:
    """The page that is exactly full is taken for the last but one."""

    def without_last(schema: spec.TargetSchema) -> spec.TargetSchema:
        count = len(schema.fields)
        return _with_fields(schema, schema.fields[: count - 5 if count % 5 == 0 else count])

    return _told(good, without_last)


def _stale_schema(good: ModuleType) -> ModuleType:
    kept: dict[str, spec.TargetSchema] = {}

    async def discover(ctx: Any, request: Any) -> spec.TargetSchema:
        schema = await crm_discover(ctx, request)  # asked all the same, and not listened to
        return kept.setdefault(request.target, schema)

    return damaged(good, discover=discover)


def _codes_only_fingerprint(good: ModuleType) -> ModuleType:
    def marked(schema: spec.TargetSchema) -> spec.TargetSchema:
        codes = ",".join(sorted(field.code for field in schema.fields))
        return schema.model_copy(update={"fingerprint": codes})

    return _told(good, marked)


def _ordered_fingerprint(good: ModuleType) -> ModuleType:
    def marked(schema: spec.TargetSchema) -> spec.TargetSchema:
        text = ",".join(field.model_dump_json() for field in schema.fields)
        return schema.model_copy(update={"fingerprint": text})

    return _told(good, marked)


def _missing_as_outage(good: ModuleType) -> ModuleType:
    def later(hook: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapped(ctx: Any, request: Any) -> Any:
            try:
                return await hook(ctx, request)
            except spec.TargetNotFound as error:
                raise spec.Unavailable(error.code, "It is not there now.") from None

        return wrapped

    return damaged(good, discover=later(crm_discover), authenticate=later(crm_authenticate))


def _wrong_table(good: ModuleType) -> ModuleType:
    async def push(ctx: Any, request: Any) -> spec.PushReport:
        report = await crm_push(ctx, request)
        if not isinstance(report.stopped_by, spec.TargetNotFound):
            return report
        return await crm_push(ctx, request.model_copy(update={"target": "inquiries"}))

    return damaged(good, push=push)


def _crash_on_unheard(good: ModuleType) -> ModuleType:
    def strict(field: spec.Field) -> spec.Field:
        known = {"line", "paragraph", "whole", "decimal", "switch", "day", "moment", "pick", "picks", "mail", "link"}
        if field.native_type not in {*known, "sketch"}:
            raise spec.Unavailable("unknown_type", "A field has a type that is not known.")
        return field

    return _each(strict)(good)


def _writable_liar(field: spec.Field) -> spec.Field:
    opaque = field.type is spec.FieldType.OPAQUE
    return field if opaque else field.model_copy(update={"writable": True, "why_not": None})


def _generous(field: spec.Field) -> spec.Field:
    longer = None if field.max_length is None else field.max_length * 2
    return field.model_copy(update={"max_length": longer})


def _wrong_unit(field: spec.Field) -> spec.Field:
    return field.model_copy(update={"length_unit": spec.LengthUnit.UTF16})


def _never_required(field: spec.Field) -> spec.Field:
    return field.model_copy(update={"required": False})


def _always_required(field: spec.Field) -> spec.Field:
    return field.model_copy(update={"required": field.writable})


def _unique_key(field: spec.Field) -> spec.Field:
    return field.model_copy(update={"unique": field.code == "delivery_key"})


def _no_default(field: spec.Field) -> spec.Field:
    return field.model_copy(update={"has_default": field.code == "subject"})


def _trimmed(field: spec.Field) -> spec.Field:
    return field.model_copy(update={"label": field.label.strip()})


def _by_place(field: spec.Field) -> spec.Field:
    opaque = field.type is spec.FieldType.OPAQUE
    return field.model_copy(update={"code": f"{field.code}-{id(field)}"}) if opaque else field


def _open_choices(field: spec.Field) -> spec.Field:
    return field.model_copy(update={"choices_open": True})


def _timid(field: spec.Field) -> spec.Field:
    why = spec.Text(ja="書き込めません。", en="Not written.")
    return field.model_copy(update={"writable": False, "why_not": why}) if field.code == "body" else field


SABOTEURS: Final[tuple[Saboteur, ...]] = (
    module_saboteur(18, "FirstPageOnly", "Reads the first hundred fields.", ("C04",), _first_page_only),
    module_saboteur(19, "WritableLiar", "Calls system fields writable.", ("C07",), _each(_writable_liar)),
    module_saboteur(53, "StaleSchema", "Answers discovery from a cache.", ("C08", "C04", "E15"), _stale_schema),
    module_saboteur(134, "LastPageLost", "Loses the last page where it is full.", ("C04",), _last_page_lost),
    module_saboteur(
        135, "CodesOnlyFingerprint", "Its fingerprint follows nothing but the codes.", ("C08",), _codes_only_fingerprint
    ),
    module_saboteur(136, "OrderedFingerprint", "Its fingerprint follows the order.", ("C08",), _ordered_fingerprint),
    module_saboteur(137, "MissingAsOutage", "Calls a missing target an outage.", ("C09",), _missing_as_outage),
    module_saboteur(138, "WrongTable", "Stores in another target where its own is missing.", ("C09",), _wrong_table),
    module_saboteur(139, "UnheardType", "Fails at a type that it does not know.", ("C02",), _crash_on_unheard),
    module_saboteur(300, "GenerousLengths", "Tells twice the length.", ("C03",), _each(_generous)),
    module_saboteur(
        301, "WrongUnit", "Counts an emoji twice where the backend counts it once.", ("C03",), _each(_wrong_unit)
    ),
    module_saboteur(302, "NeverRequired", "Calls nothing required.", ("C03", "C07"), _each(_never_required)),
    module_saboteur(303, "AlwaysRequired", "Calls everything required.", ("C03",), _each(_always_required)),
    module_saboteur(304, "UniqueLiar", "Calls the key field unique where nothing is.", ("C03",), _each(_unique_key)),
    module_saboteur(
        305,
        "DefaultLiar",
        "Tells defaults that are not there, and not those that are.",
        ("C03", "C07"),
        _each(_no_default),
    ),
    module_saboteur(306, "LabelTrimmer", "Trims labels.", ("C06",), _each(_trimmed)),
    module_saboteur(307, "ShiftingCodes", "Gives fields other codes each time.", ("C01", "C08"), _each(_by_place)),
    module_saboteur(308, "TimidWriter", "Calls a plain field not writable.", ("C03",), _each(_timid)),
    module_saboteur(329, "OpenChoices", "Calls closed choices open.", ("C03",), _each(_open_choices)),
)
