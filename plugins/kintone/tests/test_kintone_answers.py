"""What people read when something is wrong: each mistake that an admin can make, through `renkei` and the engine.

The rows are those that kintone's documentation and people's reports name; each is played by the simulator.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from renkei import Renkei
from renkei.cli.app import app
from renkei.delivery import Policy
from renkei.engine import Integration
from renkei.mapping import Mapping, Rule
from renkei.spec import RenkeiError, SettingsError
from renkei.testing import drain
from renkei_kintone.meanings import MEANINGS
from renkei_kintone.simulator import Kintone, sample, serve
from renkei_kintone.simulator.domain import Token

TOKEN = "simulated-add-only-token"
HOSTS = ("demo.cybozu.com", "demo.kintone.com", "demo.cybozu.cn", "typo.cybozu.com")
TOKENS_PAGE = "https://demo.cybozu.com/k/admin/app/apitoken?app=1"
FORM_PAGE = "https://demo.cybozu.com/k/admin/app/flow?app=1#section=form"
PORTAL = "https://demo.cybozu.com/"

Prepare = Callable[[Kintone], Any]


class Row(NamedTuple):
    """One mistake: what is typed beside good settings, how kintone stands, and what is then read."""

    code: str
    ja: tuple[str, ...]
    en: tuple[str, ...]
    page: str | None = None
    typed: dict[str, str] | None = None
    kintone: Prepare = lambda kintone: None


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Kintone, str]]:
    kintone = sample()
    with serve(kintone) as url:
        yield kintone, url


@pytest.fixture
def kintone(served: tuple[Kintone, str]) -> Kintone:
    """The sample domain as on the first day."""
    kintone, fresh = served[0], sample()
    kintone.reset()
    kintone.apps, kintone.tokens = fresh.apps, fresh.tokens
    kintone.basic, kintone.hosts, kintone.ip_restricted, kintone.old_statuses = None, frozenset(), False, False
    kintone.unsure, kintone.concurrency = fresh.unsure, fresh.concurrency
    return kintone


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One database for all: what is refused is not stored, and making a database takes longer than a refusal."""
    return tmp_path_factory.mktemp("answers")


@pytest.fixture
def add(
    kintone: Kintone, served: tuple[Kintone, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """`renkei connections add kintone` with good settings and what a test puts over them."""
    monkeypatch.chdir(folder)

    def adding(*options: str, **typed: str) -> Any:
        given = {"subdomain": "demo", "app_id": "1", "api_token": TOKEN, **typed}
        secrets = {"api_token", "lookup_tokens", "basic_user", "basic_password"}
        arguments = [f"{name}={value}" for name, value in given.items() if name not in secrets]
        environment = {f"RENKEI_KINTONE_{name.upper()}": given[name] for name in secrets & given.keys()}
        routes = ",".join(f"{host}={served[1]}" for host in HOSTS)
        runner = CliRunner(env={"RENKEI_ROUTES": routes, "RENKEI_ACTOR": "sato", "RENKEI_LANG": "en", **environment})
        sets = [part for argument in arguments for part in ("--set", argument)]
        return runner.invoke(app, [*options, "connections", "add", "kintone", *sets], prog_name="renkei")

    return adding


def permissions(*names: str) -> Prepare:
    """The connection's token may do these things."""

    def prepare(kintone: Kintone) -> None:
        kintone.tokens[TOKEN] = Token(TOKEN, "1", frozenset(names))

    return prepare


def in_guest_space(kintone: Kintone) -> None:
    kintone.apps["1"].guest_space = "5"


def only_at(host: str) -> Prepare:
    return lambda kintone: setattr(kintone, "hosts", frozenset({host}))


def restricted(status: int) -> Prepare:
    def prepare(kintone: Kintone) -> None:
        kintone.ip_restricted = True
        kintone.unsure = replace(kintone.unsure, ip_restriction_status=status)

    return prepare


def answered(**answer: Any) -> Prepare:
    return lambda kintone: kintone.order("answer", **answer)


UPDATE_APP = ("「アプリを更新」", "コピーし直す", "参照先"), ("'Update app'", "copy it again", "one bad token")
TICK_ADD = ("「レコード追加」にチェック", "「アプリを更新」"), ("tick 'Add records'", "'Update app'")
OTHER_APP = ("別のアプリ", "アプリIDが違う場合"), ("another app", "app ID is wrong")
NO_DOMAIN = ("サブドメインのつづり", "kintone.com", "cybozu.cn"), ("Check its spelling", "kintone.com", "cybozu.cn")
GUEST_ID = ("ゲストスペースIDに入力", "/k/guest/（数字）/"), ("Enter the guest space ID", "/k/guest/(number)/")
WRONG_SPACE = ("ゲストスペースIDが違う場合", "空にして"), ("guest space ID is wrong", "leave it empty")
ADDRESS = ("IPアドレスを許可", "Basic認証"), ("allow the addresses of this service", "Basic authentication")
PAGE = ("ログイン画面やプロキシの画面", "IPアドレス制限"), ("log-in or proxy page", "IP address restriction")
TWICE = ("同じアプリのAPIトークンが2つ", "参照先"), ("Two API tokens of one app", "referenced apps")
LOGIN = ("Basic認証のユーザー名とパスワード", "管理者"), ("user name and password", "administrators")
WRONG_LOGIN = ("Basic認証のユーザー名かパスワードが違います",), ("or password of Basic authentication is wrong",)
PLAN = ("ライトコースではAPIを使えません",), ("the Light course has no API",)
SETTINGS_PAGE = "https://demo.cybozu.com/k/admin/app/flow?app=1#section=settings"

ROWS = {
    "forgot Update app": Row(
        "GAIA_IA02", *UPDATE_APP, TOKENS_PAGE, typed={"api_token": "simulated-token-before-update-app"}
    ),
    "typo in the token": Row("GAIA_IA02", *UPDATE_APP, TOKENS_PAGE, typed={"api_token": "simulated-ad-only-token"}),
    "deleted token": Row("GAIA_IA02", *UPDATE_APP, TOKENS_PAGE, kintone=lambda kintone: kintone.tokens.pop(TOKEN)),
    "deleted token, on an older server": Row(
        "GAIA_IA02",
        *UPDATE_APP,
        TOKENS_PAGE,
        typed={"api_token": "simulated-ad-only-token"},
        kintone=lambda kintone: setattr(kintone, "old_statuses", True),
    ),
    "deleted token of a referenced app": Row(
        "GAIA_IA02", *UPDATE_APP, TOKENS_PAGE, typed={"lookup_tokens": "simulated-deleted-token"}
    ),
    "token of another app": Row("GAIA_AP15", *OTHER_APP, TOKENS_PAGE, typed={"api_token": "simulated-customer-token"}),
    "wrong app id": Row(
        "GAIA_AP15", *OTHER_APP, "https://demo.cybozu.com/k/admin/app/apitoken?app=2", typed={"app_id": "2"}
    ),
    "two tokens of one app": Row("GAIA_DA03", *TWICE, typed={"lookup_tokens": "simulated-view-only-token"}),
    "add not ticked": Row("GAIA_NO01", *TICK_ADD, TOKENS_PAGE, kintone=permissions()),
    "view ticked instead of add": Row("GAIA_NO01", *TICK_ADD, TOKENS_PAGE, kintone=permissions("view")),
    "wrong subdomain": Row(
        "no_such_domain", *NO_DOMAIN, typed={"subdomain": "typo"}, kintone=only_at("demo.cybozu.com")
    ),
    "kintone.com for cybozu.com": Row(
        "no_such_domain", *NO_DOMAIN, typed={"subdomain": "demo.kintone.com"}, kintone=only_at("demo.cybozu.com")
    ),
    "cybozu.cn for cybozu.com, where another company has it": Row(
        "GAIA_IA02",
        *UPDATE_APP,
        "https://demo.cybozu.cn/k/admin/app/apitoken?app=1",
        typed={"subdomain": "demo.cybozu.cn", "api_token": "simulated-token-from-cybozu.com"},
    ),
    "guest space without its id": Row("GAIA_IL23", *GUEST_ID, None, kintone=in_guest_space),
    "wrong guest space id": Row("CB_NO02", *WRONG_SPACE, None, typed={"guest_space_id": "6"}, kintone=in_guest_space),
    "guest space id for an app in none": Row("CB_NO02", *WRONG_SPACE, None, typed={"guest_space_id": "6"}),
    "IP restriction, as 403": Row("access_refused", *ADDRESS, PORTAL, kintone=restricted(403)),
    "IP restriction, as 401": Row("access_refused", *ADDRESS, PORTAL, kintone=restricted(401)),
    "IP restriction, as a page with 200": Row(
        "not_json", *PAGE, PORTAL, kintone=answered(status=200, body="<html>認証が必要です</html>")
    ),
    "a redirect to a log-in page": Row(
        "redirected",
        ("別のアドレス", "IPアドレス制限", "サブドメインが変わった場合"),
        ("another one", "IP address restriction", "subdomain was changed"),
        kintone=answered(status=302),
    ),
    "Basic authentication that was not entered": Row(
        "basic_wanted", *LOGIN, kintone=lambda kintone: setattr(kintone, "basic", "user:canary")
    ),
    "Basic authentication with another password": Row(
        "basic_refused",
        *WRONG_LOGIN,
        typed={"basic_user": "user", "basic_password": "other"},
        kintone=lambda kintone: setattr(kintone, "basic", "user:canary"),
    ),
    "Light course, as a page that says no": Row(
        "refused", *PLAN, SETTINGS_PAGE, kintone=answered(status=402, body="<html>no</html>")
    ),
    "maintenance": Row(
        "maintenance",
        ("メンテナンス中",),
        ("under maintenance",),
        kintone=lambda kintone: kintone.order("before_apply_503"),
    ),
    "too many requests at once": Row(
        "GAIA_TO04",
        ("同時接続数の上限", "他の連携"),
        ("100 concurrent requests", "what else calls"),
        kintone=lambda kintone: kintone.order("429"),
    ),
    "a lock in kintone's database": Row(
        "GAIA_DA02", ("ロック",), ("lock its database",), kintone=lambda kintone: kintone.order("da02")
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_mistake_is_told_with_its_causes_remedies_and_the_page_for_them(
    add: Callable[..., Any], kintone: Kintone, row: Row
) -> None:
    row.kintone(kintone)

    ended = add("--json", **(row.typed or {}))

    assert ended.exit_code == 1
    told = failure(ended)
    assert told["code"] == row.code
    assert [word for word in row.ja if word not in told["ja"]] == []
    assert [word for word in row.en if word not in told["en"]] == []
    assert not [secret for secret in ("simulated-", "canary") if secret in ended.output]
    pages = {re.search(r"https://\S+", told[language]) for language in ("ja", "en")}
    assert {page and page[0] for page in pages} == {row.page}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_sentence_is_read_in_the_language_asked_for(add: Callable[..., Any], language: str) -> None:
    ended = add("--lang", language, api_token="simulated-token-before-update-app")

    expected = MEANINGS["GAIA_IA02"].text.in_(language)
    label = "確認・設定する画面" if language == "ja" else "The page for it"
    assert ended.stderr.strip().endswith(f": {expected} {label}: {TOKENS_PAGE} (GAIA_IA02)")


@pytest.mark.parametrize("token", ["simulated add only token", "", "ｓｉｍｕｌａｔｅｄ"])
def test_a_token_that_was_pasted_with_a_blank_or_not_at_all_is_told_before_anything_is_sent(
    add: Callable[..., Any], kintone: Kintone, token: str
) -> None:
    ended = add("--json", "--lang", "ja", api_token=token)

    assert ended.exit_code != 0
    assert "APIトークン" in ended.stderr
    assert list(kintone.requests) == []


def failure(ended: Any) -> dict[str, str]:
    found: dict[str, str] = json.loads(ended.stderr.splitlines()[-1])["error"]
    return found


# -- what goes well --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("ja", ["レコード追加: 不明 (", "レコード編集: 不明 (不要です。"]),
        ("en", ["Add records: unknown (", "Edit records: unknown (not needed"]),
    ],
)
def test_what_is_known_of_the_permissions_is_told_with_what_to_do(
    add: Callable[..., Any], language: str, lines: list[str]
) -> None:
    ended = add("--lang", language)

    assert ended.exit_code == 0, ended.output
    assert [line for line in lines if line not in ended.stdout] == []


@pytest.mark.parametrize(("language", "line"), [("ja", "! レコード閲覧: なし ("), ("en", "! View records: missing (")])
def test_a_permission_that_the_settings_promise_and_the_token_lacks_stands_out(
    add: Callable[..., Any], language: str, line: str
) -> None:
    ended = add("--lang", language, may_view="yes")

    assert ended.exit_code == 0, ended.output
    assert [told[0] for told in ended.stdout.splitlines()[1:] if told.startswith(line)] == ["!"]
    assert sum(told.startswith("!") for told in ended.stdout.splitlines()) == 1


def test_every_optional_setting_can_be_given_on_the_command_line(add: Callable[..., Any], kintone: Kintone) -> None:
    permissions("add", "view")(kintone)
    kintone.basic = "user:pass"
    optional = {"may_view": "はい", "request_megabytes": "8", "daily_requests": "100000", "daily_share": "50"}
    secrets = {"basic_user": "user", "basic_password": "pass", "lookup_tokens": "simulated-customer-token"}

    ended = add("--json", **optional, **secrets)

    assert ended.exit_code == 0, ended.output
    shown = json.loads(ended.stdout)
    assert {name: shown["settings"][name] for name in optional} == {
        "may_view": True,
        "request_megabytes": 8,
        "daily_requests": 100_000,
        "daily_share": 50,
    }
    assert shown["permissions"]["view_records"] == "granted"
    assert not [name for name in ("api_token", *secrets) if name in shown["settings"]]


def test_an_optional_secret_is_taken_away_by_renewing_with_nothing(
    add: Callable[..., Any], kintone: Kintone, served: tuple[Kintone, str]
) -> None:
    name = json.loads(add("--json", lookup_tokens="simulated-customer-token").stdout)["name"]
    del kintone.tokens["simulated-customer-token"]
    runner = CliRunner(env={"RENKEI_ROUTES": f"demo.cybozu.com={served[1]}", "RENKEI_ACTOR": "sato"})

    spoilt = runner.invoke(app, ["connections", "test", name], prog_name="renkei")
    renewed = runner.invoke(app, ["connections", "renew", name, "--set", "lookup_tokens="], prog_name="renkei")
    tested = runner.invoke(app, ["connections", "test", name], prog_name="renkei")

    assert "GAIA_IA02" in spoilt.stderr
    assert (renewed.exit_code, tested.exit_code) == (0, 0), renewed.output + tested.output


def test_renewing_without_any_setting_asks_for_the_secrets_that_are_needed_and_no_others(
    add: Callable[..., Any], served: tuple[Kintone, str]
) -> None:
    name = json.loads(add("--json").stdout)["name"]
    environment = {"RENKEI_ROUTES": f"demo.cybozu.com={served[1]}", "RENKEI_ACTOR": "sato"}

    without = CliRunner(env=environment).invoke(app, ["connections", "renew", name], prog_name="renkei")
    given = CliRunner(env=environment | {"RENKEI_KINTONE_API_TOKEN": TOKEN}).invoke(
        app, ["connections", "renew", name], prog_name="renkei"
    )

    assert "api_token" in without.stderr
    assert given.exit_code == 0, given.output


# -- what comes to light later ---------------------------------------------------------------------------------------


def _rule(target: str, source: str) -> Rule:
    """A rule for *target*; a source that begins with `=` is a constant."""
    return Rule(target=target, constant=source[1:]) if source.startswith("=") else Rule(target=target, source=source)


class Desk:
    """A helpdesk whose inbox is bound to the sample app; kintone changes between the last look and the push."""

    def __init__(self, folder: Path, kintone: Kintone, url: str) -> None:
        self.kintone = kintone
        self.url = url
        self.meanwhile: Callable[[], Any] | None = None
        self.renkei = Renkei(
            str(folder / "renkei.db"), routes={"demo.cybozu.com": url}, policy=Policy(reached=self._reached)
        )
        settings = {"subdomain": "demo", "app_id": "1", "api_token": TOKEN}
        self.renkei.connections.add("t", "admin", "kintone", backend="kintone", settings=settings)

    def _reached(self, point: str) -> None:
        if point == "before_send" and self.meanwhile is not None:
            change, self.meanwhile = self.meanwhile, None
            change()

    def bind(self, *, keyed: bool = True, **sources: str) -> Integration:
        sources = ({"キー": "delivery.key"} if keyed else {}) | {"件名": "message.subject"} | sources
        rules = tuple(_rule(target, source) for target, source in sources.items())
        mapping = Mapping(rules=rules)
        return self.renkei.integrations.create("t", "admin", "support", connection="kintone", mapping=mapping)

    def deliver(self, subject: str = "お見積りの件") -> Any:
        """Record one mail, deliver, and ask why."""
        self.record("a1", subject)
        drain(self.renkei)
        return self.renkei.why("t", "a1")

    def record(self, id: str, subject: str) -> None:
        action = {
            "action": {"id": id, "kind": "mail_sent", "channel": "mail", "occurred_at": datetime.now(UTC)},
            "message": {"subject": subject, "body_text": "本文"},
        }
        self.renkei.record("t", "support", action)


@pytest.fixture
def desk(tmp_path: Path, served: tuple[Kintone, str], kintone: Kintone) -> Iterator[Desk]:
    ready = Desk(tmp_path, kintone, served[1])
    yield ready
    ready.renkei.close()


def test_a_field_that_became_required_is_named_with_the_page_of_the_form(desk: Desk) -> None:
    desk.bind()
    desk.meanwhile = lambda: desk.kintone.apps["1"].fields["会社名"].update(required=True)

    status = desk.deliver().status

    assert (status.state, status.code, status.field) == ("rejected", "CB_VA01", "会社名")
    assert status.text.ja.startswith("「会社名」: kintoneがフィールドの値を受け付けませんでした。")
    assert "必須です。" in status.text.ja
    assert status.text.ja.endswith(f"確認・設定する画面: {FORM_PAGE}")
    assert status.text.en.endswith(f"The page for it: {FORM_PAGE}")


def test_an_option_that_was_renamed_is_named(desk: Desk) -> None:
    desk.bind(チャネル="=メール")
    desk.meanwhile = lambda: desk.kintone.apps["1"].fields["チャネル"]["options"].pop("メール")

    status = desk.deliver().status

    assert (status.state, status.code, status.field) == ("rejected", "CB_VA01", "チャネル")
    assert "選択肢にありません" in status.text.ja
    assert FORM_PAGE in status.text.en


def test_a_text_longer_than_the_field_takes_now_is_named(desk: Desk) -> None:
    desk.bind()
    desk.meanwhile = lambda: desk.kintone.apps["1"].fields["件名"].update(maxLength="3")

    status = desk.deliver().status

    assert (status.state, status.code, status.field) == ("rejected", "CB_VA01", "件名")
    assert FORM_PAGE in status.text.ja


def test_what_the_mapping_and_what_kintone_rule_out_is_told_at_once_and_each_field_once(desk: Desk) -> None:
    desk.bind(応対時間="message.subject", チケットURL="message.subject")

    status = desk.deliver(subject="ftp://files.example/").status

    assert (status.state, status.field) == ("rejected", "応対時間")
    assert [status.text.ja.count(name) for name in ("「応対時間（分）」", "「チケットURL」")] == [1, 1]
    assert desk.kintone.values() == []


def test_a_key_that_another_record_holds_is_no_delivery(desk: Desk) -> None:
    desk.bind()

    def taken() -> None:
        key = desk.renkei.why("t", "a1").delivery_key
        desk.kintone.apps["1"].store({"キー": key, "件名": "another"}, desk.kintone.instant())

    desk.meanwhile = taken

    status = desk.deliver().status

    assert (status.state, status.code) == ("rejected", "key_taken")
    assert "連携キー" in status.text.ja


def test_a_field_code_that_was_changed_is_told_as_what_may_be_missing(desk: Desk) -> None:
    desk.bind(本文="message.body_text")

    def rename() -> None:
        fields = desk.kintone.apps["1"].fields
        fields["本文2"] = fields.pop("本文") | {"code": "本文2"}

    desk.meanwhile = rename

    story = desk.deliver()

    assert story.status.state == "delivered"  # kintone ignores what it does not know, with status 200
    assert any("本文" in text.ja and "本文" in text.en for text in story.drift)
    assert desk.renkei.integrations.show("t", "admin", "support").lane == "blocked"


def test_a_lookup_without_the_token_of_its_app_is_told_at_set_up_and_when_it_is_refused(desk: Desk) -> None:
    warnings = desk.bind(顧客コード="action.id").warnings

    status = desk.deliver().status

    assert any("顧客コード" in warning.message.ja for warning in warnings)
    assert (status.state, status.code, status.field) == ("rejected", "GAIA_LO04", "顧客コード")
    assert status.text.ja.startswith("「顧客コード」: ルックアップの参照先に")
    assert "「参照先アプリのAPIトークン」" in status.text.ja
    assert "'View records'" in status.text.en
    assert FORM_PAGE in status.text.ja


def test_creator_and_times_cannot_be_mapped_at_all(desk: Desk) -> None:
    with pytest.raises(SettingsError) as refused:
        desk.bind(作成者="action.id")

    assert "作成者" in refused.value.say("ja")
    assert "作成者" in refused.value.say("en")


@pytest.mark.parametrize(("typed", "stored"), [("１２３", "123"), ("1,234", "1234"), (" 42 ", "42")])
def test_numbers_as_people_write_them_arrive_or_are_refused_before_they_are_sent(
    desk: Desk, typed: str, stored: str
) -> None:
    desk.bind(応対時間="message.subject")

    status = desk.deliver(subject=typed).status

    records = desk.kintone.values()
    if status.state == "delivered":
        assert records[0]["応対時間"] == stored
    else:
        assert (status.state, status.field, records) == ("rejected", "応対時間", [])


def test_a_token_that_lost_its_permission_blocks_the_lane_with_sentence_and_page(desk: Desk) -> None:
    desk.bind()
    desk.meanwhile = lambda: permissions()(desk.kintone)

    status = desk.deliver().status

    assert (status.state, status.code) == ("waiting", "GAIA_NO01")
    assert "「レコード追加」にチェック" in status.text.ja
    assert status.text.ja.endswith(TOKENS_PAGE)
    (blocked,) = desk.renkei.health().blocked
    assert blocked["reason"]["en"].endswith(TOKENS_PAGE)


@pytest.mark.parametrize("kind", ["429", "da02"])
def test_what_passes_by_itself_is_sent_again_and_costs_nothing(desk: Desk, kind: str) -> None:
    desk.bind()
    desk.kintone.order(kind, path="records.json")
    desk.deliver()

    assert desk.renkei.work_until_idle(timeout=30)

    assert desk.renkei.why("t", "a1").status.state == "delivered"
    assert len(desk.kintone.values()) == 1


def test_a_domain_that_others_keep_busy_is_left_to_them_for_a_moment(desk: Desk) -> None:
    desk.bind(keyed=False)  # without a key, twenty records go in one push
    for number in range(30):
        desk.record(f"a{number}", "件名")
    desk.kintone.concurrency = 5

    with others(desk, 3):
        drain(desk.renkei)
        stored_among_others = len(desk.kintone.values())
        status = desk.renkei.why("t", "a29").status
    drain(desk.renkei)

    assert stored_among_others == 20
    assert (status.state, status.code) == ("waiting", None)
    assert len(desk.kintone.values()) == 30


def test_a_domain_with_room_is_used_at_once(desk: Desk) -> None:
    desk.bind(keyed=False)
    for number in range(30):
        desk.record(f"a{number}", "件名")
    desk.kintone.concurrency = 6

    with others(desk, 3):
        drain(desk.renkei)

        assert len(desk.kintone.values()) == 30


@contextmanager
def others(desk: Desk, count: int) -> Iterator[None]:
    """So many requests of others that kintone is working on."""
    desk.kintone.order("hang", path="app.json", times=count)
    address = urlsplit(desk.url)
    head = f"GET /k/v1/app.json?id=1 HTTP/1.1\r\nHost: demo.cybozu.com\r\nX-Cybozu-API-Token: {TOKEN}\r\n\r\n"
    with ExitStack() as open_ones:
        for _ in range(count):
            one = open_ones.enter_context(socket.create_connection((address.hostname, address.port), timeout=10))
            one.sendall(head.encode())
        until = time.monotonic() + 10
        while desk.kintone.faults.waiting():
            assert time.monotonic() < until
            time.sleep(0.01)
        yield


# -- every code ------------------------------------------------------------------------------------------------------


def test_every_sentence_names_a_remedy_or_says_that_it_passes_by_itself() -> None:
    remedies = r"ください"
    by_itself = r"自動で"

    for code, meaning in MEANINGS.items():
        assert re.search(f"{remedies}|{by_itself}", meaning.text.ja), code
        assert not re.search("[。！？]{2}", meaning.text.ja), code
        assert meaning.text.en.endswith("."), code


def test_errors_of_the_engine_carry_no_secret(desk: Desk) -> None:
    desk.kintone.tokens.clear()

    with pytest.raises(RenkeiError) as refused:
        desk.renkei.connections.test("t", "admin", "kintone")

    assert TOKEN not in f"{refused.value!r} {refused.value} {vars(refused.value)}"
