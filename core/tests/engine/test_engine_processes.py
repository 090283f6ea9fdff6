"""Workers in the host's process, forks, two engines side by side, keys that rotate."""

from __future__ import annotations

import os
import threading
import time
import warnings
from datetime import timedelta

import pytest

from renkei import Renkei
from renkei.engine import VaultError
from renkei.store import installation, sqlite_file
from renkei.testing import FakeBackend, drain

NEW = b"n" * 32
OLD = b"o" * 32


def _until(true, seconds=20.0):
    pause = threading.Event()
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come about in time"
        pause.wait(0.01)


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


def test_nothing_is_opened_made_or_started_before_first_use(tmp_path):
    threads = threading.active_count()

    renkei = Renkei(str(tmp_path / "renkei.db"), **FakeBackend().plug())
    renkei.close()

    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads


def test_a_started_engine_delivers_what_is_recorded_and_is_seen_to_live(world):
    world.renkei.start()
    world.renkei.start()
    world.record(1)

    _until(lambda: world.status(1).state == "delivered")

    assert len(world.renkei.health().workers) == 1
    assert world.renkei.stop(10)
    assert world.renkei.stop(10)
    assert world.renkei.health().workers == ()


def test_a_stopped_engine_can_be_started_again(world):
    for number in (1, 2):
        world.renkei.start()
        world.record(number)
        _until(lambda number=number: world.status(number).state == "delivered")
        assert world.renkei.stop(10)

    assert world.fake.values("action") == ["a1", "a2"]


def test_a_worker_hears_of_what_another_engine_recorded(world):
    recorder = world.another()
    world.renkei.start()

    recorder.record("t", "support", world.action(1))

    _until(lambda: world.status(1).state == "delivered")


def test_stopping_finishes_what_is_on_the_wire(world):
    on_the_wire, go_on = threading.Event(), threading.Event()

    def hold(request):
        if request.url.path == "/records":
            on_the_wire.set()
            assert go_on.wait(20)

    world.fake.before_answer = hold
    world.renkei.start()
    world.record(1)
    assert on_the_wire.wait(20)
    stopping = threading.Thread(target=world.renkei.stop)
    stopping.start()
    go_on.set()
    stopping.join(20)

    assert not stopping.is_alive()
    assert world.status(1).state == "delivered"


@pytest.fixture
def others() -> set[threading.Thread]:
    """Threads of other tests in this process: one that holds its loop for good leaves its thread behind."""
    return set(threading.enumerate())


def test_closing_ends_every_thread_of_the_engine(others, world):
    world.renkei.start()
    world.record(1)
    _until(lambda: world.status(1).state == "delivered")

    world.renkei.close()

    left = [thread.name for thread in threading.enumerate() if thread not in others]
    assert [name for name in left if name.startswith("renkei")] == []


def test_a_closed_engine_opens_again_when_it_is_used(world):
    world.record(1)
    world.renkei.close()

    world.record(2)
    world.drain()

    assert world.fake.values("action") == ["a1", "a2"]


def test_two_engines_on_two_databases_do_not_see_each_other(make_world):
    one, two = make_world(), make_world()
    for world in (one, two):
        world.set_up()
    one.record(1)
    two.record(2)
    one.drain()

    assert (one.fake.values("action"), two.fake.values("action")) == (["a1"], [])
    assert two.status(1).state == "not_offered"
    assert one.renkei.why("t", "a1").delivery_key != two.renkei.why("t", "a2").delivery_key
    one.renkei.close()
    two.drain()
    assert two.fake.values("action") == ["a2"]


def test_the_same_action_has_different_keys_in_two_databases_so_that_two_helpdesks_cannot_meet(make_world):
    keys = set()
    for _ in range(2):
        world = make_world()
        world.set_up()
        world.record(1)
        keys.add(world.renkei.why("t", "a1").delivery_key)

    assert len(keys) == 2


def test_a_forked_child_starts_afresh_and_the_parent_goes_on(world):
    world.record(1)
    world.drain()

    def child():
        outcome = world.renkei.record("t", "support", world.action(2)).outcome
        drain(world.renkei)
        return f"{outcome} {world.status(2).state}"

    said = _in_a_child(child)

    assert said == "recorded delivered"
    assert world.status(2).state == "delivered"
    world.record(3)
    world.drain()
    assert world.status(3).state == "delivered"


def test_a_child_of_a_process_with_a_worker_has_none_until_it_starts_one(monkeypatch, make_world):
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_SECONDS", 5)
    world = make_world()
    world.set_up()
    world.renkei.start()
    world.record(1)
    _until(lambda: world.status(1).state == "delivered")

    def child():
        assert world.renkei.stop(5)
        world.renkei.start()
        world.renkei.record("t", "support", world.action(2))
        _until(lambda: world.status(2).state == "delivered")
        return world.renkei.stop(10)

    assert _in_a_child(child) == "True"
    world.record(3)
    _until(lambda: world.status(3).state == "delivered")


# -- keys -----------------------------------------------------------------------------------------------------------


def test_after_resealing_the_old_key_may_go(make_world):
    world = make_world()
    first = world.another(path=world.path.with_name("keyed.db"), keys={"old": OLD})
    world.fake.set_up(first)
    first.close()

    both = world.another(path=world.path.with_name("keyed.db"), keys={"new": NEW, "old": OLD})
    assert (both.reseal(), both.reseal()) == (1, 0)
    both.close()
    alone = world.another(path=world.path.with_name("keyed.db"), keys={"new": NEW})

    assert alone.connections.test("t", "admin", "fake").account == "fake"


def test_wrong_keys_are_refused_before_anything_is_recorded(make_world):
    world = make_world()
    first = world.another(path=world.path.with_name("keyed.db"), keys={"k": OLD})
    world.fake.set_up(first)

    wrong = world.another(path=world.path.with_name("keyed.db"), keys={"k": NEW})
    with pytest.raises(VaultError, match="wrong vault key"):
        wrong.record("t", "support", world.action(1))

    assert first.ledger("t").offered == 0


def test_without_the_key_that_sealed_them_secrets_block_their_lane_and_nothing_is_lost(make_world):
    world = make_world()
    path = world.path.with_name("keyed.db")
    first = world.another(path=path, keys={"old": OLD})
    world.fake.set_up(first)
    both = world.another(path=path, keys={"new": NEW, "old": OLD})
    store = both._parts.store
    store.write(lambda connection: installation.renew_vault_check(connection, store.vault))  # and no resealing
    hasty = world.another(path=path, keys={"new": NEW})
    hasty.record("t", "support", world.action(1))
    drain(hasty)
    assert hasty.integrations.show("t", "admin", "support").lane_code == "vault"

    world.clock.forward(timedelta(minutes=30))
    drain(both)

    assert world.fake.values("action") == ["a1"]
