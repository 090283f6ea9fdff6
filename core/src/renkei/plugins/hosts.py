"""Which host names a backend's requests may go to."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import httpx

from renkei.plugins.addresses import Network, is_literal
from renkei.spec import Manifest, Problem, SettingsError, Text

_PORT = 443

# Plain labels, and no dot at the end: what a URL parser lets through as a host (a backslash, an escape) is more than
# a name, and another parser down the line may read it otherwise.
_NAME = re.compile(r"(?:[a-z0-9_-]+\.)*[a-z0-9_-]+")


class Refused(Exception):  # becomes `Unavailable` at the guard's edge
    """This URL must not be asked; the text names the host and never the path or query."""


@dataclass(frozen=True, slots=True)
class HostPattern:
    """`api.example.com`, `*.example.com` (one or more labels in front), and for self-hosted ones `:port`."""

    host: str
    port: int = _PORT

    def admits(self, host: str, port: int) -> bool:
        """Whether *host* (ASCII, lower case) and *port* fall under it."""
        if port != self.port:
            return False
        if self.host.startswith("*."):
            suffix = self.host[1:]
            return host.endswith(suffix) and len(host) > len(suffix)
        return host == self.host


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedHosts:
    """What one backend may reach.

    Attributes:
        named: from its manifest.
        operators: patterns that the host app's operator allows for a self-hosted backend.
        networks: address ranges the operator allows for those names, because a CRM on the premises often has a
            private address. Without one, private addresses are refused for them as for all.
    """

    named: tuple[HostPattern, ...]
    operators: tuple[HostPattern, ...] = ()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, manifest: Manifest, self_hosted: Collection[str]) -> AllowedHosts:
        """The hosts of *manifest*, and the operator's *self_hosted* where the manifest says it is of that kind."""
        named = tuple(HostPattern(host) for host in manifest.hosts)
        if not manifest.self_hosted:
            return cls(named=named)
        patterns, networks = read_self_hosted(self_hosted)
        return cls(named=named, operators=patterns, networks=networks)

    def admit(self, url: httpx.URL) -> str:
        """The host of *url*, where it may be asked.

        Raises:
            Refused: it may not.
        """
        host = url.raw_host.decode("ascii").lower()
        if url.scheme != "https":
            raise Refused(f"only https is allowed, not {url.scheme!r} to {host!r}")
        if url.userinfo:
            raise Refused(f"a user name or password in the URL of {host!r} is not allowed; use a header")
        if not _NAME.fullmatch(host) or is_literal(host):
            raise Refused(f"{host!r} is not a plain host name")
        port = _PORT if url.port is None else url.port
        if not any(pattern.admits(host, port) for pattern in (*self.named, *self.operators)):
            where = host if port == _PORT else f"{host}:{port}"
            raise Refused(f"{where!r} is not among the hosts that this backend may reach")
        return host

    def tolerates(self, host: str, port: int, address: str) -> bool:
        """Whether the operator has allowed *host* to have this *address*, though it is not public."""
        if not any(pattern.admits(host, port) for pattern in self.operators):
            return False
        parsed = ipaddress.ip_address(address)
        return any(parsed.version == network.version and parsed in network for network in self.networks)


def read_self_hosted(entries: Iterable[str]) -> tuple[tuple[HostPattern, ...], tuple[Network, ...]]:
    """Patterns (`crm.corp.example`, `*.corp.example:8443`) and networks (`10.1.0.0/16`) of an operator's list.

    Raises:
        SettingsError: names the entry that is neither.
    """
    patterns: list[HostPattern] = []
    networks: list[Network] = []
    for entry in entries:
        network = _network(entry)
        if network is not None:
            networks.append(network)
        else:
            patterns.append(_pattern(entry))
    return tuple(patterns), tuple(networks)


def _network(entry: str) -> Network | None:
    if "/" not in entry:
        return None
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        return None


def _pattern(entry: str) -> HostPattern:
    host, colon, port = entry.partition(":")
    bare = host.removeprefix("*.")
    plain = bare and "." in bare and bare == bare.lower() and not bare.endswith(".") and not is_literal(bare)
    if not plain or any(character in bare for character in "*/@?# ") or (colon and not port.isdecimal()):
        raise SettingsError([_problem(entry)])
    return HostPattern(host, int(port) if colon else _PORT)


def _problem(entry: str) -> Problem:
    return Problem(
        field="self_hosted",
        code="bad_host",
        message=Text(
            ja=f"{entry!r} はホスト名のパターンでもネットワークでもありません。"
            "'crm.corp.example'、'*.corp.example:8443'、'10.1.0.0/16' のように書いてください。",
            en=f"{entry!r} is neither a host pattern nor a network; "
            "write 'crm.corp.example', '*.corp.example:8443' or '10.1.0.0/16'.",
        ),
    )
