"""What a test changes in the simulated domain from outside: forms, tokens, switches; and the pages to look at it."""

from __future__ import annotations

from typing import Any

import pytest

from renkei_kintone.simulator import App
from renkei_kintone.simulator.switches import NAMES

FULL = "simulated-full-token"


def control(world: Any, method: str, path: str, **sent: Any) -> Any:
    return world.call(method, path, token=None, path="/_sim", **sent)


def fields(world: Any) -> dict[str, Any]:
    properties: dict[str, Any] = world.call("GET", "app/form/fields.json?app=1").json()["properties"]
    return properties


def change(world: Any, **asked: Any) -> Any:
    answer = control(world, "POST", "apps/1/fields", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


# -- the form


def test_40_a_deleted_field_is_ignored_in_what_is_sent_and_gone_from_what_is_stored(world: Any) -> None:
    world.add({"件名": "a", "本文": "前"})

    change(world, delete=["本文"])

    assert "本文" not in fields(world)
    assert world.add({"件名": "b", "本文": "後"}).status_code == 200
    assert world.kintone.values() == [
        {"件名": "a", "方向": "発信", "対応日時": world.kintone.instant()},
        {"件名": "b", "方向": "発信", "対応日時": world.kintone.instant()},
    ]


def test_40_a_renamed_field_takes_its_values_along_and_loses_what_is_sent_under_the_old_code(world: Any) -> None:
    world.add({"件名": "a", "キー": "k1"})

    change(world, change={"キー": {"code": "鍵"}})

    assert world.kintone.values()[0]["鍵"] == "k1"
    assert world.add({"件名": "b", "キー": "k1"}).status_code == 200
    refused = world.add({"件名": "c", "鍵": "k1"}).json()
    assert list(refused["errors"]) == ["records[0].鍵.value"]


def test_40_a_renamed_option_takes_its_values_along_and_is_refused_under_the_old_name(world: Any) -> None:
    world.add({"件名": "a", "方向": "社内", "ラベル": ["VIP", "技術"]})
    options = {"発信": {"label": "発信", "index": "0"}, "社内": {"label": "内部", "index": "1"}}
    labels = {"VIP": {"label": "重要", "index": "0"}}

    change(world, change={"方向": {"options": options}, "ラベル": {"options": labels}})

    assert list(fields(world)["方向"]["options"]) == ["発信", "内部"]
    stored = world.kintone.values()[0]
    assert (stored["方向"], stored["ラベル"]) == ("内部", ["重要"])
    refused = world.add({"件名": "b", "方向": "社内"}).json()
    assert refused["errors"]["records[0].方向.value"]["messages"] == ['"社内"は選択肢にありません。']


def test_40_a_deleted_option_leaves_its_records_without_a_value(world: Any) -> None:
    world.add({"件名": "a", "チャネル": "SMS"})

    change(world, change={"チャネル": {"options": {"メール": {"label": "メール", "index": "0"}}}})

    assert "チャネル" not in world.kintone.values()[0]


def test_40_a_field_of_a_table_is_renamed_and_deleted(world: Any) -> None:
    world.add({"件名": "a", "経過": [{"value": {"経過内容": {"value": "電話"}, "経過分": {"value": "3"}}}]})

    change(world, change={"経過内容": {"code": "内容"}}, delete=["経過分"])

    (stored,) = world.kintone.values()[0]["経過"]
    assert stored["value"]["内容"]["value"] == "電話"
    assert set(fields(world)["経過"]["fields"]) == set(stored["value"]) == {"経過日時", "内容"}


def test_a_field_that_becomes_required_is_asked_for(world: Any) -> None:
    change(world, change={"本文": {"required": True}})

    assert list(world.add({"件名": "a"}).json()["errors"]) == ["records[0].本文.value"]


def test_a_field_that_becomes_unique_knows_what_is_stored(world: Any) -> None:
    world.add({"件名": "a"})

    change(world, change={"件名": {"unique": True}})

    assert list(world.add({"件名": "a"}).json()["errors"]) == ["records[0].件名.value"]


def test_a_code_that_is_deleted_and_used_again_does_not_get_the_old_values(world: Any) -> None:
    world.add({"件名": "a", "本文": "前"})

    change(world, delete=["本文"], wait=True)
    change(world, add={"本文": {"type": "NUMBER"}})

    assert fields(world)["本文"]["type"] == "NUMBER"
    assert "本文" not in world.kintone.values()[0]


def test_25_a_change_may_wait_for_update_app(world: Any) -> None:
    assert change(world, delete=["本文"], wait=True)["waits"] is True
    assert "本文" in fields(world)

    control(world, "POST", "apps/1/update")

    assert "本文" not in fields(world)
    assert world.call("GET", "app/form/fields.json?app=1").json()["revision"] == "2"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"delete": ["題名"]}, "題名"),
        ({"change": {"題名": {}}}, "題名"),
        ({"add": {"件名": {"type": "NUMBER"}}}, "Missing or invalid input"),
        ({"add": {"新": {}}}, "Missing or invalid input"),
        ({"change": {"件名": {"code": "本文"}}}, "Missing or invalid input"),
    ],
)
def test_a_change_that_kintone_would_refuse_is_refused(world: Any, asked: Any, said: str) -> None:
    answer = control(world, "POST", "apps/1/fields", json=asked)

    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_of_several_changes_all_are_made_or_none(world: Any) -> None:
    asked = {"add": {"新": {"type": "NUMBER"}}, "delete": ["題名"]}

    assert control(world, "POST", "apps/1/fields", json=asked).status_code == 400
    control(world, "POST", "apps/1/update")

    assert "新" not in fields(world)


# -- tokens


def test_25_a_new_token_is_unknown_until_update_app(world: Any) -> None:
    token = {"token": "simulated-new-token", "app": "1", "permissions": ["view"]}
    control(world, "POST", "tokens", json=token)
    before = world.call("GET", "app.json?id=1", token="simulated-new-token").status_code

    control(world, "POST", "apps/1/update")

    assert before == 400
    assert world.call("GET", "app.json?id=1", token="simulated-new-token").status_code == 200


def test_25_changed_permissions_take_effect_with_update_app(world: Any) -> None:
    token = {"token": "simulated-view-only-token", "app": "1", "permissions": ["view", "add"]}
    control(world, "POST", "tokens", json=token)
    before = world.add({"件名": "a"}, token="simulated-view-only-token").status_code

    control(world, "POST", "apps/1/update")

    assert before == 403
    assert world.add({"件名": "a"}, token="simulated-view-only-token").status_code == 200


def test_25_a_deleted_token_works_until_update_app(world: Any) -> None:
    control(world, "DELETE", "tokens", json={"token": "simulated-add-only-token"})
    before = world.add({"件名": "a"}).status_code

    control(world, "POST", "apps/1/update")

    assert before == 200
    assert world.add({"件名": "a"}).json()["code"] == "GAIA_IA02"


def test_what_is_not_there_is_said_not_to_be(world: Any) -> None:
    missing = [
        control(world, "POST", "apps/404/update"),
        control(world, "GET", "records?app=404"),
        control(world, "DELETE", "tokens", json={"token": "simulated-typo"}),
        control(world, "POST", "tokens", json={"token": "x", "app": "404", "permissions": []}),
    ]

    assert [answer.status_code for answer in missing] == [404] * 4
    assert all(answer.json()["error"].startswith("there is no") for answer in missing)


# -- switches


def test_switches_are_shown_and_turned(world: Any) -> None:
    asked = {"language": "en", "old_statuses": True, "unsure": {"unset_date": "empty"}, "hosts": ["demo.cybozu.com"]}

    turned = control(world, "POST", "switches", json=asked).json()

    assert set(turned) == set(NAMES)
    assert control(world, "GET", "switches").json() == turned
    refused = world.call("GET", "app.json?id=1", token="simulated-typo")
    assert (refused.status_code, refused.json()["message"][:13]) == (520, "The specified")
    assert world.kintone.unsure.unset_date == "empty"


def test_the_basic_password_is_not_shown(world: Any) -> None:
    turned = control(world, "POST", "switches", json={"basic": "domain:simulated-basic-password"})

    assert turned.json()["basic"] is True
    assert "simulated-basic-password" not in turned.text
    assert world.call("GET", "app.json?id=1").status_code == 401


@pytest.mark.parametrize(
    "asked",
    [{"weather": 1}, {"language": "zh"}, {"concurrency": True}, {"concurrency": "1"}, {"unsure": {"x": 1}}, [], None],
)
def test_a_switch_that_there_is_not_is_refused_and_nothing_is_turned(world: Any, asked: Any) -> None:
    answer = control(world, "POST", "switches", json={"old_statuses": True, **asked} if asked else asked)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert world.kintone.old_statuses is False


def test_32_the_days_figures_are_visible_to_control_only(world: Any) -> None:
    answer = world.call("GET", "app.json?id=1")
    world.add({"件名": "a"})

    assert control(world, "GET", "counts").json() == [{"app": "1", "day": "2026-04-01", "requests": 2}]
    assert not any("count" in name.lower() for name in answer.headers)


def test_the_log_counts_the_records_of_every_part(world: Any) -> None:
    part = {"method": "POST", "api": "/k/v1/records.json"}
    payloads = [{"app": 1, "records": [{"件名": {"value": "a"}}] * number} for number in (2, 3)]
    world.call("POST", "bulkRequest.json", json={"requests": [part | {"payload": each} for each in payloads]})
    world.call("GET", "app.json?id=1")

    logged = [(entry["records"], entry["inner"]) for entry in control(world, "GET", "requests").json()]

    assert logged == [(5, 2), (None, None)]


# -- pages


def page(world: Any, path: str) -> Any:
    return world.call("GET", "", token=None, path=path.rstrip("/")) if path.endswith("/") else _plain(world, path)


def _plain(world: Any, path: str) -> Any:
    folder, _, name = path.rpartition("/")
    return world.call("GET", name, token=None, path=folder)


def test_an_app_and_a_record_are_shown_where_kintone_has_them(world: Any) -> None:
    world.add({"件名": "<b>太字</b>", "経過": [{"value": {"経過内容": {"value": "電話"}, "経過分": {"value": "3"}}}]})

    listed, one = page(world, "/k/1/"), page(world, "/k/1/show?record=1")

    assert "href='show?record=1'" in listed.text
    for shown in (listed.text, one.text):
        assert "&lt;b&gt;太字&lt;/b&gt;" in shown
        assert "電話 / 3" in shown
    assert "連携キー" in one.text


def test_the_address_with_a_fragment_asks_for_the_record(world: Any) -> None:
    world.add({"件名": "a"})

    # What follows # never reaches a server.
    assert "location.replace('show?record='" in page(world, "/k/1/show").text


def test_an_app_of_a_guest_space_is_shown_in_its_space_only(world: Any) -> None:
    world.kintone.apps["7"] = App.from_data({"id": 7, "name": "共同", "guest_space": 5, "fields": {}})

    assert page(world, "/k/guest/5/7/").status_code == 200
    assert page(world, "/k/guest/5/7/show").status_code == 200
    assert [page(world, path).status_code for path in ("/k/7/", "/k/guest/6/7/", "/k/404/", "/k/404/show")] == [404] * 4
    assert "href='/k/guest/5/7/" not in page(world, "/").text  # it has no record yet
    world.kintone.apps["7"].store({}, world.kintone.instant())
    assert "href='/k/guest/5/7/show?record=1'" in page(world, "/").text


def test_a_record_that_is_not_there_is_not_shown(world: Any) -> None:
    assert page(world, "/k/1/show?record=9").status_code == 404


@pytest.mark.parametrize("path", ["/", "/k/1/", "/k/1/show?record=1"])
def test_a_page_asks_for_the_domains_basic_login_too(world: Any, path: str) -> None:
    world.kintone.basic = "domain:simulated-basic-password"

    assert page(world, path).status_code == 401
