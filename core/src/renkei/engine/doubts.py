"""Doubtful deliveries: what a person looks for in the CRM; and the choice not to have any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from renkei.delivery.reasons import explain
from renkei.engine.parts import Parts, named_places
from renkei.mapping import Mapping as Rules
from renkei.mapping import SourceSchema
from renkei.mapping.source import DELIVERY_KEY
from renkei.plugins import BackendNotReady
from renkei.spec import TargetSchema, Text
from renkei.store import doubts, integrations

UnknownOutcome = Literal["doubtful", "resend"]

# What tells one record from another, the surest first. A host's own fields come behind them.
_TELLING = (DELIVERY_KEY, "action.id", "message.id", "ticket.number", "ticket.id", "action.occurred_at")
_TELLING_KINDS = ("number", "id", "no", "code", "email", "subject", "title", "occurred_at", "name")
_MOST_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LookFor:
    """One field to look for. Names only: the value stands in the ticket.

    Attributes:
        field, label: the target field's code and what the CRM's users see.
        source, source_label: the source field that it was filled from.
    """

    field: str
    label: str
    source: str
    source_label: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """A delivery whose outcome only a person can settle.

    Attributes:
        text: why, and what to do.
        target: where to look.
        sent_at: when the last request left that may have stored it.
        again_from: `replay` (send again) is possible from then on; an earlier request may run until then.
        look_for: the fields that tell it from others, the surest first.
        delivery_key: its value, where a target field holds it.
    """

    inbox: str
    action_id: str
    text: Text
    code: str | None
    connection: str
    target: str
    occurred_at: datetime
    sent_at: datetime | None
    again_from: datetime | None
    look_for: tuple[LookFor, ...]
    delivery_key: str | None


class Doubts:
    """Behind `Renkei.doubtful` and `Renkei.on_unknown_outcome`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def listed(self, tenant: str, inbox: str, most: int) -> list[Doubtful]:
        """See `Renkei.doubtful`."""
        named_places(tenant, inbox)
        looks: dict[int, tuple[LookFor, ...]] = {}
        with self._parts.store.read() as connection:
            rows = doubts.doubtful(connection, tenant, inbox, most=most)
            for row in rows:
                if row.revision_id not in looks:
                    revision = integrations.revision(connection, row.revision_id)
                    looks[row.revision_id] = tuple(_look_for(revision.mapping, revision.source, revision.schema))
        return [self._doubtful(row, looks[row.revision_id]) for row in rows]

    def _doubtful(self, row: Any, look_for: tuple[LookFor, ...]) -> Doubtful:
        words = row.reason or explain(None, row.code or "outcome_unknown")
        left_at = doubts.last_left_at(row)
        keyed = any(one.source == DELIVERY_KEY for one in look_for)
        return Doubtful(
            inbox=row.inbox,
            action_id=row.action_id,
            text=Text(ja=words["ja"], en=words["en"]),
            code=row.code,
            connection=row.connection_name,
            target=row.target_label or row.target,
            occurred_at=row.occurred_at,
            sent_at=row.sent_at,
            again_from=left_at + self._settles_within(row.backend) if left_at else None,
            look_for=look_for,
            delivery_key=row.key if keyed else None,
        )

    def _settles_within(self, backend: str) -> timedelta:
        if self._parts.policy.settles_within is not None:
            return self._parts.policy.settles_within
        try:
            return self._parts.registry.backend(backend).manifest.settles_within
        except BackendNotReady:
            return self._parts.policy.longest_retry

    def choose(self, tenant: str, actor: str, inbox: str, do: UnknownOutcome) -> None:
        """See `Renkei.on_unknown_outcome`."""
        parts = self._parts
        parts.admin_only(tenant, actor, inbox)

        def job(writing: sa.Connection) -> None:
            row = parts.standing(writing, tenant, inbox, lock=True)
            integrations.update(writing, row.id, unknown_outcome=do)
            parts.audit(
                writing,
                tenant,
                actor,
                "integration.unknown_outcome",
                inbox=inbox,
                unknown_outcome=do,
                before=row.unknown_outcome,
            )

        parts.store.write(job)


def _look_for(mapping: Any, source: Any, schema: Any) -> Iterator[LookFor]:
    offered, target = SourceSchema.model_validate(source), TargetSchema.model_validate(schema)
    rules = [rule for rule in Rules.parse(mapping).rules if rule.source is not None]
    rules.sort(key=lambda rule: _rank(rule.source or ""))
    for rule in rules[:_MOST_LISTED]:
        known, field = offered.field(rule.source or ""), target.field(rule.target)
        yield LookFor(
            field=rule.target,
            label=field.label if field is not None else rule.target,
            source=rule.source or "",
            source_label=known.label if known is not None else Text(ja=rule.source or "", en=rule.source or ""),
        )


def _rank(source: str) -> tuple[int, int]:
    """The smaller, the better it tells one record from another."""
    if source in _TELLING:
        return 0, _TELLING.index(source)
    last = source.rpartition(".")[2]
    kinds: Mapping[str, int] = {kind: place for place, kind in enumerate(_TELLING_KINDS)}
    places = [place for kind, place in kinds.items() if last == kind or last.endswith(f"_{kind}")]
    return (1, min(places)) if places else (2, 0)
