"""Settings canonicalise, explain themselves in both languages, and never leak (promise 9)."""

from __future__ import annotations

import pickle

import pytest
from pydantic import SecretStr, field_validator

from renkei import spec

CANARY = "CANARY-not-a-secret"


class AcmeSettings(spec.Settings):
    account: str = spec.setting(ja="アカウント", en="Account")
    token: SecretStr = spec.setting(ja="トークン", en="Token")
    backup: SecretStr | None = spec.setting(ja="予備", en="Backup", default=None)

    @field_validator("account", mode="before")
    @classmethod
    def _trimmed(cls, value: object) -> object:
        if isinstance(value, str) and value.strip() == "forbidden":
            raise spec.SettingProblem("forbidden", ja="このアカウントは使えません。", en="This account cannot be used.")
        return value.strip() if isinstance(value, str) else value

    @field_validator("token")
    @classmethod
    def _careless(cls, value: SecretStr) -> SecretStr:
        if "bad" in value.get_secret_value():
            raise ValueError(f"bad token {value.get_secret_value()}")
        return value


def problems(**raw: object) -> tuple[spec.Problem, ...]:
    with pytest.raises(spec.SettingsError) as caught:
        AcmeSettings.parse(raw)
    return caught.value.problems


def test_good_settings_are_made_canonical_and_parsing_twice_changes_nothing():
    once = AcmeSettings.parse({"account": "  acme ", "token": CANARY})

    assert once.account == "acme"
    assert AcmeSettings.parse(once.revealed()) == once


def test_every_problem_is_named_by_its_field_at_once():
    found = problems(acount="acme")

    assert {(problem.field, problem.code) for problem in found} == {
        ("account", "required"),
        ("token", "required"),
        ("acount", "unknown"),
    }


def test_a_validators_own_words_come_in_both_languages():
    (found,) = problems(account=" forbidden ", token=CANARY)

    assert (found.field, found.code) == ("account", "forbidden")
    assert found.message.ja == "このアカウントは使えません。"


@pytest.mark.parametrize("raw", [{"account": 1, "token": CANARY}, {"account": "a", "token": f"bad {CANARY}"}])
def test_no_refusal_repeats_a_value_even_where_a_validator_does(raw):
    with pytest.raises(spec.SettingsError) as caught:
        AcmeSettings.parse(raw)

    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    told = [str(error), repr(error), error.say("ja"), error.say("en"), *map(repr, error.problems)]
    assert not any(CANARY in text for text in told)


def test_secrets_are_masked_wherever_settings_are_shown_and_absent_from_the_public_part():
    settings = AcmeSettings.parse({"account": "acme", "token": CANARY})

    assert CANARY not in str(settings) + repr(settings) + settings.model_dump_json()
    assert settings.public() == {"account": "acme"}
    assert AcmeSettings.secret_fields() == {"token", "backup"}
    assert settings.revealed()["token"] == CANARY


def test_settings_are_not_pickled():
    with pytest.raises(TypeError, match="may hold secrets"):
        pickle.dumps(AcmeSettings.parse({"account": "acme", "token": CANARY}))


def test_an_error_says_what_a_person_reads_in_their_language():
    with pytest.raises(spec.SettingsError) as caught:
        AcmeSettings.parse({"token": CANARY})

    assert caught.value.say("ja") == "account: 入力してください。"
