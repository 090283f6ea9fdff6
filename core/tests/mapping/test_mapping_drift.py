from decimal import Decimal

import pytest

from renkei.mapping import Mapping, Rule, differences
from renkei.spec import FieldType, LengthUnit

T = FieldType
MAPPING = Mapping(
    rules=(
        Rule(target="キー", source="delivery.key"),
        Rule(target="件名", source="message.subject"),
        Rule(target="状況", source="ticket.status", choices={"open": "未対応"}),
        Rule(target="数", source="memo.duration_min"),
    )
)


@pytest.fixture
def forms(make_field, make_form):
    """The form as it was, and with some fields changed (None: deleted)."""
    before = {
        "キー": make_field("キー", unique=True),
        "件名": make_field("件名", max_length=100),
        "状況": make_field("状況", T.CHOICE, "未対応", "保留"),
        "数": make_field("数", T.NUMBER, maximum=Decimal(100)),
        "他": make_field("他"),
    }

    def change(**changed):
        after = {**before, **changed}
        return make_form(*before.values()), make_form(*(field for field in after.values() if field))

    return change


def told(old, new, mapping=MAPPING):
    return [(difference.field, difference.code) for difference in differences(old, new, mapping)]


def test_an_unchanged_form_has_no_differences(forms):
    assert told(*forms()) == []


def test_a_deleted_field_is_named_by_label_and_code(forms):
    old, new = forms(件名=None)

    difference = differences(old, new, MAPPING)[0]

    assert (difference.field, difference.code) == ("件名", "gone")
    assert "「件名」" in difference.message.ja
    assert "Map it anew" in difference.message.en


def test_a_field_that_neither_form_has_is_told_too(make_form):
    assert ("件名", "gone") in told(make_form(), make_form())


@pytest.mark.parametrize(
    ("code", "changed", "expected"),
    [
        ("件名", {"writable": False}, "not_writable"),
        ("件名", {"type": T.NUMBER, "native_type": "NUMBER"}, "type_changed"),
        ("件名", {"native_type": "OTHER"}, "type_changed"),
        ("件名", {"required": True}, "now_required"),
        ("件名", {"max_length": 50}, "limit_tightened"),
        ("件名", {"length_unit": LengthUnit.BYTES}, "limit_tightened"),
        ("件名", {"min_length": 2}, "limit_tightened"),
        ("数", {"maximum": Decimal(50)}, "limit_tightened"),
        ("数", {"minimum": Decimal(1)}, "limit_tightened"),
        ("数", {"decimals": 0}, "limit_tightened"),
        ("キー", {"unique": False}, "key_not_unique"),
        ("状況", {"choices": ()}, "choice_gone"),
    ],
)
def test_what_breaks_a_mapped_field_is_told(forms, code, changed, expected):
    old, _ = forms()

    _, new = forms(**{code: old.field(code).model_copy(update=changed)})

    assert told(old, new) == [(code, expected)]


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("件名", {"max_length": 200}),
        ("件名", {"max_length": None}),
        ("件名", {"label": "題名"}),
        ("数", {"maximum": None}),
        ("件名", {"unique": True}),
        ("他", {"writable": False}),
        ("他", {"type": T.DATE}),
    ],
)
def test_what_breaks_nothing_is_not_told(forms, code, changed):
    old, _ = forms()

    _, new = forms(**{code: old.field(code).model_copy(update=changed)})

    assert told(old, new) == []


def test_a_lost_choice_matters_where_the_value_table_uses_it(forms, make_field):
    assert told(*forms(状況=make_field("状況", T.CHOICE, "未対応"))) == []
    assert told(*forms(状況=make_field("状況", T.CHOICE, "保留"))) == [("状況", "choice_gone")]


def test_without_a_table_every_lost_choice_matters(forms, make_field):
    mapping = Mapping(rules=(Rule(target="状況", source="ticket.status"),))

    assert told(*forms(状況=make_field("状況", T.CHOICE, "未対応")), mapping) == [("状況", "choice_gone")]


def test_a_new_required_field_is_told_although_nothing_maps_it(forms, make_field):
    assert told(*forms(新=make_field("新", required=True))) == [("新", "now_required")]
    assert told(*forms(他=make_field("他", required=True))) == [("他", "now_required")]
    assert told(*forms(新=make_field("新", required=True, has_default=True))) == []
