"""What crosses the border to a plugin cannot be changed in place, and what comes back is checked again."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from renkei import spec

TEXT = spec.Text(ja="日本語", en="English")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def record() -> spec.WireRecord:
    return spec.WireRecord(key="k1", fields={"subject": {"value": ["a", {"b": 1}]}})


def test_a_nested_value_of_a_record_cannot_be_edited_in_place():
    made = record()

    with pytest.raises(TypeError, match="frozen"):
        made.fields["subject"]["value"] = "changed"
    with pytest.raises(TypeError, match="frozen"):
        made.fields["subject"]["value"][1]["b"] = 2
    with pytest.raises(TypeError):
        made.fields["subject"]["value"][0] = "changed"
    with pytest.raises(ValidationError):
        made.key = "changed"


@pytest.mark.parametrize(
    "change",
    [
        lambda mapping: mapping.update(a=1),
        lambda mapping: mapping.pop("a"),
        lambda mapping: mapping.popitem(),
        lambda mapping: mapping.setdefault("b", 1),
        lambda mapping: mapping.clear(),
        lambda mapping: mapping.__delitem__("a"),
        lambda mapping: mapping.__ior__({"b": 1}),
    ],
)
def test_no_way_of_changing_a_frozen_mapping_works(change):
    mapping = spec.freeze({"a": 1})

    with pytest.raises(TypeError, match="frozen"):
        change(mapping)
    assert mapping == {"a": 1}


@given(JSON)
def test_frozen_data_is_the_same_json_and_survives_copies(data):
    frozen = spec.freeze(data)

    assert json.loads(json.dumps(frozen)) == data
    assert copy.deepcopy(frozen) == frozen
    assert pickle.loads(pickle.dumps(frozen)) == frozen


def test_an_answer_made_without_checks_is_checked_when_it_is_received():
    lie = spec.Created.model_construct(key=5, id=None)

    with pytest.raises(ValidationError):
        spec.PushReport(verdicts=(lie,))


def test_an_answer_with_an_unknown_field_is_refused():
    with pytest.raises(ValidationError):
        spec.Account(id="1", label="one", surprise=True)  # type: ignore[call-arg]


def test_a_map_result_is_a_record_or_problems_and_never_both():
    problem = spec.Problem(field="f", code="c", message=TEXT)

    for wrong in ({}, {"record": record(), "problems": (problem,)}):
        with pytest.raises(ValidationError):
            spec.MapResult(**wrong)


def field(code: str = "f", **more: object) -> spec.Field:
    return spec.Field(code=code, label=code, type=spec.FieldType.TEXT, native_type="text", **more)  # type: ignore[arg-type]


def schema(*fields: spec.Field) -> spec.TargetSchema:
    return spec.TargetSchema(target="t", label="t", fields=fields)


def test_the_fingerprint_does_not_depend_on_order_or_labels():
    one = schema(field("a"), field("b"))
    other = schema(field("b").model_copy(update={"label": "other"}), field("a"))

    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"required": True},
        {"unique": True},
        {"writable": False},
        {"max_length": 5},
        {"maximum": Decimal(5)},
        {"choices": (spec.Choice(code="x"),)},
        {"type": spec.FieldType.NUMBER},
    ],
)
def test_the_fingerprint_moves_with_whatever_decides_about_a_record(change):
    assert schema(field()).fingerprint != schema(field().model_copy(update=change)).fingerprint


def test_two_fields_of_one_code_are_refused_by_name():
    with pytest.raises(ValidationError, match="more than once: f"):
        schema(field("f"), field("f"))


@pytest.mark.parametrize(("unit", "length"), [("code_points", 3), ("utf16", 4), ("bytes", 8)])
def test_lengths_are_measured_in_the_backends_unit(unit, length):
    assert spec.LengthUnit(unit).measure("a😀あ") == length


def manifest(**more: object) -> spec.Manifest:
    why = spec.Capability(state=spec.CapabilityState.NOT_IMPLEMENTED, reason=TEXT)
    given: dict[str, object] = {
        "id": "acme",
        "version": "1.0",
        "spec": ">=1.0,<2",
        "name": TEXT,
        "settings": spec.Settings,
        "hosts": ("api.acme.example",),
        "limits": spec.Limits(push_size=1, request_size=1, concurrency=1),
        "atomicity": "record",
        "uniqueness": "none",
        "settles_within": timedelta(seconds=1),
        "unknown_fields": "refused",
        "capabilities": dict.fromkeys(spec.CAPABILITIES, why),
    }
    return spec.Manifest(**{**given, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "Acme CRM"},
        {"hosts": ("*",)},
        {"hosts": ("https://api.acme.example",)},
        {"hosts": ("api.acme.example:8443",)},
        {"capabilities": {}},
        {"uniqueness": "perhaps"},
        {"limits": {"push_size": 0, "request_size": 1, "concurrency": 1}},
        {"surprise": 1},
    ],
)
def test_a_manifest_that_says_something_impossible_is_refused(wrong):
    with pytest.raises(ValidationError):
        manifest(**wrong)


def test_a_manifest_as_json_carries_the_json_schema_of_its_settings():
    class AcmeSettings(spec.Settings):
        account: str = spec.setting(ja="アカウント", en="Account")

    data = json.loads(manifest(settings=AcmeSettings).model_dump_json())

    assert data["settings"]["properties"]["account"]["label"] == {"ja": "アカウント", "en": "Account"}


@pytest.mark.parametrize(
    ("refusal", "status", "body", "describes"),
    [
        ({"json_key": "code"}, 520, b'{"code": "X"}', True),
        ({"json_key": "code"}, 200, b'{"code": "X"}', False),
        ({"json_key": "code"}, 503, b"<html>", False),
        ({"json_key": "code"}, 500, b'["code"]', False),
        ({"statuses": (503,)}, 503, b"", True),
        ({"statuses": (503,)}, 500, b"", False),
    ],
)
def test_a_refusal_is_recognised_by_status_and_body(refusal, status, body, describes):
    assert spec.Refusal(**refusal).describes(status, body) is describes


def test_a_refusal_without_conditions_would_call_every_error_refused_and_is_forbidden():
    with pytest.raises(ValidationError, match="needs statuses or a json_key"):
        spec.Refusal()


def test_a_link_that_is_no_web_address_is_refused():
    with pytest.raises(ValidationError, match="must begin with https"):
        spec.Created(key="k", id="1", link="javascript:alert(1)")


def test_importing_the_spec_pulls_in_no_engine_and_no_database():
    script = (
        "import sys, renkei.spec; "
        "print([m for m in sys.modules if m.split('.')[0] in ('sqlalchemy', 'cryptography', 'typer', 'liquid')"
        " or m.startswith('renkei.') and not m.startswith('renkei.spec')])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
