"""JSON lines, read in chunks: a file of any size costs the memory of one chunk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

CHUNK = 500
"""Lines taken at once: enough for full group commits, few enough for a smooth progress bar."""

LONGEST = 16 * 1024 * 1024
"""Bytes of the longest line taken; a text of a mail is a thousandth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One action of a file, or why the line holds none.

    Attributes:
        number: from 1, as editors count.
        inbox: where it says it belongs, None where it does not say.
        wrong: why it is refused, in English; None where *action* stands.
    """

    number: int
    action: Mapping[str, Any] | None = None
    inbox: str | None = None
    wrong: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Lines read together.

    Attributes:
        size: how many bytes they took, blank ones included.
    """

    lines: tuple[Line, ...]
    size: int


def read_chunks(stream: BinaryIO, *, most: int = CHUNK) -> Iterator[Chunk]:
    """Read *stream* to its end; blank lines are left out, broken ones say what is wrong with them."""
    lines: list[Line] = []
    size = 0
    for number, raw in enumerate(_raw_lines(stream), start=1):
        size += len(raw)
        if raw.strip():
            lines.append(read_line(number, raw))
        if len(lines) >= most:
            yield Chunk(lines=tuple(lines), size=size)
            lines, size = [], 0
    if lines or size:
        yield Chunk(lines=tuple(lines), size=size)


def read_line(number: int, raw: bytes) -> Line:
    """The action in one line."""
    if len(raw) > LONGEST:
        return Line(number=number, wrong=f"the line is longer than {LONGEST // 1024 // 1024} MiB")
    try:
        # The mark that some editors put before the first line is no part of the JSON.
        action = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        return Line(number=number, wrong="this is not UTF-8")
    except json.JSONDecodeError as error:
        return Line(number=number, wrong=f"this is not JSON: {error.msg} at column {error.colno}")
    except (ValueError, RecursionError):
        return Line(number=number, wrong="this JSON holds a number too long or is nested too deeply")
    if not isinstance(action, dict):
        return Line(number=number, wrong="an action must be a JSON object")
    return _placed(number, action)


def _placed(number: int, action: dict[str, Any]) -> Line:
    """The action with its inbox: as a text, nested or flat."""
    inbox = action.get("inbox")
    if isinstance(inbox, str):
        return Line(number=number, action={**action, "inbox": {"id": inbox}}, inbox=inbox)
    nested = inbox.get("id") if isinstance(inbox, dict) else None
    found = action.get("inbox.id", nested)
    return Line(number=number, action=action, inbox=found if isinstance(found, str) else None)


def _raw_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines; one that is too long comes cut, so that it is known for what it is without being held."""
    while raw := stream.readline(LONGEST + 2):
        rest = raw
        while len(rest) > LONGEST and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST + 2)
            if not rest:
                break
        yield raw


def by_inbox(lines: Iterable[Line], inbox: str | None) -> dict[str, list[Line]]:
    """Inbox → its lines in order; *inbox* goes before what the actions say. Lines without either are left out."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        where = inbox or line.inbox
        if line.action is not None and where:
            groups.setdefault(where, []).append(line)
    return groups
