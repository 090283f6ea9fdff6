"""The hooks: specifications for pluggy, and one typed decorator for each.

    from renkei import spec

    @spec.describe
    def crm_describe() -> spec.Manifest: ...

A decorated function keeps its hook's name. Its parameters are plain and positional, without defaults; mypy sees a
wrong colour, parameter or return type at the decorator's line, and the loader refuses what mypy did not see.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pluggy

from renkei.spec.context import Context
from renkei.spec.fields import TargetSchema
from renkei.spec.manifest import Manifest
from renkei.spec.requests import (
    Account,
    AuthenticateRequest,
    Credentials,
    DiscoverRequest,
    ListTargetsRequest,
    MapRequest,
    MapResult,
    PushReport,
    PushRequest,
    RefreshRequest,
    TargetList,
    Upgraded,
    UpgradeRequest,
    VerifyReport,
    VerifyRequest,
)
from renkei.spec.settings import Settings

SPEC_VERSION = "1.1"
"""Minor versions add optional data; the major is in the entry-point group and in the marker's name."""

ENTRY_POINT_GROUP = "renkei.backends.v1"
PROJECT = "renkei_v1"

_specification = pluggy.HookspecMarker(PROJECT)
_implementation = pluggy.HookimplMarker(PROJECT)

S = TypeVar("S", bound=Settings)
R = TypeVar("R")
Async = Coroutine[Any, Any, R]


class BackendHooks:
    """Every hook of a backend: `firstresult`, because a backend has one implementation of each."""

    @_specification(firstresult=True)
    def crm_describe(self) -> Manifest:
        """Say what this backend is. Sync, pure, without settings; equal each time."""
        raise NotImplementedError

    @_specification(firstresult=True)
    def crm_authenticate(self, ctx: Context[Any], request: AuthenticateRequest) -> Async[Account]:
        """Prove the settings in *ctx* and change nothing at the backend.

        Raises:
            AuthenticationFailed, PermissionDenied, TargetNotFound, RateLimited, Unavailable.
        """
        raise NotImplementedError

    @_specification(firstresult=True)
    def crm_discover(self, ctx: Context[Any], request: DiscoverRequest) -> Async[TargetSchema]:
        """Describe the target's fields as they are now. Read-only, all pages, never cached.

        Raises:
            TargetNotFound, AuthenticationFailed, PermissionDenied, RateLimited, Unavailable.
        """
        raise NotImplementedError

    @_specification(firstresult=True)
    def crm_map(self, request: MapRequest) -> MapResult:
        """Turn canonical values into one wire record, or problems by field. Sync, pure, never a guess."""
        raise NotImplementedError

    @_specification(firstresult=True)
    def crm_push(self, ctx: Context[Any], request: PushRequest) -> Async[PushReport]:
        """Store a batch and report one verdict per record. Neither retries nor sleeps.

        Raise a `BackendError` only where no record has a verdict of its own; else put it in `stopped_by`. More records
        than `push_size`, or one key twice: raise `Unavailable` before anything is sent; core never asks for it.
        """
        raise NotImplementedError

    @_specification(firstresult=True)
    def crm_list_targets(self, ctx: Context[Any], request: ListTargetsRequest) -> Async[TargetList]:
        """List targets where an account holds several. Optional. Below a target with nothing in it: an empty list."""
        raise NotImplementedError

    @_specification(firstresult=True)
    def crm_refresh(self, ctx: Context[Any], request: RefreshRequest) -> Async[Credentials]:
        """New credentials from old. Optional. Core calls it alone and commits the result before use.

        Raises:
            AuthenticationFailed: they cannot be refreshed; the admin must connect anew.
        """
        raise NotImplementedError

    @_specification(firstresult=True)
    def crm_verify(self, ctx: Context[Any], request: VerifyRequest) -> Async[VerifyReport]:
        """Say by delivery key what is there. Optional. Read-only. When core asks: see `VerifyRequest`."""
        raise NotImplementedError

    @_specification(firstresult=True)
    def crm_upgrade(self, request: UpgradeRequest) -> Upgraded:
        """Stored data of an older version of this plugin → this version. Optional, sync, pure."""
        raise NotImplementedError


REQUIRED_HOOKS = ("crm_describe", "crm_authenticate", "crm_discover", "crm_map", "crm_push")
OPTIONAL_HOOKS = ("crm_list_targets", "crm_refresh", "crm_verify", "crm_upgrade")
ASYNC_HOOKS = frozenset(
    {"crm_authenticate", "crm_discover", "crm_push", "crm_list_targets", "crm_refresh", "crm_verify"}
)

F = TypeVar("F", bound=Callable[..., Any])


def _mark(function: F, hook: str) -> F:
    marked: F = _implementation(function)
    # The loader compares this with the function's name: a decorator on a misspelt function is found at once.
    marked.__renkei_hook__ = hook  # type: ignore[attr-defined]  # a note on the function
    return marked


def describe(function: Callable[[], Manifest]) -> Callable[[], Manifest]:
    """Mark `crm_describe`."""
    return _mark(function, "crm_describe")


def authenticate(
    function: Callable[[Context[S], AuthenticateRequest], Async[Account]],
) -> Callable[[Context[S], AuthenticateRequest], Async[Account]]:
    """Mark `crm_authenticate`."""
    return _mark(function, "crm_authenticate")


def discover(
    function: Callable[[Context[S], DiscoverRequest], Async[TargetSchema]],
) -> Callable[[Context[S], DiscoverRequest], Async[TargetSchema]]:
    """Mark `crm_discover`."""
    return _mark(function, "crm_discover")


def map(function: Callable[[MapRequest], MapResult]) -> Callable[[MapRequest], MapResult]:
    """Mark `crm_map`."""
    return _mark(function, "crm_map")


def push(
    function: Callable[[Context[S], PushRequest], Async[PushReport]],
) -> Callable[[Context[S], PushRequest], Async[PushReport]]:
    """Mark `crm_push`."""
    return _mark(function, "crm_push")


def list_targets(
    function: Callable[[Context[S], ListTargetsRequest], Async[TargetList]],
) -> Callable[[Context[S], ListTargetsRequest], Async[TargetList]]:
    """Mark `crm_list_targets`."""
    return _mark(function, "crm_list_targets")


def refresh(
    function: Callable[[Context[S], RefreshRequest], Async[Credentials]],
) -> Callable[[Context[S], RefreshRequest], Async[Credentials]]:
    """Mark `crm_refresh`."""
    return _mark(function, "crm_refresh")


def verify(
    function: Callable[[Context[S], VerifyRequest], Async[VerifyReport]],
) -> Callable[[Context[S], VerifyRequest], Async[VerifyReport]]:
    """Mark `crm_verify`."""
    return _mark(function, "crm_verify")


def upgrade(function: Callable[[UpgradeRequest], Upgraded]) -> Callable[[UpgradeRequest], Upgraded]:
    """Mark `crm_upgrade`."""
    return _mark(function, "crm_upgrade")
