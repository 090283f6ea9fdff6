"""Finding a text that must not be shown, however it is written."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 8
"""Shorter texts are found in any sentence, so that finding one shows nothing."""

_PART_LEAST: Final = 12
_PART_MOST: Final = 24
_DIGEST_LEAST: Final = 12  # of its characters: what looks like chance, and is not
_DIGESTS: Final = ("md5", "sha1", "sha256", "sha512")
_BETWEEN: Final = b"\n\x00\n"
_NOT_WORD = re.compile(rb"[^0-9A-Za-z]+")


def disguises(secret: str) -> dict[str, bytes]:
    """*secret* as it could be written, by the name of the disguise."""
    raw = secret.encode("utf-8", "surrogatepass")
    found = {
        "as it is": raw,
        "in hex": raw.hex().encode(),
        "in upper-case hex": raw.hex().upper().encode(),
        "escaped for a URL": quote(secret, safe="").encode(),
        "escaped for a path": quote(secret).encode(),
        "escaped for a form": quote_plus(secret).encode(),
        "as JSON": json.dumps(secret)[1:-1].encode(),
        "as JSON in JSON": json.dumps(json.dumps(secret)[1:-1])[1:-1].encode(),
        "as repr": repr(secret)[1:-1].encode("utf-8", "surrogatepass"),
        "in UTF-16": secret.encode("utf-16-le", "surrogatepass"),
        "backwards": raw[::-1],
        "in base32": base64.b32encode(raw).rstrip(b"=")[:-1],
        "as numbers": ", ".join(map(str, raw)).encode(),
    }
    for shift in range(3):
        # The letters at both ends depend on their neighbours; those between are the secret's alone.
        inner = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]
        found[f"in base64 (shifted by {shift})"] = inner
        found[f"in URL-safe base64 (shifted by {shift})"] = inner.replace(b"+", b"-").replace(b"/", b"_")
    return found


def digests(secret: str) -> Iterator[bytes]:
    """Beginnings and ends of digests of *secret*: whoever makes an id of one cuts it."""
    raw = secret.encode("utf-8", "surrogatepass")
    for name in _DIGESTS:
        made = hashlib.new(name, raw, usedforsecurity=False).digest()
        urlsafe = base64.urlsafe_b64encode(made).rstrip(b"=")
        for text in (made.hex().encode(), made.hex().upper().encode(), base64.b64encode(made).rstrip(b"="), urlsafe):
            yield text[:_DIGEST_LEAST]
            yield text[-_DIGEST_LEAST:]


def scraps(secret: str, least: int, innocent: str) -> Iterator[str]:
    """Its beginning and its end, each as short as may be: of *least* characters, or of as many as are no one's words.

    "secret" at the end of a secret is found wherever a setting of that name is spoken of, and shows nothing.
    """
    for end in ("beginning", "end"):
        for size in range(least, min(_PART_LEAST, len(secret))):
            part = secret[:size] if end == "beginning" else secret[-size:]
            if part not in innocent:
                yield part
                break


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Something that was found.

    Attributes:
        name: of the secret; never the secret itself.
        disguise: how it was written.
        place: where.
    """

    name: str
    disguise: str
    place: str

    def __str__(self) -> str:
        return f"{self.place} shows {self.name} ({self.disguise})"


@dataclass(slots=True)
class Needles:
    """Texts to be looked for, by name.

    Args:
        secrets: name → text; one that is shorter than `SHORTEST` is refused with a `ValueError`.
        parts: whether a long part of one counts as well: a token that is cut off after its first 20 characters.
        innocent: what may be shown; a part that occurs in it is nobody's secret.
        least: name → how many characters of its beginning or its end are found too, where even those tell something:
            a hint at the secret, or what is made from it by a digest.
    """

    secrets: Mapping[str, str]
    parts: bool = True
    innocent: str = ""
    least: Mapping[str, int] = field(default_factory=dict)
    _forms: list[tuple[str, str, bytes]] = field(default_factory=list)
    _spelt: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        known: set[str] = set()
        for name, secret in self.secrets.items():
            if len(secret) < SHORTEST:
                raise ValueError(name)
            if secret in known:
                continue
            known.add(secret)
            self._forms += [
                (name, disguise, form) for disguise, form in disguises(secret).items() if len(form) >= SHORTEST
            ]
            if self.parts:
                self._forms += [
                    (name, "in part", part.encode("utf-8", "surrogatepass")) for part in self._parts(secret)
                ]
            if name in self.least:
                self._forms += [(name, "a digest of it", form) for form in digests(secret)]
                self._forms += [
                    (name, "its beginning or end", part.encode("utf-8", "surrogatepass"))
                    for part in scraps(secret, self.least[name], self.innocent)
                ]
            spelt = _NOT_WORD.sub(b"", secret.encode("utf-8", "surrogatepass"))
            if len(spelt) >= _PART_LEAST:
                self._spelt.append((name, spelt))

    def _parts(self, secret: str) -> Iterator[str]:
        """Its beginning, middle and end: whoever cuts a secret keeps one of them."""
        size = min(_PART_MOST, max(_PART_LEAST, -(-len(secret) * 2 // 3)))
        if size < len(secret):
            for start in (0, (len(secret) - size) // 2, len(secret) - size):
                part = secret[start : start + size]
                if part not in self.innocent:
                    yield part

    def found(self, place: str, shown: bytes | str) -> list[Leak]:
        """What *shown* holds of them, one for each secret."""
        return self.found_in([(place, shown)])

    def found_in(self, shown: Iterable[tuple[str, bytes | str]]) -> list[Leak]:
        """The same for many places, one for each secret and place."""
        # All at once first: there are thousands of places, and nearly always nothing is in any of them.
        data = dict.fromkeys((place, _bytes(text)) for place, text in shown)
        whole = _BETWEEN.join(text for _, text in data)
        word = _NOT_WORD.sub(b"", whole)
        suspected = [(name, disguise, form) for name, disguise, form in self._forms if form in whole]
        leaks: dict[tuple[str, str], Leak] = {}
        for name, disguise, form in suspected:
            for place, text in data:
                if form in text:
                    leaks.setdefault((name, place), Leak(name=name, disguise=disguise, place=place))
        for name, spelt in self._spelt:
            for place, text in data if spelt in word else ():
                if spelt in _NOT_WORD.sub(b"", text):
                    leaks.setdefault((name, place), Leak(name=name, disguise="spelt out", place=place))
        return list(leaks.values())


def _bytes(text: bytes | str) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def exception_texts(error: BaseException) -> Iterator[str]:
    """All that *error* and what led to it can be made to show, but for what the frames on the way held."""
    waiting: list[BaseException | None] = [error]
    seen: list[BaseException] = []
    while waiting:
        one = waiting.pop()
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        yield from _own_texts(one)
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def _own_texts(error: BaseException) -> Iterator[str]:
    for show in (str, repr, lambda one: repr(one.args), lambda one: repr(vars(one))):
        yield shown(error, show)
    yield from (str(note) for note in getattr(error, "__notes__", ()))


def shown(thing: Any, show: Any = repr) -> str:
    """What *show* makes of *thing*; empty where it fails, as an unfriendly object's `__repr__` may."""
    try:
        return str(show(thing))
    except Exception:
        return ""
