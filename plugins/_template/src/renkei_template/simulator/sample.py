"""What a fresh Atelier holds: two rooms, three tables."""

from __future__ import annotations

from typing import Any

ROOMS: list[dict[str, str]] = [
    {"id": "room_support", "name": "サポート"},
    {"id": "room_sales", "name": "営業"},
]

TABLES: list[dict[str, Any]] = [
    {"id": "inquiries", "name": "お問い合わせ", "room": "room_support", "stages": ["受付", "対応中", "完了"]},
    {"id": "empty", "name": "空のテーブル", "room": "room_sales", "stages": []},
    {"id": "visits", "name": "訪問記録", "room": "room_sales", "stages": ["予定", "実施"]},
]

_INQUIRY: list[dict[str, Any]] = [
    {"code": "serial", "label": "番号", "type": "whole", "system": True},
    {"code": "created_at", "label": "作成日時", "type": "moment", "system": True},
    {"code": "subject", "label": "件名", "type": "line", "required": True, "max_length": 200},
    {"code": "body", "label": "本文", "type": "paragraph", "max_length": 10_000},
    {"code": "sender", "label": "差出人", "type": "mail"},
    {"code": "happened_at", "label": "発生日時", "type": "moment"},
    {"code": "due", "label": "期限", "type": "day"},
    {"code": "replies", "label": "返信数", "type": "whole", "minimum": "0", "maximum": "9999"},
    {"code": "amount", "label": "金額", "type": "decimal", "digits": 15, "decimals": 4},
    {"code": "done", "label": "完了", "type": "switch"},
    {
        "code": "channel",
        "label": "チャネル",
        "type": "pick",
        "choices": [
            {"code": "mail", "label": "メール"},
            {"code": "phone", "label": "電話"},
            {"code": "line", "label": "LINE"},
            {"code": "other", "label": "その他"},
        ],
    },
    {
        "code": "labels",
        "label": "ラベル",
        "type": "picks",
        "choices": [{"code": "vip", "label": "重要顧客"}, {"code": "返品", "label": "返品"}],
    },
    {
        "code": "priority",
        "label": "優先度",
        "type": "pick",
        "required": True,
        "default": "normal",
        "choices": [{"code": "normal", "label": "普通"}, {"code": "high", "label": "高"}],
    },
    {"code": "page", "label": "チケットURL", "type": "link", "max_length": 2_000},
    {"code": "delivery_key", "label": "連携キー", "type": "line", "max_length": 40},
    {"code": "drawing", "label": "手書きメモ👩‍🎨", "type": "sketch"},
]

_VISIT: list[dict[str, Any]] = [
    {"code": "subject", "label": "件名", "type": "line", "required": True, "max_length": 100},
    {"code": "notes", "label": "メモ", "type": "paragraph"},
    {"code": "visited_on", "label": "訪問日", "type": "day"},
    {"code": "delivery_key", "label": "連携キー", "type": "line", "max_length": 40},
]

FIELDS: dict[str, list[dict[str, Any]]] = {"inquiries": _INQUIRY, "visits": _VISIT, "empty": []}
