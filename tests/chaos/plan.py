"""The plan of a run: which kill comes in which window, which request goes wrong how. It depends on the seed alone."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import asdict, dataclass

from chaos.world import APPS, DEADLINE, SLOWEST

WINDOWS = ("claimed", "marked", "sent", "applied", "answered", "settled")
# The windows that only the backend's side can tell.
BACKENDS = ("sent", "applied")
FREEZES = ("claimed", "marked", "answered", "settled")
# Takes its time and then commits; checks the unique field first and commits later; reserves, and takes it back.
SLOW = ("slow", "slow_checked", "slow_rolled_back")
FAULTS = (
    "503",
    "502_html",
    "429",
    "429_retry_after",
    "da02",
    "html_200",
    "html_200_applied",
    "reset",
    "applied_reset",
    "applied_504",
    "applied_silence",
    "silence",
    *SLOW,
    "maintenance",
    "revoked",
)


@dataclass(frozen=True, slots=True)
class Kill:
    """One `kill -9` of a worker.

    Attributes:
        skip: so many times the window is passed unharmed first.
        late: for `sent`: what becomes of the request whose sender is gone: None, it is dropped; else the backend works
            on it for so many seconds.
        how: for `sent` with *late*: one of `SLOW`.
    """

    window: str
    skip: int
    late: float | None
    how: str


@dataclass(frozen=True, slots=True)
class Blow:
    """What strikes the request that brings records with this number, counted from 0."""

    number: int
    kind: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is planned.

    Attributes:
        freezes: where a worker is frozen beyond its lease, spread over the kills.
        host_kills: kills of a host, spread over the kills.
    """

    kills: tuple[Kill, ...]
    freezes: tuple[str, ...]
    host_kills: int
    blows: tuple[Blow, ...]

    @property
    def digest(self) -> str:
        """The same for the same plan."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def plan(seed: int, *, kills: int, actions: int, keyed: bool) -> Plan:
    """Draw the plan of a run. Small runs have more faults to a request, so that they meet most kinds."""
    requests = actions / (70 if keyed else 15)
    every = min(9.0, max(3.0, requests / (2 * len(FAULTS))))
    draw = random.Random(f"{seed}/plan")
    freezes = max(1, kills // 12) if kills else 0
    return Plan(
        kills=tuple(_kills(draw, kills)),
        freezes=tuple(FREEZES[at % len(FREEZES)] for at in range(freezes)),
        host_kills=max(1, kills // 20) if kills else 0,
        blows=tuple(_blows(draw, requests=actions // 2 + 200, every=every)),
    )


def _kills(draw: random.Random, count: int) -> list[Kill]:
    windows: list[str] = []
    while len(windows) < count:
        windows += draw.sample(WINDOWS, len(WINDOWS))
    windows = windows[:count]
    return [
        Kill(window, draw.randrange(2), draw.uniform(0.0, SLOWEST) if draw.random() < 0.5 else None, draw.choice(SLOW))
        for window in windows
    ]


def _blows(draw: random.Random, *, requests: int, every: float) -> list[Blow]:
    """Every kind in turn, in an order that is drawn anew for each turn."""
    blows: list[Blow] = []
    number = 3
    while number < requests:
        for kind in draw.sample(FAULTS, len(FAULTS)):
            # Half of the slow ones end while the client still waits, or shortly after.
            blows.append(Blow(number, kind, draw.uniform(DEADLINE * 0.4, SLOWEST)))
            number += 1 + int(draw.expovariate(1 / (every - 1)))
    return blows


def app_of(number: int) -> str:
    """The app that a maintenance or revocation with this number is about."""
    return APPS[number % len(APPS)]
