"""Which network addresses a plugin's requests may go to.

`ipaddress.is_global` alone is not the answer: it calls public what reaches inwards through a translation (NAT64,
6to4, IPv4-compatible), multicast, site-local and the 6to4 relays.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Everything that IANA has given out for unicast. IPv4-mapped and -compatible (::/96), NAT64 (64:ff9b::/96 and
# 64:ff9b:1::/48), SRv6 (5f00::/16), unique local, link-local, site-local and multicast all lie outside of it.
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")

# Inside it, but not a place of its own.
_NOT_A_PLACE: Final[tuple[Network, ...]] = (
    ipaddress.IPv6Network("2001::/23"),  # protocol assignments: Teredo, benchmarks, ORCHID
    ipaddress.IPv6Network("2001:db8::/32"),  # documentation
    ipaddress.IPv6Network("2002::/16"),  # 6to4: an IPv4 address in disguise
    ipaddress.IPv6Network("3fff::/20"),  # documentation
    ipaddress.IPv4Network("0.0.0.0/8"),  # this host
    ipaddress.IPv4Network("100.64.0.0/10"),  # carrier-grade NAT
    ipaddress.IPv4Network("168.63.129.16/32"),  # Azure's host, metadata and keys, reached from its machines alone
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocol assignments; newer Pythons call two of them global
    ipaddress.IPv4Network("192.88.99.0/24"),  # 6to4 relays
    ipaddress.IPv4Network("198.18.0.0/15"),  # benchmarks
    ipaddress.IPv4Network("240.0.0.0/4"),  # reserved, broadcast
)

# The last label of a name is a number in some notation: what resolvers read as an IPv4 address (WHATWG URL, 3.5).
_NUMERIC: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE)


def is_public(address: str) -> bool:
    """Whether *address*, as a resolver gave it, is a public unicast address of its own."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if parsed.is_multicast or not parsed.is_global:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed not in _UNICAST:
        return False
    return not any(parsed.version == network.version and parsed in network for network in _NOT_A_PLACE)


def is_loopback(address: str) -> bool:
    """Whether *address* is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_literal(host: str) -> bool:
    """Whether *host* is an address rather than a name: dotted, decimal, hexadecimal, octal, short, or IPv6."""
    return ":" in host or _NUMERIC.fullmatch(host.rstrip(".").rsplit(".", 1)[-1]) is not None
