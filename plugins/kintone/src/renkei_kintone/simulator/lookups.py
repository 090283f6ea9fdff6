"""Lookups: a key that is written copies what the referenced record holds at that moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.domain import Kintone
from renkei_kintone.simulator.form import App, Record

Fields = Mapping[str, Mapping[str, Any]]


def filled(fields: Fields) -> frozenset[str]:
    """Codes that a lookup among *fields* writes; what is sent for them is ignored."""
    return frozenset(
        mapping["field"] for lookup in lookups(fields).values() for mapping in lookup.get("fieldMappings", ())
    )


def lookups(fields: Fields) -> dict[str, Mapping[str, Any]]:
    """The settings of each lookup field, by code."""
    return {code: item["lookup"] for code, item in fields.items() if item.get("lookup")}


def look_up(
    kintone: Kintone,
    fields: Fields,
    settings: Mapping[str, Mapping[str, Any]],
    values: dict[str, Any],
    sent: Collection[str],
    visible_apps: Collection[str],
) -> None:
    """Copy into *values* for every lookup whose key was *sent*; an empty key empties what it filled.

    *settings* are those of all lookups among *fields*, as `lookups` gives them.
    The picker's filter and order have no part in it: kintone's API does not look at them.

    Raises:
        Refused: no record that the tokens may see holds the key, or several do. It names field and value only.
    """
    for code, lookup in settings.items():
        if code not in sent:
            continue
        for mapping in lookup["fieldMappings"]:
            values.pop(mapping["field"], None)
        if code in values:
            _copy(kintone, fields, values, code, visible_apps)


def _copy(kintone: Kintone, fields: Fields, values: dict[str, Any], code: str, visible_apps: Collection[str]) -> None:
    lookup = fields[code]["lookup"]
    source = kintone.apps.get(str(lookup["relatedApp"]["app"]))
    found = [] if source is None or source.id not in visible_apps else _holders(source, lookup, values[code])
    if source is None or not found:
        raise words.not_in_lookup(fields[code]["label"], str(values[code]))
    if len(found) > 1:
        raise words.key_not_in_lookup_once()
    for mapping in lookup["fieldMappings"]:
        related = mapping["relatedField"]
        copied = source.value(found[0], related) if related in source.fields else None
        if mapping["field"] in fields and copied not in (None, "", []):
            values[mapping["field"]] = copied


def _holders(source: App, lookup: Mapping[str, Any], key: Any) -> list[Record]:
    """The records of *source* that hold *key*."""
    code = lookup["relatedKeyField"]
    item = source.fields.get(code)
    if item is None:
        return []
    if item.get("unique"):
        holder = source.records.get(source.taken.get(code, {}).get(str(key), ""))
        return [] if holder is None else [holder]
    return [record for record in source.records.values() if source.value(record, code) == key]
