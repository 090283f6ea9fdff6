"""What is left out stays out: nothing is sent in its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from renkei.spec import WireRecord
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.settling import settle
from renkei.testing.contract.connection import key
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Exchange

_FULL, _BARE = 40_001, 40_002


def require_absent_stays_absent(stage: Stage) -> None:
    """Push a record with all values and one with the required ones only, and look at what the second holds.

    Raises:
        Broken: a field that was left out was filled by the plugin, or lost its default.
    """
    good = stage.good
    full, bare = good.record(_FULL), good.record(_BARE, only_required=True)
    given = good.values(_BARE, only_required=True)
    with stage.wire.since_now() as wide:
        settle(good, [full])
    with stage.wire.since_now() as narrow:
        settled = settle(good, [bare])
    require(key(_BARE) in settled.stored, "a record with the required fields alone is not stored")
    read = {record.id: record.values for record in stage.read()}.get(settled.stored[key(_BARE)])
    require(read is not None, "a record that was reported as stored is not found by the probe")
    assert read is not None
    left_out = [code for code in good.values(_FULL) if code not in given]
    _require_nothing_sent(left_out, full, bare, wide, narrow)
    require_untouched(stage, given, read)


def require_untouched(stage: Stage, given: Mapping[str, Any], read: Mapping[str, Any]) -> None:
    """Besides what was *given*, a record that was *read* holds defaults and what the backend fills itself.

    Raises:
        Broken: it holds more, or a default is missing.
    """
    for field in stage.good.schema.fields:
        if field.code in given or not field.writable or field.code in stage.kit.filled:
            continue
        if field.has_default:
            require(
                read.get(field.code) not in (None, "", ()),
                f"the field {field.code!r} was left out and has a default, and the stored record holds nothing there",
            )
        else:
            require(
                read.get(field.code) in (None, "", ()),
                f"the field {field.code!r} was left out and has no default, and the stored record holds a value there",
            )


def _require_nothing_sent(
    left_out: list[str], full: WireRecord, bare: WireRecord, wide: list[Exchange], narrow: list[Exchange]
) -> None:
    """Where a field shows under its code in what is sent with a value, it does not without one."""
    pairs = [(full.fields, bare.fields), (_bodies(wide), _bodies(narrow))]
    for with_all, with_few in pairs:
        for code in left_out:
            if any(map(_says_something, _under(code, with_all))):
                invented = any(map(_says_something, _under(code, with_few)))
                require(not invented, f"a value was sent for the field {code!r}, for which there was none")


def _bodies(exchanges: list[Exchange]) -> list[Any]:
    found = []
    for exchange in exchanges:
        try:
            found.append(json.loads(exchange.body))
        except ValueError:
            continue
    return found


def _under(code: str, data: Any) -> Iterator[Any]:
    """Whatever stands under *code*, at any depth."""
    if isinstance(data, Mapping):
        for name, inner in data.items():
            if name == code:
                yield inner
            yield from _under(code, inner)
    elif isinstance(data, (list, tuple)):
        for inner in data:
            yield from _under(code, inner)


def _says_something(data: Any) -> bool:
    if isinstance(data, Mapping):
        return any(map(_says_something, data.values()))
    if isinstance(data, (list, tuple)):
        return any(map(_says_something, data))
    return data not in (None, "")
