"""What an admin types or pastes as the address of a kintone, understood or refused."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from renkei.spec import SettingProblem

DOMAINS = ("cybozu.com", "kintone.com", "cybozu.cn")
"""Where kintone runs: Japan, the rest of the world, China. All of it over https on port 443."""

HOME = "cybozu.com"
"""The domain that a bare label belongs to."""

# A DNS label. kintone's own rule is narrower, but documented nowhere.
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# An app and its records, also as phones show them: `/k/12/`, `/k/guest/5/12/`, `/k/m/12/`.
_APP_PATH = re.compile(r"/k/(?:guest/(?P<guest>[0-9]+)/?)?(?:m/)?(?P<app>[0-9]+)?(?=[/?#]|$)")
# The app's settings, where whoever has just generated a token is: `/k/admin/app/apitoken?app=12`.
_ADMIN_PATH = re.compile(
    r"/k/(?:guest/(?P<guest>[0-9]+)/)?admin/app/[a-z]+\?(?:[^#]*&)?app=(?P<app>[0-9]+)(?=[&#]|$)", re.IGNORECASE
)
# Pasted text brings characters that nobody sees: zero-width space, joiners, byte-order mark.
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A host, and what the path of a pasted address says about app and guest space."""

    host: str
    app_id: str | None = None
    guest_space_id: str | None = None


def fold(typed: str) -> str:
    """*typed* without outer white space and invisible characters, full-width letters and digits made plain."""
    plain = unicodedata.normalize("NFKC", typed).translate(_INVISIBLE)
    return plain.replace("。", ".").strip()


def parse_address(typed: str) -> Address:
    """Read a label, a host or an address as pasted from a browser.

    Raises:
        SettingProblem: it is none of these, or leads elsewhere than to kintone.
    """
    scheme, authority, path = _split(fold(typed))
    if scheme not in ("", "https"):
        raise SettingProblem(
            "not_https",
            ja="kintoneには https:// でのみ接続します。「https://」で始まるアドレスかサブドメインを入力してください。",
            en="kintone is reached over https:// only; enter an address that begins so, or the subdomain alone.",
        )
    return _address(_host(authority.lower().rstrip(".")), path)


def parse_path(typed: str) -> Address:
    """What *typed* says of app and guest space, also where its host is of no use."""
    return _address("", _split(fold(typed))[2])


def _address(host: str, path: str) -> Address:
    found = _ADMIN_PATH.match(path) or _APP_PATH.match(path)
    if found is None:
        return Address(host=host)
    return Address(host=host, app_id=found["app"], guest_space_id=found["guest"])


def shortest(host: str) -> str:
    """The canonical form of a host as a setting: its label where it is at home, else the whole of it."""
    label = host.removesuffix("." + HOME)
    return host if "." in label else label


def _split(text: str) -> tuple[str, str, str]:
    """Scheme (empty where there is none), authority and the rest."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    end = next((at for at, character in enumerate(rest) if character in "/?#\\"), len(rest))
    return scheme.lower(), rest[:end], rest[end:]


def _host(authority: str) -> str:
    if "@" in authority or ":" in authority:
        raise SettingProblem(
            "port_or_user",
            ja="ポート番号やユーザー名は指定できません。サブドメインだけを入力してください（例: example）。",
            en="An address with a port or a user name is not used; enter the subdomain alone, such as 'example'.",
        )
    if "." not in authority:
        return f"{_label(authority)}.{HOME}"
    for domain in DOMAINS:
        if authority.endswith("." + domain):
            label = authority[: -len(domain) - 1]
            # `x.s.cybozu.com` asks for a client certificate, and renkei has none: the same kintone answers at
            # `x.cybozu.com`, or says there what else lets us in.
            return f"{_label(label.removesuffix('.s'))}.{domain}"
    raise SettingProblem(
        "other_domain",
        ja="kintoneのアドレスではありません。使えるドメインは cybozu.com、kintone.com、cybozu.cn です。",
        en="This is not the address of a kintone; the domains are cybozu.com, kintone.com and cybozu.cn.",
    )


def _label(label: str) -> str:
    if not label:
        raise SettingProblem("required", ja="サブドメインを入力してください。", en="Enter the subdomain.")
    if not _LABEL.fullmatch(label):
        raise SettingProblem(
            "bad_subdomain",
            ja="サブドメインには英数字とハイフンだけを使えます。https://（サブドメイン）.cybozu.com/ の部分を入力"
            "してください。",
            en="A subdomain holds letters, digits and hyphens; it is the first part of "
            "https://(subdomain).cybozu.com/.",
        )
    return label
