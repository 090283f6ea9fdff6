"""renkei: one inbox, one sync integration, any CRM.

Hosts import `Renkei` and what it raises from here; plugins import `renkei.spec`, and nothing else. The names are
loaded on first use, so that a plugin does not pay for the engine, nor `renkei --help` for the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from renkei.engine import Helpdesk, Host, Policy, Renkei, RenkeiError

__version__ = "0.1.0"
__all__ = ["Helpdesk", "Host", "Policy", "Renkei", "RenkeiError", "__version__"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from renkei import engine

        return getattr(engine, name)
    raise AttributeError(f"module 'renkei' has no attribute {name!r}")
