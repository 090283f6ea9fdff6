"""Ids, codes, keys and cursors that break out of their place, where somebody pastes them (check Z07)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import quote, unquote_plus

from renkei.testing.contract import acts
from renkei.testing.contract.broken import Broken, require
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.connection import key
from renkei.testing.contract.living import calls, stored_records, tried
from renkei.testing.contract.shapes import broken_out, shape_of
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Exchange

ODD: tuple[str, ...] = (
    "no/such", "no?such=1", "no#such", "no%2Fsuch", "no%such", "..", ".", "../..", "no such", 'no"such', "no'such",
    "no(such)", "no&such=1", "no=such", "no;such", "no\\such", "no\nsuch: 1", "no\r\nsuch: 1", "no\x00such",
    "無い🙂", "no*", "no+such", '"}', "]", "{{no}}", "no,such", "no|such", "no--", "",
)  # fmt: skip


def _odd_about(id: str, key: str) -> list[str]:
    """Ids that are not there and that lead to *id*, or to all, where somebody pastes or tidies them."""
    return [
        f"no/../{id}", f"{id}/", f"{id}/.", f"./{id}", f"../{id}", f"{id}?x=1", f"{id}#x", f"{id}&x=1", f"{id}%00",
        f"{id}\n", f"{id}\x00", f"no/{id}", f"{id}/no", f"{id}/../no", f"{id};x", f"{id} OR 1=1", f"{id}' OR '1'='1",
        f'{id}" or "1"="1', f"{id}',{key}=''", f"{id})", f'{id}","x":"', f"%2e%2e/{id}", f"..%2f{id}",
    ]  # fmt: skip


# What leads to a next page by itself is no cursor, and is meant to be taken as it is.
_LINKS = ("https://", "http://", "/", "?")
_SHORTEST_PASTED = 3


def require_targets_in_place(stage: Stage) -> None:
    good, second = stage.good, stage.kit.second_target
    odd = [*ODD, *_odd_about(good.target, stage.kit.key_field)]
    if second != good.target:
        odd += [f"no/../{second}", f"../{second}", f"{good.target}/../{second}"]
    records = good.records(1)
    before = stored_records(stage)
    require_in_place(stage, "crm_discover", good.discover, good.target, odd, must_fail=True)
    require_in_place(stage, "crm_authenticate", lambda id: good.authenticate(target=id), good.target, odd)

    def push(id: str) -> None:
        if id == good.target:
            good.push(records)
            stage.kit.reset()
            good.authenticate()
            return
        report = good.push(records, target=id).report
        claimed = [one for one in report.verdicts if one.verdict in ("created", "updated")] if report else []
        require(not claimed, f"crm_push reports records as stored in {id!r}, a target that is not there")

    require_in_place(stage, "crm_push", push, good.target, odd)
    require(
        stored_records(stage) == before, "pushing to targets that are not there changed what one that is there holds"
    )


def require_in_place(
    stage: Stage,
    hook: str,
    ask: Callable[[str], object],
    good: str,
    odd: Sequence[str] = ODD,
    *,
    must_fail: bool = False,
) -> None:
    """Each of the *odd* ids leaves the requests in the form that they have for the *good* one."""
    with stage.wire.since_now() as usual:
        answered(f"{hook} for {good!r}", lambda: ask(good))
    shapes = [shape_of(exchange, good) for exchange in usual]
    for id in odd:
        with stage.wire.since_now() as exchanges:
            error = tried(lambda id=id: ask(id))  # type: ignore[misc]  # bound now
        if isinstance(error, Broken):
            raise error
        for exchange in exchanges:
            wrong = broken_out(exchange, shapes)
            require(not wrong, f"{hook} for the id {id!r}: {wrong}")
        require(error is not None or not must_fail, f"{hook} gives an answer for {id!r}, a target that is not there")


def some_parent(stage: Stage) -> str:
    targets = stage.good.targets()
    parents = {target.parent for target in targets if target.parent} & {target.id for target in targets}
    return min(parents, default=stage.good.target)


def require_keys_in_place(stage: Stage) -> None:
    good, field = stage.good, stage.kit.key_field
    good.push(good.records(2)).require_all_created()
    there = key(1)
    require_in_place(stage, "crm_verify", lambda code: good.verify(there, key_field=code), field)
    require_in_place(stage, "crm_verify", lambda one: _verified(stage, one), "rk999998contractsuite", _odd_keys(there))


def _verified(stage: Stage, one: str) -> None:
    report = stage.good.verify(one)
    present = [answer.key for answer in report.answers if answer.answer == "present"]
    require(not present, f"crm_verify says that a record with the key {one!r} is there, and there is none")


def _odd_keys(there: str) -> list[str]:
    wild = [f"{there[:-3]}{sign}" for sign in ("*", "%", "%%%", "___", "???", ".*", "")]
    around = [
        f"{there}\n",
        f" {there}",
        f"{there} ",
        f"{there},x",
        f"{there}|x",
        f"{there}&x=1",
        f"{there}#",
        f"{there}\x00",
    ]
    filters = [
        f"{there}' OR '1'='1",
        f'{there}" or "1"="1',
        f"x' OR '{there}'='{there}",
        'x" or key != "',
        "*",
        "%",
        "(x)",
    ]
    return [one for one in (*ODD, *wild, *around, *filters) if one]


def require_cursors_in_place(stage: Stage) -> None:
    """What one answer gives and the next request repeats is a cursor; odd ones must come back as they are."""
    asks = calls(stage, stage.good, list)
    for hook in ("crm_discover", "crm_list_targets"):
        if hook in asks:
            with stage.wire.since_now() as exchanges:
                answered(hook, asks[hook])
            for cursor in _cursors(exchanges)[:2]:
                for odd in ("a/b?c#d", "a&b=c", "..", "a\"b'c(d)", "a%2Fb+c", "次の🙂\n"):
                    _require_cursor_in_place(stage, hook, asks[hook], cursor, odd)


def _cursors(exchanges: Sequence[Exchange]) -> list[str]:
    """Texts of one answer that the next request holds, and the one before did not."""
    found: dict[str, None] = {}
    for before, after in pairwise(exchanges):
        earlier, later = (one.target.decode("ascii", "replace") for one in (before, after))
        sent = {unquote_plus(part) for part in re.split(r"[/?&=]", later)}
        for text in _leaves(before.answer):
            pasted = len(text) >= _SHORTEST_PASTED and text in later
            if (text in sent or pasted) and quote(text, safe="") not in earlier and text not in earlier:
                found[text] = None
    return [text for text in found if not text.startswith(_LINKS)]


def _leaves(body: bytes) -> Iterator[str]:
    try:
        waiting = [json.loads(body)]
    except ValueError:
        return
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and one:
            yield one


def _require_cursor_in_place(stage: Stage, hook: str, ask: Callable[[], object], cursor: str, odd: str) -> None:
    with stage.wire.since_now() as usual:
        tried(ask)
    shapes = [shape_of(exchange, cursor) for exchange in usual]
    stage.wire.play(acts.edited(lambda data: _replaced(data, cursor, odd)), on="any", hook=hook, times=50)
    with stage.wire.since_now() as exchanges:
        tried(ask)
    stage.wire.calm()
    for exchange in exchanges[:20]:
        wrong = broken_out(exchange, shapes)
        require(not wrong, f"{hook} for the cursor {odd!r}: {wrong}")


def _replaced(data: Any, old: str, new: str) -> Any:
    match data:
        case dict():
            return {name: _replaced(value, old, new) for name, value in data.items()}
        case list():
            return [_replaced(item, old, new) for item in data]
        case _:
            return new if data == old else data
