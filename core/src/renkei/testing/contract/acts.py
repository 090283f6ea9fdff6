"""Faults: what a network, a proxy or a backend does to a request. `SuiteWire.play` puts one in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx

from renkei.testing.contract.wire import Act, Exchange, Forward
from renkei.testing.kit import BackendAnswer

_PAGE = "<!doctype html><title>Sign in</title><p>Please sign in. ログインしてください。</p>"


def _named(name: str, act: Act) -> Act:
    act.__name__ = name  # shown where a check tells what was played
    return act


def unreachable(how: str = "refused") -> Act:
    """No connection comes about: nothing was sent. *how*: `refused`, `name`, `certificate` or `slow`."""
    words = {
        "refused": "[Errno 111] Connection refused",
        "name": "[Errno -2] Name or service not known",
        "certificate": "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
    }

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        if how == "slow":
            raise httpx.ConnectTimeout("timed out", request=exchange.request)
        raise httpx.ConnectError(words[how], request=exchange.request)

    return _named(f"unreachable ({how})", act)


def lost(*, applied: bool, how: type[httpx.TransportError] = httpx.ReadTimeout) -> Act:
    """The answer never comes, whether the simulator *applied* the request or never saw it."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        if applied:
            await forward()
        raise how("the connection ended", request=exchange.request)

    return _named(f"{how.__name__} {'after' if applied else 'before'} it was applied", act)


def hang(*, applied: bool = False) -> Act:
    """Nothing comes back until somebody gives up."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        if applied:
            await forward()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets this event")

    return _named("no answer, ever", act)


def answer(
    status: int, body: Any = "", *, headers: Mapping[str, str] | None = None, applied: bool = False, name: str = ""
) -> Act:
    """This answer instead of the simulator's."""
    return words(BackendAnswer(status=status, body=body, headers=headers or {}), applied=applied, name=name)


def words(
    said: BackendAnswer, *, headers: Mapping[str, str] | None = None, applied: bool = False, name: str = ""
) -> Act:
    """An answer of the kit's instead of the simulator's."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        if applied:
            await forward()
        given = {"content-type": said.content_type(), **said.headers, **(headers or {})}
        return httpx.Response(said.status, headers=given, content=said.content())

    return _named(name or f"{said.status}", act)


def page(status: int = 200, *, applied: bool = False) -> Act:
    """A page for people where data should be."""
    said = {"content-type": "text/html; charset=utf-8"}
    return answer(status, _PAGE, headers=said, applied=applied, name=f"{status} with a page")


def cut() -> Act:
    """The simulator carries it out, and half of its answer comes back, looking whole."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        whole = await forward()
        return httpx.Response(whole.status_code, headers=_kept(whole), content=whole.content[: len(whole.content) // 2])

    return _named("half an answer", act)


def broken_off() -> Act:
    """The simulator carries it out, and the connection ends in the middle of its answer."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        whole = await forward()

        async def parts() -> AsyncIterator[bytes]:
            yield whole.content[:1]
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

        return httpx.Response(whole.status_code, headers=_kept(whole), content=parts())

    return _named("an answer broken off", act)


def drip() -> Act:
    """The simulator carries it out, and its answer comes byte by byte without an end."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        whole = await forward()

        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0.01)

        return httpx.Response(whole.status_code, headers=_kept(whole), content=parts())

    return _named("an answer without an end", act)


def huge(size: int = 40 * 1024 * 1024) -> Act:
    """The simulator carries it out, and its answer is larger than anybody keeps."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        whole = await forward()

        async def parts() -> AsyncIterator[bytes]:
            chunk = b" " * 1024 * 1024
            for _ in range(size // len(chunk)):
                yield chunk
                await asyncio.sleep(0)

        return httpx.Response(whole.status_code, headers=_kept(whole), content=parts())

    return _named("a huge answer", act)


def redirect(to: str = "/somewhere-else", status: int = 302, *, applied: bool = False) -> Act:
    """Leads to another place."""
    return answer(status, headers={"location": to}, applied=applied, name=f"a redirect ({status})")


def edited(change: Callable[[Any], Any], name: str = "an edited answer") -> Act:
    """The simulator's JSON, changed."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        whole = await forward()
        try:
            data = json.loads(whole.content)
        except ValueError:
            return whole
        content = json.dumps(change(data), ensure_ascii=False).encode()
        return httpx.Response(whole.status_code, headers=_kept(whole), content=content)

    return _named(name, act)


def then(do: Callable[[], object], name: str = "answered") -> Act:
    """The simulator answers as ever, and right after that something happens."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        whole = await forward()
        do()
        return whole

    return _named(name, act)


def first(do: Callable[[], object], name: str = "answered") -> Act:
    """Something happens, and then the simulator answers as ever."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        do()
        return await forward()

    return _named(name, act)


def noted(act: Act, do: Callable[[], object]) -> Act:
    """*act*, and when it is over, however it ends, something is done."""

    async def playing(exchange: Exchange, forward: Forward) -> httpx.Response:
        try:
            return await act(exchange, forward)
        finally:
            do()

    return _named(act.__name__, playing)


def first_noted(act: Act, do: Callable[[], object]) -> Act:
    """Something is done, on the loop, and then *act* is played."""

    async def playing(exchange: Exchange, forward: Forward) -> httpx.Response:
        do()
        return await act(exchange, forward)

    return _named(act.__name__, playing)


def refusing(those: Callable[[Exchange], bool], said: BackendAnswer) -> Act:
    """The simulator answers as ever, but those requests are refused and never reach it."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        if not those(exchange):
            return await forward()
        return httpx.Response(said.status, headers={"content-type": said.content_type()}, content=said.content())

    return _named(f"{said.status} for some", act)


def garbled(content: bytes, name: str = "nonsense") -> Act:
    """The simulator carries it out, and its answer keeps its status and type but holds *content*."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        whole = await forward()
        return httpx.Response(whole.status_code, headers=_kept(whole), content=content)

    return _named(name, act)


def echoed(say: Callable[[Exchange], BackendAnswer], name: str = "an echo") -> Act:
    """An answer made from the request; the simulator never sees it."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        said = say(exchange)
        return httpx.Response(said.status, headers={"content-type": said.content_type()}, content=said.content())

    return _named(name, act)


def echoing(change: Callable[[Exchange, Any], Any], name: str = "an edited echo") -> Act:
    """The simulator's JSON, changed with a view to the request."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        return await edited(lambda data: change(exchange, data))(exchange, forward)

    return _named(name, act)


def unhurried(turns: int = 40) -> Act:
    """The simulator answers as ever, after every other task has had its turn a few times."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await forward()

    return _named("answered without haste", act)


def _kept(response: httpx.Response) -> list[tuple[str, str]]:
    gone = ("content-length", "content-encoding", "transfer-encoding")
    return [(name, value) for name, value in response.headers.multi_items() if name.lower() not in gone]
