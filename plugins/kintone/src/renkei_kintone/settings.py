"""What an admin types to connect a kintone app. Understood generously, kept in one canonical form."""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr, field_validator, model_validator

from renkei.spec import SettingProblem, Settings, setting
from renkei_kintone.addresses import DOMAINS, HOME, fold, parse_address, shortest

_NUMBER = re.compile(r"0*([1-9][0-9]{0,18})")


class KintoneSettings(Settings):
    """The settings of a connection to one app.

    Attributes:
        subdomain: the label alone for cybozu.com (`example`), the whole host elsewhere (`example.kintone.com`).
        app_id: digits without leading zeros.
        api_token: sent in a header and nowhere else. Several, separated by commas, are sent as typed.
        guest_space_id: digits, where the app lies in a guest space.
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

    @property
    def host(self) -> str:
        """The host that requests go to."""
        return self.subdomain if self.subdomain.endswith(DOMAINS) else f"{self.subdomain}.{HOME}"

    @model_validator(mode="before")
    @classmethod
    def _read_pasted_address(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("subdomain"), str):
            return data
        try:
            address = parse_address(data["subdomain"])
        except SettingProblem:
            return data  # said again by the field's own validator, which knows the field's name
        found = {"app_id": address.app_id, "guest_space_id": address.guest_space_id}
        return data | {name: _either(data.get(name), value) for name, value in found.items() if value is not None}

    @field_validator("subdomain", mode="before")
    @classmethod
    def _canonical_host(cls, value: Any) -> Any:
        return shortest(parse_address(value).host) if isinstance(value, str) else value

    @field_validator("app_id", mode="before")
    @classmethod
    def _canonical_app_id(cls, value: Any) -> str:
        return _identifier(value, "アプリID", "app ID")

    @field_validator("guest_space_id", mode="before")
    @classmethod
    def _canonical_guest_space_id(cls, value: Any) -> str | None:
        return None if _is_blank(value) else _identifier(value, "ゲストスペースID", "guest space ID")

    @field_validator("api_token", mode="before")
    @classmethod
    def _plain_token(cls, value: Any) -> Any:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        return SecretStr(_token(text)) if isinstance(text, str) else value


class _Contradiction:
    """Stands for a setting that was typed as one thing and pasted, within the address, as another."""


def _either(typed: Any, pasted: str) -> Any:
    if _is_blank(typed):
        return pasted
    try:
        same = _identifier(typed, "", "") == pasted.lstrip("0")
    except SettingProblem:
        return typed  # said again by the field's own validator
    return typed if same else _Contradiction()


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not fold(value))


def _identifier(value: Any, ja: str, en: str) -> str:
    if isinstance(value, _Contradiction):
        raise SettingProblem(
            "contradiction",
            ja=f"貼り付けたURLの{ja}と、入力した{ja}が違います。どちらかに揃えてください。",
            en=f"The pasted address holds another {en} than the one typed; make them agree.",
        )
    if _is_blank(value):
        raise SettingProblem("required", ja=f"{ja}を入力してください。", en=f"Enter the {en}.")
    plain = isinstance(value, (int, str)) and not isinstance(value, bool)
    found = _NUMBER.fullmatch(fold(str(value))) if plain else None
    if found is None:
        raise SettingProblem(
            "not_a_number",
            ja=f"{ja}は1以上の数字です。アプリを開いたときのURLで確認してください。",
            en=f"The {en} is a number from 1 upwards; see the address of the opened app.",
        )
    return found[1]


def _token(text: str) -> str:
    token = text.strip().strip("\u200b\ufeff")
    if not token:
        raise SettingProblem("required", ja="APIトークンを入力してください。", en="Enter the API token.")
    if not all("!" <= character <= "~" for character in token):
        raise SettingProblem(
            "bad_token",
            ja="APIトークンに使えない文字（空白、全角文字など）が含まれています。kintoneの画面からコピーし直して"
            "ください。",
            en="The API token holds characters that no token has (a space, a full-width letter); copy it from "
            "kintone again.",
        )
    return token
