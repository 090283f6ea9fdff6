"""Two laws of `crm_map`, against a simulator that shares no code with it.

What it returns without a problem is accepted and reads back equal, under the rule of its type (`READS_BACK`). What it
refuses, kintone would have refused too, but for the rules that are ours alone (`OURS`).

`RENKEI_EXAMPLES=10000` tries so many examples of each (`make laws`).
"""

from __future__ import annotations

import os
import string
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renkei import spec
from renkei_kintone.simulator import Kintone

EXAMPLES = int(os.environ.get("RENKEI_EXAMPLES", "100"))
JST = timezone(timedelta(hours=9))
TICKS = ["要返信", "VIP", "クレーム"]
BRANCHES = {"osaka": "7", "tokyo": "12.5"}

_INNER: dict[str, dict[str, Any]] = {
    "行": {"type": "SINGLE_LINE_TEXT", "maxLength": "8"},
    "行数": {"type": "NUMBER", "maxValue": "99"},
    "行印": {"type": "CHECK_BOX", "options": TICKS, "defaultValue": ["VIP"]},
    "行選択": {"type": "DROP_DOWN", "options": TICKS},
    "行日": {"type": "DATE"},
    "行日時": {"type": "DATETIME"},
    "行担当": {"type": "USER_SELECT"},
    "行資料": {"type": "FILE"},
    "行文": {"type": "MULTI_LINE_TEXT"},
    "行html": {"type": "RICH_TEXT"},
    "行web": {"type": "LINK", "protocol": "WEB"},
    "行拠点": {"type": "SINGLE_LINE_TEXT", "lookup": {}},
}
FORM: dict[str, dict[str, Any]] = {
    "キー": {"type": "SINGLE_LINE_TEXT", "unique": True},
    "短文": {"type": "SINGLE_LINE_TEXT", "minLength": "2", "maxLength": "10", "defaultValue": "既定"},
    "必須": {"type": "SINGLE_LINE_TEXT", "required": True},
    "長文": {"type": "MULTI_LINE_TEXT"},
    "html": {"type": "RICH_TEXT"},
    "数": {"type": "NUMBER", "minValue": "-0.5", "maxValue": "1440"},
    "大数": {"type": "NUMBER", "defaultValue": "3"},
    "印": {"type": "CHECK_BOX", "options": TICKS},
    "複数": {"type": "MULTI_SELECT", "options": TICKS, "defaultValue": ["VIP"]},
    "選択": {"type": "DROP_DOWN", "options": TICKS},
    "丸": {"type": "RADIO_BUTTON", "options": TICKS, "required": True},
    "日": {"type": "DATE", "defaultNowValue": True},
    "時": {"type": "TIME"},
    "日時": {"type": "DATETIME"},
    "web": {"type": "LINK", "protocol": "WEB", "maxLength": "40"},
    "mail": {"type": "LINK", "protocol": "MAIL"},
    "tel": {"type": "LINK", "protocol": "CALL", "minLength": "3", "defaultValue": "000"},
    "人": {"type": "USER_SELECT"},
    "組織": {"type": "ORGANIZATION_SELECT"},
    "群": {"type": "GROUP_SELECT"},
    "資料": {"type": "FILE"},
    "拠点": {"type": "SINGLE_LINE_TEXT", "lookup": {}},
    "番号": {"type": "NUMBER", "lookup": {}},
    "計": {"type": "CALC", "expression": "数 * 2"},
    "自動": {"type": "SINGLE_LINE_TEXT", "expression": "短文"},
    "表": {"type": "SUBTABLE", "fields": _INNER},
}

OURS = {
    "line_break": "whether kintone keeps a line break in one line is not known; nobody could see it there",
    "bad_character": "NUL and half a surrogate pair are no text: what becomes of them is not known",
    "empty": "an absent value has no key; an empty one would put the field's default out of force",
    "too_many_decimals": "kintone rounds without a word, and a value is never guessed",
    "bad_link": "we are stricter: people click on links, and schemes such as ftp open nothing",
    "empty_html": "what is unsafe is ours to say, and a required field is not filled with what is left of it",
    "unknown_field": "kintone drops the value without a word, and the record seems complete",
    "not_writable": "kintone ignores what is sent for calculated and filled fields without a word",
    "file_too_large": "kintone refuses more than 1 GB only after it was sent",
}
"""Problem → why it is one although kintone may take the value."""


def kintone() -> Kintone:
    """One app with a field of every type, and one that its lookups refer to."""
    fields = {**FORM}
    for code, key in (("拠点", "名"), ("番号", "番")):
        fields[code] = {**fields[code], "lookup": _lookup(key)}
    fields["表"] = {**FORM["表"], "fields": {**_INNER, "行拠点": {**_INNER["行拠点"], "lookup": _lookup("名")}}}
    source = {"名": {"type": "SINGLE_LINE_TEXT", "unique": True}, "番": {"type": "NUMBER", "unique": True}}
    made = Kintone.from_data(
        {
            "users": ["tanaka", "sato", "Staff.1@Demo"],
            "organizations": ["support", "sales"],
            "groups": ["g2"],
            "apps": [{"id": 1, "name": "法則", "fields": fields}, {"id": 2, "name": "拠点", "fields": source}],
            "tokens": [
                {"token": "simulated-add-only-token", "app": 1, "permissions": ["add"]},
                {"token": "simulated-branch-token", "app": 2, "permissions": ["view"]},
            ],
        }
    )
    for name, number in BRANCHES.items():
        made.apps["2"].store({"名": name, "番": number}, made.instant())
    return made


def _lookup(key: str) -> dict[str, Any]:
    return {"relatedApp": {"app": "2", "code": ""}, "relatedKeyField": key, "fieldMappings": []}


@pytest.fixture
def lawful(world: Any) -> Any:
    world.kintone = kintone()
    world.kintone.now = lambda: datetime(2026, 4, 1, 1, 2, 3, tzinfo=UTC)
    held = world.kintone
    world.transport = lambda: httpx.ASGITransport(app=held.asgi())
    world.typed["lookup_tokens"] = "simulated-branch-token"
    return world


# What is drawn leans towards what fits, so that most examples get through to kintone, and strays on purpose.
_TEXT = st.text(max_size=70) | st.text(string.ascii_letters + "日本語😀 ", min_size=1, max_size=30)
_LINES = st.text(max_size=200) | st.lists(_TEXT, max_size=4).map("\r\n".join)
_PIECES = [
    "<p>",
    "</p>",
    "<b>",
    "<script>",
    "</script>",
    " onclick=1",
    "&amp;",
    "文",
    "<table><tr><td>",
    "<a href='https://a.example'>",
]
_HTML = st.lists(st.sampled_from(_PIECES) | _TEXT).map("".join)
_NUMBERS = (
    st.decimals(allow_nan=False, allow_infinity=False)
    | st.decimals(-1, 1441, places=2)
    | st.integers(0, 1440).map(Decimal)
    | st.decimals(Decimal(-10) ** 13, Decimal(10) ** 13, places=4)
)
_MAIL = st.emails() | _TEXT
_WEB = st.text(string.ascii_letters + "あ/?#", max_size=24).map("https://example.com/".__add__) | _TEXT
_TEL = st.text(string.digits + "+-() ", min_size=1, max_size=20) | _TEXT
_DAYS, _INSTANTS = st.dates(), st.datetimes(timezones=st.just(UTC) | st.just(JST))
_FILES = st.lists(
    st.builds(
        spec.FileRef,
        id=st.sampled_from(["f1", "f2"]),
        name=st.sampled_from(["見積書.pdf", "a b.txt", "👩‍🎨.png", ""]),
        media_type=st.sampled_from(["application/pdf", "odd"]),
    ),
    max_size=2,
).map(tuple)


def _some(*known: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(known), max_size=3).map(tuple)


_COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "行": _TEXT,
    "行数": _NUMBERS,
    "行印": _some(*TICKS, "電報"),
    "行選択": st.sampled_from([*TICKS, "電報"]),
    "行日": _DAYS,
    "行日時": _INSTANTS,
    "行担当": _some("tanaka", "sato"),
    "行資料": _FILES,
    "行文": _LINES,
    "行html": _HTML,
    "行web": _WEB,
    "行拠点": st.sampled_from(list(BRANCHES)),
    "無い列": _TEXT,
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "短文": _TEXT,
    "必須": _TEXT,
    "長文": _LINES,
    "html": _HTML,
    "数": _NUMBERS,
    "大数": _NUMBERS,
    "印": _some(*TICKS, "電報"),
    "複数": _some(*TICKS),
    "選択": st.sampled_from([*TICKS, "電報"]),
    "丸": st.sampled_from([*TICKS, "電報"]),
    "日": _DAYS,
    "時": st.times(),
    "日時": _INSTANTS,
    "web": _WEB,
    "mail": _MAIL,
    "tel": _TEL,
    "人": _some("tanaka", "sato", "Staff.1@Demo"),
    "組織": _some("support", "sales"),
    "群": _some("everyone", "g2"),
    "資料": _FILES,
    "拠点": st.sampled_from(list(BRANCHES)),
    "番号": st.sampled_from([Decimal(7), Decimal("7.0"), Decimal("12.5")]),
    "計": _NUMBERS,
    "自動": _TEXT,
    "無い項目": _TEXT,
    "表": st.lists(st.fixed_dictionaries({}, optional=_COLUMNS).map(spec.FrozenDict), max_size=3).map(tuple),
}


# What kintone refuses as well: too long, too short, too many, out of range, no option, before the year 1000.
_LONG = st.text(string.ascii_letters + "日本語😀", min_size=65, max_size=90)
_EARLY = st.dates(max_value=date(999, 12, 31))
_EARLY_INSTANTS = st.datetimes(max_value=datetime(999, 12, 30), timezones=st.just(UTC) | st.just(JST))  # noqa: DTZ001
_HUGE = st.integers(10**12, 10**20).map(Decimal) | st.decimals(Decimal(10) ** 12, Decimal(10) ** 30, places=2)
_UNHEARD = st.sampled_from(["電報", "vip", "要返信 "])
STRAYS: dict[str, st.SearchStrategy[Any]] = {
    "キー": _LONG,
    "短文": _LONG | st.sampled_from(["a", "字"]),
    "web": _LONG.map("https://example.com/".__add__),
    "tel": st.sampled_from(["0", "00"]),
    "数": st.decimals(Decimal("1440.01"), 10**6, places=2) | st.decimals(-(10**6), Decimal("-0.51"), places=2),
    "大数": _HUGE | _HUGE.map(lambda number: -number),
    "印": st.tuples(_UNHEARD),
    "複数": st.tuples(st.just("VIP"), _UNHEARD),
    "選択": _UNHEARD,
    "丸": _UNHEARD,
    "日": _EARLY,
    "日時": _EARLY_INSTANTS,
}
STRAY_CELLS: dict[str, st.SearchStrategy[Any]] = {
    "行": _LONG,
    "行数": st.decimals(Decimal("99.01"), 10**6, places=2) | _HUGE.map(lambda number: -number),
    "行印": st.tuples(st.just("VIP"), _UNHEARD),
    "行選択": _UNHEARD,
    "行日": _EARLY,
    "行日時": _EARLY_INSTANTS,
}


def _one_of(*drawn: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    """A code and a value for it."""
    pairs = [(code, values) for one in drawn for code, values in sorted(one.items()) if code != "表"]
    return st.sampled_from(pairs).flatmap(lambda pair: st.tuples(st.just(pair[0]), pair[1]))


class _Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.said = ""
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.said += data


def _cut(value: time | datetime) -> Any:
    return value.replace(second=0, microsecond=0, fold=0)


READS_BACK: Mapping[str, Callable[[Any, Any], bool]] = {
    "SINGLE_LINE_TEXT": lambda given, kept: kept == given,
    "MULTI_LINE_TEXT": lambda given, kept: kept == given.replace("\r\n", "\n").replace("\r", "\n"),
    "NUMBER": lambda given, kept: Decimal(kept) == given,
    "CHECK_BOX": lambda given, kept: len(set(kept)) == len(kept) and set(kept) == set(given),
    "MULTI_SELECT": lambda given, kept: len(set(kept)) == len(kept) and set(kept) == set(given),
    "DROP_DOWN": lambda given, kept: kept == given,
    "RADIO_BUTTON": lambda given, kept: kept == given,
    "DATE": lambda given, kept: date.fromisoformat(kept) == given,
    "TIME": lambda given, kept: time.fromisoformat(kept) == _cut(given),
    "DATETIME": lambda given, kept: datetime.fromisoformat(kept) == _cut(given.astimezone(UTC)),
    "LINK": lambda given, kept: kept == given,
    "USER_SELECT": lambda given, kept: {one["code"] for one in kept} == set(given),
    "ORGANIZATION_SELECT": lambda given, kept: {one["code"] for one in kept} == set(given),
    "GROUP_SELECT": lambda given, kept: {one["code"] for one in kept} == set(given),
    "FILE": lambda given, kept: [one["name"] for one in kept] == [one.name for one in given],
}
"""Type → what may differ between what was given and what kintone keeps. Of RICH_TEXT, what a person reads of what was
sent; of tables, cell by cell."""


def _require_kept(form: Mapping[str, Any], given: Mapping[str, Any], sent: Mapping[str, Any], kept: Any) -> None:
    """What *kept* holds of each given value; an empty one is not there, or empty."""
    for code, value in given.items():
        native, held = form[code]["type"], kept.get(code)
        if native == "SUBTABLE":
            assert len(held) == len(value)
            for row, one_sent, one_kept in zip(value, sent[code]["value"], held, strict=True):
                cells = {name: cell["value"] for name, cell in one_kept["value"].items()}
                _require_kept(form[code]["fields"], row, one_sent["value"], cells)
        elif native == "RICH_TEXT":
            assert _Text(held or "").said == _Text(sent[code]["value"]).said
        else:
            assert READS_BACK[native](value, held), code


def _fitting(lawful: Any, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """What of *drawn* there is no problem with; of a table, cell by cell."""
    cells = [
        spec.FrozenDict(
            {code: value for code, value in row.items() if _fits(lawful, 表=(spec.FrozenDict({code: value}),))}
        )
        for row in drawn.get("表", ())
    ]
    whole = {**drawn, **({"表": tuple(cells)} if cells else {})}
    return {code: value for code, value in whole.items() if _fits(lawful, **{code: value})}


def _fits(lawful: Any, **value: Any) -> bool:
    return not lawful.map("k1", **({"必須": "必須"} | value)).problems


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=st.fixed_dictionaries({}, optional=VALUES))
def test_whatever_maps_without_a_problem_is_accepted_and_reads_back_equal(lawful: Any, drawn: dict[str, Any]) -> None:
    lawful.kintone.apps["1"].clear()
    lawful.files = {"f1": [b"one"], "f2": [b"tw", b"o"]}
    given = {"必須": "必須", **_fitting(lawful, drawn), "キー": "k1"}
    record = lawful.map("k1", **given).record
    assert record is not None

    report = lawful.push(record)

    assert [verdict.verdict for verdict in report.verdicts] == ["created"], report
    (kept,) = lawful.kintone.values()
    _require_kept(lawful.kintone.apps["1"].fields, given, record.fields, kept)


def _naive(value: Any) -> Any:
    """How a client without any rule would write *value*."""
    match value:
        case datetime():
            return value.isoformat(timespec="seconds")
        case time():
            return value.isoformat(timespec="minutes")
        case Decimal() | date():
            return str(value)
        case _:
            return value


def _naive_value(native: str, value: Any) -> Any:
    if native.endswith("_SELECT") and native != "MULTI_SELECT":
        return [{"code": code} for code in value]
    return list(value) if isinstance(value, tuple) else _naive(value)


def _refused_by_kintone(world: Any, fields: dict[str, Any]) -> bool:
    answer = world.call("POST", "record.json", json={"app": "1", "record": fields}, token=_TOKENS)
    assert answer.status_code in (200, 400), answer.text
    return bool(answer.status_code == 400)


_TOKENS = "simulated-add-only-token,simulated-branch-token"


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=_one_of(VALUES, STRAYS))
def test_whatever_is_refused_kintone_would_have_refused_too(lawful: Any, drawn: tuple[str, Any]) -> None:
    code, value = drawn
    problems = lawful.map("k1", **{"必須": "必須", code: value}).problems
    if not problems or {item.code for item in problems} & OURS.keys():
        return
    native = FORM[code]["type"]

    refused = _refused_by_kintone(lawful, {"必須": {"value": "必須"}, code: {"value": _naive_value(native, value)}})

    assert refused, (code, problems)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=_one_of(_COLUMNS, STRAY_CELLS))
def test_whatever_is_refused_in_a_row_kintone_would_have_refused_too(lawful: Any, drawn: tuple[str, Any]) -> None:
    code, value = drawn
    problems = lawful.map("k1", 必須="必須", 表=(spec.FrozenDict({code: value}),)).problems
    if not problems or {item.code for item in problems} & OURS.keys():
        return
    cell = {code: {"value": _naive_value(_INNER[code]["type"], value)}}

    refused = _refused_by_kintone(lawful, {"必須": {"value": "必須"}, "表": {"value": [{"value": cell}]}})

    assert refused, (code, problems)


def test_a_required_field_that_is_left_out_kintone_refuses_too(lawful: Any) -> None:
    assert [(item.field, item.code) for item in lawful.map("k1", 長文="本文").problems] == [("必須", "required")]
    assert _refused_by_kintone(lawful, {"長文": {"value": "本文"}})


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"必須": "一\n二"}, "line_break"),
        ({"長文": "a\0b"}, "bad_character"),
        ({"長文": ""}, "empty"),
        ({"大数": Decimal("0.00001")}, "too_many_decimals"),
        ({"web": "ftp://example.com/"}, "bad_link"),
        ({"計": Decimal(1)}, "not_writable"),
        ({"無い項目": "x"}, "unknown_field"),
    ],
)
def test_a_rule_that_is_ours_alone_refuses_what_the_simulator_takes(lawful: Any, given: Any, code: str) -> None:
    assert {item.code for item in lawful.map("k1", **({"必須": "必須"} | given)).problems} == {code}

    sent = {name: {"value": _naive(value)} for name, value in ({"必須": "必須"} | given).items()}

    assert not _refused_by_kintone(lawful, sent)
