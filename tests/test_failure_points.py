"""Each failure point of the engine, hit on purpose by a process that ends, or stands still, exactly there."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from doomed.crm import Crm, crm_for, served
from doomed.forks import ACTIONS, ADMIN, INBOX, START, TENANT, Forks, action, forks
from doomed.plugin import PUSH

import renkei as package
from renkei.delivery.points import WINDOWS, Point
from renkei.store.ledger import STATES

# Later than the look at the target lasts; and than every lease, hold-off, back-off and refresh.
STALE, LATER = timedelta(minutes=10), timedelta(hours=1)
# keyed: the key is unique. asked: it is not, but the backend can be asked by it. plain: there is no key at all.
MODES = ("keyed", "asked", "plain")


# -- the stage -------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Stage:
    """One database, one CRM, and the processes that work on them one after another."""

    database: Path
    crm: Crm
    url: str
    mode: str
    forks: Forks
    recorded: set[str] = field(default_factory=lambda: {f"a{number}" for number in range(ACTIONS)})
    #: what deaths have left marked, and nobody could know of.
    left: set[str] = field(default_factory=set)

    def die(self, point: str, *, after: timedelta = timedelta(0), **task: Any) -> set[str]:
        """Let a process end at *point*; what it has left marked of its own."""
        before = self.marked()
        pid = self.forks.start(database=str(self.database), url=self.url, now=str(START + after), point=point, **task)
        assert self.forks.look(pid) == ("killed", signal.SIGKILL), f"{point} was not reached: {self.forks.said()}"
        self.look()
        fresh = self.marked() - before
        self.left |= fresh
        return fresh

    def freeze(self, point: str, *, after: timedelta, **task: Any) -> int:
        """Let a process stand still at *point*; its id."""
        before = self.marked()
        pid = self.forks.start(
            database=str(self.database), url=self.url, now=str(START + after), point=point, sign=signal.SIGSTOP, **task
        )
        assert self.forks.look(pid) == ("stopped", signal.SIGSTOP), f"{point} was not reached: {self.forks.said()}"
        self.left |= self.marked() - before
        return pid

    def thaw(self, pid: int) -> None:
        """Let it go on, and end well."""
        os.kill(pid, signal.SIGCONT)
        self.forks.finish(pid)
        self.look()

    def work(self, after: timedelta, **task: Any) -> None:
        """Let a process do what is due, and end well."""
        pid = self.forks.start(database=str(self.database), url=self.url, now=str(START + after), **task)
        self.forks.finish(pid)
        self.look()

    def finish(self, after: timedelta = LATER) -> None:
        """Let another worker finish, hours later and with hours between."""
        self.work(after, hours=4)
        assert not self.in_state("waiting", "sending")

    def do(self, *act: Any) -> None:
        """Let the host or an admin do something."""
        self.work(timedelta(0), act=list(act))

    def rows(self) -> dict[str, str]:
        """Each action's state, read from the file itself."""
        with closing(sqlite3.connect(self.database)) as connection:
            query = "SELECT action_id, state FROM deliveries JOIN intake ON intake.id = intake_id"
            return dict(connection.execute(query).fetchall())

    def in_state(self, *states: str) -> set[str]:
        return {name for name, state in self.rows().items() if state in states}

    def marked(self) -> set[str]:
        return self.in_state("sending")

    def look(self) -> None:
        """The ledger's law, from the file, the list of what was recorded, and the CRM's records."""
        rows, stored = self.rows(), self.crm.stored()
        assert set(rows) == self.recorded
        assert set(rows.values()) <= set(STATES)
        assert set(stored) <= self.recorded
        assert [name for name, times in stored.items() if times > 1] == []
        assert {name for name, state in rows.items() if state == "delivered"} <= set(stored)
        assert self.in_state("rejected", "cancelled").isdisjoint(stored)
        with closing(sqlite3.connect(self.database)) as connection:
            counted = connection.execute("SELECT sum(offered), sum(conflict) FROM counts").fetchone()
            taken = connection.execute("SELECT count(*) FROM intake").fetchone()[0]
        assert counted[0] == taken + counted[1]

    def credentials(self) -> tuple[int, bytes]:
        with closing(sqlite3.connect(self.database)) as connection:
            query = "SELECT credentials_number, sealed_credentials FROM connections"
            number, sealed = connection.execute(query).fetchone()
            return number, sealed

    def lane(self) -> tuple[str, str | None]:
        with closing(sqlite3.connect(self.database)) as connection:
            state, code = connection.execute("SELECT state, reason_code FROM lanes").fetchone()
            return state, code


@pytest.fixture(scope="module")
def forked() -> Iterator[Forks]:
    with forks() as made:
        yield made


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, forked: Forks) -> Callable[[str], Path]:
    """Folders with a database in which ten actions wait, each mode's made once."""
    made: dict[str, Path] = {}

    def prepare(mode: str) -> Path:
        if mode not in made:
            made[mode] = tmp_path_factory.mktemp(mode)
            forked.finish(forked.start(task="prepare", database=str(made[mode] / "renkei.db"), mode=mode))
        return made[mode]

    return prepare


@pytest.fixture
def stages(tmp_path: Path, forked: Forks, prepared: Callable[[str], Path]) -> Iterator[Callable[[str], Stage]]:
    with ExitStack() as stack:

        def make(mode: str) -> Stage:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            shutil.copytree(prepared(mode), folder)
            crm = crm_for(mode, tokens=1)
            url = stack.enter_context(served(crm))
            return Stage(database=folder / "renkei.db", crm=crm, url=url, mode=mode, forks=forked)

        yield make


# -- what leads to each point ----------------------------------------------------------------------------------------

Prepare = Callable[[Stage], None]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """How a process comes to one point.

    Attributes:
        prepare: done before it starts.
        mend: done after it has died.
        rejected: which actions end rejected.
    """

    prepare: Prepare = lambda _stage: None
    mend: Prepare = lambda _stage: None
    after: timedelta = timedelta(0)
    due_only: bool = True
    modes: tuple[str, ...] = ("keyed", "plain")
    policy: dict[str, Any] = field(default_factory=dict)
    rejected: frozenset[str] = frozenset()


def _leave_some_marked(stage: Stage) -> None:
    assert len(stage.die("before_send")) == PUSH


def _leave_some_held(stage: Stage) -> None:
    _leave_some_marked(stage)
    stage.work(LATER)


def _leave_some_stored(stage: Stage) -> None:
    assert stage.die("answered") <= set(stage.crm.stored())


def _leave_some_held_and_stored(stage: Stage) -> None:
    _leave_some_stored(stage)
    stage.work(LATER)


def _refuse_one(stage: Stage) -> None:
    stage.crm.refuses = lambda record: ("odd", None) if record["action"] == "a0" else None


def _refuse_all(stage: Stage) -> None:
    stage.crm.refuses = lambda _record: ("odd", None)


def _refuse_none(stage: Stage) -> None:
    stage.crm.refuses = lambda _record: None


def _be_busy(stage: Stage) -> None:
    stage.crm.fail("busy")


def _leave_the_lane_waiting(stage: Stage) -> None:
    stage.crm.fail("server_error", on="/fields")
    stage.work(STALE)
    assert stage.lane()[0] == "waiting"


def _lose_a_field(stage: Stage) -> None:
    del stage.crm.fields[2]


def _have_it_back(stage: Stage) -> None:
    stage.crm.fields[:] = crm_for(stage.mode).fields


def _break(stage: Stage) -> None:
    stage.crm.broken = True


def _repair(stage: Stage) -> None:
    stage.crm.broken = False


def _end_the_token(stage: Stage) -> None:
    stage.crm.end_tokens()


def _renew_by_hand(stage: Stage) -> None:
    # The token that was given is on no disk, and the one on disk has ended: only an admin can help.
    stage.work(LATER)
    assert stage.lane()[0] == "blocked"
    stage.do("connections.renew", TENANT, ADMIN, "fake", {"settings": {"password": stage.crm.password}})


def _record_one_that_cannot_be_rendered(stage: Stage) -> None:
    # Nothing else waits: made ready ahead, a push would be on the wire.
    stage.work(timedelta(0))
    stage.recorded.add("a99")
    stage.do("record", TENANT, INBOX, action(99, subject="x" * 300))


_REFUSING_ONE = Scene(prepare=_refuse_one, rejected=frozenset({"a0"}))
_REFRESHING = Scene(prepare=_end_the_token, after=STALE)
SCENES: dict[Point, Scene] = {
    "claimed": Scene(),
    "freed": Scene(prepare=_leave_some_marked, due_only=False),
    "recovered": Scene(prepare=_leave_some_marked, after=LATER),
    "probed": Scene(prepare=_leave_the_lane_waiting, after=2 * STALE),
    "opened": Scene(prepare=_leave_the_lane_waiting, after=2 * STALE),
    "discovered": Scene(after=STALE),
    "looked": Scene(after=STALE),
    "drift_noted": Scene(prepare=_lose_a_field, mend=_have_it_back, after=STALE),
    "kept_unsent": Scene(prepare=_record_one_that_cannot_be_rendered, rejected=frozenset({"a99"})),
    "verified": Scene(prepare=_leave_some_held_and_stored, after=2 * LATER, modes=("asked",)),
    "believed": Scene(prepare=_leave_some_held, after=2 * LATER, modes=("asked",)),
    "marked": Scene(modes=MODES),
    "before_send": Scene(modes=MODES),
    "answered": Scene(modes=MODES),
    "settled": Scene(modes=MODES),
    "split": _REFUSING_ONE,
    "lone_counted": _REFUSING_ONE,
    "lone_returned": Scene(prepare=_refuse_all, mend=_refuse_none, policy={"lone_refusals": 2}),
    "lone_forgotten": _REFUSING_ONE,
    "stopped": Scene(prepare=_be_busy),
    "backend_blocked": Scene(prepare=_break, mend=_repair, after=STALE, policy={"faults_allowed": 1}),
    "refresh_begun": _REFRESHING,
    "refreshed": Scene(prepare=_end_the_token, mend=_renew_by_hand, after=STALE),
    "credentials_stored": _REFRESHING,
    "released": Scene(),
}
# Every transaction's two; reached by what people do.
MOMENTS = ("before_commit", "committed")


def test_each_point_of_the_catalogue_is_hit_by_a_test_here():
    assert set(SCENES) | set(MOMENTS) == set(WINDOWS) == set(get_args(Point))


def test_each_point_of_the_catalogue_is_named_in_the_engine_and_no_other():
    named = set()
    folders = [Path(package.__file__).parent / name for name in ("engine", "delivery", "store")]
    for file in (file for folder in folders for file in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("reached", "_reached"):
                assert isinstance(node.args[0], ast.Constant), f"{file.name}:{node.lineno} computes the name"
                named.add(node.args[0].value)

    assert named == set(WINDOWS)


# -- killed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("point", "mode"), [(point, mode) for point, scene in SCENES.items() for mode in scene.modes])
def test_a_process_that_is_killed_in_a_window_loses_and_doubles_nothing(
    stages: Callable[[str], Stage], point: Point, mode: str
) -> None:
    stage, scene = stages(mode), SCENES[point]
    scene.prepare(stage)

    left = stage.die(point, after=scene.after, due_only=scene.due_only, policy=scene.policy)
    assert_left(stage, left, point)
    scene.mend(stage)
    stage.finish(scene.after + LATER)

    assert_each_is_where_it_must_be(stage, rejected=scene.rejected)


def assert_left(stage: Stage, left: set[str], point: Point) -> None:
    """What the catalogue foretells stands marked, and is at the backend or not."""
    foretold, stored = WINDOWS[point].leaves, set(stage.crm.stored())
    assert len(left) == (0 if foretold == "nothing" else PUSH)
    assert left <= stored if foretold == "stored" else left.isdisjoint(stored)


def assert_each_is_where_it_must_be(stage: Stage, *, rejected: frozenset[str] = frozenset()) -> None:
    doubtful = stage.left if stage.mode == "plain" else set()
    assert stage.in_state("doubtful") == doubtful
    assert stage.in_state("rejected") == rejected
    assert stage.in_state("delivered") == stage.recorded - doubtful - rejected


# -- frozen ----------------------------------------------------------------------------------------------------------

# A lease that runs out while a test waits, and long enough for a push on a busy machine.
SHORT = {"lease": 6.0, "push_deadline": 4.0}
# What differs from a kill: whether a request that was marked still leaves, and what late proof is worth.
TELLING = [
    ("claimed", "plain"),
    ("marked", "keyed"),
    ("marked", "plain"),
    ("before_send", "keyed"),
    ("before_send", "plain"),
    ("answered", "keyed"),
    ("answered", "plain"),
    ("settled", "plain"),
    ("split", "plain"),
]
ALL = [(point, mode) for point, scene in SCENES.items() for mode in scene.modes]


def test_processes_that_stand_still_beyond_their_lease_lose_and_double_nothing(
    stages: Callable[[str], Stage],
) -> None:
    frozen: list[tuple[str, str, Stage, int]] = []
    for point, mode in ALL if "RENKEI_POINTS" in os.environ else TELLING:
        stage, scene = stages(mode), SCENES[point]  # type: ignore[index]  # a name of the catalogue
        scene.prepare(stage)
        pid = stage.freeze(point, after=scene.after, due_only=scene.due_only, policy={**SHORT, **scene.policy})
        frozen.append((point, mode, stage, pid))
    # The one thing here that time alone can do: all their leases run out at once.
    time.sleep(SHORT["lease"])

    for point, mode, stage, pid in frozen:
        scene = SCENES[point]  # type: ignore[index]
        scene.mend(stage)
        stage.finish(scene.after + LATER)
        stage.thaw(pid)
        stage.finish(scene.after + 5 * LATER)
        try:
            assert_the_late_changed_nothing(stage, point, rejected=scene.rejected)
        except AssertionError as error:
            raise AssertionError(f"{point}, {mode}: {error}") from error


def assert_the_late_changed_nothing(stage: Stage, point: str, *, rejected: frozenset[str]) -> None:
    """As after a kill; but what was in doubt may have been cleared by late proof."""
    doubtful = stage.in_state("doubtful")
    if stage.mode != "plain" or point == "answered":
        assert doubtful == set(), "there was proof"
    elif point == "before_send":
        assert doubtful <= stage.left, "sent late, or not at all"
    else:
        assert doubtful == stage.left, "what was not sent must not be sent"
        assert doubtful.isdisjoint(stage.crm.stored()) or point == "recovered"
    assert stage.in_state("rejected") == rejected
    assert stage.in_state("delivered") == stage.recorded - doubtful - rejected


def test_a_process_that_was_frozen_with_new_credentials_does_not_overwrite_newer_ones(
    stages: Callable[[str], Stage],
) -> None:
    stage = stages("keyed")
    stage.crm.end_tokens()
    pid = stage.freeze("refreshed", after=STALE, policy={})
    stage.work(LATER)
    assert stage.lane()[0] == "blocked"
    stage.do("connections.renew", TENANT, ADMIN, "fake", {"settings": {"password": stage.crm.password}})
    # So that nothing is to be done any more: a probe would bring still newer ones.
    stage.do("integrations.pause", TENANT, ADMIN, INBOX)
    newest = stage.credentials()

    stage.thaw(pid)

    assert stage.credentials() == newest


# -- what people do --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that a person or the host does, in one transaction.

    Attributes:
        before, after: what `seen` says where it has not happened, and where it has.
        again: whether doing it once more is taken.
    """

    does: tuple[Any, ...]
    prepare: Prepare = lambda _stage: None
    seen: Callable[[Stage], Any]
    before: Any
    after: Any


def _count(*states: str) -> Callable[[Stage], int]:
    return lambda stage: len(stage.in_state(*states))


def _integration(stage: Stage) -> str:
    with closing(sqlite3.connect(stage.database)) as connection:
        return str(connection.execute("SELECT state FROM integrations").fetchone()[0])


def _revisions(stage: Stage) -> int:
    with closing(sqlite3.connect(stage.database)) as connection:
        return int(connection.execute("SELECT count(*) FROM revisions").fetchone()[0])


def _known(stage: Stage) -> int:
    return len(stage.rows())


def _reject_one(stage: Stage) -> None:
    stage.crm.refuses = lambda record: ("odd", "subject") if record["action"] == "a0" else None
    stage.work(timedelta(0))
    _refuse_none(stage)
    assert stage.in_state("rejected") == {"a0"}


def _doubt_some(stage: Stage) -> None:
    _leave_some_stored(stage)
    stage.work(LATER)
    assert len(stage.in_state("doubtful")) == PUSH
    stage.left.clear()


def _pause(stage: Stage) -> None:
    stage.do("integrations.pause", TENANT, ADMIN, INBOX)


_HERE = (TENANT, ADMIN, INBOX)
ACTS = {
    "record": Act(does=("record", TENANT, INBOX, action(50)), seen=_known, before=ACTIONS, after=ACTIONS + 1),
    "edit": Act(does=("integrations.edit", *_HERE, {"waiting": "new_settings"}), seen=_revisions, before=1, after=2),
    "pause": Act(does=("integrations.pause", *_HERE), seen=_integration, before="active", after="paused"),
    "resume, cancelling what waits": Act(
        prepare=_pause,
        does=("integrations.resume", *_HERE, {"cancel_waiting": True}),
        seen=lambda stage: (_integration(stage), _count("cancelled")(stage)),
        before=("paused", 0),
        after=("active", ACTIONS),
    ),
    "delete, cancelling what waits": Act(
        does=("integrations.delete", *_HERE, {"deliver_waiting": False}),
        seen=lambda stage: (_integration(stage), _count("cancelled")(stage)),
        before=("active", 0),
        after=("deleted", ACTIONS),
    ),
    "cancel": Act(does=("cancel", *_HERE, ["a1", "a2"]), seen=_count("cancelled"), before=0, after=2),
    "replay": Act(prepare=_reject_one, does=("replay", *_HERE), seen=_count("rejected"), before=1, after=0),
    "settle": Act(
        prepare=_doubt_some, does=("settle", *_HERE, "a0"), seen=_count("doubtful"), before=PUSH, after=PUSH - 1
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", ACTS)
def test_what_a_killed_host_was_doing_has_happened_wholly_or_not_at_all(
    stages: Callable[[str], Stage], name: str, moment: str
) -> None:
    stage, act = stages("plain"), ACTS[name]
    act.prepare(stage)
    if (name, moment) == ("record", "committed"):
        stage.recorded.add("a50")

    stage.die(moment, act=list(act.does), after=2 * LATER)
    assert act.seen(stage) == (act.before if moment == "before_commit" else act.after)
    if _integration(stage) == "paused":
        stage.do("integrations.resume", TENANT, ADMIN, INBOX)
    stage.finish(3 * LATER)

    given_up = stage.in_state("rejected", "cancelled", "doubtful")
    assert stage.in_state("delivered") == stage.recorded - given_up
