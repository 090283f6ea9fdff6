"""Writes answers.md from the plugin's tables: `python plugins/kintone/docs/answers.py`. A test compares them."""

from __future__ import annotations

from pathlib import Path

from renkei_kintone.meanings import MEANINGS
from renkei_kintone.remedies import Meaning, page
from renkei_kintone.settings import KintoneSettings

HEAD = """\
# What kintone answers, and what it means

<!-- Made by answers.py from the plugin's tables; edit those, then run it. -->

By kintone's code; in lower case, our own words for what has none. The code decides, not the HTTP status: the same
conditions come with 400, 403 and 520. Only a failure without kintone's code and id, or with a gateway's status such as
502 and 504, is nobody's word: what was being written is then in doubt. *Then* says
what renkei does: **blocked** until somebody puts it right and tests the connection, **waits** and tries again by
itself, or **record**: one record is rejected, and the others go on. The page is where it is put right in kintone, here
for app 12 of `example.cybozu.com`; there is none where it is put right elsewhere.

The addresses of an app's settings are not in kintone's documentation: they are those that browsers show and that many
public programs open. For an app in a guest space (`/k/guest/5/admin/app/…`) fewer have been seen, and none for the page
of tokens [unsure]; the way through the menus is always said as well.
"""
SITE = KintoneSettings.parse({"subdomain": "example", "app_id": "12", "api_token": "a"})
WAITS = ("RateLimited", "Unavailable")


def made() -> str:
    """The page."""
    rows = ["| Code | Then | 日本語 | English | Page |", "|---|---|---|---|---|"]
    rows += [_row(codes, meaning) for meaning, codes in _codes_by_meaning().items()]
    return f"{HEAD}\n" + "\n".join(rows) + "\n"


def _codes_by_meaning() -> dict[Meaning, list[str]]:
    found: dict[Meaning, list[str]] = {}
    for code, meaning in MEANINGS.items():
        found.setdefault(meaning, []).append(code)
    return found


def _row(codes: list[str], meaning: Meaning) -> str:
    name = meaning.error.__name__ if meaning.error is not None else ""
    then = "record" if not name else f"waits ({name})" if name in WAITS else f"blocked ({name})"
    place = f"`{page(SITE, meaning.place)}`" if meaning.place is not None else ""
    named = ", ".join(f"`{code}`" for code in codes)
    return f"| {named} | {then} | {meaning.text.ja} | {meaning.text.en} | {place} |"


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(made(), encoding="utf-8")
