"""The hooks of the kintone backend: the module that the entry point names."""

from __future__ import annotations

from renkei import spec
from renkei_kintone import account, fields, push, records, verify
from renkei_kintone.manifest import MANIFEST
from renkei_kintone.settings import KintoneSettings


@spec.describe
def crm_describe() -> spec.Manifest:
    """What kintone is and what this version does with it."""
    return MANIFEST


@spec.authenticate
async def crm_authenticate(ctx: spec.Context[KintoneSettings], request: spec.AuthenticateRequest) -> spec.Account:
    """Prove the token with one request for the app's name."""
    return await account.prove(ctx, request)


@spec.discover
async def crm_discover(ctx: spec.Context[KintoneSettings], request: spec.DiscoverRequest) -> spec.TargetSchema:
    """Read the live form's fields, and the precision of numbers where the token may view."""
    return await fields.discover(ctx, request)


@spec.map
def crm_map(request: spec.MapRequest) -> spec.MapResult:
    """One record as kintone takes it, or problems by field."""
    return records.map_record(request)


@spec.push
async def crm_push(ctx: spec.Context[KintoneSettings], request: spec.PushRequest) -> spec.PushReport:
    """Add the records with one request, or a few where they are large; upload their files before."""
    return await push.push(ctx, request)


@spec.verify
async def crm_verify(ctx: spec.Context[KintoneSettings], request: spec.VerifyRequest) -> spec.VerifyReport:
    """Look for records by their key, where the token may view; else nobody can tell."""
    return await verify.verify(ctx, request)
