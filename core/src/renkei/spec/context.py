"""What a hook is given: settings, credentials, a guarded client, a clock, a logger, a deadline. It holds nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from logging import Logger, LoggerAdapter
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from renkei.spec.errors import OutcomeUnknown, Unavailable
from renkei.spec.requests import Credentials
from renkei.spec.settings import Settings
from renkei.spec.values import FileRef

if TYPE_CHECKING:
    import httpx  # loaded by whoever makes a client; it would be a third of this package's import time

S = TypeVar("S", bound=Settings)


class Clock(Protocol):
    """Time as core sees it; tests bring their own."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Generic[S]):
    """One call's world.

    Attributes:
        settings: what the admin typed, parsed; secrets are `SecretStr`.
        credentials: what the backend gave earlier, or None.
        http: reaches only the manifest's hosts, over TLS, without redirects or cookies. It raises our errors, not
            httpx's: `Unavailable` where nothing was sent, `OutcomeUnknown` where a write may have been applied.
            Answers of any status come back as responses for the plugin to read.
        clock: never `time.time()`.
        log: a logger; field names only, no values, no secrets.
        remaining: time left before the deadline, after which core abandons the call. The client gives a request up
            about a second before it. So begin no request with less than 2 seconds left: what is cut off on the wire is
            in doubt, what was not begun is certainly not stored.
        open_file: streams a `FileRef` from the host.
    """

    settings: S
    credentials: Credentials | None
    http: httpx.AsyncClient = field(repr=False)
    clock: Clock = field(repr=False)
    log: Logger | LoggerAdapter[Any] = field(repr=False)
    remaining: Callable[[], timedelta] = field(repr=False)
    open_file: Callable[[FileRef], AsyncIterator[bytes]] = field(repr=False)


def json_answer(response: httpx.Response) -> Any:
    """The JSON body of *response*, or the right error where it holds none.

    An answer that cannot be read is never a success, even with status 200: after a write its outcome is unknown.

    Raises:
        OutcomeUnknown: the request was a write.
        Unavailable: the request was a read.
    """
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        pass
    what = f"{response.request.method} answered {response.status_code} with something that is not JSON"
    # Outside of core's client nobody has marked the request; then whatever can write counts as a write.
    if response.request.extensions.get("renkei.write", response.request.method not in ("GET", "HEAD", "OPTIONS")):
        raise OutcomeUnknown("not_json", what)
    raise Unavailable("not_json", what)
