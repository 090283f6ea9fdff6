"""What the simulated kintone lets read: limits (3), the form (5.3), and the behaviours of chapter 9, row by row.

The rows are numbered as the chapters in which the facts were gathered: 1 hosts and paths, 2 authentication and
permissions, 3 limits, 4 errors, 5 fields, 6 writing, 8 mistakes of admins, 9 behaviours. The sources are kintone's
documentation, the description of its API, its JavaScript client, and reports of what real domains answered.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from calling import ADD, CUSTOMER, FULL, GUEST, LOGIN, Api, Check, Rows, errors, refusal

from renkei_kintone.simulator import App

row = Rows()


# -- 3 limits


@row("3 a read gives 100 records unless told, 500 at most", "doc")
def _(api: Api) -> None:
    api.fill(501)

    assert len(api.found()) == 100
    assert len(api.found("limit 500")) == 500
    assert refusal(api.records("limit 501")) == (400, "GAIA_QU01")


@row("3 an offset of 10,000 at most", "doc")
def _(api: Api) -> None:
    api.fill(3)

    assert api.found("offset 2") == ["1"]
    assert api.found("offset 10000") == []
    assert refusal(api.records("offset 10001")) == (400, "GAIA_QU02")


@row("3 the newest first", "doc")
def _(api: Api) -> None:
    api.fill(3)

    assert api.found() == api.found("order by $id desc") == ["3", "2", "1"]


@row("3 a cursor's pages", "doc")
def _(api: Api) -> None:
    api.fill(250)
    made = api("POST", "records/cursor.json", json={"app": 1, "fields": ["$id"], "query": "order by $id asc"}).json()

    pages = [api("GET", f"records/cursor.json?id={made['id']}").json() for _ in range(3)]

    assert made["totalCount"] == "250"
    assert [(len(page["records"]), page["next"]) for page in pages] == [(100, True), (100, True), (50, False)]
    assert [record["$id"]["value"] for page in pages for record in page["records"]] == [str(n) for n in range(1, 251)]
    assert api("GET", f"records/cursor.json?id={made['id']}").status_code == 404


@row("3 a cursor's page of 500 at most", "doc")
def _(api: Api) -> None:
    assert api("POST", "records/cursor.json", json={"app": 1, "size": 500}).status_code == 200
    assert list(errors(api("POST", "records/cursor.json", json={"app": 1, "size": 501}))) == ["size"]


@row("3 ten cursors are open at most, each for ten minutes after its last use", "doc")
def _(api: Api) -> None:
    api.fill(300)
    made = [api("POST", "records/cursor.json", json={"app": 1}).json()["id"] for _ in range(10)]
    assert refusal(api("POST", "records/cursor.json", json={"app": 1})) == (429, "GAIA_TM12")

    api.moment += timedelta(minutes=9)
    assert api("GET", f"records/cursor.json?id={made[0]}").status_code == 200
    api.moment += timedelta(minutes=9)

    assert api("GET", f"records/cursor.json?id={made[0]}").status_code == 200
    assert api("GET", f"records/cursor.json?id={made[1]}").status_code == 404
    assert api("POST", "records/cursor.json", json={"app": 1}).status_code == 200


@row("3 a cursor that is deleted makes room", "doc")
def _(api: Api) -> None:
    made = [api("POST", "records/cursor.json", json={"app": 1}).json()["id"] for _ in range(10)]

    assert api("DELETE", "records/cursor.json", json={"id": made[3]}).json() == {}
    assert api("POST", "records/cursor.json", json={"app": 1}).status_code == 200


@row("3 every answer says how many requests run, and of how many", "doc, observed")
def _(api: Api) -> None:
    for answer in (api("GET", "app.json?id=1"), api("GET", "app.json?id=1", token=None)):
        assert answer.headers["X-ConcurrencyLimit-Limit"] == "100"
        assert answer.headers["X-ConcurrencyLimit-Running"] == "1"


@row("3 a refusal for too many requests at once says that one more than the limit run")
def _(api: Api) -> None:
    api.kintone.order("429")

    refused = api("GET", "app.json?id=1")

    assert refusal(refused) == (429, "GAIA_TO04")
    assert refused.headers["X-ConcurrencyLimit-Running"] == "101"
    assert "Retry-After" not in refused.headers


@row("3 the day's figure of an app refuses nothing, and begins anew at 09:00 in Japan", "doc")
def _(api: Api) -> None:
    api.kintone.daily_limit = 2
    answers = [api("GET", "app.json?id=1").status_code for _ in range(4)]
    api.moment = datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)
    api("GET", "app.json?id=1")
    api.moment += timedelta(seconds=1)
    api("GET", "app.json?id=1")

    assert answers == [200] * 4
    assert dict(api.kintone.counted) == {("1", "2026-04-01"): 5, ("1", "2026-04-02"): 1}


# -- 5.3 the form


@row("5.3 the layout has tables and rows, and nothing of the process", "doc")
def _(api: Api) -> None:
    layout = api("GET", "app/form/layout.json?app=1").json()["layout"]

    tables = [part for part in layout if part["type"] == "SUBTABLE"]
    assert [[field["code"] for field in table["fields"]] for table in tables] == [["経過日時", "経過内容", "経過分"]]
    rows = [field["code"] for part in layout if part["type"] == "ROW" for field in part["fields"]]
    assert "件名" in rows
    assert "ステータス" not in rows


@row("5.3 the older description of the form", "doc")
def _(api: Api) -> None:
    properties = {item["code"]: item for item in api("GET", "form.json?app=1").json()["properties"]}

    assert properties["ラベル"]["options"][0] == "要返信"
    assert properties["件名"]["maxLength"] is None
    assert properties["キー"]["maxLength"] == "64"


# -- 9 behaviours


@row("9.1 tokens are looked at in kintone's order")
def _(api: Api) -> None:
    order = [(None, "CB_AU01"), ("simulated-typo", "GAIA_IA02"), (CUSTOMER, "GAIA_AP15"), (ADD, "GAIA_NO01")]

    for token, code in order:
        assert refusal(api("GET", "records.json?app=1", token=token))[1] == code


@row("9.15 lookups in tables hide their settings too")
def _(api: Api) -> None:
    inner = {"行": {"type": "SINGLE_LINE_TEXT", "lookup": {"relatedApp": {"app": "2"}, "fieldMappings": []}}}
    api.kintone.apps["1"] = App.from_data(
        {"id": 1, "name": "試験", "fields": {"表": {"type": "SUBTABLE", "fields": inner}}}
    )

    table = api("GET", "app/form/fields.json?app=1", token=ADD).json()["properties"]["表"]

    assert table["fields"]["行"]["lookup"] is None
    assert {"unique", "defaultValue", "maxLength"}.isdisjoint(table["fields"]["行"])


@row("9.23 guest spaces with a password")
def _(api: Api) -> None:
    login = {"X-Cybozu-Authorization": LOGIN}
    space = "https://demo.cybozu.com/k/guest/5/v1"

    assert refusal(api("GET", "app.json?id=12", token=None, headers=login)) == (400, "GAIA_IL23")
    assert api("GET", "app.json?id=12", token=None, headers=login, root=space).status_code == 200
    assert refusal(api("GET", "app.json?id=1", token=None, headers=login, root=space)) == (403, "CB_NO02")
    listed = api("GET", "apps.json", token=None, headers=login, root=space).json()["apps"]
    assert [app["appId"] for app in listed] == ["12"]


@row("9.25 a change of the form takes effect with Update app")
def _(api: Api) -> None:
    added = {"app": 1, "properties": {"追加": {"type": "NUMBER", "code": "追加", "label": "追加の数"}}}
    assert api("POST", "preview/app/form/fields.json", json=added).json() == {"revision": "2"}
    before = api("GET", "app/form/fields.json?app=1").json()
    preview = api("GET", "preview/app/form/fields.json?app=1").json()

    assert api("POST", "preview/app/deploy.json", json={"apps": [{"app": 1}]}).json() == {}

    after = api("GET", "app/form/fields.json?app=1").json()
    assert ("追加" in before["properties"], before["revision"]) == (False, "1")
    assert preview == after
    assert after["properties"]["追加"]["maxValue"] == ""
    status = api("GET", "preview/app/deploy.json", params={"apps[0]": "1"}).json()
    assert status == {"apps": [{"app": "1", "status": "SUCCESS"}]}


@row("9.25 a change of the form can be discarded")
def _(api: Api) -> None:
    api("DELETE", "preview/app/form/fields.json", json={"app": 1, "fields": ["件名"]})

    api("POST", "preview/app/deploy.json", json={"apps": [{"app": 1}], "revert": True})

    assert "件名" in api("GET", "preview/app/form/fields.json?app=1").json()["properties"]


@row("9.25 of several apps all are updated or none")
def _(api: Api) -> None:
    added = {"app": 1, "properties": {"追加": {"type": "NUMBER"}}}
    api("POST", "preview/app/form/fields.json", json=added)

    refused = api("POST", "preview/app/deploy.json", token=[FULL, CUSTOMER], json={"apps": [{"app": 1}, {"app": 2}]})

    assert refusal(refused) == (403, "GAIA_NO01")
    assert "追加" not in api("GET", "app/form/fields.json?app=1").json()["properties"]


@row("9.34 what a record reads as")
def _(api: Api) -> None:
    api.fill(1)

    listed = api.records().json()
    record = listed["records"][0]

    assert listed["totalCount"] is None
    assert api.records(totalCount="true").json()["totalCount"] == "1"
    assert record["$id"] == {"type": "__ID__", "value": "1"}
    assert record["$revision"] == {"type": "__REVISION__", "value": "1"}
    assert record["チャネル"] == {"type": "DROP_DOWN", "value": None}
    assert record["ラベル"] == {"type": "CHECK_BOX", "value": []}
    assert "ステータス" not in record


@row("9.34 the total is of all that the query finds")
def _(api: Api) -> None:
    api.fill(7)

    answer = api.records("$id > 2 order by $id asc limit 2 offset 1", totalCount="true").json()

    assert answer["totalCount"] == "5"
    assert [record["$id"]["value"] for record in answer["records"]] == ["4", "5"]


@row("9.37 the method override is for POST, in capitals")
def _(api: Api) -> None:
    small = {"X-HTTP-Method-Override": "get"}
    before = len(api.kintone.values())

    answer = api("POST", "records.json", headers=small, json={"app": 1, "records": [{"件名": {"value": "a"}}]})

    assert answer.json()["ids"] == ["1"]
    assert len(api.kintone.values()) == before + 1


@row("9.38 LOGINUSER() is the Administrator for tokens")
def _(api: Api) -> None:
    api.fill(1)

    assert api.found("作成者 in (LOGINUSER())") == ["1"]
    assert api.found("作成者 not in (LOGINUSER())") == []


@row("9.39 older servers answer 520")
def _(api: Api) -> None:
    api.kintone.old_statuses = True

    assert refusal(api("GET", "app.json?id=1", token="simulated-typo")) == (520, "GAIA_IA02")
    assert refusal(api("GET", "app.json?id=12", token=GUEST)) == (520, "GAIA_IL23")
    assert refusal(api("GET", "app.json?id=404")) == (520, "GAIA_IA02")


@row("9.42 an app that does not exist")
def _(api: Api) -> None:
    assert refusal(api("GET", "app.json?id=404")) == (400, "GAIA_IA02")


NOT_SIMULATED = {
    "1 client certificates": "they are a matter of TLS before kintone",
    "2.1 twenty tokens of an app": "tokens are generated by control, which does not count them",
    "2.1 session authentication": "only browsers have it",
    "1 names of subdomains": "every name is answered, unless the switch `hosts` says which there are",
    "2.1 permissions of records and fields": "a token's permissions override them, and users may do everything here",
    "2.1 spaces, and creating apps": "are answered with a plain 501, whoever asks",
    "2.1 what a new token may do": "tokens are generated by control, which names their permissions",
    "3 comments of records": "comments are not simulated",
    "3 lengths and numbers of codes, names, options and fields": "calls of the settings take any",
    "3 slowness under load": "the switch `latency` makes requests slow",
    "3 thumbnails": "files are kept as they came",
    "7 webhooks": "nothing is sent out; calls of their settings get a plain 501",
    "3 X-Cybozu-Warning above 100,000 records": "no test stores so many",
    "3 a cursor's creation that takes five minutes": "nothing here takes so long",
    "4.2 CB_TW02": "its status is not known, and users here have no second factor",
    "4.2 GAIA_TO03": "its figure is not known",
    "4.2 GAIA_NO02": "it is not known when it is answered",
    "4.4 Chinese and Spanish": "few of their messages are known",
    "8 the Light course": "what it answers is not known",
}


# The behaviours of chapter 9 that rows of other chapters show.
SHOWN_BY = {
    16: "6.2 answer with upsert",
    17: "4.2 GAIA_RE20",
    26: "4.1 bulkRequest failure",
    27: "4.2 GAIA_BF02",
    30: "5.4 update merges by id",
    33: "4.2 GAIA_CO02",
    41: "2.1 a password wins over a token",
}


def test_each_behaviour_is_shown_by_a_test() -> None:
    """By a test named after it, by a row named after it, or by a row of another chapter."""
    folder = Path(__file__).parent
    files = [*folder.glob("test_*.py"), *folder.parent.glob("test_kintone_simulator*.py")]
    sources = "".join(path.read_text(encoding="utf-8") for path in files)
    named = {int(number) for number in re.findall(r'"9\.([0-9]+) ', sources)}
    for first, word, second in re.findall(r"def test_([0-9]+)_(?:(to|and)_([0-9]+)_)?", sources):
        between = range(int(first), int(second) + 1) if word == "to" else (int(first), int(second or first))
        named |= set(between)

    shown = {
        number for number, row_name in SHOWN_BY.items() if f'"{row_name}"' in sources.replace(f': "{row_name}"', "")
    }
    assert named | shown == set(range(1, 43))


@row.each()
def test_the_simulator_behaves_as_kintone_is_known_to(check: Check) -> None:
    check(Api())


def test_rows_that_are_not_simulated_have_a_reason_and_no_test() -> None:
    assert all(NOT_SIMULATED.values())
    assert NOT_SIMULATED.keys().isdisjoint(row)
