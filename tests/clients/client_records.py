"""Records as a client sends and reads them."""

from __future__ import annotations

from typing import Any


def wired(values: dict[str, Any]) -> dict[str, Any]:
    """A record as it goes over the wire."""
    return {code: {"value": value} for code, value in values.items()}


def plain(record: dict[str, Any], *codes: str) -> dict[str, Any]:
    """The values of a record that was read, of these fields or of all."""
    return {code: record[code]["value"] for code in codes or record}


def numbered(number: int) -> dict[str, Any]:
    """The values of one of many records, all of which differ."""
    return {
        "キー": f"k{number:05}",
        "件名": f"件名 {number} 😀",
        "本文": f'一行目,\n"{number}" 行目',
        "チャネル": ("メール", "LINE", "SMS")[number % 3],
        "ラベル": [["技術"], ["VIP"], ["要返信", "VIP"]][number % 3],
        "応対時間": str(number % 1441),
        "対応日時": f"2026-04-01T{number % 24:02}:{number % 60:02}:00Z",
    }


def many(count: int) -> list[dict[str, Any]]:
    """The values of *count* records."""
    return [numbered(number) for number in range(count)]


FIELDS = tuple(numbered(0))
