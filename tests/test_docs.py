"""Prose that states a fact is run, or checked against what it speaks of."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from renkei import spec
from renkei.plugins.vetting import vet

ROOT = Path(__file__).parent.parent
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
    *sorted((ROOT / "plugins").glob("*/docs/*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]


def test_the_host_guides_samples_run_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "host-guide.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict[str, object] = {}

    for block in blocks:
        exec(compile(block, "host-guide.md", "exec"), names)

    assert len(blocks) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not link.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_a_readme_is_short_and_names_the_two_commands(name):
    text = (ROOT / name).read_text(encoding="utf-8")

    assert len(text.splitlines()) < 150
    assert "make demo" in text
    assert "make test" in text


def test_the_readme_shows_what_the_demo_prints():
    block = re.search(r"```\n(── 2.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    environment = {**os.environ, "COLUMNS": "200", "RENKEI_LANG": "en"}

    done = subprocess.run(
        [sys.executable, "-m", "renkei", "demo"], capture_output=True, text=True, check=True, env=environment
    )

    printed = " ".join(done.stdout.split())
    assert block is not None
    for line in block.group(1).splitlines():
        assert " ".join(line.removesuffix("…").split()) in printed


def test_the_glossary_has_every_state_that_the_store_knows():
    from renkei.store.ledger import STATES

    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert [state for state in STATES if f"`{state}`" not in glossary and state not in glossary] == []


def test_troubleshooting_quotes_messages_that_exist():
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for path in [*(ROOT / "core/src").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    )
    joined = re.sub(r"\"\s*\n\s*f?\"", "", source)
    quoted = re.findall(r"^### `(.+?)`$", page, flags=re.MULTILINE)

    assert len(quoted) >= 8
    for message in quoted:
        for part in message.split("…"):
            assert part.strip() in joined, f"no such message: {message}"


def generated():
    source = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert source is not None
    assert source.loader is not None
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    return module


def test_the_plugin_reference_is_what_the_code_says():
    pages = generated().PAGES

    for name, make in pages.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == make(), f"{name} is old: run 'make docs'"


def test_everything_that_the_spec_exports_is_in_the_reference():
    page = (ROOT / "docs" / "plugin-reference.md").read_text(encoding="utf-8")

    missing = [name for name in spec.__all__ if not re.search(rf"\b{name}\b", page)]

    assert missing == []


def test_the_signatures_in_the_reference_are_those_that_the_loader_and_mypy_accept(tmp_path):
    page = (ROOT / "docs" / "plugin-reference.md").read_text(encoding="utf-8")
    hooks = re.findall(r"```python\n(@spec\.\w+\n(?:async )?def .*?): \.\.\.\n```", page)
    plugin = tmp_path / "written_from_the_page.py"
    head = "from renkei import spec\n\n\nclass MySettings(spec.Settings):\n    pass\n"
    plugin.write_text(head + "".join(f"\n\n{hook}:\n    raise NotImplementedError\n" for hook in hooks))

    source = importlib.util.spec_from_file_location(plugin.stem, plugin)
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(plugin)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(hooks) == len(spec.REQUIRED_HOOKS) + len(spec.OPTIONAL_HOOKS)
    assert vet(module, own_package=True) == []
    assert checked.returncode == 0, checked.stdout
