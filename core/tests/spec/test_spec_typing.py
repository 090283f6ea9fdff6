"""mypy sees what an author got wrong at the decorator's line; a good plugin has nothing to hear."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GOOD = """
from renkei import spec

class Mine(spec.Settings):
    account: str = spec.setting(ja="a", en="a")

@spec.authenticate
async def crm_authenticate(ctx: spec.Context[Mine], request: spec.AuthenticateRequest) -> spec.Account:
    return spec.Account(id=ctx.settings.account, label="x")
"""
BAD = """
from renkei import spec

@spec.authenticate
def crm_authenticate(ctx: spec.Context[spec.Settings], request: spec.AuthenticateRequest) -> spec.Account:
    return spec.Account(id="", label="x")

@spec.push
async def crm_push(ctx: spec.Context[spec.Settings], request: spec.PushRequest) -> spec.Account:
    return spec.Account(id="", label="x")

@spec.map
def crm_map(request: spec.MapRequest, extra: int) -> spec.MapResult:
    return spec.MapResult()

@spec.describe
def crm_describe() -> spec.Manifest:
    request = spec.RefreshRequest()
    request.surprise = 1
    raise NotImplementedError
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("plugins")
    (folder / "good.py").write_text(GOOD)
    (folder / "bad.py").write_text(BAD)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(folder / "cache")]
    done = subprocess.run([*command, "good.py", "bad.py"], cwd=folder, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    return {name: "\n".join(line for line in lines if line.startswith(name)) for name in ("good", "bad")}


def test_a_good_plugin_type_checks(judged):
    assert judged["good"] == ""


@pytest.mark.parametrize("line", [4, 8, 12])
def test_a_wrong_colour_return_or_parameter_is_seen_at_its_decorator(judged, line):
    assert f"bad.py:{line}: error" in judged["bad"]
