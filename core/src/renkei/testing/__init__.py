"""For hosts' and plugins' own tests: a fake backend, `drain()`, and the contract suite's `Kit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from renkei.testing.clock import ManualClock
from renkei.testing.kit import BackendAnswer, BadSettings, Kit, LiveSite, SeenRecord, Situation

if TYPE_CHECKING:
    from renkei.testing.draining import drain
    from renkei.testing.fake import FakeBackend, StoredRecord

__all__ = [
    "BackendAnswer",
    "BadSettings",
    "FakeBackend",
    "Kit",
    "LiveSite",
    "ManualClock",
    "SeenRecord",
    "Situation",
    "StoredRecord",
    "drain",
]


def __getattr__(name: str) -> Any:
    # Late: these need the engine, which a kit does without. Importing it takes a second.
    if name == "drain":
        from renkei.testing.draining import drain

        return drain
    if name in ("FakeBackend", "StoredRecord"):
        from renkei.testing import fake

        return getattr(fake, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
