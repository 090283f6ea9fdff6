"""Proving a token with two requests that change nothing."""

from __future__ import annotations

from renkei.spec import Account, AuthenticateRequest, Context, Permission, PermissionState, Target, Text
from renkei_kintone.addresses import plain_host
from renkei_kintone.meanings import ADD_RECORDS
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.wire import api_url, app_url, checked_app_id, error_for_read, headers, read, refusal_in

# No documented call tells a token's permissions. Adding no records at all is refused where "add" is known to be
# missing, and is accepted where it is granted; whether it is also accepted before the permission is looked at is not
# known, so that an acceptance proves nothing and the permission stays unknown.
_NOT_ALLOWED_TO_ADD = ("GAIA_NO01", "CB_NO02")
_PERMISSIONS = (
    Permission(name="add_records", label=Text(ja=ADD_RECORDS, en="Add records"), state=PermissionState.UNKNOWN),
    Permission(name="view_records", label=Text(ja="レコード閲覧", en="View records"), state=PermissionState.UNKNOWN),
)


async def prove(ctx: Context[KintoneSettings], request: AuthenticateRequest) -> Account:
    """Ask for the app's name, then add no records.

    The name takes the right domain, space, app and token, with the permission to add or view. The empty list of
    records stores nothing (kintone answers it with empty lists) and finds a token that may only view.

    Raises:
        BackendError: the lane's error, after the request that was refused.
    """
    app = checked_app_id(request.target or ctx.settings.app_id)
    answer = await read(ctx, "app", {"id": app})
    name = answer.get("name")
    await _add_nothing(ctx, app)
    label = name if isinstance(name, str) and name.strip() else f"app {app}"
    return Account(
        id=account_id(ctx.settings),
        label=label,
        targets=(Target(id=app, label=label, url=app_url(ctx.settings, app)),),
        permissions=_PERMISSIONS,
    )


async def _add_nothing(ctx: Context[KintoneSettings], app: str) -> None:
    url = api_url(ctx.settings, "records")
    response = await ctx.http.post(url, json={"app": app, "records": []}, headers=headers(ctx.settings))
    refusal = refusal_in(response, ctx.clock)
    if refusal is not None and refusal.code in _NOT_ALLOWED_TO_ADD:
        raise error_for_read(refusal)


def account_id(settings: KintoneSettings) -> str:
    """Host and app, because a token belongs to one app. The host for client certificates is the same account."""
    space = f"guest{settings.guest_space_id}:" if settings.guest_space_id else ""
    return f"{plain_host(settings.host)}:{space}{settings.app_id}"
