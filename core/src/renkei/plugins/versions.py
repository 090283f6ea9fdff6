"""Version ranges such as `>=1.0,<2`, as far as a manifest's `spec` needs them.

`packaging` would read them too, but `renkei` does not otherwise depend on it, and spec versions are plain numbers.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

Number = tuple[int, ...]

_CLAUSE = re.compile(r"\s*(>=|<=|==|!=|~=|>|<)\s*(\d+(?:\.\d+)*)\s*")
_COMPARE: dict[str, Callable[[Number, Number], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def includes(specifier: str, version: str) -> bool:
    """Whether *version* lies in *specifier*.

    Raises:
        ValueError: the specifier is not a comma-separated list of `>=`, `<=`, `==`, `!=`, `~=`, `>`, `<` and plain
            dotted numbers.
    """
    return all(_holds(clause, _number(version)) for clause in specifier.split(","))


def _holds(clause: str, version: Number) -> bool:
    match = _CLAUSE.fullmatch(clause)
    if match is None:
        raise ValueError(f"{clause.strip()!r} is not a version range; write for example '>=1.0,<2'")
    sign, bound = match[1], _number(match[2])
    if sign == "~=":
        if len(match[2].split(".")) < 2:
            raise ValueError(f"{clause.strip()!r} needs at least two numbers, as in '~=1.0'")
        kept = len(match[2].split(".")) - 1
        return version >= bound and _pad(version, kept)[:kept] == _pad(bound, kept)[:kept]
    return _COMPARE[sign](version, bound)


def _number(text: str) -> Number:
    parts = [int(part) for part in text.split(".")]
    while len(parts) > 1 and parts[-1] == 0:  # 1.0 and 1 are the same version
        parts.pop()
    return tuple(parts)


def _pad(number: Number, length: int) -> Number:
    return number + (0,) * (length - len(number))
