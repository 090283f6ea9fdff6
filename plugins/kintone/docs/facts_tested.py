"""Writes `facts-tested.md`: what is known of kintone, and the test of the simulator that shows it. A test compares it.

Nothing of it is typed in but the sentences of the 42 behaviours: rows, their sources and what is left out come from
the tests themselves, in `plugins/kintone/tests/simulator` and `plugins/kintone/tests/test_kintone_simulator*.py`.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

TESTS = Path(__file__).parents[1] / "tests"
ROWS = TESTS / "simulator"
SOURCES = {"doc": "documentation", "spec": "API description", "js-sdk": "JavaScript client", "observed": "observed"}

CHAPTERS = {
    "1": "Hosts and paths",
    "2.1": "Tokens and passwords",
    "2.2": "The permission that a call needs, and no other does",
    "2.3": "A token that may only add",
    "3": "Limits",
    "4.1": "The shape of errors",
    "4.2": "Codes",
    "4.3": "`CB_VA01`: parameters, paths and rules",
    "4.4": "Languages",
    "4.5": "What may be tried again",
    "5.1": "Fields in general",
    "5.2": "Types of fields",
    "5.3": "The form",
    "5.4": "Tables",
    "5.5": "Lookups",
    "6.1": "Adding",
    "6.2": "Updating, upserting and deleting",
    "6.3": "Repeating",
    "6.4": "Files",
}

BEHAVIOURS = (
    "Callers are judged in order: no credentials, a token not known or not in force, another app's, no permission.",
    "Each token has its own permissions. One that may only add reads app and form, uploads, adds; nothing else.",
    "Adding several answers with ids and revisions as texts, in the order of the request; a first revision is 1.",
    "A batch goes in whole or not at all.",
    "`CB_VA01` lists every error of every record, each under the path of its field.",
    "The 101st record of a request keeps all of them out.",
    "A field code that the form does not have is ignored with 200.",
    "A default stands in only for a field that was left out; what was explicitly emptied is refused if it is required.",
    "Unique values are compared with what is stored and in the request; empty ones never collide; five types know it.",
    "A choice that is no option is refused, in lists under its own place.",
    "Too many requests at once, or an order, bring 429; every answer tells the limit and how many are running.",
    "A locked database refuses with `GAIA_DA02` and saves nothing.",
    "A request can be saved and its answer lost.",
    "Maintenance, gateways, broken JSON and slowness can be ordered.",
    "The form gives figures as texts, unset ones empty; a lookup whose app is hidden is null.",
    "An upsert tells whether it inserted or updated, fills in its key, and needs two permissions.",
    "An update that finds nothing is refused with 404 and without a place.",
    "A value of the wrong JSON type refuses the whole request, without a path.",
    "Numbers are read, normalised, rounded and bounded in their digits.",
    "Lengths count as JavaScript does; the texts name one more or one less than the limit.",
    "A lookup copies when it is written, ignores what is sent for its targets, and fails without a place.",
    "Dates and times are padded, lose their seconds, and read in UTC.",
    "An app of a guest space and its path belong together.",
    "Messages have the language of the user, or the browser's where the user follows it.",
    'Tokens, permissions and changes of the form take effect with "Update app".',
    "Up to twenty requests in one are one transaction; the answer shows which one failed.",
    "Creator, modifier and times are written on adding alone, and by who may manage the app.",
    "What kintone itself fills in is refused or ignored.",
    "A file has one key for attaching and another for reading; an unknown one is 404.",
    "Rows of tables get ids, stand in paths, and are replaced or merged by updates.",
    "One header holds up to nine tokens of different apps; one that is bad spoils all.",
    "Requests are counted for each app and day, and never refused for it.",
    "A revision that differs is a conflict; -1 or none asks for no check.",
    "Reading has a limit of 500, the newest first, a total when asked, and no process fields where there is none.",
    "No records at all are a success with empty lists.",
    "Every error has an id of its own, its code in a header, and a content type with a charset.",
    "A POST can be a GET, by a header.",
    "What a token adds was created by the Administrator.",
    "Older servers answer 520 with the same codes.",
    "A field or an option can be renamed or deleted between looking and writing.",
    "A password is looked at before a token.",
    "An app that does not exist is named so to users with a password alone.",
)
"""What a client of kintone meets, the most important first."""

MORE = {
    2: ["2.3 an add-only token neither reads, counts, queries nor opens a cursor"],
    4: ["4.3 all or nothing", "4.3 all or nothing: update"],
    5: ["4.3 all errors of all records"],
    16: [
        "6.2 answer with upsert",
        "6.2 key filled in",
        "4.2 GAIA_IQ27",
        "6.2 permission of upsert: edit",
        "6.2 permission of upsert: add",
        "6.2 permission of upsert: edit add",
    ],
    17: ["4.2 GAIA_RE20", "4.2 GAIA_RE01 update"],
    19: ["5.2 NUMBER rounding by the app", "5.2 NUMBER empty in table"],
    21: ["5.5 copy", "5.5 direct values", "4.2 GAIA_LO04 no match", "4.2 GAIA_LO04 not visible"],
    23: ["1 an app of a guest space on the normal path", "1 an app on the path of a space that it is not in"],
    24: ["4.4 the user's language, or the browser's where the user follows it"],
    26: ["4.1 bulkRequest failure", "6.2 inside bulkRequest"],
    27: ["4.2 GAIA_BF02", "5.2 CREATOR with manage", "5.2 CREATED_TIME with manage", "5.2 CREATOR on update"],
    29: ["5.2 FILE", "5.2 FILE keys differ", "4.2 GAIA_BL01 unknown"],
    30: ["5.4 rows", "4.3 table", "5.4 update replaces", "5.4 update merges by id"],
    31: ["2.1 nine tokens at most", "2.1 two tokens of one app", "2.1 one unknown token among good ones"],
    32: ["3 the day's figure of an app refuses nothing, and begins anew at 09:00 in Japan"],
    33: ["4.2 GAIA_CO02", "6.2 revision absent", "6.2 revision -1"],
    34: ["3 a read gives 100 records unless told, 500 at most", "3 the newest first"],
    36: ["4.1 an error has a code, an id of its own and a message; headers say the rest"],
    37: ["1 a URL of more than 8 KB, and the same as a POST"],
    41: ["2.1 a password wins over a token"],
    42: ["4.2 GAIA_AP01"],
}
"""Rows of other chapters that show a behaviour."""

HEAD = """\
# Facts that are tested

<!-- Made by plugins/kintone/docs/facts_tested.py from the tests; run it after a change. -->

What is known of kintone and shown by [the simulator](simulator.md), each fact beside the test that holds the simulator
to it. The chapters are those of the collection of facts from which plugin and simulator were written: 1 hosts and
paths, 2 permissions, 3 limits, 4 errors, 5 fields, 6 writing, 9 behaviours. A fact is known from kintone's
documentation, from the description of the API that its maker publishes, from its maker's JavaScript client, or from
what others observed of real domains; none was checked beside a live kintone. What rests on a guess is a switch of the
simulator, or has one answer there; both are listed on [its page](simulator.md#what-is-not-known-of-kintone).
"""


@dataclass(frozen=True, order=True)
class Fact:
    """One line: its chapter, what is known, from where, and the file whose test shows it."""

    chapter: str
    says: str
    source: str
    path: Path


def page() -> str:
    """The page."""
    modules = list(test_modules())
    facts = sorted({fact for path, module in modules for fact in facts_in(path, module)})
    parts = [HEAD]
    for chapter, title in CHAPTERS.items():
        lines = [fact for fact in facts if fact.chapter == chapter]
        parts.append(f"## {chapter} {title}\n\n| Known | From | Test |\n|---|---|---|\n" + "\n".join(map(_line, lines)))
    parts += [_left_out(modules), _behaviours(modules)]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def test_modules() -> Iterator[tuple[Path, ModuleType]]:
    """The modules of the simulator's tests, loaded apart from those that pytest has."""
    if str(ROWS) not in sys.path:
        sys.path.insert(0, str(ROWS))
    for path in sorted([*ROWS.glob("test_*.py"), *TESTS.glob("test_kintone_simulator*.py")]):
        source = importlib.util.spec_from_file_location(f"facts_of_{path.stem}", path)
        assert source is not None
        assert source.loader is not None
        module = importlib.util.module_from_spec(source)
        sys.modules[module.__name__] = module  # dataclasses look for their module
        source.loader.exec_module(module)
        yield path, module


def facts_in(path: Path, module: ModuleType) -> Iterator[Fact]:
    """The facts of chapters 1 to 6 that a module of tests shows."""
    for name, said, source in _named(module):
        found = re.fullmatch(r"([1-6](?:\.[0-9])?) (.+)", name, re.DOTALL)
        if found is not None:
            yield Fact(found[1], f"{found[2]}: {said}" if said else found[2], source, path)


def _named(module: ModuleType) -> Iterator[tuple[str, str, str]]:
    """Name, further words and source of each row."""
    from calling import Rows
    from raw_api import Row

    for value in list(vars(module).values()):
        if isinstance(value, Rows):
            yield from ((name, _lowered(check.__doc__), value.sources[name]) for name, check in value.items())
        elif isinstance(value, list):
            yield from ((row.name, row.says, row.source) for row in value if isinstance(row, Row))
    for name, test in tests_in(module):
        yield from _of_a_test(name, test)


def tests_in(module: ModuleType) -> list[tuple[str, Any]]:
    """The test functions of a module, as they stand in it."""
    return [(name, value) for name, value in vars(module).items() if name.startswith("test_") and callable(value)]


def _of_a_test(name: str, test: Any) -> Iterator[tuple[str, str, str]]:
    """A test that is named by its chapter, or whose cases are."""
    cases = _cases(test)
    chapter = re.fullmatch(r"test_([456])_([0-9])_(.+)", name)
    if chapter is not None:
        named = ", ".join(f"`{case}`" for case in cases)
        source = "js-sdk, observed" if name.startswith("test_5_3_") else "observed"
        yield f"{chapter[1]}.{chapter[2]} {chapter[3].replace('_', ' ')}", named, source
    elif _parametrised_by_rows(test):
        return
    else:
        for case in cases:
            if re.match(r"[2-6]\.[0-9] ", case):
                yield case, "", "doc" if case.startswith("2.2 ") else "observed"


def _cases(test: Any) -> list[str]:
    """The names of a test's cases, where they have been given names; its languages are no cases."""
    found = []
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize" and mark.args[0] != "language":
            found += [given for given in mark.kwargs.get("ids") or [] if isinstance(given, str)]
            found += [each.id for each in mark.args[1] if getattr(each, "id", None)]
    return [re.sub(r"^5\.3 ", "", each) if test.__name__.startswith("test_5_3_") else each for each in found]


def _parametrised_by_rows(test: Any) -> bool:
    return any(mark.args and mark.args[0] in ("check", "row") for mark in getattr(test, "pytestmark", []))


def _lowered(text: str | None) -> str:
    said = (text or "").strip().rstrip(".")
    return said[:1].lower() + said[1:] if not said.startswith(("GAIA", "CB_", "`")) else said


def _line(fact: Fact) -> str:
    source = ", ".join(SOURCES[each] for each in fact.source.split(", "))
    return f"| {_cell(fact.says)} | {source} | {_link(fact.path)} |"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def _link(path: Path) -> str:
    short = path.stem.removeprefix("test_kintone_simulator").strip("_") or "simulator"
    return f"[{short.replace('_', ' ')}](../{path.relative_to(TESTS.parent).as_posix()})"


def _left_out(modules: list[tuple[Path, ModuleType]]) -> str:
    left: dict[str, str] = {}
    for _, module in modules:
        left |= getattr(module, "NOT_SIMULATED", {})
    lines = [f"| {_cell(name)} | {_cell(why)} |" for name, why in sorted(left.items())]
    return "\n".join(["## Not simulated\n", "| Fact | Why |", "|---|---|", *lines])


def _behaviours(modules: list[tuple[Path, ModuleType]]) -> str:
    shown = shown_behaviours(modules)
    lines = [
        f"| {number} | {sentence} | {'; '.join(shown[number])} |" for number, sentence in enumerate(BEHAVIOURS, start=1)
    ]
    return "\n".join(["## 9 Behaviours\n", "| | A client meets | Tests |", "|---|---|---|", *lines])


def shown_behaviours(modules: list[tuple[Path, ModuleType]]) -> dict[int, list[str]]:
    """What shows each behaviour: tests and rows named by its number, and rows of other chapters."""
    shown: dict[int, list[str]] = {number: [] for number in range(1, len(BEHAVIOURS) + 1)}
    for path, module in modules:
        for numbers, said in _by_number(module):
            for number in numbers:
                shown[number].append(f"{_cell(said)} ({_link(path)})")
    names = {name: path for path, module in modules for name, _, _ in _named(module)}
    for number, rows in MORE.items():
        shown[number] += [f"{_cell(row)} ({_link(names[row])})" for row in rows]
    return shown


def _by_number(module: ModuleType) -> Iterator[tuple[range | tuple[int, ...], str]]:
    from calling import Rows

    for value in list(vars(module).values()):
        for name in value if isinstance(value, Rows) else ():
            found = re.fullmatch(r"9\.([0-9]+) (.+)", name)
            if found is not None:
                yield (int(found[1]),), found[2]
    for name, _ in tests_in(module):
        found = re.fullmatch(r"test_([0-9]+)_(?:to_([0-9]+)_)?(?![0-9]+_)(.+)", name)
        if found is not None:
            yield range(int(found[1]), int(found[2] or found[1]) + 1), found[3].replace("_", " ")


if __name__ == "__main__":
    Path(__file__).with_name("facts-tested.md").write_text(page(), encoding="utf-8")
