"""What an admin types to connect a kintone app. Understood generously, kept in one canonical form."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr, ValidationInfo, field_validator, model_validator

from renkei.spec import Settings, setting
from renkei_kintone import typed
from renkei_kintone.addresses import DOMAINS, HOME, parse_address, parse_path, shortest

MOST_TOKENS = 9
"""Tokens in one request, after kintone's documentation: the app's own, and eight of apps that lookups refer to."""

MOST_MEGABYTES = 50


class KintoneSettings(Settings):
    """The settings of a connection to one app.

    Attributes:
        subdomain: the label alone for cybozu.com (`example`), the whole host elsewhere (`example.kintone.com`).
        app_id: digits without leading zeros.
        api_token: sent in a header and nowhere else. Several, separated by commas, are sent as typed.
        guest_space_id: digits, where the app lies in a guest space.
        lookup_tokens: tokens of the apps that lookups refer to, separated by commas.
        may_view: the token may view records: then records can be looked for by their key.
        request_megabytes: most bytes in the body of one request, in MiB.
        daily_requests: the plan's figure for one app and day.
        daily_share: percent of it that this connection may use.
        basic_user, basic_password: of the domain's Basic authentication; both or neither.
    """

    subdomain: str = setting(
        ja="サブドメイン",
        en="Subdomain",
        help_ja="https://（サブドメイン）.cybozu.com/ の部分。アプリを開いたときのURLを貼り付けてもかまいません。",
        help_en="The first part of https://(subdomain).cybozu.com/; the address of the opened app may be pasted too.",
    )
    app_id: str = setting(
        ja="アプリID",
        en="App ID",
        help_ja="アプリを開いたときのURL https://（サブドメイン）.cybozu.com/k/（アプリID）/ の数字。",
        help_en="The number in the address of the opened app: https://(subdomain).cybozu.com/k/(app ID)/.",
    )
    api_token: SecretStr = setting(
        ja="APIトークン",
        en="API token",
        help_ja="アプリの設定 > カスタマイズ/サービス連携 > APIトークン で生成し、「レコード追加」だけにチェック"
        "を入れて保存し、"
        "「アプリを更新」を押してください。",
        help_en="Generated under App settings > Customization and integration > API token. Tick 'Add records' and "
        "nothing more, save, then press 'Update app'.",
    )
    guest_space_id: str | None = setting(
        default=None,
        ja="ゲストスペースID",
        en="Guest space ID",
        help_ja="アプリがゲストスペースにあるときだけ入力します。URL /k/guest/（ゲストスペースID）/ の数字。",
        help_en="Only for an app in a guest space: the number in its address /k/guest/(guest space ID)/.",
    )
    lookup_tokens: SecretStr | None = setting(
        default=None,
        ja="参照先アプリのAPIトークン",
        en="API tokens of referenced apps",
        help_ja="ルックアップに書き込むときだけ入力します。参照先のアプリで「レコード閲覧」にチェックを入れて生成したAPI"
        "トークンを、カンマ、空白または改行で区切って8つまで。",
        help_en="Only to write lookups: tokens generated in the apps that they refer to, with 'View records' ticked; "
        "at most 8, separated by commas, spaces or lines.",
    )
    may_view: bool = setting(
        default=False,
        ja="APIトークンで閲覧もできる",
        en="The token may also view records",
        help_ja="APIトークンで「レコード閲覧」にもチェックを入れたときだけ「はい」にします。登録できたか分からないレコードを"
        "連携キーで探せます。通常は不要です。",
        help_en="'yes' only where 'View records' is ticked for the token as well: a record whose outcome is unknown "
        "can then be looked for by its key. Not needed as a rule.",
    )
    request_megabytes: int = setting(
        default=4,
        ja="リクエストの上限（MB）",
        en="Size of a request (MB)",
        help_ja="一度に送るデータの上限。1から50まで。kintoneの上限は公表されていません。",
        help_en="Most that one request sends, 1 to 50. kintone documents no figure of its own.",
    )
    daily_requests: int = setting(
        default=10_000,
        ja="1日のAPIリクエスト数",
        en="API requests a day",
        help_ja="アプリごとの1日の上限。スタンダードコースは10000、ワイドコースは100000です。",
        help_en="The plan's figure for one app: 10000 for the Standard course, 100000 for the Wide course.",
    )
    daily_share: int = setting(
        default=100,
        ja="そのうち使ってよい割合（%）",
        en="Share of it that may be used (%)",
        help_ja="同じアプリを使う他の連携がある場合に減らします。1から100まで。",
        help_en="Less than 100 where other integrations call the same app. 1 to 100.",
    )
    basic_user: SecretStr | None = setting(
        default=None,
        ja="Basic認証のユーザー名",
        en="User name of Basic authentication",
        help_ja="ドメインにBasic認証を設定しているときだけ入力します。",
        help_en="Only where the domain asks for Basic authentication.",
    )
    basic_password: SecretStr | None = setting(
        default=None,
        ja="Basic認証のパスワード",
        en="Password of Basic authentication",
        help_ja="ドメインにBasic認証を設定しているときだけ入力します。",
        help_en="Only where the domain asks for Basic authentication.",
    )

    @property
    def host(self) -> str:
        """The host that requests go to."""
        return self.subdomain if self.subdomain.endswith(DOMAINS) else f"{self.subdomain}.{HOME}"

    @model_validator(mode="before")
    @classmethod
    def _read_pasted_address(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("subdomain"), str):
            return data
        # What is wrong with the host is said by the field's own validator; the path is read all the same, so that
        # nobody is asked for an app ID that was pasted.
        address = parse_path(data["subdomain"])
        found = {"app_id": address.app_id, "guest_space_id": address.guest_space_id}
        return data | {name: typed.either(data.get(name), value) for name, value in found.items() if value is not None}

    @model_validator(mode="before")
    @classmethod
    def _whole_login(cls, data: Any) -> Any:
        return typed.with_missing_half(data, "basic_user", "basic_password") if isinstance(data, dict) else data

    @field_validator("subdomain", mode="before")
    @classmethod
    def _canonical_host(cls, value: Any) -> Any:
        return shortest(parse_address(value).host) if isinstance(value, str) else value

    @field_validator("app_id", mode="before")
    @classmethod
    def _canonical_app_id(cls, value: Any) -> str:
        return typed.identifier(value, "アプリID", "app ID")

    @field_validator("guest_space_id", mode="before")
    @classmethod
    def _canonical_guest_space_id(cls, value: Any) -> str | None:
        return None if typed.is_blank(value) else typed.identifier(value, "ゲストスペースID", "guest space ID")

    @field_validator("api_token", mode="before")
    @classmethod
    def _plain_token(cls, value: Any) -> Any:
        text = typed.revealed(value)
        if not isinstance(text, str):
            return value
        token = typed.token(text)
        typed.require_few_and_different(token, "", MOST_TOKENS)
        return SecretStr(token)

    @field_validator("lookup_tokens", mode="before")
    @classmethod
    def _plain_tokens(cls, value: Any) -> Any:
        text = typed.revealed(value)
        if not isinstance(text, str):
            return value
        found = typed.tokens(text)
        return SecretStr(",".join(found)) if found else None

    @field_validator("basic_user", "basic_password", mode="before")
    @classmethod
    def _plain_login(cls, value: Any, info: ValidationInfo) -> Any:
        typed.require_other_half(value)
        text = typed.revealed(value)
        if not isinstance(text, str):
            return value
        return SecretStr(typed.login(text, is_user=info.field_name == "basic_user")) if text.strip() else None

    @field_validator("may_view", mode="before")
    @classmethod
    def _yes_or_no(cls, value: Any) -> bool:
        return typed.yes_or_no(value)

    @field_validator("request_megabytes", mode="before")
    @classmethod
    def _megabytes(cls, value: Any) -> int:
        return typed.number(value, 4, 1, MOST_MEGABYTES)

    @field_validator("daily_requests", mode="before")
    @classmethod
    def _requests(cls, value: Any) -> int:
        return typed.number(value, 10_000, 1, 100_000_000)

    @field_validator("daily_share", mode="before")
    @classmethod
    def _share(cls, value: Any) -> int:
        return typed.number(value, 100, 1, 100)

    @field_validator("lookup_tokens")
    @classmethod
    def _fits_the_header(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        own = info.data.get("api_token")  # not there where it is wrong itself
        if value is not None and own is not None:
            typed.require_few_and_different(own.get_secret_value(), value.get_secret_value(), MOST_TOKENS)
        return value
