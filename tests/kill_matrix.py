"""Runs every saboteur through every check, and writes the kill matrix: `python tests/kill_matrix.py` (`make matrix`).

Saboteurs are put into the template; those that work round any plugin into kintone too. A kill is a check that says what
is broken; one that breaks down on the way counts as none, and is listed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from saboteurs import ALL
from saboteurs.keyed import KINTONE

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
_ANSWER = "\nthe words: "
_ENOUGH = 900.0


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What was found.

    Attributes:
        words: `plugin/saboteur` → check → `failed` or `crashed`; what passed is left out.
        whole: those that were run through every check, and not only through those that have to find them.
    """

    words: Mapping[str, Words]
    whole: frozenset[str]

    def text(self) -> str:
        """As JSON."""
        data = {"whole": sorted(self.whole), "words": self.words}
        return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read() -> Matrix:
    """The matrix as it was last made."""
    data = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {"whole": [], "words": {}}
    return Matrix(words=data["words"], whole=frozenset(data["whole"]))


def run(name: str, backend: str, ids: Sequence[str]) -> Words:
    """What each of these checks says of one saboteur, in this process; what passed is left out."""
    outcomes = kills(everybody()[name], find(backend), ids=ids)
    return {id: outcome.word for id, outcome in outcomes.items() if outcome.word != "passed"}


def run_alone(name: str, backend: str, ids: Sequence[str]) -> Words:
    """The same in a process of its own: a saboteur may leave its process in ruins, or end it."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--one", name, backend, ",".join(ids)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=_ENOUGH,
        check=False,
    )
    told = done.stdout.decode().rpartition(_ANSWER)[2]
    words: Words = json.loads(told) if told else dict.fromkeys(ids, "crashed")
    return words


def run_all(chosen: Mapping[tuple[str, str], Sequence[str]]) -> dict[str, Words]:
    """All of them, on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {
            f"{backend}/{name}": pool.submit(run_alone, name, backend, ids) for (name, backend), ids in chosen.items()
        }
        found = {}
        for place, future in running.items():
            found[place] = future.result()
            sys.stderr.write(f"{len(found)}/{len(running)} {place}: {' '.join(found[place])}\n")
        return found


def joined(
    old: Mapping[str, Words], new: Mapping[str, Words], asked: Mapping[str, Collection[str]]
) -> dict[str, Words]:
    """The matrix with some cells measured anew; what is no saboteur any more is gone."""
    there = {f"{backend}/{name}" for name, backend in pairs()}
    kept = {place: words for place, words in old.items() if place in there}
    for place, words in new.items():
        others = {id: word for id, word in kept.get(place, {}).items() if id not in asked[place]}
        kept[place] = dict(sorted({**others, **words}.items()))
    return dict(sorted(kept.items()))


def everybody() -> dict[str, Saboteur]:
    """All saboteurs, by name."""
    return {one.name: one for one in (*WRAPPERS, *ALL, *KINTONE)}


def pairs() -> list[tuple[str, str]]:
    """Which saboteur goes into which plugin."""
    everywhere = [(one.name, backend) for backend in ("template", "kintone") for one in WRAPPERS]
    return [*everywhere, *((one.name, "template") for one in ALL), *((one.name, "kintone") for one in KINTONE)]


def page(matrix: Matrix) -> str:
    """The matrix as a page."""
    found = matrix.words
    saboteurs = sorted(everybody().values(), key=lambda one: (one.number, one.name))
    lines = [
        "# The kill matrix",
        "",
        "<!-- Made by tests/kill_matrix.py; run `make matrix`. -->",
        "",
        "Each saboteur is a plugin with one defect. It must be found by the checks in bold. Those marked · were run",
        "through every check, and the others that found them are named too; the rest were run through those in bold",
        "alone. Those with ⟳ are put round any plugin, by `renkei verify --prove`; here the template and kintone. The",
        "others are put into the template, or where it says so into kintone.",
        "",
        "| Saboteur | Its defect | Found by |",
        "|---|---|---|",
    ]
    places = pairs()
    for saboteur in saboteurs:
        for backend in (backend for name, backend in places if name == saboteur.name):
            place = f"{backend}/{saboteur.name}"
            lines.append(_row(saboteur, backend, found.get(place, {}), whole=place in matrix.whole))
    for name, (number, does, ids) in BY_THE_RUN.items():
        lines.append(f"| {number:02} {name} | {does} | {', '.join(f'**{id}**' for id in ids)} (tests/test_verify.py) |")
    return "\n".join([*lines, "", *_by_check(found), ""])


def _row(saboteur: Saboteur, backend: str, words: Words, *, whole: bool) -> str:
    killers = [f"**{id}**" if id in saboteur.killed_by else id for id, word in words.items() if word == "failed"]
    broke = [id for id, word in words.items() if word == "crashed"]
    mark = f" ⟳ {backend}" if saboteur in WRAPPERS else " (kintone)" if backend == "kintone" else ""
    mark += " ·" if whole else ""
    tail = f"; broke down: {', '.join(broke)}" if broke else ""
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
        names = ", ".join(sorted(set(victims[id]))) or ("all of ⟳" if id == "K05" else "none")
        lines.append(f"| {id} | {'required' if check.required else 'advisory'} | {names} |")
    return lines


def main() -> int:
    """Write both files; 1 where a saboteur survives a check that is there for it."""
    parser = argparse.ArgumentParser(description="Run every saboteur through every check.")
    if sys.argv[1:2] == ["--one"]:
        name, backend, ids = sys.argv[2:]
        sys.stdout.write(_ANSWER + json.dumps(run(name, backend, ids.split(","))))
        sys.stdout.flush()
        os._exit(0)  # a thread or a lock that a saboteur left behind is no reason to wait
    parser.add_argument("names", nargs="*", help="only these saboteurs; the rest of the matrix stays as it is")
    parser.add_argument("--checks", help="only these checks, separated by commas; the rest stays as it is")
    parser.add_argument("--named", action="store_true", help="only the checks that each has to be found by")
    arguments = parser.parse_args()
    ids = sorted(set(arguments.checks.split(",")) if arguments.checks else set(CHECKS) - {"K05"})
    by_name = everybody()
    chosen = {
        (name, backend): by_name[name].killed_by if arguments.named else ids
        for name, backend in pairs()
        if not arguments.names or name in arguments.names
    }
    old = read()
    asked = {f"{backend}/{name}": these for (name, backend), these in chosen.items()}
    found = joined(old.words, run_all(chosen), asked)
    everything = set(CHECKS) - {"K05"}
    whole = {place for place, these in asked.items() if set(these) >= everything} | (old.whole & set(found))
    matrix = Matrix(words=found, whole=frozenset(whole))
    DATA.write_text(matrix.text(), encoding="utf-8")
    PAGE.write_text(page(matrix), encoding="utf-8")
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
