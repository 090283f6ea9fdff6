"""What is measured to see whether a hook keeps its loop, or its thread, to itself (check X03)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from renkei.spec import FieldType
from renkei.testing.contract import acts
from renkei.testing.contract.blocking import LoopWatch, Spent, loop_watch, spent
from renkei.testing.contract.connection import key
from renkei.testing.contract.living import Life, calls, echo, tried
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.values import fitted
from renkei.testing.contract.wire import Act

LONGEST: Final = 0.1
ALWAYS: Final = 10**6
_ATTEMPTS: Final = 3

# Each of these has brought down somebody's regular expression or parser.
_HARD = (
    "a" * 20_000, " " * 20_000 + "!", "<" * 10_000, "&" * 10_000 + ";", '"\\' * 10_000, "あ\n" * 10_000, "(" * 5_000,
    "a@" * 5_000, "a." * 10_000, "0" * 20_000, "-" * 20_000 + ">", "<a " * 7_000,
)  # fmt: skip


def scenes(stage: Stage) -> Iterator[tuple[str, Callable[[], object], Act | None]]:
    """What is measured: every hook as it works, and with a fault that answers it."""
    life = Life(stage)
    limits = stage.manifest.limits
    count = min(limits.push_size, max(20, min(2 * limits.request_size, 500)))
    full = stage.good.records(count, start=1000)

    def push() -> None:
        stage.kit.reset()
        stage.good.authenticate()
        stage.good.push(full)

    asks = calls(stage, stage.good, lambda: [life.record(), life.record()])
    for hook, ask in asks.items():
        yield hook, ask, None
    yield "crm_push", push, None
    yield "crm_push", lambda: stage.good.push([life.record(), life.poisoned(), life.record()]), None
    for hook, ask in asks.items():
        for fault in _faults():
            yield hook, ask, fault


def _faults() -> Iterator[Act]:
    """What tempts somebody to wait: the backend is busy, slow, gone, or does not know who asks."""
    yield acts.answer(429, "", headers={"retry-after": "1"})
    yield from (acts.answer(401, ""), acts.answer(409, ""), acts.answer(500, ""), acts.answer(503, ""))
    yield from (acts.page(200), acts.cut(), acts.lost(applied=False), acts.unreachable(), echo(400))


def least(measure: Callable[[], Spent]) -> Spent:
    """The best of some attempts: what the machine did meanwhile is not the plugin's doing."""
    best = measure()
    for _ in range(_ATTEMPTS - 1):
        if best.longest <= LONGEST:
            break
        best = min(best, measure(), key=lambda one: one.longest)
    return best


def longest_turn(stage: Stage, ask: Callable[[], object], fault: Act | None) -> Spent:
    """The longest that the loop was kept while *ask* ran, and every request met *fault*."""
    with loop_watch() as watch:
        _make_known(stage, watch)
        stage.wire.play(watch.act(fault), on="any", times=ALWAYS)
        try:
            tried(ask)
        finally:
            stage.wire.calm()
    return watch.longest()


def mapping(stage: Stage, values: dict[str, Any]) -> Spent:
    before = spent()
    tried(lambda: stage.good.map(values, key=key(1)))
    return spent() - before


def _make_known(stage: Stage, watch: LoopWatch) -> None:
    """Tell *watch* which threads run the plugin's loop: by their name, as the first turn has no request yet."""
    for thread in threading.enumerate():
        if thread.name == f"renkei-{stage.manifest.id}" and thread.ident is not None:
            watch.known(thread.ident)


def hard_values(stage: Stage) -> Iterator[tuple[str, dict[str, Any]]]:
    """Code of a field, and good values in which that field holds a text that makes careless code try everything."""
    good = stage.good
    texts = (FieldType.TEXT, FieldType.LONG_TEXT, FieldType.HTML, FieldType.EMAIL, FieldType.PHONE, FieldType.URL)
    seen: set[tuple[FieldType, int | None]] = set()
    for field in good.schema.fields:
        alike = (field.type, field.max_length)
        if field.type in texts and field.writable and field.code != stage.kit.key_field and alike not in seen:
            seen.add(alike)
            for text in _HARD:
                longest = min(len(text), field.max_length or len(text))
                yield field.code, {**good.values(1), field.code: fitted(field, text[:longest])}
