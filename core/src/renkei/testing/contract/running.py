"""Run one check on one plugin, without pytest: for the saboteurs, and for what is compared run by run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from renkei.plugins.faults import name_exception
from renkei.testing.contract.broken import Broken
from renkei.testing.contract.catalogue import CHECKS
from renkei.testing.contract.checks import Contract
from renkei.testing.contract.sources import Site
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.subject import Subject
from renkei.testing.kit import Kit

Word = Literal["passed", "failed", "crashed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a check.

    Attributes:
        word: `failed` where a requirement was broken, `crashed` where the check itself broke down on the plugin: that
            proves nothing about the requirement.
        seen: what was seen instead; empty where it passed.
    """

    id: str
    word: Word
    seen: str
    seconds: float


@contextmanager
def staged(subject: Subject, kit: Kit, site: Site | None = None) -> Iterator[Stage]:
    """A stage on a simulator that is as on its first day."""
    kit.reset()
    with Stage(subject, kit, site) as stage:
        yield stage


def run_check(id: str, subject: Subject, kit: Kit, site: Site | None = None) -> Outcome:
    """Run check *id*."""
    started = time.perf_counter()
    word: Word = "passed"
    seen = ""
    run: Callable[..., None] = CHECKS[id].function
    try:
        with staged(subject, kit, site) as stage:
            run(Contract(), stage)
    except KeyboardInterrupt:
        raise
    except Broken as error:
        word, seen = "failed", str(error)
    except BaseException as error:
        word, seen = "crashed", f"it {name_exception(error)}: {error}"
    return Outcome(id=id, word=word, seen=seen, seconds=time.perf_counter() - started)
