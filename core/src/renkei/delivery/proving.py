"""Asking the backend, by delivery key, for what no answer of a push has told."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from renkei.delivery.lane import Lane
from renkei.delivery.settling import Answer, Terms
from renkei.plugins import PluginFault
from renkei.spec import (
    AuthenticationFailed,
    BackendError,
    CannotTell,
    PermissionDenied,
    Present,
    SchemaDrift,
    SettingsError,
    TargetNotFound,
    VerifyRequest,
)
from renkei.store.deliveries import Delivered, Waiting

log = logging.getLogger("renkei.delivery")

# To ask again would bring the same: these count as an answer that proves nothing.
_NEVER = (AuthenticationFailed, PermissionDenied, TargetNotFound, SchemaDrift)


def ask(lane: Lane, rows: Sequence[Waiting], terms: Terms) -> dict[str, Answer]:
    """What the backend says of each, by key.

    Raises:
        BackendError, PluginFault: it could not be asked.
    """
    request = VerifyRequest(
        target=lane.row.target,
        options=lane.options,
        key_field=terms.key_field or "",
        keys=tuple(row.key for row in rows),
    )
    return {answer.key: answer for answer in lane.session.verify(request).answers}


def ask_where_allowed(lane: Lane, rows: Sequence[Waiting], terms: Terms) -> dict[str, Answer]:
    """The same; who may add records and not search them gets no answer, and that is nothing to block a lane for.

    Raises:
        BackendError, PluginFault: it could not be asked.
    """
    try:
        return ask(lane, rows, terms)
    except PermissionDenied as error:
        _log(lane, error)
        return {}


def asked_in_passing(lane: Lane, rows: Sequence[Waiting], terms: Terms) -> dict[str, Answer]:
    """The same, while a push is being settled: that the backend cannot be asked stops nothing.

    Nothing is said of a row where it is worth asking again later.
    """
    if not rows:
        return {}
    try:
        return ask(lane, rows, terms)
    except (PluginFault, SettingsError, *_NEVER) as error:
        _log(lane, error)
        return {row.key: CannotTell(key=row.key) for row in rows}
    except BackendError as error:
        _log(lane, error)
        return {}


def found(rows: Sequence[Waiting], answers: dict[str, Answer]) -> list[Delivered]:
    """Those of which the backend gave the record."""
    there = ((row, answers.get(row.key)) for row in rows)
    return [Delivered(id=row.id, remote_id=a.id, link=a.link) for row, a in there if isinstance(a, Present)]


def _log(lane: Lane, error: Exception) -> None:
    log.warning("the backend cannot be asked by key: %s", error, extra={"event": "lane.verify_failed", "lane": lane.id})
