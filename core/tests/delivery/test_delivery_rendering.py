"""What keeps an action from becoming a record is told at once: what the mapping finds, and what the plugin finds."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from renkei import spec
from renkei.testing import FakeBackend, fake_plugin
from renkei.testing.contract.saboteurs.making import damaged

from .conftest import World


class FussyBackend(FakeBackend):
    """A fake whose plugin has something against a body that says so, and falls over another."""

    def plug(self) -> dict[str, Any]:
        plugged = super().plug()
        plugged["plugins"] = {"fake": _fussy_plugin()}
        return plugged


def _fussy_plugin() -> ModuleType:
    def crm_map(request: spec.MapRequest) -> spec.MapResult:
        body = request.values.get("body")
        if body == "crash":
            raise KeyError("body")
        text = spec.Text(ja="使えない言葉があります。", en="A word in it is not allowed.")
        problems = [spec.Problem(field="body", code="bad_word", message=text)] if body == "bad" else []
        if "subject" not in request.values:
            missing = spec.Text(ja="「件名」がありません。", en="'件名' is missing.")
            problems.append(spec.Problem(field="subject", code="required", message=missing))
        return spec.MapResult(problems=tuple(problems)) if problems else fake_plugin.crm_map(request)

    return damaged(fake_plugin, map=crm_map)


@pytest.fixture
def fussy(tmp_path):
    world = World(tmp_path / "renkei.db", FussyBackend())
    fields = world.fake.fields
    fields[:] = [field.model_copy(update={"max_length": 20} if field.code == "subject" else {}) for field in fields]
    world.set_up()
    yield world
    world.renkei.close()


def told(world: World, subject: str, body: str) -> Any:
    world.renkei.record("t", "support", world.action(1, subject=subject, body_text=body))
    world.drain()
    return world.status(1)


def test_problems_of_the_mapping_and_of_the_plugin_are_told_together(fussy):
    status = told(fussy, "s" * 21, "bad")

    assert (status.state, status.field, status.code) == ("rejected", "subject", "too_long")
    assert "is longer than" in status.text.en
    assert "A word in it is not allowed." in status.text.en
    assert "is missing" not in status.text.en  # it is there, and too long


def test_a_plugins_sentence_is_told_with_the_name_of_its_field(fussy):
    status = told(fussy, "short", "bad")

    assert status.text.ja == "「本文」(body): 使えない言葉があります。"
    assert status.text.en == "'本文' (body): A word in it is not allowed."


def test_a_plugin_that_fails_on_what_is_left_hides_nothing_of_what_is_known(fussy):
    status = told(fussy, "s" * 21, "crash")

    assert (status.state, status.code) == ("rejected", "too_long")
    assert fussy.fake.records == []
