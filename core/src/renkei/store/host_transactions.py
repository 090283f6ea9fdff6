"""Whose transaction keeps the writer waiting: is it the very thread that waits for the writer?

A host that holds a write transaction on renkei's SQLite file and calls `record()` without passing its connection
would wait for the writer, which waits for the host. SQLite cannot see that: a lock belongs to a process, and nothing
says which thread drives which connection. What is known is pieced together here:

1. A connection in the middle of a transaction is among the interpreter's objects.
2. sqlite3 ties a connection to the thread that opened it, unless told otherwise: asked from another thread, a tied one
   refuses. A tied connection of the calling thread cannot move while that thread waits.
3. SQLAlchemy's pools and Django untie theirs. Then the owner is the thread that has it at hand: in a local variable
   of one of its frames or of a coroutine of its event loop, in a `threading.local` or in its context, at the fewest
   steps from the connection. Where two threads are as near, or none is, it cannot be told.
4. Only a connection that is found to be the calling thread's own is touched, since nobody else is using it then. A
   backup step on it returns SQLITE_BUSY exactly where it is in a write transaction, and changes nothing.
"""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import gc
import sqlite3
import sys
import threading
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

# From the driver's connection to a variable of the host's: SQLAlchemy's session takes eight steps.
_STEPS = 12
# Beyond this it is not a path to somebody's variable any more, but the whole program.
_MOST_OBJECTS = 5_000
_NEVER = (types.FrameType, types.ModuleType, type)


class OwnConnection(sqlite3.Connection):
    """A connection of renkei's, so that it is not taken for one of the host's."""


class Whose(Enum):
    """Whose transaction it is."""

    MINE = "the caller's own"
    ANOTHERS = "another thread's"
    UNCERTAIN = "cannot be told"


@dataclass(slots=True)
class HostTransaction:
    """A host's connection that is in a transaction.

    Attributes:
        tied: only the thread that opened it may use it.
        near: ids of the objects through which it is referenced, up to those that threads have at hand.
        threads: those that have such an object in a local variable.
        places: the `threading.local` objects among them.
        coroutines: ids of those that have such an object in a local variable.
    """

    connection: sqlite3.Connection
    tied: bool
    near: set[int]
    threads: set[int] = field(default_factory=set)
    places: list[Any] = field(default_factory=list)
    coroutines: set[int] = field(default_factory=set)
    in_context: bool = False

    @property
    def found(self) -> bool:
        """Whether somebody has it at hand."""
        return bool(self.threads or self.places or self.coroutines or self.in_context)


def open_now() -> list[HostTransaction]:
    """The host's connections that are in a transaction now, on whatever file."""
    found = [
        one for one in gc.get_referrers(*_kinds()) if issubclass(type(one), sqlite3.Connection) and _is_a_hosts(one)
    ]
    if not found:
        return []
    named = [
        HostTransaction(one, not free, {id(one)}) for one, free in zip(found, _usable_elsewhere(found), strict=True)
    ]
    del found  # it would be found to refer to them
    _trace_back(named, _at_hand_by_thread())
    return named


def _kinds(kind: type[sqlite3.Connection] = sqlite3.Connection) -> list[type[sqlite3.Connection]]:
    """The class of the driver's connections, and all that are derived from it.

    Their instances refer to them, and little else does. Going through all of the interpreter's objects instead would
    hold tuples that other threads are still building, and CPython ends that with a SystemError in those threads.
    """
    return [kind, *(further for derived in kind.__subclasses__() for further in _kinds(derived))]


def whose(named: Sequence[HostTransaction], path: Path, task: types.FrameType | None) -> Whose:
    """Whether the calling thread is the one that holds the write lock on *path*, given that this process does.

    Args:
        task: where only a coroutine waits, its frame: other tasks of the thread may go on meanwhile.
    """
    if not named:
        return Whose.UNCERTAIN  # through a driver that is not sqlite3
    judged = [_judge(transaction, path, task) for transaction in named]
    for answer in (Whose.MINE, Whose.UNCERTAIN):
        if answer in judged:
            return answer
    return Whose.ANOTHERS


def _judge(transaction: HostTransaction, path: Path, task: types.FrameType | None) -> Whose:
    if not _usable(transaction.connection):
        return Whose.ANOTHERS
    if _is_mine_alone(transaction, task):
        return Whose.MINE if _writes(transaction.connection, path) else Whose.ANOTHERS
    found_elsewhere = transaction.found and not _is_at_hand(transaction, task)
    return Whose.ANOTHERS if found_elsewhere and not transaction.in_context else Whose.UNCERTAIN


def _is_mine_alone(transaction: HostTransaction, task: types.FrameType | None) -> bool:
    if transaction.tied and task is None:
        return True  # no matter which part of the program it belongs to: this thread has to drive it
    return _is_at_hand(transaction, task) and not transaction.threads - {threading.get_ident()}


def _is_at_hand(transaction: HostTransaction, task: types.FrameType | None) -> bool:
    """Whether the calling thread, or that task of its event loop, can reach it in no more steps than anybody."""
    if task is not None:
        return bool(_ids_in(_coroutines(task)) & transaction.near) or _in_my_context(transaction)
    return (
        bool(_ids_in(_frames(sys._getframe())) & transaction.near)
        or any(map(transaction.near.__contains__, _ids_in_my_places(transaction)))
        or _in_my_context(transaction)
        or not transaction.coroutines.isdisjoint(_suspended_in_my_loop())
    )


# -- the calling thread -----------------------------------------------------------------------------------------------


def _ids_in_my_places(transaction: HostTransaction) -> Iterator[int]:
    for place in transaction.places:
        mine = _thread._local.__getattribute__(place, "__dict__")
        yield id(mine)
        yield from map(id, mine.values())


def _in_my_context(transaction: HostTransaction) -> bool:
    return transaction.in_context and any(
        id(value) in transaction.near for value in contextvars.copy_context().values()
    )


def _suspended_in_my_loop() -> Iterator[int]:
    """Coroutines that cannot go on either while the thread of their event loop waits."""
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:
        return  # no event loop runs in this thread
    for task in tasks:
        coroutine: Any = task.get_coro()
        while isinstance(coroutine, types.CoroutineType):
            yield id(coroutine)
            coroutine = coroutine.cr_await


def _usable(connection: sqlite3.Connection) -> bool:
    """Whether sqlite3 lets the calling thread use it. The database is not touched."""
    try:
        sqlite3.Connection.cursor(connection)
    except sqlite3.Error:
        return False
    return True


def _writes(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether it is in a write transaction on *path*; the calling thread's own connections only."""
    try:
        cursor = sqlite3.Connection.cursor(connection)
        cursor.row_factory = None
        schemas = cursor.execute("PRAGMA database_list").fetchall()
        return any(_is_same(file, path) and _is_written(connection, name) for _, name, file in schemas)
    except (sqlite3.Error, ValueError, TypeError):
        return False


def _is_same(file: str, path: Path) -> bool:
    try:
        return bool(file) and path.samefile(file)
    except OSError:
        return False


class _Answered(Exception):
    """Ends a backup after its first step."""


def _is_written(connection: sqlite3.Connection, schema: str) -> bool:
    answers: list[int] = []

    def stop(status: int, _remaining: int, _total: int) -> None:
        answers.append(status)
        raise _Answered

    memory = sqlite3.connect(":memory:")
    try:
        sqlite3.Connection.backup(connection, memory, pages=1, progress=stop, name=schema)
    except _Answered:
        pass
    finally:
        memory.close()
    return answers == [sqlite3.SQLITE_BUSY]


# What the search has come to: id → an object, and the connections that led to it.
_Front = dict[int, tuple[Any, list[HostTransaction]]]

# -- all threads ------------------------------------------------------------------------------------------------------


def _is_a_hosts(connection: sqlite3.Connection) -> bool:
    if isinstance(connection, OwnConnection):
        return False
    try:
        return connection.in_transaction
    except sqlite3.Error:
        return False  # closed


def _usable_elsewhere(connections: list[sqlite3.Connection]) -> list[bool]:
    answers: list[bool] = []
    asking = threading.Thread(target=lambda: answers.extend(map(_usable, connections)), name="renkei-asking")
    asking.start()
    asking.join()
    return answers


def _at_hand_by_thread() -> dict[int, set[int]]:
    return {ident: _ids_in(_frames(frame)) for ident, frame in sys._current_frames().items()}


def _frames(frame: types.FrameType | None) -> Iterator[types.FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _coroutines(frame: types.FrameType | None) -> Iterator[types.FrameType]:
    """The frames of one task: those below belong to the event loop, which runs every task."""
    suspended = 0x20 | 0x80 | 0x100 | 0x200  # generator, coroutine, iterable coroutine, asynchronous generator
    while frame is not None and frame.f_code.co_flags & suspended:
        yield frame
        frame = frame.f_back


def _ids_in(frames: Iterator[types.FrameType]) -> set[int]:
    """What the frames have in local variables; ours and those of modules, which all threads share, left out."""
    return {
        id(value)
        for frame in frames
        if frame.f_code.co_flags & 0x2 and not str(frame.f_globals.get("__name__")).startswith("renkei.store")
        for value in frame.f_locals.values()
    }


def _trace_back(named: list[HostTransaction], at_hand: dict[int, set[int]]) -> None:
    """Follow references back from the connections, step by step, each until somebody has it at hand.

    One pass over all objects for each step, however many connections there are.
    """
    shared = {id(vars(module)) for module in tuple(sys.modules.values()) if isinstance(module, types.ModuleType)}
    front: _Front = {id(one.connection): (one.connection, [one]) for one in named}
    for _ in range(_STEPS):
        for one in named:
            one.threads |= {ident for ident, ids in at_hand.items() if not one.found and ids & one.near}
        front = {key: entry for key, entry in front.items() if any(not one.found for one in entry[1])}
        if not front or len(front) > _MOST_OBJECTS:
            return
        front = _one_step_back(front, shared | {id(front), id(named)})


def _one_step_back(front: _Front, left_out: set[int]) -> _Front:
    objects = [thing for thing, _ in front.values()]
    left_out |= {id(objects), *map(id, front.values())}
    lost = {id(one) for _, of in front.values() for one in of if not one.found}
    behind: _Front = {}
    for referrer in gc.get_referrers(*objects):
        if id(referrer) in left_out or issubclass(type(referrer), (*_NEVER, HostTransaction)):
            continue
        for transaction in _led_here(referrer, front):
            if id(transaction) in lost and id(referrer) not in transaction.near:
                _reach(transaction, referrer)
                behind.setdefault(id(referrer), (referrer, []))[1].append(transaction)
    return behind


def _led_here(referrer: Any, front: _Front) -> Iterator[HostTransaction]:
    for thing in gc.get_referents(referrer):
        if id(thing) in front:
            yield from front[id(thing)][1]


def _reach(transaction: HostTransaction, thing: Any) -> None:
    transaction.near.add(id(thing))
    kind = type(thing)
    if issubclass(kind, _thread._local) and kind.__init__ is object.__init__:
        transaction.places.append(thing)
    elif kind is types.CoroutineType:
        transaction.coroutines.add(id(thing))
    elif kind is contextvars.Context:
        transaction.in_context = True
