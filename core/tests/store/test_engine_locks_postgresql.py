"""The engine beside a host's own transaction on PostgreSQL: who waits for whom, and that it never becomes a ring."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from renkei import Policy, Renkei
from renkei.store import lanes
from renkei.testing import FakeBackend, ManualClock, drain

_INTEGRATION = sa.text("SELECT id FROM integrations FOR SHARE")
_WHO_WAITS = sa.text("SELECT pid FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))")


@pytest.fixture
def host(pg_url):
    """A connection of the host's, in the middle of a `record()` inside the host's own transaction."""
    engine = sa.create_engine(pg_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def watch(pg_url):
    engine = sa.create_engine(pg_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_the_first_sync_of_an_integration_ends_no_hosts_transaction_in_a_deadlock(pg_url, host, watch):
    """`record()` holds its integration and asks for the lane; whoever settles must not hold the lane and ask for it."""
    fake, clock = FakeBackend(), ManualClock()
    policy = Policy(reached=lambda point: host.execute(_INTEGRATION) if point == "answered" else None)
    pid = host.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
    host.rollback()
    with Renkei(pg_url, keys={"k1": b"1" * 32}, clock=clock, policy=policy, **fake.plug()) as renkei:
        fake.set_up(renkei)
        renkei.record("t", "support", _action(clock))
        with ThreadPoolExecutor(1) as working:
            done = working.submit(drain, renkei)
            _until(lambda: watch.execute(_WHO_WAITS, {"pid": pid}).first() is not None)
            # Longer than deadlock_timeout: whoever looks for a ring from now on is the host, and would be its victim.
            threading.Event().wait(0.2)
            lanes.lock(host, watch.execute(sa.text("SELECT id FROM lanes")).scalar_one())
            host.commit()
            done.result(20)
        assert renkei.status_for("t", "support", ["a1"])[0].state == "delivered"
        assert renkei.integrations.show("t", "admin", "support").confirmed


@pytest.mark.parametrize("way", ["delete", "resume"])
def test_cancelling_what_waits_is_no_ring_with_a_worker_that_marks(pg_url, host, watch, way):
    fake, clock = FakeBackend(), ManualClock()
    pid = host.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
    host.rollback()
    with Renkei(pg_url, keys={"k1": b"1" * 32}, clock=clock, **fake.plug()) as renkei:
        fake.set_up(renkei)
        renkei.record("t", "support", _action(clock))
        does = {
            "delete": lambda: renkei.integrations.delete("t", "admin", "support", deliver_waiting=False),
            "resume": lambda: renkei.integrations.resume("t", "admin", "support", cancel_waiting=True),
        }
        with ThreadPoolExecutor(1) as admin:
            lanes.lock(host, watch.execute(sa.text("SELECT id FROM lanes")).scalar_one())
            done = admin.submit(does[way])
            _until(lambda: watch.execute(_WHO_WAITS, {"pid": pid}).first() is not None)
            threading.Event().wait(0.2)
            host.execute(sa.text("SELECT id FROM deliveries FOR UPDATE"))
            host.commit()
            done.result(20)
        assert renkei.ledger("t").cancelled == 1


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_hosts_transaction_that_looks_at_the_past_never_excludes_what_happened_after_activation(
    pg_url, host, isolation
):
    fake, clock = FakeBackend(), ManualClock()
    with Renkei(pg_url, keys={"k1": b"1" * 32}, clock=clock, **fake.plug()) as renkei:
        settings = {"account": fake.account, "password": fake.password}
        renkei.connections.add("t", "admin", "fake", backend="fake", settings=settings)
        past = host.execution_options(isolation_level=isolation)
        past.execute(sa.text("SELECT count(*) FROM connections"))
        fake.set_up(renkei)

        with pytest.raises(sa.exc.OperationalError, match="could not serialize"):
            renkei.record("t", "support", _action(clock), connection=past)
        past.rollback()
        assert renkei.record("t", "support", _action(clock), connection=past).outcome == "recorded"
        past.commit()


def _action(clock):
    action = {"id": "a1", "kind": "mail_sent", "channel": "mail", "occurred_at": clock.now() + timedelta(seconds=1)}
    return {"action": action, "message": {"subject": "件名", "body_text": "body"}}


def _until(happened):
    for _ in range(2000):
        if happened():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it did not happen within ten seconds")
