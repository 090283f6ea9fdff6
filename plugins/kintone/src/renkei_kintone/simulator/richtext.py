"""Rich text as kintone keeps it: scripts, event handlers and script addresses are removed on saving."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

_MARKS = ("<script", "<style", "<iframe", "<object", "<embed", "<form", "javascript:")
_HANDLER = re.compile(r"[\s/\"']on[a-z]+\s*=")
_DROPPED = frozenset({"script", "style", "iframe", "object", "embed"})
_UNWRAPPED = frozenset({"form", "html", "body", "head"})


def without_unsafe_parts(html: str, *, always: bool = False) -> str:
    """*html*, cleaned where it needs to be; most texts do not, and stay as they are unless *always* is set."""
    plain = html.lower()
    if not always and not any(mark in plain for mark in _MARKS) and not _HANDLER.search(plain):
        return html
    cleaner = _Cleaner()
    cleaner.feed(html)
    cleaner.close()
    return "".join(cleaner.kept)


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.kept: list[str] = []
        self._dropping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._dropping += tag != "embed"
        elif not self._dropping and tag not in _UNWRAPPED:
            safe = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs if _is_safe(name, value))
            self.kept.append(f"<{tag}{safe}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._dropping = max(0, self._dropping - 1)
        elif not self._dropping and tag not in _UNWRAPPED:
            self.kept.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self.kept.append(escape(data, quote=False))


def _is_safe(name: str, value: str | None) -> bool:
    return not name.startswith("on") and not (value or "").strip().lower().startswith("javascript:")
