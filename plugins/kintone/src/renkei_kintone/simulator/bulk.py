"""`bulkRequest`: up to twenty writing calls, over several apps, as one transaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.domain import Kintone

MOST = 20
INNER = frozenset(
    {
        ("POST", "record"),
        ("POST", "records"),
        ("PUT", "record"),
        ("PUT", "records"),
        ("DELETE", "records"),
        ("PUT", "record/status"),
        ("PUT", "records/status"),
        ("PUT", "record/assignees"),
    }
)
"""The calls that kintone's description of the API allows inside."""

_PATH = re.compile(r"/k/(?:guest/(?P<space>[0-9]+)/)?v1/(?P<api>[a-z/]+)\.json")

Perform = Callable[[str, str, str | None, Mapping[str, Any]], Any]
"""Carries out one call of an app: method, api, guest space of its path, parameters."""


def run(kintone: Kintone, parameters: Mapping[str, Any], perform: Perform) -> dict[str, Any]:
    """All inner calls in their order, each with the permissions that it needs alone; or none of them.

    Raises:
        Refused: the request itself is wrong.
        BulkRefused: an inner call is refused; nothing of any is kept.
    """
    inner = _requests(parameters)
    results = []
    with transaction(kintone):
        for at, request in enumerate(inner):
            try:
                results.append(perform(*request))
            except words.Refused as refused:
                raise words.BulkRefused(refused, at, len(inner)) from None
    return {"results": results}


@contextmanager
def transaction(kintone: Kintone) -> Iterator[None]:
    """Keep all that the block writes, or nothing where it ends by an exception."""
    apps = [(app, app.kept()) for app in kintone.apps.values()]
    files = kintone.files.kept()
    try:
        yield
    except BaseException:
        for app, kept in apps:
            app.restore(kept)
        kintone.files.restore(files)
        raise


def _requests(parameters: Mapping[str, Any]) -> list[tuple[str, str, str | None, Mapping[str, Any]]]:
    requests = parameters.get("requests")
    if requests is None:
        raise words.invalid({"requests": [words.PARAMETER_REQUIRED]})
    if not isinstance(requests, list):
        raise words.bad_json()
    if len(requests) > MOST:
        raise words.invalid({"requests": [words.TOO_MANY_REQUESTS]})
    return [_taken_apart(request) for request in requests]


def _taken_apart(request: Any) -> tuple[str, str, str | None, Mapping[str, Any]]:
    if not isinstance(request, dict) or not isinstance(request.get("payload"), dict):
        raise words.bad_json()
    method, path = str(request.get("method", "")).upper(), str(request.get("api", ""))
    found = _PATH.fullmatch(path)
    if found is None or (method, found["api"]) not in INNER:
        raise words.illegal_request()
    return method, found["api"], found["space"], request["payload"]
