"""Control endpoints below `/_sim`: no part of kintone, and without a password, so for loopback only."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from renkei_kintone.simulator import deploying, switches, words
from renkei_kintone.simulator.domain import Kintone, token_from
from renkei_kintone.simulator.form import App, Record

_Act = Callable[[Kintone, Request, Any], Any]
"""What an endpoint does: with the domain, the request, and the JSON of its body, None without one."""


def routes(kintone: Kintone, prefix: str) -> list[Route]:
    """The endpoints, below *prefix*."""

    def route(path: str, method: str, act: _Act) -> Route:
        async def acting(request: Request) -> Response:
            return _answered(kintone, act, request, await request.body())

        return Route(f"{prefix}/_sim/{path}", acting, methods=[method])

    return [
        route("faults", "POST", _order),
        route("faults", "GET", lambda kintone, *_: [asdict(fault) for fault in kintone.faults.waiting()]),
        route("faults", "DELETE", lambda kintone, *_: kintone.faults.clear() or []),
        route("records", "GET", _records),
        route("requests", "GET", lambda kintone, *_: [asdict(entry) for entry in kintone.requests]),
        route("counts", "GET", _counts),
        route("switches", "GET", lambda kintone, *_: switches.shown(kintone)),
        route("switches", "POST", _switch),
        route("tokens", "POST", _set_token),
        route("tokens", "DELETE", _delete_token),
        route("apps/{app}/fields", "POST", _change_form),
        route("apps/{app}/update", "POST", _update_app),
        route("reset", "POST", _reset),
    ]


def _answered(kintone: Kintone, act: _Act, request: Request, body: bytes) -> Response:
    try:
        return _json(act(kintone, request, json.loads(body) if body.strip() else None))
    except KeyError as error:
        return _json({"error": f"there is no {error}"}, 404)
    except words.Refused as refused:
        return _json({"error": f"kintone would refuse this: {refused.words.en}"}, 400)
    except (ValueError, TypeError, AttributeError) as error:
        return _json({"error": str(error)}, 400)


def _order(kintone: Kintone, request: Request, data: Any) -> Any:
    """One fault, or a list of them; all or none."""
    faults = [kintone.faults.order(item) for item in (data if isinstance(data, list) else [data])]
    return [asdict(fault) for fault in faults]


def _records(kintone: Kintone, request: Request, data: Any) -> Any:
    app = _app(kintone, request.query_params.get("app", "1"))
    wanted = [code for code in request.query_params.get("fields", "").split(",") if code]
    return {
        "app": app.id,
        "name": app.name,
        "total": len(app.records),
        "records": [{"id": record.id, "values": _values(record, wanted)} for record in app.records.values()],
    }


def _values(record: Record, wanted: list[str]) -> dict[str, Any]:
    return {code: record.values[code] for code in wanted if code in record.values} if wanted else record.values


def _counts(kintone: Kintone, request: Request, data: Any) -> Any:
    return [{"app": app, "day": day, "requests": count} for (app, day), count in sorted(kintone.counted.items())]


def _switch(kintone: Kintone, request: Request, data: Any) -> Any:
    switches.turn(kintone, data)
    return switches.shown(kintone)


def _set_token(kintone: Kintone, request: Request, data: Any) -> Any:
    """Generate a token or change its permissions, as the app's settings do: it waits for "Update app"."""
    token = token_from(data)
    _app(kintone, token.app)
    deploying.set_token(kintone, token)
    return {"waits": True}


def _delete_token(kintone: Kintone, request: Request, data: Any) -> Any:
    deploying.delete_token(kintone, data["token"])
    return {"waits": True}


def _change_form(kintone: Kintone, request: Request, data: Any) -> Any:
    """Add, change and delete fields; at once, unless `wait` leaves it to "Update app"."""
    app = _app(kintone, request.path_params["app"])
    draft = deepcopy(deploying.draft_of(kintone, app))
    deploying.add_fields(draft, data.get("add", {}))
    deploying.change_fields(draft, data.get("change", {}))
    deploying.delete_fields(draft, data.get("delete", []))
    kintone.drafts[app.id] = draft  # all of the changes, or none
    if not data.get("wait"):
        deploying.update_app(kintone, app)
    return {"fields": list(draft.fields), "waits": bool(data.get("wait"))}


def _update_app(kintone: Kintone, request: Request, data: Any) -> Any:
    """Press "Update app"."""
    deploying.update_app(kintone, _app(kintone, request.path_params["app"]))
    return {"updated": True}


def _reset(kintone: Kintone, request: Request, data: Any) -> Any:
    kintone.reset()
    return {"reset": True}


def _app(kintone: Kintone, id: str) -> App:
    if id not in kintone.apps:
        raise KeyError(f"app {id}; there are {', '.join(kintone.apps)}")
    return kintone.apps[id]


def _json(data: Any, status: int = 200) -> Response:
    return Response(json.dumps(data, ensure_ascii=False).encode(), status, media_type="application/json")
