"""What recorded traffic may hold: nothing that belongs to a person, a machine or an account."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Final

PERSON: Final = "somebody@mail.example"
ADDRESS: Final = "192.0.2.1"
LONG_ADDRESS: Final = "2001:db8::1"
PHONE: Final = "03-0000-0000"
PLACEHOLDER: Final = "placeholder-"

REQUEST_HEADERS: Final = frozenset({"content-type", "accept"})
ANSWER_HEADERS: Final = frozenset({"content-type", "retry-after", "link", "location", "etag"})
_LIMITS: Final = re.compile(
    r"(x-)?[a-z-]*(rate-?limit|concurrency-?limit|quota|limit-(limit|running|remaining))[a-z-]*"
)

# 64 is the longest that a mailbox may be (RFC 5321); without a bound, a long text without "@" takes forever.
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})")
_EXAMPLES: Final = re.compile(r"(?:.*\.)?(?:example(?:\.(?:com|org|net))?|test|invalid|localhost)", re.IGNORECASE)
_V4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_V6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_PHONE = re.compile(
    r"(?<![\w.:+-])(?:\+\d{1,3}[ -]?\(?\d{1,4}\)?(?:[ -]?\d{2,4}){2,3}|0\d{1,4}-\d{1,4}-\d{3,4})(?![\w-])"
)
_NOBODYS_PHONE: Final = re.compile(r"\D*0?\d{1,3}\D*0000\D*\d{4}|\D*1?\D*\d{3}\D*555\D*01\d\d")
_AUTHENTICATING = re.compile(
    r"^[ \t]*['\"]?"
    r"(?P<name>(?:proxy-)?authorization|cookie|set-cookie|x-[\w-]*(?:token|key|auth|secret)[\w-]*)"
    r"['\"]?[ \t]*:[ \t]*(?P<value>[^\n]*(?:\n[ \t]*-[^\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)


def keeps_request_header(name: str) -> bool:
    """Whether a request's header of this name is recorded."""
    return name.lower() in REQUEST_HEADERS


def keeps_answer_header(name: str) -> bool:
    """Whether an answer's header of this name is recorded."""
    return name.lower() in ANSWER_HEADERS or _LIMITS.fullmatch(name.lower()) is not None


def without_people(text: str) -> str:
    """*text* with mail addresses, phone numbers and addresses of machines replaced by ones that are nobody's."""
    text = _MAIL.sub(lambda found: found[0] if _EXAMPLES.fullmatch(found[1]) else PERSON, text)
    text = _V4.sub(lambda found: ADDRESS if _is_somewhere(found[0]) else found[0], text)
    text = _V6.sub(lambda found: LONG_ADDRESS if _is_somewhere(found[0]) else found[0], text)
    return _PHONE.sub(lambda found: found[0] if _NOBODYS_PHONE.fullmatch(found[0]) else PHONE, text)


def telling(text: str) -> Iterator[str]:
    """What *text* tells of somebody, a sentence each, without repeating it."""
    kinds: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...] = (
        ("a mail address outside of the example domains", _MAIL, lambda found: not _EXAMPLES.fullmatch(found[1])),
        ("the address of a machine", _V4, lambda found: _is_somewhere(found[0])),
        ("the address of a machine", _V6, lambda found: _is_somewhere(found[0])),
        ("a phone number", _PHONE, lambda found: not _NOBODYS_PHONE.fullmatch(found[0])),
    )
    for what, pattern, tells in kinds:
        for found in pattern.finditer(text):
            if tells(found):
                yield f"{what} in line {_line(text, found)}"
    for found in _AUTHENTICATING.finditer(text):
        value = re.sub(r"[\s'\"\[\]-]|bearer|basic", "", found["value"], flags=re.IGNORECASE)
        if value and not value.startswith(PLACEHOLDER.rstrip("-")):
            yield f"a header {found['name'].lower()!r} with a value in line {_line(text, found)}"


def _line(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start()) + 1


def _is_somewhere(text: str) -> bool:
    """Whether it is the address of some machine, and not one that documentation uses."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    documented = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    networks = [ipaddress.ip_network(network) for network in documented]
    return not (address.is_unspecified or any(address.version == one.version and address in one for one in networks))
