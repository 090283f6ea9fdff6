"""One bad record among 2,000 in one transaction, through the whole engine: it alone is rejected, in few requests.

`RENKEI_PLACEMENTS=300` tries as many places for one that kintone does not name and prints the most requests that it
took (`make placements`); without it one place is tried.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from renkei import Renkei
from renkei.engine import Status
from renkei.mapping import Mapping, Rule
from renkei.testing import ManualClock, drain
from renkei_kintone import simulator
from renkei_kintone.simulator import Kintone

COUNT = 2_000
PLACEMENTS = int(os.environ.get("RENKEI_PLACEMENTS", "1"))
SEED = 20_260_401
SETTINGS = {"subdomain": "demo", "app_id": "1", "api_token": "simulated-add-only-token"}
RULES = Mapping(
    rules=(
        Rule(target="キー", source="delivery.key"),
        Rule(target="件名", source="action.id"),
        Rule(target="操作ユーザ", source="operator.employee_no"),
        Rule(target="担当者", source="operator.department"),
    )
)
START = datetime(2026, 4, 1, 3, tzinfo=UTC)


def kintone() -> Kintone:
    crm = simulator.sample()
    crm.users = frozenset(f"u{number}" for number in range(COUNT))
    crm.apps["1"].fields["担当者"]["unique"] = True
    crm.now = lambda: START
    return crm


@contextmanager
def engine(folder: Path, crm: Kintone) -> Iterator[Renkei]:
    clock = ManualClock(START)
    app = httpx.ASGITransport(app=crm.asgi())
    with Renkei(str(folder / "renkei.db"), clock=clock, transport=lambda _network: app) as renkei:
        yield renkei


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with 2,000 deliveries that wait, to be copied: recording them takes longer than delivering them."""
    folder = tmp_path_factory.mktemp("waiting")
    with engine(folder, kintone()) as renkei:
        renkei.connections.add("t", "admin", "kintone", backend="kintone", settings=SETTINGS)
        renkei.integrations.create("t", "admin", "support", connection="kintone", mapping=RULES)
        actions = (
            {
                "action": {"id": f"a{number}", "kind": "mail_sent", "channel": "mail", "occurred_at": START},
                "operator": {"employee_no": f"u{number}", "department": f"d{number}"},
            }
            for number in range(COUNT)
        )
        assert len(renkei.record_many("t", "support", actions)) == COUNT
        assert renkei.ledger("t").waiting == COUNT
    return folder


def pushed(crm: Kintone) -> list[int]:
    """How many records each request to add some carried."""
    return [one.records for one in crm.requests if one.records]


def settled(waiting: Path, folder: Path, crm: Kintone, bad: str) -> Status:
    """Deliver all that waits, and see that all but one are in; how it stands with *bad*."""
    shutil.copytree(waiting, folder)
    with engine(folder, crm) as renkei:
        drain(renkei, timeout=240)
        ledger = renkei.ledger("t")
        (status,) = renkei.status_for("t", "support", [bad])
    assert (ledger.delivered, ledger.rejected, ledger.waiting) == (COUNT - 1, 1, 0)
    stored = [values["件名"] for values in crm.values("1") if "件名" in values]
    assert sorted([*stored, bad]) == sorted(f"a{number}" for number in range(COUNT))
    return status


def test_one_that_kintone_names_is_rejected_and_1999_go_in_with_the_next_request(waiting, tmp_path):
    crm = kintone()
    crm.apps["1"].store({"担当者": "d1234"}, crm.instant())

    status = settled(waiting, tmp_path / "run", crm, "a1234")

    assert (status.state, status.field, status.code) == ("rejected", "担当者", "CB_VA01")
    assert pushed(crm) == [2_000, 1_999]


def test_one_that_kintone_does_not_name_is_found_within_15_requests(waiting, tmp_path, capsys):
    places = random.Random(SEED).sample(range(COUNT), k=PLACEMENTS)
    requests = {}
    for place in places:
        crm = kintone()
        crm.users -= {f"u{place}"}
        status = settled(waiting, tmp_path / f"at {place}", crm, f"a{place}")
        assert (status.state, status.code) == ("rejected", "GAIA_IL26"), f"the bad one is at {place}"
        requests[place] = len(pushed(crm))
        shutil.rmtree(tmp_path / f"at {place}")
    most = max(requests, key=lambda place: requests[place])
    told = f"{len(places)} placements of one bad record among {COUNT}: at most {requests[most]} requests (at {most})"
    with capsys.disabled():
        sys.stdout.write(f"\n{told}\n")
    assert requests[most] <= 15
