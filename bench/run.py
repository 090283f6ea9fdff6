"""Speed and memory, measured and never asserted: `make bench`, or `make bench ARGS="--quick --only recording"`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import delivering
import machine
import memory
import recording
import starting
from figures import Figure
from rich.console import Console
from rich.table import Table

MEASUREMENTS = {
    "recording": recording.measure,
    "delivering": delivering.measure,
    "memory": memory.measure,
    "starting": starting.measure,
}
_TITLES = {
    "recording": "record(), beside a bare durable insert",
    "delivering": "Delivery, beside a bare httpx loop",
    "memory": "Peak memory of a delivering process",
    "starting": "Cold starts",
}


def main() -> None:
    given = _arguments()
    console = Console(width=max(120, Console().width))
    rounds = given.rounds or (1 if given.quick else 3)
    with tempfile.TemporaryDirectory(prefix="renkei-bench-", dir=given.directory) as place:
        facts = {**machine.facts(Path(place)), "rounds": f"{rounds}{', quick' if given.quick else ''}"}
        _show_facts(console, facts)
        found: dict[str, list[Figure]] = {}
        for name in [given.only] if given.only else MEASUREMENTS:
            found[name] = MEASUREMENTS[name](Path(place), rounds=rounds, quick=given.quick, progress=_progress)
            _progress("")
            console.print(_table(_TITLES[name], found[name]))
    if given.json:
        given.json.write_text(json.dumps(_as_data(facts, found), ensure_ascii=False, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=tuple(MEASUREMENTS), help="one measurement instead of all")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: to see whether it works")
    parser.add_argument("--rounds", type=int, help="how often each is run in turn (3; 1 with --quick)")
    parser.add_argument("--directory", type=Path, help="where databases are made; not on a tmpfs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to FILE as well")
    return parser.parse_args()


def _progress(words: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)
    elif words:
        print(words, file=sys.stderr, flush=True)


def _show_facts(console: Console, facts: dict[str, str]) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in facts.items():
        table.add_row(name, value)
    console.print(table)


def _table(title: str, figures: list[Figure]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for heading in ("measured", "beside", "ratio", "aim"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("met", no_wrap=True)
    for figure in figures:
        beside = f"{_number(figure.beside)} {figure.unit}" if figure.beside is not None else ""
        ratio = f"{figure.ratio:.2f} x" if figure.ratio is not None else ""
        words = {None: "", True: "met", False: "not met"}[figure.met]
        name = f"{figure.name} (beside: {figure.beside_name})" if figure.beside_name else figure.name
        table.add_row(name, f"{_number(figure.value)} {figure.unit}", beside, ratio, figure.aim, words)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def _as_data(facts: dict[str, str], found: dict[str, list[Figure]]) -> dict[str, Any]:
    return {"machine": facts, **{name: [figure.as_data() for figure in figures] for name, figures in found.items()}}


if __name__ == "__main__":
    main()
