"""Meanings of the answers that concern a whole lane: who we are, where we write, what we may do, and when.

Each sentence lists what may be the cause and what to do about it, with the way through kintone's menus.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from renkei.spec import AuthenticationFailed, PermissionDenied, RateLimited, TargetNotFound, Unavailable
from renkei_kintone.remedies import Meaning, Place, lane

ADD_RECORDS: Final = "レコード追加"
"""kintone's own name of the one permission that a token needs."""

MAY_ADD: Final = "add_records"
"""That permission in an account's list, and where it is missing."""

_TOKEN: Mapping[str, Meaning] = {
    "GAIA_IA02": lane(
        AuthenticationFailed,
        place=Place.TOKENS,
        ja="kintoneがAPIトークンを受け付けません。トークンを生成・変更した後にアプリを更新していない場合は、kintoneのアプリの設定"
        "画面で「アプリを更新」を押してください。入力まちがいや削除済みの場合は、APIトークンをコピーし直すか新しく"
        "生成してください。ルックアップの参照先のAPIトークンも入力している場合は、そのうち1つが無効なだけでもこの"
        "エラーになるため、それぞれのアプリで確認してください。アプリIDやサブドメインが違う場合は、接続の設定を直してください。",
        en="kintone does not accept the API token. If it was generated or changed without updating the app, press "
        "'Update app' (アプリを更新) in the app's settings. If it was mistyped or deleted, copy it again or generate "
        "another. If tokens of apps that lookups refer to were given as well, one bad token among them is enough: "
        "check each in its own app. If the app ID or the subdomain is wrong, correct the connection.",
    ),
    "GAIA_AP15": lane(
        AuthenticationFailed,
        place=Place.TOKENS,
        ja="APIトークンが別のアプリのものです。アプリIDが違う場合は直してください。正しい場合は、そのアプリの設定画面で生成した"
        "APIトークンを入力してください。参照先のアプリのAPIトークンは、APIトークンの欄ではなく「参照先アプリのAPI"
        "トークン」の欄に入力してください。",
        en="The API token belongs to another app. If the app ID is wrong, correct it; if it is right, enter a token "
        "that was generated in that app. Tokens of apps that lookups refer to belong into the field of their own.",
    ),
    "GAIA_DA03": lane(
        AuthenticationFailed,
        ja="同じアプリのAPIトークンが2つ入力されています。連携するアプリと参照先アプリのAPIトークンを見直し、1つのアプリにつき"
        "1つだけ残してください。",
        en="Two API tokens of one app were given. Look at the app's own token and at those of referenced apps, and "
        "keep one for each app.",
    ),
    "GAIA_NO01": lane(
        PermissionDenied,
        resource=MAY_ADD,
        place=Place.TOKENS,
        ja="APIトークンに必要なアクセス権がありません。アプリの設定 > カスタマイズ/サービス連携 > APIトークン で"
        "「レコード追加」にチェックを入れて保存し、「アプリを更新」を押してください。すでにチェックが入っている場合は、"
        "「アプリを更新」がまだです。",
        en="The API token lacks a permission. Under App settings > Customization and integration > API token, tick "
        "'Add records' (レコード追加), save, then press 'Update app' (アプリを更新). If it is ticked already, "
        "the app was not updated since.",
    ),
    "CB_AU01": lane(
        AuthenticationFailed,
        place=Place.TOKENS,
        ja="kintoneにAPIトークンが届いていません。接続のAPIトークンを入力し直してください。途中にプロキシがある場合は、"
        "リクエストのヘッダーを取り除いていないか、システムの管理者に確認してもらってください。",
        en="No API token reached kintone. Enter the connection's API token again. If there is a proxy on the way, have "
        "the operator see that it does not remove headers.",
    ),
    "CB_WA01": lane(
        AuthenticationFailed,
        place=Place.TOKENS,
        ja="kintoneがパスワード認証として扱い、拒否しました。接続のAPIトークンを入力し直してください。途中のプロキシが認証の"
        "ヘッダーを加えている場合は、システムの管理者に外してもらってください。",
        en="kintone took the request for a log-in with a password and refused it. Enter the connection's API token "
        "again. If a proxy on the way adds a log-in, have the operator remove it.",
    ),
    "CB_TW02": lane(
        AuthenticationFailed,
        ja="kintoneがパスワード認証として扱い、2要素認証が必要なため拒否しました。本サービスはAPIトークンだけを使います。途中の"
        "プロキシが認証のヘッダーを加えていないか、システムの管理者に確認してもらってください。",
        en="kintone took the request for a log-in with a password and wants a second factor. Only API tokens are used "
        "here: have the operator see whether a proxy on the way adds a log-in.",
    ),
    "basic_wanted": lane(
        AuthenticationFailed,
        ja="このドメインはBasic認証を求めています。接続の設定にBasic認証のユーザー名とパスワードを入力してください。分からない"
        "場合は、cybozu.comの管理者に確認してください。",
        en="This domain asks for Basic authentication. Enter its user name and password in the connection's settings; "
        "the administrators of the domain know them.",
    ),
    "basic_refused": lane(
        AuthenticationFailed,
        ja="Basic認証のユーザー名かパスワードが違います。cybozu.comの管理者に確認し、接続の設定を直してください。",
        en="The user name or password of Basic authentication is wrong. Ask the administrators of the domain, and "
        "correct the connection's settings.",
    ),
    "CB_NO02": lane(
        PermissionDenied,
        resource="guest_space",
        ja="kintoneが「権限がありません」と答えました。ゲストスペースIDが違う場合は、アプリを開いたときのURL"
        " /k/guest/（数字）/ の数字に直してください。"
        "アプリがゲストスペースにない場合は、ゲストスペースIDを空にしてください。",
        en="kintone says that there is no privilege to proceed. If the guest space ID is wrong, correct it from the "
        "app's address /k/guest/(number)/. If the app is in no guest space, leave it empty.",
    ),
}

_TARGET: Mapping[str, Meaning] = {
    "GAIA_AP01": lane(
        TargetNotFound,
        place=Place.PORTAL,
        ja="アプリが見つかりません。アプリが削除された場合は別のアプリに接続し、アプリIDが違う場合は直してください。",
        en="The app was not found. If it was deleted, connect another; if the app ID is wrong, correct it.",
    ),
    "GAIA_IL23": lane(
        TargetNotFound,
        ja="アプリがゲストスペースにあります。アプリを開いたときのURL /k/guest/（数字）/ の数字を、接続の設定の"
        "ゲストスペースIDに入力してください。URLをサブドメインの欄に貼り付けてもかまいません。",
        en="The app lies in a guest space. Enter the guest space ID, the number in the app's address "
        "/k/guest/(number)/, in the connection's settings; or paste the whole address as the subdomain.",
    ),
    "bad_app_id": lane(
        TargetNotFound,
        ja="アプリIDが正しくありません。アプリを開いたときのURL /k/（アプリID）/ の数字を入力してください。",
        en="The app ID is not one. It is the number in the address of the opened app, /k/(app ID)/.",
    ),
    "no_such_domain": lane(
        TargetNotFound,
        ja="このサブドメインのkintoneが見つかりません。サブドメインのつづりと、"
        "cybozu.com、kintone.com、cybozu.cn の別を確認し、"
        "接続の設定を直してください。アプリを開いたときのURLを貼り付けると確実です。",
        en="There is no kintone at this subdomain. Check its spelling, and whether it is cybozu.com, kintone.com or "
        "cybozu.cn; pasting the address of the opened app is safest.",
    ),
}

_LATER: Mapping[str, Meaning] = {
    "GAIA_TO04": lane(
        RateLimited,
        ja="kintoneの同時接続数の上限（ドメインあたり100）に達しています。しばらくすると自動で再送します。続く場合は、同じドメイン"
        "に接続している他の連携を確認してください。",
        en="The domain's limit of 100 concurrent requests is reached. It is tried again by itself; if it goes on, look "
        "at what else calls the same domain.",
    ),
    "GAIA_TM12": lane(
        RateLimited,
        ja="kintoneのカーソル数の上限に達しています。しばらくすると自動で再送します。続く場合は、他の連携を確認してください。",
        en="The domain's limit of open cursors is reached. It is tried again by itself; if it goes on, look at what "
        "else calls it.",
    ),
    "rate_limited": lane(
        RateLimited,
        ja="リクエストが多すぎるため、kintoneが一時的に受け付けていません。しばらくすると自動で再送します。",
        en="Too many requests; kintone takes none for a while. It is tried again by itself.",
    ),
    "GAIA_DA02": lane(
        Unavailable,
        ja="kintoneのデータベースがロックされていて保存できませんでした。自動で再送します。続く場合は、同じアプリに書き込む他の処理"
        "を確認してください。",
        en="kintone could not lock its database and saved nothing. It is tried again by itself; if it goes on, look at "
        "what else writes to the app.",
    ),
    "GAIA_RE18": lane(
        Unavailable,
        ja="kintoneのレコードがロックされていて保存できませんでした。自動で再送します。",
        en="kintone could not lock a record and saved nothing. It is tried again by itself.",
    ),
    "GAIA_LT01": lane(
        Unavailable,
        ja="kintoneのロックを取得できず、保存できませんでした。自動で再送します。",
        en="kintone could not get a lock and saved nothing. It is tried again by itself.",
    ),
    "GAIA_CO02": lane(
        Unavailable,
        ja="kintoneのレコードが同時に更新されたため保存できませんでした。自動で再送します。",
        en="A record in kintone was changed at the same moment, and nothing was saved. It is tried again by itself.",
    ),
    "GAIA_CO03": lane(
        Unavailable,
        ja="kintoneのアプリの設定が同時に変更されたため保存できませんでした。自動で再送します。",
        en="The app's settings were changed at the same moment, and nothing was saved. It is tried again by itself.",
    ),
    "GAIA_UN03": lane(
        Unavailable,
        ja="kintoneの画面での編集と重なったため保存できませんでした。自動で再送します。",
        en="Somebody was editing in kintone at the same moment, and nothing was saved. It is tried again by itself.",
    ),
    "GAIA_NO02": lane(
        Unavailable,
        ja="アプリまたはkintone全体がメンテナンス中です。終わると自動で再送します。続く場合は、kintoneの管理者に確認してください。",
        en="The app or the whole of kintone is under maintenance. It is tried again by itself; if it goes on, ask "
        "kintone's administrator.",
    ),
    "maintenance": lane(
        Unavailable,
        ja="kintoneがメンテナンス中か、混み合っています。終わると自動で再送します。定期メンテナンスの予定はサイボウズの案内を確認して"
        "ください。",
        en="kintone is under maintenance or overloaded. It is tried again by itself; Cybozu announces its maintenance.",
    ),
    "server_error": lane(
        Unavailable,
        ja="kintoneのサーバーでエラーが起きました。自動で再送します。続く場合は、サイボウズの稼働状況を確認してください。",
        en="kintone's server failed. It is tried again by itself; if it goes on, see Cybozu's status page.",
    ),
    "not_json": lane(
        Unavailable,
        place=Place.PORTAL,
        ja="kintone以外の画面（ログイン画面やプロキシの画面など）が返されました。IPアドレス制限、クライアント証明書、Basic認証の設定"
        "を確認してください。",
        en="Something else than kintone's API answered, such as a log-in or proxy page. Check IP address restriction, "
        "client certificates and Basic authentication of the domain.",
    ),
    # The word of the client, which follows no redirect: its error comes without a link.
    "redirected": lane(
        Unavailable,
        ja="kintoneが別のアドレスへ移動するよう答えました。ログイン画面に移動させられた場合は、IPアドレス制限、クライアント証明書、"
        "Basic認証の設定を確認してください。サブドメインが変わった場合は、接続の設定を直してください。",
        en="kintone answered that the address is another one. If it leads to a log-in page, check IP address "
        "restriction, client certificates and Basic authentication of the domain. If the subdomain was changed, "
        "correct the connection's settings.",
    ),
    "unexpected_answer": lane(
        Unavailable,
        ja="kintoneの応答を読み取れませんでした。自動でやり直します。続く場合は、プラグインの新しい版があるか確認してください。",
        en="kintone's answer could not be read. It is tried again by itself; if it goes on, look for a newer version "
        "of the plugin.",
    ),
    "upload_lost": lane(
        Unavailable,
        ja="添付ファイルをkintoneに送る途中で接続が切れました。自動で再送します。続く場合は、回線とサイボウズの稼働状況を確認して"
        "ください。",
        en="The connection was lost while an attachment was sent to kintone. It is tried again by itself; if it goes "
        "on, look at the network and at Cybozu's status page.",
    ),
    "push_too_large": lane(
        Unavailable,
        ja="一度に送るレコードが多すぎるため、何も送りませんでした。一度に送る件数の設定を小さくするよう、システムの管理者に依頼してください。",
        en="More records than one push takes, so nothing was sent. Tell the operator: the batch size is set too high.",
    ),
    "repeated_key": lane(
        Unavailable,
        ja="同じ連携キーのレコードが一度に2つあるため、何も送りませんでした。システムの管理者に連絡してください。",
        en="One push holds the same delivery key twice, so nothing was sent. Tell the operator.",
    ),
}

_REFUSED: Mapping[str, Meaning] = {
    "access_refused": lane(
        PermissionDenied,
        resource="ip_address",
        place=Place.PORTAL,
        ja="kintoneへのアクセスが拒否されました。IPアドレス制限がある場合は、本サービスのIPアドレスを許可するか、ドメインのBasic認証を"
        "設定してユーザー名とパスワードを接続の設定に入力してください。クライアント証明書には対応していないため、証明書で利用している"
        "ドメインでも、このどちらかが必要です。",
        en="kintone does not let us in. If access is restricted by IP address, allow the addresses of this service, or "
        "set up Basic authentication of the domain and enter its user name and password in the connection's settings. "
        "Client certificates cannot be used here: a domain that people reach with them takes one of these two as well.",
    ),
    "refused": lane(
        PermissionDenied,
        place=Place.SETTINGS,
        ja="kintoneがリクエストを拒否しました。アプリの設定、APIトークンのアクセス権、ご契約のコース（ライトコースではAPIを使えません）"
        "を確認してください。",
        en="kintone refused the request. Check the app's settings, the token's permissions, and the plan (the Light "
        "course has no API).",
    ),
}

LANE: Mapping[str, Meaning] = {**_TOKEN, **_TARGET, **_LATER, **_REFUSED}
"""Code → meaning, for answers that are not about one record."""
