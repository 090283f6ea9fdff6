import pytest
from pydantic import ValidationError

from renkei.mapping import SourceChoice, SourceField, SourceSchema, helpdesk_schema
from renkei.mapping.reading import read
from renkei.spec import FieldType, Text


def field(key, kind=FieldType.TEXT, **more):
    return SourceField(key=key, type=kind, label=Text(ja="項目", en="Field"), sample="x", **more)


def test_the_default_schema_has_the_core_fields():
    schema = helpdesk_schema()

    core = {item.key for item in schema.fields if item.core}

    assert {"delivery.key", "action.id", "message.subject", "ticket.url", "customer.name", "inbox.name"} <= core
    assert len(core) >= 24
    assert schema.field("no.such") is None


@pytest.mark.parametrize("item", helpdesk_schema().fields, ids=lambda item: item.key)
def test_every_sample_is_a_value_of_its_type(item):
    value = read(item.type, item.sample)

    assert value is not None
    if item.type is FieldType.CHOICE and item.choices:
        assert value in item.label_of


def test_the_default_schema_survives_json():
    schema = helpdesk_schema()

    assert SourceSchema.model_validate_json(schema.model_dump_json()) == schema


@pytest.mark.parametrize("key", ["title", "Ticket.title", "ticket.", "ticket.件名", "ticket..x", "1.a", ""])
def test_a_key_of_another_form_is_refused(key):
    with pytest.raises(ValidationError, match="lower snake case"):
        field(key)


def test_keys_are_unique():
    with pytest.raises(ValidationError, match=r"unique; more than once: a\.b"):
        SourceSchema(fields=(field("a.b"), field("a.b")))


def test_a_key_is_not_the_beginning_of_another():
    with pytest.raises(ValidationError, match="beginning of another"):
        SourceSchema(fields=(field("a.b"), field("a.b.c")))


def test_tables_are_not_offered():
    with pytest.raises(ValidationError, match="use another type"):
        field("a.b", FieldType.TABLE)


def test_choice_codes_are_unique():
    twice = (SourceChoice(code="x", label=Text(ja="一", en="1")), SourceChoice(code="x", label=Text(ja="二", en="2")))

    with pytest.raises(ValidationError, match="lists a choice code twice"):
        field("a.b", FieldType.CHOICE, choices=twice)
