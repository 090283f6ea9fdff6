"""`renkei verify`: what it proves, and that no trick of a test run makes it say more than that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sites import Site

from renkei.testing.contract import verify as suite
from renkei_template.simulator import SAMPLE_SETTINGS, Atelier, serve

SUITE = """
    from renkei.testing.contract import Contract

    class TestMine(Contract):
        backend = "template"
"""
# Right in every other process: the kind of luck that a cache on disk brings.
FLAKY = """
    import os
    from pathlib import Path
    from renkei_template.backend import *
    from renkei_template import backend as good
    from renkei.testing.contract.saboteurs import damaged, described
    from renkei import spec

    async def push(ctx, request):
        marks = Path(os.environ["LUCK"])
        (marks / str(os.getpid())).touch()
        report = await good.crm_push(ctx, request)
        if len(list(marks.iterdir())) % 2 == 0:
            return spec.PushReport(verdicts=report.verdicts[:-1], stopped_by=report.stopped_by)
        return report

    made = damaged(described(good, id="flaky"), push=push)
    for name in list(globals()):
        if name.startswith("crm_"):
            globals()[name] = getattr(made, name)
    del push
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """An author's own tests, the suite among them."""
    folder = tmp_path / "tests of mine"
    folder.mkdir()
    write(folder / "test_contract.py", SUITE)
    return folder


def write(path: Path, text: str) -> None:
    import textwrap

    path.write_text(textwrap.dedent(text))


def verify(tests: Path, *pytest_arguments: str) -> tuple[bool, dict[str, Any]]:
    """Two checks of the author's own run, as the command judges them: in a child process, as ever."""
    verdict = suite.verify(
        suite.Order(backend="template", only=("G01", "P01"), paths=(str(tests),), pytest=pytest_arguments)
    )
    return verdict.passed, verdict.report()["checks"]


def test_an_authors_own_run_counts_where_nothing_is_left_out(tests: Path) -> None:
    passed, checks = verify(tests)

    assert passed
    assert {id: check["outcome"] for id, check in checks.items()} == dict.fromkeys(
        ("G01", "K01", "K02", "P01"), "passed"
    )


def test_a_choice_by_keyword_leaves_checks_missing(tests: Path) -> None:
    passed, checks = verify(tests, "-k", "p01")

    assert not passed
    assert checks["G01"]["outcome"] == "missing"
    assert checks["K01"]["outcome"] == "failed"
    assert "G01 (missing)" in checks["K01"]["seen"]


def test_addopts_of_the_environment_and_of_an_ini_file_are_not_read(
    tests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k p01")
    write(tests / "pytest.ini", "[pytest]\naddopts = -k p01\n")

    passed, checks = verify(tests)

    assert passed
    assert checks["G01"]["outcome"] == "passed"


def test_a_fixture_that_skips_is_a_failure(tests: Path) -> None:
    write(
        tests / "conftest.py",
        """
        import pytest

        @pytest.fixture(autouse=True)
        def only_on_fridays():
            pytest.skip("it is not Friday")
        """,
    )

    passed, checks = verify(tests)

    assert not passed
    assert checks["P01"]["outcome"] == "skipped"
    assert "it is not Friday" in checks["K01"]["seen"]


@pytest.mark.parametrize(
    "override",
    ["def test_p01_one_verdict_for_each_record(self): pass", "def test_p01_something_else(self, stage): pass"],
)
def test_a_hollow_override_is_a_failure(tests: Path, override: str) -> None:
    write(tests / "test_contract.py", SUITE + f"\n        {override}\n")

    passed, checks = verify(tests)

    assert not passed
    assert checks["P01"]["outcome"] == "hollow"
    assert "P01" in checks["K02"]["seen"]


@pytest.mark.parametrize("mark", ["", "strict=False", "run=False"])
def test_an_expected_failure_is_a_failure(tests: Path, mark: str) -> None:
    write(
        tests / "conftest.py",
        f"""
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.xfail({mark}))
        """,
    )

    passed, checks = verify(tests)

    assert not passed
    assert checks["P01"]["outcome"] == "skipped"
    assert "P01 (expected to fail (xfail))" in checks["K01"]["seen"]


@pytest.mark.parametrize(
    "trick",
    [
        "def pytest_collection_modifyitems(items): items[:] = [item for item in items if 'p01' not in item.name]",
        "def pytest_ignore_collect(collection_path): return True",
        "def pytest_pycollect_makeitem(name): return [] if 'p01' in name else None",
    ],
)
def test_a_filter_in_a_conftest_is_a_failure(tests: Path, trick: str) -> None:
    write(tests / "conftest.py", trick)

    passed, checks = verify(tests)

    assert not passed
    assert checks["P01"]["outcome"] == "missing"
    assert "P01 (missing)" in checks["K01"]["seen"]


@pytest.mark.parametrize(
    "trick",
    [
        "def pytest_pyfunc_call(pyfuncitem): return True",
        """
        import pytest

        @pytest.fixture
        def stage():
            from unittest.mock import MagicMock
            return MagicMock()
        """,
    ],
)
def test_a_check_that_was_not_really_run_is_a_failure(tests: Path, trick: str) -> None:
    write(tests / "conftest.py", trick)
    if "stage" in trick:  # a class's own fixture goes before a conftest's, so it has to be in the class
        inside = trick.replace("def stage()", "def stage(self)").replace("import pytest\n", "")
        write(tests / "test_contract.py", "    import pytest\n" + SUITE + inside)

    passed, checks = verify(tests)

    assert not passed
    assert checks["P01"]["outcome"] in ("hollow", "crashed")


def test_a_report_that_a_conftest_rewrites_is_not_believed(tests: Path) -> None:
    write(
        tests / "conftest.py",
        """
        import pytest

        @pytest.fixture(autouse=True)
        def broken(stage):
            from renkei.testing.contract.broken import Broken
            stage.good.push = None
            raise Broken("this was broken on purpose")

        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_makereport(item, call):
            outcome = yield
            outcome.get_result().outcome = "passed"
        """,
    )

    passed, checks = verify(tests)

    assert not passed
    assert checks["P01"]["outcome"] != "passed"


def test_a_plugin_that_is_right_by_luck_is_found_by_a_second_run(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("flaky", {"flaky_plugin": FLAKY}, kit="renkei_template.kit:AtelierKit")
    (tmp_path / "luck").mkdir()
    monkeypatch.setenv("LUCK", str(tmp_path / "luck"))

    code, report, said = site.renkei("verify", "flaky", "--only", "P01", "--only", "K08", cwd=tmp_path)

    assert code == 1, said
    assert report["checks"]["P01"]["outcome"] == "passed", report["checks"]["P01"]
    assert report["checks"]["K08"]["outcome"] == "failed"
    assert "P01 (passed, then failed" in report["checks"]["K08"]["seen"]


def test_the_report_is_written_where_one_stands_or_is_told(site: Site, tmp_path: Path) -> None:
    site.renkei("verify", "template", "--only", "P01", cwd=tmp_path)
    site.renkei("verify", "template", "--only", "P01", "--report", "elsewhere.json", cwd=tmp_path)

    for name in ("contract-report.json", "elsewhere.json"):
        report = json.loads((tmp_path / name).read_text())
        assert report["backend"] == "template"
        assert report["complete"] is False
        assert report["checks"]["P01"]["outcome"] == "passed", report["checks"]["P01"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("verify", "nobody"), "No installed distribution provides the backend 'nobody'"),
        (("verify", "template", "--only", "Q99"), "There is no check 'Q99'"),
        (("verify", "template", "--kit", "nowhere:Kit"), "Importing the kit 'nowhere:Kit'"),
        (("verify", "template", "--kit", "renkei.spec:Settings"), "is no kit"),
        (("verify", "template", "--source", "live"), "names no live account"),
    ],
)
def test_what_cannot_be_proven_is_said_in_one_sentence(
    site: Site, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    code, _report, said = site.renkei(*arguments, cwd=tmp_path)

    assert code in (1, 2)
    assert sentence in said


def test_a_plugin_without_a_kit_is_told_how_to_give_one(site: Site, tmp_path: Path) -> None:
    site.install("kitless", {"kitless_plugin": "from renkei_template.backend import *"})

    code, _, said = site.renkei("verify", "kitless", cwd=tmp_path)

    assert code == 1
    assert 'kitless = \\"your_package.kit:YourKit\\"' in said


def test_a_kit_that_is_not_finished_is_told_what_it_lacks(site: Site, tmp_path: Path) -> None:
    kit = """
        from renkei_template.kit import AtelierKit
        from renkei.testing import Kit

        class Half(Kit):
            target = "inquiries"
            good_settings = AtelierKit.good_settings
    """
    site.install("half", {"half_plugin": "from renkei_template.backend import *", "half_kit": kit}, kit="half_kit:Half")

    code, report, _ = site.renkei("verify", "half", "--only", "P01", cwd=tmp_path)

    assert code == 1
    assert report["checks"]["P01"]["outcome"] == "crashed"
    assert "Half lacks: add_field" in report["checks"]["P01"]["seen"]
    assert "poison" in report["checks"]["P01"]["seen"]


LIVE_KIT = """
    import json, os
    from pathlib import Path
    from renkei.testing import LiveSite
    from renkei_template.kit import AtelierKit

    def clean_up(ids):
        with Path(os.environ["CLEANED"]).open("a") as file:
            file.writelines(f"{one}\\n" for one in ids)

    class LivelyKit(AtelierKit):
        def live(self, environment):
            if "LIVELY_SECRET" not in environment:
                return None
            settings = {**self.good_settings(), "client_secret": environment["LIVELY_SECRET"]}
            return LiveSite(settings=settings, target="inquiries", clean_up=clean_up)
"""


def test_a_live_account_is_written_to_over_real_sockets_and_cleaned_up(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(site.folder / "lively_kit.py", LIVE_KIT)
    monkeypatch.setenv("CLEANED", str(tmp_path / "cleaned"))
    atelier = Atelier()

    with serve(atelier) as url:
        monkeypatch.setenv("RENKEI_ROUTES", f"north-wind.atelier-crm.example={url}")
        monkeypatch.setenv("LIVELY_SECRET", SAMPLE_SETTINGS["client_secret"])
        code, report, said = site.renkei(
            "verify", "template", "--source", "live", "--kit", "lively_kit:LivelyKit", cwd=tmp_path
        )

    outcomes = {id: check["outcome"] for id, check in report["checks"].items()}
    assert {id: check for id, check in report["checks"].items() if check["outcome"] != "passed"} == {}
    assert code == 0, said
    assert {"A01", "C01", "P01"} < set(outcomes)
    assert "E09" not in outcomes
    written = [record["id"] for record in atelier.records("inquiries")]
    assert written
    assert (tmp_path / "cleaned").read_text().split() == written


def test_what_was_recorded_proves_the_plugin_without_its_simulator(site: Site, tmp_path: Path) -> None:
    folder = str(tmp_path / "cassettes")
    chosen = ["--only", "A01", "--only", "C01", "--only", "P01"]
    recorded, _, said = site.renkei("verify", "template", *chosen, "--record", folder, cwd=tmp_path)
    assert recorded == 0, said

    code, report, said = site.renkei(
        "verify", "template", *chosen, "--source", "cassette", "--cassettes", folder, cwd=tmp_path
    )

    assert code == 0, (said, report)
    assert report["source"] == "cassette"
    assert "not-a-real-secret" not in "".join(path.read_text() for path in Path(folder).iterdir())
