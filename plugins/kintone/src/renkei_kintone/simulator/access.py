"""Who may do what: tokens, users, apps, guest spaces, permissions, in the order in which kintone looks at them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.domain import PERMISSIONS, Kintone, Token
from renkei_kintone.simulator.form import App
from renkei_kintone.simulator.targets import whole_number

MOST_TOKENS = 9
NOTHING = frozenset({"nothing"})
"""What a call needs that needs no permission at all."""
TOKENS_USER = "Administrator"
"""The user as whom a token acts."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the holder of tokens, or a user with a password, who may do everything.

    Attributes:
        user: the login name that records and messages go by.
        every_app: all apps there are, which a user sees.
    """

    tokens: tuple[Token, ...] = ()
    user: str = TOKENS_USER
    by_password: bool = False
    every_app: frozenset[str] = frozenset()

    def visible_apps(self, *permissions: str) -> frozenset[str]:
        """Apps for which some token has one of *permissions*; a user sees all."""
        if self.by_password:
            return self.every_app
        return frozenset(token.app for token in self.tokens if token.permissions & set(permissions))


def caller_of(kintone: Kintone, token: str | None, password: str | None) -> Caller:
    """Who calls, from the headers; a password wins, and the token is then not looked at.

    Raises:
        Refused: neither is there, or one is wrong.
    """
    if password is not None:
        return Caller(user=_user(kintone, password), by_password=True, every_app=frozenset(kintone.apps))
    return Caller(tokens=tokens_in(kintone, token))


def _user(kintone: Kintone, header: str) -> str:
    """The user of a Base64 of `login:password`."""
    try:
        login, _, password = base64.b64decode(header, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise words.wrong_password() from None
    if kintone.passwords.get(login) != password:
        raise words.wrong_password()
    return login


def tokens_in(kintone: Kintone, header: str | None) -> tuple[Token, ...]:
    """The tokens of the header, comma separated; a repeated header is one with commas.

    Raises:
        Refused: none, one that is unknown or not yet deployed, or two of one app.
    """
    if header is None:
        raise words.no_login()
    given = [text.strip() for text in header.split(",")]
    if len(given) > MOST_TOKENS:
        raise words.illegal_request()
    known = [kintone.tokens.get(text) for text in given]
    found = tuple(token for token in known if token is not None and token.deployed)
    if len(found) < len(given):
        raise words.unknown_token(520 if kintone.old_statuses else 400)
    if len({token.app for token in found}) < len(found):
        raise words.repeated_token()
    return found


@dataclass(frozen=True, slots=True)
class Access:
    """An app that the caller may enter, and what may be done there."""

    app: App
    permissions: frozenset[str]
    caller: Caller

    def visible_apps(self, *permissions: str) -> frozenset[str]:
        """Apps in which the caller has one of *permissions*."""
        return self.caller.visible_apps(*permissions)


def enter(
    kintone: Kintone, caller: Caller, parameter: Any, *, name: str, space: str | None, needs: frozenset[str]
) -> Access:
    """The app of a request, if the caller may do one of *needs* there.

    Raises:
        Refused: the parameter, the token, the space or the permission is wrong.
    """
    wanted = app_id(parameter, name)
    permissions = _permissions(kintone, caller, wanted)
    app = kintone.apps[wanted]
    if app.guest_space != space:
        if space is None:
            raise words.in_guest_space(520 if kintone.old_statuses else 400)
        raise words.no_privilege()
    if needs != NOTHING and not permissions & needs:
        raise words.not_permitted()
    return Access(app, permissions, caller)


def _permissions(kintone: Kintone, caller: Caller, app: str) -> frozenset[str]:
    if caller.by_password:
        if app not in kintone.apps:
            raise words.no_such_app(app)
        return frozenset(PERMISSIONS)
    own = next((token for token in caller.tokens if token.app == app), None)
    if own is not None and app in kintone.apps:
        return own.permissions
    if app not in kintone.apps and kintone.unsure.missing_app_by_token == "GAIA_IA02":
        raise words.unknown_token(520 if kintone.old_statuses else 400)
    raise words.other_apps_token(app, kintone.unsure.other_apps_token_status)


def app_id(parameter: Any, name: str) -> str:
    """An app id: a number, or a text that is one.

    Raises:
        Refused: it is neither.
    """
    return str(whole_number(parameter, name))
