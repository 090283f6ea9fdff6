"""The sample's text under other names.

The sample is real code that is linted, typed and tested as it stands, so it has no placeholders. Its names are chosen
to be found again instead: the invented CRM is called Atelier, and `template` stands for its id and for nothing else.
A test reads what comes out and finds neither word in it.
"""

from __future__ import annotations

import builtins
import io
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from renkei.scaffold.imports import in_order
from renkei.scaffold.names import Names

_CLASS, _WORD, _ID = "Atelier", "atelier", "template"

# What belongs to the sample alone: its licence and authors, and what its README says to readers of the checkout.
_LEFT_OUT = re.compile(
    r"^[^\n]*new-plugin: left out from here.*?new-plugin: to here[^\n]*\n\n?", re.DOTALL | re.MULTILINE
)
_PYTHON_IN_MARKDOWN = re.compile(r"(?<=^```python\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)

# One pass over the text: what is put in, a label above all, is never looked at again.
_FOUND = re.compile(
    r"""
      (?P<distribution>renkei-template)
    | (?P<package>renkei_template)
    | (?P<host>atelier-crm)
    | (?P<prefix>Atelier(?=[A-Z(]) | (?<=[\[ ]")Atelier(?="))   # AtelierKit, Atelier(), and in __all__
    | (?P<label>Atelier)
    | (?P<word>atelier | (?<=_)template | template(?=_))
    | (?P<id>template)
    """,
    re.VERBOSE,
)


def renamed(sample: Mapping[str, str], names: Names) -> dict[str, str]:
    """The files of the plugin called *names*: path → text."""
    names = distinct_from(sample, names)
    return {_plain(path, names): _file(path, text, names) for path, text in sample.items()}


def distinct_from(sample: Mapping[str, str], names: Names) -> Names:
    """*names*, with a word that means nothing else in the sample's code.

    A CRM may be called Table or Class. Its simulator is then `TableCrm` and `table_crm`, beside the sample's own
    `Table`, and no variable becomes a keyword.
    """
    used = set(_names_in(sample))
    ours = {name for name in used if _CLASS in name or _WORD in name}
    taken = (used - ours) | {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
    while {name.replace(_CLASS, names.prefix).replace(_WORD, names.word) for name in ours} & taken:
        names = replace(names, word=f"{names.word}_crm")
    return names


def _names_in(sample: Mapping[str, str]) -> Iterator[str]:
    for path, text in sample.items():
        if path.endswith(".py"):
            yield path.rpartition("/")[2].removesuffix(".py")
            yield from (token.string for token in _tokens(text) if token.type == tokenize.NAME)


def _file(path: str, text: str, names: Names) -> str:
    text = _LEFT_OUT.sub("", text)
    if path.endswith(".py"):
        return _python(text, names)
    if path.endswith(".md"):
        return "".join(_python(part, names) if code else _plain(part, names) for part, code in _parts(text))
    return _plain(text, names)


def _parts(page: str) -> Iterator[tuple[str, bool]]:
    """The page in pieces; whether each is Python."""
    at = 0
    for block in _PYTHON_IN_MARKDOWN.finditer(page):
        yield page[at : block.start()], False
        yield block.group(), True
        at = block.end()
    yield page[at:], False


def _python(source: str, names: Names) -> str:
    """Where `Atelier` stands as a name of its own it is the class, in comments and texts it is what people read."""
    pieces: list[str] = []
    at = 0
    for start, end in _places(source, _CLASS):
        pieces += [_plain(source[at:start], names), names.prefix]
        at = end
    pieces.append(_plain(source[at:], names))
    return in_order("".join(pieces), names.package)


def _places(source: str, name: str) -> Iterator[tuple[int, int]]:
    starts = [0]
    for line in io.StringIO(source):
        starts.append(starts[-1] + len(line))
    for token in _tokens(source):
        if token.type == tokenize.NAME and token.string == name:
            start = starts[token.start[0] - 1] + token.start[1]
            yield start, start + len(name)


def _tokens(source: str) -> Iterable[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(source).readline)


def _plain(text: str, names: Names) -> str:
    return _FOUND.sub(lambda found: str(getattr(names, found.lastgroup or "")), text)
