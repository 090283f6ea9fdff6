"""A database that was put back from a backup: with a unique key exactly one record each, without one never two."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from renkei import Policy, Renkei
from renkei.engine import NotPossible
from renkei.testing import FakeBackend, ManualClock, drain

MINUTES = timedelta(minutes=1)
# Actions that the host offers again count as possibly delivered, and are held for ten minutes after the return.
LATER = timedelta(minutes=11)


class Site:
    """A host with its database in one file, backups of it, and a CRM that is never put back."""

    def __init__(self, folder: Path, *, keyed: bool) -> None:
        self.clock = ManualClock()
        self.fake = FakeBackend()
        self.path = folder / "renkei.db"
        self.backup = folder / "backup.db"
        self.renkei = self._open()
        self.fake.set_up(self.renkei, keyed=keyed)
        self.occurred: dict[int, object] = {}

    def _open(self) -> Renkei:
        return Renkei(str(self.path), clock=self.clock, policy=Policy(lanes_at_once=2), **self.fake.plug())

    def record(self, *numbers: int) -> None:
        """Offer actions; one offered before is the same action still."""
        for number in numbers:
            occurred_at = self.occurred.setdefault(number, self.clock.now())
            action = {"id": f"a{number}", "kind": "mail_sent", "channel": "mail", "occurred_at": occurred_at}
            message = {"subject": f"subject {number}", "body_text": "body"}
            receipt = self.renkei.record("t", "support", {"action": action, "message": message})
            assert receipt.outcome == "recorded"

    def drain(self, after: timedelta = timedelta(0)) -> None:
        self.clock.forward(after)
        drain(self.renkei)

    def take_backup(self) -> object:
        """By SQLite's own backup, while the engine runs."""
        with sqlite3.connect(self.path) as source, sqlite3.connect(self.backup) as target:
            source.backup(target)
        source.close()
        target.close()
        return self.clock.now()

    def put_back(self) -> None:
        self.renkei.close()
        for left in self.path.parent.glob(f"{self.path.name}-*"):
            left.unlink()
        shutil.copy(self.backup, self.path)
        self.renkei = self._open()

    def states(self, *numbers: int) -> list[str]:
        return [status.state for status in self.renkei.status_for("t", "support", [f"a{n}" for n in numbers])]

    def ledger(self) -> dict[str, int]:
        ledger = self.renkei.ledger("t")
        assert ledger.adds_up
        return {name: count for name, count in ledger.as_dict().items() if count}


@pytest.fixture(params=[True, False], ids=["keyed", "unkeyed"])
def site(tmp_path, request):
    site = Site(tmp_path, keyed=request.param)
    site.keyed = request.param
    yield site
    site.renkei.close()


@pytest.fixture
def keyed(tmp_path):
    site = Site(tmp_path, keyed=True)
    yield site
    site.renkei.close()


def a_life_that_is_lost(site):
    """1 was delivered before the backup; 2 and 3 wait in it; 4 and 5 are unknown to it. In the end all are stored."""
    site.record(1)
    site.drain()
    site.record(2, 3)
    taken_at = site.take_backup()
    site.clock.forward(MINUTES)
    site.record(4, 5)
    site.drain()
    assert len(site.fake.records) == 5
    site.clock.forward(MINUTES)
    site.put_back()
    return taken_at


def test_what_was_delivered_after_the_backup_is_there_once_however_it_comes_again(site):
    taken_at = a_life_that_is_lost(site)

    counted = site.renkei.restored("operator", backup_of=taken_at)
    site.record(4, 5, 6)
    site.clock.forward(LATER)
    site.record(7)
    site.drain()

    stored = site.fake.values("action")
    assert len(stored) == len(set(stored))
    if site.keyed:
        assert (counted.waiting, counted.doubtful) == (2, 0)
        assert site.states(1, 2, 3, 4, 5, 6, 7) == ["delivered"] * 7
        assert sorted(stored) == [f"a{n}" for n in range(1, 8)]
    else:
        assert (counted.waiting, counted.doubtful) == (0, 2)
        # Nobody can tell a6, which is new, from those that are offered again: it occurred before the return.
        assert site.states(1, 2, 3, 4, 5, 6, 7) == ["delivered", *["doubtful"] * 5, "delivered"]
        assert sorted(stored) == ["a1", "a2", "a3", "a4", "a5", "a7"]
        assert "restored from a backup" in site.renkei.status_for("t", "support", ["a4"])[0].text.en
    site.ledger()


def test_without_being_told_a_unique_key_keeps_them_from_doubling_and_the_sentence_names_the_remedy(keyed):
    a_life_that_is_lost(keyed)

    keyed.drain()

    status = keyed.renkei.status_for("t", "support", ["a2"])[0]
    assert (status.state, status.code) == ("rejected", "key_taken")
    assert "'renkei restored' puts that right" in status.text.en
    assert "renkei restored を実行すると解決します" in status.text.ja
    assert len(keyed.fake.records) == 5


def test_saying_it_late_puts_right_what_was_rejected_meanwhile(keyed):
    taken_at = a_life_that_is_lost(keyed)
    put_back_at = keyed.clock.now()
    keyed.record(4, 5)
    keyed.drain()
    assert keyed.states(2, 3, 4, 5) == ["rejected"] * 4

    counted = keyed.renkei.restored("operator", backup_of=taken_at, at=put_back_at)
    keyed.drain(after=LATER)

    assert (counted.waiting, counted.mended) == (4, 4)
    assert keyed.states(2, 3, 4, 5) == ["delivered"] * 4
    assert len(keyed.fake.records) == 5


def test_a_collision_from_before_the_backup_is_not_called_our_own(keyed):
    keyed.record(1)
    key = keyed.renkei.why("t", "a1").delivery_key
    keyed.fake.records.append(type("Stranger", (), {"id": "9", "fields": {"key": key}})())
    keyed.drain()
    keyed.clock.forward(MINUTES)
    taken_at = keyed.take_backup()
    keyed.clock.forward(MINUTES)
    keyed.put_back()

    counted = keyed.renkei.restored("operator", backup_of=taken_at)
    keyed.drain(after=LATER)

    assert (counted.mended, counted.doubtful) == (0, 1)
    assert keyed.states(1) == ["doubtful"]


def test_what_had_been_rejected_may_have_been_replayed_since_and_is_for_a_person(site):
    site.fake.refuses = lambda record: ("too_odd", "subject")
    site.record(1)
    site.drain()
    taken_at = site.take_backup()
    site.fake.refuses = lambda record: None
    site.clock.forward(MINUTES)
    site.renkei.replay("t", "admin", "support")
    site.drain()
    site.put_back()

    counted = site.renkei.restored("operator", backup_of=taken_at)
    site.drain(after=LATER)

    assert counted.doubtful == 1
    assert site.states(1) == ["doubtful"]
    assert len(site.fake.records) == 1


def test_a_key_makes_it_safe_to_replay_what_is_doubtful_after_a_return(keyed):
    keyed.fake.refuses = lambda record: ("too_odd", "subject")
    keyed.record(1)
    keyed.drain()
    taken_at = keyed.take_backup()
    keyed.fake.refuses = lambda record: None
    keyed.renkei.replay("t", "admin", "support")
    keyed.drain()
    keyed.put_back()
    keyed.renkei.restored("operator", backup_of=taken_at)

    keyed.clock.forward(LATER)
    keyed.renkei.replay("t", "admin", "support", ["a1"])
    keyed.drain()

    assert keyed.states(1) == ["delivered"]
    assert len(keyed.fake.records) == 1


def test_doubles_that_a_worker_made_before_it_was_said_are_counted_for_the_operator(tmp_path):
    site = Site(tmp_path, keyed=False)
    taken_at = a_life_that_is_lost(site)
    site.clock.forward(MINUTES)
    site.drain()
    assert site.fake.values("action").count("a2") == 2

    counted = site.renkei.restored("operator", backup_of=taken_at)

    assert counted.sent_since == 2
    site.renkei.close()


def test_unknown_outcomes_that_are_resent_by_choice_are_not_after_a_return(tmp_path):
    site = Site(tmp_path, keyed=False)
    site.renkei.on_unknown_outcome("t", "admin", "support", "resend")
    taken_at = a_life_that_is_lost(site)

    site.renkei.restored("operator", backup_of=taken_at)
    site.record(4, 5)
    site.drain(after=LATER)

    stored = site.fake.values("action")
    assert len(stored) == len(set(stored)) == 5
    assert site.states(2, 3, 4, 5) == ["doubtful"] * 4
    site.renkei.close()


def test_every_tenant_finds_it_in_the_audit_trail_with_its_own_numbers(keyed):
    keyed.fake.set_up(keyed.renkei, tenant="other")
    taken_at = a_life_that_is_lost(keyed)

    keyed.renkei.restored("operator", backup_of=taken_at)

    line, other = keyed.renkei.audit("t")[0], keyed.renkei.audit("other")[0]
    assert (line["event"], line["actor"], line["waiting"]) == ("database.restored", "operator", 2)
    assert (other["event"], other["waiting"]) == ("database.restored", 0)


def test_a_worker_that_ran_on_before_it_was_said_loses_its_lane(keyed):
    from renkei.store import lanes

    store = keyed.renkei._parts.store
    keyed.record(1)
    now = keyed.clock.now()
    lease = store.write(lambda c: lanes.claim(c, owner="w", now=now, lease=timedelta(seconds=120)))

    keyed.renkei.restored("operator", backup_of=now)

    with store.read() as connection:
        assert not lanes.still_held(connection, lease)


def test_times_that_make_no_sense_are_refused_and_change_nothing(keyed):
    now = keyed.clock.now()

    with pytest.raises(NotPossible, match="taken before it was put back"):
        keyed.renkei.restored("operator", backup_of=now, at=now - MINUTES)
    with pytest.raises(NotPossible, match="needs its zone"):
        keyed.renkei.restored("operator", backup_of=now.replace(tzinfo=None))

    assert [line["event"] for line in keyed.renkei.audit("t")] == ["integration.created", "connection.added"]
