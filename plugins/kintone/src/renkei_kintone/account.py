"""Proving a token with one request that changes nothing."""

from __future__ import annotations

from renkei.spec import Account, AuthenticateRequest, Context, Permission, PermissionState, Target, Text
from renkei_kintone.addresses import plain_host
from renkei_kintone.meanings import ADD_RECORDS
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.wire import app_url, checked_app_id, read

# No documented call tells a token's permissions, and whether an empty POST checks them before it looks at its
# records is not known: what cannot be learned without writing stays unknown.
_PERMISSIONS = (
    Permission(name="add_records", label=Text(ja=ADD_RECORDS, en="Add records"), state=PermissionState.UNKNOWN),
    Permission(name="view_records", label=Text(ja="レコード閲覧", en="View records"), state=PermissionState.UNKNOWN),
)


async def prove(ctx: Context[KintoneSettings], request: AuthenticateRequest) -> Account:
    """Ask for the app's name: it takes the right domain, space, app and token, with the permission to add or view.

    Raises:
        BackendError: the lane's error, after that one request.
    """
    app = checked_app_id(request.target or ctx.settings.app_id)
    answer = await read(ctx, "app", {"id": app})
    name = answer.get("name")
    label = name if isinstance(name, str) and name.strip() else f"app {app}"
    return Account(
        id=account_id(ctx.settings),
        label=label,
        targets=(Target(id=app, label=label, url=app_url(ctx.settings, app)),),
        permissions=_PERMISSIONS,
    )


def account_id(settings: KintoneSettings) -> str:
    """Host and app, because a token belongs to one app. The host for client certificates is the same account."""
    space = f"guest{settings.guest_space_id}:" if settings.guest_space_id else ""
    return f"{plain_host(settings.host)}:{space}{settings.app_id}"
