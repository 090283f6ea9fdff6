"""Requests sent to the simulator without the plugin: what it stores and refuses by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from renkei.spec import WireRecord
from renkei.testing.contract import acts
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.needles import forms_of
from renkei.testing.contract.connection import Connection
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Exchange

_SHORTEST = 4  # what is shorter is found in any text
# What every client sends, whoever it is.
_NOBODYS = frozenset({"host", "content-type", "accept", "accept-encoding", "user-agent"})


def captured(connection: Connection, records: Iterable[WireRecord]) -> Exchange:
    """The request that stores *records*, held back before the simulator sees it.

    Raises:
        Broken: the plugin sent none.
    """
    wire = connection.stage.wire
    wire.play(acts.unreachable(), hook="crm_push", on="write", times=1_000_000)
    pushed = connection.push(list(records))
    wire.calm()
    require(pushed.writes, "crm_push sent no request for good records")
    return pushed.writes[0]


def send(stage: Stage, exchange: Exchange, **changes: Any) -> int:
    """Send *exchange* straight to the simulator, with another `url`, `headers` or `content`; the answer's status."""
    request = exchange.request
    headers: Mapping[str, str] = changes.get("headers", request.headers)
    content: bytes = changes.get("content", exchange.body)
    made = httpx.Request(
        request.method,
        changes.get("url", request.url),
        headers={name: value for name, value in headers.items() if name != "content-length"},
        content=content,
    )
    return asyncio.run(_sent(stage, made))


async def _sent(stage: Stage, request: httpx.Request) -> int:
    network = httpx.AsyncHTTPTransport(trust_env=False)
    inner = stage.site.inner(network)
    try:
        answer = await inner.handle_async_request(request)
        await answer.aread()
        return answer.status_code
    except Exception:  # a simulator in this process lets its own mistakes out: it refused, whatever it is
        return 0
    finally:
        await inner.aclose()
        await network.aclose()


def anonymous(stage: Stage, exchange: Exchange) -> list[dict[str, Any]]:
    """Changes to *exchange* that take out who is asking: secrets alone, and whatever not every client sends.

    The second is for what is made from a secret, such as a signature; the first for a simulator that would miss some
    other header and would refuse for that.
    """
    url, content = _blanked(stage, str(exchange.request.url).encode()), _blanked(stage, exchange.body)
    headers = {name: _blanked(stage, value.encode()).decode() for name, value in exchange.request.headers.items()}
    bare = {name: value for name, value in headers.items() if name in _NOBODYS}
    return [{"headers": kept, "url": url.decode(), "content": content} for kept in (headers, bare)]


def _blanked(stage: Stage, text: bytes) -> bytes:
    forms = {form for secret in stage.secrets().values() for form in forms_of(secret) if len(form) >= _SHORTEST}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, b"x" * len(form))
    return text


def is_json(exchange: Exchange) -> bool:
    """Whether half of its body would be no body at all."""
    return isinstance(_json(exchange.body), (dict, list))


def without_field(exchange: Exchange, code: str) -> bytes | None:
    """The body without what is sent for field *code*; None where it is no JSON that names it."""
    data = _json(exchange.body)
    found = _without(data, code)
    return None if data is None or found == data else json.dumps(found, ensure_ascii=False).encode()


def overfull(exchange: Exchange, keys: list[str], most: int, fresh: Iterable[str]) -> bytes | None:
    """The body with more than *most* records, copies under *fresh* keys; None where its records are no JSON list."""
    data = _json(exchange.body)
    records = _list_of(data, keys)
    if records is None:
        return None
    text, first = json.dumps(records[0], ensure_ascii=False), keys[0]
    for key in fresh:
        if len(records) > most:
            break
        records.append(json.loads(text.replace(first, key)))
    return json.dumps(data, ensure_ascii=False).encode()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _without(data: Any, code: str) -> Any:
    if isinstance(data, dict):
        return {name: _without(value, code) for name, value in data.items() if name != code}
    if isinstance(data, list):
        # Fields as a list of parts that name them.
        return [_without(value, code) for value in data if not (isinstance(value, dict) and code in value.values())]
    return data


def _list_of(data: Any, keys: list[str]) -> list[Any] | None:
    """The list that holds one part for each of *keys*."""
    if isinstance(data, list):
        texts = [json.dumps(part, ensure_ascii=False) for part in data]
        if len(data) == len(keys) and all(key in text for key, text in zip(keys, texts, strict=True)):
            return data
    children = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    for child in children:
        found = _list_of(child, keys)
        if found is not None:
            return found
    return None
