"""Files: uploaded under one key, attached once, read back under another; kept within bounds."""

from __future__ import annotations

import os
from typing import Any

import pytest
from raw_api import FULL, Api, count, row, table

from renkei_kintone.simulator.files import FileStore


def put_file(api: Api, data: bytes, token: str = FULL, **parts: Any) -> Any:
    return api.world.call(
        "POST", "file.json", token=token, files=parts or {"file": ("a.bin", data, "application/x-test")}
    )


def test_the_bytes_come_back_as_they_were_sent_with_their_type_and_name(api: Api) -> None:
    data = os.urandom(2_500_000)  # more than is held in memory while it arrives
    key = put_file(api, data).json()["fileKey"]
    listed = api.stored({"件名": "a", "添付": [{"fileKey": key}]}, "添付")[0]

    answer = api.world.call("GET", "file.json", token=FULL, params={"fileKey": listed["fileKey"]})

    assert answer.content == data
    assert answer.headers["Content-Type"] == listed["contentType"] == "application/x-test"
    assert "a.bin" in answer.headers["Content-Disposition"]
    assert (listed["size"], listed["name"]) == ("2500000", "a.bin")


def test_a_key_is_used_up_when_the_record_is_stored_and_not_when_it_is_refused(api: Api) -> None:
    key = api.upload()

    assert list(api.add({"件名": "", "添付": [{"fileKey": key}]})) == ["records[0].件名.value"]
    assert (
        api.add({"件名": "a", "添付": [{"fileKey": key}]}, {"件名": "b", "担当部署": [{"code": "x"}]})[1] == "GAIA_IL28"
    )
    assert "ids" in api.add({"件名": "a", "添付": [{"fileKey": key}]})
    assert api.add({"件名": "b", "添付": [{"fileKey": key}]}) == (404, "GAIA_BL01")


def test_one_key_cannot_be_attached_twice_by_one_request(api: Api) -> None:
    key = api.upload()

    assert api.add({"件名": "a", "添付": [{"fileKey": key}, {"fileKey": key}]}) == (404, "GAIA_BL01")
    assert api.add(*({"件名": name, "添付": [{"fileKey": key}]} for name in "ab")) == (404, "GAIA_BL01")
    assert count(api) == 0
    assert "ids" in api.add({"件名": "a", "添付": [{"fileKey": key}]})


def test_an_update_keeps_the_files_that_it_names_and_drops_the_others(api: Api) -> None:
    one, two = api.upload("1.txt", b"1"), api.upload("2.txt", b"2")
    first, second = api.stored({"件名": "a", "添付": [{"fileKey": one}, {"fileKey": two}]}, "添付")

    api.put(添付=[{"fileKey": second["fileKey"]}, {"fileKey": api.upload("3.txt", b"3")}])

    listed = api.stored(code="添付")
    assert [file["name"] for file in listed] == ["2.txt", "3.txt"]
    assert listed[0] == second
    assert [api.download(file["fileKey"]) for file in (first, *listed)] == [(404, "GAIA_BL01"), b"2", b"3"]


def test_an_update_that_leaves_files_out_keeps_them(api: Api) -> None:
    listed = api.attached()

    api.put(件名="b")

    assert api.stored(code="添付") == [listed]
    assert api.download(listed["fileKey"]) == b"abc"


def test_files_go_with_their_record(api: Api) -> None:
    listed = api.attached()

    assert api("DELETE", "records", ids=[1]) == {}
    assert api.download(listed["fileKey"]) == (404, "GAIA_BL01")


def test_files_stand_in_tables_too(api: Api) -> None:
    table(api, type="FILE").add({"t": [row({"c": [{"fileKey": api.upload()}]})]})

    (listed,) = api.stored(code="t")[0]["value"]["c"]["value"]
    assert listed["name"] == "a.txt"
    assert api.download(listed["fileKey"]) == b"abc"


@pytest.mark.parametrize("token", ["simulated-add-only-token", "simulated-customer-token"])
def test_a_file_is_read_by_who_may_view_the_records_of_its_app(api: Api, token: str) -> None:
    listed = api.attached()

    answer = api.world.call("GET", "file.json", token=token, params={"fileKey": listed["fileKey"]})

    assert (answer.status_code, answer.json()["code"]) == (403, "GAIA_NO01")


@pytest.mark.parametrize("permissions", ["simulated-add-only-token", "simulated-token-without-permissions"])
def test_any_token_uploads(api: Api, permissions: str) -> None:
    assert list(put_file(api, b"a", token=permissions).json()) == ["fileKey"]


def test_an_upload_without_a_part_named_file_is_refused(api: Api) -> None:
    assert put_file(api, b"", other=("a", b"b")).json()["code"] == "CB_IL02"
    assert api.kintone.files.uploads == {}


@pytest.mark.parametrize(("largest", "room"), [(10, 100), (100, 15)])
def test_what_the_simulator_has_no_room_for_is_said_to_be_beyond_it(api: Api, largest: int, room: int) -> None:
    api.kintone.files = FileStore(largest=largest, room=room)

    assert put_file(api, b"123456789").status_code == 200
    answer = put_file(api, b"1234567890!" if largest == 10 else b"123456789")

    assert answer.status_code == 501
    assert f"{largest} bytes" in answer.text
    assert f"{room} together" in answer.text


def test_a_reset_forgets_all_files(api: Api) -> None:
    listed = api.attached()
    api.upload()

    api.kintone.reset()

    assert api.kintone.files.uploads == {}
    assert api.download(listed["fileKey"]) == (404, "GAIA_BL01")
