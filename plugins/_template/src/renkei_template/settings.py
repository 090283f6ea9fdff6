"""What an admin types: the settings of a connection, and the options of a target.

Both are shown as forms: each field's label and help come from `spec.setting`. Checking them sends nothing; whether
they are right is for `crm_authenticate` to find out. A validator makes what people paste usable, or refuses it with
words that never repeat the value. Parsing what was parsed must change nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from pydantic import SecretStr, field_validator

from renkei import spec

DOMAIN = "atelier-crm.example"

_ADDRESS = re.compile(rf"(?:https?://)?([^/?#]*)\.{re.escape(DOMAIN)}(?:[/?#].*)?", re.DOTALL)
_WORKSPACE = re.compile(r"[a-z0-9](?:-?[a-z0-9]){1,39}")
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STAGE_LENGTH = 100


class AtelierSettings(spec.Settings):
    """Settings of a connection. What the backend *gives* (tokens) is no setting: see `spec.Credentials`."""

    workspace: str = spec.setting(
        ja="ワークスペース名",
        en="Workspace name",
        help_ja=f"「north-wind.{DOMAIN}」の「north-wind」の部分です。URLを貼り付けても構いません。",
        help_en=f"The part 'north-wind' of 'north-wind.{DOMAIN}'. A pasted URL is understood too.",
    )
    client_id: str = spec.setting(
        ja="クライアントID",
        en="Client ID",
        help_ja="Atelierの「設定 > API > クライアント」に表示されます。",
        help_en="Shown in Atelier under Settings > API > Clients.",
    )
    client_secret: SecretStr = spec.setting(
        ja="クライアントシークレット",
        en="Client secret",
        help_ja="クライアントの作成時に一度だけ表示されます。",
        help_en="Shown once, when the client is made.",
    )

    @field_validator("workspace", mode="before")
    @classmethod
    def _name_from_whatever_was_pasted(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        typed = _plain(value).lower()
        address = _ADDRESS.fullmatch(typed)
        name = address.group(1) if address else typed
        if not _WORKSPACE.fullmatch(name):
            raise spec.SettingProblem(
                "not_a_workspace",
                ja=f"ワークスペース名は、「.{DOMAIN}」の前の部分を半角の英小文字・数字・ハイフンで入力してください。",
                en=f"Enter the part before '.{DOMAIN}': 2 to 40 lower-case letters, digits and hyphens.",
            )
        return name

    @field_validator("client_id", mode="before")
    @classmethod
    def _plain_client_id(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        plain = _plain(value)
        if not _CLIENT_ID.fullmatch(plain):
            raise spec.SettingProblem(
                "not_a_client_id",
                ja="クライアントIDは半角の英数字・ハイフン・アンダースコアで入力してください。",
                en="A client ID holds only letters, digits, hyphens and underscores; copy it from Atelier again.",
            )
        return plain

    @field_validator("client_secret", mode="before")
    @classmethod
    def _secret_without_white_space(cls, value: Any) -> Any:
        # A secret is trimmed and never folded: nobody may change one of its characters for another.
        if not isinstance(value, str):
            return value
        trimmed = value.strip()
        if not trimmed or not trimmed.isascii() or not trimmed.isprintable() or " " in trimmed:
            raise spec.SettingProblem(
                "not_a_secret",
                ja="クライアントシークレットに使えない文字があります。Atelierからコピーし直してください。",
                en="The client secret is empty or holds a character that no secret has; copy it from Atelier again.",
            )
        return trimmed

    @property
    def origin(self) -> str:
        """Where this workspace answers. Its host matches a pattern of `Manifest.hosts`."""
        return f"https://{self.workspace}.{DOMAIN}"


class AtelierOptions(spec.Settings):
    """Options of a target: what an admin chooses for one table. A backend without any uses `spec.NoOptions`."""

    stage: str = spec.setting(
        ja="ステージ",
        en="Stage",
        help_ja="新しいレコードを置くステージの名前です。空欄ならテーブルの最初のステージになります。",
        help_en="Name of the stage that new records start in. Empty: the table's first stage.",
        default="",
    )

    @field_validator("stage", mode="before")
    @classmethod
    def _one_short_line(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        trimmed = value.strip()
        if len(trimmed) > _STAGE_LENGTH or not all(character.isprintable() for character in trimmed):
            raise spec.SettingProblem(
                "not_a_stage",
                ja=f"ステージ名は改行なしの{_STAGE_LENGTH}文字以内で入力してください。",
                en=f"A stage's name is one line of at most {_STAGE_LENGTH} characters.",
            )
        return trimmed


def _plain(value: str) -> str:
    """*value* without white space around it, and with full-width letters made half-width."""
    return unicodedata.normalize("NFKC", value).strip()
