"""Which records are there, by delivery key: a search that a token may make only where it may view.

Without that permission, or where kintone does not answer clearly, nobody can tell; a record is then settled by a
person, or by the key field that prohibits duplicates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import httpx

from renkei.spec import Absent, CannotTell, Context, PermissionDenied, Present, Unavailable, VerifyReport, VerifyRequest
from renkei_kintone.meanings import MEANINGS
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.wire import Answer, Refusal, api_url, checked_app_id, error_for_read, get, is_record_id, record_url

MOST_KEYS: Final = 100
"""Keys in one query. With duplicates among the records, several may answer to one key."""

MOST_RECORDS: Final = 500
"""Most records in one answer (kintone's documentation)."""

MOST_URL: Final = 4_000
"""Characters. kintone takes about 8 KB; its own client changes to another form above 4,096."""

# Field codes hold letters, digits, kana, kanji and a few symbols (kintone's documentation). What else stands in one
# could be read as part of the query, so it is not asked for.
_CODE: Final = re.compile(r"[\w・･＿＄￥€£₩₺₽]+")
# What can stand in a delivery key. In a query, a quote and a backslash are escaped; a control character cannot be.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


async def verify(ctx: Context[KintoneSettings], request: VerifyRequest) -> VerifyReport:
    """One answer per key. `absent` only where kintone has listed all that it found.

    Raises:
        TargetNotFound, AuthenticationFailed, RateLimited, Unavailable: the lane's error. Nothing is known then.
    """
    app = checked_app_id(request.target)
    keys = list(dict.fromkeys(request.keys))
    found: dict[str, Present | Absent | CannotTell] = {}
    if ctx.settings.may_view and _CODE.fullmatch(request.key_field):
        askable = [key for key in keys if not _CONTROL.search(key)]
        for some in _queries(ctx.settings, app, request.key_field, askable):
            found |= await _ask(ctx, app, request.key_field, some)
    return VerifyReport(answers=tuple(found.get(key) or CannotTell(key=key) for key in keys))


def _queries(settings: KintoneSettings, app: str, field: str, keys: Sequence[str]) -> Iterator[list[str]]:
    """The keys of each query: as many as its address has room for."""
    some: list[str] = []
    for key in keys:
        longer = [*some, key]
        if some and (len(longer) > MOST_KEYS or _length(settings, app, field, longer) > MOST_URL):
            yield some
            longer = [key]
        some = longer
    if some:
        yield some


def _length(settings: KintoneSettings, app: str, field: str, keys: Sequence[str]) -> int:
    return len(str(httpx.URL(api_url(settings, "records"), params=_parameters(app, field, keys))))


def _parameters(app: str, field: str, keys: Sequence[str]) -> dict[str, str]:
    wanted = ",".join(f'"{_escaped(key)}"' for key in keys)
    return {
        "app": app,
        "query": f"{field} in ({wanted}) limit {MOST_RECORDS}",
        "fields[0]": "$id",
        "fields[1]": field,
        "totalCount": "true",
    }


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace('"', '\\"')


async def _ask(
    ctx: Context[KintoneSettings], app: str, field: str, keys: Sequence[str]
) -> dict[str, Present | Absent | CannotTell]:
    answer = await get(ctx, "records", _parameters(app, field, keys))
    if isinstance(answer, Refusal):
        _require_known_refusal(answer)
        return {}
    ids = _ids_by_value(answer.data, field)
    told: dict[str, Present | Absent | CannotTell] = {}
    for key in keys:
        if key in ids:
            first = min(ids[key], key=int)
            told[key] = Present(key=key, id=first, link=record_url(ctx.settings, app, first))
        elif _is_complete(answer):
            told[key] = Absent(key=key)
    return told


def _require_known_refusal(refusal: Refusal) -> None:
    """Go on where kintone refuses the question itself: it may not be asked, or not of this field.

    Raises:
        BackendError: for anything else.
    """
    meaning = MEANINGS.get(refusal.code or "")
    about_the_question = meaning is not None and meaning.error in (None, PermissionDenied)
    error = error_for_read(refusal)
    if not about_the_question or error.code == "bad_app_id":
        raise error


def _ids_by_value(data: dict[str, Any], field: str) -> dict[str, list[str]]:
    """Exact value of *field* → ids of the records that hold it: kintone may find what differs in case or width.

    Raises:
        Unavailable: a record is not in kintone's form.
    """
    records = data.get("records")
    ids: dict[str, list[str]] = {}
    for record in records if isinstance(records, list) else [None]:
        id, value = _value(record, "$id"), _value(record, field)
        # A record that was found, but cannot be told by its key, may be any of those that were asked for.
        if not is_record_id(id) or not isinstance(value, str):
            raise Unavailable("unexpected_answer", "kintone's records.json holds no list of records with ids and keys")
        ids.setdefault(value, []).append(id)
    return ids


def _value(record: Any, code: str) -> Any:
    entry = record.get(code) if isinstance(record, dict) else None
    return entry.get("value") if isinstance(entry, dict) else None


def _is_complete(answer: Answer) -> bool:
    """Whether kintone has listed every record that it found, and says so."""
    listed, total = len(answer.data["records"]), answer.data.get("totalCount")
    return not answer.warned and str(total) == str(listed)
