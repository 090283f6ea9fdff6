"""Answers that point to other hosts, and what is asked then (check Z04)."""

from __future__ import annotations

from typing import Final

from renkei.testing.contract import acts
from renkei.testing.contract.broken import require
from renkei.testing.contract.living import Life, calls, pointing_to, tried
from renkei.testing.contract.stage import Stage

STRANGER: Final = "another-server.example"


def server_of(stage: Stage) -> str:
    """The simulator's URL, where it is a server."""
    simulator = stage.kit.simulator()
    return simulator if isinstance(simulator, str) else ""


def well(stage: Stage) -> None:
    life = Life(stage)
    life.well(stage.good)
    life.well(stage.second)


def neighbours(stage: Stage, usual: set[str]) -> list[str]:
    """Hosts that the manifest allows and that have nothing to do with the connections: somebody else's."""
    patterns = [host for host in stage.manifest.hosts if host.startswith("*.")]
    return [f"somebody-else{pattern[1:]}" for pattern in patterns[:1] if f"somebody-else{pattern[1:]}" not in usual]


def lead_astray(stage: Stage, host: str) -> None:
    """Every hook but those that log in is answered with links to *host*; a log-in may say where the account lives."""
    life = Life(stage)
    for hook, ask in calls(stage, stage.good, lambda: [life.record()]).items():
        if hook in ("crm_authenticate", "crm_refresh"):
            continue
        for act in (pointing_to(host), acts.redirect(f"https://{host}/", 302), acts.redirect(f"https://{host}/", 307)):
            stage.wire.play(act, on="any", hook=hook, times=20)
            tried(ask)
            stage.wire.calm()


def require_allowed(stage: Stage) -> None:
    allowed = stage.manifest.hosts
    for exchange in stage.wire.exchanges:
        host = exchange.request.url.host
        fits = any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in allowed)
        require(fits or stage.manifest.self_hosted, f"{exchange.hook} asked {host!r}, which the manifest does not name")
