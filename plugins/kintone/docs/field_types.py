"""Writes `field-types.md`: source type × kintone type → how it is written, or why not. A test compares it.

Nothing in its tables is typed in: a sample of each source type goes through core's own renderer and the plugin's own
`crm_map`, and what comes out stands there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from renkei.mapping import Mapping, Renderer, Rule, SourceChoice, SourceField, SourceSchema, compatible
from renkei.spec import Field, FieldType, FileRef, MapRequest, NoOptions, Text
from renkei_kintone.field_types import CALCULATED, FILLED_BY_LOOKUP, NOT_WRITTEN
from renkei_kintone.fields import schema_of
from renkei_kintone.records import map_record

HERE = Path(__file__).parent
T = FieldType

SAMPLES: dict[FieldType, Any] = {
    T.TEXT: "お礼",
    T.LONG_TEXT: "一行目\n2 < 3",
    T.HTML: "<p>お礼<script>x()</script></p>",
    T.INTEGER: 12,
    T.NUMBER: "12.50",
    T.BOOLEAN: True,
    T.DATE: "2026-04-01",
    T.TIME: "09:30:15",
    T.DATETIME: "2026-04-01T00:30:15Z",
    T.CHOICE: "line",
    T.CHOICES: ["line", "mail"],
    T.USER: "tanaka",
    T.USERS: ["tanaka", "sato"],
    T.ORGANIZATIONS: ["support"],
    T.GROUPS: ["everyone"],
    T.EMAIL: "a@customer.example",
    T.EMAILS: ["a@customer.example", "b@customer.example"],
    T.PHONE: "03-0000-0001",
    T.PHONES: ["03-0000-0001", "03-0000-0002"],
    T.URL: "https://desk.example/1",
    T.FILES: [{"id": "file-1", "name": "見積書.pdf", "size": 1024}],
}
READABLE: dict[FieldType, Any] = {T.NUMBER: "12.5", T.INTEGER: "12", T.URL: "https://desk.example/1"}
READABLE |= {T.EMAIL: "a@customer.example", T.PHONE: "03-0000-0001"}
READABLE |= {T.USERS: "tanaka", T.ORGANIZATIONS: "support", T.GROUPS: "everyone"}
"""Text that can be read as a value of these types."""

_OPTIONS = {name: {"label": name, "index": str(at)} for at, name in enumerate(("LINE", "メール", "はい"))}
FORM: dict[str, dict[str, Any]] = {
    "SINGLE_LINE_TEXT": {"type": "SINGLE_LINE_TEXT"},
    "MULTI_LINE_TEXT": {"type": "MULTI_LINE_TEXT"},
    "RICH_TEXT": {"type": "RICH_TEXT"},
    "NUMBER": {"type": "NUMBER"},
    "DATE": {"type": "DATE"},
    "TIME": {"type": "TIME"},
    "DATETIME": {"type": "DATETIME"},
    "DROP_DOWN, RADIO_BUTTON": {"type": "DROP_DOWN", "options": _OPTIONS},
    "CHECK_BOX, MULTI_SELECT": {"type": "CHECK_BOX", "options": _OPTIONS},
    "LINK (web)": {"type": "LINK", "protocol": "WEB"},
    "LINK (mail)": {"type": "LINK", "protocol": "MAIL"},
    "LINK (call)": {"type": "LINK", "protocol": "CALL"},
    "USER_SELECT": {"type": "USER_SELECT"},
    "ORGANIZATION_SELECT": {"type": "ORGANIZATION_SELECT"},
    "GROUP_SELECT": {"type": "GROUP_SELECT"},
    "FILE": {"type": "FILE"},
}
_COLUMN = "列"

HOW = {
    "SINGLE_LINE_TEXT": "In one line. What is too long is a problem, or cut where the rule says so; an emoji counts 2.",
    "MULTI_LINE_TEXT": "As it is; every line break is `\\n`.",
    "RICH_TEXT": "HTML, cleaned of whatever a browser would run. Plain text is escaped, its line breaks are `<br>`.",
    "NUMBER": "All digits, as text, without exponent. Never rounded: too many digits or decimals are a problem.",
    "DATE": "The day, in the mapping's time zone where it comes from an instant.",
    "TIME": "Hours and minutes; seconds are cut off.",
    "DATETIME": "The instant in UTC, to the minute; seconds are cut off, as kintone does.",
    "DROP_DOWN, RADIO_BUTTON": "One option, found through the value table, by its name, or by the label; of several "
    "values that of the first. Text and users go through a value table here, which leads each of them to LINE.",
    "CHECK_BOX, MULTI_SELECT": "Options, each once, found as for a drop-down.",
    "LINK (web)": "An address with http or https.",
    "LINK (mail)": "An address with one @; of several the first.",
    "LINK (call)": "Digits and the signs that telephone numbers have; of several numbers the first.",
    "USER_SELECT": "Login names, through the table of users where the mapping has one.",
    "ORGANIZATION_SELECT": "Codes of organizations.",
    "GROUP_SELECT": "Codes of groups.",
    "FILE": "Uploaded from the host when the record is pushed; the key of the upload takes the file's place.",
}
WHY_NOT = {
    T.NUMBER: "a number is made of numbers, and of text that is one; nothing is counted or measured",
    T.DATE: "a date is made of a date or an instant; other text would have to be guessed",
    T.TIME: "a time is made of a time or an instant; other text would have to be guessed",
    T.DATETIME: "only an instant is one: a date has no time, a time no date, and text would have to be guessed",
    T.CHOICE: "these values have no counterpart among options; map them to a text",
    T.CHOICES: "these values have no counterpart among options; map them to a text",
    T.URL: "these are no addresses on the web",
    T.EMAIL: "these are no mail addresses",
    T.PHONE: "these are no telephone numbers",
    T.USERS: "these name no user of kintone",
    T.ORGANIZATIONS: "these name no organization of kintone",
    T.GROUPS: "these name no group of kintone",
    T.FILES: "only files are files; map the text to a text, or its address to a link",
}

HEAD = """\
# Field types

<!-- Made by plugins/kintone/docs/field_types.py from the code; run it after a change. -->

What goes into which kintone field, and how it is written there. *From* is the type of the host's field, as the mapping
screen knows it; the sample is invented, and what stands beside it is what the plugin sends as the field's `value`. The
mapping's time zone is Asia/Tokyo here.
"""


def field_types() -> str:
    """The page."""
    parts = [HEAD, *(_section(name) for name in FORM), _table(), _lookups(), _not_written()]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def written(kind: FieldType, name: str) -> Any:
    """What the plugin sends for the sample of *kind* in the field *name*; None where they are not compatible."""
    field = _field(name)
    if not compatible(kind, field):
        return None
    record = _mapped(
        Rule(target=name, source="sample.value", choices=_choices(kind, field)), kind, _sample(kind, field)
    )
    return record[name]["value"]


def _section(name: str) -> str:
    rows = []
    refused = []
    for kind in SAMPLES:
        found = written(kind, name)
        if found is None:
            refused.append(f"`{kind.value}`")
        else:
            rows.append(f"| `{kind.value}` | {_shown(_sample(kind, _field(name)))} | {_shown(found)} |")
    lines = [f"## {name}\n", HOW[name] + "\n", "| From | Sample | Written as |", "|---|---|---|", *rows]
    if refused:
        lines.append(f"\nNot from {', '.join(refused)}: {WHY_NOT[_field(name).type]}.")
    return "\n".join(lines) + "\n"


def _table() -> str:
    rule = Rule(target="SUBTABLE", columns=(Rule(target=_COLUMN, source="sample.value"),))
    rows = []
    for kind, sample in SAMPLES.items():
        found = _mapped(rule, kind, sample)["SUBTABLE"]["value"]
        rows.append(f"| `{kind.value}` | {_shown(sample)} | {len(found)} | {_shown(found[0])} |")
    return "\n".join([_ROWS, "| From | Sample | Rows | The first is written as |", "|---|---|---|---|", *rows])


_ROWS = """\
## SUBTABLE

The rule of a table has a rule for each column. Each item of a list makes a row; what is no list stands in each row. A
column takes what a field of its type takes, files too, and a problem names row and column. Here the column is a
single-line text.
"""


def _lookups() -> str:
    return (
        "## Lookups\n\nThe key of a lookup is written like a field of its own type. The referenced app has to hold the "
        "value, and the connection needs a token of that app with 'View records'; kintone then fills the other fields "
        "of the lookup by itself. How long a key may be is not told.\n"
    )


def _not_written() -> str:
    rows = [f"| {name} | {text.en} |" for name, text in NOT_WRITTEN.items()]
    more = [
        f"| SINGLE_LINE_TEXT with a formula | {CALCULATED.en} |",
        f"| any field that a lookup fills | {FILLED_BY_LOOKUP.en} |",
    ]
    return "\n".join(["## Not written\n", "| kintone's type | Why |", "|---|---|", *rows, *more])


_SCHEMA = schema_of(
    "1",
    {
        **{name: {"label": name, **item} for name, item in FORM.items()},
        "SUBTABLE": {"type": "SUBTABLE", "fields": {_COLUMN: {"type": "SINGLE_LINE_TEXT"}}},
    },
)


def _field(name: str) -> Field:
    found = _SCHEMA.field(name)
    assert found is not None, name
    return found


def _sample(kind: FieldType, field: Field) -> Any:
    return READABLE.get(field.type, SAMPLES[kind]) if kind is T.TEXT else SAMPLES[kind]


def _choices(kind: FieldType, field: Field) -> dict[str, str | None]:
    """A value table where the sample is no option's name or label."""
    if field.type not in (T.CHOICE, T.CHOICES) or kind in (T.CHOICE, T.CHOICES, T.BOOLEAN):
        return {}
    return {str(one): "LINE" for one in _items(SAMPLES[kind])}


def _items(sample: Any) -> Iterator[Any]:
    yield from sample if isinstance(sample, list) else [sample]


def _mapped(rule: Rule, kind: FieldType, sample: Any) -> dict[str, Any]:
    offered = (SourceChoice(code="line", label=Text(ja="LINE", en="LINE")),)
    offered += (SourceChoice(code="mail", label=Text(ja="メール", en="Mail")),)
    choices = offered if kind in (T.CHOICE, T.CHOICES) else ()
    label = Text(ja="見本", en="Sample")
    source = SourceSchema(
        fields=(SourceField(key="sample.value", type=kind, label=label, choices=choices, sample=sample),)
    )
    mapping = Mapping(rules=(rule,), time_zone="Asia/Tokyo")
    rendered = Renderer(mapping, source, _SCHEMA).render({"sample.value": sample}, key="k")
    assert not rendered.problems, rendered.problems
    request = MapRequest(key="k", values=rendered.values, target_schema=_SCHEMA, options=NoOptions(), settings={})
    result = map_record(request)
    assert result.record is not None, result.problems
    return dict(result.record.fields)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=_file)
    return f"`{text}`".replace("|", "\\|")


def _file(value: Any) -> Any:
    assert isinstance(value, FileRef)
    return {"fileKey": "…"}


if __name__ == "__main__":
    (HERE / "field-types.md").write_text(field_types(), encoding="utf-8")
