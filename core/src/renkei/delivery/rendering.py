"""From a waiting delivery to a wire record, by the revision it was recorded under."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from renkei.delivery.reasons import explain
from renkei.mapping import Mapping, Rendered, Renderer, SourceSchema, load_values, renderer
from renkei.mapping.unfit import named_target
from renkei.plugins import Backend, PluginFault
from renkei.spec import FrozenDict, MapRequest, MapResult, Problem, Settings, TargetSchema, Text, WireRecord
from renkei.store.deliveries import Kept, Waiting
from renkei.store.integrations import Revision

log = logging.getLogger("renkei.delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A revision made ready: its mapping compiled against the target as it is now."""

    revision: Revision
    mapping: Mapping
    renderer: Renderer
    schema: TargetSchema


class Bindings:
    """Compiled revisions, kept while they are in use. Revisions never change; the target may."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, str], Binding] = OrderedDict()

    def get(self, revision: Revision, schema: TargetSchema) -> Binding:
        """The binding of *revision* to a target of that shape."""
        place = (revision.id, schema.fingerprint)
        with self._lock:
            if place in self._kept:
                self._kept.move_to_end(place)
                return self._kept[place]
        mapping = Mapping.parse(revision.mapping)
        source = SourceSchema.model_validate(revision.source)
        made = Binding(revision=revision, mapping=mapping, renderer=renderer(mapping, source, schema), schema=schema)
        with self._lock:
            self._kept[place] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """What every record of a lane is rendered with."""

    backend: Backend
    options: Settings
    public_settings: FrozenDict[str, object]


def render(canvas: Canvas, binding: Binding, payload: str, key: str) -> WireRecord | tuple[Problem, ...]:
    """The wire record, or all that is wrong with it, by field.

    Raises:
        PluginFault: `crm_map` fails.
    """
    rendered = binding.renderer.render(load_values(payload), key=key)
    if rendered.problems:
        return (*rendered.problems, *_further_problems(canvas, binding, rendered, key))
    result = _mapped(canvas, binding, rendered, key)
    if result.record is None:
        return tuple(_with_name(problem, binding.schema) for problem in result.problems)
    return result.record


def _further_problems(canvas: Canvas, binding: Binding, rendered: Rendered, key: str) -> Iterator[Problem]:
    """What the plugin has against the other fields: whoever mends a record wants to hear of everything at once."""
    said = {problem.field for problem in rendered.problems}
    try:
        found = _mapped(canvas, binding, rendered, key).problems
    except PluginFault:  # what is wrong is known already, and the record is not sent
        return
    yield from (_with_name(problem, binding.schema) for problem in found if problem.field not in said)


def _with_name(problem: Problem, schema: TargetSchema) -> Problem:
    """A plugin's sentence follows its field, whose name it need not say: where several are read in a row it is said."""
    field = schema.field(problem.field)
    if field is None:
        return problem
    named, label, said = named_target(field), field.label or field.code, problem.message
    ja = said.ja if f"「{label}」" in said.ja else f"{named.ja}: {said.ja}"
    en = said.en if repr(label) in said.en else f"{named.en}: {said.en}"
    return problem.model_copy(update={"message": Text(ja=ja, en=en)})


def _mapped(canvas: Canvas, binding: Binding, rendered: Rendered, key: str) -> MapResult:
    return canvas.backend.map(
        MapRequest.model_construct(
            key=key,
            values=FrozenDict(rendered.values),
            target_schema=binding.schema,
            options=canvas.options,
            settings=canvas.public_settings,
        )
    )


def rejected(row: Waiting, problems: tuple[Problem, ...]) -> Kept:
    """A delivery that cannot be rendered: nothing was sent, and it can be replayed once mended."""
    first = problems[0]
    return Kept(
        id=row.id,
        # What an earlier request may have stored stays open, whatever can be rendered now.
        state="doubtful" if row.maybe_written else "rejected",
        maybe_written=row.maybe_written,
        due_at=row.due_at,
        code=first.code,
        field=first.field or None,
        reason={
            "ja": " ".join(problem.message.ja for problem in problems),
            "en": " ".join(problem.message.en for problem in problems),
        },
    )


def unmappable(row: Waiting, fault: PluginFault) -> Kept:
    """A delivery on which the plugin's `crm_map` fails: this record waits for a mended plugin, the lane goes on."""
    log.error("the plugin cannot map a record: %s", fault, extra={"event": "delivery.map_fault", "delivery": row.id})
    return Kept(
        id=row.id,
        state="doubtful" if row.maybe_written else "rejected",
        maybe_written=row.maybe_written,
        due_at=row.due_at,
        code="map_fault",
        reason=explain(None, "map_fault"),
    )
