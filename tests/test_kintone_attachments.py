"""Attachments through the whole engine: a host that streams them, core's guard, the plugin and the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from renkei import Renkei
from renkei.engine import Helpdesk
from renkei.mapping import Mapping, Rule
from renkei.spec import FileRef
from renkei.testing import ManualClock, drain
from renkei_kintone import simulator
from renkei_kintone.simulator import Kintone

START = datetime(2026, 4, 1, 3, tzinfo=UTC)
CONTENT = "件名,金額\n".encode() * 10_000
RULES = Mapping(
    rules=(
        Rule(target="キー", source="delivery.key"),
        Rule(target="件名", source="action.id"),
        Rule(target="添付", source="message.attachments"),
        Rule(
            target="経過",
            columns=(
                Rule(target="経過日時", source="action.occurred_at"),
                Rule(target="経過内容", source="message.cc_addresses"),
            ),
        ),
    )
)


class Desk(Helpdesk):
    """A host with some files; it forgets those that are called so."""

    async def open_file(self, tenant: str, file: FileRef) -> AsyncIterator[bytes]:
        if file.id == "forgotten":
            raise FileNotFoundError("the canary of a path")
        for start in range(0, len(CONTENT), 16_384):
            yield CONTENT[start : start + 16_384]


class World:
    def __init__(self, folder: Path) -> None:
        self.crm: Kintone = simulator.sample()
        self.crm.now = lambda: START
        self.clock = ManualClock(START)
        app = httpx.ASGITransport(app=self.crm.asgi())
        self.renkei = Renkei(str(folder / "renkei.db"), host=Desk(), clock=self.clock, transport=lambda _network: app)
        settings = {"subdomain": "demo", "app_id": "1", "api_token": "simulated-add-only-token"}
        self.renkei.connections.add("t", "admin", "kintone", backend="kintone", settings=settings)
        self.renkei.integrations.create("t", "admin", "support", connection="kintone", mapping=RULES)

    def record(self, action: str, *files: str) -> None:
        attachments = [{"id": id, "name": f"{id}.csv", "size": len(CONTENT)} for id in files]
        sent = {
            "action": {"id": action, "kind": "mail_sent", "channel": "mail", "occurred_at": START},
            "message": {"attachments": attachments, "cc_addresses": ["a@customer.example", "b@customer.example"]},
        }
        assert self.renkei.record("t", "support", sent).outcome == "recorded"

    def state(self, action: str) -> tuple[str, str | None]:
        (status,) = self.renkei.status_for("t", "support", [action])
        return status.state, status.code


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.renkei.close()


def test_files_and_rows_of_an_action_are_in_its_record(world: World) -> None:
    world.record("a1", "one", "two")
    world.record("a2")

    drain(world.renkei)

    with_files = next(values for values in world.crm.values() if values["件名"] == "a1")
    held = [world.crm.files.attached[one["fileKey"]].file for one in with_files["添付"]]
    assert [(one.name, one.data) for one in held] == [("one.csv", CONTENT), ("two.csv", CONTENT)]
    rows = [{code: cell["value"] for code, cell in row["value"].items()} for row in with_files["経過"]]
    assert [row["経過内容"] for row in rows] == ["a@customer.example", "b@customer.example"]
    assert {row["経過日時"] for row in rows} == {"2026-04-01T03:00:00Z"}
    assert world.state("a2") == ("delivered", None)


def test_a_lost_upload_leaves_nothing_in_doubt_and_is_made_up_for(world: World) -> None:
    world.crm.order("applied_then_cut", path="/file.json")
    world.record("a1", "one")
    world.record("a2")

    drain(world.renkei)

    assert world.state("a1")[0] == "waiting"
    assert world.state("a2") == ("delivered", None)
    world.clock.forward(timedelta(minutes=5))
    drain(world.renkei)
    assert world.state("a1") == ("delivered", None)
    assert sorted(values["件名"] for values in world.crm.values()) == ["a1", "a2"]


def test_a_file_that_the_host_has_forgotten_rejects_its_action_alone(world: World) -> None:
    world.record("a1", "forgotten")
    world.record("a2", "one")

    drain(world.renkei)

    assert world.state("a1") == ("rejected", "file_unreadable")
    assert world.state("a2") == ("delivered", None)
    assert "canary" not in str(world.renkei.why("t", "a1"))
