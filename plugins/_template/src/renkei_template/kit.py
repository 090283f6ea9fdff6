"""The kit of the contract suite: what `renkei verify` needs to know about Atelier, and all of it.

It talks to the simulator alone and never asks the plugin. Needs the extras `simulator` and `testing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from renkei.spec import Value
from renkei.testing import BackendAnswer, BadSettings, Kit, SeenRecord, Situation
from renkei_template.simulator import SAMPLE_SETTINGS, Atelier, make_app

_BLOCKED = "blocked-by-the-workspace"
_SECOND = {"client_id": "second-client", "client_secret": "not-a-real-secret-either"}


class AtelierKit(Kit):
    """Atelier's simulator in this process."""

    target = "inquiries"
    options: ClassVar[Mapping[str, Any]] = {"stage": "受付"}
    missing_target = "no_such_table"
    key_field = "delivery_key"
    second_target = "visits"
    stale_options: ClassVar[Mapping[str, Any] | None] = {"stage": "改名前のステージ"}
    answers: ClassVar[Mapping[Situation, BackendAnswer]] = {
        "rate_limited": BackendAnswer(status=429, body={"error": {"code": "too_many_requests"}}),
        "quota_exhausted": BackendAnswer(
            status=429, body={"error": {"code": "daily_quota", "resets_at": "2026-04-02T00:00:00+00:00"}}
        ),
        "locked": BackendAnswer(status=409, body={"error": {"code": "table_locked"}}),
        "maintenance": BackendAnswer(status=503, body={"error": {"code": "maintenance"}}),
    }
    test_only = ("renkei_template.kit", "renkei_template.simulator")

    def __init__(self) -> None:
        self._atelier = Atelier(page_size=2)  # so that three tables are more than a page
        self._app = make_app(self._atelier)

    def good_settings(self) -> Mapping[str, Any]:
        """The sample client's."""
        return SAMPLE_SETTINGS

    def second_settings(self) -> Mapping[str, Any]:
        """Another client of the same workspace."""
        return SAMPLE_SETTINGS | _SECOND

    def wrong_credentials(self) -> Mapping[str, Any]:
        """A secret that was never given out."""
        return SAMPLE_SETTINGS | {"client_secret": "not-the-right-secret"}

    def bad_settings(self) -> Sequence[BadSettings]:
        """What people type."""
        return (
            BadSettings(settings=SAMPLE_SETTINGS | {"workspace": "北風工房です"}, field="workspace"),
            BadSettings(settings=SAMPLE_SETTINGS | {"workspace": "https://north-wind.crm.example/"}, field="workspace"),
            BadSettings(settings=SAMPLE_SETTINGS | {"client_id": "sample client"}, field="client_id"),
            BadSettings(settings=SAMPLE_SETTINGS | {"client_secret": "not a real secret"}, field="client_secret"),
        )

    def simulator(self) -> Any:
        """In this process."""
        return self._app

    def reset(self) -> None:
        """As on the first day, with two clients, and a word that no record may hold."""
        self._atelier.reset()
        self._atelier.add_client(_SECOND["client_id"], _SECOND["client_secret"])
        self._atelier.block_word(_BLOCKED)

    def read(self, target: str) -> Sequence[SeenRecord]:
        """The table's records, each value read by its field's type."""
        types = {item["code"]: item["type"] for item in self._atelier.tables[target].fields}
        return [
            SeenRecord(
                id=record["id"],
                values={code: _canonical(types.get(code, "line"), value) for code, value in record["values"].items()},
            )
            for record in self._atelier.records(target)
        ]

    def seed(self, target: str, values: Mapping[str, Value]) -> str:
        """Stored without a question."""
        return self._atelier.seed(target, {code: _native(value) for code, value in values.items()})

    def poison(self, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """With the word that is blocked."""
        return {**values, "subject": f"{_BLOCKED} {values['subject']}"[:200]}

    def add_field(self, label: str) -> str:
        """One more line."""
        return self._atelier.add_field(self.target, label)

    def delete_field(self, code: str) -> None:
        """As an admin of Atelier would."""
        self._atelier.delete_field(self.target, code)

    def revoke_credentials(self) -> None:
        """No client, no token."""
        self._atelier.revoke()

    def revoke_permission(self) -> None:
        """Without records:write."""
        client = self._atelier.clients[SAMPLE_SETTINGS["client_id"]]
        client.scopes -= {"records:write"}

    def expire_credentials(self) -> None:
        """Access tokens are too old."""
        self._atelier.expire_tokens()


def _canonical(native: str, value: Any) -> Any:
    match native:
        case "decimal":
            return Decimal(value)
        case "day":
            return date.fromisoformat(value)
        case "moment":
            return datetime.fromisoformat(value)
        case "picks":
            return tuple(value)
        case _:
            return value


def _native(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case tuple():
            return list(value)
        case _:
            return value
