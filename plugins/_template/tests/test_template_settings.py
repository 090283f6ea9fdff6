from __future__ import annotations

import pytest

from renkei import spec
from renkei_template.settings import AtelierOptions, AtelierSettings
from renkei_template.simulator import SAMPLE_SETTINGS


@pytest.mark.parametrize(
    "typed",
    [
        "north-wind",
        "  North-Wind ",
        "ｎｏｒｔｈ－ｗｉｎｄ",
        "north-wind.atelier-crm.example",
        "https://NORTH-WIND.atelier-crm.example/",
        "https://north-wind.atelier-crm.example/tables/inquiries?x=1#top",
    ],
)
def test_a_workspace_is_understood_however_it_was_pasted(typed):
    settings = AtelierSettings.parse(SAMPLE_SETTINGS | {"workspace": typed})

    assert settings.workspace == "north-wind"
    assert AtelierSettings.parse(settings.revealed()) == settings


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("workspace", ""),
        ("workspace", "https://canary.crm.invalid/"),
        ("workspace", "canary/../x"),
        ("workspace", "canary.atelier-crm.example.evil.example"),
        ("workspace", "canary@evil"),
        ("workspace", "-canary"),
        ("workspace", 17),
        ("client_id", "canary id"),
        ("client_id", ""),
        ("client_secret", "canary\nnext"),
        ("client_secret", "   "),
        ("client_secret", "canaryé"),
        ("client_secret", None),
    ],
)
def test_what_cannot_be_right_is_refused_by_field_and_without_the_value(name, typed):
    with pytest.raises(spec.SettingsError) as caught:
        AtelierSettings.parse(SAMPLE_SETTINGS | {name: typed})

    assert [problem.field for problem in caught.value.problems] == [name]
    assert "canary" not in caught.value.say("ja") + caught.value.say("en") + repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", sorted(SAMPLE_SETTINGS))
def test_a_missing_setting_names_that_field_only(name):
    with pytest.raises(spec.SettingsError) as caught:
        AtelierSettings.parse({key: value for key, value in SAMPLE_SETTINGS.items() if key != name})

    assert [(problem.field, problem.code) for problem in caught.value.problems] == [(name, "required")]


def test_an_unknown_setting_is_refused():
    with pytest.raises(spec.SettingsError, match="There is no such setting"):
        AtelierSettings.parse(SAMPLE_SETTINGS | {"colour": "red"})


def test_the_secret_is_in_no_text_of_the_settings():
    settings = AtelierSettings.parse(SAMPLE_SETTINGS)

    assert SAMPLE_SETTINGS["client_secret"] not in f"{settings} {settings!r} {settings.model_dump_json()}"
    assert "client_secret" not in settings.public()
    assert settings.revealed() == SAMPLE_SETTINGS


def test_a_stage_is_one_short_line():
    assert AtelierOptions.parse({}).stage == ""
    assert AtelierOptions.parse({"stage": " 受付 "}).stage == "受付"
    for typed in ("a\nb", "x" * 101):
        with pytest.raises(spec.SettingsError, match="one line"):
            AtelierOptions.parse({"stage": typed})
