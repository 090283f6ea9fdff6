"""A record that fails by itself, with an error of the lane's, stops nobody else for long; an outage is still one."""

from __future__ import annotations

from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from renkei import spec
from renkei.testing import FakeBackend, fake_plugin
from renkei.testing.contract.saboteurs.making import damaged

from .conftest import World

MINUTE = timedelta(minutes=1)


class UploadingBackend(FakeBackend):
    """A fake whose plugin uploads something before it stores a record.

    Attributes:
        cursed: subjects whose upload is always cut off.
        is_out: nothing can be uploaded at all.
        filtered: subjects for which a proxy in front refuses the whole push.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cursed: set[str] = set()
        self.is_out = False
        self.filtered: set[str] = set()

    def plug(self) -> dict[str, Any]:
        return super().plug() | {"plugins": {"fake": self._plugin()}}

    def _plugin(self) -> ModuleType:
        async def crm_push(ctx: spec.Context[Any], request: spec.PushRequest) -> spec.PushReport:
            if any(record.fields.get("subject") in self.filtered for record in request.records):
                refused = tuple(spec.NotStored(key=record.key) for record in request.records)
                return spec.PushReport(verdicts=refused, stopped_by=spec.PermissionDenied("filtered", "a proxy's page"))
            lost = {r.key for r in request.records if self.is_out or r.fields.get("subject") in self.cursed}
            others = tuple(record for record in request.records if record.key not in lost)
            report = await fake_plugin.crm_push(ctx, request.model_copy(update={"records": others}))
            if not lost:
                return report
            verdicts = {verdict.key: verdict for verdict in report.verdicts}
            told = tuple(verdicts.get(record.key) or spec.NotStored(key=record.key) for record in request.records)
            return spec.PushReport(verdicts=told, stopped_by=spec.Unavailable("upload_lost", "an upload was cut off"))

        return damaged(fake_plugin, push=crm_push)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "renkei.db", UploadingBackend())
    made.set_up()
    yield made
    made.renkei.close()


def lane(world: World) -> str:
    return world.renkei.integrations.show("t", "admin", "support").lane


def test_others_get_in_behind_a_record_that_never_does(world, caplog):
    world.fake.cursed = {"subject 0"}
    world.record(0)
    world.drain()
    assert lane(world) == "waiting"

    for number in range(1, 4):
        world.record(number)
        for _ in range(4):
            world.drain(after=3 * MINUTE)

    assert world.ledger() == {"offered": 4, "recorded": 4, "delivered": 3, "waiting": 1}
    assert lane(world) == "open"
    status = world.status(0)
    assert (status.state, status.code) == ("waiting", "upload_lost")
    assert status.text.ja.startswith("ほかのレコードは送れていますが、このレコードだけが")
    assert any(getattr(record, "event", "") == "delivery.put_off" for record in caplog.records)
    assert status.until > world.clock.now()


def test_once_others_got_in_it_costs_them_no_wait_at_all(world):
    world.fake.cursed = {"subject 0"}
    world.record(0)
    world.drain()
    world.record(1)
    for _ in range(4):
        world.drain(after=3 * MINUTE)
    assert world.state(1) == "delivered"

    for number in range(2, 6):
        world.record(number)
        world.drain()
        assert (world.state(number), lane(world)) == ("delivered", "open")


def test_it_is_tried_ever_less_often_and_gets_in_once_its_trouble_is_over(world):
    world.fake.cursed = {"subject 0"}
    world.record(0)
    for number in range(1, 31):
        world.record(number)
        world.drain(after=2 * MINUTE)
    tries = world.renkei.why("t", "a0").attempts
    assert 8 < tries < 22  # ten in the first quarter of an hour, then one in five to ten minutes

    world.fake.cursed.clear()
    for _ in range(11):
        world.drain(after=MINUTE)

    assert world.state(0) == "delivered"


def test_a_record_for_which_whole_pushes_are_refused_is_found_on_the_way_and_then_sent_by_itself(world):
    world.fake.filtered = {"subject 150"}
    world.record(*range(300))
    for _ in range(20):
        world.drain(after=2 * MINUTE)

    assert world.ledger() == {"offered": 300, "recorded": 300, "delivered": 299, "waiting": 1}
    assert (lane(world), world.status(150).code) == ("open", "filtered")
    # One, four, sixteen … and again from one after each refusal.
    assert len(world.fake.pushes) < 30

    # It is due beside them, and spoils nothing.
    world.record(*range(300, 320))
    world.drain(after=11 * MINUTE)
    assert (world.ledger()["delivered"], lane(world)) == (319, "open")
    world.fake.filtered.clear()
    world.drain(after=11 * MINUTE)
    assert world.state(150) == "delivered"


def test_in_an_outage_the_lane_waits_and_every_record_gets_in_after_it(world):
    world.fake.is_out = True
    world.record(*range(5))
    for _ in range(10):
        world.drain(after=6 * MINUTE)
        assert lane(world) == "waiting"
    assert world.ledger()["waiting"] == 5

    world.fake.is_out = False
    for _ in range(4):
        world.drain(after=3 * MINUTE)

    assert world.ledger() == {"offered": 5, "recorded": 5, "delivered": 5}
    assert lane(world) == "open"


def test_after_days_of_that_it_is_left_to_a_person_and_can_be_sent_again(tmp_path):
    world = World(
        tmp_path / "renkei.db",
        UploadingBackend(),
        give_up_after=2 * MINUTE,
        longest_retry=MINUTE,
    )
    world.set_up()
    world.fake.cursed = {"subject 0"}
    world.record(0)
    for number in range(1, 26):
        world.record(number)
        world.drain(after=MINUTE)

    status = world.status(0)
    assert (status.state, status.code, lane(world)) == ("rejected", "upload_lost", "open")
    assert status.text.en.startswith("This record alone did not get through")
    world.fake.cursed.clear()
    world.renkei.replay("t", "admin", "support", ["a0"])
    world.drain()
    assert world.state(0) == "delivered"
    assert len(world.fake.records) == 26
    world.renkei.close()


def test_what_may_have_been_written_stands_aside_too_and_is_never_called_rejected(world):
    world.fake.fail("lose_answer")
    world.record(0)
    world.drain()
    world.fake.cursed = {"subject 0"}
    for _ in range(3):
        world.drain(after=MINUTE)

    for number in range(1, 6):
        world.record(number)
        world.drain(after=11 * MINUTE)

    assert (world.status(0).state, world.status(0).code) == ("waiting", "upload_lost")
    assert world.renkei.why("t", "a0").may_have_been_written
    assert world.ledger()["delivered"] == 5
    world.fake.cursed.clear()
    world.drain(after=11 * MINUTE)
    assert world.state(0) == "delivered"
    assert len(world.fake.records) == 6
