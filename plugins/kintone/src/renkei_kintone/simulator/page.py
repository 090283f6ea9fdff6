"""Pages that show what is stored, at kintone's own addresses, so that links lead somewhere. Everything is escaped."""

from __future__ import annotations

from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.form import App, Record
from renkei_kintone.simulator.outside import at_the_door

MOST_SHOWN = 200
_HIDDEN = frozenset({"STATUS", "STATUS_ASSIGNEE", "CATEGORY", "GROUP", "REFERENCE_TABLE", "CALC"})
_STYLE = """
body{font-family:sans-serif;margin:1.5rem;color:#333}h1{font-size:1.2rem}h2{font-size:1rem;margin-top:2rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}
th,td{border:1px solid #ccc;padding:.3rem .5rem;text-align:left;vertical-align:top;white-space:pre-wrap}
th{background:#f3f5f7;white-space:nowrap}td{max-width:22rem;overflow-wrap:anywhere}p{font-size:.85rem;color:#666}
"""
# A browser keeps what follows # to itself: the page has to ask for the record again.
_FOLLOW = """
var found = /^#record=([0-9]+)/.exec(location.hash);
if (found) { location.replace('show?record=' + found[1]); }
"""


def routes(kintone: Kintone, prefix: str) -> list[Route]:
    """The pages, below *prefix*: all apps, one app, one record."""

    async def everything(request: Request) -> Response:
        return at_the_door(kintone, request) or _page("kintone シミュレーター", _everything(kintone, prefix))

    async def one_app(request: Request) -> Response:
        kept_out = at_the_door(kintone, request)
        app = _app_of(kintone, request)
        if kept_out is not None or app is None:
            return kept_out or _missing("アプリが見つかりません。")
        return _page(app.name, _list(app, ""))

    async def one_record(request: Request) -> Response:
        kept_out = at_the_door(kintone, request)
        app = _app_of(kintone, request)
        if kept_out is not None or app is None:
            return kept_out or _missing("アプリが見つかりません。")
        wanted = request.query_params.get("record")
        if wanted is None:
            return _page(app.name, f"<script>{_FOLLOW}</script>{_list(app, '')}")
        record = app.records.get(wanted)
        return _missing("レコードが見つかりません。") if record is None else _page(app.name, _record(app, record))

    pages = [Route(f"{prefix}/", everything, methods=["GET"])]
    for place in ("/k/{app:int}", "/k/guest/{space:int}/{app:int}"):
        pages.append(Route(f"{prefix}{place}/", one_app, methods=["GET"]))
        pages.append(Route(f"{prefix}{place}/show", one_record, methods=["GET"]))
    return pages


def _app_of(kintone: Kintone, request: Request) -> App | None:
    app = kintone.apps.get(str(request.path_params["app"]))
    space = request.path_params.get("space")
    if app is None or app.guest_space != (None if space is None else str(space)):
        return None
    return app


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(
        f"<!doctype html><html lang='ja'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style></head><body><h1>kintone シミュレーター</h1>"
        f"<p>テストと実演のための模擬サーバーです。本物のkintoneではありません。</p>{body}</body></html>",
        status,
    )


def _missing(sentence: str) -> HTMLResponse:
    return _page("見つかりません", f"<p>{sentence}</p>", 404)


def _everything(kintone: Kintone, prefix: str) -> str:
    return "".join(_list(app, prefix + _address(app)) for app in kintone.apps.values())


def _address(app: App) -> str:
    """Where kintone has the app, from the domain's root."""
    return f"/k/guest/{app.guest_space}/{app.id}/" if app.guest_space else f"/k/{app.id}/"


def _list(app: App, address: str) -> str:
    shown = _shown_fields(app)
    newest = list(reversed(app.records.values()))[:MOST_SHOWN]
    head = "<th></th>" + "".join(f"<th>{escape(item['label'])}</th>" for item in shown.values())
    rows = "".join(_row(app, record, list(shown), address) for record in newest)
    note = f"新しい順に{MOST_SHOWN}件まで表示しています。" if len(app.records) > MOST_SHOWN else ""
    body = rows or f"<tr><td colspan='{len(shown) + 1}'>レコードがありません。</td></tr>"
    return (
        f"<h2>{escape(app.name)}（アプリID {escape(app.id)}）</h2><p>レコード数 {len(app.records):,}件。{note}</p>"
        f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(app: App, record: Record, codes: list[str], address: str) -> str:
    link = f"<td><a href='{escape(address)}show?record={escape(record.id)}'>開く</a></td>"
    cells = "".join(f"<td>{escape(_shown(app.value(record, code)))}</td>" for code in codes)
    return f"<tr>{link}{cells}</tr>"


def _record(app: App, record: Record) -> str:
    rows = "".join(
        f"<tr><th>{escape(item['label'])}</th><td>{escape(_shown(app.value(record, code)))}</td></tr>"
        for code, item in _shown_fields(app).items()
    )
    return (
        f"<h2>{escape(app.name)} レコード {escape(record.id)}</h2><p><a href='./'>一覧に戻る</a></p>"
        f"<div class='scroll'><table><tbody>{rows}</tbody></table></div>"
    )


def _shown_fields(app: App) -> dict[str, dict[str, Any]]:
    return {code: item for code, item in app.fields.items() if item["type"] not in _HIDDEN}


def _shown(value: Any) -> str:
    """A value as text: the names of files and people, a table's rows cell by cell."""
    if isinstance(value, list):
        rows = any(isinstance(item, dict) and isinstance(item.get("value"), dict) for item in value)
        return ("\n" if rows else "、").join(_shown(item) for item in value)
    if isinstance(value, dict) and isinstance(value.get("value"), dict):
        return " / ".join(_shown(cell["value"]) for cell in value["value"].values())
    if isinstance(value, dict):
        return str(value.get("name") or value.get("fileKey") or "")
    return "" if value is None else str(value)
