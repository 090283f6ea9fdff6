"""Runs every saboteur through every check, and writes the kill matrix: `python tests/kill_matrix.py` (`make matrix`).

Saboteurs are put into the template; those that work round any plugin into kintone too. A kill is a check that says what
is broken; one that breaks down on the way counts as none, and is listed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from saboteurs import ALL

from renkei.testing.contract.catalogue import CHECKS
from renkei.testing.contract.proving import kills
from renkei.testing.contract.saboteurs import WRAPPERS, Saboteur
from renkei.testing.contract.subject import find
from renkei.testing.contract.whole import WHOLE

PAGE = Path(__file__).parent.parent / "docs" / "kill-matrix.md"
DATA = PAGE.with_suffix(".json")
# Found by the run as a whole and not by one check; each has a test of its own in test_verify.py.
BY_THE_RUN = {
    "Flaky": (44, "Comes to another result each time.", ("K08",)),
    "Skipper": (47, "A suite with a skip in a fixture, -k, xfail, a hollow override, a filter.", ("K01", "K02")),
}
Words = Mapping[str, str]


def run(name: str, backend: str) -> Words:
    """Every check's word about one saboteur, in this process."""
    saboteur = next(one for one in (*WRAPPERS, *ALL) if one.name == name)
    ids = sorted(id for id, check in CHECKS.items() if id != "K05")
    outcomes = kills(saboteur, find(backend), ids=ids)
    return {id: outcome.word for id, outcome in outcomes.items() if outcome.word != "passed"}


def run_all(chosen: Iterable[tuple[str, str]]) -> dict[str, Words]:
    """The whole matrix on all cores; a process for each saboteur, because one may leave its process in ruins."""
    jobs = list(chosen)
    with ProcessPoolExecutor(max_tasks_per_child=1) as pool:
        return {
            f"{backend}/{name}": words
            for (name, backend), words in zip(jobs, pool.map(run, *zip(*jobs, strict=True)), strict=True)
        }


def pairs() -> list[tuple[str, str]]:
    """Which saboteur goes into which plugin."""
    everywhere = [(saboteur.name, backend) for backend in ("template", "kintone") for saboteur in WRAPPERS]
    return [*everywhere, *((saboteur.name, "template") for saboteur in ALL)]


def page(found: Mapping[str, Words]) -> str:
    """The matrix as a page."""
    saboteurs = sorted((*WRAPPERS, *ALL), key=lambda one: (one.number, one.name))
    lines = [
        "# The kill matrix",
        "",
        "<!-- Made by tests/kill_matrix.py; run `make matrix`. -->",
        "",
        "Each saboteur is a plugin with one defect. It must be found by the checks in bold; the others found it too.",
        "Those with ⟳ are put round any plugin, by `renkei verify --prove`; here the template and kintone.",
        "",
        "| Saboteur | Its defect | Found by |",
        "|---|---|---|",
    ]
    for saboteur in saboteurs:
        for backend in ("template", "kintone") if saboteur in WRAPPERS else ("template",):
            lines.append(_row(saboteur, backend, found.get(f"{backend}/{saboteur.name}", {})))
    for name, (number, does, ids) in BY_THE_RUN.items():
        lines.append(f"| {number:02} {name} | {does} | {', '.join(f'**{id}**' for id in ids)} (tests/test_verify.py) |")
    return "\n".join([*lines, "", *_by_check(found), ""])


def _row(saboteur: Saboteur, backend: str, words: Words) -> str:
    killers = [f"**{id}**" if id in saboteur.killed_by else id for id, word in words.items() if word == "failed"]
    broke = [id for id, word in words.items() if word == "crashed"]
    mark = f" ⟳ {backend}" if saboteur in WRAPPERS else ""
    tail = f" · broke down: {', '.join(broke)}" if broke else ""
    return f"| {saboteur.number:02} {saboteur.name}{mark} | {saboteur.does} | {', '.join(killers)}{tail} |"


def _by_check(found: Mapping[str, Words]) -> list[str]:
    victims: defaultdict[str, list[str]] = defaultdict(list)
    for place, words in found.items():
        for id, word in words.items():
            if word == "failed":
                victims[id].append(place.split("/")[1])
    for name, (_number, _does, ids) in BY_THE_RUN.items():
        for id in ids:
            victims[id].append(name)
    lines = ["## What each check finds", "", "| Check | | Saboteurs |", "|---|---|---|"]
    for id in sorted({*CHECKS, *WHOLE}):
        check = CHECKS.get(id) or WHOLE[id]
        names = ", ".join(dict.fromkeys(victims[id])) or ("all of ⟳" if id == "K05" else "none")
        lines.append(f"| {id} | {'required' if check.required else 'advisory'} | {names} |")
    return lines


def main() -> int:
    """Write both files; 1 where a saboteur survives a check that is there for it."""
    parser = argparse.ArgumentParser(description="Run every saboteur through every check.")
    parser.add_argument("names", nargs="*", help="only these, printed and not written")
    arguments = parser.parse_args()
    chosen = [pair for pair in pairs() if not arguments.names or pair[0] in arguments.names]
    found = run_all(chosen)
    if arguments.names:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        DATA.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        PAGE.write_text(page(found), encoding="utf-8")
    by_name = {one.name: one for one in (*WRAPPERS, *ALL)}
    survived = [
        f"{place} survived {id}"
        for place, words in found.items()
        for id in by_name[place.split("/")[1]].killed_by
        if words.get(id) != "failed"
    ]
    sys.stderr.write("".join(f"{line}\n" for line in survived))
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
