"""Other names under which people keep what a helpdesk calls a subject, a body, a customer …

Written as they appear on forms; compared folded, so width, case, kana and signs do not count.
"""

from __future__ import annotations

from functools import lru_cache

from renkei.mapping.names import fold_name

_FIELDS: dict[str, str] = {
    "delivery.key": (
        "連携キー キー 連携ID 同期キー ユニークキー 外部キー key deliverykey externalkey externalid synckey uniquekey"
    ),
    "action.id": "行動ID アクションID activityid",
    "action.kind": "行動種別 種別 種類 アクション 対応区分 type kind activitytype",
    "action.channel": "チャネル チャンネル 媒体 経路 対応チャネル 受付チャネル 対応方法 channel medium",
    "action.direction": "方向 送受信 送受信区分 direction",
    "action.occurred_at": (
        "対応日時 対応日 対応時刻 日時 日付 活動日時 送信日時 発生日時 実施日時 occurredat date datetime sentat"
    ),
    "action.summary": "要約 概要 サマリー summary",
    "message.subject": "件名 タイトル 表題 題名 題目 サブジェクト メール件名 subject title",
    "message.body_text": (
        "本文 内容 対応内容 メール本文 本文テキスト 問い合わせ内容 お問い合わせ内容 詳細 メッセージ body "
        "content text message"
    ),
    "message.body_html": "本文HTML HTML本文 HTML リッチテキスト 本文リッチテキスト bodyhtml htmlbody html",
    "message.from_address": "送信元 送信元アドレス 差出人 差出人アドレス from fromaddress sender",
    "message.from_name": "送信者 送信者名 差出人名 fromname sendername",
    "message.to_addresses": "宛先 送信先 宛先アドレス 送信先アドレス 宛先メールアドレス to recipients toaddress",
    "message.to_phone": "送信先電話番号 宛先電話番号 送信先電話 tophone",
    "message.attachments": "添付 添付ファイル ファイル attachments files",
    "message.attachment_names": "添付ファイル名 attachmentnames filenames",
    "memo.category": "応対種別 応対区分 メモ種別 memocategory",
    "memo.duration_min": (
        "応対時間 応対時間分 対応時間 対応時間分 所要時間 所要時間分 通話時間 作業時間 duration minutes"
    ),
    "call.direction": "発着信 受発信 calldirection",
    "chat.transcript": "会話全文 会話 会話ログ チャットログ トランスクリプト transcript conversation",
    "chat.account": "チャネルアカウント アカウント account",
    "shop.order_number": "注文番号 受注番号 オーダー番号 orderno ordernumber orderid",
    "shop.item_number": "商品番号 商品コード 品番 itemno itemcode sku",
    "shop.item_name": "商品名 品名 product productname",
    "operator.user": "操作ユーザ 操作ユーザー オペレーター オペレータ 対応者 operator agent",
    "operator.name": (
        "操作ユーザ名 操作ユーザー名 対応者 対応者名 オペレーター名 オペレーター 対応者氏名 operatorname agentname"
    ),
    "operator.email": "対応者メールアドレス 担当者メールアドレス operatoremail agentemail",
    "operator.department": "対応部署 担当部署 operatordepartment",
    "ticket.id": "チケットID チケット番号 チケットNo 管理番号 受付番号 ticketid ticketno ticketnumber",
    "ticket.url": "チケットURL チケットリンク チケット リンク URL ticketurl ticketlink",
    "ticket.title": "チケット名 チケット件名 チケットタイトル 案件名 tickettitle tickettitle ticketname",
    "ticket.status": "ステータス 状態 状況 対応状況 対応ステータス 進捗 チケットステータス status state",
    "ticket.assignee": "担当者 担当 主担当 チケット担当者 assignee owner",
    "ticket.assignee_name": "担当者 担当者名 担当者氏名 担当 assigneename ownername",
    "ticket.labels": "ラベル タグ チケットラベル labels tags label tag",
    "ticket.categories": "チケット分類 分類 カテゴリ カテゴリー 問い合わせ分類 categories category",
    "ticket.priority": "優先度 重要度 緊急度 priority",
    "ticket.created_at": "チケット作成日時 受付日時 受付日 起票日時 ticketcreatedat",
    "ticket.closed_at": "完了日時 完了日 クローズ日時 対応完了日時 closedat",
    "customer.code": (
        "顧客コード 顧客ID 顧客番号 お客様コード お客様番号 お客様ID 会員番号 会員ID customercode customerid customerno"
    ),
    "customer.name": (
        "お客様名 顧客名 氏名 名前 お名前 お客様氏名 お客さま名 お客様 顧客 customername customer name fullname"
    ),
    "customer.name_kana": "フリガナ カナ 氏名カナ お客様名カナ 顧客名カナ ヨミガナ ふりがな kana namekana",
    "customer.company": (
        "会社名 社名 会社 企業名 法人名 取引先名 取引先 貴社名 御社名 お客様会社名 company companyname "
        "organization account"
    ),
    "customer.department": "部署 部署名 所属 所属部署 department",
    "customer.post": "役職 役職名 肩書 jobtitle position",
    "customer.email": (
        "メールアドレス メール Eメール 電子メール お客様メールアドレス 顧客メールアドレス お客様メール email "
        "mail emailaddress mailaddress"
    ),
    "customer.emails": "全メールアドレス メールアドレス一覧 emails allemails",
    "customer.phone": (
        "電話番号 電話 TEL 電話番号TEL お客様電話番号 顧客電話番号 連絡先電話番号 ご連絡先 phone phonenumber "
        "telephone tel"
    ),
    "customer.phones": "全電話番号 電話番号一覧 phones allphones",
    "customer.address": "住所 所在地 ご住所 address",
    "customer.note": "備考 メモ 顧客メモ note notes memo remarks",
    "inbox.name": "受信箱名 受信箱 inbox inboxname mailbox",
}

_CHOICES: tuple[str, ...] = (
    "mail メール Eメール email 電子メール",
    "sms ショートメッセージ SMS",
    "record 応対メモ 対応メモ メモ memo note",
    "call 通話メモ 電話 通話 TEL phone 電話メモ",
    "line LINE ライン LINE公式アカウント",
    "rmesse R-Messe RMesse 楽天 楽天市場 楽天R-Messe rakuten",
    "yahoo Yahoo! ヤフー Yahooショッピング Yahoo!ショッピング",
    "chatplus Chatplus チャットプラス",
    "chatwork Chatwork チャットワーク",
    "instagramdm Instagram Instagram DM インスタグラム インスタ インスタグラムDM InstagramDM",
    "messenger Messenger メッセンジャー Facebook Messenger for Business Facebookメッセンジャー",
    "chatwidget チャット ウェブチャット Webチャット チャットウィジェット chat webchat",
    "other その他 そのほか others misc",
    "mailsent メール送信 メール送信済み mail",
    "smssent SMS送信",
    "messagesent メッセージ送信 チャット送信 メッセージ",
    "chatended チャット終了 会話終了 チャット完了",
    "memocreated 応対メモ作成 メモ作成 応対メモ登録 応対メモ",
    "calllogged 通話記録 通話メモ 通話メモ作成 電話 通話",
    "open 未対応 未着手 新規 オープン new 未処理",
    "ongoing 保留 対応中 進行中 処理中 pending inprogress onhold",
    "closed 対応完了 完了 対応済み 対応済 クローズ 解決済み done resolved 処理済み",
    "unwanted 対応不要 不要",
    "trash ゴミ箱 削除",
    "spam 迷惑メール スパム",
    "high 高 高い 緊急 urgent",
    "normal 中 普通 通常 medium",
    "low 低 低い",
    "receivedphone 受電 着信 電話受付 入電",
    "calledphone 架電 発信 電話発信",
    "outbound 送信 発信 outgoing",
    "inbound 受信 着信 incoming",
    "true はい yes あり 有",
    "false いいえ no なし 無",
)


@lru_cache(maxsize=1)
def names_of_fields() -> dict[str, frozenset[str]]:
    """Source key → folded names under which forms keep such a value."""
    return {key: frozenset(map(fold_name, names.split())) for key, names in _FIELDS.items()}


@lru_cache(maxsize=1)
def _names_of_choices() -> dict[str, frozenset[str]]:
    table = {}
    for line in _CHOICES:
        names = [fold_name(name) for name in line.split()]
        table[names[0]] = frozenset(names)
    return table


def other_names_of_choice(code: str) -> frozenset[str]:
    """Folded names that mean the same as the source choice *code*."""
    return _names_of_choices().get(fold_name(code), frozenset())
