"""The simulator's behaviours, named after the rows of the facts that they show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from renkei_kintone.simulator import App, Kintone, Token, sample


def code_of(response: Any) -> tuple[int, str]:
    assert response.headers["X-Cybozu-Error"] == response.json()["code"]
    return response.status_code, response.json()["code"]


def errors_of(response: Any) -> dict[str, list[str]]:
    assert code_of(response) == (400, "CB_VA01")
    return {path: item["messages"] for path, item in response.json()["errors"].items()}


def numbers(kintone: Kintone, **item: Any) -> None:
    """Give app 1 one more field of the given description."""
    given = {"件名": {"type": "SINGLE_LINE_TEXT"}, "f": item}
    kintone.apps["1"] = App.from_data({"id": 1, "name": "試験", "fields": given})


# -- 1 token check order


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (None, (401, "CB_AU01")),
        ("", (400, "GAIA_IA02")),
        ("no-such-token", (400, "GAIA_IA02")),
        ("simulated-token-before-update-app", (400, "GAIA_IA02")),
        ("simulated-customer-token", (403, "GAIA_AP15")),
        ("simulated-view-only-token", (403, "GAIA_NO01")),
    ],
)
def test_1_tokens_are_refused_in_kintones_order(world: Any, token: str | None, expected: tuple[int, str]) -> None:
    assert code_of(world.add({"件名": "a"}, token=token)) == expected


def test_1_the_token_is_looked_at_before_the_body(world: Any) -> None:
    response = world.call("POST", "records.json", token="no-such-token", content=b"{")

    assert code_of(response) == (400, "GAIA_IA02")


# -- 2 permissions


@pytest.mark.parametrize("api", ["app.json?id=1", "app/form/fields.json?app=1"])
def test_2_an_add_only_token_reads_the_app_and_its_form(world: Any, api: str) -> None:
    assert world.call("GET", api).status_code == 200


@pytest.mark.parametrize(
    ("method", "api"),
    [
        ("GET", "records.json?app=1"),
        ("GET", "record.json?app=1&id=1"),
        ("GET", "preview/app/form/fields.json?app=1"),
        ("GET", "app/settings.json?app=1"),
    ],
)
def test_2_an_add_only_token_is_refused_all_other_reads(world: Any, method: str, api: str) -> None:
    assert code_of(world.call(method, api)) == (403, "GAIA_NO01")


@pytest.mark.parametrize(
    ("method", "api"), [("PUT", "records.json"), ("DELETE", "records.json"), ("POST", "records/cursor.json")]
)
def test_2_an_add_only_token_is_refused_all_other_writes(world: Any, method: str, api: str) -> None:
    assert code_of(world.call(method, api, json={"app": 1})) == (403, "GAIA_NO01")


def test_2_an_add_only_token_uploads_a_file_and_attaches_it(world: Any) -> None:
    uploaded = world.call("POST", "file.json", files={"file": ("見積.pdf", b"%PDF")}).json()

    response = world.add({"件名": "a", "添付": [{"fileKey": uploaded["fileKey"]}]})

    assert response.status_code == 200
    assert world.kintone.values()[0]["添付"][0]["name"] == "見積.pdf"


def test_2_a_token_that_may_view_reads_records_back(world: Any) -> None:
    world.add({"件名": "一"}, {"件名": "二"})

    one = world.call("GET", "record.json?app=1&id=1", token="simulated-view-only-token").json()["record"]
    all_of_them = world.call("GET", "records.json?app=1&totalCount=true", token="simulated-view-only-token").json()

    assert (one["件名"]["value"], one["チャネル"]["value"], one["本文"]["value"]) == ("一", None, "")
    assert one["$id"] == {"type": "__ID__", "value": "1"}
    assert [record["件名"]["value"] for record in all_of_them["records"]] == ["二", "一"]
    assert all_of_them["totalCount"] == "2"
    assert "ステータス" not in one


# -- 3, 4 and 5 batches


def test_3_ids_and_revisions_are_strings_in_order(world: Any) -> None:
    response = world.add({"件名": "a"}, {"件名": "b"})

    assert response.json() == {"ids": ["1", "2"], "revisions": ["1", "1"]}


def test_3_a_single_record_has_paths_of_its_own(world: Any) -> None:
    good = world.call("POST", "record.json", json={"app": 1, "record": {"件名": {"value": "a"}}})
    bad = world.call("POST", "record.json", json={"app": 1, "record": {}})

    assert good.json() == {"id": "1", "revision": "1"}
    assert errors_of(bad) == {"record.件名.value": ["必須です。"]}


def test_4_one_bad_record_keeps_all_out(world: Any) -> None:
    assert world.add({"件名": "a"}, {"件名": ""}).status_code == 400
    assert world.kintone.values() == []


def test_5_all_errors_of_all_records_are_listed(world: Any) -> None:
    response = world.add(
        {"件名": ""}, {"件名": "a", "チャネル": "電報", "応対時間": "1441"}, {"件名": "b", "応対時間": "x"}
    )

    assert errors_of(response) == {
        "records[0].件名.value": ["必須です。"],
        "records[1].チャネル.value": ['"電報"は選択肢にありません。'],
        "records[1].応対時間.value": ["1440以下である必要があります。"],
        "records[2][応対時間].value": ["数字でなければなりません。"],
    }


def test_6_the_101st_record_keeps_all_out(world: Any) -> None:
    response = world.add(*({"件名": "a"} for _ in range(101)))

    assert errors_of(response) == {"records": ["一度に100件までのレコードを追加できます。"]}
    assert world.kintone.values() == []


def test_7_unknown_field_codes_are_ignored(world: Any) -> None:
    assert world.add({"件名": "a", "題名": "b"}).status_code == 200
    assert "題名" not in world.kintone.values()[0]


# -- 8 required and defaults


def test_8_defaults_are_for_absent_fields_only(world: Any) -> None:
    world.add({"件名": "a"}, {"件名": "b", "対応日時": ""})

    first, second = world.kintone.values()
    assert (first["方向"], first["対応日時"]) == ("発信", "2026-04-01T01:02:00Z")
    assert "対応日時" not in second


@pytest.mark.parametrize("empty", ["", None])
def test_8_an_explicit_empty_value_is_refused_even_with_a_default(world: Any, empty: Any) -> None:
    numbers(world.kintone, type="SINGLE_LINE_TEXT", required=True, defaultValue="既定")

    assert errors_of(world.add({"f": empty})) == {"records[0].f.value": ["必須です。"]}
    assert world.add({}).status_code == 200


def test_8_a_required_radio_is_not_enforced(world: Any) -> None:
    numbers(world.kintone, type="RADIO_BUTTON", required=True, options=["a"])

    assert world.add({}, {"f": ""}).status_code == 200


@pytest.mark.parametrize(
    ("native", "suffix"),
    [("CHECK_BOX", ".values"), ("FILE", ".values"), ("USER_SELECT", ".values.value"), ("DATE", ".value")],
)
def test_8_the_path_of_a_required_field_ends_by_its_type(world: Any, native: str, suffix: str) -> None:
    numbers(world.kintone, type=native, required=True)

    assert list(errors_of(world.add({}))) == [f"records[0].f{suffix}"]


# -- 9 unique


def test_9_a_value_that_is_stored_already_is_refused(world: Any) -> None:
    world.add({"件名": "a", "キー": "k"})

    response = world.add({"件名": "b", "キー": "other"}, {"件名": "c", "キー": "k"})

    assert errors_of(response) == {"records[1].キー.value": ["値がほかのレコードと重複しています。"]}


def test_9_a_value_that_stands_twice_in_one_batch_is_refused(world: Any) -> None:
    assert list(errors_of(world.add({"件名": "a", "キー": "k"}, {"件名": "b", "キー": "k"}))) == [
        "records[1].キー.value"
    ]


def test_9_empty_values_never_collide(world: Any) -> None:
    assert world.add({"件名": "a", "キー": ""}, {"件名": "b", "キー": ""}, {"件名": "c"}).status_code == 200


def test_9_unique_numbers_compare_by_value(world: Any) -> None:
    numbers(world.kintone, type="NUMBER", unique=True)

    assert world.add({"f": "10"}).status_code == 200
    assert world.add({"f": " 1e1 "}).status_code == 400


def test_9_only_five_types_can_be_unique(world: Any) -> None:
    numbers(world.kintone, type="MULTI_LINE_TEXT", unique=True)

    assert world.add({"f": "a"}, {"f": "a"}).status_code == 200


def test_9_a_unique_text_holds_64_characters(world: Any) -> None:
    numbers(world.kintone, type="SINGLE_LINE_TEXT", unique=True)

    assert errors_of(world.add({"f": "k" * 65})) == {"records[0].f.value": ["65文字より短くなければなりません。"]}


# -- 10 options


def test_10_each_option_that_is_unknown_has_its_own_path(world: Any) -> None:
    response = world.add({"件名": "a", "ラベル": ["VIP", "なし", "要返信", "無"]})

    assert errors_of(response) == {
        "records[0].ラベル.values[1].value": ['"なし"は選択肢にありません。'],
        "records[0].ラベル.values[3].value": ['"無"は選択肢にありません。'],
    }


# -- 15 the form


def test_15_numeric_settings_are_strings_and_empty_when_unset(world: Any) -> None:
    fields = world.call("GET", "app/form/fields.json?app=1").json()["properties"]

    assert (fields["お客様名"]["maxLength"], fields["お客様名"]["minLength"]) == ("100", "")
    assert (fields["応対時間"]["minValue"], fields["応対時間"]["digit"]) == ("0", False)
    assert fields["チャネル"]["options"]["メール"] == {"label": "メール", "index": "0"}
    assert fields["ステータス"]["enabled"] is False
    assert list(fields["経過"]["fields"]) == ["経過日時", "経過内容", "経過分"]
    assert "required" not in fields["経過"]


def test_15_a_lookup_has_no_unique_no_default_and_no_settings_where_its_app_is_hidden(world: Any) -> None:
    hidden = world.call("GET", "app/form/fields.json?app=1").json()["properties"]["顧客コード"]
    both = f"{'simulated-add-only-token'},simulated-customer-token"
    shown = world.call("GET", "app/form/fields.json?app=1", token=both).json()["properties"]["顧客コード"]

    assert hidden["lookup"] is None
    assert not {"unique", "defaultValue", "maxLength"} & set(hidden)
    assert shown["lookup"]["relatedApp"]["app"] == "2"


# -- 18 wrong JSON types


@pytest.mark.parametrize(
    "record",
    [
        {"件名": {"value": ["a"]}},
        {"件名": {"value": {"a": 1}}},
        {"件名": "a"},
        {"ラベル": {"value": "VIP"}},
        {"ラベル": {"value": [1]}},
        {"操作ユーザ": {"value": ["tanaka"]}},
        {"経過": {"value": "x"}},
        "x",
    ],
)
def test_18_a_value_of_the_wrong_json_type_has_no_path(world: Any, record: Any) -> None:
    response = world.call("POST", "records.json", json={"app": 1, "records": [record]})

    assert code_of(response) == (400, "CB_IJ01")
    assert "errors" not in response.json()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "CB_IL02"),
        (b"{", "CB_IJ01"),
        (b"[]", "CB_IJ01"),
        (b'{"app":NaN}', "CB_IJ01"),
        (b'{"app":1,"a":"\\ud800"}', "CB_IJ01"),
    ],
)
def test_18_a_body_that_is_no_object_is_refused(world: Any, body: bytes, code: str) -> None:
    assert code_of(world.call("POST", "records.json", content=body, headers={"Content-Type": "application/json"})) == (
        400,
        code,
    )


# -- 19 numbers


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("1.5e1", "15"),
        (" 42 ", "42"),
        (7, "7"),
        ("1.23455", "1.2346"),
        ("1.23445", "1.2344"),
        ("-0.00001", "0"),
        ("007", "7"),
    ],
)
def test_19_numbers_are_normalised_and_rounded(world: Any, sent: Any, stored: str) -> None:
    numbers(world.kintone, type="NUMBER")

    assert world.add({"f": sent}).status_code == 200
    assert world.kintone.values()[0]["f"] == stored


@pytest.mark.parametrize("sent", [".5", "1,000", "12abc", "１２", "--1"])
def test_19_what_is_no_number_has_a_bracket_path(world: Any, sent: str) -> None:
    numbers(world.kintone, type="NUMBER", required=True)

    assert errors_of(world.add({"f": sent})) == {
        "records[0][f].value": ["数字でなければなりません。"],
        "records[0].f.value": ["必須です。"],
    }


@pytest.mark.parametrize("sent", ["1234567890123", "1e12", "1e9999", "999999999999.99999"])
def test_19_digits_are_counted_after_rounding(world: Any, sent: str) -> None:
    numbers(world.kintone, type="NUMBER")

    assert errors_of(world.add({"f": sent})) == {"records[0].f.value": ["有効桁数を超えています。"]}


def test_19_inside_a_table_what_is_no_number_becomes_empty(world: Any) -> None:
    rows = [{"value": {"経過分": {"value": "x"}, "経過内容": {"value": "電話"}}}]

    assert world.add({"件名": "a", "経過": rows}).status_code == 200
    (row,) = world.kintone.values()[0]["経過"]
    assert row["id"] == "1"
    assert (row["value"]["経過分"]["value"], row["value"]["経過内容"]["value"]) == ("", "電話")


# -- 20 lengths and ranges


@pytest.mark.parametrize(("text", "fits"), [("あ" * 5, True), ("あ" * 6, False), ("😀😀", True), ("😀" * 3, False)])
def test_20_lengths_are_counted_in_utf_16(world: Any, text: str, fits: bool) -> None:
    numbers(world.kintone, type="SINGLE_LINE_TEXT", maxLength="5")

    response = world.add({"f": text})

    assert fits or errors_of(response) == {"records[0].f.value": ["6文字より短くなければなりません。"]}
    assert (response.status_code == 200) is fits


@pytest.mark.parametrize("record", [{"f": "ab"}, {"f": ""}, {}])
def test_20_a_least_length_counts_for_what_is_left_out_too(world: Any, record: dict[str, Any]) -> None:
    numbers(world.kintone, type="SINGLE_LINE_TEXT", minLength="3")

    assert errors_of(world.add(record)) == {"records[0].f.value": ["2文字より長くなければなりません。"]}


def test_20_ranges_are_compared_before_rounding(world: Any) -> None:
    numbers(world.kintone, type="NUMBER", minValue="1", maxValue="2")

    assert errors_of(world.add({"f": "2.000001"})) == {"records[0].f.value": ["2以下である必要があります。"]}
    assert errors_of(world.add({"f": "0.999999"})) == {"records[0].f.value": ["1以上である必要があります。"]}


@pytest.mark.parametrize(
    ("protocol", "good", "bad"),
    [("WEB", "https://a.example", "a.example"), ("MAIL", "a@b.example", "ab"), ("CALL", "03-0000", "電話")],
)
def test_20_a_link_fits_its_protocol(world: Any, protocol: str, good: str, bad: str) -> None:
    numbers(world.kintone, type="LINK", protocol=protocol, minLength="6")

    assert world.add({"f": good}).status_code == 200
    assert errors_of(world.add({"f": bad}))["records[0].f.value"][0].startswith("URLの形式が正しくありません")


# -- 21 lookups


def test_21_a_lookup_copies_and_direct_writes_to_copied_fields_are_ignored(world: Any) -> None:
    customers = world.kintone.apps["2"]
    customers.store({"顧客コード": "C1", "ランク": "金"}, "2026-01-01T00:00:00Z")
    both = "simulated-add-only-token,simulated-customer-token"

    assert world.add({"件名": "a", "顧客コード": "C1", "顧客ランク": "銅"}, token=both).status_code == 200
    assert world.kintone.values()[0]["顧客ランク"] == "金"


@pytest.mark.parametrize("token", ["simulated-add-only-token", "simulated-add-only-token,simulated-customer-token"])
def test_21_a_lookup_without_a_match_or_a_token_names_no_record(world: Any, token: str) -> None:
    response = world.add({"件名": "a"}, {"件名": "b", "顧客コード": "C1"}, token=token)

    assert code_of(response) == (400, "GAIA_LO04")
    assert "errors" not in response.json()


# -- 22 dates


@pytest.mark.parametrize(
    ("native", "sent", "stored"),
    [
        ("DATE", "2026", "2026-01-01"),
        ("DATE", "2026-4", "2026-04-01"),
        ("DATE", "2026-4-9", "2026-04-09"),
        ("TIME", "9:05:59", "09:05"),
        ("DATETIME", "2026-04-01T09:00:59+09:00", "2026-04-01T00:00:00Z"),
        ("DATETIME", "2026-04-01T00:00:30Z", "2026-04-01T00:00:00Z"),
        ("DATETIME", "2026-04", "2026-04-01T00:00:00Z"),
    ],
)
def test_22_dates_are_padded_and_seconds_dropped(world: Any, native: str, sent: str, stored: str) -> None:
    numbers(world.kintone, type=native)

    assert world.add({"f": sent}).status_code == 200
    assert world.kintone.values()[0]["f"] == stored


@pytest.mark.parametrize(
    ("native", "sent"),
    [("DATE", "2015-"), ("DATE", "2026-02-30"), ("DATE", "0999-01-01"), ("TIME", "25:00"), ("DATETIME", "yesterday")],
)
def test_22_a_bad_date_has_a_bracket_path(world: Any, native: str, sent: str) -> None:
    numbers(world.kintone, type=native)

    assert errors_of(world.add({"f": sent})) == {"records[0][f].value": ["日時はISO8601形式の必要があります。"]}


# -- 23 guest spaces, 24 languages, 28 types that are not written, 31 tokens, 35, 36, 38, 39


def test_23_an_app_of_a_guest_space_answers_on_its_own_path_only(world: Any) -> None:
    world.kintone.apps["1"].guest_space = "5"

    assert code_of(world.call("GET", "app.json?id=1")) == (400, "GAIA_IL23")
    assert code_of(world.call("GET", "app.json?id=1", path="/k/guest/6/v1")) == (403, "CB_NO02")
    assert world.call("GET", "app.json?id=1", path="/k/guest/5/v1").status_code == 200


@pytest.mark.parametrize(
    ("header", "message"), [("en-US,ja;q=0.5", "Required."), ("fr, ja;q=0.9", "必須です。"), ("", "必須です。")]
)
def test_24_messages_follow_the_browser_where_the_user_is_set_so(world: Any, header: str, message: str) -> None:
    world.kintone.follow_browser = True

    response = world.add({}, headers={"Accept-Language": header})

    assert errors_of(response) == {"records[0].件名.value": [message]}


def test_24_messages_have_the_users_language_otherwise(world: Any) -> None:
    world.kintone.language = "en"

    assert errors_of(world.add({}, headers={"Accept-Language": "ja"})) == {"records[0].件名.value": ["Required."]}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"ステータス": "完了"}, "GAIA_UN10"),
        ({"作成者": {"code": "tanaka"}}, "GAIA_BF02"),
        ({"作成日時": "2026"}, "GAIA_BF02"),
    ],
)
def test_28_fields_that_only_kintone_writes_are_refused(world: Any, sent: dict[str, Any], code: str) -> None:
    assert code_of(world.add({"件名": "a"} | sent))[1] == code


def test_28_calculated_values_are_never_taken_from_the_request(world: Any) -> None:
    assert world.add({"件名": "a", "応対時間_時": "9", "レコード番号": "77"}).status_code == 200
    assert not {"応対時間_時", "レコード番号"} & set(world.kintone.values()[0])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"操作ユーザ": [{"code": "nobody"}]}, "GAIA_IL26"),
        ({"担当部署": [{"code": "nowhere"}]}, "GAIA_IL28"),
        ({"添付": [{"fileKey": "none"}]}, "GAIA_BL01"),
    ],
)
def test_29_codes_and_files_that_are_unknown_name_no_record(world: Any, sent: dict[str, Any], code: str) -> None:
    response = world.add({"件名": "a"}, {"件名": "b"} | sent)

    assert code_of(response)[1] == code
    assert world.kintone.values() == []


def test_31_two_tokens_of_one_app_are_refused_and_one_bad_spoils_all(world: Any) -> None:
    world.kintone.tokens["second"] = Token("second", "1", frozenset({"view"}))

    assert code_of(world.add({"件名": "a"}, token="simulated-add-only-token,second")) == (400, "GAIA_DA03")
    assert code_of(world.add({"件名": "a"}, token="simulated-add-only-token,bad")) == (400, "GAIA_IA02")


def test_35_an_empty_batch_is_answered_with_empty_lists(world: Any) -> None:
    assert world.add().json() == {"ids": [], "revisions": []}


def test_36_an_error_has_a_random_id_and_kintones_headers(world: Any) -> None:
    first, second = world.add({}), world.add({})

    assert first.json()["id"] != second.json()["id"]
    assert first.headers["Content-Type"] == "application/json;charset=utf-8"
    assert first.headers["X-ConcurrencyLimit-Limit"] == "100"
    assert first.headers["X-ConcurrencyLimit-Running"] == "1"


def test_38_what_a_token_adds_was_created_by_the_administrator(world: Any) -> None:
    world.add({"件名": "a"})

    record = world.call("GET", "record.json?app=1&id=1", token="simulated-view-only-token").json()["record"]
    assert record["作成者"]["value"]["code"] == "Administrator"
    assert record["レコード番号"]["value"] == "1"


def test_39_older_servers_answer_520(world: Any) -> None:
    world.kintone.old_statuses = True

    assert code_of(world.add({"件名": "a"}, token="bad")) == (520, "GAIA_IA02")


@pytest.mark.parametrize(
    ("app", "messages"), [("", "必須です。"), ("x", "整数で入力してください。"), ("0", "最小でも1以上です。")]
)
def test_an_app_parameter_that_is_none_is_named(world: Any, app: str, messages: str) -> None:
    assert errors_of(world.call("GET", f"app/form/fields.json?app={app}")) == {"app": [messages]}


def test_a_path_that_is_no_api_is_not_found_as_a_page(world: Any) -> None:
    response = world.call("GET", "nothing/here")

    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")


def test_rich_text_is_cleaned_on_saving(world: Any) -> None:
    world.add({"件名": "a", "本文HTML": "<p onclick='x()'>a &amp; b</p><script>c</script><a href='javascript:d'>e</a>"})

    assert world.kintone.values()[0]["本文HTML"] == "<p>a &amp; b</p><a>e</a>"


def test_ids_are_not_used_again_after_a_reset(world: Any) -> None:
    world.add({"件名": "a"})
    world.kintone.reset()

    assert world.add({"件名": "b"}).json()["ids"] == ["2"]
    assert len(world.kintone.requests) == 1


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"apps": [], "tokens": [{"token": "t", "app": 9, "permissions": []}]},
        {"apps": [], "tokens": [{"token": "t"}]},
    ],
)
def test_a_description_that_lacks_something_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"app|token"):
        Kintone.from_data(data)


def test_two_simulators_do_not_see_each_other(world: Any) -> None:
    world.add({"件名": "a"})

    assert sample().values() == []
    assert json.dumps(world.kintone.values(), ensure_ascii=False)
