"""Where the demo shows itself: steps, sentences and tables; nothing at all where a program reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from renkei.cli.output import Meter, Output


class Stage:
    """The demo's audience, in its language."""

    def __init__(self, out: Output) -> None:
        self.out = out
        self._step = 0

    def step(self, *, ja: str, en: str) -> None:
        """A heading; steps are numbered."""
        if self.out.is_json:
            return
        from rich.text import Text

        self._step += 1
        title = ja if self.out.language == "ja" else en
        self.out.line("")
        self.out.show(Text(f"── {self._step}. {title} ──", style="bold"))

    def say(self, *, ja: str, en: str) -> None:
        """A sentence."""
        self.out.say(ja=ja, en=en)

    def table(self, ja: Sequence[str], en: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Rows under headings."""
        if not self.out.is_json:
            self.out.table(ja if self.out.language == "ja" else en, rows)

    def progress(self, *, ja: str, en: str, total: int) -> AbstractContextManager[Meter]:
        """A bar."""
        return self.out.progress(ja if self.out.language == "ja" else en, total)
