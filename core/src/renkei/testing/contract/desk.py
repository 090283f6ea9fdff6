"""A helpdesk with this plugin and the real engine over a database of its own: what comes to rest on its disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from renkei.spec import Field, FieldType, RenkeiError, TargetSchema
from renkei.testing.clock import ManualClock
from renkei.testing.contract import acts
from renkei.testing.contract.leaks import exception_texts, shown
from renkei.testing.contract.living import echo
from renkei.testing.contract.spy import listened
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import WireTransport

if TYPE_CHECKING:
    from renkei.engine import Renkei

TENANT: Final = "tenant"
ACTOR: Final = "admin"
INBOX: Final = "support"
_NAME: Final = "crm"
_TEXTS: Final = (FieldType.TEXT, FieldType.LONG_TEXT, FieldType.HTML)
_PASSING: Final = 20.0


class Desk:
    """An engine on *stage*'s wire, and what it answered.

    Attributes:
        said: all that came out of it.
    """

    def __init__(self, stage: Stage, renkei: Renkei, clock: ManualClock) -> None:
        self._stage = stage
        self._renkei = renkei
        self._clock = clock
        self._number = 0
        self.said: list[str] = []

    def lives(self) -> None:
        """Connect, deliver, fail in several ways, lose the credentials; and ask for everything meanwhile."""
        stage, renkei = self._stage, self._renkei
        connections = renkei.connections
        self._ask(lambda: self._add("wrong", stage.kit.wrong_credentials()))
        self._ask(lambda: self._add(_NAME, stage.kit.good_settings()))
        self._ask(lambda: connections.test(TENANT, ACTOR, _NAME))
        self._ask(self._integrate)
        self._deliver()
        for act in (echo(400), acts.lost(applied=True), echo(500)):
            stage.wire.play(act, on="write", times=3)
            self._deliver()
            stage.wire.calm()
        stage.kit.revoke_credentials()
        self._deliver()
        self._ask(lambda: connections.test(TENANT, ACTOR, _NAME))
        self._ask_all()

    def _add(self, name: str, settings: Any) -> Any:
        return self._renkei.connections.add(TENANT, ACTOR, name, backend=self._stage.subject.id, settings=settings)

    def _integrate(self) -> Any:
        stage = self._stage
        return self._renkei.integrations.create(
            TENANT,
            ACTOR,
            INBOX,
            connection=_NAME,
            target=stage.kit.target,
            options=stage.kit.options,
            mapping=_mapping(stage, stage.good.schema),
        )

    def _deliver(self) -> None:
        self._number += 1
        action = {
            "action": {
                "id": f"a{self._number}",
                "kind": "mail_sent",
                "channel": "mail",
                "occurred_at": self._clock.now(),
            },
            "message": {"subject": f"件名 {self._number}", "body_text": f"本文 {self._number}"},
        }
        self._ask(lambda: self._renkei.record(TENANT, INBOX, action))
        self._ask(lambda: self._renkei.work_until_idle(timeout=_PASSING, due_only=True))
        self._clock.forward(timedelta(minutes=11))

    def _ask_all(self) -> None:
        renkei = self._renkei
        questions: list[Callable[[], Any]] = [
            lambda: renkei.connections.all(TENANT, ACTOR),
            lambda: renkei.integrations.all(TENANT, ACTOR),
            lambda: renkei.integrations.show(TENANT, ACTOR, INBOX),
            lambda: renkei.ledger(TENANT),
            lambda: renkei.log(TENANT, INBOX),
            lambda: [renkei.why(TENANT, f"a{number}") for number in range(1, self._number + 1)],
            lambda: renkei.status_for(TENANT, INBOX, [f"a{number}" for number in range(1, self._number + 1)]),
            lambda: renkei.audit(TENANT),
            renkei.health,
            renkei.backends,
        ]
        for question in questions:
            self._ask(question)

    def _ask(self, question: Callable[[], Any]) -> None:
        try:
            answer = question()
        except RenkeiError as error:
            self.said += exception_texts(error)
        else:
            self.said += [shown(answer), shown(answer, str)]


@contextmanager
def desk(stage: Stage, folder: Path) -> Iterator[Desk]:
    """A desk whose database and key file are in *folder*."""
    from renkei.engine import Renkei  # not needed by anybody who works on another check

    assert stage.subject.module is not None
    clock = ManualClock()
    renkei = Renkei(
        str(folder / "renkei.db"),
        plugins={stage.subject.id: listened(stage.subject.module, stage.heard.append)},
        scan=False,
        transport=lambda network: WireTransport(stage.wire, stage.site.inner(network)),
        clock=clock,
    )
    try:
        yield Desk(stage, renkei, clock)
    finally:
        renkei.close()


def files_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"the file {path.name!r} of the engine", path.read_bytes()


def _mapping(stage: Stage, schema: TargetSchema) -> Any:
    from renkei.mapping import Mapping, Rule

    values = stage.good.values(1, only_required=True)
    rules = [Rule(target=stage.kit.key_field, source="delivery.key")]
    for field in schema.fields:
        if field.code == stage.kit.key_field or not field.writable:
            continue
        if field.type in _TEXTS and field.code not in stage.kit.examples:
            rules.append(Rule(target=field.code, source=_source(field), too_long="cut", fallback="－"))
        elif field.code in values:
            rules.append(Rule(target=field.code, constant=_json(values[field.code])))
    return Mapping(rules=tuple(rules))


def _source(field: Field) -> str:
    return "message.subject" if field.type is FieldType.TEXT else "message.body_text"


def _json(value: Any) -> Any:
    match value:
        case Decimal():
            return format(value, "f")
        case datetime() | date() | time():
            return value.isoformat()
        case tuple():
            return [_json(item) for item in value]
        case _:
            return value
