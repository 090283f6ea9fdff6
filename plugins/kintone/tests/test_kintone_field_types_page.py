"""The page of field types says what the code does."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from renkei.mapping import compatible
from renkei.spec import FieldType
from renkei_kintone.field_types import LINKS, NOT_WRITTEN, TYPES

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kintone_docs", DOCS / "field_types.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_as_the_code_is(generator: ModuleType) -> None:
    assert (DOCS / "field-types.md").read_text(encoding="utf-8") == generator.field_types(), (
        "run python plugins/kintone/docs/field_types.py"
    )


def test_the_page_has_every_source_type_and_every_type_of_kintone(generator: ModuleType) -> None:
    assert set(generator.SAMPLES) == set(FieldType) - {FieldType.TABLE, FieldType.OPAQUE}
    named = {part.split(" (")[0] for name in generator.FORM for part in name.split(", ")}
    assert named | {"SUBTABLE"} == (set(TYPES) - set(NOT_WRITTEN)) | {"LINK"}
    assert sum(name.startswith("LINK") for name in generator.FORM) == len(LINKS)


def test_every_pair_is_written_or_has_a_reason(generator: ModuleType) -> None:
    for name in generator.FORM:
        field = generator._field(name)
        for kind in generator.SAMPLES:
            assert (generator.written(kind, name) is not None) == compatible(kind, field)
            assert compatible(kind, field) or field.type in generator.WHY_NOT
