"""Whatever JSON is sent is answered or refused in kintone's way: the simulator itself never fails on it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from renkei_kintone.simulator import Kintone, sample
from renkei_kintone.simulator.calls import Call, answer, known_calls
from renkei_kintone.simulator.words import NotSimulated, Refused

FULL = "simulated-full-token"
PARAMETERS = (
    *("app", "id", "ids", "apps", "codes", "name", "spaceIds", "limit", "offset", "lang", "query", "fields", "size"),
    *("totalCount", "record", "records", "updateKey", "upsert", "revision", "revisions", "action", "assignee"),
    *("assignees", "properties", "revert", "fileKey", "requests"),
)
TEXTS = st.sampled_from(["", "1", "-1", "--1", "１", "x", "件名", "true", "件名 = ", "order by 数", "start", "\x00"])
LEAVES = st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from([1.5, 10**25, "9" * 30]) | TEXTS
KEYS = st.sampled_from(
    [
        *("value", "id", "record", "field", "updateKey", "revision", "action", "app", "code", "type", "fileKey", "a"),
        *("method", "api", "payload", "options", "label", "fields"),
        *sample().apps["1"].fields,
    ]
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
CODES = st.sampled_from(list(sample().apps["1"].fields))
RECORD = st.dictionaries(CODES, st.fixed_dictionaries({"value": VALUES}) | VALUES, max_size=4)


def domain() -> Kintone:
    kintone = sample()
    app = kintone.apps["1"]
    app.process = {"states": ["未処理", "処理中"], "actions": [{"name": "start", "from": "未処理", "to": "処理中"}]}
    app.store({"件名": "a", "経過": [{"id": "1", "value": {}}]}, kintone.instant())
    return kintone


def outcome(kintone: Kintone, method: str, api: str, parameters: dict[str, Any]) -> int:
    """The status of a call."""
    try:
        json.dumps(answer(kintone, Call(method, api, FULL, None, parameters)))
    except Refused as refused:
        json.dumps([refused.words, refused.errors])
        return refused.status
    except NotSimulated:
        return 501
    return 200


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(known_calls())),
    st.sampled_from([{}, {"app": 1}, {"app": 1, "id": 1}, {"id": 1}]),
    st.dictionaries(st.sampled_from(PARAMETERS), VALUES, max_size=3),
)
def test_any_parameter_is_answered_or_refused(
    call: tuple[str, str], usual: dict[str, Any], given_: dict[str, Any]
) -> None:
    assert outcome(domain(), *call, {**usual, **given_}) in {200, 400, 403, 404, 409, 429, 501, 520}


@settings(max_examples=150, deadline=None)
@given(RECORD)
def test_any_record_is_taken_or_refused(record: dict[str, Any]) -> None:
    kintone = domain()
    calls = (
        ("POST", "records", {"app": 1, "records": [record]}),
        ("PUT", "record", {"app": 1, "id": 1, "record": record}),
        ("PUT", "preview/app/form/fields", {"app": 1, "properties": record}),
        ("POST", "preview/app/form/fields", {"app": 1, "properties": {"新": record}}),
        ("POST", "preview/app/deploy", {"apps": [{"app": 1}]}),
        ("GET", "records", {"app": 1, "query": 'キー = ""'}),
    )

    assert {outcome(kintone, *call) for call in calls} <= {200, 400, 404, 409, 520}
