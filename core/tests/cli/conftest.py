"""The command line over a real simulator, in a fresh folder for each test."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from renkei.cli.app import app
from renkei_kintone.simulator import Kintone, sample, serve

# Test folders are no packages; what the tests here share is found by its name.
sys.path.insert(0, str(Path(__file__).parent))

from commandline import ADD, TOKEN, Ended, Run


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Kintone, str]]:
    kintone = sample()
    with serve(kintone) as url:
        yield kintone, url


@pytest.fixture
def kintone(served: tuple[Kintone, str]) -> Iterator[Kintone]:
    yield served[0]
    served[0].reset()


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, served: tuple[Kintone, str]) -> Path:
    """A folder of its own, no variable from outside, and the simulator behind demo.cybozu.com."""
    for name in list(os.environ):
        if name.startswith(("RENKEI_", "LC_", "LANG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RENKEI_ROUTES", f"demo.cybozu.com={served[1]}")
    monkeypatch.setenv("RENKEI_SIMULATED_SETTLES_WITHIN", "0")
    monkeypatch.setenv("RENKEI_ACTOR", "sato")
    monkeypatch.setenv("TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(surroundings: Path) -> Run:
    """Run `renkei` with these arguments in this process."""

    def running(*arguments: str, stdin: str | bytes | None = None, code: int | None = 0) -> Ended:
        result = CliRunner().invoke(app, list(arguments), input=stdin, prog_name="renkei")
        ended = Ended(code=result.exit_code, out=result.stdout, err=result.stderr)
        assert code is None or ended.code == code, ended
        return ended

    return running


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, served: tuple[Kintone, str]) -> Path:
    """A database with connection `kintone`, and another one with its integration of inbox `support`."""
    folder = tmp_path_factory.mktemp("prepared")
    environment = {"RENKEI_ROUTES": f"demo.cybozu.com={served[1]}", "RENKEI_ACTOR": "sato", "TOKEN": TOKEN}
    runner = CliRunner(env=environment)
    for name, commands in (
        ("connected", [(*ADD, "--secret", "api_token=env:TOKEN")]),
        ("bound", [("integrations", "add", "support", "--connection", "kintone")]),
    ):
        path = folder / name
        path.mkdir()
        if name == "bound":
            shutil.copytree(folder / "connected", path, dirs_exist_ok=True)
        for command in commands:
            result = runner.invoke(app, ["--database", str(path / "renkei.db"), *command])
            assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def connected(run: Run, surroundings: Path, prepared: Path, kintone: Kintone) -> Run:
    """`run` where connection `kintone` is stored."""
    shutil.copytree(prepared / "connected", surroundings, dirs_exist_ok=True)
    return run


@pytest.fixture
def bound(run: Run, surroundings: Path, prepared: Path, kintone: Kintone) -> Run:
    """`run` where inbox `support` is bound to the sample app."""
    shutil.copytree(prepared / "bound", surroundings, dirs_exist_ok=True)
    return run
