"""The page of facts that are tested says what the tests of the simulator say."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from renkei_kintone import simulator

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "facts-tested.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kintone_facts_tested", DOCS / "facts_tested.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks for it there
    spec.loader.exec_module(module)
    return module


def test_the_page_is_as_the_tests_are(generator: ModuleType) -> None:
    assert generator.page() == PAGE, "run python plugins/kintone/docs/facts_tested.py"


def test_each_of_the_42_behaviours_is_shown_by_a_test(generator: ModuleType) -> None:
    shown = generator.shown_behaviours(list(generator.test_modules()))

    assert list(shown) == list(range(1, 43))
    assert [number for number, tests in shown.items() if not tests] == []


def test_each_chapter_has_facts(generator: ModuleType) -> None:
    facts = {fact.chapter for path, module in generator.test_modules() for fact in generator.facts_in(path, module)}

    assert facts == set(generator.CHAPTERS)


def test_every_code_that_the_simulator_answers_with_is_on_the_page() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(simulator.__file__).parent.glob("*.py"))
    codes = set(re.findall(r'"((?:GAIA|CB)_[A-Z]{2}[0-9]{2})"', sources))

    # Two are ours: of a cursor that is gone, which no source names, and of a fault that is ordered without a code.
    assert codes - {"GAIA_CN01", "GAIA_XX99"} <= set(re.findall(r"(?:GAIA|CB)_[A-Z]{2}[0-9]{2}", PAGE))
    assert len(codes) > 25
