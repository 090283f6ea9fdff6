"""A page that shows what is stored, as kintone's list does. Everything on it is escaped."""

from __future__ import annotations

from html import escape
from typing import Any

from starlette.responses import HTMLResponse

from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.form import App, Record

MOST_SHOWN = 200
_HIDDEN = frozenset({"STATUS", "STATUS_ASSIGNEE", "CATEGORY", "GROUP", "REFERENCE_TABLE", "CALC"})
_STYLE = """
body{font-family:sans-serif;margin:1.5rem;color:#333}h1{font-size:1.2rem}h2{font-size:1rem;margin-top:2rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}
th,td{border:1px solid #ccc;padding:.3rem .5rem;text-align:left;vertical-align:top;white-space:pre-wrap}
th{background:#f3f5f7;white-space:nowrap}td{max-width:22rem;overflow-wrap:anywhere}p{font-size:.85rem;color:#666}
"""


def page(kintone: Kintone) -> HTMLResponse:
    """All apps with their newest records."""
    apps = "".join(_app(app) for app in kintone.apps.values())
    return HTMLResponse(
        "<!doctype html><html lang='ja'><head><meta charset='utf-8'><title>kintone シミュレーター</title>"
        f"<style>{_STYLE}</style></head><body><h1>kintone シミュレーター</h1>"
        "<p>テストと実演のための模擬サーバーです。本物のkintoneではありません。</p>"
        f"{apps}</body></html>"
    )


def _app(app: App) -> str:
    shown = {code: item for code, item in app.fields.items() if item["type"] not in _HIDDEN}
    newest = list(reversed(app.records.values()))[:MOST_SHOWN]
    head = "".join(f"<th>{escape(item['label'])}</th>" for item in shown.values())
    rows = "".join(_row(app, record, list(shown)) for record in newest)
    note = f"新しい順に{MOST_SHOWN}件まで表示しています。" if len(app.records) > MOST_SHOWN else ""
    body = rows or f"<tr><td colspan='{len(shown)}'>レコードがありません。</td></tr>"
    return (
        f"<h2>{escape(app.name)}（アプリID {escape(app.id)}）</h2><p>レコード数 {len(app.records):,}件。{note}</p>"
        f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(app: App, record: Record, codes: list[str]) -> str:
    return "<tr>" + "".join(f"<td>{escape(_shown(app.value(record, code)))}</td>" for code in codes) + "</tr>"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "、".join(_shown(item) for item in value)
    if isinstance(value, dict):
        return str(value.get("name") or value.get("fileKey") or f"行 {value.get('id', '')}")
    return "" if value is None else str(value)
