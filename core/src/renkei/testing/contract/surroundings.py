"""What a process and a plugin's modules look like: to be equal before and after."""

from __future__ import annotations

import asyncio
import atexit
import builtins
import decimal
import functools
import gc
import locale
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
import types
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, Final

import httpx

from renkei import spec
from renkei.plugins.quiet import _FILTER

_DEEP: Final = 8
_MOST: Final = 2_000
_TRANSPARENT: Final = (
    "types",
    "queue",
    "_queue",
    "weakref",
    "collections",
    "renkei.spec.requests",
    "renkei.spec.context",
)
_OTHERS: Final = (
    *("os", "ssl", "socket", "json", "logging", "httpx", "time", "datetime", "decimal", "asyncio", "codecs", "locale"),
    *("urllib.request", "http.client", "random", "builtins", "renkei.spec", "pydantic", "pluggy"),
)


def of_process() -> dict[str, Any]:
    """The process's own state by name; what is equal to itself later was not touched."""
    return {
        **{f"the environment variable {name!r}": value for name, value in os.environ.items()},
        "the current directory": os.getcwd(),  # noqa: PTH109  # as the system has it
        "the file mode mask": _mask(),
        **{f"the locale {name}": locale.setlocale(getattr(locale, name)) for name in _categories()},
        "the time zone": (os.environ.get("TZ"), time.tzname),
        **_of_logging(),
        "the filters of warnings": [repr(one) for one in warnings.filters],
        "sys.path": list(sys.path),
        "sys.meta_path": [repr(one) for one in sys.meta_path],
        "sys.path_hooks": [id(one) for one in sys.path_hooks],
        **{f"the handler of signal {number}": _handler(number) for number in signal.valid_signals()},
        **{f"sys.{name}": id(getattr(sys, name)) for name in ("excepthook", "unraisablehook", "displayhook")},
        "threading.excepthook": id(threading.excepthook),
        "the recursion limit": sys.getrecursionlimit(),
        "the switch interval": sys.getswitchinterval(),
        "the sockets' time-out": socket.getdefaulttimeout(),
        "the garbage collector": (gc.isenabled(), gc.get_threshold()),
        "the state of random": hash(random.getstate()),
        "the decimal context": repr(decimal.getcontext()),
        "the default decimal context": repr(decimal.DefaultContext),
        "what runs at exit": getattr(atexit, "_ncallbacks", int)(),
        "the event loop policy": _policy(),
        **_of_other_modules(),
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Names of what is not as it was."""
    gone = object()
    names = dict.fromkeys((*before, *after))
    return [name for name in names if before.get(name, gone) != after.get(name, gone)]


def modules() -> dict[str, int]:
    """Name → identity of every module that is loaded."""
    return {name: id(module) for name, module in list(sys.modules.items())}


def modules_changed(before: Mapping[str, int]) -> list[str]:
    """Modules that were taken away or replaced; those that were loaded since are fine."""
    after = modules()
    return [f"the module {name!r}" for name, identity in before.items() if after.get(name) != identity]


def threads(but: Iterable[threading.Thread], names: tuple[str, ...], simulators: Set[int]) -> list[str]:
    """Names of threads that run now and are neither among those in *but*, nor core's, nor the simulator's."""
    known = {id(one) for one in but}
    return [
        f"the thread {one.name!r}"
        for one in threading.enumerate()
        if id(one) not in known and id(one) not in simulators and not one.name.startswith(names)
    ]


def of_modules(found: Iterable[types.ModuleType], package: str) -> dict[str, Any]:
    """Name → content of all that the modules of *package* hold: globals, class attributes, closures, defaults."""
    state: dict[str, Any] = {}
    for module in found:
        for name, value in sorted(vars(module).items()):
            if not (name.startswith("__") and name.endswith("__")) and not isinstance(value, types.ModuleType):
                state[f"{module.__name__}.{name}"] = _Frozen(package).of(value)
    return state


class _Frozen:
    """Makes plain data that is equal where a value is unchanged. Of strangers' objects only the identity is taken."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._left = _MOST
        self._seen: dict[int, object] = {}  # and kept, so that no identity is given out twice

    def of(self, value: Any, depth: int = _DEEP) -> Any:
        self._left -= 1
        if isinstance(value, (str, bytes, int, float, complex, bool, type(None), decimal.Decimal)):
            return (type(value).__name__, value)
        if self._left <= 0 or depth == 0 or id(value) in self._seen:
            return id(value)
        self._seen[id(value)] = value
        match value:
            case dict() | types.MappingProxyType():
                return [(self.of(key, depth - 1), self.of(part, depth - 1)) for key, part in list(value.items())]
            case list() | tuple() | deque():
                return self._each(value, depth)
            case set() | frozenset():
                return sorted(repr(self.of(part, depth - 1)) for part in list(value))
            case type():
                own = self._is_own(value.__module__)
                parts = {name: part for name, part in list(vars(value).items()) if _is_state(name)}
                return [id(value), *self._named(parts if own else {}, depth)]
            case types.FunctionType():
                cells = tuple(_cell(cell) for cell in value.__closure__ or ())
                kept = (value.__defaults__, value.__kwdefaults__, dict(vars(value)), cells)
                return [id(value), *self._each(kept if self._is_own(value.__module__) else (), depth)]
            case functools.partial():
                return self._each((value.func, value.args, value.keywords), depth)
            case _ if self._is_own(type(value).__module__) or type(value).__module__ in _TRANSPARENT:
                return [id(value), *self._named(_attributes(value), depth)]
            case _:
                return id(value)

    def _each(self, parts: Iterable[Any], depth: int) -> list[Any]:
        return [self.of(part, depth - 1) for part in list(parts)]

    def _named(self, parts: Mapping[str, Any], depth: int) -> list[Any]:
        return [(name, self.of(part, depth - 1)) for name, part in parts.items()]

    def _is_own(self, module: str | None) -> bool:
        return module is not None and (module == self._package or module.startswith(f"{self._package}."))


def _is_state(name: str) -> bool:
    # What pydantic and abc keep of a class is made when it is first used.
    return not name.startswith(("__", "_abc_"))


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty yet
        return None


def _attributes(value: Any) -> dict[str, Any]:
    held = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if isinstance(name, str) and name not in ("__weakref__", "__dict__") and hasattr(value, name):
                held[name] = getattr(value, name)
    return held


def _of_logging() -> dict[str, Any]:
    manager = logging.root.manager
    known = {name: one for name, one in manager.loggerDict.items() if isinstance(one, logging.Logger)}
    found: dict[str, Any] = {
        "logging itself": (
            manager.disable,
            logging.raiseExceptions,
            id(logging.lastResort),
            id(logging.getLogRecordFactory()),
            id(logging.getLoggerClass()),
        )
    }
    for name, logger in {"": logging.root, **known}.items():
        handlers = [id(one) for one in logger.handlers if not isinstance(one, logging.NullHandler)]
        filters = [id(one) for one in logger.filters if one is not _FILTER]
        state = (logger.level, handlers, filters, logger.propagate, logger.disabled)
        if state != (logging.NOTSET, [], [], True, False):  # a logger that was merely asked for is as good as none
            found[f"the logger {name or 'root'!r}"] = state
    return found


def _of_other_modules() -> dict[str, Any]:
    """Functions and classes of what everybody uses: none of them is replaced."""
    found = {}
    holders: list[tuple[str, Any]] = [(name, sys.modules[name]) for name in _OTHERS if name in sys.modules]
    classes: list[Any] = [
        httpx.AsyncClient,
        httpx.Client,
        httpx.Request,
        httpx.Response,
        logging.Logger,
        logging.Handler,
    ]
    classes += [one for one in vars(spec).values() if isinstance(one, type)]
    holders += [(f"{one.__module__}.{one.__qualname__}", one) for one in classes]
    for name, holder in holders:
        for part, value in list(vars(holder).items()):
            if callable(value) and not part.startswith(("__pydantic", "_abc")):
                found[f"{name}.{part}"] = id(value)
    return {**found, "the names of builtins": sorted(name for name in vars(builtins) if name != "_")}


def _categories() -> Iterator[str]:
    return (
        name for name in ("LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "LC_MONETARY") if hasattr(locale, name)
    )


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _handler(number: int) -> Any:
    found = signal.getsignal(number)
    return found if isinstance(found, int) or found is None else id(found)


def _policy() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return id(asyncio.get_event_loop_policy())
