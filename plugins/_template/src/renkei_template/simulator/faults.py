"""What can be made to go wrong, when, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "token_expired",  # 401
    "missing_scope",  # 403
    "table_locked",  # 409
    "too_many_requests",  # 429
    "daily_quota",  # 429, with the instant of its reset
    "teapot",  # 418: a refusal that says nothing
    "maintenance",  # 503 from Atelier itself: refused
    "bad_gateway",  # 502 from something in between: who knows
    "html",  # 200 and a page for people
    "cut_json",  # 201 and half a body
    "wrong_shape",  # 201 and an object without an id
    "reset",  # the connection goes away
]
On = Literal["token", "read", "write", "any"]


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: what.
        on: for which requests.
        after: how many such requests go well before it.
        times: how many it then befalls.
        applied: whether the request is carried out all the same, and only its answer is spoilt.
        retry_after: the header `Retry-After`, verbatim.
    """

    kind: Kind
    on: On = "write"
    after: int = 0
    times: int = 1
    applied: bool = False
    retry_after: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"there is no fault {self.kind!r}; there are {', '.join(get_args(Kind))}")
        if self.on not in get_args(On):
            raise ValueError(f"a fault is on {', '.join(get_args(On))}, not on {self.on!r}")

    def befalls(self, what: On) -> bool:
        """Whether it befalls this request for *what*; counts it."""
        if self.times <= 0 or self.on not in ("any", what):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True
