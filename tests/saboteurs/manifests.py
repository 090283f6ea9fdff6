"""Plugins whose manifest says what is not true: checks M."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from renkei import spec
from renkei.spec import Capability, CapabilityState, Refusal
from renkei.testing.contract.saboteurs import Saboteur, damaged, described, module_saboteur
from saboteurs.crowds import OWN_503
from saboteurs.rewriting import Change, with_changes


def _braggart(good: ModuleType) -> ModuleType:
    claimed = {**good.crm_describe().capabilities, "upgrade": Capability(state=CapabilityState.SUPPORTED)}
    return described(good, capabilities=claimed)


def _gateway_believer(good: ModuleType) -> ModuleType:
    return described(good, refusals=(Refusal(statuses=(500, 502, 503, 504)),))


def _success_echo(good: ModuleType) -> ModuleType:
    return described(good, refusals=(*good.crm_describe().refusals, Refusal(json_key="id")))


def _key_promiser(good: ModuleType) -> ModuleType:
    discover = good.crm_discover

    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        schema: spec.TargetSchema = await discover(ctx, request)
        fields = [
            field.model_copy(update={"unique": True}) if field.code == "delivery_key" else field
            for field in schema.fields
        ]
        return schema.model_copy(update={"fields": tuple(fields)})

    return damaged(described(good, uniqueness="atomic"), discover=crm_discover)


_any_error_object = with_changes(
    OWN_503, Change("manifest", 'spec.Refusal(statuses=(503,), json_key="error")', 'spec.Refusal(json_key="error")')
)


SABOTEURS: Final[tuple[Saboteur, ...]] = (
    module_saboteur(35, "CapabilityBraggart (manifest)", "Claims crm_upgrade and has none.", ("M05",), _braggart),
    module_saboteur(107, "GatewayBeliever", "Calls every gateway error a refusal.", ("M10",), _gateway_believer),
    module_saboteur(108, "SuccessEcho", "Its refusals describe what a success looks like.", ("M10",), _success_echo),
    module_saboteur(109, "KeyPromiser", "Says that keys are unique where they are not.", ("M10",), _key_promiser),
    module_saboteur(110, "FieldKeeper", "Says that unknown fields are ignored where they are refused.", ("M10",),
                    lambda good: described(good, unknown_fields="ignored")),
    module_saboteur(423, "AnyErrorObject", "Calls every answer with an error object a refusal, and believes it.",
                    ("M10",), _any_error_object),
)  # fmt: skip
