"""All that a plugin says where somebody may read it: log lines, output, warnings, files."""

from __future__ import annotations

import io
import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from renkei.testing.contract.leaks import exception_texts, shown
from renkei.testing.contract.watching import Written, writing
from renkei.testing.contract.wire import beyond

# The database's own lines tell what is stored, which is looked at itself, and there are thousands of them.
_QUIET = ("sqlalchemy", "alembic")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One log line, with all that it was made of."""

    logger: str
    level: int
    text: str


@dataclass(slots=True)
class Heard:
    """What was said while it was listened to.

    Attributes:
        lines: of logs.
        output: what was printed, by whatever way.
        warnings: of Python's.
        written: files.
    """

    lines: list[Line] = field(default_factory=list)
    output: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    written: Written = field(default_factory=Written)

    def texts(self, *, level: int = logging.NOTSET) -> Iterator[tuple[str, bytes | str]]:
        """Place and text of everything; of log lines those at *level* and above."""
        for line in self.lines:
            if line.level >= level:
                yield f"a log line of {line.logger!r} at {logging.getLevelName(line.level)}", line.text
        yield from self.output
        for text in self.warnings:
            yield "a warning", text
        for path, content in self.written.texts():
            yield f"the file {path!r}", content


class Listening:
    """A context manager that gives a `Heard`: every logger at every level, output, warnings, written files."""

    def __init__(self) -> None:
        self.heard = Heard()
        self._stack = ExitStack()

    def __enter__(self) -> Heard:
        with ExitStack() as stack:
            self.heard.written = stack.enter_context(writing())
            stack.enter_context(_printed(self.heard))
            stack.enter_context(_warned(self.heard))
            stack.enter_context(_logged(self.heard))
            stack.enter_context(_uncaught(self.heard))
            self._stack = stack.pop_all()
        return self.heard

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


@contextmanager
def _logged(heard: Heard) -> Iterator[None]:
    """Every record that passes its logger's own filters, at any level, whoever handles it."""
    real = logging.Logger.handle
    levels = _levels()

    def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
        if not logger.disabled and not beyond.get() and (passed := logger.filter(record)):
            kept = passed if isinstance(passed, logging.LogRecord) else record
            heard.lines.append(Line(logger=record.name, level=record.levelno, text="\n".join(_texts(kept))))

    logging.Logger.handle = handle  # type: ignore[method-assign,assignment]  # nothing else sees loggers that do not propagate
    disabled, logging.root.manager.disable = logging.root.manager.disable, logging.NOTSET
    try:
        for logger in levels:
            logger.setLevel(logging.WARNING if logger.name in _QUIET else logging.NOTSET + 1)
        yield
    finally:
        logging.Logger.handle = real  # type: ignore[method-assign]
        logging.root.manager.disable = disabled
        for logger, level in levels.items():
            logger.setLevel(level)


def _levels() -> dict[logging.Logger, int]:
    for name in _QUIET:
        logging.getLogger(name)
    known = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    return {
        logger: logger.level
        for logger in (logging.root, *known)
        if not logger.name.startswith(tuple(f"{name}." for name in _QUIET))
    }


def _texts(record: logging.LogRecord) -> Iterator[str]:
    yield shown(record, logging.LogRecord.getMessage)
    yield shown(record.__dict__)
    yield shown(record.__dict__, str)
    for value in record.__dict__.values():
        yield shown(value, str)
    arguments = record.args.values() if isinstance(record.args, dict) else record.args or ()
    for argument in arguments:
        yield shown(argument, str)
        if isinstance(argument, BaseException):
            yield from exception_texts(argument)
    if record.exc_info and record.exc_info[1] is not None:
        yield from exception_texts(record.exc_info[1])


@contextmanager
def _warned(heard: Heard) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("always")

        def show(message: Warning | str, *_rest: Any, **_named: Any) -> None:
            heard.warnings.append(f"{message} {message!r}")

        warnings.showwarning = show
        yield


class _Copy(io.TextIOWrapper):
    """Stands for stdout or stderr and keeps what is written."""

    def __init__(self, kept: Callable[[str], None]) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)
        self._kept = kept

    def keep(self) -> None:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        self._kept(buffer.getvalue().decode("utf-8", "replace"))


@contextmanager
def _printed(heard: Heard) -> Iterator[None]:
    copies = {name: _Copy(lambda text, name=name: heard.output.append((name, text))) for name in ("stdout", "stderr")}  # type: ignore[misc]  # a default binds the name
    before = {name: getattr(sys, name) for name in copies}
    with ExitStack() as stack:
        for number, name in ((1, "stdout"), (2, "stderr")):
            stack.enter_context(_descriptor(number, name, heard))
        for name, copy in copies.items():
            setattr(sys, name, copy)
        try:
            yield
        finally:
            for name, stream in before.items():
                if getattr(sys, name) is copies[name]:
                    setattr(sys, name, stream)
                copies[name].keep()


@contextmanager
def _descriptor(number: int, name: str, heard: Heard) -> Iterator[None]:
    """What is written to the file descriptor past `sys.stdout`: by a child process, by C, by `os.write`."""
    try:
        kept = os.dup(number)
    except OSError:  # closed already
        yield
        return
    with tempfile.TemporaryFile() as file:
        _flush()
        os.dup2(file.fileno(), number)
        try:
            yield
        finally:
            _flush()
            os.dup2(kept, number)
            os.close(kept)
            file.seek(0)
            heard.output.append((name, file.read().decode("utf-8", "replace")))


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()  # type: ignore[union-attr]  # None is among what is suppressed


@contextmanager
def _uncaught(heard: Heard) -> Iterator[None]:
    """Exceptions that nobody took: those of threads and of finalisers are printed with all they hold."""
    thread, unraisable = threading.excepthook, sys.unraisablehook

    def keep(told: Any) -> None:
        if told.exc_value is not None:
            heard.output.append(("an uncaught exception", "\n".join(exception_texts(told.exc_value))))

    threading.excepthook, sys.unraisablehook = keep, keep
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = thread, unraisable
