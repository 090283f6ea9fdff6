"""Checks X: plugins that hold the loop, remember calls, or change the process that they run in."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from renkei.testing.contract.saboteurs import Saboteur, module_saboteur
from saboteurs.rewriting import Change, rewritten, with_changes

_EXCHANGE = "    asked_at = ctx.clock.now()"
_MAPPED = "    return records.to_wire(request)"
_BEARER = "def _bearer(ctx: AtelierContext) -> dict[str, str]:\n"
_PUSH = "    verdicts: list[spec.Verdict] = []\n"


def _in_map(*lines: str) -> Change:
    return Change("backend", _MAPPED, "\n".join(f"    {line}" for line in lines) + f"\n{_MAPPED}")


def _in_push(*lines: str) -> Change:
    return Change("backend", _PUSH, "".join(f"    {line}\n" for line in lines) + _PUSH)


def _locked(_good: ModuleType) -> ModuleType:
    name = "async def crm_push(ctx: AtelierContext, request: spec.PushRequest) -> spec.PushReport:\n"
    inner = name.replace("crm_push", "_push")
    outer = f"{name}    with _LOCK:\n        return await _push(ctx, request)\n\n\n{inner}"
    lock = "import threading\n\n_LOCK = threading.Lock()\n\n\n"
    return rewritten(Change("backend", f"@spec.push\n{name}", f"{lock}@spec.push\n{outer}"))


def _when_busy(*lines: str) -> Change:
    """Where the backend says that there were too many requests."""
    head = "        case 429:\n"
    return Change("answers", head, head + "".join(f"            {line}\n" for line in lines))


def remembering(line: str) -> Any:
    """The template with a module global, and *line* where a request is signed."""

    def damage(_good: ModuleType) -> ModuleType:
        return rewritten(Change("api", _BEARER, f"KEPT: dict[str, object] = {{}}\n\n\n{_BEARER}    {line}\n"))

    return damage


SABOTEURS: tuple[Saboteur, ...] = (
    module_saboteur(27, "LoopBlocker", "Sleeps in a push.", ("X03",),
                    with_changes(_in_push("import time", "time.sleep(0.15)"))),
    module_saboteur(210, "BusyLoop", "Computes for long in a push.", ("X03",),
                    with_changes(_in_push("import time", "end = time.thread_time() + 0.15",
                                          "while time.thread_time() < end: pass"))),
    module_saboteur(211, "SlowMapper", "Looks at a text in a way that takes the square of its length.", ("X03",),
                    with_changes(_in_map("for text in request.values.values():",
                                         "    if isinstance(text, str) and len(text) > 5000:",
                                         "        sum(text[at:] == text[:-at] for at in range(1, len(text)))",
                                         "        __import__('re').search(r'(\\s+a|a*)*$', 'a' * 20 + '!')"))),
    module_saboteur(212, "LockWaiter", "Waits for a lock when the backend is busy.", ("X03",),
                    with_changes(_when_busy("import threading", "threading.Event().wait(0.15)"))),
    module_saboteur(213, "SocketWaiter", "Waits for a socket of its own.", ("X03",),
                    with_changes(_in_push("import socket", "ours, theirs = socket.socketpair()",
                                          "ours.settimeout(0.15)", "try:", "    ours.recv(1)",
                                          "except TimeoutError:", "    pass", "finally:",
                                          "    ours.close(); theirs.close()"))),
    module_saboteur(214, "LastContext", "Uses the context of the call that began last.", ("X01",),
                    with_changes(Change("backend", _PUSH,
                                        f'    globals()["LATEST"] = ctx\n{_PUSH}'),
                                 Change("backend", "await _store(ctx, request, record)",
                                        'await _store(globals()["LATEST"], request, record)'))),
    module_saboteur(215, "FirstToken", "Keeps the first token for everybody.", ("X01",),
                    remembering('ctx = KEPT.setdefault("context", ctx)')),
    module_saboteur(216, "Rememberer", "Remembers who has asked.", ("X04",),
                    remembering('KEPT[ctx.settings.client_id] = ctx.clock.now()')),
    module_saboteur(217, "ProcessChanger", "Changes the process's environment.", ("X04",),
                    with_changes(_in_push("import os", 'os.environ["ATELIER_BUSY"] = "1"'))),
    module_saboteur(218, "LoopRunner", "Runs an event loop of its own to map.", ("X06",),
                    with_changes(_in_map("import asyncio, contextlib",
                                         "with contextlib.closing(asyncio.new_event_loop()) as loop:",
                                         "    loop.call_soon(loop.stop)",
                                         "    loop.run_forever()"))),
    module_saboteur(219, "TaskLeaver", "Leaves a task behind.", ("X04",),
                    with_changes(_in_push("import asyncio",
                                          "asyncio.get_running_loop().create_task(asyncio.sleep(30))"))),
    module_saboteur(450, "LockHolder", "Keeps a lock of threads while it waits for the backend.", ("X01",), _locked),
)  # fmt: skip
