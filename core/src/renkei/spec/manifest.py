"""What a backend is: said once, without settings and without network."""

from __future__ import annotations

import json
from datetime import time, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import ConfigDict, PositiveInt, field_serializer, field_validator, model_validator

from renkei.spec.frozen import Answer, FrozenDict, FrozenMap
from renkei.spec.settings import NoOptions, Settings
from renkei.spec.text import Text


class Scope(StrEnum):
    """What a limit is counted over."""

    ACCOUNT = "account"
    CONNECTION = "connection"
    TARGET = "target"


class Window(Answer):
    """At most *requests* in any *per*."""

    requests: PositiveInt
    per: timedelta
    scope: Scope


class DailyBudget(Answer):
    """Requests a day.

    Attributes:
        requests: the backend's figure.
        resets_at: wall-clock time in *zone* at which the count starts anew.
        soft: True where going over is frowned upon but not refused: we warn and slow down.
    """

    requests: PositiveInt
    resets_at: time
    zone: str
    soft: bool
    scope: Scope


class Limits(Answer):
    """What one call, one request and one day may hold.

    Attributes:
        push_size: most records in one `crm_push`. Yours to choose: as many as a few requests take. Refuse more before
            anything is sent.
        request_size: most records in one HTTP request that the plugin sends.
        request_bytes: most bytes in the body of one request, None where no figure is known.
        concurrency: most requests in flight at once, over *concurrency_scope*.
    """

    push_size: PositiveInt
    request_size: PositiveInt
    request_bytes: PositiveInt | None = None
    concurrency: PositiveInt
    concurrency_scope: Scope = Scope.ACCOUNT
    windows: tuple[Window, ...] = ()
    daily: DailyBudget | None = None


class Refusal(Answer):
    """Answers to a write that certainly were not applied, described so that core can tell them by itself.

    An answer matches when each condition that is set holds. 429 and every other 4xx need no description.

    Attributes:
        statuses: the HTTP statuses, empty for any status of 400 or more.
        json_key: the body is a JSON object that has this key, at its top. What the key holds is not looked at: where
            only some of the backend's error objects mean "not applied", name the statuses that these come with.
    """

    statuses: tuple[int, ...] = ()
    json_key: str | None = None

    @model_validator(mode="after")
    def _describes_something(self) -> Refusal:
        if not self.statuses and self.json_key is None:
            raise ValueError("a refusal needs statuses or a json_key: one without both would call every error refused")
        return self

    def describes(self, status: int, body: bytes) -> bool:
        """Whether an answer with this *status* and *body* is such a refusal."""
        if status < 400 or (self.statuses and status not in self.statuses):
            return False
        if self.json_key is None:
            return True
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return False
        return isinstance(data, dict) and self.json_key in data


class CapabilityState(StrEnum):
    """How far a capability goes."""

    SUPPORTED = "supported"
    PARTIAL = "partial"
    UNSUPPORTED = "unsupported"  # the backend cannot
    NOT_IMPLEMENTED = "not_implemented"  # the plugin does not, yet


class Capability(Answer):
    """A state and, unless it is `supported`, the reason."""

    state: CapabilityState
    reason: Text | None = None


CAPABILITIES = ("list_targets", "refresh", "verify", "upgrade", "files", "tables", "references")
"""Every capability a manifest must state. The first four are hooks."""


class Manifest(Answer):
    """Answer of `crm_describe`: pure, equal each time.

    Attributes:
        id: the backend's id, equal to the entry point's name: a-z, 0-9, `-`, `_`.
        version: the distribution's version.
        spec: the range of spec versions it was written for, as a version specifier: `>=1.0,<2`.
        name: what admins read.
        settings: model of a connection's settings.
        options: model of a target's options.
        hosts: host patterns that requests may go to: `*.example.com` (one or more labels) or an exact name.
            No schemes, ports, paths or a bare `*`. Empty only where `self_hosted`.
        self_hosted: the backend runs wherever its owner put it; the host's operator allows the addresses.
        atomicity: `request`: all records of a request or none; `record`: each by itself.
        uniqueness: how a unique field is enforced: `atomic`: never two, whatever the timing; `checked`: looked
            up before the write, so that late or concurrent writes may slip past or be rolled back; `none`.
        refusals: answers to writes that are certainly not applied.
        settles_within: longest time that a request may still be processed after it was sent.
        unknown_fields: what the backend does with a field that it does not have.
        capabilities: a state for each name of `CAPABILITIES`.
        sentences: code → cause and remedy, for an inbox admin. Needed where you can say more than core does: without
            one, an error reads as its class does ("The backend does not accept the credentials. Renew the
            connection."), and a refused record as "The backend refused this record", with code and message. Both
            languages are needed: without Japanese at hand, leave the sentence out, and core's stands in both.
    """

    model_config = ConfigDict(revalidate_instances="always")

    id: str
    version: str
    spec: str
    name: Text
    settings: type[Settings]
    options: type[Settings] = NoOptions
    hosts: tuple[str, ...]
    self_hosted: bool = False
    limits: Limits
    atomicity: Literal["request", "record"]
    uniqueness: Literal["atomic", "checked", "none"]
    refusals: tuple[Refusal, ...] = ()
    settles_within: timedelta
    unknown_fields: Literal["refused", "ignored"]
    capabilities: FrozenMap[str, Capability]
    sentences: FrozenMap[str, Text] = FrozenDict()

    @field_validator("id")
    @classmethod
    def _plain_id(cls, value: str) -> str:
        if not value or not value[0].isalpha() or not all(c.islower() or c.isdigit() or c in "-_" for c in value):
            raise ValueError("the id must start with a letter and hold only a-z, 0-9, '-' and '_'")
        return value

    @field_validator("hosts")
    @classmethod
    def _plain_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            bare = pattern.removeprefix("*.")
            if "." not in bare or any(c in bare for c in "*/:@? ") or bare != bare.lower():
                raise ValueError(f"{pattern!r} is not a host pattern; write 'api.example.com' or '*.example.com'")
        return value

    @field_validator("capabilities")
    @classmethod
    def _all_stated(cls, value: FrozenMap[str, Capability]) -> FrozenMap[str, Capability]:
        missing = [name for name in CAPABILITIES if name not in value]
        unknown = [name for name in value if name not in CAPABILITIES]
        if missing or unknown:
            raise ValueError(f"capabilities must state {', '.join(CAPABILITIES)}; missing {missing}, unknown {unknown}")
        for name, capability in value.items():
            if capability.state is not CapabilityState.SUPPORTED and capability.reason is None:
                raise ValueError(f"capability {name!r} is {capability.state}; give the reason")
        return value

    @field_serializer("settings", "options")
    def _as_json_schema(self, model: type[Settings]) -> dict[str, Any]:
        return model.model_json_schema()

    def supports(self, capability: str) -> bool:
        """Whether *capability* is there, wholly or in part."""
        return self.capabilities[capability].state in (CapabilityState.SUPPORTED, CapabilityState.PARTIAL)
