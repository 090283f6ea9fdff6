"""Finding the culprit of a refusal that names nobody (promise 7).

A request was refused as a whole, for a reason that names no record. Halving finds one culprit in about log2(n)
pushes and keeps the innocent for one push at the end: push the first half; if it is stored, the fault is in the
second half, which is split without being pushed (that it would be refused is known); if it is refused, the second
half joins the rest. One that is alone and was never pushed alone is pushed, so that nobody is condemned by
inference: the cause may have gone meanwhile.

With one culprit among 2,000 that is 11 pushes, one more for a lone one, and one for the rest.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

T = TypeVar("T")


def isolate(suspects: Sequence[T]) -> Generator[list[T], bool, None]:
    """Yield groups to push; send back whether the group was refused again without naming anybody.

    Whoever is never yielded, or yielded in a refused group of several, simply goes on waiting: the next regular push
    takes them together.
    """
    group = list(suspects)
    pushed_as_it_is = True
    while len(group) > 1:
        half = (len(group) + 1) // 2
        first, second = group[:half], group[half:]
        refused = yield first
        group, pushed_as_it_is = (first, True) if refused else (second, False)
    if group and not pushed_as_it_is:
        yield group
