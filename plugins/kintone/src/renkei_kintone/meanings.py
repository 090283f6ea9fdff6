"""What each answer of kintone means: one table from code to error class, cause and remedy in both languages.

The code decides, never the HTTP status: the same conditions have been answered with 400, 403 and 520 over the years.
Sources: kintone's REST API documentation (common errors, authentication, limits) and answers seen from real kintone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from renkei.spec import (
    AuthenticationFailed,
    BackendError,
    PermissionDenied,
    RateLimited,
    TargetNotFound,
    Text,
    Unavailable,
)

ADD_RECORDS = "レコード追加"
"""kintone's own name of the one permission that a token needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What one code means.

    Attributes:
        error: what it means for the lane; None where it is about the data of a record.
        text: causes and remedies, for an inbox admin.
        resource: the permission that is missing, where one is.
    """

    error: type[BackendError] | None
    text: Text
    resource: str = ""


def _lane(error: type[BackendError], *, ja: str, en: str, resource: str = "") -> Meaning:
    return Meaning(error=error, text=Text(ja=ja, en=en), resource=resource)


def _data(*, ja: str, en: str) -> Meaning:
    return Meaning(error=None, text=Text(ja=ja, en=en))


_TOKEN = {
    "GAIA_IA02": _lane(
        AuthenticationFailed,
        ja="kintoneがAPIトークンを受け付けません。生成した後にアプリを更新していない場合は、kintoneのアプリの設定"
        "画面で「アプリを更新」を押してください。"
        "入力まちがいや削除済みの場合は、APIトークンをコピーし直すか新しく生成してください。アプリIDやサブドメイ"
        "ンが違う場合は、接続の設定を直してください。",
        en="kintone does not accept the API token. If it was generated or changed without updating the app, "
        "press 'Update app' "
        "(アプリを更新) in the app's settings. If it was mistyped or deleted, copy it again or generate another. "
        "If the app ID or the subdomain is wrong, correct the connection.",
    ),
    "GAIA_AP15": _lane(
        AuthenticationFailed,
        ja="APIトークンが別のアプリのものです。アプリIDが正しいか確認し、正しければそのアプリの設定画面で生成した"
        "APIトークンを入力してください。",
        en="The API token belongs to another app. Check the app ID; if it is right, enter a token that was "
        "generated in that app.",
    ),
    "GAIA_DA03": _lane(
        AuthenticationFailed,
        ja="同じアプリのAPIトークンが2つ入力されています。1つだけ残してください。",
        en="Two API tokens of the same app were given; keep one of them.",
    ),
    "GAIA_NO01": _lane(
        PermissionDenied,
        resource=ADD_RECORDS,
        ja="APIトークンに必要なアクセス権がありません。アプリの設定 > カスタマイズ/サービス連携 > APIトークン で"
        "「レコード追加」にチェックを入れて保存し、"
        "「アプリを更新」を押してください。",
        en="The API token lacks a permission. Under App settings > Customization and integration > API token, "
        "tick 'Add records' "
        "(レコード追加), save, then press 'Update app' (アプリを更新).",
    ),
    "CB_AU01": _lane(
        AuthenticationFailed,
        ja="kintoneにAPIトークンが届いていません。接続のAPIトークンを入力し直してください。",
        en="No API token reached kintone; enter the connection's API token again.",
    ),
    "CB_WA01": _lane(
        AuthenticationFailed,
        ja="kintoneが認証を拒否しました。接続のAPIトークンを入力し直してください。",
        en="kintone refused the authentication; enter the connection's API token again.",
    ),
    "CB_NO02": _lane(
        PermissionDenied,
        resource="ゲストスペース",
        ja="操作する権限がありません。ゲストスペースIDが違う場合は、アプリを開いたときのURLで確認して直してください。"
        "アプリがゲストスペースにない場合は、ゲストスペースIDを空にしてください。",
        en="kintone says that there is no privilege to proceed. If the guest space ID is wrong, correct it from "
        "the app's address; "
        "if the app is in no guest space, leave it empty.",
    ),
}

_TARGET = {
    "GAIA_AP01": _lane(
        TargetNotFound,
        ja="アプリが見つかりません。アプリが削除された場合は別のアプリに接続し、アプリIDが違う場合は直してください。",
        en="The app was not found. If it was deleted, connect another; if the app ID is wrong, correct it.",
    ),
    "GAIA_IL23": _lane(
        TargetNotFound,
        ja="アプリがゲストスペースにあります。接続の設定にゲストスペースID（URL /k/guest/（数字）/ の数字）を入力"
        "してください。",
        en="The app lies in a guest space. Enter the guest space ID, the number in its address /k/guest/(number)/.",
    ),
    "bad_app_id": _lane(
        TargetNotFound,
        ja="アプリIDが数字ではありません。アプリを開いたときのURLで確認してください。",
        en="The app ID is not a number; see the address of the opened app.",
    ),
    "no_such_domain": _lane(
        TargetNotFound,
        ja="このサブドメインのkintoneが見つかりません。サブドメインのつづりと、cybozu.com、kintone.com、"
        "cybozu.cn の別を確認してください。",
        en="There is no kintone at this subdomain. Check its spelling, and whether it is cybozu.com, kintone.com "
        "or cybozu.cn.",
    ),
}

_LATER = {
    "GAIA_TO04": _lane(
        RateLimited,
        ja="kintoneの同時接続数の上限（ドメインあたり100）に達しています。しばらくすると自動で再送します。続く場"
        "合は、同じドメインに接続している他の連携を確認してください。",
        en="The domain's limit of 100 concurrent requests is reached. It is tried again by itself; if it goes "
        "on, look at what else "
        "calls the same domain.",
    ),
    "GAIA_TM12": _lane(
        RateLimited,
        ja="kintoneのカーソル数の上限に達しています。しばらくすると自動で再送します。続く場合は、他の連携を確認し"
        "てください。",
        en="The domain's limit of open cursors is reached. It is tried again by itself; if it goes on, look at "
        "what else calls it.",
    ),
    "rate_limited": _lane(
        RateLimited,
        ja="リクエストが多すぎるため、kintoneが一時的に受け付けていません。しばらくすると自動で再送します。",
        en="Too many requests; kintone takes none for a while. It is tried again by itself.",
    ),
    "GAIA_DA02": _lane(
        Unavailable,
        ja="kintoneのデータベースがロックされていて保存できませんでした。自動で再送します。続く場合は、同じアプリ"
        "に書き込む他の処理を確認してください。",
        en="kintone could not lock its database and saved nothing. It is tried again by itself; if it goes on, "
        "look at what else "
        "writes to the app.",
    ),
    "GAIA_RE18": _lane(
        Unavailable,
        ja="kintoneのレコードがロックされていて保存できませんでした。自動で再送します。",
        en="kintone could not lock a record and saved nothing. It is tried again by itself.",
    ),
    "GAIA_LT01": _lane(
        Unavailable,
        ja="kintoneのロックが取れず保存できませんでした。自動で再送します。",
        en="kintone could not get a lock and saved nothing. It is tried again by itself.",
    ),
    "GAIA_NO02": _lane(
        Unavailable,
        ja="アプリまたはkintone全体がメンテナンス中です。終わると自動で再送します。続く場合は、kintoneの管理者に"
        "確認してください。",
        en="The app or the whole of kintone is under maintenance. It is tried again by itself; if it goes on, "
        "ask kintone's administrator.",
    ),
    "maintenance": _lane(
        Unavailable,
        ja="kintoneがメンテナンス中か、混み合っています。終わると自動で再送します。定期メンテナンスの予定はサイボ"
        "ウズの案内を確認してください。",
        en="kintone is under maintenance or overloaded. It is tried again by itself; Cybozu announces its maintenance.",
    ),
    "server_error": _lane(
        Unavailable,
        ja="kintoneのサーバーでエラーが起きました。自動で再送します。続く場合は、サイボウズの稼働状況を確認してく"
        "ださい。",
        en="kintone's server failed. It is tried again by itself; if it goes on, see Cybozu's status page.",
    ),
    "not_json": _lane(
        Unavailable,
        ja="kintone以外の画面（ログイン画面やプロキシの画面など）が返されました。IPアドレス制限、クライアント証明"
        "書、Basic認証の設定を確認してください。",
        en="Something else than kintone's API answered, such as a log-in or proxy page. Check IP address restriction, "
        "client certificates and Basic authentication of the domain.",
    ),
    "unexpected_answer": _lane(
        Unavailable,
        ja="kintoneの応答を読み取れませんでした。自動でやり直します。続く場合は、プラグインの新しい版があるか確認"
        "してください。",
        en="kintone's answer could not be read. It is tried again by itself; if it goes on, look for a newer "
        "version of the plugin.",
    ),
}

_REFUSED = {
    "access_refused": _lane(
        PermissionDenied,
        resource="IPアドレス制限",
        ja="kintoneに接続できません。IPアドレス制限がある場合は本サービスのIPアドレスを許可し、クライアント証明書"
        "やBasic認証を使っている場合は設定を確認してください。",
        en="kintone does not let us in. If access is restricted by IP address, allow the addresses of this "
        "service; if the domain uses "
        "client certificates or Basic authentication, check them.",
    ),
    "refused": _lane(
        PermissionDenied,
        ja="kintoneがリクエストを拒否しました。アプリの設定やAPIトークンのアクセス権、ご契約のコース（ライトコー"
        "スではAPIを使えません）を確認してください。",
        en="kintone refused the request. Check the app's settings, the token's permissions, and the plan (the "
        "Light course has no API).",
    ),
    "push_too_large": _lane(
        Unavailable,
        ja="一度に送るレコードが多すぎるため、何も送りませんでした。システムの管理者に連絡してください。",
        en="More records than one push takes, so nothing was sent. Tell the operator: the batch size is set too high.",
    ),
    "repeated_key": _lane(
        Unavailable,
        ja="同じ連携キーのレコードが一度に2つあるため、何も送りませんでした。システムの管理者に連絡してください。",
        en="One push holds the same delivery key twice, so nothing was sent. Tell the operator.",
    ),
}

_RECORD = {
    "CB_VA01": _data(
        ja="kintoneが項目の値を受け付けませんでした。値がフィールドの設定（必須、文字数、範囲、選択肢、重複禁止）"
        "に合うように、"
        "マッピングかkintoneのフィールドの設定を直してから再実行してください。",
        en="kintone did not accept a field's value. Correct the mapping, or the field's settings in kintone "
        "(required, length, range, "
        "options, no duplicates), then replay.",
    ),
    "CB_IJ01": _data(
        ja="値の形式がフィールドの種類に合いません。kintoneでフィールドの種類が変わった場合は、マッピングを直して"
        "から再実行してください。",
        en="A value's form does not fit the field's type. If the type was changed in kintone, correct the "
        "mapping, then replay.",
    ),
    "CB_IL02": _data(
        ja="kintoneがリクエストを不正と判断しました。マッピングを確認して再実行してください。続く場合は、プラグイ"
        "ンの新しい版があるか確認してください。",
        en="kintone calls the request illegal. Check the mapping and replay; if it goes on, look for a newer "
        "version of the plugin.",
    ),
    "GAIA_LO04": _data(
        ja="ルックアップの参照先に値がないか、参照先を見る権限がありません。値がない場合は参照先のアプリに追加し、"
        "権限がない場合は参照先のアプリのAPIトークン（レコード閲覧）をカンマ区切りで追加してください。",
        en="A lookup's value is not in the referenced app, or the token may not see that app. Add the value "
        "there, or add that app's "
        "API token (with 'View records'), separated by a comma.",
    ),
    "GAIA_LO03": _data(
        ja="ルックアップの参照先に同じ値が複数あります。参照先のキー項目を「値の重複を禁止する」に設定してください。",
        en="A lookup's value exists more than once in the referenced app. Set 'Prohibit duplicate values' on its "
        "key field.",
    ),
    "GAIA_BF02": _data(
        ja="作成者や作成日時などに値を書き込むにはアプリ管理権限が必要です。マッピングからその項目を外してください。",
        en="Writing the creator or the times of a record takes the permission to manage the app. Take the field "
        "out of the mapping.",
    ),
    "GAIA_FU01": _data(
        ja="フィールドの編集権限がありません。kintoneのフィールドのアクセス権を見直すか、マッピングからその項目を"
        "外してください。",
        en="There is no right to edit a field. Change the field's permissions in kintone, or take it out of the "
        "mapping.",
    ),
    "GAIA_UN10": _data(
        ja="書き込めない種類のフィールドが含まれています。フィールドを読み込み直し、マッピングからその項目を外し"
        "てください。",
        en="A field of a type that cannot be written was sent. Read the fields again and take it out of the mapping.",
    ),
    "GAIA_IL26": _data(
        ja="kintoneに存在しないユーザーが指定されました。ログイン名のつづりか、ユーザーの対応表を直してから再実行"
        "してください。",
        en="A user that kintone does not know was given. Correct the login name or the table of users, then replay.",
    ),
    "GAIA_IL28": _data(
        ja="kintoneに存在しない組織が指定されました。組織コードか対応表を直してから再実行してください。",
        en="An organization that kintone does not know was given. Correct its code or the table, then replay.",
    ),
    "GAIA_BL01": _data(
        ja="添付ファイルがkintoneに見つかりません（期限切れか使用済み）。再実行するとアップロードし直します。",
        en="kintone does not find an uploaded file (expired or used already). Replay to upload it again.",
    ),
    "GAIA_SI01": _data(
        ja="テーブルの行の指定が重複しています。マッピングを確認して再実行してください。",
        en="A table holds one row twice. Check the mapping, then replay.",
    ),
    "GAIA_TO03": _data(
        ja="リクエストの項目数が多すぎます。マッピングの項目を減らしてください。",
        en="The request holds too many parameters. Map fewer fields.",
    ),
    "too_large": _data(
        ja="1件のレコードが大きすぎて送れません。本文などの長い項目を切り詰めるようにマッピングを直してから再実行"
        "してください。",
        en="One record is too large to send. Let the mapping cut long fields such as the body, then replay.",
    ),
    "not_sendable": _data(
        ja="JSONとして送れない値が含まれています。マッピングを確認して再実行してください。",
        en="A value cannot be sent as JSON. Check the mapping, then replay.",
    ),
}

MEANINGS: Mapping[str, Meaning] = MappingProxyType(_TOKEN | _TARGET | _LATER | _REFUSED | _RECORD)
"""Every code that a client with an add-only token can meet, and our own short words for answers without a code."""
