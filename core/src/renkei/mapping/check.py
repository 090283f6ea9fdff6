"""Checking a mapping before anything is saved: every problem, by field, at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from renkei.mapping.conversion import TEXTS, compatible, takes_first_only
from renkei.mapping.counterpart import CHOICE_TYPES, Counterparts, NoCounterpart
from renkei.mapping.render import check_constant, zone_of
from renkei.mapping.rules import Mapping, Rule
from renkei.mapping.source import ALWAYS_THERE, DELIVERY_KEY, DELIVERY_KEY_LENGTH, SourceField, SourceSchema
from renkei.mapping.template import BadTemplate, Template
from renkei.mapping.unfit import Unfit, named_source, named_target
from renkei.spec import Field, FieldType, Problem, TargetSchema, Text

_LISTED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What `check` found. With any of *errors* the mapping must not be saved; *warnings* are for the admin to weigh."""

    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def check(mapping: Mapping, source: SourceSchema, target: TargetSchema, *, uniqueness: str) -> CheckResult:
    """List every problem of *mapping* between the two schemas, and what discovery itself has warned of.

    Args:
        mapping: the rules to look at.
        source: what the host offers.
        target: the target as it was discovered.
        uniqueness: the manifest's word: `atomic`, `checked` or `none`.
    """
    found = _Checker(mapping, source, target)
    found.check_time_zone()
    for rule in mapping.rules:
        found.check_rule(rule)
    found.check_required()
    found.check_key(uniqueness)
    told = (Problem(field="", code="discovery_warning", message=text) for text in target.warnings)
    return CheckResult(tuple(found.errors), (*found.warnings, *told))


class _Checker:
    """Collects what is wrong. *item_by_item*: of a list, each value gets a row of its own."""

    def __init__(
        self, mapping: Mapping, source: SourceSchema, target: TargetSchema, *, item_by_item: bool = False
    ) -> None:
        self._mapping, self._source, self._target = mapping, source, target
        self._zone = zone_of(mapping.time_zone) or ZoneInfo("UTC")
        self._counts = Counter(mapping.targets)
        self._item_by_item = item_by_item
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def _error(self, field: str, code: str, ja: str, en: str) -> None:
        problem = Problem(field=field, code=code, message=Text(ja=ja, en=en))
        if problem not in self.errors:
            self.errors.append(problem)

    def _warn(self, field: str, code: str, ja: str, en: str) -> None:
        self.warnings.append(Problem(field=field, code=code, message=Text(ja=ja, en=en)))

    def check_time_zone(self) -> None:
        if zone_of(self._mapping.time_zone) is None:
            self._error(
                "time_zone",
                "bad_time_zone",
                "この名前の時間帯はありません。Asia/Tokyoのような名前で指定してください。",
                "There is no time zone of this name. Give one such as Asia/Tokyo.",
            )

    def check_rule(self, rule: Rule) -> None:
        field = self._target.field(rule.target)
        if field is None:
            ja, en = f"「{rule.target}」: 連携先「{self._target.label}」にこの項目がありません。", repr(rule.target)
            self._error(
                rule.target,
                "unknown_target",
                f"{ja}項目を選び直すか、このルールを削除してください。",
                f"{en}: the target {self._target.label!r} has no such field. Choose another or remove the rule.",
            )
            return
        if self._counts[rule.target] > 1:
            named = named_target(field)
            self._error(
                rule.target,
                "two_rules",
                f"{named.ja}: 同じ項目へのルールが{self._counts[rule.target]}つあります。1つにしてください。",
                f"{named.en}: {self._counts[rule.target]} rules fill this field. Keep one.",
            )
        if not self._is_writable(field):
            return
        if rule.columns or field.type is FieldType.TABLE:
            self._check_columns(rule, field)
        elif rule.source is not None:
            self._check_source(rule, field)
        elif rule.template is not None:
            self._check_template(rule, field)
        else:
            self._check_fixed(rule, field, rule.constant, "bad_constant")
        if rule.fallback is not None:
            self._check_fixed(rule, field, rule.fallback, "bad_fallback")
        elif rule.other_choice == "fallback":
            named = named_target(field)
            self._error(
                field.code,
                "bad_fallback",
                f"{named.ja}: 対応する選択肢がないときに代替値を使う設定ですが、代替値がありません。設定してください。",
                f"{named.en}: values without counterpart shall take the fallback, but there is none. Give one.",
            )

    def _check_columns(self, rule: Rule, field: Field) -> None:
        """A table takes a rule with columns, and each column is checked as a field of a target of its own."""
        named = named_target(field)
        if field.type is not FieldType.TABLE:
            self._error(
                field.code,
                "not_a_table",
                f"{named.ja}: テーブルの項目ではないため、列(columns)は指定できません。",
                f"{named.en} is no table, and takes no columns.",
            )
            return
        if not rule.columns:
            self._error(
                field.code,
                "table_without_columns",
                f"{named.ja}: テーブルの項目です。列(columns)ごとに、連携元の項目か固定値を選んでください。",
                f"{named.en} is a table: give a rule for each of its columns.",
            )
            return
        inner = TargetSchema(target=self._target.target, label=field.label or field.code, fields=field.fields)
        inner_rules = Mapping(rules=rule.columns, time_zone=self._mapping.time_zone)
        columns = _Checker(inner_rules, self._source, inner, item_by_item=True)
        columns.check_columns()
        for problem in columns.errors:
            self._error(*_placed(problem, field))
        for problem in columns.warnings:
            self._warn(*_placed(problem, field))

    def check_columns(self) -> None:
        """Everything that is wrong with the columns of a table."""
        for rule in self._mapping.rules:
            if rule.source == DELIVERY_KEY:
                self._error(
                    rule.target,
                    "key_in_table",
                    "連携キーはテーブルの列に入れられません。値の重複を許さない項目に割り当ててください。",
                    "the delivery key cannot go into a table's column: map it to a unique field.",
                )
            else:
                self.check_rule(rule)
        self.check_required()

    def _is_writable(self, field: Field) -> bool:
        if field.writable:
            return True
        named = named_target(field)
        why = field.why_not or Text(ja="システムが値を決める項目です。", en="its value is set by the system.")
        self._error(
            field.code,
            "not_writable",
            f"{named.ja}: 書き込めない項目です。{why.ja}別の項目を選んでください。",
            f"{named.en} cannot be written: {why.en} Choose another field.",
        )
        return False

    def _check_source(self, rule: Rule, field: Field) -> None:
        offered = self._source.field(rule.source or "")
        named = named_target(field)
        if offered is None:
            self._error(
                field.code,
                "unknown_source",
                f"{named.ja}: 連携元に{rule.source}という項目がありません。項目を選び直してください。",
                f"{named.en}: the host offers no source field {rule.source!r}. Choose another.",
            )
        elif not compatible(offered.type, field):
            origin, is_now, wanted = named_source(offered), offered.type.label, field.type.label
            self._error(
                field.code,
                "not_compatible",
                f"{named.ja}: {origin.ja}の型（{is_now.ja}）は、この項目の型（{wanted.ja}）に変換できません。"
                "別の項目を選んでください。",
                f"{named.en}: {origin.en} of type {is_now.en!r} cannot become {wanted.en!r}. Choose another field.",
            )
        else:
            self._check_table(rule, field, offered)
            self._check_presence(rule, field, offered)
            self._check_count(rule, field, offered)

    def _check_count(self, rule: Rule, field: Field, offered: SourceField) -> None:
        """Several values into a field of one, without the word that the first is meant."""
        if self._item_by_item or rule.join == "first" or not takes_first_only(offered.type, field):
            return
        named, origin = named_target(field), named_source(offered)
        self._warn(
            field.code,
            "only_first",
            f"{named.ja}: {origin.ja}は複数の値を持つことがあり、最初の1つだけが入ります。それでよければjoinを"
            "firstにし、すべて残すには文字列か複数選択の項目を選んでください。",
            f"{named.en}: {origin.en} may hold several values, and only the first goes in. Set join to first if that "
            "is meant, or choose a field of text or of several choices.",
        )

    def _check_presence(self, rule: Rule, field: Field, offered: SourceField) -> None:
        """A required field that is fed by something not every action has."""
        required = field.required and not field.has_default
        if not required or rule.fallback is not None or offered.key in ALWAYS_THERE:
            return
        named, origin = named_target(field), named_source(offered)
        self._warn(
            field.code,
            "no_fallback",
            f"{named.ja}: 必須項目ですが、{origin.ja}のない行動もあり得ます。その行動は連携できません。"
            "代替値の設定をおすすめします。",
            f"{named.en} is required, but an action may lack {origin.en}, and would be rejected. Give a fallback.",
        )

    def _check_table(self, rule: Rule, field: Field, offered: SourceField) -> None:
        if field.type in CHOICE_TYPES:
            self._check_table_targets(rule, field)
            self._check_counterparts(rule, field, offered)
        codes = set(offered.label_of) if offered.choices else set(rule.choices)
        if offered.type is FieldType.BOOLEAN:
            codes = {"true", "false"}
        unknown = [code for code in rule.choices if code not in codes]
        if unknown:
            named, origin = named_target(field), named_source(offered)
            self._warn(
                field.code,
                "unknown_source_choice",
                f"{named.ja}: 対応表の{_listed(unknown)}は、{origin.ja}の値にありません。綴りを確認してください。",
                f"{named.en}: the value table lists {_listed(unknown)}, which {origin.en} does not have. Check it.",
            )

    def _check_table_targets(self, rule: Rule, field: Field) -> None:
        codes = {choice.code for choice in field.choices}
        gone = [] if field.choices_open else [code for code in rule.choices.values() if code and code not in codes]
        if gone:
            named = named_target(field)
            self._error(
                field.code,
                "unknown_target_choice",
                f"{named.ja}: 値の対応表にある{_listed(gone)}は、この項目の選択肢にありません。選び直してください。",
                f"{named.en}: the value table leads to {_listed(gone)}, which is not among its choices. Choose again.",
            )

    def _check_counterparts(self, rule: Rule, field: Field, offered: SourceField) -> None:
        counterparts = Counterparts(rule, offered, field)
        codes = ["true", "false"] if offered.type is FieldType.BOOLEAN else list(offered.label_of)
        missing = [code for code in codes if isinstance(counterparts.find(code), NoCounterpart)]
        if not missing:
            return
        named = named_target(field)
        what = (f"{_listed(missing)}に対応する選択肢がありません。", f"no choice corresponds to {_listed(missing)}.")
        if rule.other_choice == "reject":
            self._error(
                field.code,
                "choice_without_counterpart",
                f"{named.ja}: {what[0]}値の対応表に追加するか、対応がない値の扱いを選んでください。",
                f"{named.en}: {what[1]} Add them to the value table, or choose what happens to such values.",
            )
            return
        how = (
            ("空にします", "left empty")
            if rule.other_choice == "skip"
            else ("代替値にします", "replaced by the fallback")
        )
        self._warn(
            field.code,
            "choice_without_counterpart",
            f"{named.ja}: {what[0]}設定に従い、その値は{how[0]}。",
            f"{named.en}: {what[1]} As the rule says, they are {how[1]}.",
        )

    def _check_template(self, rule: Rule, field: Field) -> None:
        named = named_target(field)
        if not compatible(FieldType.TEXT, field):
            self._error(
                field.code,
                "not_compatible",
                f"{named.ja}: テンプレートの文字列は、この項目の型（{field.type.label.ja}）に変換できません。",
                f"{named.en}: the text of a template cannot become {field.type.label.en!r}. Use a source field.",
            )
            return
        try:
            Template(rule.template or "", self._source, self._zone, html=field.type is FieldType.HTML)
        except BadTemplate as bad:
            self._error(field.code, "bad_template", f"{named.ja}: {bad.ja}", f"{named.en}: {bad.en}")

    def _check_fixed(self, rule: Rule, field: Field, raw: object, code: str) -> None:
        named = named_target(field)
        what = ("固定値", "the constant") if code == "bad_constant" else ("代替値", "the fallback")
        try:
            empty = check_constant(rule, field, raw)
        except Unfit as unfit:
            self._error(
                field.code, code, f"{named.ja}: {what[0]}が使えません。{unfit.ja}", f"{named.en}: {what[1]}: {unfit.en}"
            )
            return
        if empty:
            self._error(
                field.code,
                code,
                f"{named.ja}: {what[0]}が空です。値を入力するか、設定を外してください。",
                f"{named.en}: {what[1]} is empty. Give a value or remove it.",
            )

    def check_required(self) -> None:
        for field in self._target.fields:
            if not field.required or field.has_default or not field.writable or field.code in self._counts:
                continue
            named = named_target(field)
            self._error(
                field.code,
                "required_unmapped",
                f"{named.ja}: 必須項目ですが、マッピングされていません。連携元の項目か固定値を選んでください。",
                f"{named.en} is required but not mapped. Choose a source field or a constant for it.",
            )

    def check_key(self, uniqueness: str) -> None:
        """The delivery key wants one unique field that holds all of it."""
        rules = [rule for rule in self._mapping.rules if rule.source == DELIVERY_KEY]
        if len(rules) > 1:
            self._error(
                rules[1].target,
                "two_keys",
                "連携キーを2つ以上の項目に入れることはできません。値の重複を許さない項目1つだけにしてください。",
                "The delivery key goes into one field only. Keep the one that is unique.",
            )
        field = self._target.field(rules[0].target) if rules else None
        if field is not None:
            self._check_key_field(field)
        if field is None or not field.unique:
            self._warn_of_doubt(field, uniqueness)

    def _check_key_field(self, field: Field) -> None:
        named = named_target(field)
        if field.type not in TEXTS and compatible(FieldType.TEXT, field):
            self._error(
                field.code,
                "key_not_text",
                f"{named.ja}: 連携キーは文字列の項目に入れてください。",
                f"{named.en}: the delivery key needs a text field.",
            )
        if field.max_length is not None and field.max_length < DELIVERY_KEY_LENGTH:
            self._error(
                field.code,
                "key_too_short",
                f"{named.ja}: 連携キーは{DELIVERY_KEY_LENGTH}文字ですが、上限は{field.max_length}です。"
                "上限を広げるか、別の項目を選んでください。",
                f"{named.en}: the delivery key has {DELIVERY_KEY_LENGTH} characters, but only {field.max_length} fit. "
                "Widen the field or choose another.",
            )

    def _warn_of_doubt(self, field: Field | None, uniqueness: str) -> None:
        cost = (
            "応答が途絶えた送信は、書き込まれたかどうか判定できず「不明」となり、人の確認が必要になります。",
            "When an answer is lost, nobody can tell whether the record was written: a person has to settle it.",
        )
        if uniqueness == "none":
            remedy = (
                "この連携先は値の重複を防げません。連携キーを入れる項目があれば、記録を探す手がかりになります。",
                "This backend cannot keep values unique. A field with the delivery key still helps to find a record.",
            )
        else:
            remedy = (
                "値の重複を許さない文字列の項目を用意し、連携キー(delivery.key)を割り当ててください。",
                "Make a text field that allows no duplicates and map the delivery key (delivery.key) to it.",
            )
        code = field.code if field else ""
        named = named_target(field) if field else None
        ja = f"{named.ja}は値の重複を許す項目です。" if named else "連携キーを入れる重複禁止の項目がありません。"
        en = f"{named.en} allows duplicates. " if named else "No unique field takes the delivery key. "
        self._warn(code, "no_delivery_key", ja + cost[0] + remedy[0], en + cost[1] + " " + remedy[1])


def _placed(problem: Problem, table: Field) -> tuple[str, str, str, str]:
    named = named_target(table)
    ja, en = f"{named.ja}の列、{problem.message.ja}", f"{named.en}, column {problem.message.en}"
    return f"{table.code}.{problem.field}", problem.code, ja, en


def _listed(codes: list[str]) -> str:
    text = ", ".join(repr(code) for code in codes[:_LISTED_AT_MOST])
    return text if len(codes) <= _LISTED_AT_MOST else f"{text} (+{len(codes) - _LISTED_AT_MOST})"
