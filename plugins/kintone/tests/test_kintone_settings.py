from __future__ import annotations

import pickle
from typing import Any

import pytest

from renkei.spec import SettingsError
from renkei_kintone.settings import KintoneSettings

GOOD = {"subdomain": "example", "app_id": "12", "api_token": "abcDEF123"}


def parsed(**changes: Any) -> dict[str, Any]:
    return KintoneSettings.parse(GOOD | changes).revealed()


def problem(**changes: Any) -> tuple[str, str]:
    with pytest.raises(SettingsError) as caught:
        KintoneSettings.parse(GOOD | changes)
    (only,) = caught.value.problems
    for value in changes.values():
        if isinstance(value, str) and len(value) > 3:
            assert value not in str(caught.value)
            assert value not in caught.value.say("ja")
    return only.field, only.code


@pytest.mark.parametrize(
    ("typed", "subdomain", "host"),
    [
        ("example", "example", "example.cybozu.com"),
        (" Example ", "example", "example.cybozu.com"),
        ("ｅｘａｍｐｌｅ", "example", "example.cybozu.com"),
        ("\u200bexample\ufeff", "example", "example.cybozu.com"),
        ("example.cybozu.com", "example", "example.cybozu.com"),
        ("example。cybozu。com", "example", "example.cybozu.com"),
        ("EXAMPLE.CYBOZU.COM/", "example", "example.cybozu.com"),
        ("example.s.cybozu.com", "example.s.cybozu.com", "example.s.cybozu.com"),
        ("example.kintone.com", "example.kintone.com", "example.kintone.com"),
        ("https://example.cybozu.cn/k/#/portal", "example.cybozu.cn", "example.cybozu.cn"),
        ("https://example.cybozu.com/", "example", "example.cybozu.com"),
    ],
)
def test_a_subdomain_is_understood_however_it_is_typed(typed: str, subdomain: str, host: str) -> None:
    settings = KintoneSettings.parse(GOOD | {"subdomain": typed})

    assert settings.subdomain == subdomain
    assert settings.host == host


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "required"),
        ("  ", "required"),
        ("https://", "required"),
        ("http://example.cybozu.com/", "not_https"),
        ("ftp://example.cybozu.com", "not_https"),
        ("https://example.cybozu.com:8443/", "port_or_user"),
        ("example:443", "port_or_user"),
        ("https://someone@example.cybozu.com/", "port_or_user"),
        ("https://evil.example/?.cybozu.com", "other_domain"),
        ("example.cybozu.com.evil.example", "other_domain"),
        ("127.0.0.1", "other_domain"),
        ("a.b.cybozu.com", "bad_subdomain"),
        ("exam ple", "bad_subdomain"),
        ("-example", "bad_subdomain"),
        ("example_1", "bad_subdomain"),
        ("サポート", "bad_subdomain"),
        ("x" * 64, "bad_subdomain"),
    ],
)
def test_an_address_that_leads_elsewhere_is_refused_by_name(typed: str, code: str) -> None:
    assert problem(subdomain=typed) == ("subdomain", code)


def test_a_domain_without_a_subdomain_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        KintoneSettings.parse(GOOD | {"subdomain": "cybozu.com"})

    assert caught.value.problems[0].code == "other_domain"


def test_a_pasted_address_fills_the_app_id() -> None:
    pasted = {"subdomain": "https://x.cybozu.com/k/12/show#record=5", "api_token": "abc"}

    assert KintoneSettings.parse(pasted).app_id == "12"


def test_a_pasted_guest_space_address_fills_three_settings() -> None:
    settings = KintoneSettings.parse(
        {"subdomain": "https://x.cybozu.com/k/guest/5/12/", "app_id": "", "api_token": "a"}
    )

    assert (settings.subdomain, settings.app_id, settings.guest_space_id) == ("x", "12", "5")


def test_a_pasted_address_that_contradicts_the_typed_app_id_is_refused() -> None:
    assert problem(subdomain="https://x.cybozu.com/k/15/") == ("app_id", "contradiction")


@pytest.mark.parametrize("typed", ["12", 12, "１２", " 012 "])
def test_an_app_id_is_kept_as_plain_digits(typed: Any) -> None:
    assert parsed(app_id=typed)["app_id"] == "12"


@pytest.mark.parametrize("typed", ["0", "-1", "1.5", "12/../13", "app", True, 0, "1" * 30])
def test_an_app_id_that_is_no_number_is_refused(typed: Any) -> None:
    assert problem(app_id=typed) == ("app_id", "not_a_number")


def test_white_space_around_a_token_is_removed() -> None:
    assert parsed(api_token="\n abcDEF123\t ")["api_token"] == "abcDEF123"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "required"),
        (" \n", "required"),
        ("abc def", "bad_token"),
        ("ａｂｃｄ", "bad_token"),
        ("abc\r\nX: y", "bad_token"),
    ],
)
def test_a_token_that_cannot_be_one_is_refused_without_being_repeated(typed: str, code: str) -> None:
    assert problem(api_token=typed) == ("api_token", code)


def test_a_blank_guest_space_is_none() -> None:
    assert parsed(guest_space_id=" ")["guest_space_id"] is None


@pytest.mark.parametrize(
    "typed",
    [GOOD, GOOD | {"subdomain": "HTTPS://x.s.kintone.com/k/guest/7/12/"}, GOOD | {"guest_space_id": "００７"}],
)
def test_parsing_a_parsed_result_changes_nothing(typed: dict[str, Any]) -> None:
    once = KintoneSettings.parse(typed).revealed()

    assert KintoneSettings.parse(once).revealed() == once


@pytest.mark.parametrize("name", ["subdomain", "app_id", "api_token"])
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        KintoneSettings.parse({key: value for key, value in GOOD.items() if key != name})

    assert [(item.field, item.code) for item in caught.value.problems] == [(name, "required")]


def test_an_unknown_setting_is_refused() -> None:
    assert problem(password="something") == ("password", "unknown")


def test_the_token_is_the_only_secret_and_shows_nowhere() -> None:
    settings = KintoneSettings.parse(GOOD)

    assert KintoneSettings.secret_fields() == {"api_token"}
    assert "abcDEF123" not in f"{settings!r} {settings} {settings.public()} {settings.model_dump_json()}"
    with pytest.raises(TypeError):
        pickle.dumps(settings)
