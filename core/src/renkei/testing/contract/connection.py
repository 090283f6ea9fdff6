"""A connection of a stage: each hook called as core calls it, and good records for its target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from renkei.plugins import Call
from renkei.spec import (
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
    RenkeiError,
    Settings,
    Target,
    TargetSchema,
    Value,
    VerifyReport,
    VerifyRequest,
    WireRecord,
)
from renkei.testing.contract import values as making
from renkei.testing.contract.broken import broken, raised, require
from renkei.testing.contract.pushed import Pushed

if TYPE_CHECKING:
    from renkei.testing.contract.stage import Stage

DEADLINE = timedelta(seconds=10)


def key(number: int) -> str:
    """The delivery key of record *number*: of the form that core makes, the same in every run."""
    return f"rk{number:06}contractsuite"


@dataclass(slots=True)
class Connection:
    """One connection to the backend, used as core uses it.

    Attributes:
        typed: settings as typed.
        target: where it writes.
        options: of the target, parsed.
        settings: parsed.
        credentials: what the backend gave last.
    """

    stage: Stage
    name: str
    typed: Mapping[str, Any]
    target: str
    options: Settings
    settings: Settings
    credentials: Credentials | None = None
    account: Account | None = None
    _schema: TargetSchema | None = None

    # Calls. Each goes through core's dispatcher and raises what that raises.

    def call(self, **circumstances: Any) -> Call:
        """Circumstances of one call; name those that differ."""
        given: dict[str, Any] = {
            "settings": self.settings,
            "credentials": self.credentials,
            "deadline": DEADLINE,
            "connection": self.name,
            "open_file": self.stage.files.open,
        }
        return Call(**{**given, **circumstances})

    def authenticate(self, *, target: str | None = None, **circumstances: Any) -> Account:
        """Prove the settings; the credentials that come back are used from then on."""
        call = self.call(**circumstances)
        account = self.stage.backend.authenticate(call, AuthenticateRequest(target=target))
        self.account = account
        if account.credentials is not None:
            self.credentials = account.credentials
        return account

    def connected(self) -> Self:
        """The same, authenticated once."""
        if self.account is None:
            self.authenticate()
        return self

    def discover(self, target: str | None = None, **circumstances: Any) -> TargetSchema:
        """The target's fields, asked anew."""
        request = DiscoverRequest(target=self.target if target is None else target, options=self.options)
        return self.stage.backend.discover(self.call(**circumstances), request)

    @property
    def schema(self) -> TargetSchema:
        """The target's fields, asked once.

        Raises:
            Broken: they cannot be had.
        """
        if self._schema is None:
            try:
                self._schema = self.connected().discover()
            except RenkeiError as error:
                broken(f"crm_discover {raised(error)} where nothing is wrong")
        return self._schema

    def targets(self, parent: str | None = None, **circumstances: Any) -> tuple[Target, ...]:
        """The account's targets."""
        return self.stage.backend.list_targets(self.call(**circumstances), ListTargetsRequest(parent=parent)).targets

    def refresh(self, **circumstances: Any) -> Credentials:
        """New credentials for old, used from then on."""
        self.credentials = self.stage.backend.refresh(self.call(**circumstances), RefreshRequest())
        return self.credentials

    def verify(self, *keys: str, key_field: str | None = None, **circumstances: Any) -> VerifyReport:
        """What is there, by delivery key."""
        request = VerifyRequest(
            target=self.target, options=self.options, key_field=key_field or self.stage.kit.key_field, keys=keys
        )
        return self.stage.backend.verify(self.call(**circumstances), request)

    def map(self, values: Mapping[str, Value], *, key: str, schema: TargetSchema | None = None) -> MapResult:
        """What `crm_map` makes of *values*."""
        return self.stage.backend.map(
            MapRequest(
                key=key,
                values=dict(values),
                target_schema=schema or self.schema,
                options=self.options,
                settings=self.settings.public(),
            )
        )

    def wire_record(self, values: Mapping[str, Value], *, key: str, schema: TargetSchema | None = None) -> WireRecord:
        """The wire record of *values*.

        Raises:
            Broken: `crm_map` has something against them.
        """
        try:
            result = self.map(values, key=key, schema=schema)
        except RenkeiError as error:
            broken(f"crm_map {raised(error)} where nothing is wrong")
        if result.record is None:
            broken(
                "crm_map refuses values that the schema allows: "
                + "; ".join(f"field {problem.field!r}: {problem.code}" for problem in result.problems)
            )
        return result.record

    def push(
        self,
        records: Sequence[WireRecord],
        *,
        key_field: str | None = "",
        schema: TargetSchema | None = None,
        target: str | None = None,
        **circumstances: Any,
    ) -> Pushed:
        """Push *records*; *key_field* is the kit's where it is left out, None where there is none."""
        request = PushRequest(
            target=self.target if target is None else target,
            options=self.options,
            records=tuple(records),
            key_field=self.stage.kit.key_field if key_field == "" else key_field,
            target_schema=schema or self.schema,
        )
        call = self.call(**circumstances)
        heard = len(self.stage.heard)
        with self.stage.wire.since_now() as exchanges:
            outcome = self.stage.backend.push(call, request)
        # By its keys: another connection may have pushed at the same time, and have been answered later.
        keys = [record.key for record in records]
        said = [
            one
            for one in self.stage.heard[heard:]
            if one.hook == "crm_push" and [record.key for record in one.request.records] == keys
        ]
        report = said[-1].answer if said else None
        return Pushed(
            records=request.records,
            report=report if isinstance(report, PushReport) else None,
            error=said[-1].error if said else None,
            outcome=outcome,
            entries=list(call.wire.entries),
            exchanges=exchanges,
        )

    # Records.

    def values(self, number: int, *, only_required: bool = False, **changed: Value) -> dict[str, Value]:
        """Good values for record *number*, its delivery key among them."""
        self.require_key_field()
        kit = self.stage.kit
        made = making.record(self.schema, kit.examples, number, only_required=only_required)
        kept = {code: value for code, value in made.items() if code not in kit.filled}
        return {**kept, kit.key_field: key(number), **changed}

    def require_key_field(self) -> None:
        """The target has the kit's key field.

        Raises:
            Broken: it has not; then no record can be made for it.
        """
        kit = self.stage.kit
        whose = "second_target" if self.name == "second" else "target"
        require(
            self.schema.field(kit.key_field) is not None,
            f"the kit's {whose} {self.target!r} has no field {kit.key_field!r} (key_field), as discovery tells it: "
            "give the kit a target that has one, or the simulator's target such a field",
        )

    def record(self, number: int, *, only_required: bool = False, **changed: Value) -> WireRecord:
        """A good wire record: another *number* gives another one, the same number the same."""
        return self.wire_record(self.values(number, only_required=only_required, **changed), key=key(number))

    def records(self, count: int, *, start: int = 1, only_required: bool = False) -> list[WireRecord]:
        """Good wire records with keys of their own."""
        return [self.record(number, only_required=only_required) for number in range(start, start + count)]

    def poisoned(self, number: int) -> WireRecord:
        """A record that `crm_map` lets through and the simulator refuses."""
        values = self.stage.kit.poison(self.values(number))
        result = self.map(values, key=key(number))
        require(
            result.record is not None,
            "the kit's poison() gives values that crm_map refuses; it has to give some that only the simulator refuses",
        )
        assert result.record is not None
        return result.record
