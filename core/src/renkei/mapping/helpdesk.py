"""The fields that a helpdesk offers: the default schema, for hosts that bring none of their own.

Left out on purpose, although a helpdesk has them: the date and the time of an action alone (map `action.occurred_at`
to a date or time field instead), anything that is known only when a record is written (such as the time of the
sync), and a host's own custom fields, which it adds to its own schema.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from renkei.mapping.source import DELIVERY_KEY, SourceChoice, SourceField, SourceSchema
from renkei.spec import FieldType, Text

CHANNELS: dict[str, Text] = {
    "mail": Text(ja="メール", en="Mail"),
    "sms": Text(ja="SMS", en="SMS"),
    "record": Text(ja="応対メモ", en="Response memo"),
    "call": Text(ja="通話メモ", en="Call memo"),
    "line": Text(ja="LINE", en="LINE"),
    "r_messe": Text(ja="R-Messe", en="R-Messe"),
    "yahoo": Text(ja="Yahoo!", en="Yahoo!"),
    "chatplus": Text(ja="Chatplus", en="Chatplus"),
    "chatwork": Text(ja="Chatwork", en="Chatwork"),
    "instagram_dm": Text(ja="Instagram DM", en="Instagram DM"),
    "messenger": Text(ja="Messenger", en="Messenger"),
    "chat_widget": Text(ja="チャットウィジェット", en="Chat widget"),
    "other": Text(ja="その他", en="Other"),
}
"""Channel code → label."""

KINDS: dict[str, Text] = {
    "mail_sent": Text(ja="メール送信", en="Mail sent"),
    "sms_sent": Text(ja="SMS送信", en="SMS sent"),
    "message_sent": Text(ja="メッセージ送信", en="Message sent"),
    "chat_ended": Text(ja="チャット終了", en="Chat ended"),
    "memo_created": Text(ja="応対メモ作成", en="Memo created"),
    "call_logged": Text(ja="通話記録", en="Call logged"),
    "received": Text(ja="受信", en="Received"),
    "status_changed": Text(ja="ステータス変更", en="Status changed"),
    "assigned": Text(ja="担当者変更", en="Assigned"),
    "commented": Text(ja="コメント", en="Commented"),
}
"""Kind code → label. The last four fire only where an admin chooses them."""

_DIRECTIONS = {"outbound": ("送信", "Outbound"), "inbound": ("受信", "Inbound"), "internal": ("社内", "Internal")}
_MEMOS = {
    "received_phone": ("受電", "Phone received"),
    "called_phone": ("架電", "Phone called"),
    "meeting": ("会議", "Meeting"),
    "sales": ("営業", "Sales"),
    "postal": ("郵便物", "Postal"),
    "other": ("その他", "Other"),
}
_CALLS = {"in": ("着信", "Incoming"), "out": ("発信", "Outgoing"), "missed": ("不在着信", "Missed")}
_STATUSES = {
    "open": ("未対応", "Open"),
    "ongoing": ("保留", "On hold"),
    "closed": ("対応完了", "Closed"),
    "unwanted": ("対応不要", "No action needed"),
    "trash": ("ゴミ箱", "Trash"),
    "spam": ("迷惑メール", "Spam"),
}
_COLORS = {
    "red": ("赤", "Red"),
    "orange": ("オレンジ", "Orange"),
    "yellow": ("黄", "Yellow"),
    "blue": ("青", "Blue"),
    "pink": ("ピンク", "Pink"),
}
_PRIORITIES = {"high": ("高", "High"), "normal": ("中", "Normal"), "low": ("低", "Low")}
_FILE = {"id": "file-1", "name": "見積書.pdf", "size": 20480, "media_type": "application/pdf"}

# key (a star: every host should supply it), type, Japanese, English, sample, choices
_FIELDS: tuple[tuple[Any, ...], ...] = (
    (f"{DELIVERY_KEY}*", "text", "連携キー", "Delivery key", "r0000000000000000000000000000000000000a1"),
    ("action.id*", "text", "行動ID", "Action ID", "A-1001"),
    ("action.kind*", "choice", "行動種別", "Action type", "mail_sent", KINDS),
    ("action.channel*", "choice", "チャネル", "Channel", "mail", CHANNELS),
    ("action.direction", "choice", "方向", "Direction", "outbound", _DIRECTIONS),
    ("action.occurred_at*", "datetime", "対応日時", "Occurred at", "2026-04-01T10:23:45+09:00"),
    ("action.is_automatic", "boolean", "自動送信", "Automatic", False),
    ("action.is_first_response", "boolean", "初回対応", "First response", True),
    ("action.response_minutes", "integer", "応答時間(分)", "Response time (min)", 42),
    ("action.sequence_no", "integer", "チケット内の通番", "Sequence in ticket", 2),
    ("action.summary", "text", "要約", "Summary line", "見積書の送付"),
    ("message.id", "text", "メッセージID", "Message ID", "M-2001"),
    ("message.subject*", "text", "件名", "Subject", "Re: お見積りの件"),
    ("message.body_text*", "long_text", "本文(テキスト)", "Body (plain text)", "山田様\nお見積りをお送りします。"),
    ("message.body_html", "html", "本文(HTML)", "Body (HTML)", "<p>山田様</p><p>お見積りをお送りします。</p>"),
    (
        "message.body_new_text",
        "long_text",
        "本文(引用・署名なし)",
        "Body without quotes/signature",
        "お見積りをお送りします。",
    ),
    ("message.from_address*", "email", "送信元メールアドレス", "From address", "support@shop.example"),
    ("message.from_name", "text", "送信者名", "From name", "サンプル商店サポート"),
    (
        "message.to_addresses*",
        "emails",
        "送信先メールアドレス",
        "Destination e-mail addresses",
        ["yamada@example.jp", "sato@example.jp"],
    ),
    ("message.cc_addresses", "emails", "CC", "CC", ["keiri@example.jp"]),
    ("message.bcc_addresses", "emails", "BCC", "BCC", ["kiroku@shop.example"]),
    ("message.reply_to", "email", "返信先", "Reply-To", "support@shop.example"),
    ("message.to_phone*", "phone", "送信先電話番号", "Destination phone number", "090-0000-0000"),
    ("message.external_id", "text", "Message-ID / 外部ID", "Message-ID / external ID", "<m2001@shop.example>"),
    ("message.attachment_names", "long_text", "添付ファイル名", "Attachment names", "見積書.pdf"),
    ("message.attachment_count", "integer", "添付数", "Attachment count", 1),
    ("message.attachments", "files", "添付ファイル", "Attachments", [_FILE]),
    ("message.template_name", "text", "使用テンプレート", "Template used", "見積り送付"),
    ("memo.category", "choice", "応対種別", "Memo category", "received_phone", _MEMOS),
    ("memo.duration_min*", "integer", "応対時間(分)", "Duration (min)", 15),
    ("call.direction", "choice", "発着信", "Call direction", "in", _CALLS),
    ("call.recording_url", "url", "録音URL", "Recording URL", "https://desk.example/recordings/1"),
    ("chat.account", "text", "チャネルアカウント", "Channel account", "@sample_shop"),
    ("chat.group_name", "text", "グループ名", "Group name", "サンプル商店 お客様窓口"),
    (
        "chat.transcript",
        "long_text",
        "会話全文",
        "Transcript",
        "お客様: こんにちは\n担当: お問い合わせありがとうございます。",
    ),
    ("shop.order_number", "text", "注文番号", "Order number", "000000-20260401-0000000001"),
    ("shop.order_url", "url", "注文URL", "Order URL", "https://shop.example/orders/1"),
    ("shop.item_number", "text", "商品番号", "Item number", "ITEM-0001"),
    ("shop.item_name", "text", "商品名", "Item name", "サンプル茶碗"),
    ("shop.inquiry_category", "text", "問い合わせ分類", "Inquiry category", "配送について"),
    ("shop.inquiry_number", "text", "問い合わせ番号", "Inquiry number", "INQ-0001"),
    ("operator.user*", "user", "操作ユーザ", "Operator", "suzuki"),
    ("operator.name*", "text", "操作ユーザ名", "Operator name", "鈴木 花子"),
    ("operator.email*", "email", "操作ユーザのメール", "Operator e-mail", "suzuki@shop.example"),
    ("operator.department", "text", "操作ユーザの部署", "Operator department", "カスタマーサポート部"),
    ("operator.employee_no", "text", "社員番号", "Employee number", "E-0001"),
    ("approver.user", "user", "承認者", "Approver", "tanaka"),
    ("ticket.id*", "text", "チケットID", "Ticket ID", "3001"),
    ("ticket.url*", "url", "チケットURL", "Ticket URL", "https://desk.example/tickets/3001"),
    ("ticket.title*", "text", "チケット名", "Ticket title", "お見積りの件"),
    ("ticket.status*", "choice", "ステータス", "Status", "closed", _STATUSES),
    ("ticket.pending_reason", "choice", "保留理由", "Pending reason", "お客様の返答待ち"),
    ("ticket.assignee*", "user", "担当者", "Assignee", "suzuki"),
    ("ticket.assignee_name", "text", "担当者名", "Assignee name", "鈴木 花子"),
    ("ticket.labels*", "choices", "ラベル", "Labels", ["見積り", "重要"]),
    ("ticket.categories*", "choices", "チケット分類", "Categories", ["営業>見積り>新規"]),
    ("ticket.color", "choice", "色", "Colour", "blue", _COLORS),
    ("ticket.priority", "choice", "優先度", "Priority", "normal", _PRIORITIES),
    ("ticket.created_at", "datetime", "チケット作成日時", "Ticket created at", "2026-04-01T09:00:00+09:00"),
    ("ticket.first_received_at", "datetime", "初回受信日時", "First received at", "2026-04-01T09:00:00+09:00"),
    ("ticket.closed_at", "datetime", "完了日時", "Closed at", "2026-04-01T10:23:45+09:00"),
    ("ticket.message_count", "integer", "メッセージ数", "Message count", 3),
    ("customer.id", "text", "コンタクトID", "Contact ID", "4001"),
    ("customer.code*", "text", "顧客コード", "Customer code", "C-0001"),
    ("customer.name*", "text", "お客様名", "Customer name", "山田 太郎"),
    ("customer.last_name", "text", "姓", "Last name", "山田"),
    ("customer.first_name", "text", "名", "First name", "太郎"),
    ("customer.name_kana", "text", "お客様名(カナ)", "Name (kana)", "ヤマダ タロウ"),
    ("customer.company*", "text", "会社名", "Company", "株式会社サンプル"),
    ("customer.department", "text", "部署", "Department", "購買部"),
    ("customer.post", "text", "役職", "Post", "部長"),
    ("customer.email", "email", "お客様メールアドレス", "Customer e-mail", "yamada@example.jp"),
    (
        "customer.emails",
        "emails",
        "メールアドレス(全て)",
        "All e-mails",
        ["yamada@example.jp", "yamada@private.example"],
    ),
    ("customer.phone", "phone", "電話番号", "Phone", "03-0000-0000"),
    ("customer.phones", "phones", "電話番号(全て)", "All phones", ["03-0000-0000", "090-0000-0000"]),
    ("customer.address", "long_text", "住所", "Address", "東京都見本区架空町0-0-0"),
    ("customer.badges", "choices", "バッジ", "Badges", ["VIP"]),
    ("customer.note", "long_text", "メモ", "Note", "折り返しは午後を希望"),
    ("inbox.id", "text", "受信箱ID", "Inbox ID", "support"),
    ("inbox.name*", "text", "受信箱名", "Inbox name", "サポート窓口"),
    ("inbox.address", "email", "受信箱アドレス", "Inbox address", "support@shop.example"),
)


@lru_cache(maxsize=1)
def helpdesk_schema() -> SourceSchema:
    """The default helpdesk schema: every field marked as core, and most others that a helpdesk knows."""
    return SourceSchema(fields=tuple(_field(*row) for row in _FIELDS))


def _field(key: str, kind: str, ja: str, en: str, sample: Any, choices: dict[str, Any] | None = None) -> SourceField:
    return SourceField(
        key=key.rstrip("*"),
        type=FieldType(kind),
        label=Text(ja=ja, en=en),
        choices=tuple(SourceChoice(code=code, label=_text(label)) for code, label in (choices or {}).items()),
        sample=sample,
        core=key.endswith("*"),
    )


def _text(label: Text | tuple[str, str]) -> Text:
    return label if isinstance(label, Text) else Text(ja=label[0], en=label[1])
