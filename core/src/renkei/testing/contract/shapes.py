"""The shape of a request: what must stay the same whatever an id, a code, a key or a cursor holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from renkei.testing.contract.wire import Exchange

WILD: Final = "{id}"
_DOTS: Final = ("", ".", "..")
_BREAKS: Final = "\r\n\x00"


@dataclass(frozen=True, slots=True)
class Shape:
    """One request without what an id may change in it.

    Attributes:
        path: its segments, `{id}` where the id stands.
        query: names of the parameters, sorted.
    """

    method: str
    host: str
    path: tuple[str, ...]
    query: tuple[str, ...]
    is_json: bool

    def __str__(self) -> str:
        query = f"?{'&'.join(self.query)}" if self.query else ""
        return f"{self.method} {'/'.join(self.path)}{query}"


def shape_of(exchange: Exchange, id: str) -> Shape:
    """The shape of a request that was sent for the good *id*: a plain word or number."""
    path, _, query = exchange.target.decode("ascii", "replace").partition("?")
    return Shape(
        method=exchange.request.method,
        host=exchange.request.url.host,
        path=tuple(WILD if _holds(unquote(segment), id) else segment for segment in path.split("/")),
        query=_names(query),
        is_json=is_json(exchange.body),
    )


def _holds(segment: str, id: str) -> bool:
    """Whether *id* stands in *segment*, alone or as OData has it: `accounts('17')`. `v1` does not hold `1`."""
    return bool(id) and re.search(rf"(?<!\w){re.escape(id)}(?!\w)", segment) is not None


def is_json(body: bytes) -> bool:
    """Whether *body* is JSON data."""
    try:
        return bool(body) and isinstance(json.loads(body), (dict, list))
    except ValueError:
        return False


def broken_out(exchange: Exchange, good: Iterable[Shape]) -> str:
    """What is wrong with a request that was sent for an odd id, where the requests for a good one are *good*.

    Empty where it has the shape of one of those.
    """
    head = _break_in_headers(exchange)
    if head:
        return f"the header {head!r} holds a line break"
    path, _, query = exchange.target.decode("ascii", "replace").partition("?")
    segments = path.split("/")
    if any(unquote(segment) in (".", "..") for segment in segments):
        return "the path holds a segment of dots, which leads to another place"
    alike = [shape for shape in good if _is_like(shape, exchange, segments)]
    if not alike:
        return f"the path has another form than {_some(good)}"
    if not any(shape.query == _names(query) for shape in alike):
        return f"the query has the parameters {', '.join(_names(query)) or 'none'} instead of those of {_some(alike)}"
    if exchange.body and all(shape.is_json for shape in alike) and not is_json(exchange.body):
        return "the body is no JSON any more"
    return ""


def _is_like(shape: Shape, exchange: Exchange, segments: Sequence[str]) -> bool:
    return (
        shape.method == exchange.request.method
        and shape.host == exchange.request.url.host
        and len(shape.path) == len(segments)
        and all(
            one == segment or (one == WILD and unquote(segment) not in _DOTS)
            for one, segment in zip(shape.path, segments, strict=True)
        )
    )


def _names(query: str) -> tuple[str, ...]:
    return tuple(sorted(name for name, _ in parse_qsl(query, keep_blank_values=True)))


def _break_in_headers(exchange: Exchange) -> str:
    for name, value in exchange.request.headers.multi_items():
        if any(sign in name + value for sign in _BREAKS):
            return name
    return ""


def _some(shapes: Iterable[Shape]) -> str:
    texts = sorted({str(shape) for shape in shapes})
    return "; ".join(texts[:4]) or "none"
