"""The kill matrix holds: every required check finds somebody, nobody survives, and the page says so."""

from __future__ import annotations

from collections import Counter

import kill_matrix
import pytest
from saboteurs import ALL
from saboteurs.keyed import KINTONE
from saboteurs.kits import SABOTEURS as KITS

from renkei.testing.contract.catalogue import CHECKS
from renkei.testing.contract.required import REQUIRED
from renkei.testing.contract.running import run_check
from renkei.testing.contract.saboteurs import WRAPPERS
from renkei.testing.contract.subject import find
from renkei.testing.contract.whole import WHOLE

EVERYBODY = (*WRAPPERS, *ALL, *KINTONE)
# The defects that the suite was designed against; taking one away takes away a proof.
DESIGNED = {
    *(1, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15, 18, 19, 20, 22, 23, 25, 27, 28, 30, 31, 32, 33, 35, 38, 40, 41),
    *(44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54),
}
FOUND = kill_matrix.read().words


def test_no_two_saboteurs_share_a_name():
    assert [name for name, times in Counter(one.name for one in EVERYBODY).items() if times > 1] == []


def test_every_defect_of_the_design_is_there():
    there = {one.number for one in EVERYBODY} | {number for number, *_ in kill_matrix.BY_THE_RUN.values()}

    assert there >= DESIGNED


def test_saboteurs_name_checks_that_there_are():
    assert {id for one in EVERYBODY for id in one.killed_by} <= set(CHECKS)


def test_required_checks_are_there():
    assert set(CHECKS) | set(WHOLE) >= REQUIRED


def test_every_required_check_is_there_for_somebody():
    named = {id for one in EVERYBODY for id in one.killed_by}
    by_the_run = {id for _number, _does, ids in kill_matrix.BY_THE_RUN.values() for id in ids}

    assert REQUIRED - named - by_the_run - {"K05"} == set()  # K05 has the test below


def test_the_matrix_was_made_of_these_saboteurs():
    assert set(FOUND) == {f"{backend}/{name}" for name, backend in kill_matrix.pairs()}, "run 'make matrix'"


def test_nobody_survives_in_the_matrix():
    survivors = [
        f"{backend}/{name}: {id}"
        for name, backend in kill_matrix.pairs()
        for id in kill_matrix.everybody()[name].killed_by
        if FOUND.get(f"{backend}/{name}", {}).get(id) != "failed"
    ]

    assert survivors == []


def test_the_page_shows_the_matrix():
    assert kill_matrix.PAGE.read_text(encoding="utf-8") == kill_matrix.page(kill_matrix.read()), "run 'make matrix'"


@pytest.mark.parametrize("name", ["BlindProbe"])
def test_a_kit_that_cannot_see_damage_is_found_by_the_wrappers(name):
    blind = next(one for one in KITS if one.name == name).damage(find("template"))

    outcome = run_check("K05", blind, blind.kit())

    assert outcome.word == "failed"
    assert "the plugin as it is does not pass" in outcome.seen
