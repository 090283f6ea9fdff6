"""Control endpoints below `/_sim`: faults, stored records, the request log. No part of kintone; loopback only."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.form import App, Record


def routes(kintone: Kintone, prefix: str) -> list[Route]:
    """The endpoints, below *prefix*."""

    async def order_faults(request: Request) -> Response:
        return _order(kintone, await request.body())

    async def list_faults(request: Request) -> Response:
        return _json([asdict(fault) for fault in kintone.faults.waiting()])

    async def clear_faults(request: Request) -> Response:
        kintone.faults.clear()
        return _json([])

    async def list_records(request: Request) -> Response:
        app = kintone.apps.get(request.query_params.get("app", "1"))
        if app is None:
            return _json({"error": f"there is no such app; there are {', '.join(kintone.apps)}"}, 404)
        return _json(_records(app, request.query_params.get("fields", "")))

    async def list_requests(request: Request) -> Response:
        return _json([asdict(entry) for entry in kintone.requests])

    async def reset(request: Request) -> Response:
        kintone.reset()
        return _json({"reset": True})

    return [
        Route(f"{prefix}/_sim/faults", order_faults, methods=["POST"]),
        Route(f"{prefix}/_sim/faults", list_faults, methods=["GET"]),
        Route(f"{prefix}/_sim/faults", clear_faults, methods=["DELETE"]),
        Route(f"{prefix}/_sim/records", list_records, methods=["GET"]),
        Route(f"{prefix}/_sim/requests", list_requests, methods=["GET"]),
        Route(f"{prefix}/_sim/reset", reset, methods=["POST"]),
    ]


def _order(kintone: Kintone, body: bytes) -> Response:
    """One fault, or a list of them; all or none."""
    try:
        data = json.loads(body)
        faults = [kintone.faults.order(item) for item in (data if isinstance(data, list) else [data])]
    except (ValueError, TypeError) as error:
        return _json({"error": str(error)}, 400)
    return _json([asdict(fault) for fault in faults])


def _records(app: App, fields: str) -> dict[str, Any]:
    wanted = [code for code in fields.split(",") if code]
    return {
        "app": app.id,
        "name": app.name,
        "total": len(app.records),
        "records": [{"id": record.id, "values": _values(record, wanted)} for record in app.records.values()],
    }


def _values(record: Record, wanted: list[str]) -> dict[str, Any]:
    return {code: record.values[code] for code in wanted if code in record.values} if wanted else record.values


def _json(data: Any, status: int = 200) -> Response:
    return Response(json.dumps(data, ensure_ascii=False).encode(), status, media_type="application/json")
