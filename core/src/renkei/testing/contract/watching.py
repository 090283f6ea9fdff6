"""What code does beside the wire, seen by Python's audit events: connections, programs, files, threads.

It sees what goes through Python. A library in C that opens sockets by itself is not seen.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from renkei.testing.contract.broken import require
from renkei.testing.contract.wire import beyond

Event = Callable[[str, tuple[Any, ...]], None]

_watchers: list[Event] = []
_installed = threading.Lock()  # taken once and kept: an audit hook cannot be taken away again
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_MOST_BYTES: Final = 32 * 1024 * 1024

_PROGRAMS: Final = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn", "os.fork"}
)


@contextmanager
def watched(event: Event) -> Iterator[None]:
    """Have *event* told of every audit event, in the thread it happens in. What it raises stops what happens."""
    if _installed.acquire(blocking=False):
        sys.addaudithook(_tell)
    _watchers.append(event)
    try:
        yield
    finally:
        _watchers.remove(event)


def _tell(name: str, arguments: tuple[Any, ...]) -> None:
    for event in tuple(_watchers):
        event(name, arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """A way out of the process that is not the wire.

    Attributes:
        how: `connect`, `send`, `resolve` or `program`.
        where: host and port as far as known, or the program.
    """

    how: str
    where: str

    def __str__(self) -> str:
        words = {"connect": "connected to", "send": "sent to", "resolve": "looked up", "program": "started the program"}
        return f"{words[self.how]} {self.where}"


@contextmanager
def ways_out(simulator: str = "") -> Iterator[list[WayOut]]:
    """Collects what leaves the process beside `ctx.http`, and stops it where it would leave this machine.

    Args:
        simulator: the URL of the kit's simulator where it is a server; connections there are the suite's own.
    """
    found: list[WayOut] = []
    home = _address_in(simulator)

    def event(name: str, arguments: tuple[Any, ...]) -> None:
        if beyond.get():
            return
        way = _way_out(name, arguments)
        if way is None or way.where in home:
            return
        found.append(way)
        if way.how != "program" and way.where.rpartition(":")[0].strip("[]") not in _LOOPBACK:
            raise ConnectionRefusedError("the contract suite lets nothing leave this machine")

    with watched(event):
        yield found


def _address_in(url: str) -> Collection[str]:
    if not url:
        return ()
    netloc = url.partition("://")[2].partition("/")[0]
    host, _, port = netloc.rpartition(":")
    return {f"{name}:{port}" for name in (host, *_LOOPBACK)}


def _way_out(name: str, arguments: tuple[Any, ...]) -> WayOut | None:
    match name:
        case "socket.connect" | "socket.sendto" | "socket.sendmsg":
            family = getattr(arguments[0], "family", None)
            if family in (socket.AF_INET, socket.AF_INET6) and isinstance(arguments[1], tuple):
                how = "connect" if name == "socket.connect" else "send"
                return WayOut(how=how, where=f"{_text(arguments[1][0])}:{arguments[1][1]}")
        case "socket.getaddrinfo" if arguments[0] is not None:
            return WayOut(how="resolve", where=f"{_text(arguments[0])}:{_text(arguments[1])}")
        case "socket.gethostbyname" | "socket.gethostbyaddr":
            return WayOut(how="resolve", where=f"{_text(arguments[0])}:")
        case _ if name in _PROGRAMS:
            return WayOut(how="program", where=_text(arguments[0]) if arguments else name)
    return None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


@dataclass(slots=True)
class Written:
    """Files that were opened to be written.

    Attributes:
        contents: path → what is known of the content, of those that are gone already.
        too_large: of those that are gone already, what held more than can be looked through.
    """

    paths: set[str] = field(default_factory=set)
    contents: dict[str, bytes] = field(default_factory=dict)
    too_large: set[str] = field(default_factory=set)

    def texts(self) -> Iterator[tuple[str, bytes]]:
        """Path and content of each, as it is now.

        Raises:
            Broken: one is so large that nobody can say what is in it.
        """
        for path in sorted(self.paths):
            require(
                path not in self.too_large and _size(path) <= _MOST_BYTES,
                f"the file {path!r} was written and holds more than {_MOST_BYTES} bytes: too many to be looked through",
            )
            content = _content(path) or self.contents.get(path, b"")
            yield path, os.fsencode(path) + b"\n" + content


@contextmanager
def writing() -> Iterator[Written]:
    """Collects the files that are written anywhere, apart from devices."""
    found = Written()

    def event(name: str, arguments: tuple[Any, ...]) -> None:
        if beyond.get():
            return
        if name == "open" and _writes(arguments):
            found.paths.add(os.path.abspath(os.fsdecode(arguments[0])))  # noqa: PTH100  # audited code must stay simple
        elif name in ("os.remove", "os.rename") and isinstance(arguments[0], (str, bytes, os.PathLike)):
            path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100
            if path in found.paths:
                found.contents[path] = _content(path)  # about to go
                if _size(path) > _MOST_BYTES:
                    found.too_large.add(path)
                if name == "os.rename":
                    found.paths.add(os.path.abspath(os.fsdecode(arguments[1])))  # noqa: PTH100

    with watched(event):
        yield found


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, _mode, flags = arguments
    if not isinstance(path, (str, bytes, os.PathLike)) or not isinstance(flags, int):
        return False
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) and not os.fsdecode(path).startswith(("/dev/", "/proc/", "/sys/"))


def _content(path: str) -> bytes:
    with suppress(OSError):
        if _size(path) <= _MOST_BYTES:
            return Path(path).read_bytes()
    return b""


def _size(path: str) -> int:
    """Of a plain file, in bytes; 0 for anything else."""
    with suppress(OSError):
        file = Path(path)
        return file.stat().st_size if file.is_file() else 0
    return 0


@contextmanager
def threads_of_the_simulator() -> Iterator[set[int]]:
    """Collects the ids of `Thread` objects that the simulator starts: they are not the plugin's."""
    found: set[int] = set()

    def event(name: str, arguments: tuple[Any, ...]) -> None:
        if name in ("_thread.start_new_thread", "_thread.start_joinable_thread") and beyond.get():
            found.add(id(getattr(arguments[0], "__self__", None)))

    with watched(event):
        yield found
