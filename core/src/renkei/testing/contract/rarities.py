"""Values that are changed by careless hands: texts, addresses, numbers, days, instants."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

TEXTS: Final[Mapping[str, str]] = {
    "leading zeros": "0012",
    "a number with an exponent": "1e5",
    "decimals that end in zeros": "1.50",
    "a number with a sign": "+81",
    "a number with a sign before and a space": "- 1",
    "the word null": "null",
    "the word None": "None",
    "the word true": "true",
    "the word NaN": "NaN",
    "a formula": "=1+1",
    "a date in words": "2026-01-02",
    "white space at both ends": "  前後  ",
    "a wide space at both ends": "\u3000前後\u3000",
    "a tab": "\ta\tb\t",
    "several spaces within": "a   b",
    "nothing but a space": " ",
    "upper and lower case": "AbCdE İıßẞ",
    "full-width letters and digits": "ＡＢＣ１２３",
    "half-width kana": "ｶﾞﾊﾝｶｸ",
    "ligatures and squares": "ﬁ ㈱ ① Ⅳ ㍿",
    "a combining accent": "e\u0301",
    "a composed accent": "\u00e9",
    "a combining voice mark": "か\u3099",
    "a compatibility ideograph": "\ufa10",
    "a variation selector": "葛\U000e0100",
    "four-byte characters": "𠮷野家 𩸽",
    "an emoji of several code points": "👩‍🎨 🏳️‍🌈 🇯🇵",
    "a wave dash": "〜～―—－−",
    "a zero-width space": "a\u200bb",
    "a byte order mark": "\ufeffa",
    "right-to-left marks": "\u200fשלום\u200e",
    "a no-break space": "a\u00a0b",
    "a line separator": "a\u2028b",
    "a control character": "a\x1bb\x7f",
    "markup": "<b>&amp;</b> <script>x</script>",
    "an entity": "&lt;&#39;&nbsp;",
    "quotes and backslashes": "\"'`\\n\\u3042\\",
    "braces and a percent sign": "{{x}} ${y} %s %2F {0}",
    "a question mark and an ampersand": "a?b&c=d#e;f",
    "a line break": "a\nb",
    "a line break of two characters": "a\r\nb",
    "a carriage return": "a\rb",
    "line breaks at both ends": "\na\n",
    "several line breaks": "a\n\n\nb",
    "a NUL": "a\0b",
    "half of a surrogate pair": "a\ud83db",
}
HARMLESS: Final = (
    *("leading zeros", "upper and lower case", "full-width letters and digits", "half-width kana"),
    *("a combining accent", "a composed accent", "a combining voice mark", "four-byte characters"),
    *("an emoji of several code points", "markup", "quotes and backslashes", "several spaces within"),
)
"""Names of texts that any backend that takes text can be expected to keep."""

PLAIN_LINKS: Final = ("https://desk.example/a?b=2&a=1&a=%2F#Part", "https://desk.example/%E3%81%82")
MAILS: Final = (
    "a@b.example",
    "First.Last+tag@Mail.Example",
    "o'hara_#1@mail.example",
    "用户@例え.example",
    f"{'a' * 64}@mail.example",
    f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 60}.example",
    " a@b.example ",
    "a@b.example,c@d.example",
    "Zoë <zoe@mail.example>",
    "no address",
)
LINKS: Final = (
    "https://desk.example",
    "https://desk.example/",
    "http://Desk.EXAMPLE:443/Tickets/../1?b=2&a=1&a=%E3%81%82#Part",
    "https://desk.example/チケット?q=件名&r=a%2Fb+c",
    "https://例え.example/",
    "https://desk.example//a//b/?",
    "HTTPS://desk.example/a",
    "https://desk.example/a b",
    " https://desk.example/a ",
    "desk.example/a",
    "javascript:alert(1)",
)
PHONES: Final = (
    "+81 3-0000-0000",
    "0300000000",
    "(03) 0000 0000",
    "0000",
    "０３−００００",
    "03-0000-0000 #12",
    "call me",
)
PAGES: Final = (
    "<p>1 &lt; 2 &amp;&amp; 3 &gt; 2</p>",
    "<p>𠮷 👩‍🎨 e\u0301</p><ul><li>0012</li></ul>",
    "no markup at all",
    "a<br>b<br/>c",
    '<a href="https://desk.example/?a=1&amp;b=2">ticket</a>',
    "<p>not closed <b>anywhere",
    "a < b and c > d",
)
NUMBERS: Final = (
    *("0", "-0", "1", "-1", "0.1", "-0.1", "1.10", "100", "1E+3", "1.5E+1", "0E+3", "0.30", "0.07", "2.675", "1234.5"),
    *("9007199254740993", "123456789.123456789", "12345678901234567890", "0.1234567890123456789012345678901"),
    *("0.30000000000000004", "-0.00000001", "1E-30", "1E+30", "9.99E+999"),
)
INTEGERS: Final = (0, 1, -1, 7, 2**31, -(2**31) - 1, 2**53 - 1, 2**53 + 1, 2**63, 10**18 + 1, 10**40 + 1)
DAYS: Final = (
    *(date(2024, 2, 29), date(2026, 1, 2), date(2026, 12, 31), date(1970, 1, 1), date(1969, 12, 31)),
    *(date(1900, 3, 1), date(1582, 10, 10), date(1000, 1, 1), date(2038, 1, 20), date(9999, 12, 31)),
    *(date(999, 12, 31), date(999, 1, 2), date.min),  # `strftime("%Y")` writes years of fewer than four digits
)
TIMES: Final = (
    *(time(0, 0), time(9, 5), time(12, 0), time(12, 34, 56), time(23, 59), time(23, 59, 59, 999_999)),
    *(time(0, 0, 1), time(3, 4, 5, 6)),
)
_ZONES: Final = tuple(timezone(timedelta(minutes=minutes)) for minutes in (540, -660, 825, -210))
_CLOCKS: Final = (
    datetime(2026, 1, 1, 0, 30, tzinfo=UTC),
    datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 0, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(2026, 6, 1, 10, 0, 30, 5, tzinfo=UTC),
)


def instants() -> list[datetime]:
    """In several zones: at their midnights, in leap years, to the microsecond, in the hour that comes twice."""
    shifted = [clock.replace(tzinfo=zone) for clock in _CLOCKS for zone in _ZONES]
    return [*shifted, _hour_that_comes_twice(0), _hour_that_comes_twice(1), datetime(2026, 7, 1, 12, tzinfo=UTC)]


def rare_instants() -> list[datetime]:
    """At the ends of the calendar, and from the time before zones had whole minutes."""
    japan, local = timezone(timedelta(hours=9)), timezone(timedelta(hours=9, minutes=18, seconds=59))
    return [
        datetime(1000, 1, 1, tzinfo=UTC),
        datetime(999, 1, 2, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=japan),  # in UTC it lies before the calendar
        datetime(1888, 1, 1, tzinfo=local),
    ]


def _hour_that_comes_twice(fold: int) -> datetime:
    zone: tzinfo
    try:
        zone = ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:  # a machine without the database
        zone = timezone(timedelta(hours=-4 - fold))
    return datetime(2026, 11, 1, 1, 30, tzinfo=zone, fold=fold)
