"""kintone's messages in English and Japanese, and the error that carries them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Words(NamedTuple):
    """One message in both languages."""

    en: str
    ja: str

    def in_(self, language: str) -> str:
        """The wording in *language*."""
        return self.ja if language == "ja" else self.en


Errors = dict[str, list[Words]]
"""Path → messages, as a `CB_VA01` lists them."""


class Refused(Exception):
    """An error answer: nothing of the request is kept."""

    def __init__(self, status: int, code: str, words: Words, errors: Mapping[str, list[Words]] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.words = words
        self.errors = errors or {}


class BulkRefused(Refused):
    """The refusal of one inner call of a `bulkRequest`, which refuses them all.

    Attributes:
        at: its index.
        of: how many inner calls there were.
    """

    def __init__(self, inner: Refused, at: int, of: int) -> None:
        super().__init__(inner.status, inner.code, inner.words, inner.errors)
        self.at = at
        self.of = of


class NotSimulated(Exception):
    """A call, or a part of one, that kintone has and the simulator has not."""


def invalid(errors: Errors) -> Refused:
    """`CB_VA01` with everything that is wrong."""
    return Refused(400, "CB_VA01", Words("Missing or invalid input.", "入力内容が正しくありません。"), errors)


def bad_json() -> Refused:
    """`CB_IJ01`: broken JSON, or a value of the wrong JSON type; it never says where."""
    return Refused(400, "CB_IJ01", Words("Invalid JSON string.", "不正なJSON文字列です。"))


def illegal_request() -> Refused:
    """`CB_IL02`."""
    return Refused(400, "CB_IL02", Words("Illegal request.", "不正なリクエストです。"))


def no_login() -> Refused:
    """`CB_AU01`: no authentication header."""
    return Refused(401, "CB_AU01", Words("Please login.", "ログインしてください。"))


def unknown_token(status: int) -> Refused:
    """`GAIA_IA02`: mistyped, deleted, or generated without updating the app."""
    return Refused(
        status,
        "GAIA_IA02",
        Words(
            "The specified API token does not match the API token generated via an app.",
            "指定したAPIトークンは、アプリで生成されたトークンと異なります。アプリのAPIトークンの設定を確認してく"
            "ださい。設定が正しい場合、APIトークンの設定がアプリに反映されていない場合があります。アプリの設定を"
            "更新し、APIトークンの設定をアプリに反映します。",
        ),
    )


def wrong_password() -> Refused:
    """`CB_WA01`: no such user, another password, or a header that is no Base64 of both."""
    return Refused(
        401,
        "CB_WA01",
        Words(
            "Password authentication failed. The value in http header of X-Cybozu-Authorization is not valid.",
            "ユーザーのパスワード認証に失敗しました。「X-Cybozu-Authorization」ヘッダーの値が正しくありません。",
        ),
    )


def no_such_app(app: str) -> Refused:
    """`GAIA_AP01`: only those hear it who log in with a password."""
    return Refused(
        404,
        "GAIA_AP01",
        Words(
            f"The app (ID: {app}) not found. The app may have been deleted.",
            f"指定したアプリ（id: {app}）が見つかりません。削除されている可能性があります。",
        ),
    )


def other_apps_token(app: str, status: int = 403) -> Refused:
    """`GAIA_AP15`: a valid token, of another app."""
    return Refused(
        status,
        "GAIA_AP15",
        Words(
            f"The API token does not match the app (id: {app}).",
            f"APIトークンとアプリ(id: {app})の組み合わせが正しくありません。",
        ),
    )


def repeated_token() -> Refused:
    """`GAIA_DA03`: two tokens of one app."""
    return Refused(
        400,
        "GAIA_DA03",
        Words(
            "You cannot specify a duplicate API token for the same app.",
            "同じアプリのAPIトークンを重複して指定することはできません。",
        ),
    )


def not_permitted() -> Refused:
    """`GAIA_NO01`: the token lacks the permission."""
    return Refused(
        403,
        "GAIA_NO01",
        Words(
            "Using this API token, you cannot run the specified API.",
            "このAPIトークンでは、指定したAPIを実行できません。",
        ),
    )


def no_privilege() -> Refused:
    """`CB_NO02`: on a guest path, for an app that is not in that space."""
    return Refused(403, "CB_NO02", Words("No privilege to proceed.", "権限がありません。"))


def in_guest_space(status: int) -> Refused:
    """`GAIA_IL23`: an app of a guest space, asked for on the normal path."""
    return Refused(
        status,
        "GAIA_IL23",
        Words(
            "When you operate an app in a guest space, please send the request to '/k/guest/(guest space ID)/v1/...'.",
            "ゲストスペース内のアプリを操作する場合は、リクエストの送信先を「/k/guest/（ゲストスペースのID）"
            "/v1/...」にします。",
        ),
    )


def too_many_requests() -> Refused:
    """`GAIA_TO04`."""
    return Refused(
        429,
        "GAIA_TO04",
        Words(
            "The number of concurrent API requests exceeds the limit.", "APIの同時リクエスト数が上限を超えています。"
        ),
    )


def database_locked() -> Refused:
    """`GAIA_DA02`."""
    return Refused(
        400,
        "GAIA_DA02",
        Words(
            "Failed to save the changes because the database could not be locked. Please wait a while and try again.",
            "データベースのロックに失敗したため、変更を保存できませんでした。時間をおいて再度お試しください。",
        ),
    )


def no_such_record(record: str) -> Refused:
    """`GAIA_RE01`."""
    return Refused(
        404,
        "GAIA_RE01",
        Words(
            f"The specified record (ID: {record}) is not found.", f"指定したレコード（id: {record}）が見つかりません。"
        ),
    )


def no_such_file(key: str) -> Refused:
    """`GAIA_BL01`."""
    return Refused(
        404,
        "GAIA_BL01",
        Words(f"The specified file (id: {key}) not found.", f"指定したファイル（id: {key}）が見つかりません。"),
    )


def no_such_user(code: str) -> Refused:
    """`GAIA_IL26`: the first unknown user, without index or path."""
    return Refused(
        400,
        "GAIA_IL26",
        Words(f"The specified user (code：{code}) not found.", f"指定したユーザー(code:{code})が見つかりません。"),
    )


def no_such_organization(code: str) -> Refused:
    """`GAIA_IL28`."""
    return Refused(
        400,
        "GAIA_IL28",
        Words(f"The specified organization (code: {code}) not found.", f"指定した組織(code:{code})が見つかりません。"),
    )


def no_such_group(code: str) -> Refused:
    """What kintone says of an unknown group is not known; this stands in for it, with the code for organizations."""
    return Refused(
        400,
        "GAIA_IL28",
        Words(f"The specified group (code: {code}) not found.", f"指定したグループ(code:{code})が見つかりません。"),
    )


def not_in_lookup(label: str, value: str) -> Refused:
    """`GAIA_LO04`: the first lookup that fails, without index or path."""
    return Refused(
        400,
        "GAIA_LO04",
        Words(
            f"A value {value} in the field {label} does not exist in the datasource app for lookup, or you do not have "
            "permission to view the app or the field.",
            f"フィールド「{label}」の値「{value}」が、ルックアップの参照先のフィールドにないか、"
            "またはアプリやフィールドの閲覧権限がありません。",
        ),
    )


def needs_manage(label: str, status: int = 403) -> Refused:
    """`GAIA_BF02`: creator or times without the permission to manage the app."""
    return Refused(
        status,
        "GAIA_BF02",
        Words(
            f'App permissions are required to add records with specifying a value in the "{label}" field.',
            f"フィールド「{label}」の値を指定してレコードを追加するには、アプリに管理権限が必要です。",
        ),
    )


def type_not_writable(native: str) -> Refused:
    """`GAIA_UN10`."""
    return Refused(
        400,
        "GAIA_UN10",
        Words(f"Cannot update field whose type is {native}.", f"{native}のフィールドは更新できません。"),
    )


def key_not_in_lookup_once() -> Refused:
    """`GAIA_LO03`: several records of the referenced app hold the key."""
    return Refused(
        400,
        "GAIA_LO03",
        # No source has the wording.
        Words("The lookup key is not unique in the datasource app.", "ルックアップのキーが参照先で重複しています。"),
    )


def no_match_for_key() -> Refused:
    """`GAIA_RE20`: it never says which item."""
    return Refused(
        404,
        "GAIA_RE20",
        Words(
            'No records match the conditions specified in the "updateKey" field.',
            "「updateKey」に指定した条件に一致するレコードがありません。",
        ),
    )


def no_such_field(code: str) -> Refused:
    """`GAIA_IQ11`: in an `updateKey` or a query."""
    return Refused(
        400,
        "GAIA_IQ11",
        Words(f"Specified field ({code}) not found.", f"指定されたフィールド（{code}）が見つかりません。"),
    )


def not_a_key(code: str) -> Refused:
    """`GAIA_IQ27`: the field lets values repeat, or is of a type that cannot be a key."""
    return Refused(
        400,
        "GAIA_IQ27",
        Words(
            f'Failed to update record. The field (code: {code}) set as "updateKey" must be set to '
            '"Prohibit duplicate values".',
            f"レコードの更新に失敗しました。「updateKey」のフィールド（コード: {code}）は「値の重複を禁止する」を"
            "設定している必要があります。",
        ),
    )


def other_revision() -> Refused:
    """`GAIA_CO02`."""
    return Refused(
        409,
        "GAIA_CO02",
        Words(
            "The revision is not the latest. Someone may update a record.",
            "指定したrevisionは最新ではありません。ほかのユーザーがレコードを更新した可能性があります。",
        ),
    )


def repeated_row() -> Refused:
    """`GAIA_SI01`: one row id twice in a table; seen with status 520."""
    return Refused(520, "GAIA_SI01", Words("The table row ID is duplicated.", "テーブルの行のIDが重複しています。"))


PARAMETER_REQUIRED = Words("Required field.", "必須です。")
REQUIRED = Words("Required.", "必須です。")
TAKEN = Words("This value already exists in another record.", "値がほかのレコードと重複しています。")
NOT_A_BOOLEAN = Words("must be boolean.", "真偽値でなければなりません。")
TOO_MANY_UPDATES = Words(
    "A maximum of 100 records can be updated at one time.", "一度に100件までのレコードを更新できます。"
)
ONE_TO_HUNDRED_DELETES = Words(
    "Between 1 and 100 records can be deleted at one time.", "一度に1件から100件までのレコードを削除できます。"
)
# No source has this wording.
NOT_A_PAST_TIME = Words("The date and time is not allowed.", "指定できない日時です。")
NOT_AN_INTEGER = Words("Enter an integer value.", "整数で入力してください。")
TOO_MANY_RECORDS = Words(
    "A maximum of 100 records can be added at one time.", "一度に100件までのレコードを追加できます。"
)
# No source has this wording.
TOO_MANY_REQUESTS = Words(
    "A maximum of 20 requests can be made at one time.", "一度に20件までのリクエストを実行できます。"
)
NOT_A_NUMBER = Words("Only numbers are allowed.", "数字でなければなりません。")
TOO_MANY_DIGITS = Words("The number of digits exceeds the maximum allowed.", "有効桁数を超えています。")
# The English wording is not documented.
NOT_A_DATE = Words("The date must be in ISO 8601 format.", "日時はISO8601形式の必要があります。")
BAD_LINK = Words("The URL format is invalid.", "URLの形式が正しくありません。")


def at_least(limit: int) -> Words:
    """A parameter below its least value."""
    return Words(f"must be greater than or equal to {limit}", f"最小でも{limit}以上です。")


def at_most(limit: int) -> Words:
    """A parameter above its greatest value; no source has this wording."""
    return Words(f"must be less than or equal to {limit}", f"最大でも{limit}以下です。")


def too_long(limit: int) -> Words:
    """The number in the text is the limit plus one."""
    return Words(f"Enter less than {limit + 1} characters.", f"{limit + 1}文字より短くなければなりません。")


def too_short(limit: int) -> Words:
    """The number in the text is the limit minus one."""
    return Words(f"Enter more than {limit - 1} characters.", f"{limit - 1}文字より長くなければなりません。")


def above(limit: str) -> Words:
    """Larger than the field allows."""
    return Words(f"The value must be {limit} or less.", f"{limit}以下である必要があります。")


def below(limit: str) -> Words:
    """Smaller than the field allows."""
    return Words(f"The value must be {limit} or more.", f"{limit}以上である必要があります。")


def not_an_option(value: str) -> Words:
    """The option's name is repeated between double quotes."""
    return Words(f'The value, "{value}", is not in options.', f'"{value}"は選択肢にありません。')
