"""Where a command's words go: results to standard output, everything else to standard error."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from renkei.spec import Language

# What a pipe or a file gets: wide enough that no cell is folded in practice.
_WIDTH_OF_A_PIPE = 200


class Meter(Protocol):
    """A progress bar."""

    def advance(self, count: float) -> None:
        """So many more are done. May be called from any thread."""
        ...


class Output:
    """The two streams of one command.

    Args:
        language: of what people read.
        json: only the document goes to standard output, and no progress is shown.
    """

    def __init__(self, language: Language, *, json: bool) -> None:
        self.language = language
        self.is_json = json

    def say(self, *, ja: str, en: str) -> None:
        """A sentence for the reader; left out where a program reads."""
        if not self.is_json:
            self.line(ja if self.language == "ja" else en)

    def line(self, text: str) -> None:
        """One line of the result."""
        sys.stdout.write(printable(text) + "\n")

    def note(self, *, ja: str, en: str) -> None:
        """A remark on standard error."""
        sys.stderr.write(printable(ja if self.language == "ja" else en) + "\n")

    def error(self, message: str) -> None:
        """Why the command failed."""
        sys.stdout.flush()
        head = "エラー: " if self.language == "ja" else "Error: "
        sys.stderr.write(head + printable(message) + "\n")

    def document(self, data: Any, *, indent: int | None = 2) -> None:
        """The one JSON document on standard output."""
        sys.stdout.write(json_text(data, indent=indent) + "\n")

    def receipt(self, data: Any) -> None:
        """One line of JSON; flushed by the caller, chunk by chunk."""
        sys.stdout.write(json_text(data) + "\n")

    def json_error(self, data: Any) -> None:
        """A failure for a program."""
        sys.stdout.flush()
        sys.stderr.write(json_text(data) + "\n")

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Rows under headings; nothing in a cell is taken for markup."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD)
        for heading in headings:
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(Text(_cell(value)) for value in row))
        self.show(table)

    def show(self, item: RenderableType) -> None:
        """Anything that rich renders."""
        self.console().print(item)

    def console(self) -> Console:
        """Standard output as rich sees it."""
        from rich.console import Console

        plain = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        if plain.is_terminal:
            return plain
        return Console(file=sys.stdout, width=_WIDTH_OF_A_PIPE, highlight=False, markup=False, emoji=False)

    @contextmanager
    def progress(self, label: str, total: float | None, *, counted: bool = True) -> Iterator[Meter]:
        """A bar on standard error while something long runs; none where that is no terminal.

        Args:
            total: how many there are, where that is known.
            counted: whether the numbers mean something to a reader; else the share alone is shown.
        """
        if self.is_json or not sys.stderr.isatty():
            yield _Silent()
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        numbers = MofNCompleteColumn() if counted else TaskProgressColumn()
        columns = (TextColumn("{task.description}"), BarColumn(), numbers, TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            yield _Bar(bar, bar.add_task(label, total=total))


class _Silent:
    def advance(self, count: float) -> None:
        """Nothing is shown."""


class _Bar:
    def __init__(self, bar: Any, task: Any) -> None:
        self._bar = bar
        self._task = task

    def advance(self, count: float) -> None:
        """See `Meter`."""
        self._bar.advance(self._task, count)


def json_text(data: Any, *, indent: int | None = None) -> str:
    """*data* as JSON: instants in ISO 8601, models and dataclasses as objects, lone surrogates escaped."""
    text = json.dumps(data, ensure_ascii=False, indent=indent, default=plain)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(data, ensure_ascii=True, indent=indent, default=plain)
    return text


def plain(value: Any) -> Any:
    """JSON's nearest word for *value*."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def printable(text: str) -> str:
    """*text* without what would steer a terminal: control characters and lone surrogates become escapes."""
    kept = (
        text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\u3000" else _escape(c) for c in text)
    )
    return kept.encode("utf-8", "backslashreplace").decode()


def _escape(character: str) -> str:
    # Joiners and direction marks inside words and emoji are harmless to the terminal but not "printable".
    return character if character in "\u200d\ufe0f" else character.encode("unicode_escape").decode("ascii")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "✓" if value else ""
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return printable(str(value))
