"""Races that luck rarely brings: each is played on purpose, with a rule of core in place and without it.

Ten actions of one inbox, one simulated kintone, and workers that are killed or frozen at a named step.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chaos import tally
from chaos.children import Child
from chaos.stage import Stage, stage
from chaos.tally import NoteReader
from chaos.world import LEASE, NAMES, SETTLES_WITHIN, Place

COUNT = 10
# Shorter than the hold-off, longer than any takeover takes.
LATE = 2.5


@dataclass(slots=True)
class Scene:
    """One race under way."""

    stage: Stage
    clerk: Child
    keys: list[str]

    def worker(self, name: str, **trap: Any) -> Child:
        """Start a worker, with a trap at one of its own steps."""
        child = self.stage.worker(name)
        if trap:
            child.order(skip=0, **trap)
        child.order(do="start")
        return child

    def kill_at_backend(self, window: str, name: str, **how: Any) -> None:
        """Start a worker that kintone's side kills when its first request comes, and wait for that."""
        child = self.stage.worker(name)
        self.stage.crm.order(do="kill", victim=child.pid, window=window, skip=0, **{"late": None, "how": "slow", **how})
        time.sleep(0.1)  # the simulator reads its orders in a thread; a worker takes longer than this to begin
        child.order(do="start")
        self.stage.wait_for("killed")

    def frozen(self, window: str, name: str) -> Child:
        """Start a worker and wait until it stands still there."""
        child = self.worker(name, do="freeze", window=window)
        self.stage.wait_for("frozen")
        return child

    def wake(self, child: Child) -> None:
        """Let a frozen worker go on."""
        os.kill(child.pid, signal.SIGCONT)

    def until(self, **counts: int) -> None:
        """Look at the ledger until it holds these counts, or what it holds does not change any more."""
        ends = time.monotonic() + SETTLES_WITHIN * 2 + LEASE + 10
        while time.monotonic() < ends:
            self.clerk.order(do="look")
            ledger = self.stage.wait_for("looked")
            if all(ledger[name] == count for name, count in counts.items()):
                return
            time.sleep(0.1)

    def send_again(self) -> None:
        """The admin has looked: they are not there. As soon as core offers it, they are sent again."""
        ids = [f"A-{number:06d}" for number in range(COUNT)]
        ends = time.monotonic() + SETTLES_WITHIN * 2 + 10
        while time.monotonic() < ends:
            self.clerk.order(do="replay", inbox=NAMES[0], ids=ids)
            if self.stage.wait_for("replayed")["refused"] is None:
                return
            time.sleep(0.2)


def commits_late(scene: Scene) -> None:
    """A worker is killed while its request is worked on; the backend has checked the key, and commits late."""
    scene.kill_at_backend("sent", "first", late=LATE, how="slow_checked")
    scene.worker("second")
    scene.until(waiting=0, sending=0)
    time.sleep(LATE)


def takes_back(scene: Scene) -> None:
    """The same, and the backend has reserved the keys; in the end it takes everything back."""
    scene.kill_at_backend("sent", "first", late=LATE, how="slow_rolled_back")
    scene.worker("second")
    scene.until(waiting=0, sending=0)
    time.sleep(LATE)


def unanswered(scene: Scene) -> None:
    """A worker is killed between the backend's commit and its answer."""
    scene.kill_at_backend("applied", "first")
    scene.worker("second")
    scene.until(waiting=0, sending=0)


def frozen_before_sending(scene: Scene) -> None:
    """A worker is frozen between its mark and its request; others finish, with an admin's help; it wakes."""
    first = scene.frozen("marked", "first")
    scene.worker("second")
    scene.until(doubtful=COUNT)
    scene.send_again()
    scene.until(delivered=COUNT)
    scene.wake(first)
    time.sleep(1.5)


def stale_refusal(scene: Scene) -> None:
    """A worker is frozen with a refusal in its hand; another sends, is stored and killed; the first one wakes."""
    scene.stage.crm.order(do="strike", kind="429")
    time.sleep(0.1)
    first = scene.frozen("answered", "first")
    second = scene.worker("second")
    scene.until(doubtful=COUNT)
    os.kill(second.pid, signal.SIGKILL)
    scene.send_again()
    scene.kill_at_backend("applied", "third")
    scene.wake(first)
    scene.until(waiting=0, sending=0)


def stale_refusal_with_a_key(scene: Scene) -> None:
    """The same under a key, which is sent again without an admin."""
    scene.stage.crm.order(do="strike", kind="429")
    time.sleep(0.1)
    first = scene.frozen("answered", "first")
    time.sleep(LEASE)
    scene.kill_at_backend("applied", "second")
    scene.wake(first)
    scene.until(waiting=0, sending=0)


def strangers_keys(scene: Scene) -> None:
    """Records that nobody here has written hold the keys already."""
    scene.stage.crm.order(do="plant", app="1", keys=scene.keys)
    time.sleep(0.1)
    scene.worker("only")
    scene.until(waiting=0, sending=0)


@dataclass(frozen=True, slots=True)
class Race:
    """A race, the rule that it is about, and whether it is run under a unique key."""

    name: str
    rule: str
    keyed: bool
    play: Callable[[Scene], None]


RACES = (
    Race("killed before the answer", "mark", True, unanswered),
    Race("killed before the answer", "mark", False, unanswered),
    Race("late commit of a killed worker's request", "hold-off", True, commits_late),
    Race("late roll-back of a killed worker's request", "hold-off", True, takes_back),
    Race("frozen between mark and request", "lease-check", False, frozen_before_sending),
    Race("refusal in a stale holder's hand", "fence", True, stale_refusal_with_a_key),
    Race("refusal in a stale holder's hand", "fence", False, stale_refusal),
    Race("keys that strangers hold", "duplicate-rule", True, strangers_keys),
    Race("killed before the answer", "doubt", False, unanswered),
)


def play(race: Race, place: Place, *, without: bool) -> dict[str, Any]:
    """Play one race and count."""
    with stage(place, rule=race.rule if without else None) as made:
        clerk = made.clerk(keyed=race.keyed)
        clerk.order(do="record", count=COUNT)
        race.play(Scene(made, clerk, made.wait_for("recorded")["keys"]))
        found = tally.stored(made.url)
        noted = NoteReader(place, 1).read().recorded
    verdict = tally.verdict(place, noted, found, [])
    return {
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "doubtful": verdict.doubtful,
        "misjudged": len(verdict.misjudged),
    }
