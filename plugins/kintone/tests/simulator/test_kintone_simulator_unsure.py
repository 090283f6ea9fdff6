"""The other answer to each fact that is not known of kintone, where it concerns entering and reading."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from renkei_kintone.simulator import Kintone, Token, Unsure
from renkei_kintone.simulator.form import complete
from renkei_kintone.simulator.unsure import alternatives, from_texts

FULL = "simulated-full-token"
VIEW = "simulated-view-only-token"


def code(response: Any) -> Any:
    return (response.status_code, None if response.status_code == 200 else response.json()["code"])


def _managing(world: Any) -> str:
    world.kintone.tokens["simulated-managing"] = Token("simulated-managing", "1", frozenset({"manage"}))
    return "simulated-managing"


def _first(world: Any, **record: Any) -> Any:
    world.add({"件名": "a", **record})
    return world.call("GET", "records.json", token=FULL, params={"app": "1"}).json()["records"][0]


def _date_in_a_row(world: Any) -> Any:
    columns = {"行日": {"type": "DATE"}}
    world.kintone.apps["1"].fields["行"] = complete("行", {"type": "SUBTABLE", "fields": columns})
    return _first(world, 行=[{"value": {}}])["行"]["value"][0]["value"]["行日"]["value"]


def _bare_order(world: Any) -> list[str]:
    world.add({"件名": "い"}, {"件名": "ろ"})
    answer = world.call("GET", "records.json", token=FULL, params={"app": "1", "query": "order by 件名"})
    return [record["件名"]["value"] for record in answer.json()["records"]]


def _message(world: Any) -> str:
    world.kintone.follow_browser = True
    return str(world.call("GET", "app.json?id=x", headers={"Accept-Language": "en"}).json()["message"])


def _counted(world: Any) -> int:
    inner = {"method": "POST", "api": "/k/v1/record.json", "payload": {"app": 1, "record": {"件名": {"value": "a"}}}}
    world.call("POST", "bulkRequest.json", json={"requests": [inner, inner, inner]})
    return sum(world.kintone.counted.values())


def _over(world: Any) -> int:
    world.kintone.daily_limit = 1
    return [world.call("GET", "app.json?id=1").status_code for _ in range(2)][1]


def _restricted(world: Any) -> int:
    world.kintone.ip_restricted = True
    return int(world.call("GET", "app.json?id=1").status_code)


def _json_get(world: Any) -> Any:
    return code(world.call("GET", "app.json?id=1", headers={"Content-Type": "application/json"}))


Ask = Callable[[Any], Any]
CASES: list[tuple[str, Any, Ask, Any, Any]] = [
    (
        "other_apps_token_status",
        400,
        lambda w: code(w.call("GET", "app.json?id=2")),
        (403, "GAIA_AP15"),
        (400, "GAIA_AP15"),
    ),
    (
        "missing_app_by_token",
        "GAIA_AP15",
        lambda w: code(w.call("GET", "app.json?id=404")),
        (400, "GAIA_IA02"),
        (403, "GAIA_AP15"),
    ),
    (
        "empty_add_checks_permission",
        False,
        lambda w: code(w.add(token=VIEW)),
        (403, "GAIA_NO01"),
        (200, None),
    ),
    (
        "settings_permission",
        "view_or_add",
        lambda w: code(w.call("GET", "app/settings.json?app=1")),
        (403, "GAIA_NO01"),
        (200, None),
    ),
    (
        "settings_permission",
        "manage",
        lambda w: code(w.call("GET", "app/settings.json?app=1", token=VIEW)),
        (200, None),
        (403, "GAIA_NO01"),
    ),
    ("tokens_follow_browser", False, _message, "Missing or invalid input.", "入力内容が正しくありません。"),
    ("unset_date", "empty", lambda w: _first(w)["対応日"]["value"], None, ""),
    ("unset_date", "empty", _date_in_a_row, None, ""),
    ("order_without_word", "desc", _bare_order, ["い", "ろ"], ["ろ", "い"]),
    ("json_get_without_body", "accepted", _json_get, (400, "CB_IL02"), (200, None)),
    (
        "deploy_by_token",
        False,
        lambda w: code(w.call("POST", "preview/app/deploy.json", token=_managing(w), json={"apps": [{"app": 1}]})),
        (200, None),
        (403, "GAIA_NO01"),
    ),
    ("bulk_counts", "each", _counted, 1, 3),
    ("over_daily_limit", "refused", _over, 200, 429),
    ("ip_restriction_status", 401, _restricted, 403, 401),
    (
        "largest_body",
        100,
        lambda w: code(w.add({"件名": "a" * 200})),
        (200, None),
        (400, "CB_IL02"),
    ),
]


@pytest.mark.parametrize(
    ("name", "other", "ask", "usual", "answer"), [pytest.param(*case, id=f"{case[0]}={case[1]}") for case in CASES]
)
def test_an_unsure_fact_can_be_answered_the_other_way(
    world: Any, name: str, other: Any, ask: Ask, usual: Any, answer: Any
) -> None:
    kintone: Kintone = world.kintone
    assert ask(world) == usual

    kintone.reset()
    kintone.ip_restricted, kintone.daily_limit = False, 10_000
    kintone.unsure = Unsure().changed({name: other})

    assert ask(world) == answer


def test_every_other_answer_is_a_domain_of_its_own() -> None:
    assert {name for name, _ in alternatives()} == {item.name for item in fields(Unsure)} - {"largest_body"}
    assert all(Unsure().changed({name: other}) != Unsure() for name, other in alternatives())


def test_every_fact_is_described() -> None:
    assert Unsure.__doc__ is not None
    assert all(f"        {item.name}: " in Unsure.__doc__ for item in fields(Unsure))


@pytest.mark.parametrize(
    "answers",
    [
        {"weather": "fine"},
        {"unset_date": "yesterday"},
        {"other_apps_token_status": 418},
        {"deploy_by_token": 1},
        {"other_apps_token_status": True},
        {"largest_body": -1},
        {"largest_body": True},
        {"largest_body": "many"},
    ],
)
def test_an_answer_that_there_is_not_is_refused_with_those_that_there_are(answers: dict[str, Any]) -> None:
    (name,) = answers

    with pytest.raises(ValueError, match=name):
        Unsure().changed(answers)


def test_answers_come_from_texts_and_from_files(tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text(json.dumps({"unset_date": "empty", "deploy_by_token": False}))

    unsure = from_texts([str(file), "unset_date=null", "other_apps_token_status=400", "largest_body=4000000"])

    assert (unsure.unset_date, unsure.deploy_by_token) == ("null", False)
    assert (unsure.other_apps_token_status, unsure.largest_body) == (400, 4_000_000)


def test_a_password_is_not_bound_by_what_is_unsure_of_tokens(world: Any) -> None:
    world.kintone.unsure = Unsure(deploy_by_token=False, tokens_follow_browser=False)
    world.kintone.follow_browser = True
    login = {"X-Cybozu-Authorization": base64.b64encode(b"Administrator:simulated-password").decode()}

    deployed = world.call("POST", "preview/app/deploy.json", token=None, headers=login, json={"apps": [{"app": 1}]})
    refused = world.call("GET", "app.json?id=x", token=None, headers=login | {"Accept-Language": "en"})

    assert deployed.status_code == 200
    assert refused.json()["message"] == "Missing or invalid input."
