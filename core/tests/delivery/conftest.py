"""One engine on a fake backend, a clock that is moved by hand, and actions to record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from renkei import Policy, Renkei
from renkei.testing import FakeBackend, ManualClock, drain


class World:
    """What a test of deliveries works with."""

    def __init__(self, path: Path, fake: FakeBackend | None = None, **policy: Any) -> None:
        self.clock = ManualClock()
        self.fake = fake or FakeBackend()
        self.path = path
        self.renkei = self.another(**policy)

    def another(self, **policy: Any) -> Renkei:
        """A further engine on the same database, as another process would have."""
        return Renkei(str(self.path), clock=self.clock, policy=Policy(**policy), **self.fake.plug())

    def set_up(self, inbox: str = "support", *, keyed: bool = True) -> None:
        self.fake.set_up(self.renkei, inbox=inbox, keyed=keyed)

    def action(self, number: int | str, **message: str) -> dict[str, Any]:
        return {
            "action": {
                "id": f"a{number}",
                "kind": "mail_sent",
                "channel": "mail",
                "occurred_at": self.clock.now(),
            },
            "message": {"subject": f"subject {number}", "body_text": "body", **message},
        }

    def record(self, *numbers: int | str, inbox: str = "support") -> None:
        for number in numbers:
            assert self.renkei.record("t", inbox, self.action(number)).outcome == "recorded"

    def drain(self, after: timedelta = timedelta(0)) -> None:
        self.clock.forward(after)
        drain(self.renkei)

    def ledger(self) -> dict[str, int]:
        ledger = self.renkei.ledger("t")
        assert ledger.adds_up
        return {name: number for name, number in ledger.as_dict().items() if number}

    def state(self, number: int | str, inbox: str = "support") -> str:
        return self.renkei.status_for("t", inbox, [f"a{number}"])[0].state

    def status(self, number: int | str, inbox: str = "support") -> Any:
        return self.renkei.status_for("t", inbox, [f"a{number}"])[0]

    def lane(self, inbox: str = "support") -> tuple[str, str | None]:
        shown = self.renkei.integrations.show("t", "admin", inbox)
        return shown.lane, shown.lane_code

    def pushes(self) -> list[int]:
        """Sizes of the pushes that reached the backend, since the last call."""
        sizes, self.fake.pushes = self.fake.pushes, []
        return sizes


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**policy: Any) -> World:
        made.append(World(tmp_path / f"renkei{len(made)}.db", **policy))
        return made[-1]

    yield make
    for world in made:
        world.renkei.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    world = make_world()
    world.set_up()
    return world


@pytest.fixture
def unkeyed(make_world: Callable[..., World]) -> World:
    world = make_world()
    world.set_up(keyed=False)
    return world
