"""What can be wrong with a plugin, and with a call to one, beyond what the backend itself says.

RenkeiError
├─ BackendNotReady     nobody can use this backend: the text says why and which ones are ready
├─ PluginFault         the plugin raised, lied or hung: its defect, not the backend's answer
└─ NotSent             core itself held the request back: nothing left
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from traceback import walk_tb
from types import TracebackType

from renkei.spec import RenkeiError


class BackendNotReady(RenkeiError):
    """A backend that is unknown, disabled, incompatible, broken or claimed twice was asked for.

    Attributes:
        id: the id that was asked for; empty where a strict registry lists all that is not ready.
        reason: why, as its author or operator can act on it.
        ready: ids that can be used.
    """

    def __init__(self, id: str, reason: str, ready: Iterable[str]) -> None:
        self.id = id
        self.reason = reason
        self.ready = tuple(ready)
        what = f"Backend {id!r} is not ready: {reason}" if id else reason
        others = ", ".join(repr(name) for name in self.ready) or "none"
        super().__init__(f"{what} Ready: {others}.")


class PluginFault(RenkeiError):
    """A plugin raised something that is not ours, answered what cannot be true, or did not come back.

    The text names the type and place of a foreign exception and never repeats its message: nobody can know
    whether that holds a token or a customer's words.

    Attributes:
        backend: id of the backend.
        hook: name of the hook, or `settings` where its settings model failed.
        sent: whether a write had begun, so that something may have been stored.
    """

    def __init__(self, backend: str, hook: str, what: str, *, sent: bool = False) -> None:
        self.backend = backend
        self.hook = hook
        self.what = what
        self.sent = sent
        super().__init__(f"Backend {backend!r}, {hook}: {what}. This is a defect of the plugin; tell its maintainer.")

    def after_a_write(self, sent: bool) -> PluginFault:
        """The same fault, told with what the wire knows."""
        return PluginFault(self.backend, self.hook, self.what, sent=sent)


class NotSent(RenkeiError):
    """Raised by a call's `before_send`: the lease or the budget is gone, so this request must not leave."""


def name_exception(error: BaseException) -> str:
    """Type and innermost place of *error*, without its message: `raised KeyError at push.py:88 in _read`."""
    place = _innermost(error.__traceback__)
    return f"raised {type(error).__name__}{place}"


def _innermost(traceback: TracebackType | None) -> str:
    # Frames of the import system end every failed import and say nothing about it.
    frames = [place for place in walk_tb(traceback) if not place[0].f_code.co_filename.startswith("<frozen")]
    if not frames:
        return ""
    frame, line = frames[-1]
    return f" at {PurePath(frame.f_code.co_filename).name}:{line} in {frame.f_code.co_name}"
