"""The simulator's page of documentation, against the simulator."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from renkei_kintone.simulator import Unsure, sample
from renkei_kintone.simulator.calls import known_calls
from renkei_kintone.simulator.command import main
from renkei_kintone.simulator.control import routes
from renkei_kintone.simulator.faults import KINDS
from renkei_kintone.simulator.files import MEGABYTE, FileStore
from renkei_kintone.simulator.matching import FUNCTIONS, OPERATORS
from renkei_kintone.simulator.switches import NAMES

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"
TEXT = PAGE.read_text(encoding="utf-8")


def described() -> dict[str, str]:
    """The sentence of each unsure fact, from the docstring."""
    block = inspect.getdoc(Unsure).split("Attributes:\n")[1]  # type: ignore[union-attr]  # it has one
    items = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", block, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", said) for name, said in items}


def answers(name: str) -> str:
    kind = get_type_hints(Unsure)[name]
    default = next(item.default for item in fields(Unsure) if item.name == name)
    choices = get_args(kind) or ((True, False) if kind is bool else ())
    ordered = [default, *(choice for choice in choices if choice != default)]
    return ", ".join(f"`{json.dumps(each) if not isinstance(each, str) else each}`" for each in ordered)


def unsure_table() -> str:
    rows = [f"| `{name}` | {answers(name)} | {said} |" for name, said in described().items()]
    return "\n".join(["| Fact | Answers | |", "|---|---|---|", *rows])


def section(title: str) -> str:
    """The part of the page below a title."""
    return re.split(r"^#+ ", TEXT.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_the_page_lists_every_fault_token_and_switch() -> None:
    names = [*KINDS, *sample().tokens, *NAMES]

    assert [name for name in names if f"`{name}`" not in TEXT] == []


def test_the_page_lists_every_call() -> None:
    listed = set()
    for cell in re.findall(r"^\| (`[A-Z].*?) \|", section("What it simulates"), re.MULTILINE):
        methods: list[str] = []
        for item in re.findall(r"`([^`]+)`", cell):
            method, _, api = item.partition(" ")
            methods.append(method)
            if api:
                listed |= {(each, api) for each in methods}
                methods = []

    assert listed == known_calls()


def test_the_page_lists_every_control_endpoint() -> None:
    paths = {
        (method, route.path) for route in routes(sample(), "") for method in route.methods or () if method != "HEAD"
    }

    listed = set()
    for cell in re.findall(r"^\| (`[A-Z].*?) \|", section("Control"), re.MULTILINE):
        path = re.search(r"(/_sim/[^ ?`]+)", cell)
        assert path is not None
        listed |= {(method, path[1].replace("/1/", "/{app}/")) for method in re.findall(r"GET|POST|DELETE", cell)}
    assert listed == paths


def test_the_page_lists_operators_and_functions() -> None:
    listed = [
        set(re.findall(r"`([^`$]+)`", row.split("|")[2]))
        for row in section("Queries").splitlines()
        if row.startswith("| ") and not row.startswith("| Fields")
    ]

    known = [{f"{each} empty" if each in ("is", "is not") else each for each in used} for used in OPERATORS.values()]
    assert all(used in listed for used in known)
    assert all(used in known for used in listed)
    assert all(f"`{name}()`" in TEXT for name in FUNCTIONS)


def test_the_page_lists_what_is_unsure_with_every_answer() -> None:
    assert unsure_table() in TEXT, f"put this below 'What is not known of kintone':\n{unsure_table()}"


def test_the_page_says_how_large_files_may_be() -> None:
    store = FileStore()

    assert f"{store.largest // MEGABYTE} MB, or {store.room // MEGABYTE} MB" in TEXT


def test_the_page_lists_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])

    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert [option for option in sorted(options) if f"`{option}" not in TEXT] == []


def test_the_pages_sample_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)

    exec(compile(code, PAGE.name, "exec"), {})


@pytest.mark.parametrize(
    "api", ["GET record/comments.json?app=1&record=1", "GET app/views.json?app=1", "PUT preview/app/settings.json"]
)
def test_what_it_does_not_do_gets_a_plain_501(world: Any, api: str) -> None:
    method, _, path = api.partition(" ")
    sent = {} if method == "GET" else {"json": {"app": 1}}

    answer = world.call(method, path, token="simulated-full-token", **sent)

    assert answer.status_code == 501
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "does not simulate" in answer.text
