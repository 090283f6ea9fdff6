"""Plugins that misread what an admin types, or show what is secret: checks S."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from pydantic import field_validator, model_validator

from renkei import spec
from renkei.testing.contract.saboteurs import Saboteur, damaged, described, module_saboteur
from renkei_template.settings import AtelierSettings


class _Open(str):
    """Text that answers as a secret does, so that the rest of the plugin notices nothing."""

    def get_secret_value(self) -> str:
        return str(self)


class OpenSecret(AtelierSettings):
    """The client secret is plain text."""

    client_secret: str = spec.setting(  # type: ignore[assignment]  # that is the defect
        ja="シークレット", en="Client secret", help_ja="作成時に表示されます。", help_en="Shown when it is made."
    )

    @field_validator("client_secret", mode="after")
    @classmethod
    def _open(cls, value: str) -> str:
        return _Open(value)


class ErrorEcho(AtelierSettings):
    """Says what was wrong with the secret by repeating it."""

    @field_validator("client_secret", mode="before")
    @classmethod
    def _secret_without_white_space(cls, value: Any) -> Any:
        if isinstance(value, str) and " " in value.strip():
            raise spec.SettingProblem("not_a_secret", ja=f"「{value}」は使えません。", en=f"{value!r} is no secret.")
        return value.strip() if isinstance(value, str) else value


class Lenient(AtelierSettings):
    """Takes any client id."""

    @field_validator("client_id", mode="before")
    @classmethod
    def _plain_client_id(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value


class WrongFinger(AtelierSettings):
    """Blames the workspace for whatever is wrong."""

    @classmethod
    def parse(cls, raw: Any) -> Any:
        try:
            return super().parse(raw)
        except spec.SettingsError as error:
            found = [problem.model_copy(update={"field": "workspace"}) for problem in error.problems]
        raise spec.SettingsError(found)


class PartEcho(AtelierSettings):
    """Repeats the part of an address that it could not use."""

    @field_validator("workspace", mode="before")
    @classmethod
    def _name_from_whatever_was_pasted(cls, value: Any) -> Any:
        if isinstance(value, str) and "://" in value:
            host = value.split("://")[1].split("/")[0].lower()
            raise spec.SettingProblem("not_ours", ja=f"{host}はAtelierではありません。", en=f"{host} is not Atelier.")
        return super()._name_from_whatever_was_pasted(value)


class NeighbourEcho(AtelierSettings):
    """Tells the whole form where one field of it is wrong."""

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, data: Any) -> Any:
        workspace = data.get("workspace") if isinstance(data, dict) else None
        if isinstance(workspace, str) and "://" in workspace:
            raise spec.SettingProblem("not_a_name", ja=f"次の入力: {data}", en=f"No name in {data}.")
        return data


class ShowOff(AtelierSettings):
    """Its repr is made for debugging."""

    def __repr__(self) -> str:
        return f"<{self.workspace} {self.client_id}:{self.client_secret.get_secret_value()}>"

    __str__ = __repr__


def _secret_in_address(good: ModuleType) -> ModuleType:
    authenticate = good.crm_authenticate

    async def crm_authenticate(ctx: Any, request: spec.AuthenticateRequest) -> spec.Account:
        secret = ctx.settings.client_secret.get_secret_value()
        await ctx.http.get(f"{ctx.settings.origin}/v2/workspace", params={"client_secret": secret})
        account: spec.Account = await authenticate(ctx, request)
        return account

    return damaged(good, authenticate=crm_authenticate)


def _public_key(good: ModuleType) -> ModuleType:
    authenticate = good.crm_authenticate

    async def crm_authenticate(ctx: Any, request: spec.AuthenticateRequest) -> spec.Account:
        await ctx.http.get(f"{ctx.settings.origin}/v2/workspace", headers={"x-api-key": ctx.settings.client_id})
        account: spec.Account = await authenticate(ctx, request)
        return account

    return damaged(good, authenticate=crm_authenticate)


def _with(model: type[spec.Settings]) -> Any:
    return lambda good: described(good, settings=model)


SABOTEURS: Final[tuple[Saboteur, ...]] = (
    module_saboteur(23, "ErrorEcho (settings)", "Repeats a bad secret in the refusal.", ("S10", "S04"),
                    _with(ErrorEcho)),
    module_saboteur(111, "OpenSecret", "Keeps the client secret as plain text.", ("S02",), _with(OpenSecret)),
    module_saboteur(112, "AddressWriter", "Puts the client secret into a query.", ("S02",), _secret_in_address),
    module_saboteur(113, "PublicKey", "Proves who it is by a setting that everybody sees.", ("S02",), _public_key),
    module_saboteur(114, "Lenient", "Takes a client id that no client has.", ("S04",), _with(Lenient)),
    module_saboteur(115, "WrongFinger", "Blames one field for all that is wrong.", ("S04",), _with(WrongFinger)),
    module_saboteur(116, "PartEcho", "Repeats a part of what was typed.", ("S04",), _with(PartEcho)),
    module_saboteur(117, "NeighbourEcho", "Tells the whole form where one field is wrong.", ("S10",),
                    _with(NeighbourEcho)),
    module_saboteur(118, "ShowOff", "Shows the secret in its repr.", ("S10",), _with(ShowOff)),
)  # fmt: skip
