"""Time and size at the guard, on a loop whose hours pass in no time: the outcome is the same on any machine."""

from __future__ import annotations

import asyncio
import selectors
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from renkei import spec
from renkei.plugins.deadline import Deadline
from renkei.plugins.guard import Gate, Guard, GuardRules
from renkei.plugins.hosts import AllowedHosts, HostPattern
from renkei.plugins.wire import Outcome, WireLog

HOST = "api.acme.example"
MINUTE = 60


class VirtualTime(selectors.DefaultSelector):
    """A selector that, instead of waiting for the next timer, moves the clock there. Also the guard's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout=None):
        found = super().select(0)
        if not found and timeout is not None and timeout > 0:
            self.seconds += timeout
        return found

    def monotonic(self):
        return self.seconds

    def now(self):
        return datetime(2026, 11, 2, tzinfo=UTC) + timedelta(seconds=self.seconds)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualTime) -> None:
        self._virtual = clock
        super().__init__(clock)

    def time(self):
        return self._virtual.seconds


class Asked:
    """One request through the guard, and what came of it."""

    def __init__(self, answer, *, writing=False, cap=1000, **request):
        self.clock = VirtualTime()
        self.gate = Gate(wire=WireLog(), deadline=Deadline(self.clock, timedelta(seconds=MINUTE)), writing=writing)
        hosts = AllowedHosts(named=(HostPattern(HOST),))
        rules = GuardRules(hosts=hosts, routes={}, refusals=(), cap=cap)
        guard = Guard(rules, self.gate, httpx.MockTransport(answer))
        loop = VirtualLoop(self.clock)
        self.body = self.error = None
        try:
            sent = httpx.Request("POST" if writing else "GET", f"https://{HOST}/", **request)
            self.body = loop.run_until_complete(guard.handle_async_request(sent)).content
        except spec.BackendError as error:
            self.error = error
        finally:
            loop.close()

    @property
    def outcome(self):
        (entry,) = self.gate.entries
        return entry.outcome


class Stream(httpx.AsyncByteStream):
    """A body in parts with a pause before each; counts what was taken of it."""

    def __init__(self, part, count=10**9, pause=0.0):
        self.part, self.count, self.pause = part, count, pause
        self.taken = 0
        self.closed = False

    async def __aiter__(self):
        while self.taken < self.count:
            await asyncio.sleep(self.pause)
            self.taken += 1
            yield self.part

    async def aclose(self):
        self.closed = True


def saying(stream, **headers):
    async def answer(request):
        return httpx.Response(200, headers=headers, stream=stream)

    return answer


def is_lost(asked, writing):
    """Nobody knows of a write; a read may be asked again."""
    assert type(asked.error) is (spec.OutcomeUnknown if writing else spec.Unavailable)
    assert asked.outcome is Outcome.UNKNOWN
    return True


@pytest.mark.parametrize("writing", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("pause", [0.001, 1.0, 59.0])
def test_a_drip_ends_when_the_time_is_over_however_slow_or_quick_it_is(writing, pause):
    stream = Stream(b"x", pause=pause)

    asked = Asked(saying(stream), writing=writing, cap=10**6)

    assert is_lost(asked, writing)
    assert "did not come in time" in str(asked.error)
    assert asked.clock.seconds == pytest.approx(MINUTE)
    assert stream.taken <= MINUTE / pause
    assert stream.closed


@pytest.mark.parametrize("writing", [False, True], ids=["read", "write"])
def test_a_drip_that_comes_to_its_end_in_time_is_an_answer(writing):
    asked = Asked(saying(Stream(b"x", count=59, pause=1.0)), writing=writing)

    assert asked.body == b"x" * 59
    assert asked.outcome is Outcome.ANSWERED


@pytest.mark.parametrize("writing", [False, True], ids=["read", "write"])
def test_an_answer_that_never_begins_ends_when_the_time_is_over(writing):
    async def silent(request):
        await asyncio.sleep(10**6)

    asked = Asked(silent, writing=writing)

    assert is_lost(asked, writing)
    assert asked.clock.seconds == pytest.approx(MINUTE)


def test_a_body_that_is_not_taken_up_ends_when_the_time_is_over():
    body = Stream(b"x", pause=1.0)

    async def reads_for_ever(request):
        async for _part in request.stream:
            pass
        return httpx.Response(200)

    asked = Asked(reads_for_ever, writing=True, stream=body)

    assert is_lost(asked, True)
    assert asked.clock.seconds == pytest.approx(MINUTE)


def test_nothing_leaves_once_the_time_is_over():
    left = []

    async def late(request):
        left.append(request)
        return httpx.Response(200)

    clock = VirtualTime()
    deadline = Deadline(clock, timedelta(seconds=MINUTE))
    clock.seconds += MINUTE
    gate = Gate(wire=WireLog(), deadline=deadline, writing=True)
    rules = GuardRules(hosts=AllowedHosts(named=(HostPattern(HOST),)), routes={}, refusals=())

    with pytest.raises(spec.Unavailable, match="the call's time is over"):
        asyncio.run(Guard(rules, gate, httpx.MockTransport(late)).handle_async_request(_post()))
    assert (left, gate.entries) == ([], [])


def _post():
    return httpx.Request("POST", f"https://{HOST}/")


@pytest.mark.parametrize("writing", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("size", [1, 10, 999, 1000, 1001, 10**6])
def test_an_answer_is_read_up_to_the_cap_and_not_further(writing, size):
    whole = Asked(saying(Stream(b"x" * 10, count=100)), writing=writing)
    stream = Stream(b"x" * size)

    asked = Asked(saying(stream), writing=writing)

    assert whole.body == b"x" * 1000
    assert is_lost(asked, writing)
    assert "larger than 1000 bytes" in str(asked.error)
    assert stream.taken == 1000 // size + 1
    assert stream.closed


def bomb(size):
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(b"\0" * size) + packer.flush()


@pytest.mark.parametrize("writing", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("part", [1, 7, 10**9])
def test_what_unpacks_to_the_cap_is_an_answer_and_a_byte_more_is_none(writing, part):
    def packed(size):
        data = bomb(size)
        parts = [data[start : start + part] for start in range(0, len(data), part)]

        async def answer(request):
            async def drops():
                for drop in parts:
                    yield drop

            return httpx.Response(200, headers={"content-encoding": "gzip"}, content=drops())

        return answer

    fits, too_much = (Asked(packed(size), writing=writing) for size in (1000, 1001))

    assert fits.body == b"\0" * 1000
    assert is_lost(too_much, writing)
    assert "larger than 1000 bytes" in str(too_much.error)


def test_of_a_bomb_no_more_is_unpacked_than_shows_what_it_is():
    packed = bomb(64 << 20)

    tracemalloc.start()
    try:
        asked = Asked(saying(Stream(packed, count=1), **{"content-encoding": "gzip"}))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert "larger than 1000 bytes" in str(asked.error)
    assert most < 8 << 20
