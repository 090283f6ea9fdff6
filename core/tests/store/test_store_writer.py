"""The writer: one thread, one commit for many, and nothing that a caller does may end it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import os
import threading
import types
import warnings
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from renkei.store import Store, StoreUnavailable, sqlite_file
from renkei.store.tables import meta
from renkei.store.writer import Writer

from .conftest import KEYS

WAIT = 20


def _insert(name):
    """A job that writes a row and answers 1."""

    def job(connection):
        connection.execute(meta.insert().values(name=name, value="x"))
        return 1

    return job


def _names(bench):
    return set(bench.read(lambda connection: connection.execute(sa.select(meta.c.name)).scalars().all())) - {
        "installation",
        "vault_check",
    }


@contextlib.contextmanager
def _held_up(submit):
    """Keep the writer busy, so that what is submitted meanwhile becomes one group."""
    started, go_on = threading.Event(), threading.Event()

    def wait(_connection):
        started.set()
        assert go_on.wait(WAIT)

    waiting = submit(wait)
    assert started.wait(WAIT)
    try:
        yield
    finally:
        go_on.set()
        waiting.result(WAIT)


def test_on_postgresql_only_what_is_recorded_shares_a_transaction(pg_url, on_store):
    bench = on_store(Store(pg_url, KEYS))

    def which(connection):
        return connection.exec_driver_sql("SELECT pg_current_xact_id()::text").scalar()

    def submit(alone):
        return bench.store.database.submit(which, alone=alone)

    with _held_up(bench.store.submit):
        jobs = [submit(alone) for alone in (False, False, True, True, False, False)]
    a, b, c, d, e, f = (job.result(WAIT) for job in jobs)

    assert a == b
    assert e == f
    assert len({a, c, d, e}) == 4
    assert bench.write(which) not in {a, c, d, e}
    bench.store.close()


def test_a_failing_job_in_a_group_does_not_spoil_the_others(bench):
    with _held_up(bench.store.submit):
        jobs = [bench.store.submit(_insert(f"n{number}")) for number in range(10)]
        bad = bench.store.submit(lambda connection: connection.execute(sa.text("SELECT no_such_column FROM meta")))
        jobs += [bench.store.submit(_insert(f"n{number}")) for number in range(10, 20)]

    assert [job.result(WAIT) for job in jobs] == [1] * 20
    with pytest.raises(sa.exc.DBAPIError):
        bad.result(WAIT)
    assert _names(bench) == {f"n{number}" for number in range(20)}


def test_a_row_that_is_refused_by_the_database_fails_alone(bench):
    with _held_up(bench.store.submit):
        first, again, other = (bench.store.submit(_insert(name)) for name in ("same", "same", "other"))

    assert first.result(WAIT) == other.result(WAIT) == 1
    with pytest.raises(sa.exc.IntegrityError):
        again.result(WAIT)
    assert _names(bench) == {"same", "other"}


def test_a_group_is_one_commit(bench):
    commits = []
    engine, _ = bench.store.database._open()
    with _held_up(bench.store.submit):
        jobs = [bench.store.submit(_insert(f"n{number}")) for number in range(50)]
        sa.event.listen(engine, "commit", lambda _connection: commits.append(1))
    for job in jobs:
        job.result(WAIT)

    assert len(commits) <= 2  # that of the job which held the writer up, and one for all fifty


def test_nobody_hears_of_a_result_before_it_is_committed(bench, open_store):
    elsewhere = open_store()
    _ = elsewhere.installation
    seen = []

    def look(_future):
        with elsewhere.read() as connection:
            seen.append(connection.execute(sa.select(meta.c.name).where(meta.c.name == "mine")).scalar())

    job = bench.store.submit(_insert("mine"))
    job.add_done_callback(look)
    job.result(WAIT)

    assert seen in ([], ["mine"]) or pytest.fail("seen before the commit")
    bench.write(_insert("barrier"))  # the callback ran on the writer's thread: it is through now
    assert seen == ["mine"]


def test_a_cancelled_caller_does_not_end_the_writer(bench):
    with _held_up(bench.store.submit):
        cancelled = bench.store.submit(_insert("cancelled"))
        kept = bench.store.submit(_insert("kept"))
        assert cancelled.cancel()

    assert kept.result(WAIT) == 1
    with pytest.raises(CancelledError):
        cancelled.result(WAIT)
    assert bench.write(_insert("after")) == 1
    assert _names(bench) == {"kept", "after"}


def test_a_cancelled_task_of_an_event_loop_does_not_end_the_writer(bench):
    async def cancel_some():
        with _held_up(bench.store.submit):
            futures = [asyncio.wrap_future(bench.store.submit(_insert(f"n{number}"))) for number in range(20)]
            for future in futures[::2]:
                future.cancel()
            await asyncio.sleep(0)
        return await asyncio.gather(*futures, return_exceptions=True)

    results = asyncio.run(cancel_some())

    assert [result for result in results if result == 1] == [1] * 10
    assert bench.write(_insert("after")) == 1


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, RecursionError])
def test_a_job_that_raises_anything_at_all_fails_alone(bench, error):
    def bad(_connection):
        raise error("no")

    with pytest.raises(error):
        bench.store.submit(bad).result(WAIT)

    assert bench.write(_insert("after")) == 1


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError])
def test_whatever_one_job_of_a_group_raises_the_others_are_committed(bench, error):
    def bad(_connection):
        raise error("no")

    with _held_up(bench.store.submit):
        jobs = [bench.store.submit(job) for job in (_insert("before"), bad, _insert("after"))]

    assert [jobs[0].result(WAIT), jobs[2].result(WAIT)] == [1, 1]
    with pytest.raises(error):
        jobs[1].result(WAIT)
    assert _names(bench) == {"before", "after"}


def _end(thread):
    """What no code of ours does: raise SystemExit in another thread, as soon as it runs."""
    ended = ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    assert ended == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_callers_of_a_thread_that_was_ended_from_outside_are_told_and_another_takes_its_place(bench):
    bench.write(_insert("before"))
    _, writer = bench.store.database._open()
    _end(writer._thread)

    with pytest.raises(StoreUnavailable, match=r"has ended.*not certain that this was stored; bring it again"):
        bench.write(_insert("lost"))  # wakes the thread, which dies with the job in its hands

    assert not writer.is_alive
    assert bench.write(_insert("after")) == 1
    assert _names(bench) == {"before", "after"}


def test_an_event_loop_that_was_closed_on_its_callers_leaves_the_writer_alive(bench, caplog):
    loop = asyncio.new_event_loop()

    async def bring():
        return asyncio.wrap_future(bench.store.submit(_insert("kept")))

    with _held_up(bench.store.submit):
        loop.run_until_complete(bring())
        loop.close()

    assert bench.write(_insert("after")) == 1
    assert _names(bench) == {"kept", "after"}


def test_a_job_that_was_taken_back_while_the_transaction_had_not_begun_is_not_done():
    begins, go_on = threading.Event(), threading.Event()

    @contextlib.contextmanager
    def begin():
        begins.set()
        assert go_on.wait(WAIT)
        yield types.SimpleNamespace(info={})

    writer = Writer(begin)
    kept, taken_back = (writer.submit(lambda _connection: 1) for _ in range(2))
    assert begins.wait(WAIT)
    assert taken_back.cancel()
    go_on.set()
    writer.close()

    assert kept.result(0) == 1
    assert taken_back.cancelled()


def test_closing_writes_what_is_queued(bench):
    with _held_up(bench.store.submit):
        jobs = [bench.store.submit(_insert(f"n{number}")) for number in range(600)]
        closing = threading.Thread(target=bench.store.close)
        closing.start()
    closing.join(WAIT)

    assert not closing.is_alive()
    assert sum(job.result(0) for job in jobs) == 600
    assert len(_names(bench)) == 600


def test_after_closing_the_next_use_opens_again(bench):
    bench.write(_insert("before"))
    bench.store.close()
    bench.store.close()

    assert bench.write(_insert("after")) == 1
    assert _names(bench) == {"before", "after"}


def test_a_closed_writer_takes_no_job_that_nobody_would_run(bench):
    _, writer = bench.store.database._open()
    bench.store.close()

    assert writer.submit(_insert("late")) is None
    assert bench.store.submit(_insert("reopened")).result(WAIT) == 1


def test_jobs_brought_from_many_threads_while_it_closes_all_end(bench):
    start = threading.Barrier(9)

    def bring(worker: int) -> int:
        start.wait()
        return sum(bench.write(_insert(f"{worker}-{number}")) for number in range(40))

    with ThreadPoolExecutor(8) as pool:
        bringing = [pool.submit(bring, worker) for worker in range(8)]
        start.wait()
        for _ in range(10):
            bench.store.close()
        assert [future.result(WAIT) for future in bringing] == [40] * 8

    assert len(_names(bench)) == 320


def test_a_database_that_cannot_begin_fails_a_whole_group_at_once_and_not_one_after_the_other():
    begun = []

    @contextlib.contextmanager
    def begin():
        begun.append(1)
        if len(begun) > 1:
            raise sa.exc.OperationalError("BEGIN", {}, Exception("database is locked"))
        yield types.SimpleNamespace(info={})

    writer = Writer(begin)
    with _held_up(writer.submit):
        jobs = [writer.submit(lambda _connection: 1) for _ in range(20)]
    writer.close()

    assert all(isinstance(job.exception(WAIT), sa.exc.OperationalError) for job in jobs)
    assert len(begun) <= 3


def test_the_order_of_arrival_is_the_order_of_the_transactions(bench):
    place = bench.set_up()
    with _held_up(bench.store.submit):
        edits = []
        for number in range(5):
            bench.store.submit(
                lambda connection, number=number: connection.execute(
                    meta.insert().values(name=f"n{number}", value=str(len(edits)))
                )
            )
            edits.append(
                bench.store.submit(lambda connection: bench._revise(connection, place.integration, place.lane))
            )

    assert [edit.result(WAIT) for edit in edits] == [2, 3, 4, 5, 6]


def _in_a_child(act) -> str:
    """Fork, let the child *act*, and return what it came to; the child takes no part in this test run's end."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on, for forking beside threads: it is the case
        child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(act()).encode())
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def test_a_forked_child_records_through_a_writer_of_its_own_and_the_parent_goes_on(bench):
    bench.set_up()
    bench.record("before")

    said = _in_a_child(lambda: bench.record("child").outcome)

    assert said == "recorded"
    assert bench.record("after").outcome == "recorded"
    assert bench.record("child").repeated


def test_a_child_that_was_forked_while_the_parent_reads_leaves_the_parents_connection_alone(bench):
    bench.set_up()
    with bench.store.read() as connection:
        connection.execute(sa.select(meta)).all()
        said = _in_a_child(lambda: bench.record("child").outcome)
        assert connection.execute(sa.select(sa.func.count()).select_from(meta)).scalar() == 2

    assert said == "recorded"
    assert bench.record("child").repeated


def test_a_fork_waits_for_a_thread_that_is_inside_a_read(bench):
    bench.set_up()
    inside, still = threading.Event(), [True]

    def read():
        with bench.store.read() as connection:
            inside.set()
            connection.execute(sa.select(meta)).all()
            threading.Event().wait(0.3)
            still[0] = False

    reading = threading.Thread(target=read)
    reading.start()
    assert inside.wait(WAIT)

    said = _in_a_child(lambda: (still[0], bench.record("child").outcome))
    reading.join(WAIT)

    assert said == "(False, 'recorded')"
    assert bench.record("child").repeated


def test_children_of_a_process_whose_threads_read_and_write_without_pause_all_record(bench):
    bench.set_up()
    over = threading.Event()

    def work(number):
        turns = itertools.count()
        while not over.is_set():
            bench.read(lambda connection: connection.execute(sa.select(meta)).all())
            if next(turns) % 10 == 0:
                bench.record(f"{number}-{next(turns)}")
        return next(turns)

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, number) for number in range(4)]
        said = [_in_a_child(lambda child=child: bench.record(f"child-{child}").outcome) for child in range(4)]
        over.set()
        assert all(one.result(WAIT) for one in working)

    assert said == ["recorded"] * 4


def test_a_child_forked_in_the_middle_of_a_write_can_write(monkeypatch, open_store, on_store):
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_SECONDS", 3)
    bench = on_store(open_store())
    bench.set_up()
    inside, over = threading.Event(), threading.Event()

    def take_long(connection):
        connection.execute(meta.insert().values(name="long", value="x"))
        inside.set()
        over.wait(0.5)  # nobody ends it: the fork either waits for it or goes ahead

    writing = bench.store.submit(take_long)
    assert inside.wait(WAIT)

    said = _in_a_child(lambda: bench.record("child").outcome)
    writing.result(WAIT)

    assert said == "recorded"
    assert bench.record("after").outcome == "recorded"
