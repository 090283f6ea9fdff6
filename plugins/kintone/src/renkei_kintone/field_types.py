"""kintone's field types in renkei's words, and why some of them are not written."""

from __future__ import annotations

from types import MappingProxyType

from renkei.spec import FieldType, Text

TYPES = MappingProxyType(
    {
        "SINGLE_LINE_TEXT": FieldType.TEXT,
        "MULTI_LINE_TEXT": FieldType.LONG_TEXT,
        "RICH_TEXT": FieldType.HTML,
        "NUMBER": FieldType.NUMBER,
        "CHECK_BOX": FieldType.CHOICES,
        "MULTI_SELECT": FieldType.CHOICES,
        "RADIO_BUTTON": FieldType.CHOICE,
        "DROP_DOWN": FieldType.CHOICE,
        "DATE": FieldType.DATE,
        "TIME": FieldType.TIME,
        "DATETIME": FieldType.DATETIME,
        "USER_SELECT": FieldType.USERS,
        "ORGANIZATION_SELECT": FieldType.ORGANIZATIONS,
        "GROUP_SELECT": FieldType.GROUPS,
        "FILE": FieldType.FILES,
        "SUBTABLE": FieldType.TABLE,
        "RECORD_NUMBER": FieldType.TEXT,
        "CREATOR": FieldType.USER,
        "MODIFIER": FieldType.USER,
        "CREATED_TIME": FieldType.DATETIME,
        "UPDATED_TIME": FieldType.DATETIME,
        "STATUS": FieldType.TEXT,
        "STATUS_ASSIGNEE": FieldType.USERS,
    }
)
"""Canonical type by native type, where that alone decides. LINK and CALC depend on a setting, see below."""

NAMES = MappingProxyType(
    {
        "SINGLE_LINE_TEXT": Text(ja="文字列（1行）", en="Text"),
        "MULTI_LINE_TEXT": Text(ja="文字列（複数行）", en="Text area"),
        "RICH_TEXT": Text(ja="リッチエディター", en="Rich text"),
        "NUMBER": Text(ja="数値", en="Number"),
        "CHECK_BOX": Text(ja="チェックボックス", en="Check box"),
        "MULTI_SELECT": Text(ja="複数選択", en="Multi-choice"),
        "RADIO_BUTTON": Text(ja="ラジオボタン", en="Radio button"),
        "DROP_DOWN": Text(ja="ドロップダウン", en="Drop-down"),
        "DATE": Text(ja="日付", en="Date"),
        "TIME": Text(ja="時刻", en="Time"),
        "DATETIME": Text(ja="日時", en="Date and time"),
        "LINK": Text(ja="リンク", en="Link"),
        "USER_SELECT": Text(ja="ユーザー選択", en="User selection"),
        "ORGANIZATION_SELECT": Text(ja="組織選択", en="Department selection"),
        "GROUP_SELECT": Text(ja="グループ選択", en="Group selection"),
        "FILE": Text(ja="添付ファイル", en="Attachment"),
        "SUBTABLE": Text(ja="テーブル", en="Table"),
        "CALC": Text(ja="計算", en="Calculated"),
        "RECORD_NUMBER": Text(ja="レコード番号", en="Record number"),
        "CREATOR": Text(ja="作成者", en="Created by"),
        "CREATED_TIME": Text(ja="作成日時", en="Created datetime"),
        "MODIFIER": Text(ja="更新者", en="Updated by"),
        "UPDATED_TIME": Text(ja="更新日時", en="Updated datetime"),
        "STATUS": Text(ja="ステータス", en="Status"),
        "STATUS_ASSIGNEE": Text(ja="作業者", en="Assignee"),
        "CATEGORY": Text(ja="カテゴリー", en="Categories"),
        "GROUP": Text(ja="グループ", en="Field group"),
        "REFERENCE_TABLE": Text(ja="関連レコード一覧", en="Related records"),
    }
)
"""What kintone's screens call a type, by native type."""

LINKS = MappingProxyType({"WEB": FieldType.URL, "MAIL": FieldType.EMAIL, "CALL": FieldType.PHONE})
"""Canonical type of a LINK by its `protocol`."""

CALCULATIONS = MappingProxyType(
    {
        "NUMBER": FieldType.NUMBER,
        "NUMBER_DIGIT": FieldType.NUMBER,
        "DATE": FieldType.DATE,
        "TIME": FieldType.TIME,
        "DATETIME": FieldType.DATETIME,
    }
)
"""Canonical type of a CALC by its `format`; durations such as `HOUR_MINUTE` read as text."""

ENTITIES = MappingProxyType({"USER_SELECT": "USER", "ORGANIZATION_SELECT": "ORGANIZATION", "GROUP_SELECT": "GROUP"})
"""Selections of users, organizations and groups, and what kintone calls one of these."""

_SYSTEM = Text(ja="kintoneが自動で入力するフィールドです。", en="kintone fills this field itself.")
_MANAGED = Text(
    ja="kintoneが自動で入力するフィールドです。書き込むにはアプリ管理権限が必要で、連携には使いません。",
    en="kintone fills this field itself; writing it would take the permission to manage the app.",
)
_PROCESS = Text(
    ja="プロセス管理のフィールドです。レコードの追加時には書き込めません。",
    en="This field belongs to process management and cannot be written when a record is added.",
)
_LAYOUT = Text(ja="値を持たないフィールドです。", en="This field holds no value of its own.")

CALCULATED = Text(ja="計算式で自動計算されるフィールドです。", en="This field is calculated by a formula.")
FILLED_BY_LOOKUP = Text(
    ja="ルックアップで自動入力されるフィールドです。代わりにルックアップに書き込んでください。",
    en="A lookup fills this field; write to the lookup instead.",
)
UNKNOWN_TYPE = Text(
    ja="このプラグインが対応していない種類のフィールドです。", en="This plugin does not know fields of this type."
)

NOT_WRITTEN = MappingProxyType(
    {
        "RECORD_NUMBER": _SYSTEM,
        "CREATOR": _MANAGED,
        "MODIFIER": _MANAGED,
        "CREATED_TIME": _MANAGED,
        "UPDATED_TIME": _MANAGED,
        "STATUS": _PROCESS,
        "STATUS_ASSIGNEE": _PROCESS,
        "CATEGORY": Text(
            ja="カテゴリーはレコードの追加時に書き込めません。",
            en="Categories cannot be written when a record is added.",
        ),
        "CALC": CALCULATED,
        "GROUP": _LAYOUT,
        "REFERENCE_TABLE": _LAYOUT,
        "LABEL": _LAYOUT,
        "SPACER": _LAYOUT,
        "HR": _LAYOUT,
    }
)
"""Why fields of a type are never written, by native type."""

NEVER_REQUIRED = frozenset(
    {
        "RADIO_BUTTON",  # the API does not enforce it: an omitted radio stays empty
        "CALC",
        "RECORD_NUMBER",
        "CREATOR",
        "MODIFIER",
        "CREATED_TIME",
        "UPDATED_TIME",
    }
)
