"""Loopback routes: a backend's host is answered by a server on this machine, and the plugin does not notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import httpx

from renkei.plugins.addresses import is_literal, is_loopback
from renkei.plugins.hosts import Refused
from renkei.spec import Problem, SettingsError, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where requests to one host go instead."""

    scheme: str
    host: str
    port: int
    prefix: bytes

    def lead(self, url: httpx.URL) -> httpx.URL:
        """The URL on this machine for *url*: the path is kept byte for byte behind the prefix.

        Raises:
            Refused: the path has a dot segment, plain or percent-encoded, that a server could resolve to a place
                outside of the prefix.
        """
        path = url.raw_path
        segments = unquote(path.split(b"?", 1)[0].decode("ascii")).replace("\\", "/").split("/")
        if "." in segments or ".." in segments:
            raise Refused("a path with '.' or '..' segments is not routed")
        bare = httpx.URL(scheme=self.scheme, host=self.host, port=self.port)
        # `raw_path` goes through unchanged; building the URL from text would normalise its escapes.
        return bare.copy_with(raw_path=self.prefix + path)


Routes = Mapping[str, Route]


def parse_routes(text: str) -> dict[str, str]:
    """Read `RENKEI_ROUTES`: `demo.example.com=http://127.0.0.1:8123/prefix`, several separated by commas.

    Raises:
        SettingsError: names the entry that cannot be used.
    """
    routes: dict[str, str] = {}
    for entry in (part.strip() for part in text.split(",")):
        if not entry:
            continue
        host, equals, url = (part.strip() for part in entry.partition("="))
        if not equals or host in routes:
            raise _error(entry)
        _route(host, url, entry)
        routes[host] = url
    return routes


def read_routes(routes: Mapping[str, str]) -> dict[str, Route]:
    """Host → route, checked.

    Raises:
        SettingsError: names the entry that cannot be used.
    """
    return {host: _route(host, url, f"{host}={url}") for host, url in routes.items()}


def _route(host: str, url: str, entry: str) -> Route:
    try:
        parsed = httpx.URL(url)
        port = parsed.port or {"http": 80, "https": 443}[parsed.scheme]
        if port > 65535:
            raise ValueError(port)
    except (httpx.InvalidURL, KeyError, TypeError, ValueError):
        raise _error(entry) from None
    plain_name = "." in host and host == host.lower() and not any(character in host for character in "*/:@? ")
    loopback = parsed.host == "localhost" or is_loopback(parsed.host)
    if not plain_name or is_literal(host) or not loopback or parsed.userinfo or parsed.query or parsed.fragment:
        raise _error(entry)
    return Route(scheme=parsed.scheme, host=parsed.host, port=port, prefix=parsed.raw_path.rstrip(b"/"))


def _error(entry: str) -> SettingsError:
    message = Text(
        ja=f"{entry!r} は使えません。'demo.example.com=http://127.0.0.1:8123/prefix' のように、"
        "ホスト名ごとに一つ、このマシン自身（127.0.0.1、::1、localhost）の URL を書いてください。",
        en=f"{entry!r} cannot be used; write 'host.example.com=http://127.0.0.1:8123/prefix', once for each host, "
        "with a URL on this machine (127.0.0.1, ::1 or localhost).",
    )
    return SettingsError([Problem(field="routes", code="bad_route", message=message)])
