"""The table of rules: what breaks when one of them is taken out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chaos.database import NewPlace
from chaos.plan import plan
from chaos.races import RACES, play
from chaos.report import run
from chaos.without import RULES
from chaos.world import Place

COUNTS = ("lost", "doubled", "doubtful", "misjudged")


def table(new_place: NewPlace, *, actions: int, kills: int, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Every rule: random runs with and without a key, and its races with the rule and without it."""

    def random_run(rule: str | None, keyed: bool) -> dict[str, Any]:
        made = plan(seed, kills=kills, actions=actions, keyed=keyed)
        with _folder(new_place) as place:
            told = run(place, made, actions=actions, seed=seed, keyed=keyed, rule=rule)
        found = {name: told[name] for name in (*COUNTS, "drained", "kills_missing")}
        say(f"without {rule or 'nothing'}, {'with' if keyed else 'without'} a key: {found}")
        return found

    runs = {rule or "": {str(keyed): random_run(rule, keyed) for keyed in (True, False)} for rule in (None, *RULES)}
    return {"actions": actions, "kills": kills, "seed": seed, "runs": runs, "races": races(new_place, say)}


def races(new_place: NewPlace, say: Callable[[str], None], *, rule: str = "") -> list[dict[str, Any]]:
    """Every race, or those that are about *rule*, with the rule and without."""
    played = []
    for race in [race for race in RACES if rule in ("", race.rule)]:
        told: dict[str, Any] = {"race": race.name, "rule": race.rule, "key": race.keyed}
        for without in (False, True):
            with _folder(new_place) as place:
                told["without" if without else "with"] = play(race, place, without=without)
        say(f"{told}")
        played.append(told)
    return played


def as_markdown(found: dict[str, Any]) -> str:
    """The table as the docs show it: lost / doubled / doubtful / misjudged."""
    lines = ["| taken out | with the key | without a key |", "|---|---|---|"]
    for rule, sides in found["runs"].items():
        cells = [_cell(sides[str(keyed)]) for keyed in (True, False)]
        lines.append(f"| {rule or 'nothing'} | {cells[0]} | {cells[1]} |")
    lines += ["", "| race | key | rule | with the rule | without it |", "|---|---|---|---|---|"]
    for race in found["races"]:
        key = "yes" if race["key"] else "no"
        cells = [_cell(race["with"]), _cell(race["without"])]
        lines.append(f"| {race['race']} | {key} | {race['rule']} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines) + "\n"


def _cell(counts: dict[str, Any]) -> str:
    text = " / ".join(f"{counts[name]:,}" for name in COUNTS)
    return text if counts.get("drained", True) else f"{text} (not drained)"


class _folder(TemporaryDirectory[str]):  # noqa: N801
    """A run's place, gone afterwards."""

    def __init__(self, new_place: NewPlace) -> None:
        super().__init__(prefix="renkei-chaos-", ignore_cleanup_errors=True)
        self._new_place = new_place

    def __enter__(self) -> Place:  # type: ignore[override]
        return self._new_place(Path(super().__enter__()))
