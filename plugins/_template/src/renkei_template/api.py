"""Requests to Atelier: addresses, the token exchange, pages.

Everything goes through `ctx.http`, which core has prepared: it reaches only the manifest's hosts, follows no
redirect, keeps no cookie, has its deadline, and raises our errors where the network fails. So there is no `httpx`
exception to catch here, nothing to retry and nothing to wait for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field, SecretStr

from renkei import spec
from renkei_template import answers
from renkei_template.codes import SENTENCES, Code
from renkei_template.fields import NativeField
from renkei_template.settings import AtelierSettings

AtelierContext = spec.Context[AtelierSettings]
T = TypeVar("T", bound=BaseModel)

ACCESS = "access_token"
REFRESH = "refresh_token"
_LONGEST_LIFE = 10 * 365 * 86_400  # what is longer is no time at all, and no date can hold it


class Token(BaseModel):
    """Answer of the token exchange."""

    access_token: SecretStr
    refresh_token: SecretStr
    expires_in: Annotated[int, Field(gt=0, le=_LONGEST_LIFE)]  # seconds
    scope: str  # granted scopes, a space between

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.scope.split())


class Workspace(BaseModel):
    """What Atelier calls the account."""

    id: answers.Id
    name: str


class Room(BaseModel):
    """A folder of tables."""

    id: answers.Id
    name: str


class Table(BaseModel):
    """Where records go."""

    id: answers.Id
    name: str
    room: str
    stages: list[str] = []
    link: str | None = None


class Found(BaseModel):
    """A record that a search found, with the value that was searched for."""

    id: answers.Id
    value: str
    link: str | None = None


class Page(BaseModel, Generic[T]):
    """One page of a list; *next* is the cursor of the one that follows."""

    items: list[T]
    next: str | None = None


async def exchange(ctx: AtelierContext, grant: Mapping[str, str]) -> tuple[Token, spec.Credentials]:
    """Trade what *grant* holds for tokens.

    In the body, never in the address: addresses end up in other people's logs.

    Raises:
        AuthenticationFailed, RateLimited, Unavailable.
    """
    asked_at = ctx.clock.now()  # before the request, so that the token is never thought to last longer than it does
    form = {"workspace": ctx.settings.workspace, **grant}
    try:
        response = await ctx.http.post(f"{ctx.settings.origin}/oauth/token", data=form)
        if response.status_code != 200:
            raise answers.error(response, ctx.clock)
        token = answers.read(Token, response)
    except spec.OutcomeUnknown as error:
        # A POST, but it stores no record: a token that was issued and never arrived expires by itself.
        lost = spec.Unavailable(error.code, "The answer of Atelier's token exchange could not be read.")
    else:
        return token, _credentials(token, asked_at + timedelta(seconds=token.expires_in))
    raise lost  # outside the except block, so that nothing of the exchange hangs on it


def _credentials(token: Token, expires_at: datetime) -> spec.Credentials:
    return spec.Credentials(
        values={ACCESS: token.access_token, REFRESH: token.refresh_token},
        expires_at=expires_at,
    )


async def get(ctx: AtelierContext, path: str, params: Mapping[str, str] | None = None) -> httpx.Response:
    """Read *path*.

    *params* are escaped by httpx. A key, a code or a cursor that is pasted into an address instead would one day hold
    a `&`.

    Raises:
        BackendError: any answer but 200.
    """
    response = await ctx.http.get(ctx.settings.origin + path, params=params, headers=_bearer(ctx))
    if response.status_code != 200:
        raise answers.error(response, ctx.clock)
    return response


async def post_record(ctx: AtelierContext, table: str, body: bytes, record: spec.WireRecord) -> httpx.Response:
    """Store *body*, which holds *record* alone, and give the answer back whatever it says."""
    return await ctx.http.post(
        f"{ctx.settings.origin}{table_path(table)}/records",
        content=body,
        headers={"content-type": "application/json", **_bearer(ctx)},
        # Tells core what this request carries. When it is lost on the wire, this record is in doubt, not the push.
        extensions=spec.carrying([record]),
    )


async def rooms(ctx: AtelierContext) -> AsyncIterator[Room]:
    """All rooms of the workspace."""
    async for room in _pages(ctx, "/v2/rooms", Page[Room]):
        yield room


async def tables(ctx: AtelierContext, room: str | None) -> AsyncIterator[Table]:
    """All tables, or those of *room*."""
    async for table in _pages(ctx, "/v2/tables", Page[Table], {"room": room} if room else None):
        yield table


async def fields(ctx: AtelierContext, table: str) -> AsyncIterator[NativeField]:
    """All fields of *table*."""
    async for field in _pages(ctx, f"{table_path(table)}/fields", Page[NativeField]):
        yield field


async def _pages(
    ctx: AtelierContext, path: str, model: type[Page[T]], params: Mapping[str, str] | None = None
) -> AsyncIterator[T]:
    """Every item of a list, over all its pages: a list that stops after the first page is no list."""
    seen: set[str] = set()
    cursor: str | None = None
    while True:
        at = {"cursor": cursor} if cursor is not None else {}
        page = answers.read(model, await get(ctx, path, {**(params or {}), **at}))
        for item in page.items:
            yield item
        if page.next is None:
            return
        if page.next in seen:
            raise spec.Unavailable(Code.UNEXPECTED_ANSWER, f"{path} gave one page twice; its list has no end.")
        seen.add(page.next)
        cursor = page.next


def table_path(table: str) -> str:
    """The path of *table*: whatever its id holds, it stays one segment.

    Raises:
        TargetNotFound: an id that no escaping keeps in its place, such as `..`.
    """
    if table in ("", ".", ".."):
        raise spec.TargetNotFound(Code.UNKNOWN_TABLE, SENTENCES[Code.UNKNOWN_TABLE].en)
    return f"/v2/tables/{quote(table, safe='')}"


def _bearer(ctx: AtelierContext) -> dict[str, str]:
    if ctx.credentials is None:
        raise spec.AuthenticationFailed(Code.NO_CREDENTIALS, SENTENCES[Code.NO_CREDENTIALS].en)
    return {"authorization": f"Bearer {ctx.credentials[ACCESS]}"}
