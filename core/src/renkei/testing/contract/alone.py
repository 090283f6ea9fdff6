"""A process of its own in which one plugin is imported, and everything is noted that its import does.

Run as a file, with the order as JSON on standard input and the answer in the file that it names; `imported` is the
other side. It stands on the standard library and `renkei.spec` alone: whatever else it loaded would hide what the
plugin loads.
"""

from __future__ import annotations

import _thread
import asyncio
import builtins
import decimal
import gc
import importlib
import json
import locale
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType
from typing import Any, Final

# Kind of what was done → the audit events that show it, whoever does it: the import of a plugin is to blame for what
# it imports.
_EVENTS: Final = {
    "network": (
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
        "socket.sendto",
        "socket.sendmsg",
        "urllib.Request",
        "http.client.connect",
        "smtplib.connect",
        "ftplib.connect",
    ),
    "file write": (
        "os.mkdir",
        "os.rename",
        "os.remove",
        "os.rmdir",
        "os.truncate",
        "os.link",
        "os.symlink",
        "os.chmod",
        "os.chown",
        "os.utime",
        "os.setxattr",
        "shutil.copyfile",
        "shutil.copytree",
        "shutil.move",
        "shutil.rmtree",
        "tempfile.mkstemp",
        "tempfile.mkdtemp",
        "sqlite3.connect",
    ),
    "process": (
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "pty.spawn",
        "os.kill",
        "webbrowser.open",
    ),
    "environment change": ("os.putenv", "os.unsetenv"),
    "change of the process": ("os.chdir", "sys.setprofile", "sys.settrace", "sys.addaudithook", "resource.setrlimit"),
    "question to a person": ("builtins.input",),
}
_SILENT: Final[Sequence[tuple[ModuleType, str, str]]] = (
    (_thread, "start_new_thread", "thread"),
    (threading, "_start_new_thread", "thread"),
    (threading, "_start_joinable_thread", "thread"),
    (time, "sleep", "sleep"),
)
_KIND: Final = {event: kind for kind, events in _EVENTS.items() for event in events}
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_MOST: Final = 20
_STDLIB: Final = PurePath(os.__file__).parent
# Read by pydantic whenever a model class is made, which no plugin can help.
_NOT_THE_PLUGIN: Final = ("PYDANTIC_",)
_PATCHABLE_NAMES: Final = (
    "httpx httpcore renkei pluggy pydantic ssl socket asyncio logging json time datetime urllib decimal builtins"
)
_PATCHABLE: Final = frozenset(_PATCHABLE_NAMES.split())


class Watch:
    """Notes what is done while it is armed.

    Attributes:
        seen: sentences, in order, without values.
    """

    def __init__(self, own: Sequence[str]) -> None:
        self.seen: list[str] = []
        self._own = tuple(own)
        self._armed = False
        self._before: dict[str, Any] = {}
        self._bound: dict[tuple[str, ...], object] = {}
        sys.addaudithook(self._heard)
        logging.Logger.callHandlers = self._logged(logging.Logger.callHandlers)  # type: ignore[method-assign]
        for module, name, kind in _SILENT:  # not every Python tells audit hooks of these
            if hasattr(module, name):
                setattr(module, name, self._told(getattr(module, name), kind))

    def __enter__(self) -> Watch:
        self._before, self._bound = _state(), dict(_bindings())
        self._streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Stream(self, "standard output"), _Stream(self, "standard error")
        self._environ = os.environ, os.environb
        os.environ = _Environ(self, os.environ)  # noqa: B003  # a listener over the same data, not another environment
        os.environb = _Environ(self, os.environb)
        self._armed = True
        return self

    def __exit__(self, *_: object) -> None:
        self._armed = False
        os.environ, os.environb = self._environ
        if not (isinstance(sys.stdout, _Stream) and isinstance(sys.stderr, _Stream)):
            self.note("change of the process", "sys.stdout or sys.stderr was replaced")
        sys.stdout, sys.stderr = self._streams
        after = _state()
        for name, value in self._before.items():
            if after[name] != value:
                self.note(*name.split(": "))
        bound = dict(_bindings())
        for place, value in self._bound.items():
            if place in bound and bound[place] is not value:
                self.note("change of the process", f"{'.'.join(place)} was replaced")

    def note(self, kind: str, what: str = "") -> None:
        """Add one sentence, unless it is there."""
        sentence = f"{kind} ({what})" if what else kind
        if sentence not in self.seen and len(self.seen) < _MOST:
            self.seen.append(sentence)

    def caused_by_plugin(self) -> str:
        """Place in the plugin that the running call comes from; empty where another module's import is running."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            name = str(frame.f_globals.get("__name__", ""))
            if name.split(".")[0] in self._own:
                return _place(frame)
            if name == "importlib._bootstrap":
                return ""
            frame = frame.f_back
        return ""

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._armed:
            return
        if event == "open":
            self._opened(*arguments)
        elif event == "socket.bind" and self.caused_by_plugin():
            self.note("network", f"{event}{_whence()}")
        elif event in _KIND and not (event == "sqlite3.connect" and arguments[0] == ":memory:"):
            self.note(_KIND[event], f"{event}{_whence()}")
            if _KIND[event] == "network":  # as on a machine that has none
                raise OSError(101, "Network is unreachable")

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        writing = bool(flags & _WRITING) if isinstance(flags, int) else any(letter in str(mode) for letter in "wax+")
        if writing and text and not text.startswith("/dev/"):
            self.note("file write", f"{PurePath(text).name}{_whence()}")
        elif text.startswith("/proc/") and text.endswith("/environ"):
            self.note("environment read", f"{text}{_whence()}")

    def _told(self, original: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self._armed:
                self.note(kind, f"{original.__name__}{_whence()}")
            return original(*arguments, **named)

        return call

    def _logged(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> Any:
            if self._armed and (place := self.caused_by_plugin()):
                self.note("log line", f"logger {logger.name!r} at {place}")
                return None
            return original(logger, record)

        return call_handlers


class _Environ(type(os.environ)):  # type: ignore[misc]  # os._Environ has no public name
    """The environment, and who reads it."""

    def __init__(self, watch: Watch, real: Any) -> None:
        super().__init__(real._data, real.encodekey, real.decodekey, real.encodevalue, real.decodevalue)
        self._watch = watch

    def __getitem__(self, key: Any) -> Any:
        self._read(os.fsdecode(key) if isinstance(key, (str, bytes)) else "")
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        self._read("all of it")
        return iter(super().__iter__())

    def copy(self) -> dict[Any, Any]:
        self._read("all of it")
        return dict(self)

    def _read(self, name: str) -> None:
        if not name.startswith(_NOT_THE_PLUGIN) and (place := self._watch.caused_by_plugin()):
            self._watch.note("environment read", f"{name} at {place}")


class _Stream:
    """Stands for standard output or error while a plugin is imported."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, watch: Watch, name: str) -> None:
        self._watch = watch
        self._name = name

    def write(self, text: str) -> int:
        if text.strip() and not _is_warning():
            self._watch.note("printing", f"to {self._name}{_whence()}")
        return len(text)

    def flush(self) -> None:
        """Nothing is kept."""

    def isatty(self) -> bool:
        return False


class Gate:
    """A finder in front of all others that knows only what the plugin may use.

    Attributes:
        refused: what was asked for and not given.
    """

    def __init__(self, admitted: Sequence[str]) -> None:
        self._admitted = frozenset(admitted) | sys.stdlib_module_names
        self.refused: list[str] = []

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """None, so that the others go on looking, or no such module."""
        if name.split(".")[0] not in self._admitted:
            self.refused.append(name)
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def work(order: dict[str, Any]) -> dict[str, Any]:
    """Import the plugin as *order* says; what was seen."""
    for name in ("renkei.spec", "httpx", "pluggy", "pydantic"):  # every host has them: neither time nor blame for them
        importlib.import_module(name)
    answer: dict[str, Any] = {"host": sorted(sys.modules)}
    gate = Gate(order["admitted"])
    watch = Watch(order["own"])
    with watch:
        sys.meta_path.insert(0, gate)
        began = time.process_time()
        module, error = _imported(order["module"])
        answer["seconds"] = time.process_time() - began
        sys.meta_path.remove(gate)
        answer["undeclared"] = _missed(error, gate)
        if answer["undeclared"]:
            _forget(order["own"])
            module, error = _imported(order["module"])
    answer |= {
        "error": _told(error),
        "done": list(watch.seen),
        "loaded": sorted(set(sys.modules) - set(answer["host"])),
    }
    watch.seen.clear()
    with watch:
        answer["described"] = [_described(module), _described(module)]
    return answer | {"describing": list(watch.seen)}


def _imported(name: str) -> tuple[ModuleType | None, BaseException | None]:
    try:
        return importlib.import_module(name), None
    except BaseException as error:
        return None, error


def _missed(error: BaseException | None, gate: Gate) -> str:
    """The undeclared module for want of which the import raised; empty where none was missed."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name in gate.refused:
            return str(error.name)
        error = error.__cause__ or error.__context__
    return ""


def _forget(own: Sequence[str]) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in own]:
        del sys.modules[name]


def _told(error: BaseException | None) -> str:
    if error is None:
        return ""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if not _is_ours(frame)]
    place = f" at {_place(frames[-1])}" if frames else ""
    return f"raised {type(error).__name__}{place}"


def _described(module: ModuleType | None) -> str:
    """The manifest as JSON; empty where there is none to be had. What is wrong with it is for other checks."""
    try:
        return str(module.crm_describe().model_dump_json()) if module is not None else ""
    except BaseException:
        return ""


def _state() -> dict[str, Any]:
    """What belongs to the process and not to a plugin; each name is `kind: what`."""
    root, numeric = logging.getLogger(), decimal.getcontext()
    return {
        "environment change: os.environ": dict(os.environ),
        "change of the process: the locale": locale.setlocale(locale.LC_ALL),
        "change of the process: sys.path or an import hook": [*sys.path, *map(repr, [*sys.meta_path, *sys.path_hooks])],
        "change of the process: an exception hook": [sys.excepthook, threading.excepthook, sys.unraisablehook],
        "change of the process: a signal's handler": [signal.getsignal(number) for number in signal.valid_signals()],
        "change of the process: the sockets' default timeout": socket.getdefaulttimeout(),
        "change of the process: the decimal context": [repr(numeric), repr(decimal.DefaultContext)],
        "change of the process: an interpreter setting": [
            sys.getrecursionlimit(),
            sys.getswitchinterval(),
            gc.isenabled(),
            gc.get_threshold(),
        ],
        "change of the process: the file mode mask": _mask(),
        "change of the process: the event loop's policy": repr(getattr(asyncio.events, "_event_loop_policy", None)),
        "change of the process: builtins": sorted(set(vars(builtins)) - {"_"}),
        "thread: left running": sorted(thread.name for thread in threading.enumerate()),
        "logging change: the root logger": [root.level, root.disabled, *map(repr, [*root.handlers, *root.filters])],
        "logging change: for all loggers": [
            root.manager.disable,
            logging.getLoggerClass(),
            logging.getLogRecordFactory(),
            logging.raiseExceptions,
            repr(logging.lastResort),
        ],
        "logging change: a logger's level or handlers": _loggers(),
        "warning change: warnings.filters": [item for item in warnings.filters if item[2].__module__ == "builtins"],
        "warning change: how warnings are shown": [warnings.showwarning, warnings.formatwarning],
    }


def _mask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _loggers() -> dict[str, list[Any]]:
    found = {}
    for name, logger in logging.getLogger().manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            handlers = [repr(handler) for handler in logger.handlers if not isinstance(handler, logging.NullHandler)]
            state = [logger.level, logger.disabled, logger.propagate, *handlers]
            if state != [logging.NOTSET, False, True]:
                found[name] = state
    return found


def _bindings() -> Iterator[tuple[tuple[str, ...], object]]:
    """Functions and classes of modules that are the host's, and the functions of their classes."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] not in _PATCHABLE or not isinstance(module, ModuleType):
            continue
        for attribute, value in list(vars(module).items()):
            if isinstance(value, (FunctionType, BuiltinFunctionType, type)):
                yield (name, attribute), value
            if isinstance(value, type) and value.__module__ == name:
                for inner, function in list(vars(value).items()):
                    if isinstance(function, (FunctionType, staticmethod, property)):
                        yield (name, attribute, inner), function


def _whence() -> str:
    """Where in a file of neither ours nor the standard library."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    return f" at {_place(frame)}" if frame is not None else ""


def _is_ours(frame: FrameType) -> bool:
    path = frame.f_code.co_filename
    if path.startswith("<frozen") or path == __file__:
        return True
    return _STDLIB in PurePath(path).parents and "site-packages" not in path


def _is_warning() -> bool:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "warnings":
            return True
        frame = frame.f_back
    return False


def _place(frame: FrameType) -> str:
    return f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno}"


def main() -> None:
    """In a thread that is not the main one: a host imports plugins wherever the first question is asked."""
    order = json.load(sys.stdin)
    sys.path[:] = order["path"]
    sys.dont_write_bytecode = True
    answer: dict[str, Any] = {}

    def run() -> None:
        try:
            answer.update(work(order))
        except BaseException:
            answer["broke_down"] = traceback.format_exc()

    thread = threading.Thread(target=run, name="import")
    thread.start()
    thread.join()
    Path(order["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    os._exit(0)  # whatever it left behind is not waited for


if __name__ == "__main__":
    main()
