"""Check E13: answers with fewer or more results than records, or without ids."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from renkei.spec import Duplicate, WireRecord
from renkei.testing.contract import acts
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks import told
from renkei.testing.contract.checks.calling import disturbed
from renkei.testing.contract.lane import by_key, carried_by, require_true
from renkei.testing.contract.stage import Stage


class ResultChecks:
    """Check E13."""

    @check("E13", traffic=True)
    def test_e13_a_record_without_a_result_of_its_own_is_unknown(self, stage: Stage) -> None:
        """Where fewer or more results come back than records were sent, or one without an id, only what certainly has a
        result of its own is `created`, under its own id; the others are `unknown`.

        Why: results that are dealt out by place, one too few, give a record the id of its neighbour, and a lost one the
        word "stored".
        Mend: match results by key where the answer has one; where only the order counts, compare the numbers first, and
        answer `Unknown` for all where they differ. An id is a text that is not empty, and nobody else's.
        """
        good = stage.good
        count = min(3, stage.manifest.limits.request_size, stage.manifest.limits.push_size)
        number = 1
        for name, change in _damages():
            records = good.records(count, start=number)
            number += count
            _without_results(stage, records, name, change)


# How an answer with results is damaged: the data, how many records were sent, and the ids that they got.
Change = Callable[[Any, int, Sequence[str]], Any]


def _damages() -> Iterator[tuple[str, Change]]:
    yield "without its last result", lambda data, count, _ids: _each_list(data, count, lambda items: items[:-1])
    yield "without its first result", lambda data, count, _ids: _each_list(data, count, lambda items: items[1:])
    yield "with a result too many", lambda data, count, _ids: _each_list(data, count, lambda items: [*items, items[-1]])
    yield "without results", lambda data, count, _ids: _each_list(data, count, lambda items: [])
    yield "that is an empty object", lambda _data, _count, _ids: {}
    yield "with one id for all", lambda data, _count, ids: _each_id(data, ids, lambda _id: ids[0])
    nobodys: Sequence[Any] = (None, "", "  ", True, {}, [])
    for bad in nobodys:
        yield f"with {json.dumps(bad)} for each id", _with_ids(bad)
    yield "without ids", lambda data, _count, ids: _without_ids(data, ids)


def _with_ids(bad: Any) -> Change:
    return lambda data, _count, ids: _each_id(data, ids, lambda _id: bad)


def _each_list(data: Any, count: int, change: Callable[[list[Any]], list[Any]]) -> Any:
    for path in reversed(told.lists_of(data, count)):  # the inner ones first
        data = told.replaced(data, path, change(list(told.at(data, path))))
    return data


def _ids_in(data: Any, ids: Sequence[str]) -> list[told.Path]:
    return [path for path, leaf in told.leaves(data) if not isinstance(leaf, (bool, dict, list)) and str(leaf) in ids]


def _each_id(data: Any, ids: Sequence[str], change: Callable[[Any], Any]) -> Any:
    for path in _ids_in(data, ids):
        data = told.replaced(data, path, change(told.at(data, path)))
    return data


def _without_ids(data: Any, ids: Sequence[str]) -> Any:
    for path in reversed(_ids_in(data, ids)):
        data = told.without(data, path)
    return data


def _without_results(stage: Stage, records: Sequence[WireRecord], name: str, change: Change) -> None:
    keys = {record.key for record in records}

    def damage(exchange: Any, data: Any) -> Any:
        carried = carried_by(exchange, records) or sorted(keys)
        seen = by_key(stage)
        return change(data, len(carried), [record.id for one in carried for record in seen.get(one, [])])

    done = disturbed(stage.good, records, acts.echoing(damage, name=f"an answer {name}"), times=1_000)
    done.pushed.require_ours()
    require(done.struck is not None, "crm_push sent no write for good records")
    words = done.pushed.words()
    for one in sorted(keys):
        if not done.sent(one):  # an answer that nobody understands may end the push
            require(words[one] in ("not_stored", "unknown"), f"record {one!r} was never sent and is {words[one]!r}")
        elif words[one] in ("rejected", "suspect", "not_stored"):
            broken(f"an answer {name}: record {one!r} was sent, accepted, and reported as {words[one]!r}")
        elif isinstance(done.pushed.said(one), Duplicate):
            broken(f"an answer {name}: record {one!r} is reported as a duplicate on its first attempt")
    require_true(stage, done.pushed)
