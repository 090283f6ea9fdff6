"""HTML: made safe, read as text, cut.

Mail bodies come from strangers. Everything is cleaned by nh3 before it is read or passed on; scripts, handlers and
`javascript:` links are gone before a CRM sees them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from renkei.mapping.characters import cut_escaped, lines
from renkei.spec import LengthUnit

if TYPE_CHECKING:
    import nh3
    from selectolax.lexbor import LexborNode

# The cleaner's time grows with the square of the depth: 100,000 nested <div> took 19 s, 1,000 took 3 ms.
DEPTH_LIMIT = 1_000
# And with the number of ampersands: 1,000,000 took 10 s, 100,000 took 0.1 s.
REFERENCE_LIMIT = 100_000


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


_STYLES = _words("background-color color font-size font-style font-weight text-align text-decoration")
_STYLED = _words("a b blockquote div em i li p pre span strong table td th u")
# Elements that HTML closes by itself, or that hold nothing: an open tag of these makes no depth.
_FLAT = _words("area br col dd dt hr img input li link meta option p td th tr wbr")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_BLOCKS = _words(
    "address article aside blockquote body caption center dd details div dl dt figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hgroup hr li main nav ol p pre section summary table tbody tfoot thead "
    "tr ul"
)
_PARAGRAPHS = _words("blockquote h1 h2 h3 h4 h5 h6 p pre table")
_SPACES = re.compile(r"[ \t\n\r\f]+")
_MANY_BREAKS = re.compile(r"\n{3,}")


class TooHeavy(ValueError):
    """HTML that is nested deeper, or has more character references, than any mail: it would cost seconds."""


def clean_html(source: str) -> str:
    """*source* without scripts, handlers, forms and unsafe links; simple styles stay.

    Raises:
        TooHeavy: it is nested deeper than `DEPTH_LIMIT`, or has more references than `REFERENCE_LIMIT`.
    """
    if source.count("&") > REFERENCE_LIMIT:
        raise TooHeavy
    if source.count("<") > DEPTH_LIMIT and _depth(source) > DEPTH_LIMIT:
        raise TooHeavy
    return _cleaner().clean(source)


def html_to_text(source: str) -> str:
    """What a reader of *source* sees, as plain text: a line per block, a link's address after its words.

    Raises:
        TooHeavy: it is nested deeper than `DEPTH_LIMIT`, or has more references than `REFERENCE_LIMIT`.
    """
    from selectolax.lexbor import LexborHTMLParser

    body = LexborHTMLParser(clean_html(source)).body
    if body is None:
        return ""
    text = "\n".join(line.rstrip(" \t") for line in lines("".join(_Reader().read(body))).split("\n"))
    return _MANY_BREAKS.sub("\n\n", text).strip()


def cut_html(source: str, limit: int, unit: LengthUnit, marker: str) -> str:
    """*source* as unformatted HTML that fits into *limit*: cutting between tags would break them."""
    return cut_escaped(html_to_text(source), limit, unit, marker)


@lru_cache(maxsize=1)
def _cleaner() -> nh3.Cleaner:
    import nh3

    attributes = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
    for tag in _STYLED:
        attributes.setdefault(tag, set()).add("style")
    return nh3.Cleaner(attributes=attributes, filter_style_properties=set(_STYLES))


def _depth(source: str) -> int:
    """The greatest depth of open tags; an estimate from above."""
    depth = deepest = 0
    for tag in _TAG.finditer(source):
        if tag[2].lower() in _FLAT:
            continue
        depth = max(0, depth - 1) if tag[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


class _Reader:
    """Walks a tree once, without recursion: mail nests deeper than Python likes to call."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._verbatim = 0

    def read(self, root: LexborNode) -> list[str]:
        node: LexborNode | None = root
        while node is not None:
            self._enter(node)
            child = node.first_child
            if child is not None:
                node = child
                continue
            node = self._leave(node, root)
        return self._pieces

    def _leave(self, node: LexborNode, root: LexborNode) -> LexborNode | None:
        """Close *node* and its finished ancestors; the next node to visit."""
        current: LexborNode | None = node
        while current is not None:
            self._exit(current)
            if current.mem_id == root.mem_id:
                return None
            following = current.next
            if following is not None:
                return following
            current = current.parent
        return None

    def _enter(self, node: LexborNode) -> None:
        tag = node.tag
        if tag == "-text":
            self._text(node.text_content or "")
        elif tag == "br":
            self._pieces.append("\n")
        elif tag in _BLOCKS:
            self._break(tag)
            if tag == "li":
                self._pieces.append("・")
            self._verbatim += tag == "pre"
        elif tag == "img":
            self._text(node.attributes.get("alt") or "")

    def _exit(self, node: LexborNode) -> None:
        tag = node.tag
        if tag == "a":
            self._address(node)
        elif tag in ("td", "th"):
            self._pieces.append(" ")
        elif tag in _BLOCKS:
            self._verbatim -= tag == "pre"
            self._break(tag)

    def _break(self, tag: str | None) -> None:
        if not self._pieces:
            return
        wanted = 2 if tag in _PARAGRAPHS else 1
        ending = "".join(self._pieces[-3:]).rstrip(" \t")
        present = len(ending) - len(ending.rstrip("\n"))
        if present < wanted:
            self._pieces.append("\n" * (wanted - present))

    def _text(self, text: str) -> None:
        if not self._verbatim:
            text = _SPACES.sub(" ", text)
            last = self._pieces[-1] if self._pieces else "\n"
            if text.startswith(" ") and last.endswith((" ", "\n")):
                text = text[1:]
        if text:
            self._pieces.append(text)

    def _address(self, node: LexborNode) -> None:
        address = node.attributes.get("href") or ""
        shown = node.text()
        bare = address.removeprefix("mailto:").removeprefix("tel:")
        if bare and bare not in shown and address.startswith(("http:", "https:", "mailto:", "tel:")):
            self._pieces.append(f" ({bare})")
