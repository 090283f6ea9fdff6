"""What many jobs of one transaction would each do to the same row is done once, before the commit.

A group of records for one inbox counts it up and wakes its lane once, not once each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

Effect = Callable[[sa.Connection, list[Any]], None]

_PLACE = "renkei.afterwards"


def begin(connection: sa.Connection) -> None:
    """Collect from here on, until `finish` in the same transaction."""
    connection.info[_PLACE] = {}


def finish(connection: sa.Connection) -> None:
    """Do what was collected; in the order of the keys, so that two processes lock rows in one order."""
    collected: dict[tuple[str, ...], tuple[Effect, list[Any]]] = connection.info.pop(_PLACE, {})
    for key in sorted(collected):
        effect, items = collected[key]
        effect(connection, items)


def once(connection: sa.Connection, key: tuple[str, ...], effect: Effect, item: Any) -> None:
    """Have *effect* called with all items of that *key* before the commit; at once where nobody collects."""
    collected = connection.info.get(_PLACE)
    if collected is None:
        effect(connection, [item])
    else:
        collected.setdefault(key, (effect, []))[1].append(item)
