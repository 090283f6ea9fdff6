"""The requests that kintone sees from set-up to sync, with a token that may add records and nothing more.

`RENKEI_COSTS=all` also counts those of 10,000 actions (`make costs`).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kintone_costs import measured

README = Path(__file__).parents[1] / "plugins" / "kintone" / "README.md"

# After kintone's documentation: reading these takes "view or add"; the two writes take "add".
MAY_ADD = {
    ("GET", "/k/v1/app.json"),
    ("GET", "/k/v1/app/form/fields.json"),
    ("POST", "/k/v1/records.json"),
    ("POST", "/k/v1/bulkRequest.json"),
}

SIZES = [
    pytest.param(1_000, [1_000], id="1,000"),
    pytest.param(
        10_000,
        [2_000] * 5,
        id="10,000",
        marks=pytest.mark.skipif(os.environ.get("RENKEI_COSTS") != "all", reason="RENKEI_COSTS=all runs it"),
    ),
]


@pytest.mark.parametrize(("actions", "pushes"), SIZES)
def test_an_add_only_token_is_asked_for_nothing_else_and_the_page_shows_what_it_costs(
    actions: int, pushes: list[int], tmp_path: Path
) -> None:
    costs = measured(actions, tmp_path)

    requests = [one for step in costs.steps.values() for one in step]
    assert {one.status for one in requests} == {200}
    assert {(one.method, one.path) for one in requests} <= MAY_ADD
    assert [one.records for one in costs.pushes()] == pushes
    assert costs.steps["record"] == []
    assert costs.stored == actions
    assert "\n".join(costs.lines()) in README.read_text(encoding="utf-8")
