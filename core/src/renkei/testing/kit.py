"""The kit: what a plugin's author gives the contract suite, and all that they give.

Everything else (recorder, fault injector, clocks, canaries, ledger) is the suite's. The kit stands outside of the
plugin: it knows the simulator, and never asks the plugin what is true.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

from renkei.spec import Value

KIT_GROUP = "renkei.kits.v1"
"""Entry-point group in which a plugin names its kit, under the backend's id: `acme = "renkei_acme.kit:AcmeKit"`."""

AsgiApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

Situation = Literal[
    "rate_limited",  # too many requests; the suite adds Retry-After itself
    "quota_exhausted",  # no more requests today
    "locked",  # somebody else is changing the target: asking again later helps
    "maintenance",  # refused without looking
]
"""Situations in which a backend has words of its own, see `Kit.answers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSettings:
    """Settings that must be refused when they are checked, before anything is sent.

    Attributes:
        settings: what an admin typed.
        field: path of the setting that is wrong; the problem has to name it.
        value: what must not be repeated by the problem; the wrong setting's value by default.
    """

    settings: Mapping[str, Any]
    field: str
    value: str | None = None

    def typed(self) -> str:
        """The text that no problem may repeat; empty where there is none."""
        if self.value is not None:
            return self.value
        found = self.settings.get(self.field.split(".")[0])
        return found if isinstance(found, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRecord:
    """One record as the simulator holds it, read by the probe.

    Attributes:
        id: the backend's, as the plugin reports it.
        values: field code → canonical value (`renkei.spec.FieldType` names the Python type), read from the
            simulator's own data. What is empty has no key. Files are tuples of `(name, bytes)`.
    """

    id: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendAnswer:
    """An answer in the backend's own words. *body*: text as it is, anything else as JSON."""

    status: int
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """The body's bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)).encode()

    def content_type(self) -> str:
        """JSON, unless the body is text."""
        return "text/plain; charset=utf-8" if isinstance(self.body, (str, bytes)) else "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSite:
    """A real account that the suite may write to, for `renkei verify --source live`.

    Attributes:
        settings: of the connection.
        target: made for this purpose; it holds nothing of value.
        options: of the target.
        clean_up: removes the records with these ids; called at the end, whatever happened.
    """

    settings: Mapping[str, Any]
    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    clean_up: Callable[[Sequence[str]], None] = lambda _ids: None


class Kit(ABC):
    """Subclass it, fill in every abstract member, and name it in the entry-point group `renkei.kits.v1`.

    One instance serves a whole run. `reset` is called before each check; what a check did to the simulator is gone
    after it.

    Attributes:
        target: id of the target that the checks write to. It has at least one text field besides the key field.
        options: of that target, as an admin would type them.
        missing_target: a well-formed id that the simulator does not know.
        key_field: code of the text field in *target* that the delivery key goes into: a unique one where the
            backend has such fields.
        second_target, second_options: of the connection in `second_settings`: a target other than *target* where the
            simulator has one, with a key field of the same code.
        self_hosted: host patterns that an operator allows for it; needed where the manifest says `self_hosted`, and the
            settings' host has to be among them.
        examples: field code → values that the simulator accepts, for fields whose good values no schema tells: users,
            lookups, formats. The suite makes values for all others. A writable user, organisation or group field needs
            some, and a unique field as many as it can have.
        filled: codes of fields that the simulator fills by itself although what it tells of them does not show it.
            No values are made for them, and discovery has to warn.
        stale_options: options of *target* that parse and name what the simulator does not know (any more), such as a
            stage that was renamed; None where the backend looks nothing up by an option.
        answers: the backend's own words for a `Situation`. `rate_limited` is played in a general form as well (a plain
            429), `maintenance` where it is not here (a plain 503); `locked` and `quota_exhausted` in these words alone,
            because nobody can know a lock that the vendor's page does not tell. A backend whose daily budget is hard
            must give `quota_exhausted`.
        test_only: modules of the distribution that no plugin code imports: the kit and the simulator. They are left
            out of the scan of the plugin's source, and it is a defect when the plugin loads them.
        cassettes: folder of this plugin's recorded traffic, None where it has none.
    """

    target: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    missing_target: ClassVar[str]
    key_field: ClassVar[str]
    second_target: ClassVar[str]
    second_options: ClassVar[Mapping[str, Any]] = {}
    self_hosted: ClassVar[Sequence[str]] = ()
    examples: ClassVar[Mapping[str, Sequence[Value]]] = {}
    filled: ClassVar[frozenset[str]] = frozenset()
    stale_options: ClassVar[Mapping[str, Any] | None] = None
    answers: ClassVar[Mapping[Situation, BackendAnswer]] = {}
    test_only: ClassVar[Sequence[str]] = ()
    cassettes: ClassVar[Path | None] = None

    # What an admin types.

    @abstractmethod
    def good_settings(self) -> Mapping[str, Any]:
        """Settings of a connection that may do all that a sync needs and no more; secrets as plain text."""

    @abstractmethod
    def second_settings(self) -> Mapping[str, Any]:
        """Settings of another connection to the same simulator, with other secrets."""

    @abstractmethod
    def wrong_credentials(self) -> Mapping[str, Any]:
        """Settings without a mistake in form that the simulator does not accept."""

    @abstractmethod
    def bad_settings(self) -> Sequence[BadSettings]:
        """Settings that must be refused; at least two."""

    # The simulator.

    @abstractmethod
    def simulator(self) -> AsgiApp | str:
        """An ASGI app that answers for the backend, or the URL of a server on this machine that does."""

    @abstractmethod
    def reset(self) -> None:
        """As on the first day: no records, fields as they were, credentials good."""

    # The probe.

    @abstractmethod
    def read(self, target: str) -> Sequence[SeenRecord]:
        """All that the simulator holds in *target*, oldest first, read past the plugin."""

    @abstractmethod
    def seed(self, target: str, values: Mapping[str, Value]) -> str:
        """Store a record of canonical *values*, past the plugin; its id."""

    # What can go wrong there.

    @abstractmethod
    def poison(self, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """*values*, changed so that `crm_map` has nothing against them and the simulator refuses the record.

        Choose a refusal that names the record where the backend has one. It stores nothing by itself.
        """

    @abstractmethod
    def add_field(self, label: str) -> str:
        """Add a text field with exactly this label to *target*; its code.

        Called many times in one check, also twice with one label: each makes another field, with a code of its own.
        """

    @abstractmethod
    def delete_field(self, code: str) -> None:
        """Delete a field of *target*."""

    @abstractmethod
    def revoke_credentials(self) -> None:
        """From now on the simulator knows neither the good settings nor what it gave for them."""

    @abstractmethod
    def revoke_permission(self) -> None:
        """Take the permission to add records from the good credentials; they stay known."""

    # Where the backend or the plugin has it.

    def unnamed_poison(self, values: Mapping[str, Value]) -> Mapping[str, Value] | None:
        """As `poison`, with a refusal that names no record; None where the backend always names one."""
        return None

    def expire_credentials(self) -> None:
        """What the simulator gave is too old now and can be refreshed. Needed where `refresh` is supported."""
        raise NotImplementedError("expire_credentials")

    def live(self, environment: Mapping[str, str]) -> LiveSite | None:
        """A real account named by *environment*, or None where there is none."""
        return None

    def close(self) -> None:  # noqa: B027 - most kits have nothing to end
        """The run is over: end what `simulator` started."""
