"""The kit of the contract suite: what `renkei verify kintone` needs to know about kintone, and all of it.

It talks to the simulator alone and never asks the plugin. Needs the extras `simulator` and `testing`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib import resources
from typing import Any, ClassVar

from renkei.spec import Value
from renkei.testing import BackendAnswer, BadSettings, Kit, LiveSite, SeenRecord, Situation
from renkei_kintone.live import live_app
from renkei_kintone.simulator import Kintone
from renkei_kintone.simulator.domain import Token

_TOKEN = "simulated-add-and-view-token"
_SECOND_TOKEN = "simulated-token-of-another-app"
_BRANCHES = "5"
_BRANCH_TOKEN = "simulated-branch-view-token"
_SECOND_BRANCH_TOKEN = "simulated-branch-view-token-of-the-second"
_SLIP = "受付番号"
_TAKEN = "すでに登録されている受付番号"
_AMOUNT = "金額"  # a number without bounds: the sample's own is never negative and short
_STAFF = tuple(f"Staff.{number:02}@Demo" for number in range(1, 26))  # many, and in both cases


class KintoneKit(Kit):
    """kintone's simulator in this process: the sample app, with a second unique field, and a copy of it."""

    target = "1"
    missing_target = "404"
    key_field = "キー"
    second_target = "3"
    examples: ClassVar[Mapping[str, Sequence[Value]]] = {
        "操作ユーザ": (("tanaka",), ("sato", "suzuki"), ("Administrator", "tanaka", "sato"), _STAFF),
        "担当部署": (("support",), ("sales", "support")),
        "担当グループ": (("everyone",),),
        "拠点コード": ("osaka", "tokyo"),
        "売上番号": (Decimal(7), Decimal("12.5")),
    }
    filled = frozenset({"顧客ランク"})
    answers: ClassVar[Mapping[Situation, BackendAnswer]] = {
        "rate_limited": BackendAnswer(
            status=429, body={"code": "GAIA_TO04", "id": "simulatedanswer00001", "message": "…"}
        ),
        "locked": BackendAnswer(status=400, body={"code": "GAIA_DA02", "id": "simulatedanswer00002", "message": "…"}),
        "maintenance": BackendAnswer(status=503, body="Service Unavailable"),
    }
    test_only = ("renkei_kintone.kit", "renkei_kintone.live", "renkei_kintone.simulator")

    def __init__(self) -> None:
        self._kintone = _domain()
        self._app = self._kintone.asgi()

    def good_settings(self) -> Mapping[str, Any]:
        """A token that may add and view records, which is all that the plugin uses; and that of a lookup's app."""
        return {
            "subdomain": "demo",
            "app_id": "1",
            "api_token": _TOKEN,
            "lookup_tokens": _BRANCH_TOKEN,
            "may_view": True,
        }

    def second_settings(self) -> Mapping[str, Any]:
        """A token of the other app, which may add records and nothing more."""
        return {"subdomain": "demo", "app_id": "3", "api_token": _SECOND_TOKEN, "lookup_tokens": _SECOND_BRANCH_TOKEN}

    def wrong_credentials(self) -> Mapping[str, Any]:
        """A token that kintone does not know."""
        return {**self.good_settings(), "api_token": "simulated-token-that-was-deleted"}

    def bad_settings(self) -> Sequence[BadSettings]:
        """What people type."""
        good = self.good_settings()
        return (
            BadSettings(settings={**good, "subdomain": "https://example.org/k/1/"}, field="subdomain"),
            BadSettings(settings={**good, "app_id": "対応履歴"}, field="app_id"),
            BadSettings(settings={**good, "api_token": "simulated token"}, field="api_token"),
            BadSettings(settings={**good, "guest_space_id": "zero"}, field="guest_space_id"),
            BadSettings(settings={**good, "lookup_tokens": _TOKEN}, field="lookup_tokens"),
            BadSettings(settings={**good, "request_megabytes": "4000"}, field="request_megabytes"),
        )

    def simulator(self) -> Any:
        """In this process."""
        return self._app

    def reset(self) -> None:
        """As on the first day."""
        fresh = _domain()
        self._kintone.reset()
        self._kintone.apps = fresh.apps
        self._kintone.tokens = fresh.tokens

    def read(self, target: str) -> Sequence[SeenRecord]:
        """The app's records, each value read by its field's type."""
        app = self._kintone.apps[target]
        return [
            SeenRecord(
                id=record.id,
                values={
                    code: self._canonical(app.fields[code], value)
                    for code, value in record.values.items()
                    if code in app.fields
                },
            )
            for record in app.records.values()
        ]

    def seed(self, target: str, values: Mapping[str, Value]) -> str:
        """Stored without a question."""
        app = self._kintone.apps[target]
        native = {code: _native(app.fields[code]["type"], value) for code, value in values.items()}
        return app.store(native, self._kintone.instant()).id

    def _canonical(self, item: Mapping[str, Any], value: Any) -> Any:
        match item["type"]:
            case "FILE":
                held = (self._kintone.files.attached[one["fileKey"]].file for one in value)
                return tuple((file.name, file.data) for file in held)
            case "SUBTABLE":
                return tuple(self._row(item["fields"], row["value"]) for row in value)
            case native:
                return _canonical(native, value)

    def _row(self, columns: Mapping[str, Any], cells: Mapping[str, Any]) -> dict[str, Any]:
        held = {code: cell["value"] for code, cell in cells.items() if cell["value"] not in (None, "", [])}
        return {code: self._canonical(columns[code], value) for code, value in held.items()}

    def poison(self, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """A number that another record has already: refused, and named."""
        return {**values, _SLIP: _TAKEN}

    def unnamed_poison(self, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """A user who has left: refused, and nobody is named."""
        return {**values, "操作ユーザ": ("taishoku",)}

    def add_field(self, label: str) -> str:
        """One more text."""
        return self._kintone.apps[self.target].add_text(label)

    def delete_field(self, code: str) -> None:
        """As an admin of the app would, app updated."""
        del self._kintone.apps[self.target].fields[code]

    def revoke_credentials(self) -> None:
        """The token was deleted."""
        self._kintone.tokens.pop(_TOKEN, None)

    def revoke_permission(self) -> None:
        """「レコード追加」 was unticked."""
        self._kintone.tokens[_TOKEN] = Token(_TOKEN, "1", frozenset({"view"}))

    def live(self, environment: Mapping[str, str]) -> LiveSite | None:
        """The app named by `RENKEI_KINTONE_LIVE_SUBDOMAIN` and its companions."""
        return live_app(environment)


def _domain() -> Kintone:
    sample = resources.files("renkei_kintone.simulator").joinpath("sample.json")
    data = json.loads(sample.read_text(encoding="utf-8"))
    data["apps"][0]["fields"][_SLIP] = {"type": "SINGLE_LINE_TEXT", "unique": True}
    data["apps"][0]["fields"][_AMOUNT] = {"type": "NUMBER"}
    data["users"] += _STAFF
    data["apps"].append({**data["apps"][0], "id": 3, "name": "対応履歴（大阪）"})
    for app in (data["apps"][0], data["apps"][-1]):
        app["fields"] = {**app["fields"], **_looked_up_in(str(app["id"]))}
    data["tokens"] = [one for one in data["tokens"] if one["token"] != _TOKEN]
    data["tokens"].append({"token": _TOKEN, "app": 1, "permissions": ["add", "view"]})
    data["tokens"].append({"token": _SECOND_TOKEN, "app": 3, "permissions": ["add"]})
    data["apps"].append(_branches())
    for token in (_BRANCH_TOKEN, _SECOND_BRANCH_TOKEN):
        data["tokens"].append({"token": token, "app": int(_BRANCHES), "permissions": ["view"]})
    kintone = Kintone.from_data(data)
    for branch, number in (("osaka", "7"), ("tokyo", "12.5")):
        kintone.apps[_BRANCHES].store({"拠点": branch, "番号": number, "住所": branch.title()}, kintone.instant())
    kintone.apps["1"].taken[_SLIP] = {_TAKEN: ""}
    return kintone


def _branches() -> dict[str, Any]:
    fields = {
        "拠点": {"type": "SINGLE_LINE_TEXT", "unique": True},
        "番号": {"type": "NUMBER", "unique": True},
        "住所": {"type": "SINGLE_LINE_TEXT"},
    }
    return {"id": int(_BRANCHES), "name": "拠点", "fields": fields}


def _looked_up_in(app: str) -> dict[str, Any]:
    """Lookups in the app itself, whose settings a token shows that may only add, and in another, and what they fill."""
    lookup = {
        "relatedApp": {"app": app, "code": ""},
        "relatedKeyField": "キー",
        "fieldMappings": [{"field": "前回の件名", "relatedField": "件名"}],
    }
    text = {"type": "SINGLE_LINE_TEXT"}
    return {
        "前回": {**text, "lookup": lookup},
        "前回の件名": text,
        "拠点コード": {**text, "lookup": _of_branches("拠点", "拠点住所", "住所")},
        "拠点住所": text,
        "売上番号": {"type": "NUMBER", "lookup": _of_branches("番号")},
    }


def _of_branches(key: str, *filled: str) -> dict[str, Any]:
    mappings = [{"field": field, "relatedField": other} for field, other in zip(filled[::2], filled[1::2], strict=True)]
    return {"relatedApp": {"app": _BRANCHES, "code": ""}, "relatedKeyField": key, "fieldMappings": mappings}


def _canonical(native: str, value: Any) -> Any:
    match native:
        case "NUMBER":
            return Decimal(value)
        case "DATE":
            return date.fromisoformat(value)
        case "TIME":
            return time.fromisoformat(value)
        case "DATETIME":
            return datetime.fromisoformat(value)
        case "CHECK_BOX" | "MULTI_SELECT":
            return tuple(value)
        case "USER_SELECT" | "ORGANIZATION_SELECT" | "GROUP_SELECT":
            return tuple(entity["code"] for entity in value)
        case _:
            return value


def _native(native: str, value: Any) -> Any:
    match native:
        case "DATETIME":
            return f"{value.astimezone(UTC).isoformat()[:16]}:00Z"
        case "DATE" | "TIME":
            return value.isoformat()[: 10 if native == "DATE" else 5]
        case "NUMBER":
            return format(Decimal(value), "f")
        case "USER_SELECT" | "ORGANIZATION_SELECT" | "GROUP_SELECT":
            return [{"code": code, "name": code} for code in value]
        case "CHECK_BOX" | "MULTI_SELECT":
            return list(value)
        case _:
            return value
