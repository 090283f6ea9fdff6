"""A stranger's first hour: renkei from its wheel in an environment of its own, a new plugin, and both its proofs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
import tomllib
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from renkei.scaffold import Names, plan, write
from renkei.scaffold.sample import read_sample

# One worker: what its tests share is expensive to make.
pytestmark = pytest.mark.xdist_group("new-plugin")

ROOT = Path(__file__).parent.parent
SAMPLE = "renkei/scaffold/template/"
# Notes, at the end of each process of that environment, where its code came from.
WITNESS = """\
import atexit, json, os, sys

def note():
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    with open(os.path.join({folder!r}, f"{{os.getpid()}}.json"), "w") as stream:
        json.dump({{"path": sys.path, "files": [file for file in files if isinstance(file, str)]}}, stream)

atexit.register(note)
"""


def environment(**more: str) -> dict[str, str]:
    """This process's, without what leads to the checkout or to somebody's database."""
    ours = ("PYTHON", "PYTEST", "RENKEI_", "VIRTUAL_ENV", "COV_", "COVERAGE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # As a URL: pip takes the variable apart at spaces.
    return {**kept, "PIP_CONSTRAINT": (ROOT / "constraints.txt").as_uri(), "PIP_DISABLE_PIP_VERSION_CHECK": "1", **more}


def ended(command: Sequence[str | Path], cwd: Path, **more: str) -> str:
    """What a command that ended well has printed."""
    done = subprocess.run(
        command, cwd=cwd, env=environment(**more), capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def pip(*arguments: str | Path, cwd: Path) -> None:
    """This environment's pip: another one need not have any."""
    ended([sys.executable, "-m", "pip", "--quiet", *arguments], cwd)


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """A machine that has never seen the checkout.

    Attributes:
        wheel: core's.
        folder: of the new plugin.
        told: what `renkei new-plugin --json` printed.
        seen: what the witness noted.
    """

    home: Path
    wheel: Path
    folder: Path
    told: dict[str, Any]
    seen: Path

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of the environment in the plugin's folder."""
        return ended([self.home / "an environment" / "bin" / program, *arguments], self.folder)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    """renkei is installed from its wheel, a plugin was started, and is installed from its wheel as well."""
    home = tmp_path_factory.mktemp("a stranger")
    pip("wheel", ROOT / "core", "--no-deps", "--wheel-dir", home / "wheels", cwd=home)
    (wheel,) = (home / "wheels").iterdir()
    place = home / "an environment"
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    pip("--python", python, "install", f"renkei[testing] @ {wheel.as_uri()}", cwd=home)
    (site,) = (place / "lib").glob("python*/site-packages")
    (home / "seen").mkdir()
    witness = site / "sitecustomize.py"
    witness.write_text(WITNESS.format(folder=str(home / "seen")))

    printed = ended([place / "bin" / "renkei", "new-plugin", "acme", "--into", "my plug-ins", "--json"], home)
    told = json.loads(printed)
    folder = Path(told["folder"])
    away = witness.rename(home / witness.name)  # pip is ours, and works inside of that environment
    pip("--python", python, "install", f"{folder}[testing]", cwd=home)
    away.rename(witness)
    return Elsewhere(home=home, wheel=wheel, folder=folder, told=told, seen=home / "seen")


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What `renkei verify acme` came to."""

    printed: str
    report: dict[str, Any]
    seconds: float


@pytest.fixture(scope="module")
def verified(elsewhere: Elsewhere) -> Verified:
    began = time.monotonic()
    printed = elsewhere.run("renkei", "verify", "acme")
    seconds = time.monotonic() - began
    report = json.loads((elsewhere.folder / "contract-report.json").read_text(encoding="utf-8"))
    return Verified(printed=printed, report=report, seconds=seconds)


@pytest.fixture(scope="module")
def tested(elsewhere: Elsewhere) -> str:
    return elsewhere.run("python", "-m", "pytest", "-p", "no:cacheprovider")


def test_the_wheel_holds_the_sample_and_nothing_that_lies_about_beside_it(elsewhere: Elsewhere) -> None:
    with ZipFile(elsewhere.wheel) as wheel:
        held = {name.removeprefix(SAMPLE) for name in wheel.namelist() if name.startswith(SAMPLE)}

    assert held == set(read_sample())
    assert not [name for name in held if "__pycache__" in name or "LICENSE" in name]


def test_an_sdist_makes_the_same_wheel(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    pip("install", "--target", tools, "hatchling", cwd=tmp_path)
    build = [sys.executable, "-m", "hatchling", "build", "-d"]
    ended([*build, tmp_path / "checkout"], ROOT / "core", PYTHONPATH=str(tools))
    (sdist,) = (tmp_path / "checkout").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()

    ended([*build, tmp_path / "sdist", "-t", "wheel"], unpacked, PYTHONPATH=str(tools))

    (direct,), (again,) = ((tmp_path / source).glob("*.whl") for source in ("checkout", "sdist"))
    with ZipFile(direct) as one, ZipFile(again) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
        assert one.read(f"{SAMPLE}README.md") == other.read(f"{SAMPLE}README.md")


def test_it_writes_what_the_checkout_writes(elsewhere: Elsewhere) -> None:
    here = plan(Names.of("acme"), elsewhere.home).files

    assert elsewhere.told["files"] == sorted(here)
    for path, text in here.items():
        assert (elsewhere.folder / path).read_text(encoding="utf-8") == text


def test_the_new_plugin_is_verified_as_it_stands_within_a_minute(verified: Verified) -> None:
    report = verified.report

    assert (report["backend"], report["plugin"]["distribution"]) == ("acme", "renkei-acme")
    assert (report["complete"], report["passed"]) == (True, True)
    # Those that are not required, too: a plugin that starts out with a failure is no sample.
    assert {id: check["outcome"] for id, check in report["checks"].items() if check["outcome"] != "passed"} == {}
    assert verified.seconds < 60, verified.printed


def test_its_own_tests_pass_as_they_stand(tested: str) -> None:
    summary = tested.strip().splitlines()[-1]

    assert " passed" in summary
    assert not any(word in summary for word in ("failed", "error", "skipped", "xfailed"))


def test_the_hooks_are_found_from_the_wheel_and_the_kit_beside_them(elsewhere: Elsewhere) -> None:
    (found,) = json.loads(elsewhere.run("renkei", "backends", "--json"))

    assert {name: found[name] for name in ("id", "state", "distribution")} == {
        "id": "acme",
        "state": "ready",
        "distribution": "renkei-acme",
    }
    assert found["name"] == {"ja": "Acme", "en": "Acme"}


def test_nothing_of_the_checkout_was_used_on_the_way(elsewhere: Elsewhere, verified: Verified, tested: str) -> None:
    noted = [json.loads(path.read_text()) for path in elsewhere.seen.iterdir()]

    used = {file for note in noted for file in (*note["path"], *note["files"])}
    assert [file for file in used if file.startswith(str(ROOT)) or "renkei_template" in file] == []
    site = str(elsewhere.home / "an environment")
    for module in ("renkei/scaffold/plugin.py", "renkei_acme/backend.py", "renkei_acme/kit.py"):
        assert any(file.startswith(site) and file.endswith(module) for file in used), module


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two new plugins: an easy name, and one that the code has other uses for."""
    home = tmp_path_factory.mktemp("looked at")
    folders = []
    for id, label in (("acme", "Acme CRM"), ("table", None)):
        made = plan(Names.of(id, label), home)
        write(made)
        folders.append(made.folder)
    return folders


def test_the_linter_has_nothing_to_say_about_it(both: list[Path], tmp_path: Path) -> None:
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    lint = ours["lint"]
    # The author's checkout: their package is theirs, and renkei is somebody else's.
    settings = tmp_path / "ruff.toml"
    settings.write_text(
        f'line-length = {ours["line-length"]}\ntarget-version = "{ours["target-version"]}"\n'
        f"[lint]\nselect = {json.dumps(lint['select'])}\nignore = {json.dumps(lint['ignore'])}\n"
        '[lint.pydocstyle]\nconvention = "google"\n[lint.per-file-ignores]\n"**/tests/**" = ["D"]\n'
    )
    for folder in both:
        first_party = f'src = ["{folder}/src"]'
        ended(
            [sys.executable, "-m", "ruff", "check", "--config", settings, "--config", first_party, "."],
            folder,
            RUFF_NO_CACHE="true",
        )


def test_strict_types_hold_under_the_settings_that_it_brings(both: list[Path], tmp_path: Path) -> None:
    for folder in both:
        ended([sys.executable, "-m", "mypy", "--cache-dir", tmp_path / "cache"], folder)
