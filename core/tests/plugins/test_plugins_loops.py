from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from renkei import spec
from renkei.plugins import PluginFault, loops
from renkei.plugins.deadline import Deadline, SystemClock

AUTHENTICATE = spec.AuthenticateRequest()


class HandClock:
    def __init__(self):
        self.wall = datetime(2026, 4, 1, tzinfo=UTC)
        self.seconds = 0.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.seconds

    def pass_deadline(self):
        self.seconds += 3600


@pytest.fixture
def clock(monkeypatch):
    """A clock that a hook moves: no deadline passes by accident on a busy machine."""
    monkeypatch.setattr(loops, "_LOOK_SECONDS", 0.01)
    return HandClock()


def by(clock, grace=timedelta(seconds=10)):
    return {"clock": clock, "grace": grace}


SHORT_GRACE = timedelta(milliseconds=50)


def threads(prefix="renkei-acme"):
    return [thread for thread in threading.enumerate() if thread.name == prefix]


def test_a_hook_past_its_deadline_is_cancelled(acme, toolbox, clock):
    async def hangs(ctx, request):
        clock.pass_deadline()
        await asyncio.sleep(30)

    backend = acme(authenticate=hangs, options=by(clock))

    started = time.monotonic()
    with pytest.raises(PluginFault, match="it passed its deadline and was cancelled"):
        backend.authenticate(toolbox.call(), AUTHENTICATE)
    assert time.monotonic() - started < 10


def test_a_hook_that_ignores_being_cancelled_is_abandoned_and_can_send_no_more(acme, toolbox, wire, clock):
    let_go = threading.Event()
    tried = threading.Event()

    async def stubborn(ctx, request):
        clock.pass_deadline()
        while not let_go.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue
        clock.seconds = 0.0  # so that only the shut gate can be what holds it back
        try:
            await ctx.http.post(f"https://{toolbox.HOST}/late")
        except spec.Unavailable:
            tried.set()
        return spec.PushReport(verdicts=(spec.NotStored(key="k0"),))

    backend = acme(push=stubborn, options=by(clock, SHORT_GRACE))
    outcome = backend.push(toolbox.call(), toolbox.push_of(1))
    let_go.set()

    # On a machine too busy to run the loop within the grace, it looks as if the hook held it.
    assert "did not end when it was cancelled" in str(outcome.fault) or "held the event loop" in str(outcome.fault)
    assert outcome.verdicts["k0"].verdict == "not_stored"
    assert tried.wait(10)
    assert wire.requests == []


def test_a_hook_that_reports_when_it_is_cancelled_is_heard(acme, toolbox, clock):
    async def prompt(ctx, request):
        await ctx.http.post(f"https://{toolbox.HOST}/r", content="10", extensions=spec.carrying(request.records[:1]))
        try:
            clock.pass_deadline()
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return spec.PushReport(verdicts=(spec.Created(key="k0", id="1"), spec.NotStored(key="k1")))

    outcome = acme(push=prompt, options=by(clock)).push(toolbox.call(), toolbox.push_of(2))

    assert [item.verdict for item in outcome.verdicts.values()] == ["created", "not_stored"]
    assert outcome.fault is None


def test_a_hook_that_blocks_the_loop_loses_it_and_the_next_call_has_another(acme, toolbox, clock):
    let_go = threading.Event()

    async def blocks(ctx, request):
        clock.pass_deadline()
        let_go.wait(30)
        return spec.Account(id="1", label="late")

    backend = acme(authenticate=blocks, options=by(clock, SHORT_GRACE))

    with pytest.raises(PluginFault, match="held the event loop"):
        backend.authenticate(toolbox.call(), AUTHENTICATE)
    assert backend.push(toolbox.call(), toolbox.push_of(3)).fault is None
    let_go.set()
    deadline = time.monotonic() + 10
    while len(threads()) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(threads()) == 1


def test_one_hanging_backend_does_not_slow_another(acme, toolbox):
    let_go = threading.Event()

    async def blocks(ctx, request):
        let_go.wait(10)

    slow, quick = acme(authenticate=blocks), acme()
    faults = []

    def wait():
        try:
            slow.authenticate(toolbox.call(), AUTHENTICATE)
        except PluginFault as fault:
            faults.append(fault)

    waiting = threading.Thread(target=wait)
    waiting.start()
    started = time.monotonic()
    outcome = quick.push(toolbox.call(), toolbox.push_of(1))
    took = time.monotonic() - started
    let_go.set()
    waiting.join()

    assert outcome.fault is None
    assert took < 1
    assert "returned a NoneType" in str(faults[0])


def test_many_threads_may_call_one_backend_at_once(acme, toolbox):
    backend = acme()
    outcomes = []

    def push():
        outcomes.append(backend.push(toolbox.call(), toolbox.push_of(20)))

    pushers = [threading.Thread(target=push) for _ in range(16)]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        pusher.join()

    assert len(outcomes) == 16
    assert all(outcome.fault is None and outcome.requests == 2 for outcome in outcomes)
    assert len(threads()) == 1


def test_what_a_hook_leaves_behind_cannot_take_the_loop_with_it(acme, toolbox, caplog):
    async def bomb():
        raise SystemExit(toolbox.SECRET)

    async def litters(ctx, request):
        asyncio.get_running_loop().create_task(bomb())
        await asyncio.sleep(0.02)
        return spec.Account(id="1", label="x")

    backend = acme(authenticate=litters)

    with caplog.at_level(logging.DEBUG):
        backend.authenticate(toolbox.call(), AUTHENTICATE)
        assert backend.push(toolbox.call(), toolbox.push_of(1)).fault is None
        backend.close()
    assert "SystemExit" in caplog.text
    assert toolbox.SECRET not in caplog.text


def test_what_a_hook_leaves_running_can_send_nothing(acme, toolbox, wire):
    outcomes = []

    async def late(ctx):
        await asyncio.sleep(0.03)
        try:
            await ctx.http.post(f"https://{toolbox.HOST}/late")
        except spec.BackendError as error:
            outcomes.append(error)

    async def litters(ctx, request):
        litters.task = asyncio.create_task(late(ctx))
        return spec.PushReport(verdicts=(spec.NotStored(key="k0"),))

    async def waits(ctx, request):
        await asyncio.sleep(0.06)
        return spec.Account(id="1", label="x")

    backend = acme(push=litters, authenticate=waits)
    backend.push(toolbox.call(), toolbox.push_of(1))
    backend.authenticate(toolbox.call(), AUTHENTICATE)

    assert [type(error) for error in outcomes] == [spec.Unavailable]
    assert wire.requests == []


def test_a_hook_cannot_call_a_backend(acme, toolbox):
    async def recurses(ctx, request):
        return holder[0].authenticate(toolbox.call(), request)

    holder = [acme(authenticate=recurses)]

    with pytest.raises(PluginFault, match="raised RuntimeError"):
        holder[0].authenticate(toolbox.call(), AUTHENTICATE)


def test_closing_ends_threads_and_calls_under_way_and_a_later_call_starts_afresh(acme, toolbox):
    started = threading.Event()

    async def hangs(ctx, request):
        await ctx.http.post(f"https://{toolbox.HOST}/r", extensions=spec.carrying(request.records[:1]))
        started.set()
        await asyncio.sleep(30)

    backend = acme(push=hangs)
    outcomes = []
    pusher = threading.Thread(target=lambda: outcomes.append(backend.push(toolbox.call(), toolbox.push_of(2))))
    pusher.start()
    assert started.wait(5)
    backend.close()
    backend.close()
    pusher.join(5)

    assert threads() == []
    assert [item.verdict for item in outcomes[0].verdicts.values()] == ["unknown", "not_stored"]
    assert isinstance(outcomes[0].stopped_by, spec.Unavailable)
    assert backend.authenticate(toolbox.call(), AUTHENTICATE).id == "1"


def test_a_fork_starts_a_loop_of_its_own():
    script = textwrap.dedent("""
        import importlib.util, os, sys
        found = importlib.util.spec_from_file_location("conftest", sys.argv[1])
        kit = importlib.util.module_from_spec(found); sys.modules["conftest"] = kit; found.loader.exec_module(kit)
        import httpx
        from renkei import spec
        from renkei.plugins import Registry
        registry = Registry(modules={"acme": kit.module()}, scan=False,
                            transport=lambda _: httpx.MockTransport(kit.Answering().handle))
        push = lambda: registry.backend("acme").push(kit.call(), kit.push_of(1)).verdicts["k0"].verdict
        assert push() == "created"
        pid = os.fork()
        if pid == 0:
            os._exit(0 if push() == "created" else 1)
        status = os.waitpid(pid, 0)[1]
        assert push() == "created"
        registry.close()
        sys.exit(os.waitstatus_to_exitcode(status))
    """)
    conftest = os.path.join(os.path.dirname(__file__), "conftest.py")  # noqa: PTH118, PTH120 - an argument

    done = subprocess.run([sys.executable, "-c", script, conftest], timeout=30, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_a_deadline_ends_by_whichever_clock_comes_first():
    clock = HandClock()
    deadline = Deadline(clock, timedelta(seconds=10))

    assert deadline.remaining() == 10
    clock.seconds += 4
    assert deadline.remaining() == 6
    clock.wall += timedelta(hours=8)  # the machine slept, and the monotonic clock with it
    assert deadline.remaining() == 0
    clock.wall -= timedelta(days=1)  # a clock set back gives no time back
    assert deadline.remaining() == 6
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_nothing_leaves_after_the_wall_clock_says_that_the_time_is_over(acme, toolbox, wire, clock):
    async def sleeps(ctx, request):
        clock.wall += timedelta(hours=8)
        await ctx.http.get(f"https://{toolbox.HOST}/me")

    backend = acme(authenticate=sleeps, options=by(clock))

    with pytest.raises(spec.Unavailable, match="time is over"):
        backend.authenticate(toolbox.call(), AUTHENTICATE)
    assert wire.requests == []
