"""Hand-written saboteurs over the template: broken plugins, one defect each, that the suite has to find.

Each module holds those of some letters in `SABOTEURS`; `ALL` is the list.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterable

from renkei.testing.contract.saboteurs import WRAPPERS, Saboteur

# Numbered from here are those that attackers of the suite thought of, beyond the list of its design.
_BEYOND_THE_LIST = 100

ALL: tuple[Saboteur, ...] = tuple(
    sorted(
        (
            saboteur
            for found in pkgutil.iter_modules(__path__)
            for saboteur in getattr(importlib.import_module(f"{__name__}.{found.name}"), "SABOTEURS", ())
        ),
        key=lambda saboteur: (saboteur.number, saboteur.name),
    )
)


EVERYTHING = os.environ.get("RENKEI_SABOTEURS") == "all"

PROVEN: tuple[str, ...] = ("template", "kintone") if EVERYTHING else ("kintone",)
"""The plugins that each check has to find sound; the template as a whole is verified by tests/test_new_plugin.py."""


def _slice() -> frozenset[str]:
    """Names of the whole list and, for each check, of the first that it has to find."""
    found = {saboteur.name for saboteur in ALL if saboteur.number < _BEYOND_THE_LIST}
    seen: set[str] = set()
    for saboteur in (*WRAPPERS, *ALL):
        if not seen.issuperset(saboteur.killed_by):
            found.add(saboteur.name)
        seen.update(saboteur.killed_by)
    return frozenset(found)


def chosen(saboteurs: Iterable[Saboteur]) -> tuple[Saboteur, ...]:
    """Those of *saboteurs* that this run tries: all with RENKEI_SABOTEURS=all (`make saboteurs`), else a slice.

    All of them take four minutes of two cores.
    """
    if EVERYTHING:
        return tuple(saboteurs)
    names = _slice()
    return tuple(saboteur for saboteur in saboteurs if saboteur.name in names or saboteur in WRAPPERS)
