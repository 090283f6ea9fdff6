"""Requests taken apart: path, credentials, parameters, uploads, language."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from renkei_kintone.simulator import words
from renkei_kintone.simulator.calls import Call
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.files import StoredFile

LONGEST_URL = 8 * 1024
"""Bytes of path and query; kintone's documentation says about 8 KB, and to use POST with a method override beyond."""

_PATH = re.compile(r"(?:guest/(?P<space>[0-9]+)/)?v1/(?P<api>[a-zA-Z/]+)\.json")
_ELEMENT = re.compile(r"(?P<name>[A-Za-z]+)\[(?P<at>[0-9]{1,4})\]")
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


def too_long(request: Request) -> bool:
    """Whether the URL is longer than kintone reads."""
    return len(request.scope["path"].encode()) + len(request.scope["query_string"]) > LONGEST_URL


async def taken_apart(kintone: Kintone, request: Request) -> Call | None:
    """The call of a request; None where the path is none of the API's."""
    body = await _body(request)
    found = _PATH.fullmatch(request.path_params["path"])
    if found is None:
        return None
    upload = broken = None
    parameters: Mapping[str, Any] = {}
    try:
        if body is None:
            upload = await _upload(request)
            if found["api"] != "file":
                raise words.illegal_request()
        else:
            parameters = _parameters(kintone, request, body)
    except words.Refused as refused:
        broken = refused
    tokens = request.headers.getlist("x-cybozu-api-token")
    return Call(
        method=method_of(request),
        api=found["api"],
        token=",".join(tokens) if tokens else None,
        password=request.headers.get("x-cybozu-authorization"),
        space=found["space"],
        parameters=parameters,
        upload=upload,
        broken=broken,
    )


def method_of(request: Request) -> str:
    """The method that is meant: a POST may say that it is a GET, in capitals."""
    overridden = request.method == "POST" and request.headers.get("x-http-method-override") == "GET"
    return "GET" if overridden else request.method


async def _body(request: Request) -> bytes | None:
    """The body; None for a multipart one, which is read part by part."""
    if _content_type(request).startswith("multipart/"):
        return None
    return await request.body()


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _upload(request: Request) -> StoredFile | None:
    """The part named `file`; what is larger than a megabyte waits on the disk while it arrives.

    Raises:
        Refused: it is no multipart body.
    """
    try:
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                return None
            kind = file.content_type or "application/octet-stream"
            return StoredFile(file.filename or "", kind, await file.read())
    except HTTPException:
        raise words.illegal_request() from None


def _parameters(kintone: Kintone, request: Request, body: bytes) -> Mapping[str, Any]:
    if 0 < kintone.unsure.largest_body < len(body):
        raise words.illegal_request()
    is_json = _content_type(request) == "application/json"
    if body and not is_json:
        raise words.illegal_request()  # kintone's documentation: it is then not read as JSON; the code is a guess
    if body:
        return _of_json(body)
    if request.method == "GET" and is_json and kintone.unsure.json_get_without_body == "refused":
        raise words.illegal_request()
    if request.method in ("GET", "DELETE"):
        return _of_query(request)
    raise words.illegal_request()


def _of_query(request: Request) -> Mapping[str, Any]:
    """Parameters of the query; `fields[0]=a&fields[1]=b` is a list."""
    found: dict[str, Any] = {}
    lists: dict[str, dict[int, str]] = {}
    for key, value in request.query_params.multi_items():
        element = _ELEMENT.fullmatch(key)
        if element is None:
            found[key] = value
        else:
            lists.setdefault(element["name"], {})[int(element["at"])] = value
    return found | {name: [value for _, value in sorted(items.items())] for name, items in lists.items()}


def _of_json(body: bytes) -> Mapping[str, Any]:
    """The parameters of a JSON body.

    Raises:
        Refused: it is empty, no JSON, or no object.
    """
    if not body.strip():
        raise words.illegal_request()
    try:
        data = json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
        if _HALF_PAIR.search(body):
            json.dumps(data, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        raise words.bad_json() from None
    if not isinstance(data, dict):
        raise words.bad_json()
    return data


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def language_of(kintone: Kintone, request: Request) -> str:
    """The language of the messages: the acting user's, who may follow the browser."""
    password = request.headers.get("x-cybozu-authorization")
    follows = kintone.follow_browser and (password is not None or kintone.unsure.tokens_follow_browser)
    if not follows:
        return kintone.language
    ranked = []
    for at, part in enumerate(request.headers.get("accept-language", "").split(",")):
        name, _, quality = part.strip().partition(";q=")
        weight = float(quality) if re.fullmatch(r"[01](\.[0-9]{1,3})?", quality) else 1.0
        ranked.append((-weight, at, name.split("-")[0].lower()))
    known = [name for _, _, name in sorted(ranked) if name in ("ja", "en")]
    return known[0] if known else kintone.language
