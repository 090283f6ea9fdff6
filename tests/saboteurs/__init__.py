"""Hand-written saboteurs over the template: broken plugins, one defect each, that the suite has to find.

Each module holds those of some letters in `SABOTEURS`; `ALL` is the list.
"""

from __future__ import annotations

import importlib
import pkgutil

from renkei.testing.contract.saboteurs import Saboteur

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
