"""What a caller that waits for the write lock looks for, so that it does not wait in vain."""

from __future__ import annotations

import itertools
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

from renkei.store import holders, host_transactions
from renkei.store.errors import StoreUnavailable
from renkei.store.holders import Holder
from renkei.store.host_transactions import HostTransaction, Whose

# Most waits end before the first look; what is certain is said at it.
_FIRST_LOOKS = (0.1, 0.2, 0.5, 1.0, 1.5, 1.7)
# What is only likely, or may pass (somebody types `kill -CONT`), is said after this long.
PATIENCE_SECONDS = 5.0
# One search through the interpreter's objects answers for all threads that wait.
_FRESH_SECONDS = 1.0


def pauses() -> Iterator[float]:
    """Seconds between one look and the next, without end."""
    return itertools.chain(_FIRST_LOOKS, itertools.repeat(PATIENCE_SECONDS))


class LockWatch:
    """Looks who holds one SQLite file's write lock.

    Args:
        ours: whether a writer of renkei's in this process is in a transaction on that file.
    """

    def __init__(self, path: Path, ours: Callable[[], bool]) -> None:
        self._path = path
        self._ours = ours
        self._lock = threading.Lock()
        self._seen: tuple[float, list[HostTransaction]] = (float("-inf"), [])

    def complaint(self, since: float, stuck: float, task: types.FrameType | None = None) -> StoreUnavailable | None:
        """Why it is no use to wait on, if it is none. Called in the thread that waits.

        Args:
            since: when the caller began to wait, by the monotonic clock.
            stuck: when the writer began to.
            task: the frame of a coroutine that waits while its event loop goes on.
        """
        now = time.monotonic()
        holder = holders.holder_of(self._path)
        if holder is not None and not holder.is_this_process:
            return _stopped(holder) if holder.is_stopped and now - stuck >= PATIENCE_SECONDS else None
        if self._ours():
            return None
        whose = host_transactions.whose(self._look(since), self._path, task)
        if whose is Whose.MINE:
            return _waits_for_itself("task" if task is not None else "thread")
        if whose is Whose.UNCERTAIN and holder is not None and now - since >= PATIENCE_SECONDS:
            return _perhaps_for_itself()
        return None

    def after_all(self) -> StoreUnavailable:
        """What to say when SQLite itself has given up."""
        holder = holders.holder_of(self._path)
        if holder is not None and holder.is_stopped:
            return _stopped(holder)
        if holder is not None and holder.is_this_process:
            return _refused(f"this very process has held the database for over a minute. {_PASS_IT}")
        named = f": {holder}" if holder is not None else ""
        return _refused(
            f"another process has held the database for over a minute{named}; look for one that hangs. "
            f"If this very process holds a write transaction on it: {_PASS_IT}"
        )

    def _look(self, since: float) -> list[HostTransaction]:
        with self._lock:
            at, found = self._seen
            # One made before the caller began to wait may be about an earlier transaction.
            if at < since or time.monotonic() - at > _FRESH_SECONDS:
                at, found = time.monotonic(), host_transactions.open_now()
                self._seen = (at, found)
            return found


_PASS_IT = "pass that connection, record(..., connection=...), or end its transaction first"


def _refused(sentence: str) -> StoreUnavailable:
    return StoreUnavailable(f"Cannot use the database: {sentence}. Nothing was stored.")


def _waits_for_itself(who: str) -> StoreUnavailable:
    return _refused(f"this {who} holds a write transaction on it and would wait for itself; {_PASS_IT}")


def _perhaps_for_itself() -> StoreUnavailable:
    return _refused(
        f"a connection of this very process has held it for {PATIENCE_SECONDS:.0f} seconds. "
        f"If it is the caller's own: {_PASS_IT}; if it is not, keep such transactions short"
    )


def _stopped(holder: Holder) -> StoreUnavailable:
    return _refused(
        f"process {holder.pid} ({holder.name}) holds it and has been stopped (state {holder.state}); "
        f"let it go on (kill -CONT {holder.pid}) or end it"
    )
