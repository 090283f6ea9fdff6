"""A host that holds SQLite's write lock and waits for the engine would wait for itself: it is told so at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from renkei.engine import StoreUnavailable
from renkei.store import holders, host_transactions, lock_watch
from renkei.store.holders import holder_of

OWN = r"this (thread|task) holds a write transaction on it and would wait for itself; pass that connection, record\("
# Its own look comes after a tenth of a second; the rest is for a machine that is busy with other tests.
AT_ONCE = 20.0
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which process holds a lock")


@pytest.fixture
def engine(world):
    engine = sa.create_engine(f"sqlite:///{world.path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE tickets (id INTEGER PRIMARY KEY)")
    yield engine
    engine.dispose()


@pytest.fixture
def patient(monkeypatch):
    """Nothing that is merely likely is said."""
    monkeypatch.setattr(lock_watch, "PATIENCE_SECONDS", 3600)


INSERT = sa.text("INSERT INTO tickets DEFAULT VALUES")


@contextlib.contextmanager
def _sqlite3(engine):
    with contextlib.closing(sqlite3.connect(engine.url.database)) as connection:
        connection.execute(INSERT.text)
        yield connection


@contextlib.contextmanager
def _core(engine):
    with engine.connect() as connection:
        connection.execute(INSERT)
        yield connection


@contextlib.contextmanager
def _session(engine):
    with Session(engine) as session:
        session.execute(INSERT)
        yield session


@contextlib.contextmanager
def _request(engine):
    """Many steps from the driver's connection: what a web framework passes around."""
    with Session(engine) as session:
        session.execute(INSERT)
        yield SimpleNamespace(state=SimpleNamespace(database={"session": session}))


@contextlib.contextmanager
def _attached(engine):
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("ATTACH ? AS helpdesk", (engine.url.database,))
        connection.execute("INSERT INTO helpdesk.tickets DEFAULT VALUES")
        yield connection


registry = scoped_session(sessionmaker())


@contextlib.contextmanager
def _scoped(engine):
    """Nowhere in a variable of the thread, only in a `threading.local` of SQLAlchemy's."""
    registry.configure(bind=engine)
    registry.execute(INSERT)
    try:
        yield None
    finally:
        registry.remove()


HELD = [_sqlite3, _core, _session, _request, _attached, _scoped]


def _refused(act):
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match=OWN):
        act()
    assert time.monotonic() - began < AT_ONCE


def test_whoever_holds_the_file_is_told_to_pass_the_connection_and_nothing_is_recorded(world, engine, patient):
    for hold in HELD:
        with hold(engine) as held:
            _refused(lambda: world.record(1))
            assert held is None or held

    assert world.ledger() == {}
    world.record(1)
    assert world.ledger() == {"offered": 1, "recorded": 1, "waiting": 1}


def test_what_is_certain_is_said_without_the_kernels_list_of_locks_as_well(world, engine, patient, monkeypatch):
    monkeypatch.setattr(holders, "_LOCKS", world.path.with_name("no such file"))

    with _session(engine) as session:
        _refused(lambda: world.record(1))
        assert session
    with _held_elsewhere(_session, engine):
        world.record(2)

    assert world.ledger() == {"offered": 1, "recorded": 1, "waiting": 1}


WRITES = {
    "record_many": lambda world: world.renkei.record_many("t", "support", map(world.action, range(600))),
    "pause": lambda world: world.integrations.pause("t", "admin", "support"),
    "edit": lambda world: world.integrations.edit("t", "admin", "support", mapping=world.fake.mapping()),
    "create": lambda world: world.set_up("another"),
    "connect": lambda world: world.connect("second"),
    "replay": lambda world: world.renkei.replay("t", "admin", "support"),
}


def test_every_write_through_the_door_says_so_and_leaves_all_as_it_was(world, engine, patient):
    before = (world.ledger(), world.events(), world.show().state)

    with _core(engine) as connection:
        for write in WRITES.values():
            _refused(lambda write=write: write(world))
        assert connection

    assert (world.ledger(), world.events(), world.show().state) == before
    for write in WRITES.values():
        write(world)


def test_the_others_who_wait_are_served_as_soon_as_the_culprit_has_ended_its_transaction(world, engine, patient):
    others = [threading.Thread(target=world.record, args=(number,)) for number in range(16)]
    with _core(engine) as connection:
        for other in others:
            other.start()
        _refused(lambda: world.record("mine"))
        assert connection
    for other in others:
        other.join(20)

    assert world.ledger() == {"offered": 16, "recorded": 16, "waiting": 16}


@contextlib.contextmanager
def _held_elsewhere(hold, engine, seconds=0.6):
    """Another thread is in a write transaction for a while, longer than the first looks take."""
    inside = threading.Event()

    def work():
        with hold(engine) as held:
            inside.set()
            threading.Event().wait(seconds)
            assert held is None or held

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(20)
    yield
    thread.join(20)


def test_another_threads_long_transaction_is_waited_for(world, engine, patient):
    for number, hold in enumerate(HELD):
        with _held_elsewhere(hold, engine):
            world.record(number)

    assert world.ledger()["recorded"] == len(HELD)


def test_a_host_that_only_reads_waits_for_another_thread_that_writes(world, engine, patient):
    for number, hold in enumerate((_sqlite3, _session, _scoped)):
        with Session(engine) as reading, _held_elsewhere(hold, engine):
            reading.execute(sa.text("SELECT * FROM tickets")).all()
            world.record(number)

    assert world.ledger()["recorded"] == 3


def test_where_it_cannot_be_told_whose_it_is_it_is_said_after_a_few_seconds(world, engine, monkeypatch):
    monkeypatch.setattr(lock_watch, "PATIENCE_SECONDS", 0.3)
    everybodys = vars(sys.modules[__name__])
    everybodys["shared"] = sqlite3.connect(world.path, check_same_thread=False)
    try:
        everybodys["shared"].execute(INSERT.text)
        with pytest.raises(StoreUnavailable, match=r"this very process has held it.*If it is the caller's own: pass"):
            world.record(1)
    finally:
        everybodys.pop("shared").close()

    assert world.ledger() == {}


# -- event loops -----------------------------------------------------------------------------------------------------


async def _arecord(world, number=1):
    return await world.renkei.arecord("t", "support", world.action(number))


def test_a_task_that_waits_for_its_own_transaction_is_told_so(world, engine, patient):
    async def host(hold):
        with hold(engine) as held:
            await _arecord(world)
            assert held

    for hold in (_sqlite3, _core, _session, _request):
        _refused(lambda hold=hold: asyncio.run(host(hold)))

    assert world.ledger() == {}


def _beside_a_task_that_holds(hold, engine, record):
    async def work(inside):
        with hold(engine) as held:
            inside.set()
            await asyncio.sleep(0.6)
            assert held

    async def host():
        inside = asyncio.Event()
        working = asyncio.create_task(work(inside))
        await inside.wait()
        try:
            return await record()
        finally:
            await working

    return asyncio.run(host())


def test_another_tasks_transaction_is_waited_for_while_the_loop_goes_on(world, engine, patient):
    for number, hold in enumerate((_sqlite3, _core, _session)):
        receipt = _beside_a_task_that_holds(hold, engine, lambda number=number: _arecord(world, number))

        assert (receipt.outcome, receipt.repeated) == ("recorded", False)


def test_a_blocked_loop_cannot_end_another_tasks_transaction_either(world, engine, patient):
    async def record():
        world.record(1)

    for hold in (_sqlite3, _core, _session):
        _refused(lambda hold=hold: _beside_a_task_that_holds(hold, engine, record))


# -- first use -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hold", [_sqlite3, _core])
def test_a_closed_engine_may_be_opened_inside_the_hosts_transaction(world, engine, hold):
    world.renkei.close()

    with hold(engine) as held:
        world.renkei.record("t", "support", world.action(1), connection=held)
        held.commit()

    assert world.ledger() == {"offered": 1, "recorded": 1, "waiting": 1}


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_new_database_in_which_the_host_already_writes_is_told_at_once_as_well(make_world, tmp_path, journal):
    world = make_world()
    with contextlib.closing(sqlite3.connect(world.path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("CREATE TABLE tickets (id INTEGER PRIMARY KEY)")
        connection.execute(INSERT.text)
        _refused(lambda: world.renkei.record("t", "support", world.action(1)))
        connection.rollback()

    assert world.renkei.record("t", "support", world.action(1)).outcome == "excluded"


# -- other processes -------------------------------------------------------------------------------------------------

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def _another_process(path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], **pipes) as process:
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


@on_linux
def test_it_can_be_told_which_process_holds_the_write_lock(world, engine):
    assert holder_of(world.path) is None
    with _core(engine):
        assert holder_of(world.path).is_this_process
    with _another_process(world.path) as process:
        holder = holder_of(world.path)
        assert (holder.pid, holder.is_this_process, holder.is_stopped) == (process.pid, False, False)
        assert holder.name.startswith("python")


@on_linux
def test_a_process_that_was_stopped_inside_a_transaction_is_named_with_what_to_do(world, monkeypatch):
    monkeypatch.setattr(lock_watch, "PATIENCE_SECONDS", 0.3)
    with _another_process(world.path) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        with pytest.raises(StoreUnavailable, match=rf"process {process.pid} \(python.*stopped \(state T\).*kill -CONT"):
            world.record(1)
        later = threading.Thread(target=world.record, args=(2,))
        monkeypatch.setattr(lock_watch, "PATIENCE_SECONDS", 3600)
        later.start()
        process.send_signal(signal.SIGCONT)
        process.stdin.close()
        later.join(20)

    assert world.ledger() == {"offered": 1, "recorded": 1, "waiting": 1}


def test_another_process_that_goes_on_is_waited_for(world, patient):
    with _another_process(world.path) as process:
        recording = threading.Thread(target=world.record, args=(1,))
        recording.start()
        recording.join(0.5)
        assert recording.is_alive()
        process.stdin.close()
        recording.join(20)

    assert world.ledger() == {"offered": 1, "recorded": 1, "waiting": 1}


def test_in_the_end_sqlite_gives_up_and_the_holder_is_named(make_world, monkeypatch):
    monkeypatch.setattr("renkei.store.sqlite_file.BUSY_TIMEOUT_SECONDS", 0.3)
    world = make_world()
    world.set_up()
    with _another_process(world.path) as process:
        named = rf": process {process.pid} \(python" if sys.platform == "linux" else ""
        with pytest.raises(StoreUnavailable, match=f"another process has held the database for over a minute{named}"):
            world.record(1)

    world.record(1)


def test_looking_for_the_hosts_transaction_disturbs_no_other_thread():
    """CPython ends a tuple that is being built with a SystemError where somebody else holds it meanwhile."""
    wrong: list[BaseException] = []
    done = threading.Event()

    def build():
        try:
            while not done.is_set():
                tuple(number for number in range(500))
        except SystemError as error:
            wrong.append(error)

    builders = [threading.Thread(target=build) for _ in range(3)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for builder in builders:
            builder.start()
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE TABLE replies (id)")
            connection.execute("INSERT INTO replies VALUES (1)")
            found = [len(host_transactions.open_now()) for _ in range(40)]
    finally:
        sys.setswitchinterval(before)
        done.set()
        for builder in builders:
            builder.join()

    assert (wrong, set(found)) == ([], {1})
