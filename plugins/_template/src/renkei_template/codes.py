"""Every code that this plugin uses, and the sentence that an inbox admin reads under it.

One code, one sentence, in both languages: the cause and what to do about it. Atelier's own codes are kept as they
are, so that its documentation can be searched for them; where one of ours means the same, it has the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from renkei.spec import FrozenDict, Text


class Code(StrEnum):
    """A code of Atelier, or of this plugin."""

    # The whole lane: these travel in errors.
    NO_CREDENTIALS = "no_credentials"
    INVALID_CLIENT = "invalid_client"
    UNKNOWN_WORKSPACE = "unknown_workspace"
    INVALID_GRANT = "invalid_grant"
    INVALID_TOKEN = "invalid_token"
    TOKEN_EXPIRED = "token_expired"
    MISSING_SCOPE = "missing_scope"
    UNKNOWN_TABLE = "unknown_table"
    UNKNOWN_FIELD = "unknown_field"
    READ_ONLY_FIELD = "read_only_field"
    UNKNOWN_STAGE = "unknown_stage"
    TABLE_LOCKED = "table_locked"
    TOO_MANY_REQUESTS = "too_many_requests"
    DAILY_QUOTA = "daily_quota"
    MAINTENANCE = "maintenance"
    UNEXPECTED_ANSWER = "unexpected_answer"
    PUSH_TOO_LARGE = "push_too_large"
    REPEATED_KEY = "repeated_key"

    # One record: these travel in problems and in `Rejected`.
    REQUIRED = "required"
    UNSUPPORTED_TYPE = "unsupported_type"
    WRONG_TYPE = "wrong_type"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    LINE_BREAK = "line_break"
    UNSTORABLE_TEXT = "unstorable_text"
    OUT_OF_RANGE = "out_of_range"
    TOO_PRECISE = "too_precise"
    UNKNOWN_CHOICE = "unknown_choice"
    REPEATED_CHOICE = "repeated_choice"
    BAD_MAIL = "bad_mail"
    BAD_LINK = "bad_link"
    BAD_TIME = "bad_time"
    BLOCKED_WORD = "blocked_word"
    TOO_LARGE = "too_large"


def _text(ja: str, en: str) -> Text:
    return Text(ja=ja, en=en)


SENTENCES: Mapping[str, Text] = FrozenDict(
    {
        Code.NO_CREDENTIALS: _text(
            "Atelierへの接続がまだ認証されていません。コネクションをもう一度認証してください。",
            "This connection holds no access token; authenticate it again.",
        ),
        Code.INVALID_CLIENT: _text(
            "クライアントIDとシークレットの組み合わせが正しくありません。Atelierで確認し、入力し直してください。",
            "Atelier does not know this client ID and secret; check both in Atelier and enter them again.",
        ),
        Code.UNKNOWN_WORKSPACE: _text(
            "ワークスペースが見つかりません。ワークスペース名を確認してください。",
            "There is no such workspace; check the workspace name.",
        ),
        Code.INVALID_GRANT: _text(
            "アクセストークンを更新できません。コネクションをもう一度認証してください。",
            "Atelier does not renew the access token any more; authenticate the connection again.",
        ),
        Code.INVALID_TOKEN: _text(
            "アクセストークンが取り消されています。コネクションをもう一度認証してください。",
            "The access token was revoked; authenticate the connection again.",
        ),
        Code.TOKEN_EXPIRED: _text(
            "アクセストークンの有効期限が切れました。自動で更新されない場合は、もう一度認証してください。",
            "The access token has expired; if it is not renewed by itself, authenticate the connection again.",
        ),
        Code.MISSING_SCOPE: _text(
            "クライアントに必要な権限がありません。Atelierの「設定 > API > クライアント」で権限を追加してください。",
            "The client lacks a permission; grant it in Atelier under Settings > API > Clients.",
        ),
        Code.UNKNOWN_TABLE: _text(
            "テーブルが見つかりません。削除されていないか確認し、別のテーブルを選んでください。",
            "There is no such table; see whether it was deleted, or choose another.",
        ),
        Code.UNKNOWN_FIELD: _text(
            "マッピング先のフィールドがテーブルにありません。マッピングを編集してください。",
            "A mapped field is not in the table any more; edit the mapping.",
        ),
        Code.READ_ONLY_FIELD: _text(
            "マッピング先のフィールドには書き込めません。マッピングから外してください。",
            "A mapped field cannot be written; take it out of the mapping.",
        ),
        Code.UNKNOWN_STAGE: _text(
            "設定したステージがテーブルにありません。連携のステージを選び直してください。",
            "The table has no stage of that name; choose another in the integration's options.",
        ),
        Code.TABLE_LOCKED: _text(
            "テーブルの設定が編集中です。編集が終わると自動で再開します。",
            "The table is being redesigned; sending goes on by itself afterwards.",
        ),
        Code.TOO_MANY_REQUESTS: _text(
            "Atelierへのリクエストが多すぎます。しばらくして自動で再開します。",
            "Atelier asked for a pause; sending goes on by itself.",
        ),
        Code.DAILY_QUOTA: _text(
            "本日のリクエスト数の上限に達しました。上限のリセット後に自動で再開します。",
            "The requests of today are used up; sending goes on by itself when the count is reset.",
        ),
        Code.MAINTENANCE: _text(
            "Atelierがメンテナンス中です。終了後に自動で再開します。",
            "Atelier is under maintenance; sending goes on by itself afterwards.",
        ),
        Code.UNEXPECTED_ANSWER: _text(
            "Atelierから想定外の応答がありました。続く場合はプラグインの開発元に連絡してください。",
            "Atelier answered in a way that this plugin does not know; if it lasts, tell the plugin's authors.",
        ),
        Code.PUSH_TOO_LARGE: _text(
            "一度に送るレコードが多すぎます。プラグインの開発元に連絡してください。",
            "More records were pushed at once than this plugin takes; tell the plugin's authors.",
        ),
        Code.REPEATED_KEY: _text(
            "同じレコードが一度の送信に二度含まれています。プラグインの開発元に連絡してください。",
            "One record was pushed twice at once; tell the plugin's authors.",
        ),
        Code.REQUIRED: _text(
            "必須フィールドに値がありません。マッピングを追加するか、初期値を設定してください。",
            "A required field has no value; map something to it or give it a fallback.",
        ),
        Code.UNSUPPORTED_TYPE: _text(
            "この種類のフィールドには対応していません。マッピングから外してください。",
            "Fields of this type are not supported; take it out of the mapping.",
        ),
        Code.WRONG_TYPE: _text(
            "値の種類がフィールドに合いません。マッピングを見直してください。",
            "The value is not of the field's type; choose another source for it.",
        ),
        Code.TOO_LONG: _text(
            "値が長すぎます。切り詰めるようにマッピングを設定してください。",
            "The value is too long; have the mapping cut it.",
        ),
        Code.TOO_SHORT: _text(
            "値が短すぎます。別の項目をマッピングしてください。",
            "The value is too short; map another source to the field.",
        ),
        Code.LINE_BREAK: _text(
            "一行のフィールドに改行は入りません。複数行のフィールドにマッピングしてください。",
            "A field of one line takes no line break; map to a field of several lines.",
        ),
        Code.UNSTORABLE_TEXT: _text(
            "保存できない文字が含まれています。元のデータを直してから再送してください。",
            "The text holds a character that cannot be stored; mend the source and replay.",
        ),
        Code.OUT_OF_RANGE: _text(
            "値がフィールドの範囲を超えています。フィールドの設定かマッピングを見直してください。",
            "The value is outside the field's range; change the range in Atelier or the mapping.",
        ),
        Code.TOO_PRECISE: _text(
            "小数点以下の桁数が多すぎます。フィールドの設定かマッピングを見直してください。",
            "The value has more decimal places than the field keeps; change the field in Atelier or the mapping.",
        ),
        Code.UNKNOWN_CHOICE: _text(
            "フィールドにない選択肢です。Atelierに選択肢を追加するか、値の対応表を直してください。",
            "The field has no such choice; add it in Atelier or mend the mapping's value table.",
        ),
        Code.REPEATED_CHOICE: _text(
            "同じ選択肢が二度含まれています。値の対応表を直してください。",
            "One choice is there twice; mend the mapping's value table.",
        ),
        Code.BAD_MAIL: _text(
            "メールアドレスの形式ではありません。テキストのフィールドにマッピングしてください。",
            "This is not an e-mail address; map it to a text field instead.",
        ),
        Code.BAD_LINK: _text(
            "http:// または https:// で始まるURLではありません。テキストのフィールドにマッピングしてください。",
            "This is not an http or https address; map it to a text field instead.",
        ),
        Code.BAD_TIME: _text(
            "日付・日時として使えない値です。マッピングを見直してください。",
            "This date or time cannot be used; choose another source for it.",
        ),
        Code.BLOCKED_WORD: _text(
            "ワークスペースで禁止されている語が含まれています。Atelierの設定か元のデータを見直してください。",
            "The text holds a word that the workspace forbids; change Atelier's word list or the source.",
        ),
        Code.TOO_LARGE: _text(
            "レコード全体が大きすぎます。長いフィールドを切り詰めるようにマッピングを設定してください。",
            "The record as a whole is too large; have the mapping cut its longest field.",
        ),
    }
)
