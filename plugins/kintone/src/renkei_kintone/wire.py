"""Addresses and headers of kintone's REST API, and the reading of its answers and refusals."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeGuard

import httpx

from renkei.spec import (
    AuthenticationFailed,
    BackendError,
    Clock,
    Context,
    Load,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    TargetNotFound,
    Unavailable,
    retry_after,
)
from renkei_kintone.manifest import OWN_FAILURES
from renkei_kintone.meanings import MEANINGS, remedy_link
from renkei_kintone.settings import KintoneSettings

_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,31}")
_ANSWER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COUNT = re.compile(r"[0-9]{1,9}")
_RECORD_ID = re.compile(r"[0-9]{1,19}")


def api_url(settings: KintoneSettings, name: str) -> str:
    """Address of an API such as `records`, on the guest space's path where the app lies in one."""
    guest = f"guest/{settings.guest_space_id}/" if settings.guest_space_id else ""
    return f"https://{settings.host}/k/{guest}v1/{name}.json"


def app_url(settings: KintoneSettings, app: str) -> str:
    """Where a person opens the app."""
    guest = f"guest/{settings.guest_space_id}/" if settings.guest_space_id else ""
    return f"https://{settings.host}/k/{guest}{app}/"


def record_url(settings: KintoneSettings, app: str, record: str) -> str:
    """Where a person opens the record."""
    return f"{app_url(settings, app)}show#record={record}"


def is_record_id(value: Any) -> TypeGuard[str]:
    """Whether *value* is a record's id as kintone's answers hold it: digits, as text."""
    return isinstance(value, str) and _RECORD_ID.fullmatch(value) is not None


def tokens_of(settings: KintoneSettings) -> tuple[str, ...]:
    """The app's own token, then those of referenced apps."""
    others = settings.lookup_tokens.get_secret_value() if settings.lookup_tokens is not None else ""
    return tuple(part for part in f"{settings.api_token.get_secret_value()},{others}".split(",") if part)


def headers(settings: KintoneSettings) -> dict[str, str]:
    """The tokens, and the login of the domain's Basic authentication where there is one.

    `Content-Type` is added with a body only: kintone refuses it on a GET that has none.
    """
    sent = {"X-Cybozu-API-Token": ",".join(tokens_of(settings))}
    if settings.basic_user is not None and settings.basic_password is not None:
        login = f"{settings.basic_user.get_secret_value()}:{settings.basic_password.get_secret_value()}"
        sent["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode('ascii')}"
    return sent


def load_in(response: httpx.Response) -> Load | None:
    """How busy the domain says it is: it tells with every answer, also with refusals (kintone's documentation)."""
    running = response.headers.get("X-ConcurrencyLimit-Running", "")
    limit = response.headers.get("X-ConcurrencyLimit-Limit", "")
    if not (_COUNT.fullmatch(running) and _COUNT.fullmatch(limit)) or int(limit) == 0:
        return None
    return Load(running=int(running), limit=int(limit))


def checked_app_id(target: str) -> str:
    """*target* as an app id that is safe in a path.

    Raises:
        TargetNotFound: it is no number. Nothing was sent.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,18}", target):
        raise TargetNotFound("bad_app_id", "kintone's app ids are numbers from 1 upwards; correct the target")
    return target


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer that is not a success, as far as it could be read.

    Attributes:
        status: the HTTP status.
        code: kintone's own, None where another machine answered.
        answer_id: kintone's id of this answer, for a question to its support.
        errors: path → messages, of a `CB_VA01`.
        retry_after: how long to wait, where the answer says.
        asks_for_login: it wants Basic authentication, which is the domain's and not the API's.
        settings: of the connection that was refused, so that an error can say where to go.
    """

    status: int
    code: str | None = None
    answer_id: str = ""
    errors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retry_after: timedelta | None = None
    asks_for_login: bool = False
    settings: KintoneSettings | None = field(default=None, repr=False)


def refusal_in(response: httpx.Response, clock: Clock, settings: KintoneSettings | None = None) -> Refusal | None:
    """What *response* refuses, or None where its status is a success."""
    if 200 <= response.status_code < 300:
        return None
    wait = retry_after(response, clock)
    data = json_in(response)
    if not is_kintones_own(response.status_code, data):
        asks = response.headers.get("WWW-Authenticate", "").strip().lower().startswith("basic")
        return Refusal(status=response.status_code, retry_after=wait, asks_for_login=asks, settings=settings)
    # A code of another shape than kintone's is kintone's refusal all the same, but not safe to repeat.
    code = data["code"] if _CODE.fullmatch(data["code"]) else "refused"
    answer_id = data.get("id")
    return Refusal(
        status=response.status_code,
        code=code,
        answer_id=answer_id if isinstance(answer_id, str) and _ANSWER_ID.fullmatch(answer_id) else "",
        errors=_errors(data.get("errors")),
        retry_after=wait,
        settings=settings,
    )


def is_kintones_own(status: int, data: Any) -> bool:
    """Whether *data* is an error object of kintone's API, so that nothing was applied.

    Below 500 nothing was applied whoever says so, and any code will do. From 500 on another machine may speak of a
    request that kintone has stored: code and id have to be there, and to have kintone's form.
    """
    if not isinstance(data, dict) or not isinstance(data.get("code"), str):
        return False
    own = _CODE.fullmatch(data["code"]) is not None and isinstance(data.get("id"), str)
    return status < 500 or (own and status in OWN_FAILURES)


async def read(ctx: Context[KintoneSettings], name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """GET an API that answers with a JSON object.

    Raises:
        BackendError: the lane's error for whatever else came.
    """
    answer = await get(ctx, name, parameters)
    if isinstance(answer, Refusal):
        raise error_for_read(answer)
    return answer.data


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful answer.

    Attributes:
        data: the JSON object that it holds.
        warned: kintone says that it stopped searching before the end (`X-Cybozu-Warning`).
    """

    data: dict[str, Any]
    warned: bool = False


async def get(ctx: Context[KintoneSettings], name: str, parameters: Mapping[str, str]) -> Answer | Refusal:
    """GET an API that answers with a JSON object; what it refuses is returned.

    Raises:
        Unavailable: the answer is neither.
    """
    url = api_url(ctx.settings, name)
    response = await ctx.http.get(url, params=dict(parameters), headers=headers(ctx.settings))
    refusal = refusal_in(response, ctx.clock, ctx.settings)
    if refusal is not None:
        return refusal
    data = json_in(response)
    if data is None:
        # Somebody's log-in page, with the status of a success.
        raise lane_error(Unavailable, "not_json", Refusal(status=response.status_code, settings=ctx.settings))
    if not isinstance(data, dict):
        raise Unavailable("unexpected_answer", f"kintone's {name}.json is not a JSON object")
    return Answer(data=data, warned="X-Cybozu-Warning" in response.headers)


def json_in(response: httpx.Response) -> Any:
    """The JSON that *response* holds; None where it holds none that can be read."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def error_for_read(refusal: Refusal) -> BackendError:
    """The lane's error for a refused read. Unknown refusals of ours block; unknown failures of theirs are retried."""
    if refusal.code == "CB_VA01" and refusal.errors.keys() & {"app", "id"}:
        return lane_error(TargetNotFound, "bad_app_id", refusal)
    meaning = MEANINGS.get(refusal.code or "")
    if meaning is not None and meaning.error is not None:
        return lane_error(meaning.error, refusal.code or "", refusal, resource=meaning.resource)
    if refusal.code is not None:
        otherwise = TargetNotFound if refusal.status == 404 else PermissionDenied
        return lane_error(error_by_status(refusal.status) or otherwise, refusal.code, refusal)
    return error_without_code(refusal)


def error_by_status(status: int) -> type[BackendError] | None:
    """What a code that we do not know means for the lane: its status is all there is to go by.

    None where it may as well be about what was asked or sent.
    """
    if _may_pass(status):
        return Unavailable
    return {401: AuthenticationFailed, 403: PermissionDenied, 429: RateLimited}.get(status)


def error_without_code(refusal: Refusal) -> BackendError:
    """The lane's error for a refusal that does not come from kintone's API itself. Nothing was applied."""
    words = {401: "access_refused", 403: "access_refused", 404: "no_such_domain", 429: "rate_limited"}
    if refusal.status == 401 and refusal.asks_for_login:
        given = refusal.settings is not None and refusal.settings.basic_user is not None
        word = "basic_refused" if given else "basic_wanted"
    elif _may_pass(refusal.status):
        word = "maintenance" if refusal.status == 503 else "server_error"
    else:
        # Also where a redirect came: the API has none, so it leads to somebody's log-in page.
        word = words.get(refusal.status, "not_json" if refusal.status < 400 else "refused")
    meaning = MEANINGS[word]
    return lane_error(meaning.error or Unavailable, word, refusal, resource=meaning.resource)


def _may_pass(status: int) -> bool:
    """Whether asking again may bring another answer. What is not implemented stays so."""
    return status >= 500 and status != 501


def unknown_outcome(refusal: Refusal) -> OutcomeUnknown:
    """The error for a write that no machine of kintone's vouches for."""
    word = "maintenance" if refusal.status == 503 else "server_error" if refusal.status >= 500 else "not_json"
    return OutcomeUnknown(
        word,
        f"{refusal.status} without kintone's code: the write may have been applied",
        retry_after=refusal.retry_after,
    )


def lane_error(error: type[BackendError], code: str, refusal: Refusal, *, resource: str = "") -> BackendError:
    """An error of class *error*, worded in English for operators: how long to wait, and where it is put right."""
    meaning = MEANINGS.get(code)
    message = meaning.text.en if meaning else f"kintone refused the request with status {refusal.status}."
    if refusal.answer_id:
        message = f"{message} kintone's id of this answer: {refusal.answer_id}"
    link = remedy_link(refusal.settings, code) if refusal.settings is not None else None
    if error is PermissionDenied:
        return PermissionDenied(code, message, resource=resource, retry_after=refusal.retry_after, remedy_link=link)
    return error(code, message, retry_after=refusal.retry_after, remedy_link=link)


def _errors(data: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(data, dict):
        return {}
    found = {}
    for path, value in data.items():
        messages = value.get("messages") if isinstance(value, dict) else None
        found[path] = tuple(map(str, messages)) if isinstance(messages, list) else ()
    return found
