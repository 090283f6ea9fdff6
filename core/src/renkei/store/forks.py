"""A fork waits until no other thread of ours is inside the database.

SQLite keeps locks of its own in the process's memory, for its allocator as well as for a note per file of who holds
the write lock. A child that is born while another thread is inside inherits them taken, with nobody to let go: its
first use of SQLite would hang, or find the database locked for ever.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

# Longer than any transaction of ours. A fork that met one which takes longer goes ahead: hanging here would be worse.
_WAIT_SECONDS = 5.0


class Gate:
    """Counts the threads that are inside, and lets nobody in during a fork."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: Counter[int] = Counter()
        self._shut = False

    @contextlib.contextmanager
    def passed(self) -> Iterator[None]:
        """Be inside. A thread may pass again while it is."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: not self._shut or me in self._inside)
            self._inside[me] += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside[me] -= 1
                if not self._inside[me]:
                    del self._inside[me]
                    self._changed.notify_all()

    def shut(self) -> None:
        """Wait until no thread but the caller is inside, and keep them out."""
        # Held until after the fork: no thread may be between its two halves when the child is born.
        self._changed.acquire()
        self._shut = True
        self._changed.wait_for(lambda: not self._inside.keys() - {threading.get_ident()}, _WAIT_SECONDS)

    def reopen(self) -> None:
        """After the fork, in the parent."""
        self._shut = False
        self._changed.notify_all()
        self._changed.release()

    def begin_anew(self) -> None:
        """After the fork, in the child: only the thread that forked is there."""
        me = threading.get_ident()
        self._inside = Counter({me: self._inside[me]} if me in self._inside else {})
        self._changed = threading.Condition()
        self._shut = False


class Forkable(Protocol):
    """What a fork has to wait for."""

    gate: Gate

    def busy(self) -> threading.Lock | None:
        """What its writer holds while it is in a transaction."""

    def begin_anew(self) -> None:
        """In the child: its locks may be held by threads that are not there."""


_all: weakref.WeakSet[Forkable] = weakref.WeakSet()
_held: list[Forkable] = []
_busy: list[threading.Lock] = []


def expect(one: Forkable) -> None:
    """Have every fork of this process wait for it."""
    _all.add(one)


def _before() -> None:
    # Readers first: one of them may wait for a write, which then still goes through.
    for one in tuple(_all):
        one.gate.shut()
        _held.append(one)
    for one in _held:
        busy = one.busy()
        if busy is not None and busy.acquire(timeout=_WAIT_SECONDS):
            _busy.append(busy)


def _after_in_parent() -> None:
    while _busy:
        _busy.pop().release()
    while _held:
        _held.pop().gate.reopen()


def _after_in_child() -> None:
    _busy.clear()
    _held.clear()
    for one in tuple(_all):
        one.gate.begin_anew()
        one.begin_anew()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
