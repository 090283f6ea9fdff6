"""Who may enter the simulated kintone: hosts and paths (1), authentication and permissions (2), row by row."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from calling import ADD, CUSTOMER, FULL, GUEST, LOGIN, PERMISSIONS, VIEW, Api, Check, Rows, refusal

from renkei_kintone.simulator import App
from renkei_kintone.simulator.form import complete

row = Rows()


# -- 1 hosts and paths


@row("1 an app of a guest space on the normal path")
def _(api: Api) -> None:
    assert refusal(api("GET", "app.json?id=12", token=GUEST)) == (400, "GAIA_IL23")


@row("1 an app on the path of a space that it is not in")
def _(api: Api) -> None:
    elsewhere = "https://demo.cybozu.com/k/guest/6/v1"

    assert refusal(api("GET", "app.json?id=12", token=GUEST, root=elsewhere)) == (403, "CB_NO02")
    assert refusal(api("GET", "app.json?id=1", root=elsewhere)) == (403, "CB_NO02")


@row("1 a guest space's own path", "doc")
def _(api: Api) -> None:
    answer = api("GET", "app.json?id=12", token=GUEST, root="https://demo.cybozu.com/k/guest/5/v1")

    assert answer.json()["spaceId"] == "5"


@row("1 an unknown subdomain")
def _(api: Api) -> None:
    api.kintone.hosts = frozenset({"demo.cybozu.com"})

    assert api("GET", "app.json?id=1").status_code == 200
    missing = api("GET", "app.json?id=1", root="https://demi.cybozu.com/k/v1")
    assert (missing.status_code, missing.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


@row("1 a URL of more than 8 KB, and the same as a POST", "doc")
def _(api: Api) -> None:
    api.fill(1)
    query = " or ".join(['件名 = "件名1"'] * 200)

    assert api.records(query).status_code == 414
    overridden = {"X-HTTP-Method-Override": "GET"}
    posted = api("POST", "records.json", headers=overridden, json={"app": 1, "query": query})
    assert [record["件名"]["value"] for record in posted.json()["records"]] == ["件名1"]


@row("1 parameters of a GET in a JSON body", "doc")
def _(api: Api) -> None:
    api.fill(2)

    answer = api("GET", "records.json", json={"app": "1", "query": "$id = 1", "fields": ["件名"]})

    assert answer.json()["records"] == [{"件名": {"type": "SINGLE_LINE_TEXT", "value": "件名1"}}]


@row("1 a body is read as JSON where its Content-Type says so, and only there", "doc")
def _(api: Api) -> None:
    body = '{"app": 1, "record": {"件名": {"value": "a"}}}'.encode()

    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
        assert api("POST", "record.json", content=body, headers={"Content-Type": kind}).status_code == 200
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert refusal(api("POST", "record.json", content=body, headers={"Content-Type": kind})) == (400, "CB_IL02")
    assert refusal(api("POST", "record.json", content=body)) == (400, "CB_IL02")
    assert refusal(api("POST", "record.json", files={"file": b"x"})) == (400, "CB_IL02")
    assert refusal(api("POST", "file.json", content=b"{}", headers={"Content-Type": "application/json"})) == (
        400,
        "CB_IL02",
    )


@row("1 a list in the query", "doc")
def _(api: Api) -> None:
    api.fill(1)

    answer = api.records(**{"fields[0]": "件名", "fields[1]": "$id"})

    assert list(answer.json()["records"][0]) == ["件名", "$id"]


@row("1 numbers as numbers or as texts; texts in answers", "doc")
def _(api: Api) -> None:
    api.fill(1)

    for id in (1, "1"):
        answer = api("GET", "record.json", json={"app": id, "id": id}).json()["record"]
        assert (answer["$id"]["value"], answer["$revision"]["value"]) == ("1", "1")


@row("1 Basic authentication of the domain", "doc")
def _(api: Api) -> None:
    api.kintone.basic = "domain:simulated-basic-password"
    given = "Basic " + base64.b64encode(b"domain:simulated-basic-password").decode()

    for sent in ({}, {"Authorization": "Basic eHg6eHg="}, {"Authorization": "Bearer x"}, {"Authorization": "Basic %"}):
        refused = api("GET", "app.json?id=1", headers=sent)
        assert (refused.status_code, refused.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert api("GET", "app.json?id=1", headers={"Authorization": given}).status_code == 200


@row("1 settings before Update app have a path of their own", "doc, spec")
def _(api: Api) -> None:
    live = api("GET", "app/form/fields.json?app=1").json()

    assert api("GET", "preview/app/form/fields.json?app=1").json() == live


# -- 2.1 tokens and passwords


@row("2.1 several tokens, with commas", "doc")
def _(api: Api) -> None:
    assert api("GET", "app.json?id=2", token=f"{FULL}, {CUSTOMER}").json()["name"] == "顧客"


@row("2.1 several tokens, with the header repeated", "doc")
def _(api: Api) -> None:
    assert api("GET", "app.json?id=2", token=[FULL, CUSTOMER]).json()["name"] == "顧客"


@row("2.1 nine tokens at most", "doc")
def _(api: Api) -> None:
    for app in range(31, 41):
        api.kintone.apps[str(app)] = App.from_data({"id": app, "name": "空", "fields": {}})
    tokens = [api.token("view", app=str(app)) for app in range(31, 41)]

    assert api("GET", "app.json?id=31", token=",".join(tokens[:9])).status_code == 200
    assert api("GET", "app.json?id=31", token=",".join(tokens)).status_code == 400


@row("2.1 two tokens of one app")
def _(api: Api) -> None:
    assert refusal(api("GET", "app.json?id=1", token=[FULL, ADD])) == (400, "GAIA_DA03")


@row("2.1 one unknown token among good ones")
def _(api: Api) -> None:
    assert refusal(api("GET", "app.json?id=1", token=f"{FULL},simulated-typo")) == (400, "GAIA_IA02")


@row("2.1 a password wins over a token", "doc, observed")
def _(api: Api) -> None:
    login = {"X-Cybozu-Authorization": LOGIN}

    assert api("GET", "records.json?app=1", token=ADD, headers=login).status_code == 200
    assert api("GET", "app.json?id=1", token="simulated-typo", headers=login).status_code == 200
    wrong = {"X-Cybozu-Authorization": base64.b64encode(b"Administrator:typo").decode()}
    assert refusal(api("GET", "app.json?id=1", headers=wrong)) == (401, "CB_WA01")


@row("2.1 a token lists no apps, a password does", "doc, observed")
def _(api: Api) -> None:
    login = {"X-Cybozu-Authorization": LOGIN}

    assert refusal(api("GET", "apps.json")) == (403, "GAIA_NO01")
    listed = api("GET", "apps.json", token=None, headers=login).json()["apps"]
    assert [app["appId"] for app in listed] == ["1", "2"]
    some = api("GET", "apps.json", token=None, headers=login, params={"name": "顧", "ids[0]": "2", "limit": "1"})
    assert [app["name"] for app in some.json()["apps"]] == ["顧客"]


@row("2.1 a lookup's settings are hidden without a token of the other app", "doc")
def _(api: Api) -> None:
    alone = api("GET", "app/form/fields.json?app=1", token=ADD).json()["properties"]["顧客コード"]
    together = api("GET", "app/form/fields.json?app=1", token=[ADD, CUSTOMER]).json()["properties"]["顧客コード"]

    assert alone["lookup"] is None
    assert together["lookup"]["relatedApp"] == {"app": "2", "code": ""}


# -- 2.2 the permission that each call needs

CALLS: list[tuple[str, str, dict[str, Any], set[str]]] = [
    ("GET", "app.json", {"id": 1}, {"view", "add"}),
    ("GET", "app/form/fields.json", {"app": 1}, {"view", "add", "manage"}),
    ("GET", "preview/app/form/fields.json", {"app": 1}, {"manage"}),
    ("GET", "app/form/layout.json", {"app": 1}, {"view", "add"}),
    ("GET", "preview/app/form/layout.json", {"app": 1}, {"manage"}),
    ("GET", "form.json", {"app": 1}, {"view", "add"}),
    ("POST", "record.json", {"app": 1, "record": {"件名": {"value": "a"}}}, {"add"}),
    ("POST", "records.json", {"app": 1, "records": [{"件名": {"value": "a"}}]}, {"add"}),
    ("GET", "record.json", {"app": 1, "id": 1}, {"view"}),
    ("GET", "records.json", {"app": 1}, {"view"}),
    ("POST", "records/cursor.json", {"app": 1}, {"view"}),
    ("PUT", "record.json", {"app": 1, "id": 1, "record": {}}, {"edit"}),
    ("PUT", "records.json", {"app": 1, "records": []}, {"edit"}),
    ("DELETE", "records.json", {"app": 1, "ids": [1]}, {"delete"}),
    ("PUT", "preview/app/form/fields.json", {"app": 1, "properties": {}}, {"manage"}),
    ("POST", "preview/app/form/fields.json", {"app": 1, "properties": {}}, {"manage"}),
    ("DELETE", "preview/app/form/fields.json", {"app": 1, "fields": []}, {"manage"}),
]

# The switches `settings_permission` and `deploy_by_token` give other answers.
GUESSES: list[tuple[str, str, dict[str, Any], set[str]]] = [
    ("GET", "app/settings.json", {"app": 1}, {"view"}),
    ("POST", "preview/app/deploy.json", {"apps": [{"app": 1}]}, {"manage"}),
    ("GET", "preview/app/deploy.json", {"apps": [1]}, {"manage"}),
]


@pytest.mark.parametrize(
    ("method", "api_name", "parameters", "needs"),
    [pytest.param(*call, id=f"2.2 {call[0]} {call[1]}: {' or '.join(sorted(call[3]))}") for call in CALLS]
    + [pytest.param(*call, id=f"guess: {call[0]} {call[1]}") for call in GUESSES],
)
def test_a_call_needs_its_permission_and_no_other(
    method: str, api_name: str, parameters: dict[str, Any], needs: set[str]
) -> None:
    for permission in PERMISSIONS:
        api = Api()
        api.fill(1)
        answer = api(method, api_name, token=api.token(permission), json=parameters)

        if permission in needs:
            assert answer.status_code == 200, (permission, answer.text)
        else:
            assert refusal(answer) == (403, "GAIA_NO01"), permission


@row("2.2 a cursor is read with the permission to view", "doc")
def _(api: Api) -> None:
    id = api("POST", "records/cursor.json", json={"app": 1}).json()["id"]

    assert refusal(api("GET", f"records/cursor.json?id={id}", token=ADD)) == (403, "GAIA_NO01")
    assert refusal(api("DELETE", "records/cursor.json", token=ADD, json={"id": id})) == (403, "GAIA_NO01")
    assert api("GET", f"records/cursor.json?id={id}", token=VIEW).json() == {"records": [], "next": False}


# -- 2.3 a token that may only add


@row("2.3 an add-only token neither reads, counts, queries nor opens a cursor", "doc, observed")
def _(api: Api) -> None:
    refused = [
        api("GET", "records.json?app=1&totalCount=true", token=ADD),
        api("GET", "record.json?app=1&id=1", token=ADD),
        api("POST", "records/cursor.json", token=ADD, json={"app": 1}),
        api("GET", "preview/app/form/fields.json?app=1", token=ADD),
    ]

    assert {refusal(answer) for answer in refused} == {(403, "GAIA_NO01")}


@row("2.3 the settings of a lookup and of related records are shown by view, add or manage in the other app", "doc")
def _(api: Api) -> None:
    related = {"relatedApp": {"app": "2", "code": ""}, "condition": {"field": "件名", "relatedField": "顧客名"}}
    api.kintone.apps["1"].fields["関連"] = complete("関連", {"type": "REFERENCE_TABLE", "referenceTable": related})

    shown = {}
    for permission in PERMISSIONS:
        tokens = [ADD, api.token(permission, app="2")]
        form = api("GET", "app/form/fields.json?app=1", token=tokens).json()["properties"]
        shown[permission] = (form["顧客コード"]["lookup"] is not None, form["関連"]["referenceTable"] is not None)

    assert {permission for permission, seen in shown.items() if seen == (True, True)} == {"view", "add", "manage"}
    assert {permission for permission, seen in shown.items() if seen == (False, False)} == {"edit", "delete"}


@row("2.3 a lookup is written with a token that may view the other app, and no other", "doc, observed")
def _(api: Api) -> None:
    api.kintone.apps["2"].store({"顧客コード": "C1"}, api.kintone.instant())
    record = {"app": 1, "record": {"件名": {"value": "a"}, "顧客コード": {"value": "C1"}}}

    for permission in PERMISSIONS:
        answer = api("POST", "record.json", token=[ADD, api.token(permission, app="2")], json=record)
        assert permission == "view" or refusal(answer) == (400, "GAIA_LO04")
        assert (answer.status_code == 200) is (permission == "view")


@row.each()
def test_the_simulator_behaves_as_kintone_is_known_to(check: Check) -> None:
    check(Api())
