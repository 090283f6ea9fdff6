"""The hooks, and only the hooks: this module is what the entry point names.

A hook is a decorated function with plain positional parameters. The decorator is typed: mypy sees a wrong parameter,
a wrong return type and a missing `async` at its line. A plugin keeps no state, opens no sockets and starts no
threads, so that two connections, or two tenants, never meet in it. It does not retry and does not sleep either: it
says what happened, and core decides.

Five hooks are required, four optional. An optional hook that is there must be claimed in the manifest's
capabilities, and one that is claimed must be there.
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from renkei import spec
from renkei_template import answers, api, fields, records
from renkei_template.api import AtelierContext
from renkei_template.codes import SENTENCES, Code
from renkei_template.manifest import MANIFEST, PUSH_SIZE, REQUEST_BYTES

# What a sync needs, and what `crm_verify` needs on top. Each with the words that an admin sees.
_NEEDED = {
    "tables:read": spec.Text(ja="テーブルの閲覧", en="See tables"),
    "records:write": spec.Text(ja="レコードの追加", en="Add records"),
}
_USEFUL = {"records:read": spec.Text(ja="レコードの検索", en="Search records")}

# No request is begun with less time than this before the deadline: what is cut off on the wire is in doubt, and
# what is not sent is not.
_TIME_FOR_ONE = timedelta(seconds=2)


@spec.describe
def crm_describe() -> spec.Manifest:
    """Called at load time, without settings and without network; equal each time.

    Keep the import of this module cheap and quiet: it reads nothing, logs nothing, reaches for nothing.
    """
    return MANIFEST


@spec.authenticate
async def crm_authenticate(ctx: AtelierContext, request: spec.AuthenticateRequest) -> spec.Account:
    """Called when an admin saves or tests a connection, and as a probe of a lane that failed; it may run twice.

    Assumes settings that were parsed, and nothing about them being right. `ctx.credentials` may be old or None.
    Guarantees that nothing changes at the backend: no test record, ever. Says of each permission what can be known
    without trying it; raises where one is missing that a sync cannot do without.
    """
    secret = ctx.settings.client_secret.get_secret_value()
    grant = {"grant_type": "client_credentials", "client_id": ctx.settings.client_id, "client_secret": secret}
    token, credentials = await api.exchange(ctx, grant)
    for scope in _NEEDED:
        if scope not in token.scopes:
            message = f"{SENTENCES[Code.MISSING_SCOPE].en} Missing: {scope}."
            raise spec.PermissionDenied(Code.MISSING_SCOPE, message, resource=scope)

    # The context is frozen and stays as it was given; what the new token may see is asked in its name.
    with_token = _with(ctx, credentials)
    workspace = answers.read(api.Workspace, await api.get(with_token, "/v2/workspace"))
    if request.target is not None:  # a probe: the lane's own table must be there, too
        await api.get(with_token, api.table_path(request.target))
    return spec.Account(
        # Stable: renewing a connection must come to the same account, or else records change owners.
        id=workspace.id,
        label=workspace.name,
        permissions=tuple(_permission(scope, label, token) for scope, label in (_NEEDED | _USEFUL).items()),
        credentials=credentials,  # core seals them, numbers them and gives them to the other hooks
    )


@spec.refresh
async def crm_refresh(ctx: AtelierContext, request: spec.RefreshRequest) -> spec.Credentials:
    """Called by core alone, some time before `expires_at` and again when the backend calls the token expired.

    Assumes that it is the only caller for this connection, across all processes, and that what it returns is on disk
    before anybody uses it. That matters here: Atelier gives a new refresh token each time, and the old one dies as
    soon as the new access token is used.
    Raises `AuthenticationFailed` only where nothing but an admin can help.
    """
    if ctx.credentials is None:
        raise spec.AuthenticationFailed(Code.NO_CREDENTIALS, SENTENCES[Code.NO_CREDENTIALS].en)
    grant = {"grant_type": "refresh_token", "refresh_token": ctx.credentials[api.REFRESH]}
    _token, credentials = await api.exchange(ctx, grant)
    return credentials


@spec.list_targets
async def crm_list_targets(ctx: AtelierContext, request: spec.ListTargetsRequest) -> spec.TargetList:
    """Called when an admin chooses where records go. Complete: this hook follows pages, nobody else does.

    `parent` is the id of a target that this hook listed earlier. Rooms are mere folders: shown, not selectable.
    """
    found: list[spec.Target] = []
    if request.parent is None:
        found += [spec.Target(id=room.id, label=room.name, selectable=False) async for room in api.rooms(ctx)]
    async for table in api.tables(ctx, request.parent):
        found.append(spec.Target(id=table.id, label=table.name, parent=table.room, url=table.link))
    return spec.TargetList(targets=tuple(found))


@spec.discover
async def crm_discover(ctx: AtelierContext, request: spec.DiscoverRequest) -> spec.TargetSchema:
    """Called at set-up, before pushes and after them: core compares what it finds to see fields vanish.

    Never answered from a cache. Read-only; all pages; a type without a canonical word is opaque and not an error.
    The fingerprint is left to core, which computes it from the fields.
    """
    table = answers.read(api.Table, await api.get(ctx, api.table_path(request.target)))
    if table.id != request.target:
        raise spec.Unavailable(Code.UNEXPECTED_ANSWER, "Atelier describes another table than it was asked for.")
    try:
        found = tuple([fields.canonical(native) async for native in api.fields(ctx, request.target)])
        return spec.TargetSchema(
            target=table.id, label=table.name, fields=found, warnings=_stage_warnings(table, request.options)
        )
    except (ArithmeticError, ValueError):
        pass  # a bound that is no number, a code that is there twice
    raise spec.Unavailable(Code.UNEXPECTED_ANSWER, "Atelier describes the table's fields in a way that contradicts.")


@spec.map
def crm_map(request: spec.MapRequest) -> spec.MapResult:
    """Called for each record, at rehearsal and before a push. Sync and pure: no network, no clock, no state.

    Assumes values of each field's canonical type, present ones only. Guarantees either a record that holds all of
    them exactly, or a problem for each that does not fit. Never a guess, never a field left out in silence.
    """
    return records.to_wire(request)


@spec.push
async def crm_push(ctx: AtelierContext, request: spec.PushRequest) -> spec.PushReport:
    """Called with what `crm_map` made, at most `push_size` records, their keys distinct.

    Guarantees exactly one verdict per record, whatever happens. The first error ends the push: it goes to
    `stopped_by`, what was won before it stands, its own record is `unknown` or `not_stored`, and the rest is
    `not_stored`. An error that is not ours, or a cancellation, is left to fly: core knows what each request carried.
    """
    if len(request.records) > PUSH_SIZE:
        raise spec.Unavailable(Code.PUSH_TOO_LARGE, f"At most {PUSH_SIZE} records go in one push; nothing was sent.")
    if len({record.key for record in request.records}) < len(request.records):
        raise spec.Unavailable(Code.REPEATED_KEY, "A push holds each delivery key once; nothing was sent.")
    verdicts: list[spec.Verdict] = []
    stopped_by: spec.BackendError | None = None
    for record in request.records:
        if ctx.remaining() < _TIME_FOR_ONE:
            break
        try:
            verdicts.append(await _store(ctx, request, record))
        except spec.BackendError as error:
            stopped_by = error
            if isinstance(error, spec.OutcomeUnknown):
                verdicts.append(spec.Unknown(key=record.key))
            break
    verdicts += [spec.NotStored(key=record.key) for record in request.records[len(verdicts) :]]
    ctx.log.debug("Atelier answered for %d of %d records.", _settled(verdicts), len(verdicts))
    return spec.PushReport(verdicts=tuple(verdicts), stopped_by=stopped_by)


@spec.verify
async def crm_verify(ctx: AtelierContext, request: spec.VerifyRequest) -> spec.VerifyReport:
    """Called where a write may have been applied and nobody knows: says by delivery key what is there. Read-only.

    `present` and `absent` are proofs. Where the backend did not give one, the answer is `cannot_tell`.
    """
    replies: list[spec.Present | spec.Absent | spec.CannotTell] = []
    try:
        for key in request.keys:
            replies.append(await _look_for(ctx, request, key))
    except spec.PermissionDenied:
        # A client without records:read may write all the same. That it cannot be asked is no reason to block it.
        replies += [spec.CannotTell(key=key) for key in request.keys[len(replies) :]]
    return spec.VerifyReport(answers=tuple(replies))


async def _store(ctx: AtelierContext, request: spec.PushRequest, record: spec.WireRecord) -> spec.Verdict:
    body = records.body_of(record.fields, request.options)
    if len(body) > REQUEST_BYTES:
        message = f"{SENTENCES[Code.TOO_LARGE].en} At most {REQUEST_BYTES} bytes."
        return spec.Rejected(key=record.key, code=Code.TOO_LARGE, message=message)
    response = await api.post_record(ctx, request.target, body, record)
    return answers.verdict(response, record, ctx.clock)


async def _look_for(
    ctx: AtelierContext, request: spec.VerifyRequest, key: str
) -> spec.Present | spec.Absent | spec.CannotTell:
    path = f"{api.table_path(request.target)}/records"
    page = answers.read(api.Page[api.Found], await api.get(ctx, path, {"field": request.key_field, "equals": key}))
    for found in page.items:
        # Compared again: a search may ignore case or width, and another record's key proves nothing.
        if found.value == key:
            return spec.Present(key=key, id=found.id, link=answers.link(found.link))
    # Something was found and none of it is ours: ours may stand on a later page. Too rare to be worth following.
    return spec.CannotTell(key=key) if page.items or page.next is not None else spec.Absent(key=key)


def _with(ctx: AtelierContext, credentials: spec.Credentials) -> AtelierContext:
    return dataclasses.replace(ctx, credentials=credentials)


def _permission(scope: str, label: spec.Text, token: api.Token) -> spec.Permission:
    state = spec.PermissionState.GRANTED if scope in token.scopes else spec.PermissionState.MISSING
    return spec.Permission(name=scope, label=label, state=state)


def _stage_warnings(table: api.Table, options: spec.Settings) -> tuple[spec.Text, ...]:
    stage = getattr(options, "stage", "")
    return (SENTENCES[Code.UNKNOWN_STAGE],) if stage and stage not in table.stages else ()


def _settled(verdicts: list[spec.Verdict]) -> int:
    return sum(not isinstance(verdict, spec.NotStored | spec.Unknown) for verdict in verdicts)
