"""Faults that a test orders: what goes wrong, when, how often, and whether the request was applied before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

Moment = Literal["before_apply", "after_apply", "after_answer"]

NOT_APPLIED = (
    "before_apply_503",
    "before_apply_502",
    "429",
    "da02",
    "error",
    "cut",
    "unknown_subdomain",
    "ip_restriction",
)
APPLIED = ("applied_then_cut", "applied_then_504", "broken_json", "slow")
AS_ORDERED = ("answer", "html_200", "hang", "signal")
KINDS = NOT_APPLIED + APPLIED + AS_ORDERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One ordered fault; it strikes matching requests until its *times* are used up.

    Attributes:
        kind: one of `KINDS`:
            `before_apply_503`, `before_apply_502` (not applied; text, or HTML with *html*), `429` (with *retry_after*),
            `unknown_subdomain`, `ip_restriction` (a page; nothing of kintone is reached),
            `da02`, `error` (JSON with *code*, *message*, *status*), `answer` (*status*, *body*, *content_type*),
            `html_200` (a log-in page; applied only with *applied*), `broken_json` (applied, answer cut in half),
            `cut` (connection closed, not applied), `applied_then_cut`, `applied_then_504`,
            `slow` (waits *seconds* before or after applying), `hang` (never answers; applied with `at: after_apply`),
            `signal` (sends *signal* to the process *pid* at the moment *at*; the connection is then cut, unless the
            moment is `after_answer`).
        times: how many matching requests it strikes.
        after: how many matching requests pass unharmed first.
        path: only requests whose path ends so, None for every call of the API; several endings stand between `|`.
            Of a signal it is the writing of records, alone or in bulk, unless said otherwise.
        method: only requests of this method, None for all.
        at: the moment of `slow`, `hang` and `signal`.
    """

    kind: str
    times: int = 1
    after: int = 0
    path: str | None = None
    method: str | None = None
    at: Moment = "before_apply"
    seconds: float = 0.0
    applied: bool = False
    html: bool = False
    status: int = 400
    code: str = "GAIA_XX99"
    message: str = "ordered by the test"
    body: str = ""
    content_type: str = "text/html; charset=utf-8"
    retry_after: str | None = None
    pid: int = 0
    signal: int = 9

    @property
    def applies(self) -> bool:
        """Whether the struck request is applied all the same."""
        if self.kind in ("hang", "signal"):
            return self.at != "before_apply"
        return self.kind in APPLIED or (self.kind in AS_ORDERED and self.applied)

    def matches(self, method: str, path: str) -> bool:
        """Whether it concerns a request."""
        if self.method is not None and self.method != method:
            return False
        return self.path is None or path.endswith(tuple(self.path.split("|")))


_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "str | None": (str, type(None)),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "Moment": (str,),
}
_MOMENTS = ("before_apply", "after_apply", "after_answer")


def fault_from(data: Any) -> Fault:
    """A fault from JSON data.

    Raises:
        ValueError: with a sentence that names the key at fault.
    """
    if not isinstance(data, dict):
        raise ValueError("a fault is a JSON object with the key 'kind'")
    types = {item.name: str(item.type) for item in fields(Fault)}
    unknown = sorted(set(data) - set(types))
    if unknown:
        raise ValueError(f"a fault has no key {unknown[0]!r}; its keys are {', '.join(types)}")
    wrong = [
        name
        for name, value in data.items()
        if not isinstance(value, _TYPES[types[name]]) or (isinstance(value, bool) and types[name] != "bool")
    ]
    if wrong:
        raise ValueError(f"the fault's key {wrong[0]!r} must be {types[wrong[0]]}")
    return checked(Fault(**data))


def checked(fault: Fault) -> Fault:
    """*fault* with the defaults of its kind.

    Raises:
        ValueError: there is no such kind or moment, or the process of a signal is missing.
    """
    if fault.kind not in KINDS:
        raise ValueError(f"there is no fault {fault.kind!r}; the kinds are {', '.join(KINDS)}")
    if fault.at not in _MOMENTS:
        raise ValueError(f"'at' is one of {', '.join(_MOMENTS)}")
    if fault.kind == "signal" and fault.pid <= 1:
        raise ValueError("a signal needs the 'pid' of the process that it goes to")
    if fault.kind == "signal" and fault.path is None:
        return replace(fault, path="/records.json|/bulkRequest.json", method=fault.method or "POST")
    return fault


class Faults:
    """The faults that wait, in the order in which they were given."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def order(self, fault: Fault | Mapping[str, Any]) -> Fault:
        """Add one; data is checked first.

        Raises:
            ValueError: the data is no fault.
        """
        ordered = checked(fault) if isinstance(fault, Fault) else fault_from(dict(fault))
        self._waiting.append(ordered)
        return ordered

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this request. Every matching fault counts the request, one strikes."""
        struck: Fault | None = None
        left: list[Fault] = []
        for fault in self._waiting:
            if not fault.matches(method, path):
                left.append(fault)
            elif fault.after > 0:
                left.append(replace(fault, after=fault.after - 1))
            elif struck is not None:
                left.append(fault)
            else:
                struck = fault
                if fault.times > 1:
                    left.append(replace(fault, times=fault.times - 1))
        self._waiting = left
        return struck

    def waiting(self) -> tuple[Fault, ...]:
        """Those that have not struck yet."""
        return tuple(self._waiting)

    def clear(self) -> None:
        """Forget them all."""
        self._waiting = []
