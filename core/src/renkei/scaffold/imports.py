"""A module's imports in the order that linters ask for, whatever the new names are.

The sample is sorted under its own names. `acme` comes before `app` and `zed` after it; and for the author renkei is
somebody else's, while in the checkout it is a neighbour.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence
from itertools import takewhile

_Import = ast.Import | ast.ImportFrom
_LISTED = re.compile(r"(?P<head>from \S+ import |__all__ = \[)(?P<names>[^#(\]\n]+)(?P<tail>\]?\n?)")


def in_order(source: str, package: str) -> str:
    """*source* with its first block of imports sorted: future, standard library, others, *package*.

    A block with a comment between two of them stays as it is: nobody knows which of the two it belongs to.
    """
    statements = _leading_imports(ast.parse(source))
    lines = [_names_in_order(line) for line in source.splitlines(keepends=True)]
    if not statements:
        return "".join(lines)
    first, last = statements[0].lineno - 1, statements[-1].end_lineno or 0
    texts = ["".join(lines[statement.lineno - 1 : statement.end_lineno]) for statement in statements]
    if "".join(texts).split() != "".join(lines[first:last]).split():
        return "".join(lines)
    groups: dict[int, list[tuple[bool, str, str]]] = {}
    for statement, text in zip(statements, texts, strict=True):
        module = _module(statement)
        entry = (isinstance(statement, ast.ImportFrom), module.lower(), text)
        groups.setdefault(_group(module, package), []).append(entry)
    block = "\n".join("".join(text for *_, text in sorted(groups[number])) for number in sorted(groups))
    return "".join(lines[:first]) + block + "".join(lines[last:])


def _leading_imports(tree: ast.Module) -> Sequence[_Import]:
    body = tree.body[1:] if tree.body and isinstance(tree.body[0], ast.Expr) else tree.body
    return [node for node in takewhile(lambda node: isinstance(node, _Import), body) if isinstance(node, _Import)]


def _module(statement: _Import) -> str:
    return statement.names[0].name if isinstance(statement, ast.Import) else statement.module or ""


def _group(module: str, package: str) -> int:
    top = module.partition(".")[0]
    if top == "__future__":
        return 0
    if top in sys.stdlib_module_names:
        return 1
    return 3 if top == package else 2


def _names_in_order(line: str) -> str:
    listed = _LISTED.fullmatch(line)
    if listed is None:
        return line
    return listed["head"] + ", ".join(sorted(listed["names"].split(", "), key=_rank)) + listed["tail"]


def _rank(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then the rest."""
    bare = name.strip("\"'")
    kind = 0 if bare.isupper() and len(bare) > 1 else 1 if bare[:1].isupper() else 2
    return kind, bare.lower()
