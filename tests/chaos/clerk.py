"""The clerk: an admin's process that sets the inboxes up, looks at the ledger, and mends what a person has to mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from chaos.children import Events
from chaos.world import ADMIN, NAMES, TENANT, Actions, Place, connection_of, engine, now, set_up
from renkei import Renkei
from renkei.engine import Refused
from renkei.spec import RenkeiError
from renkei.store.installation import delivery_key


def look(renkei: Renkei, events: Events) -> None:
    """Count, and say whether it adds up."""
    ledger = renkei.ledger(TENANT)
    events.tell("looked", **ledger.as_dict(), adds_up=ledger.adds_up)


def mend(renkei: Renkei, app: str) -> None:
    """The token works again: the admin presses the test button."""
    with suppress(Refused):  # another fault struck the test; the lane finds out by itself a little later
        renkei.connections.test(TENANT, ADMIN, connection_of(app))


def record(renkei: Renkei, place: Place, count: int) -> list[str]:
    """Record some actions of one inbox, note them as a host does, and return their delivery keys."""
    actions = Actions(count=count, seed=0, since=now())
    numbers = [index * len(NAMES) for index in range(count)]
    with place.noted(0).open("a") as notes:
        for number in numbers:
            receipt = renkei.record(TENANT, actions.inbox(number), actions.action(number))
            notes.write(f"{receipt.outcome} {actions.subject(number)} record 0\n")
    installation = renkei._parts.store.installation
    return [delivery_key(installation, TENANT, actions.inbox(number), actions.id(number)) for number in numbers]


def attend(place: Place, url: str, events: Events, keyed: bool, orders: Iterator[dict[str, Any]]) -> None:
    """Set everything up, then do what is asked."""
    # Whoever sets up waits longer than a worker: a simulator that has just started may take its time.
    renkei = engine(place, url, hook_deadline=timedelta(seconds=30))
    set_up(renkei, keyed=keyed)
    with sa.create_engine(place.url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.text("CREATE TABLE tickets (subject TEXT PRIMARY KEY)"))
    events.tell("set_up")
    for order in orders:
        match order["do"]:
            case "look":
                look(renkei, events)
            case "mend":
                mend(renkei, order["app"])
            case "record":
                events.tell("recorded", keys=record(renkei, place, order["count"]))
            case "replay":
                try:
                    renkei.replay(TENANT, ADMIN, order["inbox"], order["ids"])
                    events.tell("replayed", refused=None)
                except RenkeiError as error:
                    events.tell("replayed", refused=str(error))
