"""One mail of a helpdesk in every type of field of a kintone app, through the `renkei` command.

The domain asks for Basic authentication; the lookup needs the token of another app; the host hands over files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from renkei import Renkei
from renkei.cli.app import app
from renkei.mapping import Mapping, Rule
from renkei.testing import ManualClock, drain
from renkei_kintone.simulator import Kintone, sample, serve
from renkei_kintone.simulator.domain import Token

HOST = """
from renkei.engine import Helpdesk

class Desk(Helpdesk):
    async def open_file(self, tenant, file):
        yield b"%PDF-"
        yield file.id.encode()
"""
ACTION = {
    "inbox": "support",
    "action": {"id": "A-1", "kind": "mail_sent", "channel": "mail", "direction": "outbound", "is_automatic": False},
    "message": {
        "subject": "Re: お見積りの件",
        "body_text": "山田様\n  お見積りをお送りします。",
        "body_html": "<p>山田様<script>x()</script></p><p><b>お見積り</b></p>",
        "to_addresses": ["yamada@example.jp", "sato@example.jp"],
        "to_phone": "090-0000-0000",
        "attachments": [{"id": "f1", "name": "見積書.pdf", "size": 7}, {"id": "f2", "name": "約款.pdf", "size": 7}],
    },
    "memo": {"duration_min": 15},
    "operator": {"user": "suzuki.hanako", "department": "カスタマーサポート部"},
    "customer": {"code": "C-0001", "emails": ["yamada@example.jp", "yamada@private.example"]},
    "ticket": {"url": "https://desk.example/tickets/3001", "labels": ["quote", "important"], "categories": ["order"]},
}
RULES: list[dict[str, Any]] = [
    {"target": "キー", "source": "delivery.key"},
    {"target": "件名", "source": "message.subject"},
    {"target": "本文", "source": "message.body_text"},
    {"target": "本文HTML", "source": "message.body_html"},
    {"target": "チャネル", "source": "action.channel", "other_choice": "skip"},
    {
        "target": "方向",
        "source": "action.direction",
        "choices": {"outbound": "発信", "inbound": "受信", "internal": "社内"},
    },
    {"target": "対応日時", "source": "action.occurred_at"},
    {"target": "対応日", "source": "action.occurred_at"},
    {"target": "対応時刻", "source": "action.occurred_at"},
    {"target": "操作ユーザ", "source": "operator.user", "choices": {"suzuki.hanako": "suzuki"}},
    {"target": "担当部署", "constant": ["support"]},
    {"target": "担当グループ", "constant": ["everyone"]},
    {"target": "担当者", "template": "{{ operator.department }}（{{ ticket.url }}）"},
    {"target": "メールアドレス", "source": "message.to_addresses"},
    {"target": "電話リンク", "source": "message.to_phone"},
    {"target": "チケットURL", "source": "ticket.url"},
    {"target": "ラベル", "source": "ticket.labels", "choices": {"quote": "見積", "important": "VIP"}},
    {"target": "分類", "source": "ticket.categories", "choices": {"order": "注文"}},
    {"target": "応対時間", "source": "memo.duration_min"},
    {"target": "顧客コード", "source": "customer.code"},
    {
        "target": "経過",
        "columns": [
            {"target": "経過日時", "source": "action.occurred_at"},
            {"target": "経過内容", "source": "customer.emails"},
            {"target": "経過分", "source": "memo.duration_min"},
        ],
    },
    {"target": "添付", "source": "message.attachments"},
]
JAPAN = timezone(timedelta(hours=9))


def soon() -> datetime:
    """After the set-up, and not "too far ahead"."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)


def at(moment: datetime) -> dict[str, Any]:
    """The action, as it happens then."""
    return {**ACTION, "action": {**ACTION["action"], "occurred_at": moment.isoformat()}}


@pytest.fixture
def kintone() -> Kintone:
    crm = sample()
    crm.basic = "desk:canary-of-basic"
    crm.apps["2"].store({"顧客コード": "C-0001", "顧客名": "山田 太郎", "ランク": "A"}, crm.instant())
    return crm


@pytest.fixture
def typed(kintone: Kintone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Types a `renkei` command; what it printed as JSON."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "whole_desk.py").write_text(HOST, encoding="utf-8")
    secrets = {
        "RENKEI_KINTONE_API_TOKEN": "simulated-add-only-token",
        "RENKEI_KINTONE_LOOKUP_TOKENS": "simulated-customer-token",
        "RENKEI_KINTONE_BASIC_USER": "desk",
        "RENKEI_KINTONE_BASIC_PASSWORD": "canary-of-basic",
    }
    with serve(kintone) as url:
        environment = {"RENKEI_ROUTES": f"demo.cybozu.com={url}", "RENKEI_ACTOR": "sato", **secrets}

        def run(*words: str) -> Any:
            arguments = ["--json", "--host", "whole_desk:Desk", *words]
            ended = CliRunner(env=environment).invoke(app, arguments, prog_name="renkei")
            assert ended.exit_code == 0, ended.output
            assert not [secret for secret in secrets.values() if len(secret) > 4 and secret in ended.output]
            return None if words[0] in ("record", "work") else json.loads(ended.stdout)

        yield run


def test_one_mail_is_in_every_type_of_field(typed: Any, kintone: Kintone, tmp_path: Path) -> None:
    name = typed("connections", "add", "kintone", "--set", "subdomain=https://demo.cybozu.com/k/1/")["name"]
    (tmp_path / "rules.json").write_text(json.dumps({"rules": RULES}), encoding="utf-8")
    typed("integrations", "add", "support", "--connection", name, "--mapping", "rules.json")
    moment = soon()
    (tmp_path / "actions.jsonl").write_text(json.dumps(at(moment)), encoding="utf-8")

    typed("record", "actions.jsonl")
    typed("work", "--until-idle", "--for", "60")

    told = typed("why", "A-1")
    assert told["status"]["state"] == "delivered", told
    (stored,) = kintone.values()
    assert plain(stored, kintone) == {
        "キー": told["delivery_key"],
        "件名": "Re: お見積りの件",
        "本文": "山田様\n  お見積りをお送りします。",
        "本文HTML": "<p>山田様</p><p><b>お見積り</b></p>",
        "チャネル": "メール",
        "方向": "発信",
        "対応日時": moment.strftime("%Y-%m-%dT%H:%M:00Z"),
        "対応日": moment.astimezone(JAPAN).date().isoformat(),
        "対応時刻": moment.astimezone(JAPAN).strftime("%H:%M"),
        "操作ユーザ": ["suzuki"],
        "担当部署": ["support"],
        "担当グループ": ["everyone"],
        "担当者": "カスタマーサポート部（https://desk.example/tickets/3001）",
        "メールアドレス": "yamada@example.jp",
        "電話リンク": "090-0000-0000",
        "チケットURL": "https://desk.example/tickets/3001",
        "ラベル": ["VIP", "見積"],
        "分類": ["注文"],
        "応対時間": "15",
        "顧客コード": "C-0001",
        "顧客ランク": "A",
        "経過": [
            {"経過日時": moment.strftime("%Y-%m-%dT%H:%M:00Z"), "経過内容": address, "経過分": "15"}
            for address in ACTION["customer"]["emails"]
        ],
        "添付": [("見積書.pdf", b"%PDF-f1"), ("約款.pdf", b"%PDF-f2")],
    }


def plain(stored: dict[str, Any], kintone: Kintone) -> dict[str, Any]:
    """What a record holds in the fields that somebody wrote or a lookup filled."""
    fields = kintone.apps["1"].fields
    found: dict[str, Any] = {}
    for code, value in stored.items():
        match fields[code]["type"]:
            case "FILE":
                held = [kintone.files.attached[one["fileKey"]].file for one in value]
                found[code] = [(file.name, file.data) for file in held]
            case "SUBTABLE":
                found[code] = [{inner: cell["value"] for inner, cell in row["value"].items()} for row in value]
            case "USER_SELECT" | "ORGANIZATION_SELECT" | "GROUP_SELECT":
                found[code] = [entity["code"] for entity in value]
            case _:
                found[code] = value
    return {code: value for code, value in found.items() if value not in (None, "", [])}


def test_an_app_in_a_guest_space_is_connected_by_its_pasted_address(
    kintone: Kintone, typed: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = [rule for rule in RULES if rule["target"] in kintone.apps["12"].fields]
    (tmp_path / "rules.json").write_text(json.dumps({"rules": rules}), encoding="utf-8")
    (tmp_path / "actions.jsonl").write_text(json.dumps(at(soon())), encoding="utf-8")
    monkeypatch.setenv("GUEST_TOKEN", "simulated-guest-space-token")
    address = "subdomain=https://demo.cybozu.com/k/guest/5/12/"

    name = typed("connections", "add", "kintone", "--set", address, "--secret", "api_token=env:GUEST_TOKEN")["name"]
    typed("integrations", "add", "support", "--connection", name, "--mapping", "rules.json")
    typed("record", "actions.jsonl")
    typed("work", "--until-idle", "--for", "60")

    status = typed("why", "A-1")["status"]
    assert (status["state"], status["link"]) == ("delivered", "https://demo.cybozu.com/k/guest/5/12/show#record=1")
    (stored,) = kintone.values("12")
    assert stored["件名"] == "Re: お見積りの件"
    assert len(stored["添付"]) == 2
    assert {one.path.split("/v1/")[0] for one in kintone.requests} == {"/k/guest/5"}


def test_with_may_view_a_record_whose_answer_was_lost_is_found_and_not_sent_again(tmp_path: Path) -> None:
    crm, clock = sample(), ManualClock(datetime(2026, 4, 1, 3, tzinfo=UTC))
    crm.now = clock.now
    crm.apps["1"].fields["キー"]["unique"] = False  # so that nothing but looking tells
    token = "simulated-add-and-view-token"
    crm.tokens[token] = Token(token, "1", frozenset({"add", "view"}))
    rules = Mapping(rules=(Rule(target="キー", source="delivery.key"), Rule(target="件名", source="message.subject")))
    asgi = httpx.ASGITransport(app=crm.asgi())
    with Renkei(str(tmp_path / "renkei.db"), clock=clock, transport=lambda _network: asgi) as renkei:
        settings = {"subdomain": "demo", "app_id": "1", "api_token": token, "may_view": True}
        renkei.connections.add("t", "admin", "kintone", backend="kintone", settings=settings)
        renkei.integrations.create("t", "admin", "support", connection="kintone", mapping=rules)
        action = {**ACTION, "action": {**ACTION["action"], "occurred_at": clock.now()}}
        renkei.record("t", "support", {key: value for key, value in action.items() if key != "inbox"})
        crm.order("applied_then_cut", path="/records.json")

        drain(renkei)
        clock.forward(timedelta(minutes=10))
        drain(renkei)

        status = renkei.why("t", "A-1").status
    assert (status.state, status.link) == ("delivered", "https://demo.cybozu.com/k/1/show#record=1")
    assert sum(1 for one in crm.requests if one.records) == 1
    assert len(crm.values()) == 1
