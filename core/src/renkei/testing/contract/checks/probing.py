"""Part of check A08: authenticating sends nothing that could store a record, also where none was stored by luck."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from renkei.testing.contract import acts
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.calling import outcome_of
from renkei.testing.contract.connection import Connection
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Exchange

_FIRST = 960  # number of a record that is captured and never stored
_MANY_REQUESTS = 1_000_000
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """How a push stores records.

    Attributes:
        method, address: of the request; the address matches whatever key stands in it.
        body: as data; None where it is no JSON.
        records: where in the body the records are listed; None where the body is one record.
        shared: hooks that read use the same address, as in GraphQL: then only the body tells.
    """

    method: str
    address: re.Pattern[str]
    body: Any
    records: Path | None
    shared: bool

    def is_like(self, exchange: Exchange) -> bool:
        """Whether a request is one of these, with or without good values in it."""
        if exchange.request.method != self.method or not self.address.fullmatch(exchange.request.url.path):
            return False
        if not exchange.body:
            return False
        data = _data(exchange.body)
        if self.records is not None:
            return bool(_at(data, self.records))  # an empty list of records is none
        return not self.shared or _envelope(data) == _envelope(self.body)


def writes_of(stage: Stage, *connections: Connection) -> list[Write]:
    """The requests with which the connections' pushes store records. None of them reaches the simulator."""
    return [write for connection in connections for write in _held_back(stage, connection)]


def require_none_sent(asked: Iterable[Exchange], writes: Sequence[Write]) -> None:
    """None of *asked* stores a record as *writes* do.

    Raises:
        Broken: one would, if only the backend took it.
    """
    for exchange in asked:
        require(
            not any(write.is_like(exchange) for write in writes),
            f"{exchange.hook} sent a {exchange.request.method} to the address at which crm_push stores records, "
            "and its body is no empty list of records: a backend may take it for a record",
        )


def _held_back(stage: Stage, connection: Connection) -> list[Write]:
    count = min(2, stage.manifest.limits.request_size)
    records = connection.records(count, start=_FIRST)
    keys = [record.key for record in records]
    read = {(one.request.method, one.request.url.path) for one in stage.wire.exchanges if one.hook == "crm_discover"}
    if stage.supports("verify"):
        with stage.wire.since_now() as asked:
            outcome_of(lambda: connection.verify(*keys))
        read |= {(one.request.method, one.request.url.path) for one in asked}
    stage.wire.play(acts.unreachable(), hook="crm_push", on="write", times=_MANY_REQUESTS)
    pushed = connection.push(records)
    stage.wire.calm()
    return [_write(exchange, keys, read) for exchange in pushed.writes]


def _write(exchange: Exchange, keys: Sequence[str], read: set[tuple[str, str]]) -> Write:
    path, data = exchange.request.url.path, _data(exchange.body)
    address = re.escape(path)
    for key in keys:
        address = address.replace(re.escape(key), "[^/]+")
    return Write(
        method=exchange.request.method,
        address=re.compile(address),
        body=data,
        records=_list_of(data, keys),
        shared=(exchange.request.method, path) in read,
    )


def _data(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _list_of(data: Any, keys: Sequence[str], path: Path = ()) -> Path | None:
    """Where the list stands that holds one part for each of *keys*."""
    if isinstance(data, list):
        texts = [json.dumps(part, ensure_ascii=False) for part in data if isinstance(part, dict)]
        if len(data) == len(texts) == len(keys) and all(key in text for key, text in zip(keys, texts, strict=True)):
            return path
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return next((found for name, part in parts if (found := _list_of(part, keys, (*path, name))) is not None), None)


def _at(data: Any, path: Path) -> Any:
    for name in path:
        try:
            data = data[name]
        except (LookupError, TypeError):
            return None
    return data


def _envelope(data: Any) -> Any:
    """What names the operation: the texts at the top."""
    return {name: value for name, value in data.items() if isinstance(value, str)} if isinstance(data, dict) else None
