"""Do the checks find the saboteurs? Used by K05 for the wrappers, and for the kill matrix."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from renkei.testing.contract.running import Outcome, run_check
from renkei.testing.contract.saboteurs.making import Saboteur
from renkei.testing.contract.subject import Subject
from renkei.testing.kit import Kit


def kills(
    saboteur: Saboteur, good: Subject, kit: Kit | None = None, *, ids: Collection[str] = ()
) -> Mapping[str, Outcome]:
    """What each check that should find *saboteur* says of it; `failed` is a kill, `crashed` is none.

    Args:
        saboteur: the defect.
        good: the plugin that it is put into.
        kit: the one in use; a saboteur that replaces the kit's class gets an instance of its own.
        ids: other checks than those it names.
    """
    bad = saboteur.damage(good)
    own = kit if kit is not None and type(kit) is bad.kit else bad.kit()
    try:
        return {id: run_check(id, bad, own) for id in ids or saboteur.killed_by}
    finally:
        if own is not kit:
            own.close()
