"""Where the time goes: the functions with most time of their own, in `record()` and in delivery.

`python bench/profile_delivery.py record|deliver [--actions N] [--threads N] [--top N]`. A profile makes everything
slower and small functions most of all: use it to find what to look at, and `run.py` to find out what it was worth.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import waiting
from recording import ready
from stub import HOST, serving

from renkei import Renkei
from renkei.samples import sample_actions


@contextmanager
def _profiling_threads() -> Iterator[list[cProfile.Profile]]:
    """A profile for each thread that begins inside: the writer, the lanes, the plugin's loop."""
    profiles: list[cProfile.Profile] = []
    run = threading.Thread.run

    def profiled(self: threading.Thread) -> None:
        # By CPU time of the thread: with the wall clock, whoever waits would come first.
        profile = cProfile.Profile(time.thread_time)
        profiles.append(profile)
        profile.runcall(run, self)

    threading.Thread.run = profiled  # type: ignore[method-assign]  # there is no hook for the C profiler
    try:
        yield profiles
    finally:
        threading.Thread.run = run  # type: ignore[method-assign]


def _record(place: Path, count: int, threads: int) -> list[cProfile.Profile]:
    actions = list(sample_actions(count, inbox=waiting.INBOX, start=datetime.now(UTC)))
    with _profiling_threads() as profiles, ready(place) as renkei:

        def work(part: list[Any]) -> None:
            for action in part:
                renkei.record(waiting.TENANT, waiting.INBOX, action)

        _all([threading.Thread(target=work, args=(actions[number::threads],)) for number in range(threads)])
    return profiles


def _all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _deliver(place: Path, count: int, _threads: int) -> list[cProfile.Profile]:
    with serving(0) as url:
        database = waiting.make(place, actions=count, url=url)
        with _profiling_threads() as profiles, Renkei(str(database), routes={HOST: url}) as renkei:
            renkei.work_until_idle(timeout=3600)
    return profiles


_KINDS: dict[str, Callable[[Path, int, int], list[cProfile.Profile]]] = {"record": _record, "deliver": _deliver}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=tuple(_KINDS))
    parser.add_argument("--actions", type=int, default=2_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--top", type=int, default=25)
    parser.add_argument("--sort", choices=("tottime", "cumtime"), default="tottime")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="renkei-profile-") as place:
        profiles = _KINDS[given.kind](Path(place), given.actions, given.threads)
    stats = pstats.Stats(profiles[0])
    for profile in profiles[1:]:
        stats.add(profile)
    stats.sort_stats(given.sort).print_stats(given.top)


if __name__ == "__main__":
    main()
