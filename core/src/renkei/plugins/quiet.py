"""Keep httpx and httpcore from logging our traffic: URLs with queries at INFO, headers at DEBUG."""

from __future__ import annotations

import logging
import threading
from typing import Final

_LOGGERS: Final = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
_ours = threading.local()


class _NotOurTraffic(logging.Filter):
    """Drops what is logged on one of our loop threads, and nothing else.

    A filter on those loggers, and not a level: the host app may use httpx itself and want its lines. All our
    traffic, and nobody else's, runs on threads that called `hush_this_thread`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_ours, "thread", False)


_FILTER: Final = _NotOurTraffic()


def hush_this_thread() -> None:
    """From now on httpx and httpcore log nothing on this thread. Adding the filter twice changes nothing."""
    _ours.thread = True
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
