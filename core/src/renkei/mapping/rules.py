"""Rules, and the mapping that they make: plain data that is stored with a revision and survives JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping as AnyMapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, PlainSerializer, ValidationError, model_validator

from renkei.mapping.source import DELIVERY_KEY
from renkei.spec import FrozenMap, Model, Problem, SettingsError, Text, freeze


def _json_data(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("not_json") from None
    return freeze(value)


def _thawed(value: Any) -> Any:
    """Frozen data as `json` writes and reads it."""
    if isinstance(value, AnyMapping):
        return {key: _thawed(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_thawed(item) for item in value]
    return value


JSON = Annotated[Any, AfterValidator(_json_data), PlainSerializer(_thawed, when_used="json")]
"""JSON data, deeply frozen."""


class Rule(Model):
    """How one target field gets its value: from exactly one of *source*, *constant*, *template* and *columns*.

    Attributes:
        target: code of the target field.
        source: key of a source field. A choice goes into a text as its Japanese label.
        constant: the same JSON value in every record.
        template: Liquid over the source fields, `{{ ticket.title }}`.
        choices: value table: source code → target code, or None to leave the field empty. For yes/no sources the
            codes are `true` and `false`. Into a text field, the table gives the words to write.
        other_choice: what happens to a value that is neither in the table nor, by code or label, among the target's
            choices: reject the record, leave the field empty (with a note), or take *fallback*.
        fallback: JSON value of the target field where the source is missing.
        too_long: reject the record, or cut the text and end it with *marker*. Addresses are never cut.
        marker: the end of a cut text; it counts.
        join: how a list goes into a text; into a single line, `newline` joins with commas. Into a field of one value
            goes the first in any case: `first` says that this is meant, otherwise there is a warning and a note.
        columns: of a table, a rule for each column (`target` is the column's code). The lists among their sources make
            the rows: the first row takes the first item of each, and a shorter list leaves its column empty in the
            rows that it lacks. What is no list stands in each row. Without any list there is one row.
    """

    target: str
    source: str | None = None
    constant: JSON = None
    template: str | None = None
    choices: FrozenMap[str, str | None] = {}  # noqa: RUF012  # frozen by its type
    other_choice: Literal["reject", "skip", "fallback"] = "reject"
    fallback: JSON = None
    too_long: Literal["reject", "cut"] = "reject"
    marker: str = "…"
    join: Literal["newline", "comma", "first"] = "newline"
    columns: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _exactly_one_origin(self) -> Rule:
        origins = (self.source, self.constant, self.template, self.columns or None)
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError("one_origin")
        if self.columns and self.model_dump(exclude_defaults=True).keys() - {"target", "columns"}:
            raise ValueError("columns_alone")
        if any(column.columns for column in self.columns):
            raise ValueError("table_in_table")
        return self


class Mapping(Model):
    """All rules of one revision.

    Attributes:
        rules: at most one per target field; `check` says where there are more.
        time_zone: IANA name. Dates, times and texts made of a date-time are in this zone.
    """

    rules: tuple[Rule, ...] = ()
    time_zone: str = "Asia/Tokyo"

    @classmethod
    def parse(cls, raw: AnyMapping[str, Any]) -> Self:
        """The mapping that *raw* describes, as stored or typed.

        Raises:
            SettingsError: each problem names its place, such as `rules.2.too_long`, without the value.
        """
        try:
            return cls.model_validate(raw if isinstance(raw, cls) else dict(raw))
        except (TypeError, ValueError) as error:
            problems = _problems(error)
        raise SettingsError(problems)

    @property
    def key_field(self) -> str | None:
        """Code of the target field that takes the delivery key as it is, None where no rule says so."""
        for rule in self.rules:
            if rule.source == DELIVERY_KEY:
                return rule.target
        return None

    @property
    def targets(self) -> tuple[str, ...]:
        """Codes of the mapped target fields, in the order of the rules."""
        return tuple(rule.target for rule in self.rules)

    def rule_for(self, target: str) -> Rule | None:
        """The rule of that target field, or None."""
        for rule in self.rules:
            if rule.target == target:
                return rule
        return None


_SENTENCES = {
    "missing": ("required", "この項目は必須です。", "This entry is required."),
    "extra_forbidden": (
        "unknown",
        "この項目はマッピングにありません。綴りを確認するか、削除してください。",
        "A mapping has no such entry; check its spelling or remove it.",
    ),
    "literal_error": (
        "not_allowed",
        "選べない値です。説明にある値から選んでください。",
        "This is not one of the values to choose from; see the description of the entry.",
    ),
    "one_origin": (
        "one_origin",
        "source、constant、template、columnsのうち、ちょうど1つを指定してください。",
        "Give exactly one of source, constant, template and columns.",
    ),
    "columns_alone": (
        "columns_alone",
        "テーブルのルールにはcolumnsだけを指定し、そのほかの設定は各列のルールに書いてください。",
        "The rule of a table has columns and nothing else; give other entries to the rules of its columns.",
    ),
    "table_in_table": (
        "table_in_table",
        "テーブルの列に、さらにcolumnsを指定することはできません。",
        "A column of a table cannot have columns of its own.",
    ),
    "not_json": (
        "not_json",
        "JSONとして保存できない値です。文字列、数値、真偽値、リストで指定してください。",
        "This cannot be stored as JSON; give text, a number, true or false, or a list.",
    ),
    "not_a_mapping": (
        "invalid",
        "マッピングは、rulesを持つJSONオブジェクトで指定してください。",
        "A mapping must be a JSON object that holds rules.",
    ),
}
_OTHERWISE = (
    "invalid",
    "この値の形は使えません。説明のとおりに指定し直してください。",
    "A value of this form cannot be used; give it as the description says.",
)


def _problems(error: TypeError | ValueError) -> list[Problem]:
    if not isinstance(error, ValidationError):
        return [_problem("", "not_a_mapping")]
    found = []
    for item in error.errors(include_url=False, include_input=False):
        cause = item.get("ctx", {}).get("error")
        found.append(_problem(".".join(str(part) for part in item["loc"]), str(cause) if cause else item["type"]))
    return found


def _problem(field: str, kind: str) -> Problem:
    code, ja, en = _SENTENCES.get(kind, _OTHERWISE)
    return Problem(field=field, code=code, message=Text(ja=ja, en=en))
