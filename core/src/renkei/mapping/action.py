"""Actions as a host hands them over: the envelope is checked, the content is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from hashlib import sha256
from typing import Any

from renkei.mapping.characters import is_clean
from renkei.mapping.source import DELIVERY_KEY, SourceSchema
from renkei.spec import FileRef, RenkeiError

ID_LIMIT = 200
_NAME_LIMIT = 100
_ID, _OCCURRED_AT = "action.id", "action.occurred_at"


class EnvelopeError(RenkeiError):
    """An action that cannot be recorded at all: without it, nobody could say which action it is, or when it happened.

    Attributes:
        field: the key at fault, empty where the whole is.
    """

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(f"{field}: {message}" if field else message)


@dataclass(frozen=True, slots=True)
class Action:
    """One action, as it is stored.

    Attributes:
        id: the host's id, as text.
        kind, channel: None where missing or not a short plain text.
        occurred_at: aware, UTC.
        automatic: sent by a bot or an auto-reply.
        payload: canonical JSON of the flat values, ASCII (NUL and lone surrogates survive as escapes), keys sorted.
        digest: SHA-256 of *payload*, hexadecimal: equal for equal content, however it was nested.
        unknown: keys that the schema does not have; they are kept in *payload*.
    """

    id: str
    kind: str | None
    channel: str | None
    occurred_at: datetime
    automatic: bool
    payload: str
    digest: str
    unknown: tuple[str, ...]


def read_action(raw: Mapping[str, Any], source: SourceSchema) -> Action:
    """Check the envelope of *raw* and bring its content into one form.

    *raw* is nested (`{"action": {"id": …}}`), flat (`{"action.id": …}`) or mixed. Beside JSON it may hold
    date-times, dates, times, `Decimal`, tuples and `FileRef`. Values are not looked at: a bad one becomes a problem
    of its field when the action is rendered.

    Raises:
        EnvelopeError: no usable `action.id` or `action.occurred_at`, or *raw* is not JSON data.
    """
    if not isinstance(raw, Mapping):
        raise EnvelopeError("", f"an action must be a mapping of keys to values, not {type(raw).__name__}.")
    flat: dict[str, Any] = {}
    unknown: list[str] = []
    try:
        _flatten(raw, "", source.by_key, flat, unknown)
    except RecursionError:
        raise EnvelopeError("", "the action is nested too deeply; give its fields at most a few levels.") from None
    identity = flat[_ID] = _identity(flat.get(_ID))
    occurred_at = _instant(flat.get(_OCCURRED_AT))
    flat[_OCCURRED_AT] = occurred_at.isoformat()
    payload = _payload(flat)
    return Action(
        id=identity,
        kind=_name(flat.get("action.kind")),
        channel=_name(flat.get("action.channel")),
        occurred_at=occurred_at,
        automatic=flat.get("action.is_automatic") in (True, "true"),
        payload=payload,
        digest=sha256(payload.encode("ascii")).hexdigest(),
        unknown=tuple(_printable(key) for key in unknown),
    )


# `json.loads` with options makes a decoder each time.
_DECODER = json.JSONDecoder(parse_float=Decimal)


def load_values(payload: str) -> dict[str, Any]:
    """The flat values of a stored action. Numbers with a fraction come as `Decimal`, exactly as written."""
    values: dict[str, Any] = _DECODER.decode(payload)
    return values


def _flatten(
    raw: Mapping[Any, Any], prefix: str, known: Mapping[str, Any], flat: dict[str, Any], unknown: list[str]
) -> None:
    for key, value in raw.items():
        if not isinstance(key, str):
            where = prefix.rstrip(".")
            raise EnvelopeError(where, f"keys must be text, and one here is of type {type(key).__name__}.")
        path = prefix + key
        if path not in known or path == DELIVERY_KEY:
            # Asked by type first: looking an abstract class up costs as much as all the rest of a key.
            if (type(value) is dict or isinstance(value, Mapping)) and value:
                _flatten(value, path + ".", known, flat, unknown)
                continue
            unknown.append(path)
        if path in flat:
            raise EnvelopeError(path, "this key is given twice, nested and flat; give it once.")
        flat[path] = value


def _identity(value: Any) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < 600:
        text = str(value)
    elif value is None:
        raise EnvelopeError(_ID, "the action has no id. Give the host's own id of it, as text or as an integer.")
    else:
        raise EnvelopeError(_ID, f"must be text or an integer, not {type(value).__name__}.")
    if not text.strip():
        raise EnvelopeError(_ID, "the action's id is empty. Give the host's own id of it.")
    if len(text) > ID_LIMIT:
        raise EnvelopeError(_ID, f"has {len(text)} characters; at most {ID_LIMIT} are possible.")
    if not is_clean(text):
        raise EnvelopeError(_ID, "holds a control character (such as NUL) or half of a surrogate pair; remove it.")
    return text


def _instant(value: Any) -> datetime:
    if value is None:
        raise EnvelopeError(_OCCURRED_AT, "the action has no time. Give an ISO 8601 date-time with zone.")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise EnvelopeError(
                _OCCURRED_AT, "cannot be read. Give an ISO 8601 date-time with zone, such as 2026-04-01T09:30:00+09:00."
            ) from None
    if not isinstance(value, datetime):
        raise EnvelopeError(
            _OCCURRED_AT, f"must be a date-time with zone or its ISO 8601 text, not {type(value).__name__}."
        )
    try:
        if value.utcoffset() is None:
            raise EnvelopeError(_OCCURRED_AT, "has no zone. Add one: Z for UTC, +09:00 for Japan.")
        return value.astimezone(UTC)
    except (OverflowError, ValueError):
        raise EnvelopeError(_OCCURRED_AT, "lies outside the years 1 to 9999; correct it.") from None


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _NAME_LIMIT and is_clean(value) else None


def _printable(key: str) -> str:
    """*key* as a log or a database can hold it."""
    return (key if is_clean(key) else ascii(key)[1:-1])[:_NAME_LIMIT]


def _plain(value: Any) -> Any:
    """JSON for what a host may hand over beside JSON."""
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, FileRef):
        return {"id": value.id, "name": value.name, "size": value.size, "media_type": value.media_type}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"values of type {type(value).__name__} are not JSON data")


_ENCODER = json.JSONEncoder(sort_keys=True, allow_nan=False, separators=(",", ":"), default=_plain)


def _payload(flat: dict[str, Any]) -> str:
    try:
        return _ENCODER.encode(flat)
    except (TypeError, ValueError, RecursionError):
        # Rare: find the key at fault, and keep what only JSON's grammar has no word for.
        return _ENCODER.encode({key: _encodable(key, value) for key, value in flat.items()})


def _encodable(key: str, value: Any) -> Any:
    try:
        value = _without_nan(value)
        _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise EnvelopeError(
            _printable(key),
            f"cannot be stored as JSON ({type(value).__name__}: {type(error).__name__}). Give text, numbers, true or "
            "false, lists, date-times or files.",
        ) from None
    return value


def _without_nan(value: Any) -> Any:
    """*value* with infinite and undefined floats as text: content is kept, and its field says what is wrong."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    return value
