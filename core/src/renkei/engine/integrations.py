"""Integrations at the host's door: at most one per inbox, bound by revisions that never change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from renkei.delivery.reasons import explain, refused_at_the_door
from renkei.delivery.rendering import Bindings, Canvas, render
from renkei.engine.connections import Connections, Look, Refused, canonical
from renkei.engine.errors import IntegrationExists, NotFound, NotPossible
from renkei.engine.parts import Parts
from renkei.mapping import (
    DEFAULT_TRIGGERS,
    SourceSchema,
    Suggestion,
    Triggers,
    check,
    read_action,
    suggest,
)
from renkei.mapping import Mapping as Rules
from renkei.spec import (
    BackendError,
    FrozenDict,
    Problem,
    SettingsError,
    TargetSchema,
    WireRecord,
)
from renkei.store import connections, intake, integrations, lanes, ledger
from renkei.store.installation import delivery_key
from renkei.store.integrations import Revision

# From the mapping screen to "done": longer ago, and the target is looked at again.
LOOK_LASTS = timedelta(minutes=1)
_NOBODY_KNOWS = explain(None, "outcome_unknown")

Waiting = Literal["as_was", "new_settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """An integration as an admin sees it.

    Attributes:
        state: `active`, `paused` or `deleted` (still listed until what waits is gone).
        lane: `open`, `waiting` or `blocked`, with the reason in both languages and a time where it has one.
        mapping: target field code → where its value comes from, in one short text.
        confirmed: whether a first record got through; until then the overview waits for the first sync.
        key_field: the unique field that takes the delivery key; None: see *unknown_outcome*.
        unknown_outcome: what becomes of unknown outcomes without a key field: `doubtful` or `resend`.
        warnings: what `check` warned of.
    """

    inbox: str
    state: str
    connection: str
    backend: str
    target: str
    target_label: str
    revision: int
    mapping: dict[str, str]
    rules: dict[str, Any]
    triggers: dict[str, Any]
    options: dict[str, Any]
    key_field: str | None
    confirmed: bool
    lane: str
    lane_code: str | None
    lane_reason: dict[str, str] | None
    lane_until: datetime | None
    waiting: int
    created_at: datetime
    warnings: tuple[Problem, ...] = ()
    unknown_outcome: str = "doubtful"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What one action would become. Nothing was written anywhere.

    Attributes:
        excluded: code of the reason why it would not be synced.
        record: the exact wire record, None where there are problems.
        problems: what is wrong, by target field.
    """

    action_id: str
    excluded: str | None = None
    record: dict[str, Any] | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a new revision would be bound to, checked."""

    connection: Any
    target_id: str
    target_label: str
    options: str
    schema: TargetSchema
    seen_at: datetime
    mapping: Rules
    triggers: Triggers
    source: SourceSchema
    key_unique: bool
    warnings: tuple[Problem, ...]


class Integrations:
    """`renkei.integrations`. Every call names the tenant and the actor, who must be admin of the inbox."""

    def __init__(self, parts: Parts, connections: Connections) -> None:
        self._parts = parts
        self._connections = connections
        # Looking before costs nothing and saves a discovery; it decides nothing, so a test may switch it off.
        self._look_before = True

    def create(
        self,
        tenant: str,
        actor: str,
        inbox: str,
        *,
        connection: str,
        mapping: Rules | Mapping[str, Any],
        target: str | None = None,
        options: Mapping[str, Any] | None = None,
        triggers: Triggers | None = None,
        look: Look | None = None,
    ) -> Integration:
        """Bind the inbox; from this moment on its actions are synced.

        Args:
            connection: name of a stored connection of this tenant.
            mapping: the rules; `suggest` proposes some.
            target: one of those that `connections.targets` lists; may be left out where there is only one.
            options: of the target, as the backend's options model describes them.
            triggers: which channels and kinds; the helpdesk's usual ones if left out.
            look: what `connections.look` found for the mapping screen; within a minute it is not asked again.

        Raises:
            IntegrationExists: the inbox has one; it is named. However many try at once, one succeeds.
            SettingsError: the mapping or options cannot be used; every problem is listed, nothing was saved.
            NotAllowed, NotFound, Refused.
        """
        parts = self._parts
        parts.admin_only(tenant, actor, inbox)
        if self._look_before:
            with parts.store.read() as reading:
                self._refuse_second(reading, tenant, inbox)
        binding = self._bind(tenant, inbox, connection, target, options, mapping, triggers, look)

        def job(writing: sa.Connection) -> None:
            now = parts.now()
            self._keep_connection(writing, binding)
            made = integrations.insert(writing, tenant=tenant, inbox=inbox, actor=actor, now=now)
            if made is None:
                self._refuse_second(writing, tenant, inbox)
                raise NotPossible(
                    ja=f"受信箱「{inbox}」は今、ほかの人が変更しました。もう一度お試しください。",
                    en=f"Inbox {inbox!r} was changed by somebody else just now; try again.",
                )
            self._revise(writing, made, binding, actor, now)
            intake.begin_counting(writing, tenant, inbox)
            parts.audit(
                writing, tenant, actor, "integration.created", inbox=inbox, connection_name=connection, revision=1
            )

        parts.store.write(job)
        return self.show(tenant, actor, inbox, warnings=binding.warnings)

    def edit(
        self,
        tenant: str,
        actor: str,
        inbox: str,
        *,
        mapping: Rules | Mapping[str, Any] | None = None,
        triggers: Triggers | None = None,
        connection: str | None = None,
        target: str | None = None,
        options: Mapping[str, Any] | None = None,
        waiting: Waiting = "as_was",
    ) -> Integration:
        """A further revision, in force for actions recorded after this returns.

        Args:
            waiting: what waits keeps its revision (`as_was`), or goes under the new one (`new_settings`), to mend a
                block. What may already have been written moves neither to another target nor under another key
                field; where its lane is blocked, it becomes doubtful.
        """
        parts = self._parts
        parts.admin_only(tenant, actor, inbox)
        with parts.store.read() as reading:
            row = parts.standing(reading, tenant, inbox)
        moves = connection is not None and connection != row.connection_name
        binding = self._bind(
            tenant,
            inbox,
            connection or row.connection_name,
            target or (None if moves else row.target),
            options if options is not None else ({} if moves else json.loads(row.options)),
            mapping if mapping is not None else row.mapping,
            triggers or Triggers.model_validate(row.triggers),
        )

        def job(writing: sa.Connection) -> None:
            now = parts.now()
            current = parts.standing(writing, tenant, inbox, lock=True)
            if current.revision_id != row.revision_id:
                raise NotPossible(
                    ja=f"受信箱「{inbox}」の連携は、その間にほかの人が編集しました。内容を確認して、もう一度お試しください。",
                    en=f"The integration of inbox {inbox!r} was edited by somebody else meanwhile; "
                    f"look at it and try again.",
                )
            self._keep_connection(writing, binding)
            number, lane = self._revise(writing, current.id, binding, actor, now)
            concerned = integrations.waiting_count(writing, current.id)
            moved = doubted = 0
            if waiting == "new_settings":
                revision = integrations.revision(writing, parts.standing(writing, tenant, inbox).revision_id)
                moved = integrations.move_waiting(writing, current.id, revision)
                doubted = integrations.put_in_doubt(writing, current.id, now, _NOBODY_KNOWS, revised=revision.id)
            lanes.open_now(writing, lane, now)
            lanes.open_now(writing, current.lane_id, now)
            parts.audit(
                writing,
                tenant,
                actor,
                "integration.edited",
                inbox=inbox,
                connection_name=connection or row.connection_name,
                revision=number,
                waiting=concerned,
                moved=moved,
                doubtful=doubted,
                waiting_goes=waiting,
            )

        parts.store.write(job)
        return self.show(tenant, actor, inbox, warnings=binding.warnings)

    def pause(self, tenant: str, actor: str, inbox: str) -> Integration:
        """Take actions and let them wait."""

        def job(writing: sa.Connection) -> None:
            row = self._parts.standing(writing, tenant, inbox, lock=True)
            integrations.update(writing, row.id, state="paused")
            self._parts.audit(writing, tenant, actor, "integration.paused", inbox=inbox)

        self._parts.admin_only(tenant, actor, inbox)
        self._parts.store.write(job)
        return self.show(tenant, actor, inbox)

    def resume(self, tenant: str, actor: str, inbox: str, *, cancel_waiting: bool = False) -> int:
        """Go on; returns how many actions waited. They are delivered, or cancelled if *cancel_waiting*."""
        parts = self._parts
        parts.admin_only(tenant, actor, inbox)

        def job(writing: sa.Connection) -> int:
            now = parts.now()
            row = parts.standing(writing, tenant, inbox, lock=True)
            # Lanes before deliveries, as workers lock them.
            for lane in integrations.lanes_of(writing, row.id):
                lanes.wake_open(writing, lane, now)
            waited = integrations.waiting_count(writing, row.id)
            cancelled = integrations.cancel_waiting(writing, row.id, now) if cancel_waiting else 0
            integrations.update(writing, row.id, state="active")
            parts.audit(writing, tenant, actor, "integration.resumed", inbox=inbox, waited=waited, cancelled=cancelled)
            return waited

        return parts.store.write(job)

    def delete(self, tenant: str, actor: str, inbox: str, *, deliver_waiting: bool | None = None) -> dict[str, int]:
        """End the integration; returns how many deliveries waited and how many of them were cancelled.

        Args:
            deliver_waiting: whether what waits is still delivered. Left out, it is, unless the lane is blocked or
                has only been rejecting. What may already have been written is never cancelled; in a blocked lane it
                becomes doubtful.
        """
        parts = self._parts
        parts.admin_only(tenant, actor, inbox)

        def job(writing: sa.Connection) -> dict[str, int]:
            now = parts.now()
            row = parts.standing(writing, tenant, inbox, lock=True)
            # Lanes before deliveries, as workers lock them.
            for lane in integrations.lanes_of(writing, row.id):
                lanes.wake_open(writing, lane, now)
            deliver = deliver_waiting if deliver_waiting is not None else not self._in_trouble(writing, row)
            waited = integrations.waiting_count(writing, row.id)
            cancelled = 0 if deliver else integrations.cancel_waiting(writing, row.id, now)
            doubted = 0 if deliver else integrations.put_in_doubt(writing, row.id, now, _NOBODY_KNOWS)
            integrations.update(writing, row.id, state="deleted", deleted_at=now)
            parts.audit(
                writing,
                tenant,
                actor,
                "integration.deleted",
                inbox=inbox,
                waited=waited,
                cancelled=cancelled,
                doubtful=doubted,
            )
            return {"waited": waited, "cancelled": cancelled}

        return parts.store.write(job)

    def show(self, tenant: str, actor: str, inbox: str, *, warnings: tuple[Problem, ...] = ()) -> Integration:
        """The inbox's integration.

        Raises:
            NotFound: there is none.
        """
        self._parts.admin_only(tenant, actor, inbox)
        with self._parts.store.read() as reading:
            row = self._parts.standing(reading, tenant, inbox)
            return _shown(row, integrations.waiting_count(reading, row.id), warnings)

    def all(self, tenant: str, actor: str) -> list[Integration]:
        """Every integration that stands, and deleted ones with deliveries left."""
        self._parts.admin_only(tenant, actor, None)
        with self._parts.store.read() as reading:
            rows = integrations.listed(reading, tenant)
            return [_shown(row, integrations.waiting_count(reading, row.id), ()) for row in rows]

    def suggest(
        self,
        tenant: str,
        actor: str,
        inbox: str,
        *,
        connection: str,
        target: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[Suggestion, ...]:
        """Rules proposed for this target by label, code and type, each with a confidence."""
        schema = self._connections.fields(tenant, actor, connection, target=target, options=options)
        return suggest(self._parts.host.source_fields(tenant, inbox), schema)

    def rehearse(
        self,
        tenant: str,
        actor: str,
        inbox: str,
        actions: Iterable[Mapping[str, Any]],
        *,
        mapping: Rules | Mapping[str, Any] | None = None,
    ) -> list[Rehearsed]:
        """The exact records that these actions would make, with problems; writes nothing, sends no record.

        Args:
            mapping: rules to try instead of those in force.

        Raises:
            EnvelopeError: an action without an id or time. Refused: the target cannot be looked at.
        """
        parts = self._parts
        parts.admin_only(tenant, actor, inbox)
        with parts.store.read() as reading:
            row = parts.standing(reading, tenant, inbox)
            stored = self._connections.row(reading, tenant, row.connection_name)
            revision = integrations.revision(reading, row.revision_id)
        session = self._connections.open(stored)
        options = session.backend.parse_options(json.loads(row.options))
        schema = self._ask(row.connection_name, session, lambda: session.discover(row.target, options))
        tried = _with_rules(revision, mapping) if mapping is not None else revision
        binding = Bindings().get(tried, schema)
        canvas = Canvas(backend=session.backend, options=options, public_settings=FrozenDict(session.settings.public()))
        source = SourceSchema.model_validate(revision.source)
        triggers = Triggers.model_validate(revision.triggers)
        return [self._rehearse_one(canvas, binding, source, triggers, tenant, inbox, action) for action in actions]

    def _rehearse_one(
        self,
        canvas: Canvas,
        binding: Any,
        source: SourceSchema,
        triggers: Triggers,
        tenant: str,
        inbox: str,
        raw: Mapping[str, Any],
    ) -> Rehearsed:
        action = read_action(raw, source)
        reason = triggers.excludes(action)
        if reason is not None:
            return Rehearsed(action_id=action.id, excluded=reason.code)
        key = delivery_key(self._parts.store.installation, tenant, inbox, action.id)
        made = render(canvas, binding, action.payload, key)
        if isinstance(made, WireRecord):
            return Rehearsed(action_id=action.id, record=made.model_dump(mode="json")["fields"])
        return Rehearsed(action_id=action.id, problems=made)

    # -- checking and writing -----------------------------------------------------------------------------------

    def _bind(
        self,
        tenant: str,
        inbox: str,
        name: str,
        target: str | None,
        options: Mapping[str, Any] | None,
        mapping: Rules | Mapping[str, Any],
        triggers: Triggers | None,
        look: Look | None = None,
    ) -> Binding:
        with self._parts.store.read() as reading:
            row = self._connections.row(reading, tenant, name)
        self._parts.entitled_only(tenant, row.backend)
        session = self._connections.open(row)
        chosen = self._connections.choose_target(row, target)
        parsed = session.backend.parse_options(options or {})
        rules = mapping if isinstance(mapping, Rules) else Rules.parse(mapping)
        source = self._parts.host.source_fields(tenant, inbox)
        seen_at = self._parts.now()
        if look is not None and _still_good(look, name, chosen.id, canonical(parsed), seen_at):
            schema, seen_at = look.schema, look.at
        else:
            schema = self._ask(name, session, lambda: session.discover(chosen.id, parsed))
        manifest = session.backend.manifest
        if chosen.label != chosen.id:
            # The name that people know, where the account knows it and discovery does not.
            schema = schema.model_copy(update={"label": chosen.label})
        result = check(rules, source, schema, uniqueness=manifest.uniqueness)
        if result.errors:
            raise SettingsError(result.errors)
        key_field = schema.field(rules.key_field) if rules.key_field else None
        return Binding(
            connection=row,
            target_id=chosen.id,
            # The backend's own name for it where discovery knows one, else what the account was told with.
            target_label=chosen.label if chosen.label != chosen.id else schema.label,
            options=canonical(parsed),
            schema=schema,
            seen_at=seen_at,
            mapping=rules,
            triggers=triggers or DEFAULT_TRIGGERS,
            source=source,
            key_unique=key_field is not None and key_field.unique and manifest.uniqueness != "none",
            warnings=result.warnings,
        )

    def _ask(self, name: str, session: Any, question: Any) -> Any:
        try:
            return question()
        except BackendError as error:
            words = refused_at_the_door(session.backend.manifest, error)
            raise Refused(name, error, words["ja"], words["en"]) from None

    def _revise(
        self, writing: sa.Connection, integration: int, binding: Binding, actor: str, now: datetime
    ) -> tuple[int, int]:
        lane = lanes.ensure(
            writing,
            connection_id=binding.connection.id,
            target=binding.target_id,
            label=binding.target_label,
            options=binding.options,
        )
        lanes.adopt_schema(
            writing, lane, binding.schema.model_dump(mode="json"), binding.schema.fingerprint, binding.seen_at
        )
        number = integrations.revise(
            writing,
            integration,
            lane,
            {
                "mapping": binding.mapping.model_dump(mode="json"),
                "triggers": binding.triggers.model_dump(mode="json"),
                "source": binding.source.model_dump(mode="json"),
                "schema": binding.schema.model_dump(mode="json"),
                "key_field": binding.mapping.key_field,
                "key_unique": binding.key_unique,
            },
            actor,
            now,
        )
        return number, lane

    def _keep_connection(self, writing: sa.Connection, binding: Binding) -> None:
        if not connections.keep(writing, binding.connection.id):
            name = binding.connection.name
            raise NotFound(
                ja=f"接続「{name}」はその間に削除されました。別の接続を選んでください。",
                en=f"Connection {name!r} was deleted meanwhile; choose another.",
            )

    def _refuse_second(self, reading: sa.Connection, tenant: str, inbox: str) -> None:
        row = integrations.standing(reading, tenant, inbox)
        if row is not None:
            raise IntegrationExists(inbox, row.connection_name, row.backend, row.target_label or row.target)

    def _in_trouble(self, reading: sa.Connection, row: Any) -> bool:
        if row.lane_state == "blocked":
            return True
        counted = ledger.of_integration(reading, row.id)
        return counted.get("rejected", 0) > 0 and counted.get("delivered", 0) == 0


def _still_good(look: Look, connection: str, target: str, options: str, now: datetime) -> bool:
    same = (look.connection, look.schema.target, look.options) == (connection, target, options)
    return same and timedelta(0) <= now - look.at < LOOK_LASTS


def _with_rules(revision: Revision, mapping: Rules | Mapping[str, Any]) -> Revision:
    rules = mapping if isinstance(mapping, Rules) else Rules.parse(mapping)
    return replace(revision, mapping=rules.model_dump(mode="json"))


def _shown(row: Any, waiting: int, warnings: tuple[Problem, ...]) -> Integration:
    reason = row.lane_reason
    return Integration(
        inbox=row.inbox,
        state=row.state,
        connection=row.connection_name,
        backend=row.backend,
        target=row.target,
        target_label=row.target_label,
        revision=row.revision,
        mapping={rule["target"]: _origin(rule) for rule in row.mapping["rules"]},
        rules=row.mapping,
        triggers=row.triggers,
        options=json.loads(row.options),
        key_field=row.key_field if row.key_unique else None,
        confirmed=row.first_synced_at is not None,
        lane=row.lane_state,
        lane_code=row.lane_code,
        lane_reason={"ja": reason["ja"], "en": reason["en"]} if reason else None,
        lane_until=row.lane_until,
        waiting=waiting,
        created_at=row.created_at,
        warnings=warnings,
        unknown_outcome=row.unknown_outcome,
    )


def _origin(rule: Mapping[str, Any]) -> str:
    if rule.get("source") is not None:
        return str(rule["source"])
    if rule.get("template") is not None:
        return "template"
    if rule.get("columns"):
        return ", ".join(f"{column['target']} ← {_origin(column)}" for column in rule["columns"])
    return "constant"
