"""What the plugin does does not depend on what nobody knows of kintone: each open fact, answered either way.

`RENKEI_UNSURE=all` also runs the contract suite with all of them answered the other way (`make unsure`; minutes).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from renkei import spec
from renkei_kintone.simulator.domain import Token
from renkei_kintone.simulator.unsure import Unsure, alternatives

# One value for each kind of field, in a form that does not read differently afterwards.
VALUES: dict[str, Any] = {
    "本文": "一行目\n二行目",
    "本文HTML": "<p>お礼</p>",
    "チャネル": "メール",
    "対応日時": datetime(2026, 4, 1, 1, 23, tzinfo=UTC),
    "対応日": date(2026, 4, 1),
    "対応時刻": time(10, 23),
    "操作ユーザ": ("tanaka",),
    "担当部署": ("support",),
    "メールアドレス": "a@customer.example",
    "ラベル": ("返品", "クレーム"),
    "応対時間": Decimal("12.5"),
    "経過": ({"経過内容": "受付", "経過分": Decimal(3)}, {"経過内容": "回答"}),
    "添付": (spec.FileRef(id="one", name="見積書.txt", size=3),),
}
FLIPPED = Unsure().changed(dict(alternatives()))  # as in flipped_kit.py
WORLDS = [
    *(pytest.param(Unsure().changed({name: answer}), id=f"{name}={answer}") for name, answer in alternatives()),
    pytest.param(FLIPPED, id="all of them"),
]
each_world = pytest.mark.parametrize("unsure", WORLDS)


@pytest.fixture
def flipped(world: Any, unsure: Unsure) -> Any:
    world.kintone.unsure = unsure
    world.files = {"one": [b"abc"]}
    return world


@each_world
def test_one_record_with_every_kind_of_value_gets_in_whole(flipped: Any) -> None:
    assert flipped.authenticate().label == "対応履歴"

    report = flipped.push(flipped.record("k1", **VALUES), flipped.record("k2"))

    assert [type(verdict) for verdict in report.verdicts] == [spec.Created, spec.Created]
    stored = next(values for values in flipped.kintone.values() if values["キー"] == "k1")
    assert stored["本文"] == VALUES["本文"]
    assert (stored["対応日時"], stored["対応日"], stored["対応時刻"]) == ("2026-04-01T01:23:00Z", "2026-04-01", "10:23")
    assert set(stored["ラベル"]) == {"返品", "クレーム"}
    assert Decimal(stored["応対時間"]) == Decimal("12.5")
    assert [row["value"]["経過内容"]["value"] for row in stored["経過"]] == ["受付", "回答"]
    assert len(stored["添付"]) == 1


@pytest.mark.parametrize(
    ("unsure", "waiting"),
    [
        *(pytest.param(*world.values, 3, id=world.id) for world in WORLDS),
        pytest.param(FLIPPED, 150, id="a transaction"),
    ],
)
def test_a_taken_key_and_a_record_at_fault_are_told_apart_from_the_innocent(flipped: Any, waiting: int) -> None:
    flipped.kintone.apps["1"].fields["担当者"]["unique"] = True
    for taken in ({"キー": "k0"}, {"担当者": "dup"}):
        flipped.kintone.apps["1"].store(taken, flipped.kintone.instant())
    records = [flipped.record(f"k{number}", **({"担当者": "dup"} if number == 1 else {})) for number in range(waiting)]

    report = flipped.push(*records)

    found = {verdict.key: verdict for verdict in report.verdicts}
    assert isinstance(found["k0"], spec.Duplicate)
    assert isinstance(found["k1"], spec.Rejected)
    assert found["k1"].field == "担当者"
    assert {type(found[f"k{number}"]) for number in range(2, waiting)} == {spec.NotStored}
    assert len(flipped.kintone.values()) == 2


def no_add(world: Any) -> None:
    world.kintone.tokens[world.typed["api_token"]] = Token(world.typed["api_token"], "1", frozenset({"view"}))


def other_app(world: Any) -> None:
    world.typed["api_token"] = "simulated-customer-token"


def no_such_app(world: Any) -> None:
    world.typed["app_id"] = "404"


MISTAKES = [
    (no_add, spec.PermissionDenied),
    (other_app, spec.AuthenticationFailed),
    (no_such_app, (spec.AuthenticationFailed, spec.TargetNotFound)),
]


@each_world
@pytest.mark.parametrize(("mistake", "error"), MISTAKES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_mistake_blocks_the_lane_at_the_latest_with_the_first_record(
    flipped: Any, mistake: Callable[[Any], None], error: Any
) -> None:
    record = flipped.record("k1")
    mistake(flipped)

    try:
        flipped.authenticate()
    except error:
        return
    report = flipped.push(record)

    assert isinstance(report.stopped_by, error)
    assert flipped.kintone.values() == []


@each_world
def test_with_view_the_precision_is_read_or_assumed_and_records_are_found(flipped: Any) -> None:
    flipped.typed |= {"may_view": True}
    token = flipped.typed["api_token"]
    flipped.kintone.tokens[token] = Token(token, "1", frozenset({"add", "view"}))
    flipped.push(flipped.record("k1", 応対時間=Decimal(1)))

    report = flipped.verify("k1", "k9")

    assert [type(one) for one in report.answers] == [spec.Present, spec.Absent]


@each_world
def test_beyond_the_days_figure_a_record_is_stored_or_waits(flipped: Any) -> None:
    record = flipped.record("k1")
    flipped.kintone.daily_limit = 0

    report = flipped.push(record)

    if flipped.kintone.values():
        assert isinstance(report.verdicts[0], spec.Created)
    else:
        assert isinstance(report.verdicts[0], spec.NotStored)
        assert isinstance(report.stopped_by, (spec.RateLimited, spec.QuotaExhausted))


# There, an app that does not exist is answered like a token of another app, `GAIA_AP15`, with the app's number in the
# message. One cannot be told from the other; the plugin asks for the connection to be mended, and names both causes.
LEFT = ["C09"]


@pytest.mark.skipif(os.environ.get("RENKEI_UNSURE") != "all", reason="RENKEI_UNSURE=all runs it; it takes minutes")
def test_the_contract_suite_passes_in_the_other_world(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "renkei", "verify", "kintone", "--kit", "flipped_kit:FlippedKit"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}

    subprocess.run([*command, "--report", "report.json"], cwd=tmp_path, env=environment, check=False)

    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [id for id, line in report["checks"].items() if line["outcome"] != "passed"] == LEFT
