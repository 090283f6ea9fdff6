"""Suggested rules, sorted into those that work at once and those that a person must set up first."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from renkei.cli.output import Output
    from renkei.mapping import Mapping, SourceSchema, Suggestion
    from renkei.spec import TargetSchema, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One suggestion and what becomes of it.

    Attributes:
        left_out: why it is not used; None where it is.
    """

    suggestion: Suggestion
    source_label: Text
    target_label: str
    left_out: Text | None


def propose(
    source: SourceSchema,
    target: TargetSchema,
    *,
    uniqueness: str,
    least: float = 0.5,
    wanted: Collection[str] = (),
    unwanted: Collection[str] = (),
) -> tuple[Proposal, ...]:
    """Judge every suggestion for *target*.

    Args:
        uniqueness: the manifest's word.
        least: confidence below which a suggestion is left out.
        wanted, unwanted: codes of target fields whose suggestion is used, or left out, whatever else is said.
    """
    from renkei.mapping import suggest

    found = suggest(source, target)
    broken = _broken(found, source, target, uniqueness)
    return tuple(_judge(item, source, target, broken, least, wanted, unwanted) for item in found)


def mapping_of(proposals: Iterable[Proposal], time_zone: str = "Asia/Tokyo") -> Mapping:
    """The mapping that the proposals in use make."""
    from renkei.mapping import Mapping

    rules = tuple(proposal.suggestion.rule for proposal in proposals if proposal.left_out is None)
    return Mapping(rules=rules, time_zone=time_zone)


def show_proposals(out: Output, proposals: Iterable[Proposal]) -> None:
    """The mapping screen: source label beside target label, with the confidence."""
    language = out.language
    headings = (
        ("元の項目", "連携先の項目", "確度", "備考")
        if language == "ja"
        else ("source", "target", "confidence", "remark")
    )
    rows = [
        (
            proposal.source_label.in_(language),
            proposal.target_label,
            f"{proposal.suggestion.confidence:.2f}",
            f"– {proposal.left_out.in_(language)}" if proposal.left_out else "",
        )
        for proposal in proposals
    ]
    out.table(headings, rows)


def _broken(
    found: Iterable[Suggestion], source: SourceSchema, target: TargetSchema, uniqueness: str
) -> dict[str, Text]:
    """Target field → what `check` has against its rule."""
    from renkei.mapping import Mapping, check

    rules = tuple(item.rule for item in found)
    mapped = {rule.target for rule in rules}
    errors = check(Mapping(rules=rules), source, target, uniqueness=uniqueness).errors
    return {problem.field: problem.message for problem in errors if problem.field in mapped}


def _judge(
    item: Suggestion,
    source: SourceSchema,
    target: TargetSchema,
    broken: dict[str, Text],
    least: float,
    wanted: Collection[str],
    unwanted: Collection[str],
) -> Proposal:
    from renkei.spec import Text

    code = item.rule.target
    field, offered = target.field(code), source.field(item.rule.source or "")
    left_out = broken.get(code)
    if code in unwanted:
        left_out = Text(ja="--without で除外しました。", en="Left out by --without.")
    elif left_out is None and code not in wanted:
        left_out = _reservation(item, target, least)
    return Proposal(
        suggestion=item,
        source_label=offered.label if offered else Text(ja=code, en=code),
        target_label=(field.label or field.code) if field else code,
        left_out=left_out,
    )


def _reservation(item: Suggestion, target: TargetSchema, least: float) -> Text | None:
    """Why a rule that `check` accepts is left to a person all the same."""
    from renkei.spec import FieldType, Text

    field = target.field(item.rule.target)
    if field is not None and field.references is not None:
        return Text(
            ja="参照先に値があるときだけ書き込めます。使うには --with を付けてください。",
            en="Stored only where the referenced target holds the value; --with uses it.",
        )
    by_code = (FieldType.USER, FieldType.USERS, FieldType.ORGANIZATIONS, FieldType.GROUPS)
    if field is not None and field.type in by_code and not item.rule.choices:
        return Text(
            ja="コードが連携先と一致している必要があります。使うには --with を付けるか、対応表を作ってください。",
            en="The codes must be those of the backend; --with uses it, or give a table in a --mapping file.",
        )
    if item.confidence < least:
        return Text(ja="確度が --min-confidence 未満です。", en="Below --min-confidence.")
    return None
