"""A Hibari in memory: who may do what, what is stored, what is refused. HTTP is next door, in `web`."""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from typing import Any, Literal

from starlette.types import ASGIApp

from . import sample
from .refusals import BadCard, Refused
from .values import Wrong, checked, written
from .web import make_app

REQUESTS_PER_MINUTE = 300
AT_ONCE = 4
MOST_FOUND = 50

_SEARCHABLE = ("text", "email", "url", "select")
Access = Literal["read_write", "read_only"]


@dataclass(slots=True)
class Board:
    """A board, its columns as `GET …/columns` gives them, and its cards."""

    name: str
    columns: list[dict[str, Any]]
    cards: list[dict[str, Any]] = field(default_factory=list)
    rules: list[tuple[str, str]] = field(default_factory=list)
    last_number: int = 0
    _holders: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict, repr=False)

    def column(self, key: str) -> dict[str, Any] | None:
        """The column of that key, or None."""
        return next((column for column in self.columns if column["key"] == key), None)

    def add(self, card: dict[str, Any]) -> None:
        """Keep *card*."""
        self.cards.append(card)
        for key, value in card["values"].items():
            if isinstance(value, str):
                self._holders.setdefault((key, value), []).append(card)

    def holding(self, key: str, value: Any) -> list[dict[str, Any]]:
        """The cards whose column *key* holds exactly this text, oldest first."""
        return self._holders.get((key, value), []) if isinstance(value, str) else []

    def drop(self, column: dict[str, Any]) -> None:
        """Take *column* away, and what the cards hold in it."""
        self.columns.remove(column)
        for card in self.cards:
            card["values"].pop(column["key"], None)
        self._holders = {held: cards for held, cards in self._holders.items() if held[0] != column["key"]}


class Hibari:
    """One account of Hibari CRM.

    Args:
        clock: the instant, aware.
        requests_per_minute: the limit of `API.md` where it is to be kept, or another; None for none, which suits
            tests that ask for more in a second than a helpdesk does in a day.

    Attributes:
        app: the ASGI app that answers for it.
        boards: by id; change a column's description in place at will.
        keys: API key → what it may do; change at will.
        requests: method and path of each request, in order.
        maintenance: seconds for `Retry-After` while Hibari is under maintenance, else None.
        crash_after: when set, the next batch breaks down with a 500 after so many cards.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        requests_per_minute: int | None = None,
    ) -> None:
        self.clock = clock
        self.requests_per_minute = requests_per_minute
        self.lock = RLock()
        self._in_flight = 0
        self.app: ASGIApp = make_app(self)
        self.reset()

    def reset(self) -> None:
        """As on the first day: sample boards and keys, no cards, no rules, no trouble."""
        with self.lock:
            self.boards = {key: Board(name, columns) for key, (name, columns) in sample.boards().items()}
            self.keys: dict[str, Access] = {
                sample.FULL_KEY: "read_write",
                sample.SECOND_KEY: "read_write",
                sample.READ_ONLY_KEY: "read_only",
            }
            self.requests: list[tuple[str, str]] = []
            self.maintenance: int | None = None
            self.crash_after: int | None = None
            self._recent: deque[datetime] = deque()

    # What people do in Hibari itself, and tests.

    def records(self, board: str) -> list[dict[str, Any]]:
        """Copies of the cards of *board*, oldest first: `id`, `url`, `created_at`, `values`."""
        with self.lock:
            return copy.deepcopy(self.boards[board].cards)

    def seed(self, board: str, values: dict[str, Any]) -> str:
        """Store a card without checking anything; returns its id."""
        with self.lock:
            holder = self.boards[board]
            holder.last_number += 1
            card = f"crd_{holder.last_number:06}"
            created_at = written(self.clock())
            automatic = {"no": str(holder.last_number), "created_at": created_at}
            filled = {key: value for key, value in automatic.items() if holder.column(key)}
            url = f"https://{sample.DOMAIN}/boards/{board}/cards/{card}"
            kept = {**filled, **copy.deepcopy(values)}
            holder.add({"id": card, "url": url, "created_at": created_at, "values": kept})
            return card

    def add_column(self, board: str, key: str, name: str, type: str, **more: Any) -> None:
        """Add a column; *more* is what its description shall say otherwise than Hibari presets it."""
        with self.lock:
            if self.boards[board].column(key) is not None:
                raise ValueError(f"board {board!r} has a column {key!r} already")
            self.boards[board].columns.append(sample.column(key, name, type, **more))

    def delete_column(self, board: str, key: str) -> None:
        """Take a column away, and what the cards hold in it."""
        with self.lock:
            holder = self.boards[board]
            column = holder.column(key)
            if column is None:
                raise ValueError(f"board {board!r} has no column {key!r}")
            holder.drop(column)

    def add_rule(self, board: str, column: str, forbidden: str) -> None:
        """From now on a card whose *column* holds the text *forbidden* breaks a rule, which no column shows."""
        with self.lock:
            self.boards[board].rules.append((column, forbidden))

    def revoke(self, key: str | None = None) -> None:
        """Take back *key*, or all keys."""
        with self.lock:
            for gone in [key] if key is not None else list(self.keys):
                del self.keys[gone]

    # What the API does. Each is called with what `web` read from the request.

    @contextmanager
    def in_flight(self, method: str, path: str) -> Iterator[None]:
        """Note a request, and count it while it lasts."""
        with self.lock:
            self.requests.append((method, path))
            self._in_flight += 1
        try:
            yield
        finally:
            with self.lock:
                self._in_flight -= 1

    def open_door(self) -> None:
        """Let requests in, unless Hibari is under maintenance."""
        if self.maintenance is not None:
            raise Refused(503, "maintenance", "Hibari is under maintenance.", retry_after=self.maintenance)

    def admit(self, key: str | None) -> Access:
        """What *key* may do, if it exists and its account has not asked too much."""
        with self.lock:
            if key not in self.keys:
                raise Refused(401, "bad_key", "The API key is missing or not valid.")
            if self._in_flight > AT_ONCE:
                raise Refused(429, "too_many_at_once", f"At most {AT_ONCE} requests at once.", retry_after=1)
            self._keep_to_the_minute()
            return self.keys[key]

    def _keep_to_the_minute(self) -> None:
        if self.requests_per_minute is None:
            return
        now = self.clock()
        while self._recent and (now - self._recent[0]).total_seconds() >= 60:
            self._recent.popleft()
        if len(self._recent) >= self.requests_per_minute:
            wait = max(1, math.ceil(60 - (now - self._recent[0]).total_seconds()))
            message = f"At most {self.requests_per_minute} requests in 60 seconds."
            raise Refused(429, "rate_limited", message, retry_after=wait)
        self._recent.append(now)

    def board(self, board: str) -> Board:
        """The board of that id."""
        with self.lock:
            if board not in self.boards:
                raise Refused(404, "unknown_board", "There is no such board.")
            return self.boards[board]

    def store(self, board: str, cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Store *cards* one after the other, each by itself; a result for each, in their order."""
        results = []
        for number, values in enumerate(cards):
            with self.lock:
                if self.crash_after == number:
                    self.crash_after = None
                    raise Refused(500, "internal", "Something went wrong.")
                results.append(self._stored(board, values))
        return results

    def _stored(self, board: str, values: dict[str, Any]) -> dict[str, Any]:
        holder = self.board(board)
        try:
            kept = _kept(holder, values)
        except BadCard as bad:
            return bad.result
        card = self.seed(board, kept)
        return {"status": "created", "id": card, "url": holder.cards[-1]["url"]}

    def search(self, board: str, key: str, equals: str) -> dict[str, Any]:
        """Cards whose column *key* holds exactly *equals*, oldest first."""
        with self.lock:
            holder = self.board(board)
            column = holder.column(key)
            if column is None:
                raise Refused(400, "unknown_column", "There is no such column.", column=key)
            if column["type"] not in _SEARCHABLE:
                raise Refused(400, "not_searchable", "Columns of this type cannot be searched.", column=key)
            found = holder.holding(key, equals)
            return {"cards": copy.deepcopy(found[:MOST_FOUND]), "more": len(found) > MOST_FOUND}


def _kept(board: Board, values: dict[str, Any]) -> dict[str, Any]:
    """*values* as they are kept, defaults included, if the board takes them. The first fault found is told."""
    named = {key: board.column(key) for key in values}
    for key, column in named.items():
        if column is None:
            raise BadCard("unknown_column", key, "There is no such column.")
    columns = {key: column for key, column in named.items() if column is not None}
    for key, column in columns.items():
        if column["computed"]:
            raise BadCard("computed_column", key, "This column cannot be written.")
    kept = {column["key"]: column["default"] for column in board.columns if column["default"] is not None}
    for key, column in columns.items():
        try:
            kept[key] = checked(column, values[key])
        except Wrong as wrong:
            # Like many an API, it repeats what it was given. Whoever passes its messages on passes that on, too.
            raise BadCard(str(wrong), key, f"{values[key]!r:.40} is not accepted.") from None
    for column in board.columns:
        if column["required"] and not column["computed"] and column["key"] not in kept:
            raise BadCard("required", column["key"], "A value is required.")
    for key, forbidden in board.rules:
        if isinstance(kept.get(key), str) and forbidden in kept[key]:
            raise BadCard("rule_broken", key, "A rule of the board forbids this value.")
    for column in board.columns:
        if column["unique"] and board.holding(column["key"], kept.get(column["key"])):
            raise BadCard("taken", column["key"], "Another card has this value.")
    return kept
