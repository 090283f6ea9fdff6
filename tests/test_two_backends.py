"""Two backends that are unlike each other, through one engine: kintone, and the template's invented CRM."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from renkei import Policy, Renkei
from renkei.mapping import Mapping, Rule
from renkei.testing import ManualClock, drain
from renkei_kintone import simulator as kintone
from renkei_template.simulator import SAMPLE_SETTINGS, Atelier, Fault, serve

HOST = "north-wind.atelier-crm.example"
RULES = Mapping(
    rules=(
        Rule(target="delivery_key", source="delivery.key"),
        Rule(target="subject", source="message.subject"),
    )
)


class Template:
    """The template's CRM on loopback, an engine that reaches it, and a clock for both."""

    def __init__(self, path: Path, atelier: Atelier, url: str, clock: ManualClock) -> None:
        self.atelier = atelier
        self.url = url
        self.clock = clock
        self.renkei = Renkei(str(path / "renkei.db"), routes={HOST: url}, clock=clock)
        self.renkei.connections.add("t", "admin", "atelier", backend="template", settings=dict(SAMPLE_SETTINGS))

    def set_up(self) -> None:
        self.renkei.integrations.create(
            "t", "admin", "support", connection="atelier", target="inquiries", mapping=RULES
        )

    def record(self, *numbers: int) -> None:
        for number in numbers:
            action = {
                "action": {
                    "id": f"a{number}",
                    "kind": "mail_sent",
                    "channel": "mail",
                    "occurred_at": self.clock.now(),
                },
                "message": {"subject": f"件名 {number}"},
            }
            assert self.renkei.record("t", "support", action).outcome == "recorded"

    def subjects(self) -> list[Any]:
        return sorted(record["values"]["subject"] for record in self.atelier.records("inquiries"))


@pytest.fixture
def template(tmp_path):
    clock = ManualClock()
    atelier = Atelier(clock=clock.now)
    with serve(atelier) as url:
        made = Template(tmp_path, atelier, url, clock)
        yield made
        made.renkei.close()


def test_targets_of_the_template_are_nested_and_one_is_chosen(template):
    targets = template.renkei.connections.targets("t", "admin", "atelier")

    assert {target.id: target.selectable for target in targets}["inquiries"]
    assert any(not target.selectable for target in targets)


def test_one_request_a_record_reaches_the_template(template):
    template.set_up()
    template.record(1, 2, 3)

    drain(template.renkei)

    assert template.subjects() == ["件名 1", "件名 2", "件名 3"]
    assert template.renkei.ledger("t").delivered == 3


def test_a_lost_answer_is_cleared_up_by_asking_the_template_for_the_key(template):
    template.set_up()
    template.record(1, 2, 3)
    template.atelier.fail(Fault(kind="reset", on="write", after=1, applied=True))

    drain(template.renkei)
    assert template.renkei.ledger("t").waiting > 0
    template.clock.forward(timedelta(seconds=61))
    drain(template.renkei)

    assert template.subjects() == ["件名 1", "件名 2", "件名 3"]
    assert template.renkei.ledger("t").delivered == 3


def test_a_lost_request_is_sent_again_after_the_template_says_absent(template):
    template.set_up()
    template.record(1, 2)
    template.atelier.fail(Fault(kind="reset", on="write", applied=False))

    drain(template.renkei)
    template.clock.forward(timedelta(seconds=61))
    drain(template.renkei)

    assert template.subjects() == ["件名 1", "件名 2"]


def test_a_token_that_has_expired_is_refreshed_without_a_person(template):
    template.set_up()
    template.record(1)
    template.atelier.expire_tokens()

    drain(template.renkei)
    template.clock.forward(timedelta(seconds=5))
    drain(template.renkei)

    assert template.subjects() == ["件名 1"]
    assert template.renkei.integrations.show("t", "admin", "support").lane == "open"


def test_a_token_is_renewed_before_it_ends(template):
    template.set_up()
    template.clock.forward(timedelta(days=30))
    template.record(1)

    drain(template.renkei)

    assert template.renkei.ledger("t").delivered == 1
    assert template.renkei.log("t", "support") == []


def test_one_bad_record_of_the_template_stops_nobody(template):
    template.set_up()
    template.atelier.block_word("件名 2")
    template.record(1, 2, 3)

    drain(template.renkei)

    assert template.subjects() == ["件名 1", "件名 3"]
    assert template.renkei.status_for("t", "support", ["a2"])[0].state == "rejected"


def test_the_template_refuses_a_field_that_vanished_and_the_lane_is_blocked(template):
    template.set_up()
    template.atelier.delete_field("inquiries", "subject")
    template.record(1)

    drain(template.renkei)

    shown = template.renkei.integrations.show("t", "admin", "support")
    assert shown.lane == "blocked"
    assert "subject" in shown.lane_reason["en"]
    assert template.renkei.ledger("t").waiting == 1


def test_one_engine_delivers_two_inboxes_to_two_backends(template, tmp_path):
    crm = kintone.sample()
    with kintone.serve(crm) as url:
        routes = {HOST: template.url, "demo.cybozu.com": url}
        with Renkei(str(tmp_path / "renkei.db"), routes=routes, clock=template.clock, policy=Policy()) as both:
            template.set_up()
            settings = {"subdomain": "demo", "app_id": "1", "api_token": "simulated-add-only-token"}
            both.connections.add("t", "admin", "kintone", backend="kintone", settings=settings)
            rules = Mapping(rules=(Rule(target="キー", source="delivery.key"), Rule(target="件名", source="action.id")))
            both.integrations.create("t", "admin", "sales", connection="kintone", mapping=rules)
            template.record(1)
            action = {
                "action": {
                    "id": "k1",
                    "kind": "memo_created",
                    "channel": "record",
                    "occurred_at": template.clock.now(),
                }
            }
            both.record("t", "sales", action)

            drain(both)

            assert both.ledger("t").delivered == 2
            assert template.subjects() == ["件名 1"]
            assert [values["件名"] for values in crm.values("1")] == ["k1"]
