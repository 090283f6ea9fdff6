"""What core gives with each call of a backend, and what it gets back from a push."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from renkei.plugins.deadline import Deadline
from renkei.plugins.faults import NotSent, PluginFault
from renkei.plugins.wire import WireLog
from renkei.spec import (
    BackendError,
    Clock,
    Context,
    Credentials,
    FileRef,
    Load,
    RenkeiError,
    Settings,
    Unavailable,
    Verdict,
)

OpenFile = Callable[[FileRef], AsyncIterator[bytes]]


@dataclass(slots=True, kw_only=True)
class Call:
    """One call's circumstances.

    Attributes:
        settings: parsed by this backend's `parse_settings`.
        credentials: the current ones, unsealed.
        deadline: after which the hook is cancelled. Requests end a little earlier, so that it can still report.
        connection: name of the stored connection, under which open sockets are kept and reused. Empty for settings
            that are not stored yet: then they are used once.
        open_file: streams a file from the host; None where the call can have none.
        before_send: called on the backend's loop immediately before each request leaves, and again where connecting
            took longer than a second. It must return within milliseconds. Raising `NotSent` holds this request and
            all later ones of the call back.
        fresh_connection: use no kept socket.
        wire: filled while the call runs.
        log_extra: goes with every line that the plugin logs.
    """

    settings: Settings
    credentials: Credentials | None = field(default=None, repr=False)
    deadline: timedelta = timedelta(seconds=30)
    connection: str = ""
    open_file: OpenFile | None = field(default=None, repr=False)
    before_send: Callable[[], None] | None = field(default=None, repr=False)
    fresh_connection: bool = False
    wire: WireLog = field(default_factory=WireLog)
    log_extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOutcome:
    """What became of a push. Everything that a plugin did wrong is in here, and nothing is raised for it.

    Attributes:
        verdicts: exactly one per record, by key, already corrected by the wire's word.
        stopped_by: the backend's error that ended it early.
        fault: what the plugin did that it must not. The verdicts hold all the same.
        not_sent: why core's own `before_send` held requests back.
        requests: how many may have reached the backend.
        load: how busy the backend said it is.
    """

    verdicts: dict[str, Verdict]
    stopped_by: BackendError | None = None
    fault: PluginFault | None = None
    not_sent: NotSent | None = None
    requests: int = 0
    load: Load | None = None


class CallLog(logging.LoggerAdapter[logging.Logger]):
    """The plugin's logger: what core knows of the call goes with each line, beside what the plugin adds."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Merge both extras; core's ids win."""
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **(self.extra or {})}
        return msg, kwargs


def context_of(call: Call, backend: str, http: Any, clock: Clock, deadline: Deadline) -> Context[Any]:
    """The hook's world for *call*."""
    extra = {**call.log_extra, "backend": backend}
    return Context(
        settings=call.settings,
        credentials=call.credentials,
        http=http,
        clock=clock,
        log=CallLog(logging.getLogger(f"renkei.plugin.{backend}"), extra),
        remaining=lambda: timedelta(seconds=deadline.remaining()),
        open_file=_opener(call.open_file),
    )


def _opener(open_file: OpenFile | None) -> OpenFile:
    async def opened(ref: FileRef) -> AsyncIterator[bytes]:
        if open_file is None:
            raise Unavailable("no_files", "This call has no way to open the host's files.")
        problem: Unavailable
        try:
            async with _closing(open_file(ref)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        except RenkeiError:
            raise
        except Exception as error:  # the host's own, with whatever its text holds
            problem = Unavailable("file_unreadable", f"The host could not open a file ({type(error).__name__}).")
        raise problem

    return opened


@asynccontextmanager
async def _closing(chunks: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """A plugin may stop reading early: the host's generator ends there, and with it whatever it holds open."""
    try:
        yield chunks
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
