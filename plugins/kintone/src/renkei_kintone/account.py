"""Proving a token with requests that change nothing, and saying what could not be learned of it.

No documented call tells a token's permissions. What is asked here is only what the token is known to be allowed:

    app.json                  view or add     the app's name; also proves host, space, app, token and "Update app"
    records.json, none        add             refused where "add" is missing; stores nothing
    records.json, one id      view            only where the admin has said that the token may view

An update of no records at all would tell in the same way that a token may *not* edit. It is not asked: it is a call
that an add-only token may not make, an acceptance would prove nothing (as below), and the answer changes nothing, since
this plugin never edits. That edit is superfluous is said whatever the token may do.
"""

from __future__ import annotations

from typing import Final

from renkei.spec import (
    Account,
    AuthenticateRequest,
    Context,
    Limits,
    Permission,
    PermissionState,
    Target,
    Text,
    Unavailable,
)
from renkei_kintone.manifest import LIMITS
from renkei_kintone.meanings import ADD_RECORDS, MAY_ADD
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.wire import (
    Refusal,
    api_url,
    app_url,
    checked_app_id,
    error_for_read,
    get,
    headers,
    read,
    refusal_in,
)

# Adding no records is refused where "add" is known to be missing, and is accepted where it is granted; whether it is
# also accepted before the permission is looked at is not known, so that an acceptance proves nothing and the permission
# stays unknown.
NOT_ALLOWED: Final = ("GAIA_NO01", "CB_NO02")

_ADD: Final = Permission(
    name=MAY_ADD,
    label=Text(ja=ADD_RECORDS, en="Add records"),
    state=PermissionState.UNKNOWN,
    note=Text(
        ja="必要な権限はこれだけです。確かめる方法がないため、最初の登録で分かります",
        en="the only one that is needed; nothing but the first record proves it",
    ),
)
_NOT_NEEDED: Final = Text(
    ja="不要です。チェックが入っている場合は外してください", en="not needed: untick it if it is ticked"
)
_SUPERFLUOUS: Final = (
    Permission(
        name="edit_records",
        label=Text(ja="レコード編集", en="Edit records"),
        state=PermissionState.UNKNOWN,
        note=Text(
            ja="不要です。登録後に人が編集した内容を上書きしないよう、更新はしません。チェックが入っている場合は外してください",
            en="not needed: records are never updated, which would overwrite what people edit; untick it if "
            "it is ticked",
        ),
    ),
    Permission(
        name="delete_records",
        label=Text(ja="レコード削除", en="Delete records"),
        state=PermissionState.UNKNOWN,
        note=_NOT_NEEDED,
    ),
    Permission(
        name="manage_app", label=Text(ja="アプリ管理", en="Manage app"), state=PermissionState.UNKNOWN, note=_NOT_NEEDED
    ),
)
_VIEW_NOTES: Final = {
    PermissionState.UNKNOWN: Text(
        ja="不要です。チェックを入れた場合は、接続の設定で「APIトークンで閲覧もできる」を「はい」にすると、レコードを連携キーで探せます",
        en="not needed; if it is ticked, records can be looked for by their key once the connection's settings say so",
    ),
    PermissionState.MISSING: Text(
        ja="APIトークンの設定で「レコード閲覧」にチェックを入れて保存し、「アプリを更新」を押すか、接続の設定の「APIトークンで閲覧もできる」"
        "を「いいえ」にしてください",
        en="tick 'View records' (レコード閲覧) for the token, save and press 'Update app' (アプリを更新), or set "
        "may_view to 'no' in the connection's settings",
    ),
}


async def prove(ctx: Context[KintoneSettings], request: AuthenticateRequest) -> Account:
    """Ask for the app's name, then add no records; where the token may view, look for one id.

    Raises:
        BackendError: the lane's error, after the request that was refused.
    """
    app = checked_app_id(request.target or ctx.settings.app_id)
    answer = await read(ctx, "app", {"id": app})
    name = answer.get("name")
    if not isinstance(name, str):
        # Some JSON with the status of a success, of whoever answers at this address: it proves nothing.
        raise Unavailable("unexpected_answer", "kintone's app.json holds no name of an app")
    await _add_nothing(ctx, app)
    view = await _view(ctx, app)
    label = name if name.strip() else f"app {app}"
    return Account(
        id=account_id(ctx.settings),
        label=label,
        targets=(Target(id=app, label=label, url=app_url(ctx.settings, app)),),
        permissions=(_ADD, view, *_SUPERFLUOUS),
        limits=limits_of(ctx.settings),
    )


async def _add_nothing(ctx: Context[KintoneSettings], app: str) -> None:
    url = api_url(ctx.settings, "records")
    response = await ctx.http.post(url, json={"app": app, "records": []}, headers=headers(ctx.settings))
    refusal = refusal_in(response, ctx.clock, ctx.settings)
    if refusal is not None and refusal.code in NOT_ALLOWED:
        raise error_for_read(refusal)


async def _view(ctx: Context[KintoneSettings], app: str) -> Permission:
    """What is known of viewing. Of the records nothing but one id is asked for."""
    state = PermissionState.UNKNOWN
    if ctx.settings.may_view:
        answer = await get(ctx, "records", {"app": app, "fields[0]": "$id", "query": "limit 1"})
        state = PermissionState.GRANTED
        if isinstance(answer, Refusal):
            if answer.code not in NOT_ALLOWED:
                raise error_for_read(answer)
            state = PermissionState.MISSING
    label = Text(ja="レコード閲覧", en="View records")
    return Permission(name="view_records", label=label, state=state, note=_VIEW_NOTES.get(state))


def limits_of(settings: KintoneSettings) -> Limits | None:
    """Our limits where the settings change them; None leaves them to the manifest, also to that of a later version."""
    daily = LIMITS.daily
    ours = max(1, settings.daily_requests * settings.daily_share // 100)
    size = settings.request_megabytes * 1024 * 1024
    if daily is None or (ours, size) == (daily.requests, LIMITS.request_bytes):
        return None
    changed = daily.model_copy(update={"requests": ours})
    return LIMITS.model_copy(update={"daily": changed, "request_bytes": size})


def account_id(settings: KintoneSettings) -> str:
    """Host and app, because a token belongs to one app."""
    space = f"guest{settings.guest_space_id}:" if settings.guest_space_id else ""
    return f"{settings.host}:{space}{settings.app_id}"
