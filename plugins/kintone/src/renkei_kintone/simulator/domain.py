"""The simulated domain: apps, tokens, users, language, faults and the log of requests."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renkei_kintone.simulator.faults import Fault, Faults
from renkei_kintone.simulator.files import FileStore
from renkei_kintone.simulator.form import App
from renkei_kintone.simulator.unsure import Unsure

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from renkei_kintone.simulator.cursors import Cursor
    from renkei_kintone.simulator.deploying import Draft

JAPAN = timezone(timedelta(hours=9))
"""The acting user's time zone, which `TODAY()` and the defaults "today" and "now" go by."""
PERMISSIONS = ("view", "add", "edit", "delete", "manage")


@dataclass(frozen=True, slots=True)
class Token:
    """An API token of one app.

    Attributes:
        deployed: False until "Update app" was pressed; until then kintone does not know it.
    """

    value: str
    app: str
    permissions: frozenset[str]
    deployed: bool = True


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """What the log keeps of a request: no header, no query, no body.

    Attributes:
        status: of the answer, None where the connection was cut or is still waiting.
        records: how many it carried, in all its parts; None where it carries none.
        inner: how many parts a `bulkRequest` has, None for others.
    """

    method: str
    path: str
    status: int | None
    records: int | None
    fault: str | None
    inner: int | None = None


@dataclass(slots=True)
class Kintone:
    """One simulated domain.

    Attributes:
        language: of the messages, `ja` or `en`; with *follow_browser*, `Accept-Language` decides.
        old_statuses: answer 520 where older servers did (`GAIA_IA02`, `GAIA_IL23`).
        concurrency: requests at once before `GAIA_TO04`.
        passwords: of users who may log in; each may do everything.
        basic: `login:password` of the domain's Basic authentication, None without it.
        hosts: names under which the domain is reached, empty for any; another is an unknown subdomain.
        ip_restricted: whether the caller's address is not among the allowed ones.
        latency: seconds that every request takes, so that requests at once are at once.
        daily_limit: the requests of an app and day that the contract allows.
        counted: requests by app and day; a day begins at 09:00 in Japan.
        drafts: settings of apps that wait for "Update app"; *settings_revisions* are those of the live ones.
        unsure: the answers to what is not known of kintone.
        now: the clock of records and of "now" defaults.
        sleep: how a slow fault waits.
    """

    apps: dict[str, App]
    tokens: dict[str, Token]
    users: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset({"everyone"})
    passwords: dict[str, str] = field(default_factory=dict)
    basic: str | None = None
    hosts: frozenset[str] = frozenset()
    ip_restricted: bool = False
    latency: float = 0.0
    daily_limit: int = 10_000
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    unsure: Unsure = field(default_factory=Unsure)
    language: str = "ja"
    follow_browser: bool = False
    old_statuses: bool = False
    concurrency: int = 100
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    faults: Faults = field(default_factory=Faults)
    cursors: dict[str, Cursor] = field(default_factory=dict)
    drafts: dict[str, Draft] = field(default_factory=dict)
    settings_revisions: dict[str, int] = field(default_factory=dict)
    files: FileStore = field(default_factory=FileStore)
    # Enough for any test; bounded all the same, because a server may run for days.
    requests: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=100_000))

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Kintone:
        """A domain from JSON data, in the form of `sample.json`.

        Raises:
            ValueError: something is missing or contradictory; the sentence says what.
        """
        try:
            apps = {str(item["id"]): App.from_data(item) for item in data["apps"]}
            tokens = {str(item["token"]): token_from(item) for item in data["tokens"]}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a description of apps and tokens lacks {error}; see the shipped sample") from error
        astray = [token.app for token in tokens.values() if token.app not in apps]
        if astray:
            raise ValueError(f"a token is for app {astray[0]}, which is not described")
        return cls(
            apps=apps,
            tokens=tokens,
            users=frozenset(data.get("users", ())),
            organizations=frozenset(data.get("organizations", ())),
            groups=frozenset(("everyone", *data.get("groups", ()))),
            passwords={str(login): str(password) for login, password in data.get("passwords", {}).items()},
            language=str(data.get("language", "ja")),
        )

    def asgi(self, prefix: str = "") -> Starlette:
        """The domain as an ASGI application, below *prefix*."""
        from renkei_kintone.simulator.api import application

        return application(self, prefix)

    def order(self, kind: str, **details: Any) -> Fault:
        """Order a fault, see `Fault`.

        Raises:
            ValueError: there is no such fault.
        """
        return self.faults.order({"kind": kind, **details})

    def values(self, app: str = "1") -> list[dict[str, Any]]:
        """The stored values of all records of *app*, oldest first."""
        return [record.values for record in self.apps[app].records.values()]

    def reset(self) -> None:
        """Forget records, files, faults, counts and the log; apps and tokens stay."""
        for app in self.apps.values():
            app.clear()
        self.faults.clear()
        self.files.clear()
        self.cursors.clear()
        self.requests.clear()
        self.counted.clear()

    def count(self, app: str) -> int:
        """Count one request on the app's figure of the day; how many there are now."""
        # 09:00 in Japan is midnight in UTC.
        day = self.now().astimezone(UTC).date().isoformat()
        self.counted[app, day] += 1
        return self.counted[app, day]

    def instant(self) -> str:
        """The clock in kintone's form: UTC, to the minute."""
        return self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z")


def token_from(item: Mapping[str, Any]) -> Token:
    """A token from JSON data.

    Raises:
        KeyError: something is missing.
        ValueError: there is no such permission.
    """
    permissions: Iterable[str] = item["permissions"]
    unknown = set(permissions) - set(PERMISSIONS)
    if unknown:
        raise ValueError(f"there is no permission {sorted(unknown)[0]!r}; there are {', '.join(PERMISSIONS)}")
    return Token(str(item["token"]), str(item["app"]), frozenset(permissions), bool(item.get("deployed", True)))


def load(path: Path) -> Kintone:
    """A domain from a JSON file in the form of the shipped `sample.json`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not such a file.
    """
    return Kintone.from_data(json.loads(path.read_text(encoding="utf-8")))


def sample() -> Kintone:
    """The shipped domain: app 1 「対応履歴」, app 2 「顧客」, and a token for each kind of mistake."""
    text = resources.files(__package__).joinpath("sample.json").read_text(encoding="utf-8")
    return Kintone.from_data(json.loads(text))
