"""Hibari, the example CRM: its page of documentation is complete and true."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

FOLDER = Path(__file__).parents[1] / "examples" / "hibari"
sys.path.insert(0, str(FOLDER))

from hibari_crm import FULL_KEY, READ_ONLY_KEY, SECOND_KEY, Hibari, crm, sample, serve, values, web  # noqa: E402

PAGE = (FOLDER / "API.md").read_text(encoding="utf-8")
BATCH = "/api/boards/cases/cards:batch"
NOW = datetime(2024, 5, 1, 3, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.instant = NOW

    def __call__(self) -> datetime:
        return self.instant


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hibari(clock):
    return Hibari(clock=clock)


async def asked(hibari: Hibari, method: str, path: str, key: str | None = FULL_KEY, **more: Any) -> httpx.Response:
    headers = {} if key is None else {"x-api-key": key}
    transport = httpx.ASGITransport(app=hibari.app)
    async with httpx.AsyncClient(transport=transport, base_url=f"https://{sample.DOMAIN}", headers=headers) as http:
        return await http.request(method, path, **more)


def ask(hibari: Hibari, method: str, path: str, key: str | None = FULL_KEY, **more: Any) -> httpx.Response:
    return asyncio.run(asked(hibari, method, path, key, **more))


def add(hibari: Hibari, *cards: dict[str, Any], board: str = "cases", **more: Any) -> list[dict[str, Any]]:
    body = {"cards": [{"values": {"title": "件名", **card}} for card in cards]}
    answer = ask(hibari, "POST", f"/api/boards/{board}/cards:batch", json=body, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def kept(hibari: Hibari, column: str) -> list[Any]:
    return [card["values"].get(column) for card in hibari.records("cases")]


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below the words *heading*."""
    table = PAGE[PAGE.index(heading) :].split("\n|", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def samples() -> list[Any]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


# -- the samples ------------------------------------------------------------------------------------------------------


def test_the_samples_are_what_the_api_takes_and_answers(hibari):
    me, boards, columns, body, results, found, error = samples()

    assert ask(hibari, "GET", "/api/me").json() == me
    assert ask(hibari, "GET", "/api/boards").json() == boards
    assert ask(hibari, "GET", "/api/boards/visits/columns").json() == columns
    assert ask(hibari, "POST", BATCH, json=body).json() == results
    search = {"column": "sync_key", "equals": "k1"}
    assert ask(hibari, "GET", "/api/boards/cases/cards", params=search).json() == found
    assert ask(hibari, "GET", "/api/boards/nowhere/columns").json() == error


def test_the_page_has_every_address_of_the_api_and_no_other():
    documented = re.findall(r"^### `(GET|POST) (/[^`?]+)", PAGE, re.MULTILINE)

    source = Path(web.__file__).read_text(encoding="utf-8")
    served = [(method, path) for path, method in re.findall(r'\("(/api/[^"]+)", "(\w+)"', source)]
    assert sorted(documented) == sorted(served)


def test_a_key_says_what_it_may_do(hibari):
    answers = [ask(hibari, "GET", "/api/me", key).json()["access"] for key in (FULL_KEY, SECOND_KEY, READ_ONLY_KEY)]

    assert answers == ["read_write", "read_write", "read_only"]
    shape = re.compile(r"hbk_[A-Za-z0-9-]{1,60}")
    assert all(shape.fullmatch(key) for key in hibari.keys)


# -- columns and values -----------------------------------------------------------------------------------------------


def every_column(hibari: Hibari) -> list[dict[str, Any]]:
    boards = [ask(hibari, "GET", f"/api/boards/{board}/columns").json() for board in hibari.boards]
    return [column for board in boards for column in board["columns"]]


def test_each_column_has_the_members_that_the_page_lists_for_its_type(hibari):
    common = {re.findall(r"`(\w+)`", row[0])[0] for row in rows("Each column has")}
    by_type: dict[str, set[str]] = {}
    for types, members, *_ in rows("and, by type, always"):
        for type in re.findall(r"`(\w+)`", types):
            by_type.setdefault(type, set()).update(re.findall(r"`(\w+)`", members))

    for column in every_column(hibari):
        assert set(column) == common | by_type.get(column["type"], set()), column["key"]


def test_the_page_lists_the_types_that_there_are_and_a_good_value_of_each(hibari):
    examples = {row[0].strip("`"): row[2] for row in rows("## Types and values")}
    writable = {type: json.loads(cell.strip("`")) for type, cell in examples.items() if cell}
    own = [column for column in hibari.boards["cases"].columns if not column["computed"] and column["default"] is None]
    by_type = {column["type"]: column["key"] for column in own}

    assert set(examples) == {column["type"] for column in every_column(hibari)}
    assert set(writable) == set(by_type) == set(values._CHECKS)
    for type, value in writable.items():
        hibari.reset()
        (result,) = add(hibari, {by_type[type]: value})
        assert result["status"] == "created", (type, result)
        if type != "datetime":
            assert kept(hibari, by_type[type]) == [value]


@pytest.mark.parametrize(
    ("column", "sent", "given_back"),
    [
        ("amount", "007.50", "7.5"),
        ("amount", "-0.00", "0"),
        ("amount", "-0.50", "-0.5"),
        ("amount", "9" * 13 + ".99", "9" * 13 + ".99"),
        ("happened_at", "2024-05-01T12:00:00+09:00", "2024-05-01T03:00:00Z"),
        ("happened_at", "2024-05-01T03:00:00.999999Z", "2024-05-01T03:00:00Z"),
        ("due", "0001-01-01", "0001-01-01"),
        ("body", " 一行目\r\n二行目\n👩‍👩‍👧‍👦 がが\u3000", " 一行目\r\n二行目\n👩‍👩‍👧‍👦 がが\u3000"),
        ("title", "あ" * 200, "あ" * 200),
        ("title", "🐦" * 100, "🐦" * 100),
        ("urgent", False, False),
    ],
)
def test_a_value_comes_back_as_the_page_says(hibari, column, sent, given_back):
    add(hibari, {column: sent, "sync_key": "k1"})

    found = ask(hibari, "GET", "/api/boards/cases/cards", params={"column": "sync_key", "equals": "k1"}).json()

    assert found["cards"][0]["values"][column] == given_back


def test_what_is_left_out_is_empty_or_the_default(hibari):
    add(hibari, {})

    (card,) = hibari.records("cases")
    assert set(card["values"]) == {"no", "created_at", "title", "priority"}
    assert card["values"]["priority"] == "normal"


# -- what is refused, card by card ------------------------------------------------------------------------------------

FAULTY: list[tuple[str, str, Any]] = [
    ("unknown_column", "colour", "red"),
    ("unknown_column", "\ud800", "red"),
    ("computed_column", "no", "1"),
    ("computed_column", "owner", "hana"),
    ("wrong_type", "title", None),
    ("wrong_type", "title", 1),
    ("wrong_type", "amount", 1),
    ("wrong_type", "amount", "1e3"),
    ("wrong_type", "amount", "+1"),
    ("wrong_type", "amount", "１"),
    ("wrong_type", "amount", ""),
    ("wrong_type", "due", 20240229),
    ("wrong_type", "happened_at", True),
    ("wrong_type", "urgent", "true"),
    ("wrong_type", "channel", ["mail"]),
    ("wrong_type", "labels", "vip"),
    ("empty", "title", ""),
    ("empty", "body", ""),
    ("empty", "sender", ""),
    ("empty", "labels", []),
    ("bad_text", "body", "a\0b"),
    ("bad_text", "body", "\ud83d"),
    ("too_long", "title", "あ" * 201),
    ("too_long", "title", "🐦" * 100 + "a"),
    ("line_break", "title", "a\nb"),
    ("line_break", "sync_key", "a\rb"),
    ("bad_email", "sender", "hana"),
    ("bad_email", "sender", "ha na@example.com"),
    ("bad_email", "sender", "a@b@c"),
    ("bad_url", "ticket_url", "example.com"),
    ("bad_url", "ticket_url", "HTTPS://example.com"),
    ("bad_url", "ticket_url", "https:///t"),
    ("bad_url", "ticket_url", "https://example.com/a b"),
    ("too_precise", "amount", "1.005"),
    ("too_precise", "replies", "1.5"),
    ("out_of_range", "amount", "1" * 16),
    ("out_of_range", "replies", "-1"),
    ("out_of_range", "replies", "10000"),
    ("bad_date", "due", "2023-02-29"),
    ("bad_date", "due", "20240229"),
    ("bad_date", "due", "0000-01-01"),
    ("bad_datetime", "happened_at", "2024-05-01T12:00:00"),
    ("bad_datetime", "happened_at", "2024-05-01 12:00:00Z"),
    ("bad_datetime", "happened_at", "2024-05-01T12:00:00.1234567Z"),
    ("bad_datetime", "happened_at", "0001-01-01T00:00:00+09:00"),
    ("unknown_option", "channel", "fax"),
    ("unknown_option", "channel", ""),
    ("unknown_option", "labels", ["fax"]),
    ("repeated_option", "labels", ["vip", "vip"]),
    ("rule_broken", "body", "ここに禁句がある"),
    ("taken", "sync_key", "k0"),
]


@pytest.mark.parametrize(("code", "column", "value"), FAULTY)
def test_a_faulty_card_is_refused_by_code_and_column_and_nothing_of_it_is_stored(hibari, code, column, value):
    hibari.add_rule("cases", "body", "禁句")
    hibari.seed("cases", {"title": "元からある", "sync_key": "k0"})

    # Escaped as ASCII: half a surrogate pair has no other form in JSON.
    body = json.dumps({"cards": [{"values": {"title": "件名", column: value}}, {"values": {"title": "無事"}}]})
    refused, stored = ask(hibari, "POST", BATCH, content=body).json()["results"]

    assert (refused["status"], refused["code"], refused["column"]) == ("error", code, column)
    assert stored["status"] == "created"
    assert kept(hibari, "title") == ["元からある", "無事"]


def test_a_card_without_a_required_value_is_refused(hibari):
    (result,) = ask(hibari, "POST", BATCH, json={"cards": [{"values": {}}]}).json()["results"]

    assert (result["status"], result["code"], result["column"]) == ("error", "required", "title")
    assert hibari.records("cases") == []


def card_codes() -> list[str]:
    return [row[0].strip("`") for row in rows("the first fault is told")]


def test_every_code_of_a_card_is_produced_above_and_no_other():
    assert set(card_codes()) == {code for code, _column, _value in FAULTY} | {"required"}
    named_in_code = set(re.findall(r'(?:Wrong|BadCard)\("(\w+)"', _sources()))
    assert set(card_codes()) == named_in_code


def test_the_first_fault_is_told_in_the_order_of_the_table(hibari):
    hibari.add_rule("cases", "body", "禁句")
    hibari.seed("cases", {"sync_key": "k0"})
    faulty: dict[str, Any] = {"sync_key": "k0", "body": "禁句", "amount": 1, "no": "1", "colour": "red"}
    mended = {"colour": None, "no": None, "amount": "1", "title": "件名", "body": "よい", "sync_key": "k1"}

    told = []
    while True:
        (result,) = ask(hibari, "POST", BATCH, json={"cards": [{"values": faulty}]}).json()["results"]
        if result["status"] == "created":
            break
        told.append(result["code"])
        good = mended[result["column"]]
        faulty = {key: value for key, value in faulty.items() if key != result["column"]}
        faulty |= {} if good is None else {result["column"]: good}

    assert told == ["unknown_column", "computed_column", "wrong_type", "required", "rule_broken", "taken"]
    assert told == sorted(told, key=card_codes().index)


def test_of_two_cards_in_one_batch_with_one_unique_value_the_first_is_stored(hibari):
    first, second, other, none, none_either = add(
        hibari, {"sync_key": "k"}, {"sync_key": "k"}, {"sync_key": "K"}, {}, {}
    )

    assert first["status"] == "created"
    assert second["code"] == "taken"
    assert [other["status"], none["status"], none_either["status"]] == ["created"] * 3
    assert kept(hibari, "sync_key") == ["k", "K", None, None]


# -- what is refused as a whole ---------------------------------------------------------------------------------------

GOOD = {"cards": [{"values": {"title": "件名"}}]}


def under_maintenance(hibari: Hibari) -> httpx.Response:
    hibari.maintenance = 90
    answer = ask(hibari, "POST", BATCH, json=GOOD)
    assert answer.headers["retry-after"] == "90"
    return answer


def the_301st_in_a_minute(hibari: Hibari) -> httpx.Response:
    hibari.requests_per_minute = crm.REQUESTS_PER_MINUTE
    for _ in range(crm.REQUESTS_PER_MINUTE):
        hibari.admit(FULL_KEY)
    answer = ask(hibari, "POST", BATCH, json=GOOD)
    assert answer.headers["retry-after"] == "60"
    return answer


def the_fifth_at_once(hibari: Hibari) -> httpx.Response:
    async def crowd() -> httpx.Response:
        begun, finish = asyncio.Semaphore(0), asyncio.Event()

        async def slow_body():
            begun.release()
            await finish.wait()
            yield b"{}"

        async with asyncio.TaskGroup() as group:
            for _ in range(crm.AT_ONCE):
                group.create_task(asked(hibari, "POST", BATCH, content=slow_body()))
            for _ in range(crm.AT_ONCE):
                await begun.acquire()
            answer = await asked(hibari, "POST", BATCH, json=GOOD)
            finish.set()
        return answer

    answer = asyncio.run(crowd())
    assert answer.headers["retry-after"] == "1"
    return answer


def after_a_break_down(hibari: Hibari) -> httpx.Response:
    hibari.crash_after = 0
    return ask(hibari, "POST", BATCH, json=GOOD)


def search(hibari: Hibari, **query: str) -> httpx.Response:
    return ask(hibari, "GET", "/api/boards/cases/cards", params=query)


TOO_LARGE = b'{"cards": [' + b" " * web.MOST_BYTES + b"]}"
REFUSALS: list[tuple[int, str, Any]] = [
    (404, "unknown_address", lambda h: ask(h, "GET", "/api/cards")),
    (404, "unknown_address", lambda h: ask(h, "GET", "/api/boards/")),
    (404, "unknown_address", lambda h: ask(h, "GET", "/api/boards/cases/cards/columns")),
    (405, "wrong_method", lambda h: ask(h, "DELETE", "/api/boards")),
    (405, "wrong_method", lambda h: ask(h, "GET", BATCH)),
    (503, "maintenance", under_maintenance),
    (401, "bad_key", lambda h: ask(h, "GET", "/api/me", None)),
    (401, "bad_key", lambda h: ask(h, "POST", BATCH, FULL_KEY.upper(), json=GOOD)),
    (401, "bad_key", lambda h: h.revoke(FULL_KEY) or ask(h, "GET", "/api/boards")),
    (429, "too_many_at_once", the_fifth_at_once),
    (429, "rate_limited", the_301st_in_a_minute),
    (403, "read_only_key", lambda h: ask(h, "POST", BATCH, READ_ONLY_KEY, json=GOOD)),
    (404, "unknown_board", lambda h: ask(h, "GET", "/api/boards/nowhere/columns")),
    (404, "unknown_board", lambda h: ask(h, "GET", "/api/boards/cases%2Fcards/cards")),
    (404, "unknown_board", lambda h: ask(h, "POST", "/api/boards/nowhere/cards:batch", json=GOOD)),
    (413, "too_large", lambda h: ask(h, "POST", BATCH, content=TOO_LARGE)),
    (400, "bad_json", lambda h: ask(h, "POST", BATCH, content=b'{"cards": [')),
    (400, "bad_json", lambda h: ask(h, "POST", BATCH, content=b'{"cards": NaN}')),
    (400, "bad_json", lambda h: ask(h, "POST", BATCH, content=json.dumps(GOOD).encode("utf-16"))),
    (400, "bad_request", lambda h: ask(h, "POST", BATCH, json=[])),
    (400, "bad_request", lambda h: ask(h, "POST", BATCH, json={"cards": []})),
    (400, "bad_request", lambda h: ask(h, "POST", BATCH, json={"cards": [{"title": "件名"}]})),
    (400, "bad_request", lambda h: search(h, column="title")),
    (413, "too_many_cards", lambda h: ask(h, "POST", BATCH, json={"cards": GOOD["cards"] * 21})),
    (400, "unknown_column", lambda h: search(h, column="colour", equals="red")),
    (400, "not_searchable", lambda h: search(h, column="body", equals="red")),
    (500, "internal", after_a_break_down),
]


@pytest.mark.parametrize(("status", "code", "cause"), REFUSALS)
def test_a_request_is_refused_by_status_and_code_and_nothing_is_stored(hibari, status, code, cause):
    answer = cause(hibari)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert set(answer.json()["error"]) == {"code", "column", "message"}
    assert hibari.records("cases") == []


def refusals_on_the_page() -> list[tuple[int, str]]:
    return [(int(row[0]), row[1].strip("`")) for row in rows("Requests are checked in this order")]


def test_every_status_and_code_of_the_page_is_produced_above_and_no_other():
    assert set(refusals_on_the_page()) == {(status, code) for status, code, _cause in REFUSALS}
    in_code = {(int(status), code) for status, code in re.findall(r'Refused\((\d+), "(\w+)"', _sources())}
    assert set(refusals_on_the_page()) == in_code | {(404, "unknown_address"), (405, "wrong_method")}


def test_requests_are_checked_in_the_order_of_the_table(hibari):
    hibari.requests_per_minute = 1
    hibari.admit(FULL_KEY)
    hibari.maintenance = 90
    hibari.keys["hbk_made-here"] = "read_only"
    path, key, body = "/api/boards/nowhere/cards:batch", "hbk_unknown", TOO_LARGE

    def told() -> tuple[int, str]:
        answer = ask(hibari, "POST", path, key, content=body)
        return answer.status_code, answer.json()["error"]["code"]

    order = [told()]
    hibari.maintenance = None
    order.append(told())
    key = "hbk_made-here"
    order.append(told())
    hibari.requests_per_minute = None
    order.append(told())
    hibari.keys[key] = "read_write"
    order.append(told())
    path = BATCH
    order.append(told())
    body = b"[" * 21
    order.append(told())
    body = json.dumps({"cards": [{}] * 21}).encode()
    order.append(told())
    body = json.dumps({"cards": [{"values": {}}] * 21}).encode()
    order.append(told())

    page = [row for row in refusals_on_the_page() if row in order]
    assert order == page
    assert len(order) == 9


def test_requests_in_a_minute_are_counted_without_those_that_were_refused(hibari, clock):
    hibari.requests_per_minute = 2
    ask(hibari, "GET", "/api/me", "hbk_unknown")
    ask(hibari, "GET", "/api/nothing")
    assert ask(hibari, "PUT", "/api/me").headers["allow"]
    hibari.maintenance = 5
    ask(hibari, "GET", "/api/me")
    hibari.maintenance = None

    statuses = [ask(hibari, "GET", "/api/me").status_code for _ in range(3)]
    clock.instant += timedelta(seconds=59)
    late = ask(hibari, "GET", "/api/me")
    clock.instant += timedelta(seconds=1)

    assert statuses == [200, 200, 429]
    assert (late.status_code, late.headers["retry-after"]) == (429, "1")
    assert ask(hibari, "GET", "/api/me").status_code == 200


def test_a_break_down_leaves_the_cards_before_it_stored(hibari):
    hibari.crash_after = 2

    answer = ask(hibari, "POST", BATCH, json={"cards": [{"values": {"title": f"件名 {n}"}} for n in range(4)]})

    assert answer.status_code == 500
    assert kept(hibari, "title") == ["件名 0", "件名 1"]
    assert add(hibari, {})[0]["status"] == "created"


def test_the_largest_batch_and_the_largest_body_are_taken(hibari):
    body = json.dumps(GOOD).encode()

    assert len(add(hibari, *[{}] * web.MOST_CARDS)) == web.MOST_CARDS
    assert ask(hibari, "POST", BATCH, content=body.ljust(web.MOST_BYTES)).status_code == 200
    assert ask(hibari, "POST", BATCH, content=body.ljust(web.MOST_BYTES + 1)).status_code == 413


def test_a_search_says_when_there_are_more_and_minds_case(hibari):
    for number in range(crm.MOST_FOUND + 1):
        hibari.seed("cases", {"title": "同じ", "no": str(number)})
    hibari.seed("cases", {"title": "ABC"})

    found = search(hibari, column="title", equals="同じ").json()

    assert len(found["cards"]) == crm.MOST_FOUND
    assert found["more"] is True
    assert found["cards"][0]["id"] == "crd_000001"
    assert search(hibari, column="title", equals="abc").json() == {"cards": [], "more": False}


@pytest.mark.parametrize(
    ("column", "value"),
    [("title", "件名"), ("sender", "h@example.com"), ("ticket_url", "https://x/"), ("channel", "mail")],
)
def test_a_search_works_for_the_types_that_the_page_names_and_with_a_key_that_only_reads(hibari, column, value):
    (stored,) = add(hibari, {column: value})

    query = {"column": column, "equals": value}
    found = ask(hibari, "GET", "/api/boards/cases/cards", READ_ONLY_KEY, params=query).json()

    assert [card["id"] for card in found["cards"]] == [stored["id"]]


def test_what_the_page_does_not_name_is_ignored(hibari):
    body = {"cards": [{"values": {"title": "件名"}, "note": 1}], "dry_run": True}

    answer = ask(hibari, "POST", f"{BATCH}?dry_run=1", json=body)

    assert answer.json()["results"][0]["status"] == "created"
    assert kept(hibari, "title") == ["件名"]


def test_each_figure_on_the_page_is_the_one_that_is_kept():
    for phrase in (
        f"Adds 1 to {web.MOST_CARDS} cards",
        f"at most {web.MOST_BYTES:,} bytes",
        f"larger than {web.MOST_BYTES:,} bytes",
        f"more than {web.MOST_CARDS} cards",
        f"- {crm.REQUESTS_PER_MINUTE} requests in any 60 seconds",
        f"more than {crm.REQUESTS_PER_MINUTE} requests in 60 seconds",
        f"- {crm.AT_ONCE} requests of an account at the same time",
        f"more than {crm.AT_ONCE} requests at the same time",
        f"at most {crm.MOST_FOUND} cards in an answer",
        f"At most {values.MOST_DIGITS} digits in all",
        f"Hibari(requests_per_minute={crm.REQUESTS_PER_MINUTE})",
        f"RENKEI_ROUTES={sample.DOMAIN}=",
        f"https://{sample.DOMAIN}`",
    ):
        assert phrase in PAGE


# -- for tests, and for people ----------------------------------------------------------------------------------------


def test_people_see_a_card_at_its_address_without_a_key_and_with_its_text_escaped(hibari):
    (result,) = add(hibari, {"title": "<b>返品</b>"})

    page = ask(hibari, "GET", result["url"], None)

    assert page.status_code == 200
    assert "&lt;b&gt;返品" in page.text
    assert ask(hibari, "GET", result["url"] + "9", None).status_code == 404
    assert result["id"] in ask(hibari, "GET", "/boards/cases", None).text


def test_columns_come_and_go_and_a_reset_brings_the_first_day_back(hibari):
    hibari.seed("cases", {"title": "件名", "body": "本文"})
    hibari.add_column("cases", "stars", "評価", "rating", required=True)
    hibari.delete_column("cases", "body")
    hibari.revoke()

    assert hibari.boards["cases"].columns[-1]["type"] == "rating"
    assert kept(hibari, "body") == [None]
    assert ask(hibari, "GET", "/api/me").status_code == 401
    hibari.reset()
    assert [column["key"] for column in hibari.boards["cases"].columns].count("body") == 1
    assert hibari.records("cases") == []
    assert ask(hibari, "GET", "/api/me").status_code == 200


def test_a_value_of_a_type_that_came_later_is_refused(hibari):
    hibari.add_column("cases", "stars", "評価", "rating")

    assert add(hibari, {"stars": 5})[0]["code"] == "wrong_type"


def test_what_is_given_out_is_a_copy(hibari):
    hibari.seed("cases", {"title": "件名"})
    hibari.records("cases")[0]["values"]["title"] = "書き換えた"

    assert kept(hibari, "title") == ["件名"]


def test_two_hibaris_do_not_see_each_other(hibari):
    add(hibari, {})

    assert Hibari().records("cases") == []


def test_it_serves_on_loopback(hibari):
    with serve(hibari) as url, httpx.Client(base_url=url, headers={"x-api-key": FULL_KEY}, trust_env=False) as http:
        assert http.base_url.host == "127.0.0.1"
        assert http.post(BATCH, json=GOOD).json()["results"][0]["status"] == "created"
        assert http.post(BATCH, content=TOO_LARGE).status_code == 413
        assert http.get("/api/boards/cases%2Fcards/columns").json()["error"]["code"] == "unknown_board"

    assert kept(hibari, "title") == ["件名"]


def test_the_command_on_the_page_serves_and_keeps_to_the_limits():
    (command,) = re.findall(r"^python (examples/\S+) --port \d+$", PAGE, re.MULTILINE)
    program = [sys.executable, command, "--port", "0"]
    with subprocess.Popen(program, cwd=FOLDER.parents[1], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url, keys, read_only = (server.stdout.readline().strip() for _ in range(3))
            with httpx.Client(base_url=url, headers={"x-api-key": FULL_KEY}, trust_env=False) as http:
                statuses = {http.get("/api/me").status_code for _ in range(crm.REQUESTS_PER_MINUTE + 1)}
        finally:
            server.terminate()

    assert keys == f"API keys: {FULL_KEY}, {SECOND_KEY}"
    assert read_only.endswith(READ_ONLY_KEY)
    assert statuses == {200, 429}


def _sources() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in (FOLDER / "hibari_crm").glob("*.py"))
