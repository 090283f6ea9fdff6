"""The demo's steps, in the order of the set-up that the product's pages describe."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renkei.cli.proposals import mapping_of, propose, show_proposals

if TYPE_CHECKING:
    from renkei.cli.demo_stage import Stage
    from renkei.cli.simulated import Simulator
    from renkei.engine import Renkei
    from renkei.spec import Manifest

TENANT, INBOX = "demo", "support"
BACKEND = "kintone"
CONNECTION = {"ja": "営業部 kintone", "en": "Sales kintone"}
SETTINGS = {"subdomain": "demo", "app_id": "1"}
# A token of the simulator's sample app that may add records and nothing else: all that a sync needs.
TOKEN = "simulated-add-only-token"
_CHUNK = 500
_SHOWN = 12
_ROUNDING = 3


class Tour:
    """One run of the demo.

    Args:
        kintone: the simulator that stands for the backend.
        actor: who sets the inbox up.
    """

    def __init__(self, stage: Stage, engine: Renkei, kintone: Simulator, actor: str) -> None:
        self._stage = stage
        self._engine = engine
        self._kintone = kintone
        self._actor = actor
        self._language = stage.out.language
        self._connection = CONNECTION[self._language]

    def run(self, actions: int) -> dict[str, Any]:
        """Everything, with *actions* sample actions; the numbers that `--json` prints."""
        manifest = self._show_backends()
        self._connect(manifest)
        self._map(manifest)
        self._refuse_a_second()
        recording, first = self._record(actions)
        delivering = self._deliver(actions)
        self._compare(first)
        return self._numbers(actions, recording, delivering)

    def where_next(self, kept: Path | None) -> None:
        """The last words."""
        stage = self._stage
        stage.step(ja="次に", en="Where to go next")
        if kept is not None:
            ask = f"renkei --database {kept / 'renkei.db'} --tenant {TENANT}"
            stage.say(ja=f"残したデータベース: {ask} ledger", en=f"The database was kept: {ask} ledger")
        stage.say(
            ja="  renkei-kintone simulate        シミュレーターを動かしたままにし、ブラウザーで見る",
            en="  renkei-kintone simulate        keep a simulator running and look at it in a browser",
        )
        stage.say(
            ja="  renkei connections add kintone 自分の kintone アプリにつなぐ（権限は「レコード追加」だけで足ります）",
            en="  renkei connections add kintone connect your own app (a token that may only add records is enough)",
        )
        stage.say(
            ja="  renkei --help                  すべてのコマンド", en="  renkei --help                  all commands"
        )

    # -- steps --------------------------------------------------------------------------------------------------

    def _show_backends(self) -> Manifest:
        self._stage.step(ja="連携先を選ぶ", en="Choose the backend")
        states = self._engine.backends()
        self._stage.table(
            ("ID", "名前", "状態", "版"),
            ("id", "name", "state", "version"),
            [(s.id, s.manifest.name.in_(self._language) if s.manifest else "", s.state, s.version) for s in states],
        )
        for state in states:
            if state.id == BACKEND and state.manifest is not None:
                return state.manifest
        from renkei.engine import BackendNotReady

        reason = next((state.reason for state in states if state.id == BACKEND), "It is not installed.")
        raise BackendNotReady(BACKEND, reason, (state.id for state in states if state.state == "ready"))

    def _connect(self, manifest: Manifest) -> None:
        from renkei.cli.forms import label_of
        from renkei.spec.settings import SECRET_MASK

        stage = self._stage
        stage.step(ja="接続を追加し、認証する", en="Add a connection and authenticate")
        typed = {**SETTINGS, "api_token": SECRET_MASK}
        fields = manifest.settings.model_fields
        labels = {name: label_of(name, fields[name]) for name in typed}
        stage.table(
            ("項目", "Setting", "入力"),
            ("setting", "設定", "entered"),
            [
                (labels[name].in_(self._language), labels[name].in_("en" if self._language == "ja" else "ja"), value)
                for name, value in typed.items()
            ],
        )
        made = self._engine.connections.add(
            TENANT, self._actor, self._connection, backend=BACKEND, settings={**SETTINGS, "api_token": TOKEN}
        )
        stage.say(
            ja=f"認証に成功し、保存しました: 接続「{made.name}」、アプリ「{made.account}」",
            en=f"Authenticated and stored: connection {made.name!r}, app {made.account!r}",
        )

    def _map(self, manifest: Manifest) -> None:
        stage, engine = self._stage, self._engine
        stage.step(ja="マッピングを確認して完了する", en="Confirm the mapping, done")
        look = engine.connections.look(TENANT, self._actor, self._connection)
        schema = look.schema
        stage.say(
            ja=f"アプリの項目は {len(schema.fields)} 個です。提案されたルール:",
            en=f"The app has {len(schema.fields)} fields. The suggested rules:",
        )
        from renkei.engine import Helpdesk

        source = Helpdesk().source_fields(TENANT, INBOX)
        proposals = propose(source, schema, uniqueness=manifest.uniqueness)
        if not stage.out.is_json:
            show_proposals(stage.out, proposals)
        made = engine.integrations.create(
            TENANT, self._actor, INBOX, connection=self._connection, mapping=mapping_of(proposals), look=look
        )
        stage.say(
            ja=f"受信箱「{INBOX}」を「{made.target_label}」と連携しました。連携キーの項目は「{made.key_field}」です。"
            "最初の同期を待っています。",
            en=f"Inbox {INBOX!r} is bound to {made.target_label!r}; the delivery key goes into {made.key_field!r}. "
            "Waiting for the first sync.",
        )

    def _refuse_a_second(self) -> None:
        from renkei.engine import IntegrationExists

        stage = self._stage
        stage.step(ja="同じ受信箱に2つ目を追加してみる", en="Try a second one on the same inbox")
        try:
            self._engine.integrations.create(
                TENANT, self._actor, INBOX, connection=self._connection, mapping={"rules": []}
            )
        except IntegrationExists as error:
            if not stage.out.is_json:
                stage.out.line(f"✗ {error.text.ja}")
                stage.out.line(f"✗ {error.text.en}")
            return
        raise AssertionError("an inbox took a second integration")

    def _record(self, count: int) -> tuple[float, list[dict[str, Any]]]:
        """Seconds, and the first actions."""
        from renkei.samples import sample_actions

        self._stage.step(
            ja=f"行動を {count} 件記録する（12チャネル）", en=f"Record {count} actions over twelve channels"
        )
        made = sample_actions(count, inbox=INBOX, start=datetime.now(UTC))
        first: list[dict[str, Any]] = []
        begun = time.monotonic()
        with self._stage.progress(ja="記録", en="record", total=count) as meter:
            while chunk := list(itertools.islice(made, _CHUNK)):
                first = first or chunk[:_SHOWN]
                self._engine.record_many(TENANT, INBOX, chunk)
                meter.advance(len(chunk))
        seconds = time.monotonic() - begun
        self._stage.say(
            ja=f"{count} 件がディスクに書かれました（{seconds:.1f} 秒）。",
            en=f"{count} are on disk ({seconds:.1f} s).",
        )
        return seconds, first

    def _deliver(self, count: int) -> float:
        self._stage.step(ja="送信する", en="Deliver")
        begun = time.monotonic()
        with self._stage.progress(ja="送信", en="deliver", total=count) as meter:
            self._engine.work_until_idle(settled=meter.advance)
        seconds = time.monotonic() - begun
        requests = self._kintone.requests()
        self._stage.say(
            ja=f"{seconds:.1f} 秒、kintone へのリクエストは設定も含めて {requests} 回でした。",
            en=f"{seconds:.1f} s, and {requests} requests to kintone, the set-up included.",
        )
        return seconds

    def _compare(self, first: list[dict[str, Any]]) -> None:
        """Some records beside their actions, read back from the simulator."""
        if self._stage.out.is_json:
            return
        self._stage.step(ja="kintone のレコードと見比べる", en="Compare with the records in kintone")
        statuses = self._engine.status_for(TENANT, INBOX, [action["action"]["id"] for action in first])
        stored = {record["id"]: record["values"] for record in self._kintone.records()}
        rows = []
        for action, status in zip(first, statuses, strict=True):
            values = stored.get(status.remote_id, {})
            rows.append(
                (
                    action["action"]["id"],
                    action["action"]["channel"],
                    _short(action["message"]["subject"]),
                    status.remote_id,
                    _short(values.get("件名")),
                    values.get("チャネル"),
                    _short(values.get("本文")),
                )
            )
        self._stage.table(
            ("行動", "channel", "subject", "レコード", "件名", "チャネル", "本文"),
            ("action", "channel", "subject", "record", "件名", "チャネル", "本文"),
            rows,
        )

    def _numbers(self, actions: int, recording: float, delivering: float) -> dict[str, Any]:
        from renkei.cli.deliveries import show_ledger

        ledger = self._engine.ledger(TENANT)
        if not self._stage.out.is_json:
            self._stage.step(ja="台帳", en="The ledger")
            show_ledger(self._stage.out, ledger)
        keys = [record["values"].get("キー") for record in self._kintone.records("キー")]
        complete = ledger.recorded == ledger.delivered == actions == len(keys) == len(set(keys)) and ledger.adds_up
        return {
            "complete": complete,
            "actions": actions,
            **ledger.as_dict(),
            "records": len(keys),
            "requests": self._kintone.requests(),
            "seconds": round(recording + delivering, _ROUNDING),
            "seconds_recording": round(recording, _ROUNDING),
            "seconds_delivering": round(delivering, _ROUNDING),
            "backends": {state.id: state.version for state in self._engine.backends()},
        }


def _short(text: Any, most: int = 16) -> str:
    line = " ".join(str(text or "").split())
    return line if len(line) <= most else line[: most - 1] + "…"
