"""A broken requirement, as opposed to a check that broke down."""

from __future__ import annotations

from typing import NoReturn

from renkei.plugins import PluginFault


class Broken(AssertionError):
    """The plugin, kit or simulator does not do what a check requires; the text says what was seen instead."""


def require(holds: object, seen: str) -> None:
    """Go on only if *holds*.

    Raises:
        Broken: with *seen*, a sentence that says what happened instead of what is required.
    """
    if not holds:
        raise Broken(seen)


def broken(seen: str) -> NoReturn:
    """Say that a requirement is broken.

    Raises:
        Broken: always.
    """
    raise Broken(seen)


def raised(error: BaseException) -> str:
    """*error* in words that repeat nothing of its text, which may hold anything: `raised Unavailable`."""
    return f"is at fault: {error.what}" if isinstance(error, PluginFault) else f"raised {type(error).__name__}"
