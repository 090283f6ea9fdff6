"""The simulator's paths, parameters and properties, against the description of the API that kintone's maker publishes.

The description is not part of this repository. It is looked for where RENKEI_KINTONE_OPENAPI says, or beside the
checkout; without it these tests are skipped.

Documented deviations, all of the description from what the wire carries: ids, revisions and counts are integers there
and texts on the wire; so are the figures of a field's settings, `""` when unset; a record's values and a form's fields
are described for all types at once; errors and permissions are not described at all.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from renkei_kintone.simulator.calls import known_calls
from renkei_kintone.simulator.form import complete

FULL = "simulated-full-token"
LOGIN = {"X-Cybozu-Authorization": base64.b64encode(b"Administrator:simulated-password").decode()}
PLACE = Path(os.environ.get("RENKEI_KINTONE_OPENAPI", Path(__file__).parents[5] / "shared/kintone/openapi.yaml"))

TITLE = {"件名": {"value": "a"}}
INNER = {"method": "POST", "api": "/k/v1/record.json", "payload": {"app": 1, "record": TITLE}}
KEY = {"field": "キー", "value": "k1"}


@dataclass(frozen=True)
class Exchange:
    """A call with every parameter that the simulator reads.

    Attributes:
        unread: parameters that it does not look at.
        before: calls that make the answer possible; `{}` in a parameter stands for the id that the last one gave.
    """

    method: str
    api: str
    sent: dict[str, Any]
    unread: frozenset[str] = frozenset()
    before: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)


def exchange(method: str, api: str, *unread: str, before: Any = (), headers: Any = None, **sent: Any) -> Exchange:
    return Exchange(method, api, sent, frozenset(unread), before, headers or {})


ADDED = (("POST", "record", {"app": 1, "record": TITLE | {"キー": {"value": "k1"}}}),)
CURSOR = (("POST", "records/cursor", {"app": 1}),)
EXCHANGES = [
    exchange("GET", "app", id=1),
    exchange("GET", "apps", headers=LOGIN, ids=["1"], codes=[], name="対応", spaceIds=[], limit=1, offset=0),
    exchange("GET", "app/form/fields", app=1, lang="ja"),
    exchange("GET", "app/form/layout", app=1),
    exchange("GET", "app/settings", "lang", app=1),
    exchange("GET", "form", app=1),
    exchange("GET", "preview/app/form/fields", app=1, lang="default"),
    exchange("GET", "preview/app/form/layout", app=1),
    exchange("POST", "preview/app/form/fields", app=1, properties={"新": {"type": "NUMBER"}}, revision=1),
    exchange("PUT", "preview/app/form/fields", app=1, properties={"本文": {"required": True}}, revision=-1),
    exchange("DELETE", "preview/app/form/fields", app=1, fields=["本文"], revision="1"),
    exchange("POST", "preview/app/deploy", apps=[{"app": 1, "revision": 1}], revert=False),
    exchange("GET", "preview/app/deploy", apps=[1]),
    exchange("POST", "record", app=1, record=TITLE),
    exchange("POST", "records", app=1, records=[TITLE]),
    exchange("GET", "record", before=ADDED, app=1, id=1),
    exchange("GET", "records", before=ADDED, app=1, query="", fields=["件名"], totalCount=True),
    exchange("POST", "records/cursor", app=1, fields=["件名"], query="", size=1),
    exchange("GET", "records/cursor", before=CURSOR, id="{}"),
    exchange("DELETE", "records/cursor", before=CURSOR, id="{}"),
    exchange("PUT", "record", "updateKey", before=ADDED, app=1, id=1, record=TITLE, revision=1),
    exchange("PUT", "records", before=ADDED, app=1, upsert=True, records=[{"updateKey": KEY, "record": TITLE}]),
    exchange("DELETE", "records", before=ADDED, app=1, ids=[1], revisions=[1]),
    exchange("POST", "bulkRequest", requests=[INNER]),
]
# They answer in another form, or need a form of their own; their paths are compared all the same.
APART = {
    ("POST", "file"),
    ("GET", "file"),
    ("PUT", "record/status"),
    ("PUT", "records/status"),
    ("PUT", "record/assignees"),
}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    if not PLACE.is_file():
        pytest.skip(f"kintone's API description is not at {PLACE.name}; RENKEI_KINTONE_OPENAPI names its place")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loaded: dict[str, Any] = yaml.load(PLACE.read_text(encoding="utf-8"), Loader=loader)
    return loaded


def operation(described: dict[str, Any], method: str, api: str, root: str = "/k/v1") -> dict[str, Any]:
    found: dict[str, Any] = described["paths"][f"{root}/{api}.json"][method.lower()]
    return found


def parameters(found: dict[str, Any]) -> set[str]:
    body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return {each["name"] for each in found.get("parameters", ()) if each["in"] == "query"} | set(
        body.get("properties", ())
    )


def properties(found: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = found["responses"]["200"]["content"]["application/json"]["schema"].get("properties", {})
    return said


def run(world: Any, asked: Exchange) -> dict[str, Any]:
    id = ""
    for method, api, sent in asked.before:
        id = world.call(method, f"{api}.json", token=FULL, json=sent).json()["id"]
    sent = {name: id if value == "{}" else value for name, value in asked.sent.items()}
    response = world.call(asked.method, f"{asked.api}.json", token=FULL, json=sent, headers=asked.headers)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize("root", ["/k/v1", "/k/guest/{guestSpaceId}/v1"])
def test_every_path_is_described(described: dict[str, Any], root: str) -> None:
    for method, api in known_calls():
        assert operation(described, method, api, root), api


@pytest.mark.parametrize("asked", [pytest.param(each, id=f"{each.method} {each.api}") for each in EXCHANGES])
def test_parameters_and_properties_have_the_described_names(
    described: dict[str, Any], world: Any, asked: Exchange
) -> None:
    found = operation(described, asked.method, asked.api)

    answer = run(world, asked)

    assert set(asked.sent) | asked.unread == parameters(found)
    assert set(answer) == set(properties(found))


@pytest.mark.parametrize("asked", [pytest.param(each, id=f"{each.method} {each.api}") for each in EXCHANGES])
def test_what_is_described_as_a_whole_number_is_a_text_on_the_wire(
    described: dict[str, Any], world: Any, asked: Exchange
) -> None:
    said = properties(operation(described, asked.method, asked.api))

    answer = run(world, asked)

    for name, schema in said.items():
        if schema.get("type") == "integer":
            assert answer[name] is None or isinstance(answer[name], str), name
        elif schema.get("type") == "boolean":
            assert isinstance(answer[name], bool), name


# The schema of each type in the description; several types share one.
SCHEMAS = {
    "SINGLE_LINE_TEXT": "SingleLineText",
    "MULTI_LINE_TEXT": "MultipleLineText",
    "RICH_TEXT": "Editor",
    "NUMBER": "Decimal",
    "CALC": "Calc",
    "LINK": "Link",
    "CHECK_BOX": "MultipleCheck",
    "RADIO_BUTTON": "SingleCheck",
    "DROP_DOWN": "SingleSelect",
    "MULTI_SELECT": "MultipleSelect",
    "DATE": "Date",
    "TIME": "Time",
    "DATETIME": "Datetime",
    "FILE": "File",
    "USER_SELECT": "UserSelect",
    "ORGANIZATION_SELECT": "OrganizationSelect",
    "GROUP_SELECT": "GroupSelect",
    "STATUS": "Status",
    "STATUS_ASSIGNEE": "StatusAssignee",
    "CATEGORY": "Category",
    "RECORD_NUMBER": "RecordId",
    "MODIFIER": "Modifier",
    "UPDATED_TIME": "ModifiedAt",
}


@pytest.mark.parametrize("native", SCHEMAS)
def test_the_settings_of_a_field_have_the_described_names(described: dict[str, Any], native: str) -> None:
    schema = described["components"]["schemas"][f"AppFormFieldsGet{SCHEMAS[native]}FieldForm"]

    assert set(complete("f", {"type": native})) == set(schema["properties"])


@pytest.mark.parametrize("native", ["SINGLE_LINE_TEXT", "NUMBER", "LINK"])
def test_the_settings_of_a_lookup_have_the_described_names(described: dict[str, Any], native: str) -> None:
    schemas = described["components"]["schemas"]

    listed = set(complete("f", {"type": native, "lookup": {}}))

    # A lookup keeps some settings of its base type, which the description leaves out.
    base = set(schemas[f"AppFormFieldsGet{SCHEMAS[native]}FieldForm"]["properties"])
    assert set(schemas["AppFormFieldsGetLookupFieldForm"]["properties"]) <= listed
    assert listed - {"lookup"} <= base


def test_the_number_precision_and_the_table_have_the_described_names(described: dict[str, Any], world: Any) -> None:
    schemas = described["components"]["schemas"]
    precision = world.call("GET", "app/settings.json?app=1", token=FULL).json()["numberPrecision"]
    table = complete("f", {"type": "SUBTABLE", "fields": {}})

    assert set(precision) == set(schemas["AppSettingsGetNumberPrecision"]["properties"])
    assert set(table) == set(schemas["AppFormFieldsGetTableForm"]["properties"])


def test_every_call_is_compared() -> None:
    assert {(each.method, each.api) for each in EXCHANGES} | APART == known_calls()
