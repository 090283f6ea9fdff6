"""All targets of an account, asked for level by level."""

from __future__ import annotations

from renkei.spec import BackendError, Target
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.calling import answered, outcome_of
from renkei.testing.contract.connection import Connection
from renkei.testing.contract.stage import Stage

_DEEPEST = 8
_MOST_PARENTS = 100


def every_target(stage: Stage, connection: Connection) -> dict[str, Target]:
    """Targets by id, from the top and below every one that others are nested in.

    Raises:
        Broken: the levels contradict each other.
    """
    with stage.wire.since_now() as asked:
        top = _listed(connection, None)
    require(asked, "crm_list_targets answered without asking the backend")
    require(_listed(connection, None) == top, "crm_list_targets lists something else each time")
    goes_deep = any(target.parent is not None for target in top.values())
    found = dict(top)
    parents = [target.id for target in top.values()]
    for _ in range(_DEEPEST):
        below: dict[str, Target] = {}
        for parent in parents[:_MOST_PARENTS]:
            level = _below(connection, found[parent], found)
            _require_one_tree(parent, level, found)
            unlisted = sorted(level.keys() - top.keys()) if goes_deep else []
            require(not unlisted, f"targets {unlisted[:3]} are listed below {parent!r}, and not from the top")
            below |= {id: target for id, target in level.items() if id not in found}
        found |= below
        parents = list(below)
        if not parents:
            break
    for target in found.values():
        known = target.parent is None or target.parent in found
        require(known, f"target {target.id!r} is nested in {target.parent!r}, which is not listed")
    return found


def _below(connection: Connection, parent: Target, found: dict[str, Target]) -> dict[str, Target]:
    """What stands below *parent*. Of one that holds nothing, as far as is known, a backend may not even let ask."""
    if parent.selectable and not any(target.parent == parent.id for target in found.values()):
        _answer, error = outcome_of(lambda: connection.targets(parent.id))
        if isinstance(error, BackendError):
            return {}
    return _listed(connection, parent.id)


def _listed(connection: Connection, parent: str | None) -> dict[str, Target]:
    targets = answered("crm_list_targets", lambda: connection.targets(parent))
    ids = [target.id for target in targets]
    require(len(set(ids)) == len(ids), "crm_list_targets lists a target twice")
    for target in targets:
        require(target.id.strip() and target.label.strip(), "crm_list_targets lists a target without id or label")
    return {target.id: target for target in targets}


def _require_one_tree(parent: str, level: dict[str, Target], found: dict[str, Target]) -> None:
    """What stands below *parent* in one list stands there in the other."""
    require(parent not in level, f"target {parent!r} is listed as nested in itself")
    nested = {id for id, target in found.items() if target.parent == parent}
    missing = sorted(nested - level.keys())
    require(not missing, f"targets {missing[:3]} are nested in {parent!r}, and not listed below it")
