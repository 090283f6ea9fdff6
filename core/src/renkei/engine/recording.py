"""`record()`: the host's request path. One local commit, no network, nothing lost."""

from __future__ import annotations

import re
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from renkei.engine.borrowed import HostConnection, borrow
from renkei.engine.parts import Parts
from renkei.mapping import Action, EnvelopeError, SourceSchema, Triggers, read_action
from renkei.store import intake, integrations
from renkei.store.database import translated
from renkei.store.installation import delivery_key
from renkei.store.intake import Offer, Receipt
from renkei.store.writer import GROUP_SIZE, Pending

# Revisions never change, so that the triggers of one may be kept as long as memory is not an issue.
_TRIGGERS_KEPT = 10_000
# `record_many` keeps the writer busy with whole groups, and no more than this in memory.
_AHEAD = 2 * GROUP_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One action of `record_many` that could not be recorded at all: its envelope is broken.

    Attributes:
        position: its place among the actions given, from 0.
    """

    position: int
    error: EnvelopeError


class Recorder:
    """Takes actions in. Used through `Renkei.record`, `arecord` and `record_many`."""

    def __init__(self, parts: Parts, wake: Callable[[], None]) -> None:
        self._parts = parts
        self._wake = wake
        self._lock = threading.Lock()
        self._triggers: OrderedDict[int, Triggers] = OrderedDict()

    def record(self, tenant: str, inbox: str, action: Mapping[str, Any], connection: HostConnection | None) -> Receipt:
        """See `Renkei.record`."""
        offer = self._offer(tenant, inbox, action)
        if connection is not None:
            return self._within(connection, offer)
        receipt = self._parts.store.result(self._submit(offer))
        self._wake_for(receipt)
        return receipt

    async def arecord(self, tenant: str, inbox: str, action: Mapping[str, Any]) -> Receipt:
        """See `Renkei.arecord`."""
        offer = self._offer(tenant, inbox, action)
        receipt = await self._parts.store.aresult(self._submit(offer), sys._getframe())
        self._wake_for(receipt)
        return receipt

    def record_many(self, tenant: str, inbox: str, actions: Iterable[Mapping[str, Any]]) -> list[Receipt | Refusal]:
        """See `Renkei.record_many`."""
        results: list[Receipt | Refusal] = []
        queued: deque[Pending[Receipt] | Refusal] = deque()
        try:
            for position, action in enumerate(actions):
                # Not all at once: what a host streams from a file need not fit into memory.
                if len(queued) >= _AHEAD:
                    results.append(self._result(queued.popleft()))
                queued.append(self._submit_or_refuse(tenant, inbox, position, action))
            while queued:
                results.append(self._result(queued.popleft()))
        finally:
            # After an error, what has not been begun is taken back: the caller will bring it again.
            for left in queued:
                if not isinstance(left, Refusal):
                    left.cancel()
        return results

    def _submit_or_refuse(
        self, tenant: str, inbox: str, position: int, action: Mapping[str, Any]
    ) -> Pending[Receipt] | Refusal:
        try:
            return self._submit(self._offer(tenant, inbox, action))
        except EnvelopeError as error:
            return Refusal(position=position, error=error)

    def _result(self, queued: Pending[Receipt] | Refusal) -> Receipt | Refusal:
        if isinstance(queued, Refusal):
            return queued
        receipt = self._parts.store.result(queued)
        self._wake_for(receipt)
        return receipt

    def _offer(self, tenant: str, inbox: str, raw: Mapping[str, Any]) -> Offer:
        _envelope_name("tenant", tenant)
        _envelope_name("inbox", inbox)
        action = read_action(raw, self._source(tenant, inbox))
        return Offer(
            tenant=tenant,
            inbox=inbox,
            action_id=action.id,
            digest=action.digest,
            kind=action.kind,
            channel=action.channel,
            occurred_at=action.occurred_at,
            payload=action.payload,
            unknown=action.unknown,
            key=delivery_key(self._parts.store.installation, tenant, inbox, action.id),
            excludes=lambda connection, revision: self._excludes(connection, revision, action),
        )

    def _source(self, tenant: str, inbox: str) -> SourceSchema:
        return self._parts.host.source_fields(tenant, inbox)

    def _submit(self, offer: Offer) -> Pending[Receipt]:
        # The moment is taken inside the transaction: transaction order decides, and `recorded_at` follows it.
        return self._parts.store.submit(lambda connection: intake.take_in(connection, offer, self._parts.now()))

    def _within(self, given: HostConnection, offer: Offer) -> Receipt:
        with translated():
            return intake.take_in(borrow(given, self._parts.store), offer, self._parts.now())

    def _wake_for(self, receipt: Receipt) -> None:
        if receipt.outcome == "recorded" and not receipt.repeated:
            self._wake()

    def _excludes(self, connection: sa.Connection, revision_id: int, action: Action) -> str | None:
        triggers = self._triggers.get(revision_id)
        if triggers is None:
            triggers = Triggers.model_validate(integrations.revision(connection, revision_id).triggers)
            with self._lock:
                self._triggers[revision_id] = triggers
                while len(self._triggers) > _TRIGGERS_KEPT:
                    self._triggers.popitem(last=False)
        reason = triggers.excludes(action)
        return reason.code if reason else None


_NOT_IN_A_NAME = re.compile("[\x00-\x1f\ud800-\udfff]")


def _envelope_name(field: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise EnvelopeError(field, f"no {field} given; it must be a text that is not empty.")
    if len(value) > 200 or _NOT_IN_A_NAME.search(value):
        raise EnvelopeError(field, f"the {field} is over 200 characters long or holds control characters.")
