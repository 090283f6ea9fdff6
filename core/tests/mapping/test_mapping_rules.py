import pytest

from renkei.mapping import Mapping, Rule
from renkei.spec import SettingsError

RULES = {
    "rules": [
        {"target": "キー", "source": "delivery.key"},
        {"target": "件名", "source": "message.subject", "too_long": "cut", "fallback": "(なし)"},
        {"target": "区分", "constant": ["a", {"b": 1.5}]},
        {
            "target": "状況",
            "source": "ticket.status",
            "choices": {"open": "未対応", "spam": None},
            "other_choice": "skip",
        },
    ],
    "time_zone": "Asia/Tokyo",
}


def codes(raw):
    with pytest.raises(SettingsError) as caught:
        Mapping.parse(raw)
    return {(problem.field, problem.code) for problem in caught.value.problems}


def test_a_mapping_survives_json():
    mapping = Mapping.parse(RULES)

    assert Mapping.parse(mapping.model_dump(mode="json")) == mapping
    assert Mapping.model_validate_json(mapping.model_dump_json()) == mapping


def test_a_mapping_is_hashable_and_cannot_be_edited():
    mapping = Mapping.parse(RULES)

    with pytest.raises(TypeError):
        mapping.rules[3].choices["open"] = "x"
    with pytest.raises(TypeError):
        mapping.rules[2].constant[1]["b"] = 2


def test_the_key_field_is_the_one_that_takes_the_key_as_it_is():
    templated = Mapping(rules=(Rule(target="x", template="{{ delivery.key }}"),))

    assert Mapping.parse(RULES).key_field == "キー"
    assert templated.key_field is None


def test_targets_stand_in_the_order_of_the_rules():
    mapping = Mapping.parse(RULES)

    assert mapping.targets == ("キー", "件名", "区分", "状況")
    assert mapping.rule_for("件名").fallback == "(なし)"
    assert mapping.rule_for("なし") is None


def test_unknown_entries_are_refused_by_place():
    raw = {"rules": [{"target": "a", "source": "b.c", "colour": 1}], "zone": "x"}

    assert codes(raw) == {("rules.0.colour", "unknown"), ("zone", "unknown")}


@pytest.mark.parametrize(
    "rule",
    [
        {"target": "a"},
        {"target": "a", "source": "b.c", "constant": 1},
        {"target": "a", "source": "b.c", "template": "x"},
    ],
)
def test_a_rule_has_exactly_one_origin(rule):
    assert codes({"rules": [rule]}) == {("rules.0", "one_origin")}


def test_several_problems_are_told_at_once_without_values():
    raw = {"rules": [{"source": "x.y"}, {"target": "a", "source": "b.c", "too_long": "secret-word"}]}

    with pytest.raises(SettingsError) as caught:
        Mapping.parse(raw)

    assert {problem.field for problem in caught.value.problems} == {"rules.0.target", "rules.1.too_long"}
    assert "secret-word" not in str(caught.value)
    assert caught.value.say("ja")


@pytest.mark.parametrize("raw", [None, 5, "text", ["a"]])
def test_what_is_no_object_is_refused(raw):
    assert codes(raw) == {("", "invalid")}


@pytest.mark.parametrize("value", [float("nan"), b"x", object()])
def test_a_constant_is_json(value):
    assert codes({"rules": [{"target": "a", "constant": value}]}) == {("rules.0.constant", "not_json")}
