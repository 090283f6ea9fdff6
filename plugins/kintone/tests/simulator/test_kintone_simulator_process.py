"""Process management: actions, statuses and assignees, as far as a client sees them."""

from __future__ import annotations

from typing import Any

import pytest
from raw_api import Api, bulk

from renkei_kintone.simulator import App


@pytest.fixture
def api(api: Api) -> Api:
    fields = {
        "状態": {"type": "STATUS", "enabled": True},
        "担当": {"type": "STATUS_ASSIGNEE", "enabled": True},
        "題": {"type": "SINGLE_LINE_TEXT"},
    }
    process = {
        "states": ["未処理", "処理中", "完了"],
        "actions": [
            {"name": "始める", "from": "未処理", "to": "処理中"},
            {"name": "終える", "from": "処理中", "to": "完了"},
        ],
    }
    api.kintone.apps["1"] = App.from_data({"id": 1, "name": "申請", "fields": fields, "process": process})
    api.add({"題": "a"}, {"題": "b"})
    return api


def shown(api: Api, id: int = 1) -> tuple[Any, Any, Any]:
    record = api("GET", "record", id=id)["record"]
    assignees = [each["code"] for each in record["担当"]["value"]]
    return record["状態"]["value"], assignees, record["$revision"]["value"]


def test_a_record_begins_in_the_first_status_without_an_assignee(api: Api) -> None:
    assert shown(api) == ("未処理", [], "1")


def test_an_action_leads_to_the_next_status_in_two_steps_of_the_revision(api: Api) -> None:
    assert api("PUT", "record/status", id=1, action="始める", assignee="tanaka") == {"revision": "3"}
    assert shown(api) == ("処理中", ["tanaka"], "3")
    assert shown(api, 2) == ("未処理", [], "1")


def test_several_records_are_moved_together_or_not_at_all(api: Api) -> None:
    moves = [{"id": 1, "action": "始める"}, {"id": 2, "action": "終える"}]

    assert api("PUT", "records/status", records=moves) == (400, "GAIA_IL03")
    assert shown(api) == ("未処理", [], "1")
    moves[1]["action"] = "始める"
    assert api("PUT", "records/status", records=moves) == {
        "records": [{"id": "1", "revision": "3"}, {"id": "2", "revision": "3"}]
    }


def test_assignees_are_replaced_in_one_step(api: Api) -> None:
    assert api("PUT", "record/assignees", id=1, assignees=["tanaka", "sato"]) == {"revision": "2"}
    assert shown(api) == ("未処理", ["tanaka", "sato"], "2")
    assert api("PUT", "record/assignees", id=1, assignees=[]) == {"revision": "3"}
    assert shown(api) == ("未処理", [], "3")


@pytest.mark.parametrize(
    ("call", "body", "refusal"),
    [
        ("record/status", {"id": 1, "action": "終える"}, (400, "GAIA_IL03")),
        ("record/status", {"id": 9, "action": "始める"}, (404, "GAIA_RE01")),
        ("record/status", {"id": 1, "action": "始める", "assignee": "nobody"}, (400, "GAIA_IL26")),
        ("record/status", {"id": 1, "action": "始める", "revision": 2}, (409, "GAIA_CO02")),
        ("record/status", {"id": 1}, {"action": ["必須です。"]}),
        ("record/assignees", {"id": 1, "assignees": ["nobody"]}, (400, "GAIA_IL26")),
        ("record/assignees", {"id": 1}, {"assignees": ["必須です。"]}),
        ("record/assignees", {"id": 1, "assignees": "tanaka"}, (400, "CB_IJ01")),
        ("records/status", {}, {"records": ["必須です。"]}),
        ("records/status", {"records": ["x"]}, (400, "CB_IJ01")),
        ("records/status", {"records": [{"id": 1}] * 101}, {"records": ["一度に100件までのレコードを更新できます。"]}),
    ],
)
def test_a_refused_call_changes_nothing(api: Api, call: str, body: dict[str, Any], refusal: Any) -> None:
    assert api("PUT", call, **body) == refusal
    assert shown(api) == ("未処理", [], "1")


def test_an_app_without_process_management_refuses_actions(api: Api) -> None:
    api.kintone.apps["1"].process = None

    assert api("PUT", "record/status", id=1, action="始める") == (400, "GAIA_ST02")


def test_the_status_is_not_written_with_the_record(api: Api) -> None:
    assert api.put(状態="完了") == (400, "GAIA_UN10")
    assert shown(api)[0] == "未処理"


def test_actions_take_part_in_a_transaction(api: Api) -> None:
    action = ("PUT", "record/status", {"id": 1, "action": "始める"})

    assert bulk(api, action, ("PUT", "record/status", {"id": 9, "action": "始める"})) == (404, ["", "GAIA_RE01"])
    assert shown(api) == ("未処理", [], "1")
    assert bulk(api, action, ("PUT", "record", {"id": 1, "record": {}})) == [{"revision": "3"}, {"revision": "4"}]


@pytest.mark.parametrize("call", ["record/status", "records/status", "record/assignees"])
def test_an_add_only_token_may_take_no_action(api: Api, call: str) -> None:
    assert api("PUT", call, "simulated-add-only-token", id=1) == (403, "GAIA_NO01")
