"""Who may do what: tokens, apps, guest spaces, permissions, in the order in which kintone looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.domain import Kintone, Token
from renkei_kintone.simulator.form import App

MOST_TOKENS = 9


def tokens_in(kintone: Kintone, header: str | None) -> tuple[Token, ...]:
    """The tokens of the header, comma separated.

    Raises:
        Refused: none, one that is unknown or not yet deployed, or two of one app.
    """
    if header is None:
        raise words.no_login()
    given = [text.strip() for text in header.split(",")]
    known = [kintone.tokens.get(text) for text in given]
    if len(given) > MOST_TOKENS:
        raise words.illegal_request()
    found = tuple(token for token in known if token is not None and token.deployed)
    if len(found) < len(given):
        raise words.unknown_token(520 if kintone.old_statuses else 400)
    if len({token.app for token in found}) < len(found):
        raise words.repeated_token()
    return found


@dataclass(frozen=True, slots=True)
class Access:
    """An app that the tokens belong to, and what they may do there."""

    app: App
    permissions: frozenset[str]
    tokens: tuple[Token, ...]

    def visible_apps(self, *permissions: str) -> frozenset[str]:
        """Apps for which some token has one of *permissions*."""
        return frozenset(token.app for token in self.tokens if token.permissions & set(permissions))


def enter(
    kintone: Kintone, tokens: tuple[Token, ...], parameter: Any, *, name: str, space: str | None, needs: frozenset[str]
) -> Access:
    """The app of a request, if the tokens may do one of *needs* there.

    Raises:
        Refused: the parameter, the token, the space or the permission is wrong.
    """
    wanted = app_id(parameter, name)
    own = next((token for token in tokens if token.app == wanted), None)
    if own is None:
        if wanted not in kintone.apps:
            raise words.unknown_token(520 if kintone.old_statuses else 400)
        raise words.other_apps_token(wanted)
    app = kintone.apps[wanted]
    if app.guest_space != space:
        if space is None:
            raise words.in_guest_space(520 if kintone.old_statuses else 400)
        raise words.no_privilege()
    if not own.permissions & needs:
        raise words.not_permitted()
    return Access(app, own.permissions, tokens)


def app_id(parameter: Any, name: str) -> str:
    """An app id: a number, or a text that is one.

    Raises:
        Refused: it is neither.
    """
    if parameter is None or parameter == "":
        raise words.invalid({name: [words.PARAMETER_REQUIRED]})
    text = str(parameter)
    if isinstance(parameter, bool) or not text.lstrip("-").isascii() or not text.lstrip("-").isdigit():
        raise words.invalid({name: [words.NOT_AN_INTEGER]})
    if int(text) < 1:
        raise words.invalid({name: [words.BELOW_ONE]})
    return str(int(text))
