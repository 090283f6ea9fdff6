"""Whether a settings model's JSON Schema is one that a form can be built from (JSON Schema 2020-12)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator

from renkei.plugins.faults import name_exception
from renkei.spec import Settings

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
# Of older drafts: a validator for 2020-12 passes over them in silence.
_OLD: Final = ("definitions", "dependencies", "additionalItems", "divisibleBy", "$recursiveRef", "id")


def faults(model: type[Settings]) -> Iterator[str]:
    """What is wrong with the schema of *model*."""
    try:
        schema = model.model_json_schema()
        text = json.dumps(schema, allow_nan=False)
    except Exception as error:
        yield f"making it {name_exception(error)}"
        return
    if json.loads(text) != schema:
        yield "it is not plain JSON"
        return
    if schema.get("$schema", _DIALECT) != _DIALECT:
        yield "it is of another dialect"
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        yield "it is not an object that admits its own fields alone"
    yield from _of_fields(model, schema)
    yield from _in_the_dialect(schema)
    yield from _older_words(schema, schema)


def _of_fields(model: type[Settings], schema: Mapping[str, Any]) -> Iterator[str]:
    shown = schema.get("properties", {})
    if set(shown) != set(model.model_fields):
        yield "its properties are not the model's fields"
    wanted = {name for name, field in model.model_fields.items() if field.is_required()}
    if set(schema.get("required", ())) != wanted:
        yield "'required' does not name the required fields"
    secret = model.secret_fields()
    for name, one in shown.items():
        if name in secret and '"writeOnly": true' not in json.dumps(one):
            yield f"the secret {name!r} is not marked as write-only"
        if name in secret and ({"examples", "const", "enum"} & set(one) or one.get("default")):
            yield f"the secret {name!r} has a value in it"


def _in_the_dialect(schema: Mapping[str, Any]) -> Iterator[str]:
    for error in Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema):
        # Place and rule, not the library's text: that repeats what stands there.
        yield f"#/{'/'.join(map(str, error.absolute_path))} breaks the rule {error.validator!r}"


def _older_words(schema: object, root: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(schema, list):
        for one in schema:
            yield from _older_words(one, root)
    if not isinstance(schema, dict):
        return
    for name, value in schema.items():
        if name in ("properties", "$defs"):  # here the names are an author's
            yield from _older_words(list(value.values()) if isinstance(value, dict) else value, root)
        elif name in _OLD:
            yield f"{name!r} is of an older draft"
        elif name == "$ref" and not (isinstance(value, str) and _leads_somewhere(value, root)):
            yield "a $ref leads nowhere"
        else:
            yield from _older_words(value, root)


def _leads_somewhere(reference: str, root: Mapping[str, Any]) -> bool:
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            return False
        found = found[name]
    return reference.startswith("#")
