"""Raw calls of the simulated API, and rows: what is known of kintone, shown by one call and its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from renkei_kintone.simulator import App, Token

FULL = "simulated-full-token"
BOTH = "simulated-full-token,simulated-customer-token"
TAKEN = "値がほかのレコードと重複しています。"
REQUIRED = "必須です。"
NOT_A_NUMBER = "数字でなければなりません。"
NOT_A_DATE = "日時はISO8601形式の必要があります。"


class Api:
    """Raw calls with a token that may do everything; an answer is its JSON, a refusal its status and code or paths."""

    def __init__(self, world: Any) -> None:
        self.kintone = world.kintone
        self.world = world

    def __call__(self, method: str, api: str, token: str = FULL, **body: Any) -> Any:
        response = self.world.call(method, f"{api}.json", token=token, json={"app": 1, **body})
        said = response.json()
        if response.status_code == 200:
            return said
        assert response.headers["X-Cybozu-Error"] == said["code"]
        if said["code"] == "CB_VA01":
            return {path: item["messages"] for path, item in said["errors"].items()}
        assert "errors" not in said  # no other code names a place
        return response.status_code, said["code"]

    def raw(
        self, record: dict[str, Any], method: str = "POST", api: str = "record", token: str = FULL, **more: Any
    ) -> Any:
        """The JSON of an answer, whatever it is."""
        body = {"app": 1, "record": wired(record), **more}
        return self.world.call(method, f"{api}.json", token=token, json=body).json()

    def form(self, **fields: dict[str, Any]) -> Api:
        """Give app 1 this form."""
        self.kintone.apps["1"] = App.from_data({"id": 1, "name": "試験", "fields": fields})
        return self

    def field(self, native: str, **item: Any) -> Api:
        """Give app 1 the one field `f`."""
        return self.form(f={"type": native, **item})

    def add(self, *records: dict[str, Any], token: str = FULL) -> Any:
        return self("POST", "records", token, records=[wired(record) for record in records])

    def put(self, id: str = "1", token: str = FULL, **record: Any) -> Any:
        return self("PUT", "record", token, id=id, record=wired(record))

    def upsert(self, *items: dict[str, Any], token: str = FULL, **more: Any) -> Any:
        return self("PUT", "records", token, upsert=True, records=list(items), **more)

    def stored(self, record: dict[str, Any] | None = None, code: str = "f") -> Any:
        """How a value reads back; *record* is added first."""
        if record is not None:
            assert "ids" in self.add(record)
        app = self.kintone.apps["1"]
        return app.value(list(app.records.values())[-1], code)

    def put_stored(self, code: str = "f", **record: Any) -> Any:
        assert "revision" in self.put(**record)
        return self.stored(code=code)

    def customer(self, code: str, rank: str) -> Api:
        self.kintone.apps["2"].store({"顧客コード": code, "ランク": rank}, "2026-01-01T00:00:00Z")
        return self

    def ambiguous_customers(self) -> Api:
        self.kintone.apps["2"].fields["顧客コード"]["unique"] = False
        return self.customer("C1", "金").customer("C1", "銀")

    def attached(self) -> dict[str, str]:
        """A file of a record that was just added, as the record lists it."""
        self.add({"件名": "a", "添付": [{"fileKey": self.upload()}]})
        listed: dict[str, str] = self.kintone.values()[-1]["添付"][0]
        return listed

    def precise(self, decimals: int, rounding: str) -> Api:
        self.field("NUMBER")
        self.kintone.apps["1"].decimals, self.kintone.apps["1"].rounding = decimals, rounding
        return self

    def numbered(self, code: str) -> Any:
        self.field("RECORD_NUMBER").kintone.apps["1"].code = code
        return self.stored({})

    def with_process(self) -> Api:
        self.form(状態={"type": "STATUS", "enabled": True})
        self.kintone.apps["1"].process = {
            "states": ["未処理", "処理中"],
            "actions": [{"name": "始める", "from": "未処理", "to": "処理中"}],
        }
        return self

    def upload(self, name: str = "a.txt", data: bytes = b"abc", kind: str = "text/plain") -> str:
        answer = self.world.call("POST", "file.json", token=FULL, files={"file": (name, data, kind)})
        return str(answer.json()["fileKey"])

    def download(self, key: str) -> Any:
        answer = self.world.call("GET", "file.json", token=FULL, params={"fileKey": key})
        return answer.content if answer.status_code == 200 else (answer.status_code, answer.json()["code"])


def wired(record: dict[str, Any]) -> dict[str, Any]:
    return {code: {"value": value} for code, value in record.items()}


def row(cells: dict[str, Any], id: str | None = None) -> dict[str, Any]:
    return {**({} if id is None else {"id": id}), "value": wired(cells)}


def keyed(value: str, field: str = "キー", **record: Any) -> dict[str, Any]:
    return {"updateKey": {"field": field, "value": value}, "record": wired(record)}


def table(api: Api, **column: Any) -> Api:
    return api.form(t={"type": "SUBTABLE", "fields": {"c": column, "d": {"type": "SINGLE_LINE_TEXT"}}})


def cells_of(api: Api, code: str = "c") -> list[Any]:
    return [each["value"][code]["value"] for each in api.stored(code="t")]


@dataclass(frozen=True)
class Row:
    """One row: *run* shows it, *gives* is what must come of it."""

    name: str
    source: str
    says: str
    run: Callable[[Api], Any]
    gives: Any


def bulk(api: Api, *inner: tuple[str, str, dict[str, Any]], token: str = FULL) -> Any:
    """A bulkRequest; of a failure: status, which inner answers are empty, and the code of the one that is not."""
    requests = [
        {"method": method, "api": f"/k/v1/{name}.json", "payload": {"app": 1, **body}} for method, name, body in inner
    ]
    response = api.world.call("POST", "bulkRequest.json", token=token, json={"requests": requests})
    results = response.json()["results"]
    if response.status_code == 200:
        return results
    return response.status_code, [result.get("code", "") for result in results]


def added(*records: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    return "POST", "records", {"records": [wired(record) for record in records]}


def count(api: Api) -> int:
    return len(api.kintone.values())


def managed(permissions: str = "add") -> Callable[[Api, dict[str, Any]], Any]:
    """Add as a token with these permissions."""

    def adding(api: Api, record: dict[str, Any]) -> Any:
        api.kintone.tokens["limited"] = Token("limited", "1", frozenset(permissions.split()))
        return api.add(record, token="limited")

    return adding


def many(count: int) -> list[dict[str, Any]]:
    return [{"件名": "a"}] * count


def shown(*tables: list[Row]) -> pytest.MarkDecorator:
    """The mark of a test that takes each row."""
    every = [row for table in tables for row in table]
    return pytest.mark.parametrize("row", every, ids=[row.name for row in every])


def check_names(every: list[Row], not_simulated: dict[str, str]) -> None:
    """Every row has a name of its own and a source that is known."""
    names = [row.name for row in every]
    assert len(set(names)) == len(names)
    assert not set(names) & set(not_simulated)
    assert {source for row in every for source in row.source.split(", ")} <= {"doc", "spec", "observed", "js-sdk"}


# One call of each shape is one row: name, source, what is known, how it is shown, what must come of it.
def rows(*given: tuple[str, str, str, Callable[[Api], Any], Any]) -> list[Row]:
    return [Row(*each) for each in given]
