from __future__ import annotations

import pickle
from typing import Any

import pytest

from renkei.spec import SettingsError
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.wire import tokens_of

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
        ("example.s.cybozu.com", "example", "example.cybozu.com"),
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


@pytest.mark.parametrize(
    "typed",
    [
        "http://x.cybozu.com/k/12/",
        "https://x.cybozu.com:443/k/guest/5/12/",
        "https://x.example/k/admin/app/flow?app=12",
    ],
)
def test_of_an_address_that_is_refused_nobody_has_to_type_the_app_id_that_it_holds(typed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        KintoneSettings.parse({"subdomain": typed, "api_token": "abc"})

    assert [problem.field for problem in caught.value.problems] == ["subdomain"]


def test_a_pasted_address_fills_the_app_id() -> None:
    pasted = {"subdomain": "https://x.cybozu.com/k/12/show#record=5", "api_token": "abc"}

    assert KintoneSettings.parse(pasted).app_id == "12"


@pytest.mark.parametrize(
    ("pasted", "space"),
    [
        ("https://x.cybozu.com/k/m/12/show?record=5", None),
        ("https://x.cybozu.com/k/guest/5/m/12/", "5"),
        ("https://x.cybozu.com/k/admin/app/apitoken?app=12", None),
        ("https://x.cybozu.com/k/admin/app/flow?app=12#section=settings", None),
        ("https://x.cybozu.com/k/guest/5/admin/app/flow?lang=ja&app=12", "5"),
    ],
)
def test_the_address_that_a_phone_or_the_apps_settings_show_names_the_app_too(pasted: str, space: str | None) -> None:
    settings = KintoneSettings.parse({"subdomain": pasted, "api_token": "a"})

    assert (settings.subdomain, settings.app_id, settings.guest_space_id) == ("x", "12", space)


def test_the_address_of_other_settings_names_no_app() -> None:
    pasted = {"subdomain": "https://x.cybozu.com/k/admin/system/apimanage?myapp=12", "app_id": "7", "api_token": "a"}

    assert KintoneSettings.parse(pasted).app_id == "7"


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
        (" , ", "required"),
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


def test_tokens_and_logins_are_secrets_and_show_nowhere() -> None:
    secrets = {
        "api_token": "canary-token",
        "lookup_tokens": "canary-lookup",
        "basic_user": "canary-user",
        "basic_password": "canary-password",
    }
    settings = KintoneSettings.parse(GOOD | secrets)

    assert KintoneSettings.secret_fields() == secrets.keys()
    assert "canary" not in f"{settings!r} {settings} {settings.public()} {settings.model_dump_json()}"
    with pytest.raises(TypeError):
        pickle.dumps(settings)


# -- what came later -------------------------------------------------------------------------------------------------


def test_settings_that_were_stored_before_there_were_more_of_them_still_load() -> None:
    stored = {"subdomain": "example", "app_id": "12", "guest_space_id": None, "api_token": "abcDEF123"}

    settings = KintoneSettings.parse(stored)

    assert (settings.lookup_tokens, settings.basic_user, settings.basic_password) == (None, None, None)
    assert (settings.may_view, settings.request_megabytes) == (False, 4)
    assert (settings.daily_requests, settings.daily_share) == (10_000, 100)


def test_a_link_to_a_record_in_full_width_letters_fills_host_app_and_guest_space() -> None:
    pasted = {
        "subdomain": "ｈｔｔｐｓ：／／ｘ．ｋｉｎｔｏｎｅ．ｃｏｍ／ｋ／ｇｕｅｓｔ／５／１２／ｓｈｏｗ＃ｒｅｃｏｒｄ＝７",
        "api_token": "a",
    }

    settings = KintoneSettings.parse(pasted)

    assert (settings.host, settings.guest_space_id, settings.app_id) == ("x.kintone.com", "5", "12")


@pytest.mark.parametrize(
    ("host", "plain"),
    [("x.s.cybozu.com", "x.cybozu.com"), ("x.s.kintone.com", "x.kintone.com"), ("x.s.cybozu.cn", "x.cybozu.cn")],
)
def test_a_host_for_client_certificates_leads_to_the_plain_one(host: str, plain: str) -> None:
    assert KintoneSettings.parse(GOOD | {"subdomain": f"https://{host}/k/12/"}).host == plain


@pytest.mark.parametrize(
    "typed", ["aaa,bbb", "aaa bbb", " aaa\n bbb\r\n", "aaa、bbb", "aaa,,bbb,", "\u200baaa\ufeff, bbb"]
)
def test_tokens_of_referenced_apps_are_separated_as_one_likes(typed: str) -> None:
    settings = KintoneSettings.parse(GOOD | {"lookup_tokens": typed})

    assert tokens_of(settings) == ("abcDEF123", "aaa", "bbb")


@pytest.mark.parametrize("typed", ["", "  ", None, ","])
def test_no_tokens_of_referenced_apps_are_none(typed: str | None) -> None:
    settings = KintoneSettings.parse(GOOD | {"lookup_tokens": typed})

    assert (settings.lookup_tokens, tokens_of(settings)) == (None, ("abcDEF123",))


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("aaaa,bbbb,aaaa", "repeated_token"),
        ("aaaa,abcDEF123", "repeated_token"),
        (",".join(f"token{number}" for number in range(9)), "too_many_tokens"),
        ("aaaa,ｂｂｂｂ", "bad_token"),
        ("aaaa,\x00bbb", "bad_token"),
    ],
)
def test_tokens_that_kintone_would_refuse_together_are_refused_before(typed: str, code: str) -> None:
    assert problem(lookup_tokens=typed) == ("lookup_tokens", code)


def test_a_header_takes_eight_tokens_beside_the_apps_own() -> None:
    eight = ",".join(f"token{number}" for number in range(8))

    assert len(tokens_of(KintoneSettings.parse(GOOD | {"lookup_tokens": eight}))) == 9


def test_tokens_that_were_typed_with_the_apps_own_are_counted_too() -> None:
    assert problem(api_token="aaaa,bbbb,aaaa") == ("api_token", "repeated_token")
    assert problem(api_token=",".join(f"token{number}" for number in range(10))) == ("api_token", "too_many_tokens")


@pytest.mark.parametrize(("given", "missing"), [("basic_user", "basic_password"), ("basic_password", "basic_user")])
def test_half_a_login_names_the_other_half(given: str, missing: str) -> None:
    assert problem(**{given: "canary"}) == (missing, "required")
    assert problem(**{given: "canary", missing: " "}) == (missing, "required")


@pytest.mark.parametrize(
    ("login", "code"),
    [
        ({"basic_user": "ca:nary"}, "bad_login"),
        ({"basic_user": "cana\nry"}, "bad_login"),
        ({"basic_user": "cana\udce9ry"}, "bad_login"),  # a byte of the environment that is no UTF-8
    ],
)
def test_a_login_that_cannot_be_sent_is_refused(login: dict[str, str], code: str) -> None:
    assert problem(**login, basic_password="pass word") == ("basic_user", code)


def test_a_password_is_kept_to_the_letter() -> None:
    login = {"basic_user": "user", "basic_password": " パス:word "}

    assert parsed(**login)["basic_password"] == " パス:word "


@pytest.mark.parametrize("typed", [True, "true", "yes", "1", 1, "はい", "ＹＥＳ"])
def test_yes_is_understood(typed: Any) -> None:
    assert parsed(may_view=typed)["may_view"] is True


@pytest.mark.parametrize("typed", [False, "false", "no", "0", 0, "いいえ", "", None])
def test_no_is_understood(typed: Any) -> None:
    assert parsed(may_view=typed)["may_view"] is False


@pytest.mark.parametrize("typed", ["perhaps", 2, 1.5, ["yes"]])
def test_neither_yes_nor_no_is_refused(typed: Any) -> None:
    assert problem(may_view=typed) == ("may_view", "not_yes_or_no")


@pytest.mark.parametrize(
    ("name", "typed", "kept"),
    [
        ("request_megabytes", "５０", 50),
        ("request_megabytes", 1, 1),
        ("daily_requests", "100,000", 100_000),
        ("daily_requests", " 100000 ", 100_000),
        ("daily_share", "５０", 50),
        ("daily_share", "", 100),
    ],
)
def test_amounts_are_understood_as_people_write_them(name: str, typed: Any, kept: int) -> None:
    assert parsed(**{name: typed})[name] == kept


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("request_megabytes", 0),
        ("request_megabytes", "51"),
        ("request_megabytes", True),
        ("daily_requests", "-1"),
        ("daily_requests", "10000.5"),
        ("daily_requests", "unlimited"),
        ("daily_share", "101"),
        ("daily_share", "0"),
    ],
)
def test_amounts_out_of_bounds_are_refused_with_the_bounds(name: str, typed: Any) -> None:
    assert problem(**{name: typed}) == (name, "out_of_range")


def test_every_setting_has_a_label_and_every_optional_one_its_help_in_both_languages() -> None:
    for name, field in KintoneSettings.model_fields.items():
        extra: Any = field.json_schema_extra
        assert all(extra["label"].values()), name
        assert all(extra["help"].values()), name


def test_what_was_parsed_with_everything_is_parsed_to_the_same_again() -> None:
    full = GOOD | {"lookup_tokens": "a b", "basic_user": "u", "basic_password": "p", "may_view": "はい"}
    once = KintoneSettings.parse(full).revealed()

    assert KintoneSettings.parse(once).revealed() == once
