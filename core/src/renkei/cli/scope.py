"""What every command knows: who asks, for which tenant, of which database; and the engine, opened when it is used."""

from __future__ import annotations

import getpass
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from renkei.cli.failures import CommandError
from renkei.cli.output import Output

if TYPE_CHECKING:
    from renkei.engine import Host, Policy, Renkei
    from renkei.spec import Language, Text

LEVELS = ("debug", "info", "warning", "error")


@dataclass(slots=True, kw_only=True)
class Scope:
    """One command's surroundings.

    Attributes:
        database: path or URL.
        actor: the user on whose behalf the engine is asked.
        host_name: `module:object`, empty for the shipped helpdesk.
        labels: field → what the form that is being filled in calls it, for messages.
    """

    database: str = "renkei.db"
    tenant: str = "default"
    actor: str = ""
    host_name: str = ""
    language: Language = "en"
    json: bool = False
    log_level: str = "warning"
    labels: dict[str, Text] = field(default_factory=dict)
    _engine: Renkei | None = field(default=None, repr=False)
    _host: Host | None = field(default=None, repr=False)

    @property
    def out(self) -> Output:
        """Where words go."""
        return Output(self.language, json=self.json)

    @property
    def engine(self) -> Renkei:
        """The engine on this database."""
        if self._engine is None:
            self._engine = self._open()
        return self._engine

    @property
    def host(self) -> Host:
        """The host app, or what stands for it."""
        if self._host is None:
            from renkei.cli.hosts import load_host

            self._host = load_host(self.host_name)
        return self._host

    def close(self) -> None:
        """End what was opened."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _open(self) -> Renkei:
        from renkei.engine import Renkei
        from renkei.plugins.routes import parse_routes

        routes = parse_routes(os.environ.get("RENKEI_ROUTES", ""))
        return Renkei(
            self.database,
            keys=_keys(os.environ),
            host=self.host,
            routes=routes,
            policy=_policy(os.environ, routed=bool(routes)),
            disabled=listed(os.environ.get("RENKEI_DISABLED", "")),
        )


def listed(text: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def login_name() -> str:
    """Who is at the keyboard, as the system knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user in this container
        return f"uid-{os.getuid()}"


def language_of(environment: Mapping[str, str]) -> Language:
    """What RENKEI_LANG says; else `ja` where the locale says so, else `en`."""
    said = environment.get("RENKEI_LANG") or environment.get("LC_ALL") or environment.get("LC_MESSAGES")
    return "ja" if (said or environment.get("LANG") or "").lower().startswith("ja") else "en"


@contextmanager
def logging_at(level: str) -> Iterator[None]:
    """Log to standard error for a while; libraries configure no handlers, so the command line does."""
    root, handler = logging.getLogger(), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    before = root.level
    root.addHandler(handler)
    root.setLevel(level.upper())
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


def _keys(environment: Mapping[str, str]) -> dict[str, bytes] | Path | None:
    text, path = environment.get("RENKEI_KEYS"), environment.get("RENKEI_KEY_FILE")
    if text and path:
        raise CommandError(
            ja="RENKEI_KEYS と RENKEI_KEY_FILE の両方が設定されています。どちらか一方にしてください。",
            en="Both RENKEI_KEYS and RENKEI_KEY_FILE are set; keep one of them.",
        )
    if text:
        from renkei.store.vault import parse_keys

        return parse_keys(text)
    return Path(path) if path else None


def _policy(environment: Mapping[str, str], *, routed: bool) -> Policy | None:
    text = environment.get("RENKEI_SIMULATED_SETTLES_WITHIN")
    if not text:
        return None
    if not routed:
        raise CommandError(
            ja="RENKEI_SIMULATED_SETTLES_WITHIN はシミュレーター専用です。RENKEI_ROUTES も設定するか、削除して"
            "ください。実際の連携先では、二重登録のおそれがあります。",
            en="RENKEI_SIMULATED_SETTLES_WITHIN is for simulators alone: set RENKEI_ROUTES too, or remove it. "
            "With a real backend it could store records twice.",
        )
    return _settling(text)


def _settling(text: str) -> Policy:
    from datetime import timedelta

    from renkei.engine import Policy

    try:
        return Policy(settles_within=timedelta(seconds=_seconds(text)))
    except ValueError:
        raise CommandError(
            ja="RENKEI_SIMULATED_SETTLES_WITHIN には、0以上3600以下の秒数を指定してください。",
            en="RENKEI_SIMULATED_SETTLES_WITHIN must be a number of seconds from 0 to 3600.",
        ) from None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 3600:
        raise ValueError(text)
    return seconds
