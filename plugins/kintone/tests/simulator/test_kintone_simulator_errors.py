"""How the simulated kintone says no to those who enter and read (4), row by row."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from calling import ADD, FULL, GUEST, LOGIN, WAITING, Api, Check, Rows, errors, refusal

JSON = {"Content-Type": "application/json"}
row = Rows()


# -- 4.1 the shape of errors


@row("4.1 an error has a code, an id of its own and a message; headers say the rest", "doc, observed")
def _(api: Api) -> None:
    one, other = (api("GET", "app.json?id=1", token="simulated-typo") for _ in range(2))

    assert set(one.json()) == {"code", "id", "message"}
    assert len(one.json()["id"]) == 20
    assert one.json()["id"] != other.json()["id"]
    assert one.headers["Content-Type"] == "application/json;charset=utf-8"
    assert one.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"


# -- 4.2 codes


@row("4.2 CB_AU01")
def _(api: Api) -> None:
    """Neither a token nor a password."""
    assert refusal(api("GET", "app.json?id=1", token=None)) == (401, "CB_AU01")


@row("4.2 CB_WA01")
def _(api: Api) -> None:
    """A password that is wrong, or a header that is none."""
    for header in ("no Base64!", "eHg=", base64.b64encode(b"nobody:x").decode(), ""):
        wrong = {"X-Cybozu-Authorization": header}
        assert refusal(api("GET", "app.json?id=1", token=None, headers=wrong)) == (401, "CB_WA01")


@row("4.2 GAIA_IA02", "doc, observed")
def _(api: Api) -> None:
    """A token that is unknown, empty, or not yet in force."""
    for token in ("simulated-typo", "", WAITING):
        assert refusal(api("GET", "app.json?id=1", token=token)) == (400, "GAIA_IA02")


@row("4.2 GAIA_AP15", "doc, observed")
def _(api: Api) -> None:
    """A valid token of another app."""
    assert refusal(api("GET", "app.json?id=2", token=FULL)) == (403, "GAIA_AP15")


@row("4.2 GAIA_AP01")
def _(api: Api) -> None:
    """An app that does not exist, asked for with a password."""
    login = {"X-Cybozu-Authorization": LOGIN}

    assert refusal(api("GET", "app.json?id=404", token=None, headers=login)) == (404, "GAIA_AP01")


@row("4.2 CB_IL02")
def _(api: Api) -> None:
    """An empty body, or an upload without a file."""
    assert refusal(api("POST", "records/cursor.json", content=b"")) == (400, "CB_IL02")
    assert refusal(api("POST", "file.json", files={"other": b"x"})) == (400, "CB_IL02")


@row("4.2 CB_IJ01")
def _(api: Api) -> None:
    """A body or a parameter of the wrong JSON type."""
    for sent in (b"{", b"[]", b'"x"', b'{"app": NaN}', '{"app": 1}'.encode("utf-16")):
        assert refusal(api("POST", "records/cursor.json", content=sent, headers=JSON)) == (400, "CB_IJ01")
    wrongs: list[dict[str, Any]] = [{"app": [1]}, {"app": {}}, {"query": 1}, {"query": []}]
    for wrong in [*wrongs, {"fields": "件名"}, {"fields": [1]}]:
        assert refusal(api("GET", "records.json", json={"app": 1, **wrong})) == (400, "CB_IJ01")


@row("4.2 GAIA_RE01")
def _(api: Api) -> None:
    """A read of a record that is not there."""
    assert refusal(api("GET", "record.json?app=1&id=7")) == (404, "GAIA_RE01")


@row("4.2 GAIA_IQ11")
def _(api: Api) -> None:
    """A query for a field that the form does not have."""
    for query in ('題名 = "a"', "order by 題名 asc", '件名 = "a" or 題名 = "b"'):
        assert refusal(api.records(query)) == (400, "GAIA_IQ11")


@row("4.2 GAIA_IQ03")
def _(api: Api) -> None:
    """An operator that the type of the field does not know."""
    for query in ('件名 > "a"', 'チャネル = "SMS"', '本文 = "a"', "対応日時 in (NOW())", '応対時間 like "1"'):
        assert refusal(api.records(query)) == (400, "GAIA_IQ03")


@row("4.2 GAIA_IQ07")
def _(api: Api) -> None:
    """`=` on a field of a table."""
    assert refusal(api.records('経過内容 = "a"')) == (400, "GAIA_IQ07")


@row("4.2 GAIA_CO03")
def _(api: Api) -> None:
    """A revision that is not that of the app's settings."""
    stale = {"app": 1, "properties": {"追加": {"type": "NUMBER"}}, "revision": "7"}

    assert refusal(api("POST", "preview/app/form/fields.json", json=stale)) == (409, "GAIA_CO03")
    assert refusal(api("POST", "preview/app/deploy.json", json={"apps": [{"app": 1, "revision": 7}]})) == (
        409,
        "GAIA_CO03",
    )
    assert api("POST", "preview/app/form/fields.json", json=stale | {"revision": "1"}).json() == {"revision": "2"}


@row("4.2 GAIA_FC01")
def _(api: Api) -> None:
    """Settings of a field that the form does not have."""
    change = {"app": 1, "properties": {"題名": {"label": "題"}}}

    assert refusal(api("PUT", "preview/app/form/fields.json", json=change)) == (400, "GAIA_FC01")
    gone = api("DELETE", "preview/app/form/fields.json", json={"app": 1, "fields": ["題名"]})
    assert refusal(gone) == (400, "GAIA_FC01")


@row("4.2 a page for addresses that are not allowed")
def _(api: Api) -> None:
    api.kintone.ip_restricted = True

    answer = api("GET", "app.json?id=1")

    assert answer.headers["Content-Type"].startswith("text/html")
    assert "認証が必要です" in answer.text


def _struck(api: Api, kind: str) -> httpx.Response:
    api.kintone.order(kind)
    return api("GET", "app.json?id=1")


def _eleventh_cursor(api: Api) -> httpx.Response:
    return [api("POST", "records/cursor.json", json={"app": 1}) for _ in range(11)][-1]


# Code, status, what brings it about, the message or its beginning in English and in Japanese; "" where it is not known.
CODES: list[tuple[str, int, Callable[[Api], httpx.Response], str, str]] = [
    ("CB_AU01", 401, lambda api: api("GET", "app.json?id=1", token=None), "Please login.", "ログインしてください。"),
    (
        "CB_WA01",
        401,
        lambda api: api("GET", "app.json?id=1", headers={"X-Cybozu-Authorization": "eA=="}),
        "Password authentication failed. The value in http header of X-Cybozu-Authorization is not valid.",
        "ユーザーのパスワード認証に失敗しました。「X-Cybozu-Authorization」ヘッダーの値が正しくありません。",
    ),
    (
        "GAIA_IA02",
        400,
        lambda api: api("GET", "app.json?id=1", token="simulated-typo"),
        "The specified API token does not match the API token generated via an app.",
        (
            "指定したAPIトークンは、アプリで生成されたトークンと異なります。アプリのAPIトークンの設定を確認してください。"
            "設定が正しい場合、APIトークンの設定がアプリに反映されていない場合があります。アプリの設定を更新し、"
            "APIトークンの設定をアプリに反映します。"
        ),
    ),
    (
        "GAIA_AP15",
        403,
        lambda api: api("GET", "app.json?id=2"),
        "The API token does not match the app",
        "APIトークンとアプリ(id: 2)の組み合わせが正しくありません。",
    ),
    (
        "GAIA_NO01",
        403,
        lambda api: api("GET", "records.json?app=1", token=ADD),
        "Using this API token, you cannot run the specified API.",
        "このAPIトークンでは、指定したAPIを実行できません。",
    ),
    (
        "GAIA_DA03",
        400,
        lambda api: api("GET", "app.json?id=1", token=[FULL, ADD]),
        "You cannot specify a duplicate API token for the same app.",
        "",
    ),
    (
        "CB_NO02",
        403,
        lambda api: api("GET", "app.json?id=1", root="https://demo.cybozu.com/k/guest/5/v1"),
        "No privilege to proceed.",
        "権限がありません。",
    ),
    (
        "GAIA_AP01",
        404,
        lambda api: api("GET", "app.json?id=404", headers={"X-Cybozu-Authorization": LOGIN}),
        "The app (ID: 404) not found. The app may have been deleted.",
        "指定したアプリ（id: 404）が見つかりません。削除されている可能性があります。",
    ),
    (
        "GAIA_IL23",
        400,
        lambda api: api("GET", "app.json?id=12", token=GUEST),
        "When you operate an app in a guest space, please send the request to '/k/guest/(guest space ID)/v1/...'.",
        "ゲストスペース内のアプリを操作する場合は、リクエストの送信先を「/k/guest/（ゲストスペースのID）/v1/...」にします。",
    ),
    (
        "CB_IL02",
        400,
        lambda api: api("POST", "records/cursor.json", content=b""),
        "Illegal request.",
        "不正なリクエストです。",
    ),
    (
        "GAIA_DA02",
        400,
        lambda api: _struck(api, "da02"),
        "Failed to save the changes because the database could not be locked. Please wait a while and try again.",
        "データベースのロックに失敗したため、変更を保存できませんでした。時間をおいて再度お試しください。",
    ),
    (
        "GAIA_TO04",
        429,
        lambda api: _struck(api, "429"),
        "The number of concurrent API requests exceeds the limit.",
        "APIの同時リクエスト数が上限を超えています。",
    ),
    ("GAIA_TM12", 429, _eleventh_cursor, "", "作成できるカーソルの上限に達しているため"),
    (
        "GAIA_QU01",
        400,
        lambda api: api.records("limit 501"),
        "limit must be 500 or less.",
        "limit には 500 以下の値を指定してください。",
    ),
    ("GAIA_QU02", 400, lambda api: api.records("offset 10001"), "", "offset には 10,000 以下の値を指定してください。"),
    (
        "GAIA_IQ11",
        400,
        lambda api: api.records("題名 is empty"),
        "Specified field (題名) not found.",
        "指定されたフィールド（題名）が見つかりません。",
    ),
    (
        "GAIA_IQ03",
        400,
        lambda api: api.records('チャネル = "SMS"'),
        "",
        "チャネルフィールドのフィールドタイプには演算子=を使用できません。",
    ),
]


@pytest.mark.parametrize(
    ("code", "status", "ask", "en", "ja"), [pytest.param(*line, id=f"4.2 {line[0]} in words") for line in CODES]
)
def test_a_code_has_its_status_and_kintones_words(
    code: str, status: int, ask: Callable[[Api], httpx.Response], en: str, ja: str
) -> None:
    for language, message in (("en", en), ("ja", ja)):
        api = Api()
        api.kintone.language = language

        answer = ask(api)

        assert refusal(answer) == (status, code)
        assert answer.json()["message"].startswith(message)


# -- 4.3 parameters


@row("4.3 a parameter is missing")
def _(api: Api) -> None:
    assert errors(api("GET", "records.json")) == {"app": ["必須です。"]}
    assert errors(api("GET", "record.json?app=1")) == {"id": ["必須です。"]}
    assert errors(api("GET", "records/cursor.json")) == {"id": ["必須です。"]}
    assert errors(api("POST", "preview/app/deploy.json", json={})) == {"apps": ["必須です。"]}


@row("4.3 an app or an id that is none")
def _(api: Api) -> None:
    assert errors(api("GET", "records.json?app=0")) == {"app": ["最小でも1以上です。"]}
    for none in ("x", "--1", "1.5", "１", "9" * 30):
        assert errors(api("GET", f"records.json?app={none}")) == {"app": ["整数で入力してください。"]}
    assert errors(api("GET", "record.json?app=1&id=-1")) == {"id": ["最小でも1以上です。"]}


@row("4.3 a parameter that is no boolean, or not among the values")
def _(api: Api) -> None:
    api.kintone.language = "en"

    assert errors(api.records(totalCount="yes")) == {"totalCount": ["must be boolean."]}
    said = errors(api("GET", "app/form/fields.json?app=1&lang=fr"))
    assert said == {"lang": ["must be one of the enum value"]}


@row("4.3 a query that is none")
def _(api: Api) -> None:
    for query in (
        "件名",
        "件名 =",
        '件名 = "a',
        "limit x",
        'and 件名 = "a"',
        '(件名 = "a"',
        "order by",
        '件名 = "a" 本文',
    ):
        assert errors(api.records(query)) == {"query": ["クエリ記法が間違っています。"]}, query


# -- 4.4 languages


@row("4.4 the user's language, or the browser's where the user follows it")
def _(api: Api) -> None:
    def message(accepted: str) -> str:
        answer = api("GET", "app.json?id=1", token=None, headers={"Accept-Language": accepted})
        return str(answer.json()["message"])

    assert message("en") == "ログインしてください。"
    api.kintone.follow_browser = True
    assert message("en") == message("ja;q=0.5, en-GB;q=0.9") == message("fr, en") == "Please login."
    assert message("ja") == message("fr") == "ログインしてください。"
    api.kintone.language = "en"
    assert message("fr") == "Please login."


@row.each()
def test_the_simulator_behaves_as_kintone_is_known_to(check: Check) -> None:
    check(Api())
