"""What an answer of a backend holds, piece by piece: to damage one of them, or to find one again."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from renkei.testing.contract.wire import Exchange

Path: TypeAlias = tuple[str | int, ...]


def strings_in(content: bytes) -> list[str]:
    """Every text in a JSON answer, names included; the whole text of any other."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return [content.decode("utf-8", "replace")]
    found: list[str] = []
    for path, leaf in leaves(data):
        found += [step for step in path if isinstance(step, str)]
        found += [leaf] if isinstance(leaf, str) else []
    return list(dict.fromkeys(found))


def answer_to(exchanges: Sequence[Exchange]) -> Any:
    """The first answer of *exchanges* that is JSON; None where none is."""
    for exchange in exchanges:
        try:
            return json.loads(exchange.answer)
        except ValueError:
            continue
    return None


def leaves(data: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Path and value of everything in *data* that holds nothing itself."""
    if isinstance(data, dict) and data:
        for name, value in data.items():
            yield from leaves(value, (*at, name))
    elif isinstance(data, list) and data:
        for place, value in enumerate(data):
            yield from leaves(value, (*at, place))
    else:
        yield at, data


def kinds_of_leaves(data: Any) -> list[Path]:
    """Paths of *data*, one for each kind: of a list's items the first one stands for all."""
    seen: dict[Path, Path] = {}
    for path, _ in leaves(data):
        seen.setdefault(tuple("*" if isinstance(step, int) else step for step in path), path)
    return list(seen.values())


def replaced(data: Any, path: Path, value: Any) -> Any:
    """A copy of *data* with *value* at *path*."""
    if not path:
        return value
    made = copy.deepcopy(data)
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return made


def without(data: Any, path: Path) -> Any:
    """A copy of *data* with nothing at *path*."""
    made = copy.deepcopy(data)
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    if path:
        del holder[path[-1]]
    return made


def lists_of(data: Any, length: int, at: Path = ()) -> list[Path]:
    """Paths of the lists in *data* that have *length* items."""
    found: list[Path] = [at] if isinstance(data, list) and len(data) == length else []
    steps: Sequence[Any] = list(data.items()) if isinstance(data, dict) else []
    steps = list(enumerate(data)) if isinstance(data, list) else steps
    for step, value in steps:
        found += lists_of(value, length, (*at, step))
    return found


def at(data: Any, path: Path) -> Any:
    """What is at *path*."""
    for step in path:
        data = data[step]
    return data


def where(path: Path) -> str:
    """*path* as people write it."""
    return "/".join(map(str, path)) or "the top"
