"""Finding the culprit of a refusal that names nobody (promise 7).

A request was refused as a whole, for a reason that names no record. Halving finds one culprit in about log2(n)
pushes and keeps the innocent for one push at the end: push the first half; if it is stored, the fault is in the
second half, which is split without being pushed (that it would be refused is known); if it is refused, the second
half joins the rest. One that is alone and was never pushed alone is pushed, so that nobody is condemned by
inference: the cause may have gone meanwhile.

With one culprit among 2,000 that is 11 pushes, one more for a lone one, and one for the rest: with the push that
was refused at most `most_pushes`. Each further culprit costs as much again and no more.

Where lone records are refused one after the other and nobody got in between, it may be the lane. Before it is blamed
and blocked, some that were refused with the last one are heard as witnesses.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
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


def witnesses(others: Sequence[T]) -> Iterator[list[T]]:
    """Groups of those that were refused with a lone culprit, small ones first: 1, 2, 4, … from the far end.

    One group that gets in shows that the lane takes records. Small groups are the likeliest to hold no bad record,
    and the far end is the likeliest to differ from the front, where the culprits were.
    """
    far_first = list(reversed(others))
    size = 1
    while far_first:
        yield far_first[:size]
        far_first = far_first[size:]
        size *= 2


def most_pushes(size: int, culprits: int) -> int:
    """How many pushes it takes at most to store all the innocent of a batch of *size* and to reject its culprits.

    The halving of one takes log2(size) pushes and one for a lone one, then the rest is pushed together: refused again
    where there is another culprit. Not counted are the witnesses that are heard where the lane is in doubt.
    """
    if size == 1 or culprits == 0:
        return 1
    return culprits * (math.ceil(math.log2(size)) + 2) + 1
