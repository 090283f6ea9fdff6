"""What a plugin pays with: where in its requests the secrets stand, and whether they are secret."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote_plus

from renkei.spec import RenkeiError
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.checks.typed import accepted
from renkei.testing.contract.connection import Connection
from renkei.testing.contract.leaks import SHORTEST, Needles
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Exchange

_PROVES: Final = re.compile(
    r"auth(?!or\b)|cookie|token|secret|passw|passphrase|api-?key|access-?key|client-?key|credential|signature|session"
)
# Names of what is a secret itself, and not the public half beside it.
_IS_SECRET: Final = re.compile(r"(?:secret|passw|token|api-?key|private-?key)(?!.*id$)")
_PROVES_NOT: Final = re.compile(r"idempoten|csrf|xsrf|www-authenticate")
_SCHEMES: Final = re.compile(r"^(?:bearer|basic|token|apikey|digest|oauth|negotiate)\s+", re.IGNORECASE)
_LETTERS: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_SHORTEST_CONSTANT: Final = 12
_SHORTEST_SIGNATURE: Final = 16


def use_all_hooks(stage: Stage) -> list[Exchange]:
    """Every hook that talks to the backend, on the good connection; what the second one sent, on a simulator."""
    answered("crm_authenticate with good settings", lambda: stage.good)
    answered("crm_discover of the good target", lambda: stage.good.schema)
    _use(stage, stage.good)
    if stage.site.source != "simulator":
        return []
    with stage.wire.since_now() as second:
        answered("crm_authenticate with the second settings", lambda: stage.second)
        answered("crm_discover of the second target", lambda: stage.second.schema)
    with suppress(RenkeiError):  # what it may not do is for other checks
        stage.connection(stage.kit.wrong_credentials(), name="wrong").authenticate()
    return second


def require_nothing_in_addresses(stage: Stage) -> None:
    """No secret in any path, query or host.

    Raises:
        Broken: with the name of the secret and the hook that sent it.
    """
    needles = Needles(_long(stage.secrets()), parts=False)
    for exchange in stage.wire.exchanges:
        for leak in needles.found("the address", f"{exchange.request.url}\n{unquote_plus(str(exchange.request.url))}"):
            require(False, f"{exchange.hook or 'a request'} puts {leak.name} into the address ({leak.disguise})")
        referer = exchange.request.headers.get("referer", "")
        require(not needles.found("referer", referer), "a secret stands in the header Referer")


def require_secrets_in_headers(stage: Stage, second: Collection[Exchange]) -> None:
    """A request that proves identity in its headers does so by a secret, and not by what everybody may read.

    Beside a secret a public value may stand: the user's name beside the password.

    Raises:
        Broken: with the header's name.
    """
    secrets = Needles(_long(stage.secrets()), parts=False)
    public = _public_values(stage)
    constant = {pair for exchange in second for pair in _proofs(exchange)}
    for exchange in stage.wire.exchanges:
        proofs = list(_proofs(exchange))
        has_secret = any(_holds(secrets, value) for _, value in proofs)
        for name, value in proofs:
            if has_secret and not (_IS_SECRET.search(name.lower()) and not _holds(secrets, value)):
                continue
            for setting, plain in public.items():
                require(
                    not _is_all(plain, value),
                    f"the request's {name!r} carries the setting {setting!r}, which is not secret, and nothing that is",
                )
            bare = _SCHEMES.sub("", value)
            require(
                has_secret
                or not (len(bare) >= _SHORTEST_CONSTANT and exchange not in second and (name, value) in constant),
                f"the request's {name!r} is the same for two connections with other secrets",
            )


def require_credentials_are_secret(stage: Stage) -> None:
    """Where the kit's wrong credentials differ from the good ones, and the difference is sent, there is a secret.

    Raises:
        Broken: with the setting's name.
    """
    if stage.site.source != "simulator":
        return
    model, kit = stage.manifest.settings, stage.kit
    good = accepted(model, kit.good_settings(), "good settings")
    wrong = accepted(model, kit.wrong_credentials(), "wrong credentials")
    second = accepted(model, kit.second_settings(), "the second settings")
    differing = [name for name in model.model_fields if getattr(good, name) != getattr(wrong, name)]
    open_ones = [name for name in differing if name not in model.secret_fields()]
    require(differing, "the kit's wrong credentials are the good ones")
    if open_ones == differing:
        sent = [name for name in open_ones if _is_sent(stage, _plain(getattr(good, name)))]
        require(not sent, f"what makes credentials right or wrong is the setting {sent}, which is not a SecretStr")
    for name in model.model_fields:
        if name not in model.secret_fields() and len({_plain(getattr(one, name)) for one in (good, second, wrong)}) > 1:
            value = _plain(getattr(good, name))
            places = list(_bodies_with(stage, value)) if len(value) >= SHORTEST else []
            require(
                not places,
                f"the setting {name!r}, which is not a SecretStr, is sent as {places[:1]}, which proves identity",
            )


def _use(stage: Stage, connection: Connection) -> None:
    with suppress(RenkeiError):
        record = connection.record(1)
        if stage.site.source == "simulator":
            connection.push([record])
        if stage.supports("list_targets"):
            connection.targets()
        if stage.supports("verify"):
            connection.verify(record.key)
        if stage.supports("refresh"):
            connection.refresh()


def _long(secrets: Mapping[str, str]) -> dict[str, str]:
    """Those that are not found by chance."""
    return {name: secret for name, secret in secrets.items() if len(secret) >= SHORTEST}


def _public_values(stage: Stage) -> dict[str, str]:
    """Setting → value, of those that are not secret, as they were typed and as they are kept."""
    found: dict[str, str] = {}
    connections = [one for one in (stage.__dict__.get("good"), stage.__dict__.get("second")) if one is not None]
    for connection in connections:
        secret = type(connection.settings).secret_fields()
        for name, value in {**connection.typed, **connection.settings.public()}.items():
            if name not in secret and isinstance(value, str) and len(value) >= 4:
                found[name] = value
    return found


def _proofs(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """Headers and parameters that prove identity, by their names."""
    for name, value in (*exchange.request.headers.items(), *exchange.request.url.params.multi_items()):
        low = name.lower()
        if _PROVES.search(low) and not _PROVES_NOT.search(low):
            yield name, value


def _is_all(plain: str, value: str) -> bool:
    """Whether a header's *value* proves no more than *plain*: nothing stands beside it that could be a signature."""
    bare = _SCHEMES.sub("", value)
    words = [word for word in _LETTERS.findall(bare) if len(word) >= _SHORTEST_SIGNATURE and plain not in word]
    return not words if plain in bare else len(words) <= 1 and any(plain in form for form in _forms(bare))


def _holds(needles: Needles, value: str) -> bool:
    return any(needles.found("header", form) for form in _forms(value))


def _forms(value: str) -> list[str]:
    """*value*, and what it may be in base64 or escaped."""
    forms = [value, unquote_plus(value)]
    for word in _LETTERS.findall(value):
        with suppress(binascii.Error, ValueError):
            padded = word.rstrip("=") + "=" * (-len(word.rstrip("=")) % 4)
            forms.append(base64.b64decode(padded, altchars=b"-_" if {"-", "_"} & set(word) else None).decode())
    return forms


def _is_sent(stage: Stage, value: str) -> bool:
    if len(value) < 4:
        return False
    for exchange in stage.wire.exchanges:
        headers = [text for name, text in exchange.request.headers.items() if name.lower() != "host"]
        shown = [*headers, exchange.body.decode("utf-8", "replace"), exchange.target.decode("ascii", "replace")]
        if any(value in form for text in shown for form in _forms(text)):
            return True
    return False


def _bodies_with(stage: Stage, value: str) -> Iterator[str]:
    """Names of what proves identity in a body, and is *value*."""
    for exchange in stage.wire.exchanges:
        if exchange.hook not in ("crm_authenticate", "crm_refresh"):
            continue
        text = exchange.body.decode("utf-8", "replace")
        pairs = [pair.partition("=")[::2] for pair in text.split("&") if "=" in pair]
        with suppress(ValueError):
            data = json.loads(text)
            pairs = list(data.items()) if isinstance(data, dict) else pairs
        for name, found in pairs:
            if _PROVES.search(str(name).lower()) and value == unquote_plus(str(found)):
                yield str(name)


def _plain(value: Any) -> str:
    """*value* in clear, also where it is kept secret in a way that core does not know."""
    reveal = getattr(value, "get_secret_value", None)
    plain = reveal() if callable(reveal) else value
    return plain.decode("utf-8", "replace") if isinstance(plain, bytes) else str(plain)
