"""Templates over source fields: Liquid with everything taken away that could read, wait or grow.

No includes, no files, no clock (`date` knows the word "now"), a bounded number of loops, bounded memory and output.
The library is imported with the first template: it costs 0.1 s, and most mappings have none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from renkei.mapping.conversion import text_of, too_heavy
from renkei.mapping.markup import TooHeavy, clean_html
from renkei.mapping.reading import checked, read
from renkei.mapping.source import DELIVERY_KEY, SourceField, SourceSchema
from renkei.mapping.unfit import Unfit, named_source
from renkei.spec import FieldType

if TYPE_CHECKING:
    from liquid import BoundTemplate, Environment
    from liquid.expression import Expression
    from liquid.static_analysis import Segments

SOURCE_LIMIT = 20_000
OUTPUT_LIMIT = 1_000_000
LOOP_LIMIT = 2_000
ITEM_LIMIT = 2_000


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


_TAGS = _words(
    "# assign break capture case comment content continue cycle decrement doc echo for if ifchanged "
    "illegal increment liquid output unless"
)
_FILTERS = _words(
    "abs append at_least at_most capitalize ceil compact concat default divided_by downcase escape "
    "escape_once first floor join last lstrip minus modulo newline_to_br plus prepend remove remove_first "
    "remove_last replace replace_first replace_last reverse round rstrip size slice sort sort_natural "
    "split squish strip strip_html strip_newlines times truncate truncatewords uniq upcase url_decode "
    "url_encode"
)
_ITEM_PARTS = frozenset({"size", "first", "last"})


class BadTemplate(ValueError):
    """A template that cannot be used. *ja* and *en* say why; neither repeats a value."""

    def __init__(self, *, ja: str, en: str) -> None:
        self.ja = ja
        self.en = en
        super().__init__(en)


class Template:
    """A compiled template and the source fields that it reads.

    Raises:
        BadTemplate: its syntax is wrong, or it names something that the host does not offer.
    """

    def __init__(self, text: str, source: SourceSchema, zone: tzinfo, *, html: bool) -> None:
        self._template = _compiled(text, html=html)
        keys = _keys_of(self._template, source)
        fields = [field for field in (source.field(key) for key in sorted(keys)) if field is not None]
        self._variables = [_Variable(field, zone, html=html) for field in fields]

    def render(self, values: Mapping[str, Any], key: str) -> str:
        """The text for one action; a missing field reads as empty.

        Raises:
            Unfit: a value cannot be read, or the template grows beyond its limits. `Unfit.origin` names the field.
        """
        variables: dict[str, Any] = {}
        for variable in self._variables:
            raw = key if variable.key == DELIVERY_KEY else values.get(variable.key)
            if raw is not None:
                variable.put(raw, variables)
        try:
            return self._template.render(**variables)
        except Exception:  # whatever a template makes of its values is a fault of the template, not of the worker
            raise Unfit(
                "template_failed",
                ja="テンプレートを展開できませんでした。繰り返しや出力の上限、値の計算を確認してください。",
                en="the template could not be rendered. Check its loops, its size and its arithmetic.",
            ) from None


class _Variable:
    """One source field as a template sees it: text, a list of texts, a whole number or a yes/no."""

    def __init__(self, field: SourceField, zone: tzinfo, *, html: bool) -> None:
        self.key = field.key
        self._type = field.type
        self._path = field.key.split(".")
        self._named = named_source(field)
        as_is = field.type in (FieldType.BOOLEAN, FieldType.INTEGER)
        self._write: Callable[[Any], Any] = (lambda value: value) if as_is else text_of(field, zone)
        if html and field.type is FieldType.HTML:
            self._write = _safe_html

    def put(self, raw: Any, variables: dict[str, Any]) -> None:
        try:
            value = read(self._type, raw)
            if value is None:
                return
            value = self._write(value)
        except Unfit as unfit:
            unfit.origin = self._named
            raise
        for part in self._path[:-1]:
            variables = variables.setdefault(part, {})
        variables[self._path[-1]] = list(value) if isinstance(value, tuple) else value


def _safe_html(value: str) -> Any:
    from liquid import Markup

    try:
        return Markup(checked(clean_html(value)))  # cleaned just now
    except TooHeavy:
        raise too_heavy() from None


def _compiled(text: str, *, html: bool) -> BoundTemplate:
    from liquid.exceptions import LiquidError

    if len(text) > SOURCE_LIMIT:
        raise BadTemplate(
            ja=f"テンプレートは{SOURCE_LIMIT:,}文字までです。",
            en=f"a template has at most {SOURCE_LIMIT:,} characters.",
        )
    try:
        return _environment(html).from_string(text)
    except LiquidError as error:
        found = error.context()
        place = (f"{found[0]}行目: ", f"line {found[0]}: ") if found else ("", "")
        raise BadTemplate(
            ja=f"{place[0]}テンプレートの書き方に誤りがあります({error.message})。",
            en=f"{place[1]}the template is not well-formed: {error.message}.",
        ) from None
    except (RecursionError, ValueError):
        raise BadTemplate(ja="テンプレートを読み取れません。", en="the template cannot be read.") from None


def _keys_of(template: BoundTemplate, source: SourceSchema) -> set[str]:
    """Keys of the source fields that *template* reads; Liquid itself would miss a filter only while rendering."""
    found: set[str] = set()
    analysis = template.analyze(include_partials=False)
    for name in analysis.filters:
        if name not in _FILTERS:
            raise BadTemplate(
                ja=f"テンプレートでは{name!r}というフィルターを使えません。別の書き方にしてください。",
                en=f"the filter {name!r} is not available in templates. Write it without.",
            )
    if _has_loose_range(template):
        raise BadTemplate(
            ja="(1..5)のような範囲は、forでの繰り返しにだけ使えます。",
            en="a range such as (1..5) can only stand in a for loop.",
        )
    for variables in analysis.globals.values():
        for variable in variables:
            found.add(_key(variable.segments, source))
    return found


def _has_loose_range(template: BoundTemplate) -> bool:
    """Whether a range stands outside of a loop: there nothing bounds it, `(1..9999999999) contains "x"` runs on."""
    from liquid import RenderContext

    context = RenderContext(template)
    nodes = list(template.nodes)
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children(context, include_partials=False))
        if any(_is_loose_range(expression) for expression in node.expressions()):
            return True
    return False


def _is_loose_range(expression: Expression) -> bool:
    from liquid.builtin.expressions.loop import LoopExpression
    from liquid.builtin.expressions.primitive import RangeLiteral

    if isinstance(expression, RangeLiteral):
        return True
    inner = list(expression.children())
    if isinstance(expression, LoopExpression) and isinstance(expression.iterable, RangeLiteral):
        inner.remove(expression.iterable)
        inner.extend(expression.iterable.children())
    return any(_is_loose_range(child) for child in inner)


def _key(segments: Segments, source: SourceSchema) -> str:
    path = ""
    for index, segment in enumerate(segments):
        if not isinstance(segment, str):
            break
        path = f"{path}.{segment}" if path else segment
        if source.field(path):
            rest = segments[index + 1 :]
            if len(rest) > 1 or any(isinstance(part, str) and part not in _ITEM_PARTS for part in rest):
                break
            return path
    raise BadTemplate(
        ja=f"テンプレートにある{path or '?'}という項目はありません。項目一覧のキーをそのまま書いてください。",
        en=f"the template reads {path or '?'!r}, which is no source field. Write a key as the list of fields has it.",
    )


@lru_cache(maxsize=2)
def _environment(html: bool) -> Environment:
    """The Liquid that is left, for text or for HTML."""
    from liquid import Environment

    class Restricted(Environment):
        block_nesting_limit = 20
        context_depth_limit = 20
        loop_iteration_limit = LOOP_LIMIT
        local_namespace_limit = OUTPUT_LIMIT
        output_stream_limit = OUTPUT_LIMIT

    environment = Restricted(autoescape=html)
    environment.tags = {name: tag for name, tag in environment.tags.items() if name in _TAGS}
    environment.filters = {name: _bounded(name, work) for name, work in environment.filters.items() if name in _FILTERS}
    return environment


def _bounded(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """*work*, refusing what would take memory out of proportion: the limits of Liquid look at what is kept only."""

    @functools.wraps(work)
    def bounded(left: Any, *arguments: Any, **options: Any) -> Any:
        for value in (left, *arguments):
            if isinstance(value, (range, list, tuple)) and len(value) > ITEM_LIMIT:
                raise OverflowError(name)
            if isinstance(value, int) and value.bit_length() > 4096:
                raise OverflowError(name)
        if name.startswith("replace") and len(arguments) > 1:
            _refuse_growth(str(left), str(arguments[0]), str(arguments[1]))
        if name == "join" and arguments and len(left) * len(str(arguments[0])) > OUTPUT_LIMIT:
            raise OverflowError(name)
        result = work(left, *arguments, **options)
        if isinstance(result, str) and len(result) > OUTPUT_LIMIT:
            raise OverflowError(name)
        return result

    return bounded


def _refuse_growth(text: str, old: str, new: str) -> None:
    if len(text) + (text.count(old) + 1) * len(new) > OUTPUT_LIMIT:
        raise OverflowError("replace")
