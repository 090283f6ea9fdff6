"""Whether two answers of a backend say the same, apart from what is another one in each answer."""

from __future__ import annotations

import json
from typing import Any

from renkei.testing.contract.wire import Exchange

_ANYTHING = object()


def same_answers(one: Exchange, sample: Exchange, again: Exchange) -> bool:
    """Whether *one* says what *sample* says. Where *sample* and *again*, both answers to one thing, differ: random."""
    if len({one.status, sample.status, again.status}) != 1:
        return False
    return _fits(_data(one.answer), _pattern(_data(sample.answer), _data(again.answer)))


def _data(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _pattern(first: Any, second: Any) -> Any:
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        return {name: _pattern(first[name], second[name]) for name in first}
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return [_pattern(*pair) for pair in zip(first, second, strict=True)]
    return first if first == second else _ANYTHING


def _fits(data: Any, pattern: Any) -> bool:
    if pattern is _ANYTHING:
        return True
    if isinstance(pattern, dict):
        return (
            isinstance(data, dict)
            and data.keys() == pattern.keys()
            and all(_fits(data[name], pattern[name]) for name in pattern)
        )
    if isinstance(pattern, list):
        return isinstance(data, list) and len(data) == len(pattern) and all(map(_fits, data, pattern))
    return bool(data == pattern)
