"""Atelier in memory: who may do what, what is stored, what is refused. HTTP is next door, in `app`."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any

from renkei_template.simulator import sample
from renkei_template.simulator.checks import fault_in
from renkei_template.simulator.faults import Fault, On

SCOPES = frozenset({"tables:read", "records:read", "records:write"})
SAMPLE_SETTINGS = {
    "workspace": "north-wind",
    "client_id": "sample-client",
    "client_secret": "not-a-real-secret",
}


class Refused(Exception):
    """Atelier says no."""

    def __init__(self, status: int, code: str, *, at: str | None = None, message: str = "Refused.") -> None:
        self.status = status
        self.code = code
        self.at = at
        self.message = message
        super().__init__(code)


@dataclass(slots=True)
class Client:
    """A program that may ask for tokens."""

    secret: str
    scopes: frozenset[str] = SCOPES


@dataclass(slots=True)
class Grant:
    """An access token and the refresh token that came with it."""

    client_id: str
    refresh: str
    expires_at: datetime
    replaces: str | None = None


@dataclass(slots=True)
class Table:
    """A table with its fields and what is stored in it."""

    about: dict[str, Any]
    fields: list[dict[str, Any]]
    records: list[dict[str, Any]] = field(default_factory=list)


class Atelier:
    """One workspace.

    Args:
        clock: the instant, aware. Tokens expire by it.
        page_size: items on a page; small, so that a client that reads one page only is found out.
        token_life: how long an access token lasts.

    Attributes:
        clients: by id; change a secret or take a scope away at will.
        tables: by id; change fields at will.
        faults: what is to go wrong; the first that fits is taken.
        requests: method and path of each request, in order.
        busiest: the most requests that were in flight at once.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        page_size: int = 4,
        token_life: timedelta = timedelta(minutes=15),
    ) -> None:
        self.workspace = SAMPLE_SETTINGS["workspace"]
        self.clock = clock
        self.page_size = page_size
        self.token_life = token_life
        self.lock = RLock()
        self.reset()

    def reset(self) -> None:
        """As on the first day: sample tables, no records, no tokens, no faults."""
        with self.lock:
            self.clients = {SAMPLE_SETTINGS["client_id"]: Client(SAMPLE_SETTINGS["client_secret"])}
            self.rooms = copy.deepcopy(sample.ROOMS)
            self.tables = {
                about["id"]: Table(copy.deepcopy(about), copy.deepcopy(sample.FIELDS[about["id"]]))
                for about in sample.TABLES
            }
            self.faults: list[Fault] = []
            self.requests: list[tuple[str, str]] = []
            self.busiest = 0
            self.blocked_words: set[str] = set()
            self._grants: dict[str, Grant] = {}

    # What a test does to it.

    def records(self, table: str) -> list[dict[str, Any]]:
        """Copies of what *table* holds: `id`, `stage`, `created_at`, `values`."""
        with self.lock:
            return copy.deepcopy(self.tables[table].records)

    def seed(self, table: str, values: dict[str, Any], stage: str = "") -> str:
        """Store a record without asking anybody; returns its id."""
        with self.lock:
            holder = self.tables[table]
            number = len(holder.records) + 1
            record = {"id": f"rec_{number:06}", "stage": stage, "created_at": self.clock().isoformat()}
            holder.records.append(record | {"values": copy.deepcopy(values)})
            return str(record["id"])

    def field(self, table: str, code: str) -> dict[str, Any]:
        """A field's description, to be changed in place."""
        return next(item for item in self.tables[table].fields if item["code"] == code)

    def delete_field(self, table: str, code: str) -> None:
        """Take a field away, as an admin of Atelier would."""
        with self.lock:
            self.tables[table].fields.remove(self.field(table, code))

    def add_field(self, table: str, label: str) -> str:
        """Add a line field with this label; its code."""
        with self.lock:
            fields = self.tables[table].fields
            code = f"added_{len(fields) + 1}"
            fields.append({"code": code, "label": label, "type": "line"})
            return code

    def add_client(self, client_id: str, secret: str) -> None:
        """One more program that may ask for tokens."""
        with self.lock:
            self.clients[client_id] = Client(secret)

    def block_word(self, word: str) -> None:
        """From now on a record whose text holds *word* is refused, which no schema tells."""
        self.blocked_words.add(word)

    def fail(self, fault: Fault) -> None:
        """Have *fault* happen."""
        with self.lock:
            self.faults.append(fault)

    def expire_tokens(self) -> None:
        """All access tokens are too old now; refresh tokens still work."""
        with self.lock:
            for grant in self._grants.values():
                grant.expires_at = self.clock()

    def revoke(self) -> None:
        """No token works any more, and no client is known."""
        with self.lock:
            self._grants.clear()
            self.clients.clear()

    # What its clients ask of it.

    def take_fault(self, what: On) -> Fault | None:
        """The fault that befalls this request, if any."""
        with self.lock:
            return next((fault for fault in self.faults if fault.befalls(what)), None)

    def issue(self, form: dict[str, str]) -> dict[str, Any]:
        """The token exchange."""
        with self.lock:
            if form.get("workspace") != self.workspace:
                raise Refused(401, "unknown_workspace")
            if form.get("grant_type") == "refresh_token":
                return self._renew(form.get("refresh_token", ""))
            client = self.clients.get(form.get("client_id", ""))
            if client is None or not secrets.compare_digest(
                client.secret.encode(), form.get("client_secret", "").encode()
            ):
                raise Refused(401, "invalid_client")
            return self._grant(form["client_id"])

    def _renew(self, refresh: str) -> dict[str, Any]:
        known = next((grant for grant in self._grants.values() if refresh and grant.refresh == refresh), None)
        if known is None or known.client_id not in self.clients:
            raise Refused(401, "invalid_grant")
        return self._grant(known.client_id, replaces=refresh)

    def _grant(self, client_id: str, replaces: str | None = None) -> dict[str, Any]:
        access, refresh = f"at-{secrets.token_hex(12)}", f"rt-{secrets.token_hex(12)}"
        self._grants[access] = Grant(client_id, refresh, self.clock() + self.token_life, replaces)
        return {
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": int(self.token_life.total_seconds()),
            "scope": " ".join(sorted(self.clients[client_id].scopes)),
        }

    def admit(self, authorization: str, scope: str | None) -> None:
        """Let the bearer of a token pass, or not."""
        with self.lock:
            access = authorization.removeprefix("Bearer ")
            grant = self._grants.get(access)
            if grant is None or grant.client_id not in self.clients:
                raise Refused(401, "invalid_token")
            if grant.expires_at <= self.clock():
                raise Refused(401, "token_expired")
            if grant.replaces is not None:
                # The new token has arrived: now the old refresh token may die. Not before: its answer could be lost.
                spent, grant.replaces = grant.replaces, None
                self._grants = {key: old for key, old in self._grants.items() if old.refresh != spent}
            if scope is not None and scope not in self.clients[grant.client_id].scopes:
                raise Refused(403, "missing_scope", at=scope)

    def table(self, table: str) -> Table:
        """The table of that id."""
        with self.lock:
            if table not in self.tables:
                raise Refused(404, "unknown_table")
            return self.tables[table]

    def store(self, table: str, body: Any) -> dict[str, Any]:
        """Store one record: all of it or nothing."""
        with self.lock:
            holder = self.table(table)
            if not isinstance(body, dict) or not isinstance(body.get("values"), dict):
                raise Refused(400, "no_values")
            stages = holder.about["stages"]
            stage = body.get("stage", stages[0] if stages else "")
            if "stage" in body and stage not in stages:
                raise Refused(422, "unknown_stage", at="stage")
            record = self.seed(table, self._checked(holder, body["values"]), stage)
            return {"id": record, "link": self.link(table, record)}

    def _checked(self, holder: Table, values: dict[str, Any]) -> dict[str, Any]:
        known = {item["code"]: item for item in holder.fields}
        for code, value in values.items():
            if code not in known:
                raise Refused(422, "unknown_field", at=code)
            wrong = "read_only_field" if known[code].get("system") else fault_in(known[code], value)
            wrong = wrong or self._blocked(value)
            if wrong:
                # Like many a backend, it repeats what it was given. A plugin must not.
                raise Refused(422, wrong, at=code, message=f"{code}: {value!r} is not accepted.")
        defaults = {code: item["default"] for code, item in known.items() if "default" in item}
        for code, item in known.items():
            if item.get("required") and code not in values and code not in defaults:
                raise Refused(422, "required", at=code)
        return defaults | values

    def _blocked(self, value: Any) -> str | None:
        found = isinstance(value, str) and any(word in value for word in self.blocked_words)
        return "blocked_word" if found else None

    def search(self, table: str, code: str, equals: str) -> list[dict[str, Any]]:
        """Records whose field *code* holds *equals*; case does not count, as in many a search."""
        with self.lock:
            holder = self.table(table)
            if code not in [item["code"] for item in holder.fields]:
                raise Refused(422, "unknown_field", at=code)
            return [
                {"id": item["id"], "value": item["values"][code], "link": self.link(table, item["id"])}
                for item in holder.records
                if isinstance(item["values"].get(code), str) and item["values"][code].lower() == equals.lower()
            ]

    def link(self, table: str, record: str) -> str:
        """Where a person opens a record."""
        return f"https://{self.workspace}.atelier-crm.example/tables/{table}/records/{record}"
