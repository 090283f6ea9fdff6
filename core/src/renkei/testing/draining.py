"""Deliver everything that is due, then return."""

from __future__ import annotations

from renkei.engine import Renkei


def drain(renkei: Renkei, *, timeout: float = 30.0) -> None:
    """Deliver what is due now, in threads of this process, and wait for it.

    What waits for a later time (a back-off, an outcome that has not settled) is left waiting.

    Raises:
        TimeoutError: after *timeout* seconds something was still due.
    """
    if not renkei.work_until_idle(timeout=timeout, due_only=True):
        raise TimeoutError(f"deliveries were still due after {timeout:g} seconds; look at renkei.health()")
