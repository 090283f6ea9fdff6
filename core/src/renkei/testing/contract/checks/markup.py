"""Check Z03: what a browser would run reaches no field that a browser shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from typing import Any, Final

from renkei.spec import Field, FieldType, Value, WireRecord
from renkei.testing.contract import values
from renkei.testing.contract.broken import require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.checks.settling import settle
from renkei.testing.contract.checks.told import strings_in
from renkei.testing.contract.connection import key
from renkei.testing.contract.stage import Stage

_BEFORE: Final = "見積のお願い"
_AFTER: Final = "a & b"
_WAYS: Final[Mapping[str, str]] = {
    "a script": "<script>alert(1)</script>",
    "a script in capitals, with attributes": '<SCRIPT type="text/javascript" src="//evil.example/x.js"></SCRIPT>',
    "a script inside a tag": "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "an event handler": '<img src="x" onerror="alert(1)">',
    "an event handler in capitals, without quotes": "<IMG SRC=x ONERROR=alert(1)>",
    "an event handler behind a slash": "<svg/onload=alert(1)></svg>",
    "a link that is a script": '<a href="javascript:alert(1)">open</a>',
    "a link that is a script in disguise": '<a href=" &#106;ava&#10;Scri&#x09;pt:alert(1)">open</a>',
    "a link that is a page of its own": '<a href="data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;">open</a>',
    "a frame that is a page of its own": '<iframe srcdoc="&lt;script&gt;alert(1)&lt;/script&gt;"></iframe>',
    "a form that runs a script": '<form action="javascript:alert(1)"><button>open</button></form>',
}
_RUN_AS: Final = ("javascript:", "vbscript:", "data:text/html")


class MarkupChecks:
    """Check Z03."""

    @check("Z03", traffic=True)
    def test_z03_nothing_that_a_browser_would_run_is_sent(self, stage: Stage) -> None:
        """For a field of HTML nothing is sent or stored that a browser would run: no script, no event handler, no
        address that is a script. A text field keeps such words as the text that they are.

        Why: the words come from strangers' mails. What is run when an agent opens the record acts with the agent's
        rights in the CRM; whether a backend cleans what its API is given, and how well, nobody promises.
        Mend: pass the value of each `html` field through a cleaner with a list of what is allowed (nh3), or make what
        it would take out a problem; leave text fields alone.
        """
        schema, kit = stage.good.schema, stage.kit
        numbers = iter(range(70_000, 80_000))
        for field in values.settable(schema, kit.examples):
            if field.type is FieldType.HTML and field.code not in kit.filled:
                for what, markup in _WAYS.items():
                    _require_harmless(stage, field, what, markup, next(numbers))
        text = values.long_text_field(schema, kit.key_field)
        if text is not None and text.code not in kit.examples:
            for what, markup in _WAYS.items():
                _require_kept(stage, text, what, markup, next(numbers))


def _require_harmless(stage: Stage, field: Field, what: str, markup: str, number: int) -> None:
    html = f"<p>{_BEFORE}</p>{markup}<p>a &amp; b</p>"
    record = _mapped(stage, field, html, number)
    if record is None:
        return
    where = f"field {field.code!r}, {what}"
    with stage.wire.since_now() as exchanges:
        settled = settle(stage.good, [record])
    sent = [*_texts(record.fields), *(text for exchange in exchanges for text in strings_in(exchange.body))]
    require(not any(map(runs, sent)), f"{where}: it is sent as it came")
    read = _read(stage, settled.stored.get(key(number)), field)
    if read is None:
        return
    require(not runs(read), f"{where}: it is stored as it came")
    shown = values.text_of(read)
    require(_BEFORE in shown and _AFTER in shown, f"{where}: the text around it is gone, too")


def _require_kept(stage: Stage, field: Field, what: str, markup: str, number: int) -> None:
    if field.max_length is not None and field.length_unit.measure(markup) > field.max_length:
        return
    record = _mapped(stage, field, markup, number)
    if record is None:
        return
    read = _read(stage, settle(stage.good, [record]).stored.get(key(number)), field)
    require(
        read is None or values.same(field, markup, read),
        f"text field {field.code!r}, {what}: it was changed, although nothing in a text is run",
    )


def _mapped(stage: Stage, field: Field, value: Value, number: int) -> WireRecord | None:
    """The record, or None where `crm_map` has something against it."""
    row = {**stage.good.values(number, only_required=True), field.code: value}
    return answered("crm_map", lambda: stage.good.map(row, key=key(number))).record


def _read(stage: Stage, id: str | None, field: Field) -> str | None:
    """What the field of a stored record holds; None where it was not stored."""
    found = next((record for record in stage.read() if record.id == id), None) if id is not None else None
    return None if found is None else str(found.values.get(field.code, ""))


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, Sequence):
        for value in data:
            yield from _texts(value)


def runs(html: str) -> bool:
    """Whether a browser would run something in *html*."""
    reader = _Runnable()
    reader.feed(html)
    reader.close()
    return reader.found


class _Runnable(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= tag == "script"
        for name, value in attrs:
            plain = "".join(character for character in value or "" if character > " ").lower()
            self.found |= name.startswith("on") or name == "srcdoc" or plain.startswith(_RUN_AS)
