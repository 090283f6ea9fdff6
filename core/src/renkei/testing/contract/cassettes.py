"""Recorded traffic: written once from a run that worked, and answered from later without any network.

vcrpy's own format and serialiser, one YAML file for each check. Before anything is written, all that belongs to
somebody is replaced: secrets by placeholders that say which one it was, so that a replayed answer gives the plugin the
placeholder and its next request is found by it; mail addresses, phone numbers and addresses of machines by ones that
are nobody's. Of headers only harmless ones are kept.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from vcr.request import Request as CassetteRequest  # type: ignore[import-untyped]  # vcrpy has no types
from vcr.serialize import deserialize, serialize  # type: ignore[import-untyped]  # the same
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]  # the same

from renkei.testing.contract.anonymous import (
    PLACEHOLDER,
    keeps_answer_header,
    keeps_request_header,
    without_people,
)
from renkei.testing.contract.broken import Broken
from renkei.testing.contract.leaks import SHORTEST, disguises
from renkei.testing.contract.sources import Site
from renkei.testing.contract.subject import NotProvable


def cassette_in(folder: Path, id: str) -> Path:
    """Where the traffic of check *id* is kept."""
    return folder / f"{id.lower()}.yaml"


Secrets = Callable[[], Mapping[str, str]]

_BOUNDARY: Final = "renkei-boundary"
_OPENERS: Final = (
    "as it is",
    "as JSON",
    "as JSON in JSON",
    "escaped for a URL",
    "escaped for a path",
    "escaped for a form",
)


def recording(folder: Path, id: str, site: Site) -> Site:
    """*site*, whose traffic is written to the cassette of check *id* when the check has passed."""
    recorder = Recorder(cassette_in(folder, id), site)
    return replace(site, inner=lambda network: _Recording(recorder, site.inner(network)), witness=recorder)


def replaying(folder: Path, id: str, site: Site) -> Site:
    """The site that was recorded for check *id*, which needs no network.

    Secrets are taken from *site*, because a plugin may ask for their form; none of them is compared.

    Raises:
        NotProvable: there is no such cassette, or it cannot be read.
    """
    path = cassette_in(folder, id)
    player = Player.of(path)
    # None that *site* has beyond them: a permission that it claims may not have been claimed when this was recorded.
    settings = {
        name: site.settings.get(name, value) if _is_placeholder(value) else value
        for name, value in player.settings.items()
    }
    return replace(
        site,
        source="cassette",
        settings=settings or site.settings,
        target=player.target or site.target,
        options=player.options if player.options is not None else site.options,
        inner=lambda _network: _Replaying(player),
        witness=player,
    )


@dataclass(slots=True)
class Interaction:
    """One request and its answer, as they were."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    status: int
    answer_headers: list[tuple[str, str]]
    answer: bytes


@dataclass(slots=True)
class Recorder:
    """Keeps traffic until the check has passed, and writes it then without what belongs to anybody."""

    path: Path
    site: Site
    interactions: list[Interaction] = field(default_factory=list)
    _secrets: Secrets = dict
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, secrets: Secrets) -> None:
        """The stage is there; *secrets* tells at any time which ones it knows."""
        self._secrets = secrets

    def add(self, interaction: Interaction) -> None:
        """One more."""
        with self._lock:
            self.interactions.append(interaction)

    def end(self, *, passed: bool) -> None:
        """Write the cassette, if the check *passed*.

        Raises:
            NotProvable: a secret would be written in a form that cannot be replaced.
        """
        if not passed:
            return
        cleaner = Cleaner(self._secrets())
        text = serialize(
            {
                "requests": [cleaner.request(one) for one in self.interactions],
                "responses": [cleaner.answer(one) for one in self.interactions],
                "metadata": cleaner.site(self.site),
            },
            _Readable,
        )
        cleaner.require_clean(text, self.path.name)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(text, encoding="utf-8")


@dataclass(slots=True)
class Cleaner:
    """Replaces what belongs to somebody.

    Args:
        secrets: name → secret.
    """

    secrets: Mapping[str, str]
    _swaps: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, secret in self.secrets.items():
            if len(secret) < SHORTEST or secret.startswith(("https://", PLACEHOLDER)):
                continue  # a word or an address that stands beside the secrets; or what was replaced when recorded
            forms = disguises(secret)
            swaps = {forms[opener].decode("utf-8", "surrogatepass") for opener in _OPENERS}
            self._swaps += [(form, placeholder(name)) for form in swaps]
        self._swaps.sort(key=lambda swap: -len(swap[0]))  # one secret may be the beginning of another

    def text(self, text: str) -> str:
        """*text* with placeholders."""
        for form, instead in self._swaps:
            text = text.replace(form, instead)
        return without_people(text)

    def bytes(self, data: bytes) -> bytes:
        """The same for a body; one that is no text stays as it is."""
        try:
            return self.text(data.decode("utf-8")).encode()
        except UnicodeDecodeError:
            return data

    def request(self, one: Interaction) -> CassetteRequest:
        """As vcrpy keeps it."""
        headers = {name: self.text(value) for name, value in one.headers if keeps_request_header(name)}
        body, content_type = _plain_boundary(self.bytes(one.body), headers.get("content-type", ""))
        if content_type:
            headers["content-type"] = content_type
        return CassetteRequest(one.method, self.text(one.url), body, headers)

    def answer(self, one: Interaction) -> dict[str, Any]:
        """As vcrpy keeps it."""
        headers: dict[str, list[str]] = {}
        for name, value in one.answer_headers:
            if keeps_answer_header(name):
                headers.setdefault(name.lower(), []).append(self.text(value))
        return {
            "status": {"code": one.status, "message": ""},
            "headers": headers,
            "body": {"string": self.bytes(one.answer)},
        }

    def site(self, site: Site) -> dict[str, Any]:
        """What a replay needs to know of where it was recorded."""
        known = json.loads(self.text(json.dumps([dict(site.settings), site.target, dict(site.options)])))
        return {"settings": known[0], "target": known[1], "options": known[2]}

    def require_clean(self, text: str, name: str) -> None:
        """Nothing may be left of a secret, however it is written.

        Raises:
            NotProvable: something is.
        """
        data = text.encode()
        for secret_name, secret in self.secrets.items():
            for disguise, form in disguises(secret).items() if len(secret) >= SHORTEST else ():
                if not secret.startswith("https://") and len(form) >= SHORTEST and form in data:
                    raise NotProvable(
                        f"{name} was not written: it would hold {secret_name!r} ({disguise}), where no placeholder can "
                        "stand. Send secrets in headers, or plainly in bodies."
                    )


def placeholder(name: str) -> str:
    """What stands for the secret of that name: letters, digits and hyphens, which nothing escapes."""
    return PLACEHOLDER + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


@dataclass(slots=True)
class Player:
    """Answers from a cassette: each interaction once, those that are alike in the order in which they were recorded."""

    path: Path
    requests: list[CassetteRequest]
    answers: list[dict[str, Any]]
    settings: Mapping[str, Any]
    target: str
    options: Mapping[str, Any] | None
    missed: list[str] = field(default_factory=list)
    _secrets: Secrets = dict
    _played: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, path: Path) -> Player:
        """The cassette in *path*.

        Raises:
            NotProvable: it is not there, or cannot be read.
        """
        try:
            found = deserialize(path.read_text(encoding="utf-8"), yamlserializer)
        except FileNotFoundError:
            raise NotProvable(f"There is no cassette {path.name}: record it with renkei verify --record.") from None
        except Exception as error:
            raise NotProvable(f"{path.name} cannot be read ({type(error).__name__}); record it again.") from None
        told = found[2] if len(found) == 3 else {}
        return cls(path, found[0], found[1], told.get("settings", {}), told.get("target", ""), told.get("options"))

    def begin(self, secrets: Secrets) -> None:
        """The stage is there; *secrets* tells at any time which ones it knows."""
        self._secrets = secrets

    def answer(self, one: Interaction) -> httpx.Response:
        """What was answered when this was recorded.

        Raises:
            httpx.ConnectError: it never was.
        """
        asked = Cleaner(self._secrets()).request(one)
        with self._lock:
            for number, known in enumerate(self.requests):
                if number not in self._played and _alike(known, asked):
                    self._played.add(number)
                    return _response(self.answers[number])
            self.missed.append(f"{one.method} {urlsplit(asked.uri).path}")
        raise httpx.ConnectError("this request was never recorded")

    def end(self, *, passed: bool) -> None:
        """Say what was asked and never recorded.

        Raises:
            Broken: something was.
        """
        if self.missed:
            raise Broken(
                f"{self.path.name} holds no answer, or no further one, for: {'; '.join(self.missed[:3])}. The plugin "
                "asks otherwise than when it was recorded; record again with renkei verify --record."
            )


# From vcrpy 9 on it has one of its own, which keeps apart what an older one writes alike.
_DUMPER = getattr(yamlserializer, "_CassetteDumper", None) or yamlserializer.Dumper


class _Readable:
    """vcrpy's YAML, with letters of any language as they are, so that people can review what is committed."""

    @staticmethod
    def serialize(cassette: Mapping[str, Any]) -> str:
        """The text of a cassette."""
        text: str = yaml.dump(cassette, Dumper=_DUMPER, allow_unicode=True, width=120)
        return text


class _Recording(httpx.AsyncBaseTransport):
    def __init__(self, recorder: Recorder, inner: httpx.AsyncBaseTransport) -> None:
        self._recorder = recorder
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = await _asked(request)
        response = await self._inner.handle_async_request(request)
        asked.status, asked.answer = response.status_code, await response.aread()
        asked.answer_headers = response.headers.multi_items()
        self._recorder.add(asked)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Replaying(httpx.AsyncBaseTransport):
    def __init__(self, player: Player) -> None:
        self._player = player

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self._player.answer(await _asked(request))


async def _asked(request: httpx.Request) -> Interaction:
    return Interaction(
        method=request.method,
        url=str(request.url),
        headers=request.headers.multi_items(),
        body=await request.aread(),
        status=0,
        answer_headers=[],
        answer=b"",
    )


def _response(known: Mapping[str, Any]) -> httpx.Response:
    headers = [(name, value) for name, values in known["headers"].items() for value in values]
    return httpx.Response(known["status"]["code"], headers=headers, content=known["body"]["string"])


def _alike(known: CassetteRequest, asked: CassetteRequest) -> bool:
    one, other = urlsplit(known.uri), urlsplit(asked.uri)
    return (
        known.method == asked.method
        and one.path == other.path
        and _pairs(one.query) == _pairs(other.query)
        and _content(known) == _content(asked)
    )


def _content(request: CassetteRequest) -> Any:
    """A body in a form in which the order of keys does not count."""
    body = request.body if isinstance(request.body, bytes) else b""
    kind = str(request.headers.get("content-type", ""))
    if "json" in kind:
        try:
            return json.loads(body)
        except ValueError:
            return body
    return _pairs(body.decode("utf-8", "replace")) if "x-www-form-urlencoded" in kind else body


def _pairs(text: str) -> list[tuple[str, str]]:
    return sorted(parse_qsl(text, keep_blank_values=True))


def _plain_boundary(body: bytes, content_type: str) -> tuple[bytes, str]:
    """A multipart body whose boundary, which is random, is always the same."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None or not content_type.startswith("multipart/"):
        return body, content_type
    return body.replace(found[1].encode(), _BOUNDARY.encode()), content_type.replace(found[1], _BOUNDARY)


def _is_placeholder(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(PLACEHOLDER)


__all__ = ["Player", "Recorder", "placeholder", "recording", "replaying"]
