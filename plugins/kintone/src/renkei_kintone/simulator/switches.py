"""Switches of a domain: language, limits, doors, and the answers to what is not known of kintone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from renkei_kintone.simulator.domain import Kintone

_KINDS: Mapping[str, tuple[type, ...]] = {
    "language": (str,),
    "follow_browser": (bool,),
    "old_statuses": (bool,),
    "concurrency": (int,),
    "latency": (int, float),
    "basic": (str, type(None)),
    "hosts": (list,),
    "ip_restricted": (bool,),
    "daily_limit": (int,),
    "unsure": (dict,),
}
NAMES = tuple(_KINDS)


def shown(kintone: Kintone) -> dict[str, Any]:
    """How they stand; of the Basic password only whether there is one."""
    return {
        "language": kintone.language,
        "follow_browser": kintone.follow_browser,
        "old_statuses": kintone.old_statuses,
        "concurrency": kintone.concurrency,
        "latency": kintone.latency,
        "basic": kintone.basic is not None,
        "hosts": sorted(kintone.hosts),
        "ip_restricted": kintone.ip_restricted,
        "daily_limit": kintone.daily_limit,
        "unsure": asdict(kintone.unsure),
    }


def turn(kintone: Kintone, data: Any) -> None:
    """Turn some of them, all or none.

    Raises:
        ValueError: there is no such switch, or it has no such position; the sentence says which there are.
    """
    if not isinstance(data, dict):
        raise ValueError(f"switches are a JSON object with some of the keys {', '.join(NAMES)}")
    for name, value in data.items():
        if name not in _KINDS:
            raise ValueError(f"there is no switch {name!r}; there are {', '.join(NAMES)}")
        if not isinstance(value, _KINDS[name]) or (isinstance(value, bool) and bool not in _KINDS[name]):
            raise ValueError(f"the switch {name!r} is a {' or a '.join(kind.__name__ for kind in _KINDS[name])}")
    if data.get("language", "ja") not in ("ja", "en"):
        raise ValueError("the switch 'language' is ja or en")
    unsure = kintone.unsure.changed(data.get("unsure", {}))
    for name, value in data.items():
        setattr(kintone, name, frozenset(value) if name == "hosts" else value)
    kintone.unsure = unsure
