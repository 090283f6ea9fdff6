"""What a run is about: inboxes, apps, connections, the short times, and the actions that are offered."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from renkei import Renkei
from renkei.delivery import Policy
from renkei.mapping import Mapping, Rule

HOST = "demo.cybozu.com"
TENANT, ADMIN = "shop", "mori"
APPS = ("1", "2", "3", "4")
# Two of the four lanes are shared by two inboxes each.
INBOXES = {"support": "1", "sales": "2", "returns": "3", "billing": "4", "night": "1", "weekend": "2"}
NAMES = tuple(INBOXES)
# Who sent a request, told to the simulator alone: it kills whoever sent it, and says afterwards what each one sent.
SENDER = "x-chaos-sender"

LEASE = 4.0
DEADLINE = 2.0
# A slow commit outlasts the client's deadline and ends this long after the request came, at the latest.
SLOWEST = 3.0
# A request leaves within the deadline of its push, and the backend may work on it for SLOWEST from then.
SETTLES_WITHIN = 6.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run keeps its files, and its database.

    Attributes:
        url: renkei's database, which also holds a table of the host's.
    """

    folder: Path
    url: str

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file in the folder."""
        return self.url.startswith("sqlite")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database answers, over a connection that knows nothing of renkei."""
        with sa.create_engine(self.url, poolclass=sa.NullPool).connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    @property
    def requests(self) -> Path:
        """What the simulator says of each request that brought records."""
        return self.folder / "requests.jsonl"

    @property
    def key_file(self) -> Path:
        """The vault's key."""
        return self.folder / "renkei.db.key"

    def noted(self, host: int) -> Path:
        """What one host wrote down after each return of `record()`."""
        return self.folder / f"host-{host}.txt"


def connection_of(app: str) -> str:
    """The connection that leads to an app."""
    return f"kintone-{app}"


def token_of(app: str) -> str:
    """An obvious token: it adds records and can do nothing else."""
    return f"simulated-add-only-token-{app}"


def domain() -> dict[str, Any]:
    """The simulated kintone's apps and tokens, as data."""
    fields = {
        "キー": {"type": "SINGLE_LINE_TEXT", "unique": True, "maxLength": "64"},
        "件名": {"type": "SINGLE_LINE_TEXT", "required": True},
        "本文": {"type": "MULTI_LINE_TEXT"},
    }
    return {
        "apps": [{"id": app, "name": f"対応履歴{app}", "fields": fields} for app in APPS],
        "tokens": [{"token": token_of(app), "app": app, "permissions": ["add"]} for app in APPS],
    }


class _Signed(httpx.AsyncBaseTransport):
    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers[SENDER] = str(os.getpid())
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def policy(*, reached: Callable[[str], None] | None = None, **changed: Any) -> Policy:
    """The rules of delivery with all times made short."""
    values: dict[str, Any] = {
        "lease": timedelta(seconds=LEASE),
        "push_deadline": timedelta(seconds=DEADLINE),
        "hook_deadline": timedelta(seconds=DEADLINE),
        "settles_within": timedelta(seconds=SETTLES_WITHIN),
        "first_retry": timedelta(milliseconds=100),
        "longest_retry": timedelta(seconds=2),
        "poll": timedelta(milliseconds=100),
        "turn": timedelta(seconds=2),
        "linger": timedelta(milliseconds=50),
        "fresh_for": timedelta(seconds=20),
        "lanes_at_once": len(APPS),
    }
    if reached is not None:
        values["reached"] = reached
    return Policy(**{**values, **changed})


def engine(place: Place, url: str, **changed: Any) -> Renkei:
    """A `Renkei` on the run's database, with kintone's host leading to *url*."""
    routes = {HOST: url}
    return Renkei(place.url, keys=place.key_file, routes=routes, policy=policy(**changed), transport=_Signed)


def set_up(renkei: Renkei, *, keyed: bool) -> None:
    """Store the connections and bind the inboxes."""
    for app in APPS:
        settings = {"subdomain": "demo", "app_id": app, "api_token": token_of(app)}
        renkei.connections.add(TENANT, ADMIN, connection_of(app), backend="kintone", settings=settings)
    key = (Rule(target="キー", source="delivery.key"),) if keyed else ()
    rules = (*key, Rule(target="件名", source="message.subject"), Rule(target="本文", source="message.body_text"))
    for inbox, app in INBOXES.items():
        renkei.integrations.create(TENANT, ADMIN, inbox, connection=connection_of(app), mapping=Mapping(rules=rules))


@dataclass(frozen=True, slots=True)
class Actions:
    """The actions of one run. The same number is always the same action, whoever offers it.

    Attributes:
        count: how many are to be recorded.
        since: when they occurred: after activation.
    """

    count: int
    seed: int
    since: datetime

    def inbox(self, number: int) -> str:
        """Inboxes take turns; every inbox has the same ids, so that the key must tell them apart."""
        return NAMES[number % len(NAMES)]

    def id(self, number: int) -> str:
        """The host's id of it, unique within its inbox alone."""
        return f"A-{number // len(NAMES):06d}"

    def subject(self, number: int) -> str:
        """What its record is found by."""
        return f"{self.inbox(number)}/{self.id(number)}"

    def action(self, number: int, *, body: str = "お問い合わせありがとうございます。") -> dict[str, Any]:
        """What is offered."""
        return self._envelope(self.id(number), self.since, self.subject(number), body)

    def too_early(self, number: int) -> dict[str, Any]:
        """One that occurred before activation: excluded."""
        return self._envelope(f"X-{number}", self.since - timedelta(days=2), f"excluded/{number}", "")

    def _envelope(self, action_id: str, at: datetime, subject: str, body: str) -> dict[str, Any]:
        return {
            "action": {"id": action_id, "kind": "mail_sent", "channel": "mail", "occurred_at": at.isoformat()},
            "message": {"subject": subject, "body_text": body},
        }

    def order(self, host: int, hosts: int) -> list[int]:
        """The numbers that one host offers, in its order: its own, shuffled a little, and some of its neighbours'."""
        draw = random.Random(f"{self.seed}/order/{host}")
        own = [n for n in range(self.count) if (n // len(NAMES)) % hosts == host or draw.random() < 0.03]
        return sorted(own, key=lambda number: number + draw.uniform(0, 40))


def now() -> datetime:
    """The instant."""
    return datetime.now(UTC)
