"""What a fresh Hibari holds: one account, its keys, three boards."""

from __future__ import annotations

from typing import Any

DOMAIN = "hibari-crm.example"

FULL_KEY = "hbk_sample-full"
SECOND_KEY = "hbk_sample-second"
READ_ONLY_KEY = "hbk_sample-read-only"

ACCOUNT = {"id": "acc_4101", "name": "ひばり商会 🐦"}

_PER_TYPE: dict[str, dict[str, Any]] = {
    "text": {"max_length": 200},
    "memo": {"max_length": 10_000},
    "email": {"max_length": 254},
    "url": {"max_length": 2_000},
    "number": {"minimum": None, "maximum": None, "decimals": 0},
    "select": {"options": []},
    "tags": {"options": []},
}


def column(key: str, name: str, type: str, **more: Any) -> dict[str, Any]:
    """A column as `GET …/columns` gives it, with what is not in *more* as Hibari presets it."""
    common = {"required": False, "unique": False, "computed": False, "default": None}
    return {"key": key, "name": name, "type": type, **common, **_PER_TYPE.get(type, {}), **more}


def _options(**names: str) -> list[dict[str, str]]:
    return [{"key": key, "name": name} for key, name in names.items()]


def boards() -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """Board id → name and columns, made anew each time."""
    return {
        "cases": (
            "お問い合わせ 📮",
            [
                column("no", "番号", "number", computed=True),
                column("created_at", "作成日時", "datetime", computed=True),
                column("title", "件名", "text", required=True),
                column("body", "本文", "memo"),
                column("sender", "差出人", "email"),
                column("happened_at", "発生日時", "datetime"),
                column("due", "期限", "date"),
                column("replies", "返信数", "number", minimum="0", maximum="9999"),
                column("amount", "金額", "number", decimals=2),
                column("urgent", "至急 🔥", "checkbox"),
                column(
                    "channel",
                    "チャネル",
                    "select",
                    options=_options(mail="メール", phone="電話", line="LINE", other="他"),
                ),
                column("labels", "ラベル", "tags", options=_options(vip="重要なお客様 ⭐", 返品="返品", 交換="交換")),
                column(
                    "priority",
                    "優先度",
                    "select",
                    required=True,
                    default="normal",
                    options=_options(normal="普通", high="高"),
                ),
                column("ticket_url", "チケットURL", "url"),
                column("sync_key", "連携キー 🔑", "text", unique=True, max_length=64),
                column("owner", "担当者 👩‍💼", "person", computed=True),
            ],
        ),
        "visits": (
            "訪問記録",
            [
                column("title", "件名", "text", required=True, max_length=80),
                column("notes", "メモ", "memo", max_length=30_000),
                column("visited_on", "訪問日", "date"),
            ],
        ),
        "empty": ("空のボード", []),
    }
