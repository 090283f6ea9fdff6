"""Records drawn at random, the same ones each time: hypothesis chooses, the simulator judges."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from renkei.spec import Field, FieldType, Value
from renkei.testing.contract import values
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.settling import settle
from renkei.testing.contract.checks.trying import Trials, shown
from renkei.testing.contract.connection import key
from renkei.testing.contract.edges import Edge
from renkei.testing.contract.stage import Stage

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_EXAMPLES: Final = 40
_BACKEND: Final = "renkei-contract"
_PIECES: Final = (
    *(
        "a",
        "Z",
        "0",
        " ",
        "é",
        "e\u0301",
        "あ",
        "が",
        "か\u3099",
        "𠮷",
        "👩‍🎨",
        "ｶﾞ",
        "Ａ",
        "\u3000",
        "\t",
        "\n",
        "\r\n",
    ),
    *('"', "\\", "'", "&", "<b>", "%", "{", "\u200b", "\ufeff", "\x7f", "\u2028", "\ufa10", "ß", "İ"),
)


def require_drawn_records_hold(stage: Stage) -> None:
    """Draw records, drop what `crm_map` refuses, push the rest, and read it back.

    Raises:
        Broken: something was refused, or reads back as something else.
    """
    trials = Trials.on(stage, start=50_000)
    fields = {field.code: field for field in trials.fields() if field.code not in stage.kit.examples}
    rows = [_without_refused(trials, drawn) for drawn in drawn_records(list(fields.values()))]
    records = [stage.good.wire_record(row.values, key=key(row.number)) for row in rows]
    settled = settle(stage.good, records)
    held = {record.id: record.values for record in stage.read()}
    for row in rows:
        one = key(row.number)
        verdict = settled.refused.get(one)
        told = getattr(verdict, "field", None)
        edge = row.tried.get(told or "")
        require(
            one in settled.stored,
            f"a drawn record maps without a problem and is refused, at field {told!r}"
            + (f": {shown(edge.value)}" if edge else f"; it holds {', '.join(map(repr, row.tried))}"),
        )
        read = held.get(settled.stored[one])
        require(read is not None, "a record that was reported as stored is not found by the probe")
        assert read is not None
        for code, edge in row.tried.items():
            require(
                values.same(fields[code], edge.value, read.get(code)),
                f"field {code!r}: sent {shown(edge.value)}, read {shown(read.get(code))}",
            )


def drawn_records(fields: list[Field]) -> list[dict[str, Value]]:
    """Some records of random values for some of *fields*."""
    from hypothesis import HealthCheck, configuration, given, settings
    from hypothesis import strategies as st

    drawn: list[dict[str, Value]] = []

    @settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        backend=_backend(),
    )
    @given(st.fixed_dictionaries({}, optional={field.code: _strategy(field) for field in fields}))
    def draw(record: dict[str, Value]) -> None:
        drawn.append(record)

    with tempfile.TemporaryDirectory() as folder:
        # hypothesis keeps notes in the working directory, which is the author's.
        configuration.set_hypothesis_home_dir(folder)
        try:
            draw()
        finally:
            configuration.set_hypothesis_home_dir(None)
    return drawn


def _backend() -> str:
    """Hypothesis as it is, without the constants that it would look for in the source of every loaded module.

    What it draws would depend on who else is loaded, and reading a whole checkout takes seconds.
    """
    try:
        from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
    except ImportError:  # not public either: older versions keep them elsewhere, and look for no constants
        return "hypothesis"

    class WithoutConstants(HypothesisProvider):
        # Not public. Under another name it is called no more, and the constants are back: slower, and as right.
        def _maybe_draw_constant(self, *_args: Any, **_options: Any) -> None:
            return None

    AVAILABLE_PROVIDERS[_BACKEND] = WithoutConstants
    return _BACKEND


def _without_refused(trials: Trials, drawn: Mapping[str, Value]) -> Any:
    """A row of what `crm_map` has nothing against. A unique field is left out: chance knows no uniqueness."""
    schema = trials.connection.schema
    unique = {field.code for field in schema.fields if field.unique}
    tried = {code: Edge(name="drawn", value=value) for code, value in drawn.items() if code not in unique}
    row = trials.row(tried)
    result = trials.map(row)
    if result.record is None:
        refused = {problem.field for problem in result.problems}
        row = trials.row({code: edge for code, edge in tried.items() if code not in refused})
    return row


def _strategy(field: Field) -> SearchStrategy[Any]:
    return _STRATEGIES[field.type](field)


def _text(field: Field) -> SearchStrategy[str]:
    from hypothesis import strategies as st

    # Not st.text(): it writes a table of all characters to disk.
    pieces = st.one_of(st.sampled_from(_PIECES), st.integers(0x20, 0x2FFF).map(chr))
    longest = min(field.max_length or 40, 40)
    return st.lists(pieces, min_size=1, max_size=longest).map(lambda found: values.fitted(field, "".join(found)) or "a")


def _number(field: Field) -> SearchStrategy[Decimal]:
    from hypothesis import strategies as st

    most = 10 ** (field.digits or 20)
    return st.builds(
        lambda digits, places: Decimal(f"{digits}E{-places}"),
        st.integers(-most, most),
        st.integers(0, field.decimals if field.decimals is not None else 8),
    )


def _integer(field: Field) -> SearchStrategy[int]:
    from hypothesis import strategies as st

    low = -(2**63) if field.minimum is None else int(field.minimum)
    high = 2**63 if field.maximum is None else int(field.maximum)
    return st.integers(low, high)


def _moment(_field: Field) -> SearchStrategy[datetime]:
    from hypothesis import strategies as st

    zones = [timezone(timedelta(minutes=minutes)) for minutes in (-660, -210, 0, 345, 540, 825)]
    return st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=st.sampled_from(zones))  # noqa: DTZ001 -- hypothesis adds the zone


def _days(_field: Field) -> SearchStrategy[date]:
    from hypothesis import strategies as st

    return st.dates(date(1000, 1, 1), date(9999, 12, 31))


def _times(_field: Field) -> SearchStrategy[time]:
    from hypothesis import strategies as st

    return st.times()


def _choice(field: Field) -> SearchStrategy[str]:
    from hypothesis import strategies as st

    return st.sampled_from([choice.code for choice in field.choices])


def _choices(field: Field) -> SearchStrategy[tuple[str, ...]]:
    from hypothesis import strategies as st

    return st.lists(_choice(field), min_size=1, unique=True).map(tuple)


def _shaped(shape: str) -> Callable[[Field], SearchStrategy[str]]:
    def made(_field: Field) -> SearchStrategy[str]:
        from hypothesis import strategies as st

        letters = st.lists(st.sampled_from("abcXYZ0129-_.~"), min_size=1, max_size=20).map("".join)
        return letters.map(shape.format)

    return made


def _several(shape: str) -> Callable[[Field], SearchStrategy[tuple[str, ...]]]:
    def made(field: Field) -> SearchStrategy[tuple[str, ...]]:
        from hypothesis import strategies as st

        return st.lists(_shaped(shape)(field), min_size=1, max_size=3, unique=True).map(tuple)

    return made


def _html(field: Field) -> SearchStrategy[str]:
    from html import escape

    return _text(field).map(lambda text: f"<p>{escape(text)}</p>")


def _boolean(_field: Field) -> SearchStrategy[bool]:
    from hypothesis import strategies as st

    return st.booleans()


def _phone(_field: Field) -> SearchStrategy[str]:
    from hypothesis import strategies as st

    return st.lists(st.sampled_from("0123456789-"), min_size=3, max_size=15).map("".join)


_STRATEGIES: Final[Mapping[FieldType, Callable[[Field], SearchStrategy[Any]]]] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _text,
    FieldType.HTML: _html,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _days,
    FieldType.TIME: _times,
    FieldType.DATETIME: _moment,
    FieldType.CHOICE: _choice,
    FieldType.CHOICES: _choices,
    FieldType.EMAIL: _shaped("{}@mail.example"),
    FieldType.EMAILS: _several("{}@mail.example"),
    FieldType.PHONE: _phone,
    FieldType.PHONES: lambda field: _phone(field).map(lambda phone: (phone,)),
    FieldType.URL: _shaped("https://desk.example/{}"),
}
