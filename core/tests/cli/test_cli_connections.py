"""Connections: secrets stay out of arguments and of everything that is printed."""

from __future__ import annotations

import pytest
from commandline import ADD, TOKEN, Run

CANARY = "canary-0123456789abcdef"


def test_a_connection_is_named_after_its_backend_and_the_next_one_gets_a_number(run: Run) -> None:
    first = run(*ADD, "--secret", "api_token=env:TOKEN", "--json").json
    second = run(*ADD, "--secret", "api_token=-", "--json", stdin=f"{TOKEN}\n").json

    assert (first["name"], second["name"]) == ("kintone", "kintone-2")
    assert first["account"] == "対応履歴"


def test_a_secret_is_found_in_the_variable_named_after_backend_and_field(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENKEI_KINTONE_API_TOKEN", TOKEN)

    assert "対応履歴" in run(*ADD, "--name", "営業").out


def test_without_a_terminal_a_missing_secret_is_an_error_that_says_how_to_give_it(run: Run) -> None:
    ended = run(*ADD, code=2)

    assert "API token" in ended.err
    assert "RENKEI_KINTONE_API_TOKEN" in ended.err
    assert "--secret api_token=env:VARIABLE" in ended.err


@pytest.mark.parametrize(
    "argument",
    [("--set", f"api_token={CANARY}"), ("--secret", f"api_token={CANARY}"), ("--secret", CANARY), ("--set", CANARY)],
)
def test_a_secret_in_an_argument_is_refused_and_not_repeated(run: Run, argument: tuple[str, str]) -> None:
    ended = run(*ADD, *argument, "--log-level", "debug", code=2)

    assert CANARY not in ended.out + ended.err


def test_an_empty_variable_is_named(run: Run) -> None:
    assert "the variable NOWHERE is empty" in run(*ADD, "--secret", "api_token=env:NOWHERE", code=2).err
    assert "standard input is empty" in run(*ADD, "--secret", "api_token=-", stdin="", code=2).err


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_token_that_kintone_refuses_is_explained_in_the_language_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("TOKEN", CANARY)

    ended = run("--lang", language, *ADD, "--secret", "api_token=env:TOKEN", code=1)

    assert "GAIA_IA02" in ended.err
    assert ("アプリを更新" if language == "ja" else "does not accept the API token") in ended.err
    assert "Traceback" not in ended.err
    assert CANARY not in ended.out + ended.err


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("simulated-customer-token", "GAIA_AP15"),
        ("simulated-token-before-update-app", "GAIA_IA02"),
        ("simulated-token-without-permissions", "GAIA_NO01"),
    ],
)
def test_a_token_that_cannot_be_used_here_is_refused_with_the_backends_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, token: str, code: str
) -> None:
    monkeypatch.setenv("TOKEN", token)

    failure = run(*ADD, "--secret", "api_token=env:TOKEN", "--json", code=1).failure

    assert failure["type"] == "Refused"
    assert failure["code"] == code


def test_an_answer_that_is_a_web_page_is_not_taken_for_success(run: Run, kintone: object) -> None:
    kintone.order("html_200", times=9)  # type: ignore[attr-defined]  # the simulator's domain

    ended = run(*ADD, "--secret", "api_token=env:TOKEN", code=1)

    assert "<html" not in ended.err
    assert run("connections", "list", "--json").json == []


def test_every_setting_that_cannot_be_used_is_listed_by_its_label(run: Run) -> None:
    ended = run(
        "connections", "add", "kintone", "--set", "subdomain=例え", "--set", "app_id=x", "--set", "more=1",
        "--secret", "api_token=env:TOKEN", code=1,
    )  # fmt: skip

    told = ended.err.splitlines()
    assert [line.startswith(name) for line, name in zip(told[1:], ("App ID (app_id)", "more:"), strict=True)] == [
        True,
        True,
    ]
    assert told[0].startswith("Error: Subdomain (subdomain): ")


@pytest.mark.parametrize("typed", ["https://demo.cybozu.com/k/1/", "ｄｅｍｏ"])
def test_a_pasted_address_and_full_width_letters_are_understood(run: Run, typed: str) -> None:
    made = run(
        "connections", "add", "kintone", "--set", f"subdomain={typed}", "--set", "app_id=1",
        "--secret", "api_token=env:TOKEN", "--json",
    ).json  # fmt: skip

    assert made["settings"]["subdomain"] == "demo"


def test_an_unknown_backend_is_refused_with_those_that_are_ready(run: Run) -> None:
    assert "Ready: 'kintone', 'template'" in run("connections", "add", "salesfarce", code=1).err


def test_a_name_that_is_taken_is_refused(connected: Run) -> None:
    ended = connected(*ADD, "--name", "kintone", "--secret", "api_token=env:TOKEN", code=1)

    assert "There is a connection 'kintone' already" in ended.err


def test_connections_are_listed_tested_renamed_renewed_and_deleted(connected: Run) -> None:
    assert "It works" in connected("connections", "test", "kintone").out
    connected("connections", "rename", "kintone", "営業")
    assert "renewed" in connected("connections", "renew", "営業", "--secret", "api_token=-", stdin=TOKEN).out
    assert [item["name"] for item in connected("connections", "list", "--json").json] == ["営業"]

    connected("connections", "delete", "営業")

    assert connected("connections", "list", "--json").json == []
    assert "There is no connection" in connected("connections", "test", "営業", code=1).err


def test_renewing_without_any_setting_asks_for_the_secret(connected: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "api_token (API token) is missing" in connected("connections", "renew", "kintone", code=2).err

    monkeypatch.setenv("RENKEI_KINTONE_API_TOKEN", TOKEN)

    assert "renewed" in connected("connections", "renew", "kintone").out


def test_a_connection_in_use_is_not_deleted(bound: Run) -> None:
    failure = bound("connections", "delete", "kintone", "--json", code=1).failure

    assert failure["type"] == "InUse"
    assert "'support'" in failure["message"]


def test_targets_and_fields_are_read_from_the_backend(connected: Run) -> None:
    targets = connected("targets", "kintone", "--json").json
    schema = connected("fields", "kintone", "--json").json
    table = connected("--lang", "ja", "fields", "kintone").out

    assert [target["label"] for target in targets] == ["対応履歴"]
    assert {field["code"] for field in schema["fields"]} >= {"キー", "件名"}
    assert "連携キー" in table
    assert "必須" in table


def test_what_the_backend_says_of_fields_is_told_once_with_their_names(connected: Run) -> None:
    table = connected("--lang", "ja", "fields", "kintone").out

    (digits,) = (line for line in table.splitlines() if "小数部4桁" in line)
    (minutes,) = (line for line in table.splitlines() if "分単位" in line)
    assert digits.startswith("* 応対時間（分）, 対応経過 > 経過分: ")
    assert minutes.startswith("* 対応日時, 対応時刻, 対応経過 > ")
    assert "0 … 1440" in table


def test_listing_shows_settings_without_secrets_in_both_forms(connected: Run) -> None:
    table, document = connected("connections", "list"), connected("connections", "list", "--json")

    assert "subdomain=demo" in table.out
    assert document.json[0]["settings"]["subdomain"] == "demo"
    assert TOKEN not in table.out + document.out
