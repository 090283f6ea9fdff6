"""What people type or paste into a form, made plain or refused. No problem ever repeats what was typed."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from pydantic import SecretStr

from renkei.spec import SettingProblem
from renkei_kintone.addresses import fold

_NUMBER = re.compile(r"0*([1-9][0-9]{0,18})")
_AMOUNT = re.compile(r"[0-9]{1,18}")
_BETWEEN_TOKENS = re.compile(r"[\s,、，\u200b\ufeff]+")
_YES = frozenset({"true", "yes", "on", "1", "y", "t", "はい"})
_NO = frozenset({"false", "no", "off", "0", "n", "f", "いいえ", ""})


class _Contradiction:
    """Stands for a setting that was typed as one thing and pasted, within the address, as another."""


class _OtherHalf:
    """Stands for a setting that is missing beside the one that it belongs to."""


def is_blank(value: Any) -> bool:
    """Whether nothing was typed."""
    return value is None or (isinstance(value, str) and not fold(value))


def revealed(value: Any) -> Any:
    """*value*, a secret in clear."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value


# -- numbers and answers -------------------------------------------------------------------------------------------


def either(typed: Any, pasted: str) -> Any:
    """The one of both that was given; what stands for a contradiction where they differ."""
    if is_blank(typed):
        return pasted
    try:
        same = identifier(typed, "", "") == pasted.lstrip("0")
    except SettingProblem:
        return typed  # said again by the field's own validator
    return typed if same else _Contradiction()


def identifier(value: Any, ja: str, en: str) -> str:
    """The digits of an id, without leading zeros.

    Raises:
        SettingProblem: it is none, or contradicts the pasted address.
    """
    if isinstance(value, _Contradiction):
        raise SettingProblem(
            "contradiction",
            ja=f"貼り付けたURLの{ja}と、入力した{ja}が違います。どちらかに揃えてください。",
            en=f"The pasted address holds another {en} than the one typed; make them agree.",
        )
    if is_blank(value):
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


def number(value: Any, usual: int, least: int, most: int) -> int:
    """A whole number within bounds; *usual* where nothing was typed. Full-width digits and commas are understood.

    Raises:
        SettingProblem: it is none, or out of bounds.
    """
    if is_blank(value):
        return usual
    plain = isinstance(value, (int, str)) and not isinstance(value, bool)
    text = fold(str(value)).replace(",", "") if plain else ""
    amount = int(text) if _AMOUNT.fullmatch(text) else None
    if amount is None or not least <= amount <= most:
        raise SettingProblem(
            "out_of_range",
            ja=f"{least}から{most}までの整数を入力してください。",
            en=f"Enter a whole number from {least} to {most}.",
        )
    return amount


def yes_or_no(value: Any) -> bool:
    """A truth value, as a program or a person gives it.

    Raises:
        SettingProblem: it is none.
    """
    if isinstance(value, bool):
        return value
    text = fold(str(value)).lower() if isinstance(value, (str, int)) else "" if value is None else "?"
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise SettingProblem(
        "not_yes_or_no",
        ja="「はい」か「いいえ」（yes または no）で答えてください。",
        en="Answer yes or no.",
    )


# -- secrets -------------------------------------------------------------------------------------------------------


def token(text: str) -> str:
    """An API token without what pasting brings along.

    Raises:
        SettingProblem: there is none, or it holds what no token holds.
    """
    found = text.strip().strip("\u200b\ufeff")
    if not found.replace(",", ""):
        raise SettingProblem("required", ja="APIトークンを入力してください。", en="Enter the API token.")
    if not all("!" <= character <= "~" for character in found):
        raise _bad_token()
    return found


def tokens(text: str) -> list[str]:
    """Several tokens, separated by commas, white space or lines; none where nothing was typed.

    Raises:
        SettingProblem: one holds what no token holds.
    """
    return [token(part) for part in _BETWEEN_TOKENS.split(text) if part]


def require_few_and_different(own: str, others: str, most: int) -> None:
    """Refuse what kintone would: more tokens than a request takes, or one of them twice.

    Raises:
        SettingProblem: so it is.
    """
    given = [part for part in f"{own},{others}".split(",") if part]
    if len(set(given)) < len(given):
        raise SettingProblem(
            "repeated_token",
            ja="同じAPIトークンが2つあります。連携するアプリのAPIトークンは入れず、1つの参照先につき1つだけ残してください。",
            en="One API token is given twice. Leave the app's own token out, and keep one token for each other app.",
        )
    if len(given) > most:
        raise SettingProblem(
            "too_many_tokens",
            ja=f"APIトークンは全部で{most}個までです。参照先アプリのAPIトークンを{most - 1}個以下にしてください。",
            en=f"kintone takes {most} API tokens in all; give at most {most - 1} of referenced apps.",
        )


def login(text: str, *, is_user: bool) -> str:
    """User name or password of Basic authentication (RFC 7617), as typed: a password may end in a space.

    Raises:
        SettingProblem: it cannot be sent.
    """
    # "Cs": half of a surrogate pair, such as a byte that is no UTF-8 becomes in the environment.
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise SettingProblem(
            "bad_login",
            ja="改行などの制御文字か、壊れた文字が含まれています。入力し直してください。",
            en="It holds a line break or another control character, or one that is broken; enter it again.",
        )
    if is_user and ":" in text:
        raise SettingProblem(
            "bad_login",
            ja="Basic認証のユーザー名に「:」は使えません。ユーザー名だけを入力してください。",
            en="The user name of Basic authentication cannot hold a colon; enter the user name alone.",
        )
    return text


def with_missing_half(data: dict[str, Any], one: str, other: str) -> dict[str, Any]:
    """*data*, with a mark for the missing one of two settings that belong together, so that it is told by name."""
    blank = {name: is_blank(revealed(data.get(name))) for name in (one, other)}
    if blank[one] == blank[other]:
        return data
    return data | {name: _OtherHalf() for name in (one, other) if blank[name]}


def require_other_half(value: Any) -> None:
    """Refuse that mark.

    Raises:
        SettingProblem: it is one.
    """
    if isinstance(value, _OtherHalf):
        raise SettingProblem(
            "required",
            ja="Basic認証のユーザー名とパスワードは、両方入力するか、両方空にしてください。",
            en="Enter both user name and password of Basic authentication, or neither.",
        )


def _bad_token() -> SettingProblem:
    return SettingProblem(
        "bad_token",
        ja="APIトークンに使えない文字（空白、全角文字など）が含まれています。kintoneの画面からコピーし直してください。",
        en="The API token holds characters that no token has (a space, a full-width letter); copy it from kintone "
        "again.",
    )
