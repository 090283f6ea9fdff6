"""What core asks a plugin, and what a plugin answers. All frozen; new data arrives as new optional fields."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, NonNegativeInt, PositiveInt, SecretStr, model_validator
from pydantic import Field as PydanticField

from renkei.spec.errors import BackendError
from renkei.spec.fields import TargetSchema
from renkei.spec.frozen import Answer, FrozenMap, Model
from renkei.spec.manifest import Limits
from renkei.spec.settings import Settings
from renkei.spec.text import Problem, Text
from renkei.spec.values import Value


class Credentials(Answer):
    """What the backend gave (an access token, a session), as opposed to what an admin typed.

    Attributes:
        values: each a secret.
        expires_at: aware, None where unknown. Core asks `crm_refresh` in time, and again when they are refused.
    """

    values: FrozenMap[str, SecretStr]
    expires_at: datetime | None = None

    def __getitem__(self, name: str) -> str:
        return self.values[name].get_secret_value()


class PermissionState(StrEnum):
    """What could be learned about a permission without changing anything."""

    GRANTED = "granted"
    MISSING = "missing"
    UNKNOWN = "unknown"


class Permission(Answer):
    """One permission at the backend that matters to a sync.

    What is told as `missing` is shown to the admin, and the connection is stored all the same. Where no sync is
    possible without it, raise `PermissionDenied` instead: then nothing is stored.

    Attributes:
        name: the backend's own word, also used for `PermissionDenied.resource`.
        label: what an admin reads.
        state: what could be learned without trying it.
        note: what an admin should know or do about it: where a missing one is granted, or that one is not needed.
            Since spec 1.1.
    """

    name: str
    label: Text
    state: PermissionState
    note: Text | None = None


class Target(Answer):
    """A place where records go.

    Attributes:
        id: as given to every other hook.
        label: as people see it.
        parent: id of the target that this one is nested in, as listed by the same hook.
        selectable: False for a mere folder of others.
        url: where a person opens it.
    """

    id: str
    label: str
    parent: str | None = None
    selectable: bool = True
    url: str | None = None


class Account(Answer):
    """Answer of `crm_authenticate`.

    Attributes:
        id: stable for the account at the backend; renewing a connection must come to the same one.
        label: as people see it.
        targets: those known without further questions; all of them where `crm_list_targets` is not supported.
        permissions: granted, missing or unknown.
        limits: where this account's differ from the manifest's.
        credentials: what the backend gave for later calls, to be sealed by core; None where none are needed.
    """

    id: str
    label: str
    targets: tuple[Target, ...] = ()
    permissions: tuple[Permission, ...] = ()
    limits: Limits | None = None
    credentials: Credentials | None = None


class AuthenticateRequest(Model):
    """Prove the settings in the context, and change nothing at the backend. May run at any time and twice.

    Attributes:
        target: the one that a lane writes to, where this is a probe of that lane; else None.
    """

    target: str | None = None


class ListTargetsRequest(Model):
    """List the targets of the account, or those below *parent*.

    Attributes:
        parent: id of a target that this hook listed. Nothing lies below a target of a flat account: answer an empty
            list then, and do not list everything again.
    """

    parent: str | None = None


class TargetList(Answer):
    """Answer of `crm_list_targets`, complete: the plugin follows pages itself."""

    targets: tuple[Target, ...]


class DiscoverRequest(Model):
    """Describe the fields of *target*. Read-only, never from a cache."""

    target: str
    options: Settings


class MapRequest(Model):
    """Turn one action's canonical values into one wire record. Pure: no network, no clock, no state.

    Attributes:
        key: the delivery key, also among *values* where the mapping uses it.
        values: target field code → canonical value of that field's type (`FieldType`). Only what is present.
        target_schema: the target as it was discovered.
        options: of the target.
        settings: the connection's settings without secrets.
    """

    key: str
    values: FrozenMap[str, Value]
    target_schema: TargetSchema
    options: Settings
    settings: FrozenMap[str, Any]


class WireRecord(Answer):
    """One record as the backend wants it: JSON data in which a `FileRef` may stand where a file goes."""

    key: str
    fields: FrozenMap[str, Any]


class MapResult(Answer):
    """Answer of `crm_map`: a record, or what is wrong by field. Never both, never neither, never a guess."""

    record: WireRecord | None = None
    problems: tuple[Problem, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> MapResult:
        if (self.record is None) == (not self.problems):
            raise ValueError("give either a record or at least one problem")
        return self


class PushRequest(Model):
    """Store these records, each once. Do not retry, do not sleep.

    Attributes:
        target, options: where to.
        records: at most `limits.push_size`, keys distinct.
        key_field: code of the unique field that holds the delivery key, None where there is none. Only an error
            on exactly this field makes a `Duplicate`.
        target_schema: the target as it was discovered at most ten minutes ago.
    """

    target: str
    options: Settings
    records: tuple[WireRecord, ...]
    key_field: str | None
    target_schema: TargetSchema


def _web_address(value: str | None) -> str | None:
    if value is not None and not value.startswith(("https://", "http://")):
        raise ValueError("a link must begin with https:// or http://: people click on it")
    return value


Link = Annotated[str | None, AfterValidator(_web_address)]


class Created(Answer):
    """Stored as a new record.

    Attributes:
        id: the backend's.
        link: where a person opens it: it begins with `http://` or `https://`, anything else raises a
            `ValidationError` when the verdict is made. Check an address that the backend gives before, or leave it out.
    """

    verdict: Literal["created"] = "created"
    key: str
    id: str
    link: Link = None


class Updated(Answer):
    """Stored over an existing record. *id* and *link* are as in `Created`."""

    verdict: Literal["updated"] = "updated"
    key: str
    id: str
    link: Link = None


class Duplicate(Answer):
    """The backend says that this key is taken, on exactly the key field. What that means, core decides."""

    verdict: Literal["duplicate"] = "duplicate"
    key: str
    code: str = "duplicate"


class Rejected(Answer):
    """Certainly not stored, and this record is why.

    Attributes:
        code: the backend's, explained in `Manifest.sentences`.
        field: code of the field at fault, None where the backend does not say. Give it only where the target has such
            a field: what a backend calls a field in an error may be a value.
        message: more about it than *code* says, without values: a backend's own words may quote the record. May stay
            empty.
        remedy_link: where a person puts it right, as in `BackendError`. Since spec 1.1.
    """

    verdict: Literal["rejected"] = "rejected"
    key: str
    code: str
    field: str | None = None
    message: str = ""
    remedy_link: Link = None


class Suspect(Answer):
    """Certainly not stored, in a request refused as a whole for a reason that names no record.

    *code*, *message* and *remedy_link* are as in `Rejected`. So is *field*, since spec 1.1: where the reason can be
    about one field of this record only, such as its one lookup.
    """

    verdict: Literal["suspect"] = "suspect"
    key: str
    code: str
    field: str | None = None
    message: str = ""
    remedy_link: Link = None


class NotStored(Answer):
    """Certainly not stored, and innocent: not sent, or refused because of another record or of the lane.

    The last may come beside other results, in an answer that is a success as a whole: a record that is refused because
    its target has changed, say. It is `NotStored` then, and `PushReport.stopped_by` says why.
    """

    verdict: Literal["not_stored"] = "not_stored"
    key: str


class Unknown(Answer):
    """It may have been stored or not."""

    verdict: Literal["unknown"] = "unknown"
    key: str


Verdict = Annotated[
    Created | Updated | Duplicate | Rejected | Suspect | NotStored | Unknown,
    PydanticField(discriminator="verdict"),
]


class Load(Answer):
    """How busy the backend says it is, where its answers tell. Since spec 1.1.

    Attributes:
        running: requests that it was working on at once, this one and everybody else's among them.
        limit: at how many it takes no more.
    """

    running: NonNegativeInt
    limit: PositiveInt


class PushReport(Answer):
    """Answer of `crm_push`: exactly one verdict per record, by key, in any order.

    Attributes:
        stopped_by: the error that ended the push early, or that concerns the lane and came to light in the last
            answer. What was won stands; give every record its verdict all the same.
        load: as the last answer told it. Where little room is left, core waits a moment before the lane's next push,
            so that others who share the limit are not shut out. It is no error: what is over the limit is
            `RateLimited`. Since spec 1.1.
    """

    verdicts: tuple[Verdict, ...]
    stopped_by: BackendError | None = None
    load: Load | None = None


class RefreshRequest(Model):
    """New credentials from `ctx.credentials`. Called by core alone, one caller per connection across processes."""


class VerifyRequest(Model):
    """Ask whether records with these delivery keys exist.

    Core asks of a record that an earlier write may have stored, once `settles_within` has passed:

    - before it sends the record again, where the manifest's `uniqueness` is `none` or the key field is not unique.
      Elsewhere the key itself keeps a record from being stored twice, and nothing is asked;
    - where a later write was refused: it is `rejected` only if no earlier one has stored it, whatever `uniqueness`
      says. `absent` makes it so, `present` makes it delivered, `cannot_tell` leaves it to a person;
    - for id and link, where the backend has answered that the key is taken by this very record. It is delivered in
      any case.

    A backend that cannot be asked just now (`Unavailable`, `RateLimited`, …) is asked again later; any other error
    counts as `cannot_tell`.

    Attributes:
        key_field: code of the target field that holds the delivery key.
        keys: at most `limits.push_size`.
    """

    target: str
    options: Settings
    key_field: str
    keys: tuple[str, ...]


class Present(Answer):
    """The record is there. *id* and *link* are as in `Created`."""

    answer: Literal["present"] = "present"
    key: str
    id: str
    link: Link = None


class Absent(Answer):
    """No record holds this key now. Says nothing about a request that may still be running."""

    answer: Literal["absent"] = "absent"
    key: str


class CannotTell(Answer):
    """The backend did not give an answer that proves either."""

    answer: Literal["cannot_tell"] = "cannot_tell"
    key: str


class VerifyReport(Answer):
    """Answer of `crm_verify`: one per key."""

    answers: tuple[
        Annotated[Present | Absent | CannotTell, PydanticField(discriminator="answer")],
        ...,
    ]


class UpgradeRequest(Model):
    """Data that an older version of this plugin stored.

    Attributes:
        kind: what it is.
        from_version: version of the plugin that stored it.
        data: JSON data; secrets are not in it.
    """

    kind: Literal["settings", "options", "mapping"]
    from_version: str
    data: FrozenMap[str, Any]


class Upgraded(Answer):
    """The same data for this version."""

    data: FrozenMap[str, Any]


def carrying(records: tuple[WireRecord, ...] | list[WireRecord]) -> dict[str, Any]:
    """Tell core which records a request carries: `ctx.http.post(url, json=…, extensions=carrying(chunk))`.

    A plugin that sends more than one request per push should say so for each: when one of them is lost on the
    wire, core then knows whose outcome is unknown. Without it, every record of the push is. A request that stores no
    record, such as the upload of a file, carries none: `carrying([])`.
    """
    return {"renkei.carrying": frozenset(record.key for record in records)}
