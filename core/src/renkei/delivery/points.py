"""Failure points: the windows between two durable steps, by name, and what a death in each of them leaves.

A step is durable when it stands in the store (a commit) or at the backend (a request that was processed). Whoever
dies between two of them is seen by the others only through the first. The engine says where it is through
`Policy.reached`; tests stop a process exactly there.

What must hold after a death at any of them, once another worker has finished:

- the ledger adds up at every look, and what `record()` returned is delivered, or waits for a person with a reason;
- with a unique key there is exactly one record for each action, and nothing is doubtful;
- without one there are never two, and doubtful is exactly what the death left marked: see `Window.leaves`. Where the
  backend can be asked by key, it is asked, and nothing is doubtful.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Point = Literal[
    "before_commit",
    "committed",
    "claimed",
    "freed",
    "recovered",
    "probed",
    "opened",
    "discovered",
    "looked",
    "drift_noted",
    "kept_unsent",
    "verified",
    "believed",
    "marked",
    "before_send",
    "answered",
    "settled",
    "split",
    "lone_counted",
    "lone_returned",
    "lone_forgotten",
    "stopped",
    "backend_blocked",
    "refresh_begun",
    "refreshed",
    "credentials_stored",
    "released",
]
# What a death leaves marked as sending: nothing; a push that never left; one that the backend has stored.
Leaves = Literal["nothing", "unsent", "stored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One window.

    Attributes:
        after: the durable step behind it.
        before: the one that is not done yet.
        leaves: what the process that dies in it leaves marked of its own pushes. None: whatever the step leaves that
            the transaction belongs to.
        then: what becomes of it, where that is not plain from the rest.
    """

    after: str
    before: str
    leaves: Leaves | None
    then: str = ""


WINDOWS: Mapping[Point, Window] = MappingProxyType(
    {
        # -- every transaction, the host's and the admin's too ------------------------------------------------------
        "before_commit": Window(
            after="every statement of a transaction",
            before="its commit",
            leaves=None,
            then="nothing of it has happened: no action, no edit, no mark; whoever asked has no answer and asks again",
        ),
        "committed": Window(
            after="the commit",
            before="the caller hears of it",
            leaves=None,
            then="all of it has happened; to ask again is harmless: the same action is known, the rest is refused",
        ),
        # -- taking a lane ------------------------------------------------------------------------------------------
        "claimed": Window(after="the lease", before="anything is looked at", leaves="nothing"),
        "freed": Window(after="the lease of a holder that is gone was ended", before="a claim", leaves="nothing"),
        "recovered": Window(
            after="what an earlier holder left marked was settled as unknown",
            before="the lane is worked in",
            leaves="nothing",
            then="it is held until it may be sent again under its key, or is doubtful",
        ),
        "probed": Window(after="the account answered", before="the lane is open on disk", leaves="nothing"),
        "opened": Window(after="the lane is open on disk", before="its first small push", leaves="nothing"),
        # -- looking at the target ----------------------------------------------------------------------------------
        "discovered": Window(after="the target answered", before="that is on disk", leaves="nothing"),
        "looked": Window(after="the target's shape is on disk", before="the next push", leaves="nothing"),
        "drift_noted": Window(
            after="the pushes concerned are listed",
            before="the lane is blocked",
            leaves="nothing",
            then="the lane is still open; what is pushed under the old shape is found and listed by the next look",
        ),
        # -- before a push ------------------------------------------------------------------------------------------
        "kept_unsent": Window(
            after="what cannot be sent was settled",
            before="the rest is marked",
            leaves="nothing",
            then="while a push is on the wire the next one is made ready, and that push is left marked",
        ),
        "verified": Window(
            after="the backend said which keys it holds",
            before="that is on disk",
            leaves="nothing",
            then="asked because of a push, what that left in question is left marked",
        ),
        "believed": Window(after="what it said is on disk", before="what is absent is marked", leaves="nothing"),
        "marked": Window(after="the mark", before="the lease is looked at again", leaves="unsent"),
        "before_send": Window(
            after="the last look at the lease",
            before="the request leaves",
            leaves="unsent",
            then="a process that is only frozen here sends late: its successor counts the outcome as unknown, "
            "and the proof of the late one is accepted",
        ),
        # -- after a push -------------------------------------------------------------------------------------------
        "answered": Window(after="the backend's answer", before="it is settled", leaves="stored"),
        "settled": Window(
            after="the answer is settled",
            before="the next push leaves",
            leaves="unsent",
            then="the next push, where there is one, was marked in the same commit",
        ),
        "split": Window(
            after="one push of a split was settled",
            before="the next one is marked",
            leaves="nothing",
            then="suspects wait, and go together in the next regular push: splitting begins anew",
        ),
        "lone_counted": Window(
            after="a lone refusal was rejected and counted", before="the next push", leaves="nothing"
        ),
        "lone_returned": Window(
            after="lone refusals wait again",
            before="the lane is blocked",
            leaves="nothing",
            then="the lane is still open, and the next lone refusal blocks it",
        ),
        "lone_forgotten": Window(
            after="the count of lone refusals was dropped",
            before="the next push leaves",
            leaves="unsent",
            then="as for settled",
        ),
        # -- trouble ------------------------------------------------------------------------------------------------
        "stopped": Window(after="the lane waits or is blocked on disk", before="it is let go", leaves="nothing"),
        "backend_blocked": Window(
            after="every lane of a faulty plugin is blocked", before="this lane says so in its log", leaves="nothing"
        ),
        # -- credentials --------------------------------------------------------------------------------------------
        "refresh_begun": Window(
            after="this caller alone may renew",
            before="the backend is asked",
            leaves="nothing",
            then="others ask when the time for it has passed",
        ),
        "refreshed": Window(
            after="the backend gave new credentials",
            before="they are on disk",
            leaves="nothing",
            then="where the backend has ended the old ones, the lane is blocked until an admin renews the connection",
        ),
        "credentials_stored": Window(after="new credentials are on disk", before="their first use", leaves="nothing"),
        # -- letting go ---------------------------------------------------------------------------------------------
        "released": Window(after="the lane was let go", before="another claim", leaves="nothing"),
    }
)
