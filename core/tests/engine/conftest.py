"""One engine on a fake backend, a clock that is moved by hand, a host that can say no."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from renkei import Policy, Renkei
from renkei.engine import Helpdesk
from renkei.testing import FakeBackend, ManualClock, drain

PASSWORD = {"password": "not-a-real-password"}


class Desk(Helpdesk):
    """A host with one stranger among its users, and tenants that may lack the option."""

    def __init__(self) -> None:
        super().__init__()
        self.not_entitled: set[str] = set()

    def is_inbox_admin(self, tenant: str, actor: str, inbox: str | None) -> bool:
        return actor != "stranger"

    def is_entitled(self, tenant: str, backend: str) -> bool:
        return tenant not in self.not_entitled


class World:
    """What a test of the door works with."""

    def __init__(self, path: Path, **policy: Any) -> None:
        self.clock = ManualClock()
        self.fake = FakeBackend()
        self.host = Desk()
        self.path = path
        self.made: list[Renkei] = []
        self.renkei = self.another(**policy)

    def another(self, *, path: Path | None = None, keys: Any = None, **policy: Any) -> Renkei:
        """A further engine, on the same database unless told otherwise."""
        named = {"poll": timedelta(milliseconds=5), "lanes_at_once": 2, **policy}
        self.made.append(
            Renkei(
                str(path or self.path),
                clock=self.clock,
                host=self.host,
                keys=keys,
                policy=Policy(**named),
                **self.fake.plug(),
            )
        )
        return self.made[-1]

    @property
    def connections(self) -> Any:
        return self.renkei.connections

    @property
    def integrations(self) -> Any:
        return self.renkei.integrations

    def connect(self, name: str = "fake", *, tenant: str = "t", **settings: Any) -> Any:
        return self.connections.add(tenant, "admin", name, backend="fake", settings={**PASSWORD, **settings})

    def set_up(self, inbox: str = "support", *, keyed: bool = True, tenant: str = "t") -> None:
        self.fake.set_up(self.renkei, inbox=inbox, keyed=keyed, tenant=tenant)

    def action(self, number: int | str, **more: Any) -> dict[str, Any]:
        envelope = {"id": f"a{number}", "kind": "mail_sent", "channel": "mail", "occurred_at": self.clock.now()}
        message = {"subject": f"subject {number}", "body_text": "body"}
        return {"action": {**envelope, **more.pop("action", {})}, "message": {**message, **more}}

    def record(self, *numbers: int | str, inbox: str = "support", tenant: str = "t") -> None:
        for number in numbers:
            assert self.renkei.record(tenant, inbox, self.action(number)).outcome == "recorded"

    def drain(self, after: timedelta = timedelta(0)) -> None:
        self.clock.forward(after)
        drain(self.renkei)

    def status(self, number: int | str, inbox: str = "support", tenant: str = "t") -> Any:
        return self.renkei.status_for(tenant, inbox, [f"a{number}"])[0]

    def show(self, inbox: str = "support") -> Any:
        return self.integrations.show("t", "admin", inbox)

    def ledger(self) -> dict[str, int]:
        ledger = self.renkei.ledger("t")
        assert ledger.adds_up
        return {name: number for name, number in ledger.as_dict().items() if number}

    def events(self, tenant: str = "t") -> list[str]:
        return [line["event"] for line in self.renkei.audit(tenant)]

    def close(self) -> None:
        for renkei in self.made:
            renkei.close()


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**policy: Any) -> World:
        made.append(World(tmp_path / f"renkei{len(made)}.db", **policy))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def bare(make_world: Callable[..., World]) -> World:
    """Nothing is set up."""
    return make_world()


@pytest.fixture
def world(bare: World) -> World:
    """Inbox `support` is bound through connection `fake`."""
    bare.set_up()
    return bare


@pytest.fixture
def run_histories() -> Callable[..., None]:
    """Run a state machine, and print what its histories met: `(machine, told, **settings)`."""

    def run(machine: type[RuleBasedStateMachine], told: Counter[str], **chosen: Any) -> None:
        told.clear()
        run_state_machine_as_test(machine, settings=settings(deadline=None, print_blob=True, **chosen))
        lines = "\n".join(f"  {times:6} {what}" for what, times in sorted(told.items()))
        sys.stdout.write(f"\n{machine.__name__}:\n{lines}\n")

    return run
