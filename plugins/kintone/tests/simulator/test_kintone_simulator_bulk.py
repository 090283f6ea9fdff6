"""`bulkRequest`: one transaction over several apps, each inner request with the permissions that it needs alone."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from raw_api import BOTH, FULL, Api, added, bulk, count, keyed

from renkei_kintone.simulator import Token


def sent(api: Api, *requests: dict[str, Any], token: str = FULL, path: str = "/k/v1") -> tuple[int, Any]:
    response = api.world.call("POST", "bulkRequest.json", token=token, path=path, json={"requests": list(requests)})
    return response.status_code, response.json()


def add_to(app: int | str, record: dict[str, Any], path: str = "/k/v1") -> dict[str, Any]:
    payload = {"app": app, "record": {code: {"value": value} for code, value in record.items()}}
    return {"method": "POST", "api": f"{path}/record.json", "payload": payload}


def test_the_answers_come_in_the_order_of_the_requests(api: Api) -> None:
    status, said = sent(api, add_to(2, {"顧客コード": "C1"}), add_to("1", {"件名": "a"}), token=BOTH)

    assert (status, said) == (200, {"results": [{"id": "1", "revision": "1"}] * 2})


def test_a_later_request_sees_what_an_earlier_one_wrote(api: Api) -> None:
    customer, looked_up = add_to(2, {"顧客コード": "C1", "ランク": "金"}), add_to(1, {"件名": "a", "顧客コード": "C1"})

    assert sent(api, customer, looked_up, token=BOTH)[0] == 200
    assert api.stored(code="顧客ランク") == "金"


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_one_refused_request_leaves_nothing_of_any_behind(api: Api, failing: int) -> None:
    api.add({"件名": "前", "キー": "k", "添付": [{"fileKey": api.upload()}]})
    customers, key = api.kintone.apps["2"], api.upload()
    before = (copy.deepcopy(api.kintone.values()), api.kintone.files.kept(), customers.next_id)
    writing = [
        ("PUT", "records", {"upsert": True, "records": [keyed("k", 件名="後", 添付=[{"fileKey": key}])]}),
        ("DELETE", "records", {"ids": [1]}),
        ("POST", "record", {"app": 2, "record": {"顧客コード": {"value": "C1"}}}),
    ]
    writing.insert(failing, ("PUT", "record", {"id": 99, "record": {}}))

    assert bulk(api, *writing, token=BOTH) == (404, ["GAIA_RE01" if at == failing else "" for at in range(4)])

    assert (api.kintone.values(), api.kintone.files.kept(), customers.next_id) == before
    assert customers.records == {}
    assert "ids" in api.add({"件名": "b", "キー": "l", "添付": [{"fileKey": key}]})
    assert api.add({"件名": "b", "キー": "k"}) == {"records[0].キー.value": ["値がほかのレコードと重複しています。"]}


def test_the_error_of_an_inner_request_keeps_its_paths_and_its_status(api: Api) -> None:
    status, said = sent(api, add_to(1, {"件名": "a"}), add_to(1, {}))

    assert status == 400
    assert said["results"][0] == {}
    assert said["results"][1]["code"] == "CB_VA01"
    assert said["results"][1]["errors"] == {"record.件名.value": {"messages": ["必須です。"]}}
    assert set(said) == {"results"}


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (("PUT", "record", {"id": 1, "record": {}}), (403, ["", "GAIA_NO01"])),
        (("DELETE", "records", {"ids": [1]}), (403, ["", "GAIA_NO01"])),
        (("PUT", "records", {"upsert": True, "records": []}), (403, ["", "GAIA_NO01"])),
        (("POST", "record", {"app": 2, "record": {}}), (403, ["", "GAIA_AP15"])),
    ],
)
def test_an_add_only_token_gets_no_more_inside_than_outside(
    api: Api, inner: tuple[str, str, dict[str, Any]], expected: Any
) -> None:
    assert bulk(api, added({"件名": "a"}), inner, token="simulated-add-only-token") == expected
    assert count(api) == 0


def test_the_path_of_each_inner_request_says_its_guest_space(api: Api) -> None:
    guest = {"token": "simulated-guest-space-token", "path": "/k/guest/5/v1"}

    assert sent(api, add_to(12, {"件名": "a"}, path="/k/guest/5/v1"), **guest)[0] == 200
    status, said = sent(api, add_to(12, {"件名": "b"}), **guest)
    assert (status, said["results"][0]["code"]) == (400, "GAIA_IL23")
    status, said = sent(api, add_to(12, {"件名": "c"}, path="/k/guest/6/v1"), **guest)
    assert (status, said["results"][0]["code"]) == (403, "CB_NO02")
    assert len(api.kintone.values("12")) == 1


def test_twenty_requests_of_a_hundred_records_go_in_and_the_twenty_first_keeps_all_out(api: Api) -> None:
    hundred = added(*({"件名": "a"} for _ in range(100)))

    assert len(bulk(api, *[hundred] * 20)) == 20
    status, said = sent(api, *[add_to(1, {"件名": "a"})] * 21)
    assert (status, said["code"], list(said["errors"])) == (400, "CB_VA01", ["requests"])
    assert count(api) == 2_000


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"method": "GET", "api": "/k/v1/records.json", "payload": {"app": 1}}, "CB_IL02"),
        ({"method": "POST", "api": "/k/v1/bulkRequest.json", "payload": {}}, "CB_IL02"),
        ({"method": "POST", "api": "record.json", "payload": {"app": 1}}, "CB_IL02"),
        ({"method": "POST", "api": "/k/v1/record.json"}, "CB_IJ01"),
        ("x", "CB_IJ01"),
    ],
)
def test_what_is_no_writing_call_refuses_the_whole_request(api: Api, request_: Any, code: str) -> None:
    status, said = sent(api, add_to(1, {"件名": "a"}), request_)

    assert (status, said["code"]) == (400, code)
    assert count(api) == 0


def test_the_token_is_looked_at_before_the_requests(api: Api) -> None:
    api.kintone.tokens["early"] = Token("early", "1", frozenset({"add"}), deployed=False)

    assert sent(api, token="early")[1]["code"] == "GAIA_IA02"


def test_two_thousand_records_take_well_under_a_second(api: Api) -> None:
    """Measured at about 0.35 s of processor time on a small machine; the limit leaves room for a slower one."""
    record = {
        "件名": "件名", "本文": "あ" * 300, "本文HTML": "<p>本文</p>" * 20, "チャネル": "メール", "応対時間": "12",
        "対応日時": "2026-04-01T09:00:00+09:00", "操作ユーザ": [{"code": "tanaka"}], "ラベル": ["VIP"],
    }  # fmt: skip
    requests = [added(*({**record, "キー": f"k{hundred}-{at}"} for at in range(100))) for hundred in range(20)]
    started = time.process_time()

    results = bulk(api, *requests)

    assert [result["ids"][-1] for result in results] == [str(100 * (at + 1)) for at in range(20)]
    assert time.process_time() - started < 3
