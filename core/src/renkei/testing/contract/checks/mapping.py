"""Checks G: what `crm_map` makes of values is exactly them, or a problem."""

from __future__ import annotations

from renkei.spec import FieldType, MapResult
from renkei.testing.contract import edges
from renkei.testing.contract.broken import require
from renkei.testing.contract.catalogue import ANYWHERE, check
from renkei.testing.contract.checks.absence import require_absent_stays_absent
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.checks.drawing import require_drawn_records_hold
from renkei.testing.contract.checks.filling import require_no_filler
from renkei.testing.contract.checks.purity import (
    require_choice_of_this_schema,
    require_long_numbers_whole,
    require_problem_without,
    require_same_from_threads,
    require_same_twice,
    require_schema_as_given,
    require_unchanged_input,
)
from renkei.testing.contract.checks.trying import Trials, require_named
from renkei.testing.contract.edges import Edge
from renkei.testing.contract.stage import Stage

_UNKNOWN = "no_such_field"


class MappingChecks:
    """Checks G."""

    @check("G01", sources=ANYWHERE)
    def test_g01_mapping_is_pure(self, stage: Stage) -> None:
        """`crm_map` makes the same of the same input, whoever was mapped before, asks nobody and changes nothing.

        Why: core maps at rehearsal and again before a push, from several threads and for several connections; what
        depends on an earlier call puts one customer's data into another's record.
        Mend: build the record from `request` alone: no module globals, no cache, no clock, no chance, no client; build
        new dicts instead of changing what you were given.
        """
        others = None
        if stage.site.source == "simulator":
            others = answered("the kit's second connection", lambda: stage.second.schema)
        seen = len(stage.wire.exchanges) if stage.good.schema else 0
        require_same_twice(stage, among_others=others is not None)
        require_unchanged_input(stage)
        require_schema_as_given(stage)
        require_same_from_threads(stage)
        require(len(stage.wire.exchanges) == seen, "crm_map sent requests")

    @check("G02", traffic=True)
    def test_g02_a_value_is_represented_exactly_or_is_a_problem(self, stage: Stage) -> None:
        """Every value is represented exactly, or is a problem that names its field; nothing is lost in silence.

        Why: a number that was rounded, a text that was cut, a zone or a field that was dropped is found months later,
        by the customer.
        Mend: in `crm_map`, check each value against its field as discovered (length in `length_unit`, range, digits,
        decimals, choices, Python type) and return a `Problem` with the field's code for all that does not fit; never
        cut, round, strip, normalise, convert or leave out. If the backend itself changes a value, that is a problem
        too.
        """
        trials = Trials.on(stage, start=20_000)
        fields = trials.fields()
        require(fields, "the schema has no writable field besides the key field; the kit's target needs some")
        trials.store({field.code: trials.passing(field) for field in fields})
        for field in fields:
            if field.type is FieldType.NUMBER:
                require_long_numbers_whole(stage, trials, field)
        self._require_no_field_dropped(stage, trials)
        require_no_filler(stage, trials, fields)

    @check("G03", sources=ANYWHERE)
    def test_g03_a_choice_that_the_field_lacks_is_a_problem(self, stage: Stage) -> None:
        """A choice that the discovered field does not have is a problem that names the field.

        Why: a choice that is guessed, or left to the backend's mercy, files a complaint under something else.
        Mend: compare with `choice.code` of the schema in the request, exactly: not with labels, not with another case,
        and not with choices known from elsewhere.
        """
        trials = Trials.on(stage, start=30_000)
        for field in trials.fields():
            if field.type not in (FieldType.CHOICE, FieldType.CHOICES) or field.choices_open:
                continue
            for name, code in edges.strangers(field).items():
                value = code if field.type is FieldType.CHOICE else (field.choices[0].code, code)
                result = trials.map(trials.row({field.code: Edge(name=name, value=value)}))
                require_named(result, field.code, f"{name} in field {field.code!r}")
            require_choice_of_this_schema(stage, trials, field)
        require_named(_with_unknown_field(trials), _UNKNOWN, "a value for a field that does not exist")

    @check("G04", traffic=True)
    def test_g04_what_is_absent_stays_absent(self, stage: Stage) -> None:
        """For a field without a value nothing is sent, so that the backend's own default applies.

        Why: an empty text or a null in its place overwrites the default that the customer chose.
        Mend: loop over `request.values`, not over the schema's fields; send neither null nor an empty text for what is
        not there.
        """
        require_absent_stays_absent(stage)

    @check("G05", traffic=True)
    def test_g05_whatever_maps_is_accepted_and_reads_back(self, stage: Stage) -> None:
        """Whatever `crm_map` has nothing against is accepted by the backend and reads back equal.

        Why: a record that is refused only when it is sent shows its defect after the rehearsal, and in a request that
        is all or nothing it holds up its neighbours.
        Mend: let `crm_map` know every rule of the backend that its schema tells; the sentence names field and value.
        """
        require_drawn_records_hold(stage)

    @staticmethod
    def _require_no_field_dropped(stage: Stage, trials: Trials) -> None:
        """What can go nowhere is a problem."""
        for field in stage.good.schema.fields:
            if not field.writable:
                edge = Edge(name="a value", value=edges.of_some_kind(field))
                result = trials.map(trials.row({field.code: edge}))
                require_named(result, field.code, f"a value for the field {field.code!r}, which cannot be written")
        require_named(_with_unknown_field(trials), _UNKNOWN, "a value for a field that does not exist")
        first = trials.fields()[0]
        require_problem_without(stage, trials, first)


def _with_unknown_field(trials: Trials) -> MapResult:
    return trials.map(trials.row({_UNKNOWN: Edge(name="a value", value="text")}))
