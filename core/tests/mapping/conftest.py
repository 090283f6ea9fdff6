from datetime import UTC, datetime

import pytest

from renkei.mapping import Mapping, Rule, helpdesk_schema, renderer
from renkei.spec import Choice, Field, FieldType, TargetSchema


def field(code, kind=FieldType.TEXT, *choices, **more):
    options = tuple(Choice(code=choice, label=choice) for choice in choices)
    return Field(code=code, label=code, type=kind, native_type=str(kind).upper(), choices=options, **more)


def form(*fields):
    return TargetSchema(target="1", label="応対履歴", fields=fields)


@pytest.fixture(scope="session")
def make_field():
    return field


@pytest.fixture(scope="session")
def make_form():
    return form


@pytest.fixture(scope="session")
def source():
    return helpdesk_schema()


@pytest.fixture(scope="session")
def render_one(source):
    """Render one rule into one field: the rendered record of one action."""

    def render(target, values, *, time_zone="Asia/Tokyo", key="k" * 40, **rule):
        mapping = Mapping(rules=(Rule(target=target.code, **rule),), time_zone=time_zone)
        return renderer(mapping, source, form(target)).render(values, key=key)

    return render


@pytest.fixture(scope="session")
def sample_form():
    """A form as a Japanese company makes it: labels alone, codes as labels."""
    channels = ("メール", "SMS", "応対メモ", "通話メモ", "LINE", "R-Messe", "Yahoo!", "Chatplus", "Chatwork")
    return form(
        field("レコード番号", FieldType.OPAQUE, writable=False),
        field("キー", unique=True, max_length=64),
        field("件名", required=True, max_length=100),
        field("本文", FieldType.LONG_TEXT),
        field("本文HTML", FieldType.HTML),
        field("チャネル", FieldType.CHOICE, *channels, "Instagram DM", "Messenger", "チャット", "その他"),
        field(
            "種別", FieldType.CHOICE, "メール送信", "SMS送信", "メッセージ送信", "チャット終了", "応対メモ", "通話メモ"
        ),
        field("対応日時", FieldType.DATETIME, precision="minute"),
        field("担当者"),
        field("お客様名"),
        field("会社名"),
        field("メールアドレス", FieldType.EMAIL),
        field("電話番号", FieldType.PHONE),
        field("宛先", FieldType.LONG_TEXT),
        field("チケットID"),
        field("チケットURL", FieldType.URL),
        field("対応状況", FieldType.CHOICE, "未対応", "保留", "対応完了", "対応不要"),
        field("ラベル", FieldType.CHOICES, "VIP", "請求"),
        field("応対時間", FieldType.NUMBER, decimals=0),
        field("更新日時", FieldType.DATETIME, writable=False),
    )


@pytest.fixture(scope="session")
def start():
    return datetime(2026, 4, 1, tzinfo=UTC)
