"""Checks P: what is pushed is stored once, and what is reported is true."""

from __future__ import annotations

from renkei.testing.contract.broken import require
from renkei.testing.contract.catalogue import ANYWHERE, check
from renkei.testing.contract.checks.full import require_full_push_told_once
from renkei.testing.contract.checks.keying import require_keys_hold
from renkei.testing.contract.checks.requesting import (
    require_ids_and_links,
    require_one_record_for_one_key,
    require_request_untouched,
)
from renkei.testing.contract.checks.sizing import (
    require_bytes_held,
    require_few_requests,
    require_large_record_refused,
    require_oversize_refused,
)
from renkei.testing.contract.checks.storing import (
    few,
    push_and_compare,
    require_only_mapped_touched,
    require_options_count,
    require_own_target,
    require_types_round_trip,
    seed_others,
    some,
)
from renkei.testing.contract.stage import Stage


class PushChecks:
    """Checks P."""

    @check("P01", sources=ANYWHERE, traffic=True)
    def test_p01_one_verdict_for_each_record(self, stage: Stage) -> None:
        """Exactly one verdict comes back for each record, by its delivery key.

        Why: a record without a verdict is neither sent again nor told to anybody, and one with two is told twice.
        Mend: build the report in one loop over `request.records`, and give every record a verdict whatever happened.
        """
        for start, count in ((110, 1), (120, few(stage)), (130, some(stage))):
            records = stage.good.records(count, start=start, only_required=count > 20)
            pushed = stage.good.push(records[::-1])
            pushed.require_ours()
            require(pushed.report is not None, f"crm_push gave no report for {count} good records")
            for key in pushed.keys:
                pushed.said(key)
            pushed.require_all_created()

    @check("P02", traffic=True)
    def test_p02_the_probe_reads_back_what_was_sent(self, stage: Stage) -> None:
        """Each record is stored once, in its target, whole, and under the id that is reported for its key.

        Why: a record that was reported and is not there, is there twice, or lies under another's id is lost to those
        who look for it, and nobody is told.
        Mend: report `created` only for an id that the answer gives for this very record (mind the order), send every
        mapped field and every chunk, the last one too, and take target and options from the request.
        """
        seed_others(stage, start=201)
        count = some(stage)
        # Neither in the order of the keys nor in its reverse: who sorts, or pairs ids up by chance, is found.
        numbers = [*range(1_001, 1_000 + count, 2), *range(1_000, 1_000 + count, 2)]
        push_and_compare(stage.good, numbers, only_required=count > 200)
        require_full_push_told_once(stage)
        require_own_target(stage)
        require_options_count(stage)

    @check("P03", sources=ANYWHERE, traffic=True)
    def test_p03_an_empty_push_sends_nothing(self, stage: Stage) -> None:
        """A push without records is answered without a request and without a verdict.

        Why: an empty request costs budget, and some backends store an empty record for it.
        Mend: let the loop over chunks make none of an empty list.
        """
        pushed = stage.good.push([])
        require(not pushed.exchanges, f"a push without records sent {len(pushed.exchanges)} requests")
        pushed.require_sound()
        require(pushed.error is None, f"crm_push raised {type(pushed.error).__name__} for a push without records")
        require(pushed.report is not None and not pushed.report.verdicts, "a push without records has verdicts")

    @check("P04", traffic=True)
    def test_p04_a_full_push_works(self, stage: Stage) -> None:
        """As many records as `push_size` allows are stored by one push.

        Why: heavy traffic fills pushes up, and what fails only then fails on the busiest day.
        Mend: declare a `push_size` that the plugin can send within the deadline, and split it by `request_size`.
        """
        size = stage.manifest.limits.push_size
        push_and_compare(stage.good, range(400_001, 400_001 + size), only_required=size > 200)

    @check("P05", traffic=True)
    def test_p05_what_is_too_large_is_refused_before_any_request(self, stage: Stage) -> None:
        """More records than `push_size`, and a record larger than `request_bytes`, are refused and nothing is sent.

        Why: half of a push that is too large gets through, and nobody knows which half.
        Mend: count the records first and raise `Unavailable`; measure the encoded record, and answer
        `Rejected` for one that fits into no request (or a problem in `crm_map`), the others being sent.
        """
        require_oversize_refused(stage)
        require_large_record_refused(stage)

    @check("P06", traffic=True)
    def test_p06_one_key_is_one_record(self, stage: Stage) -> None:
        """Where the key field is unique, a record that is pushed again is never stored again; elsewhere nobody says so.

        Why: after a time-out core sends the same key again, and trusts the backend's word that it is taken. A word that
        is not true doubles the record, or loses it.
        Mend: send the delivery key in the key field, as it is; call a record `duplicate` only for an error on exactly
        `request.key_field` that says "taken" and not "too long", by its code or path and in any language; send each
        record in one request; and state `uniqueness` and `Field.unique` as the backend enforces them.
        """
        require_keys_hold(stage)

    @check("P07", traffic=True)
    def test_p07_only_what_is_mapped_is_touched(self, stage: Stage) -> None:
        """A push writes the mapped fields of its own records, and touches no other field and no other record.

        Why: people work in the same target, and what a sync wipes out they typed.
        Mend: send the fields of the wire record and no others; where the backend replaces a whole record, merge.
        """
        require_only_mapped_touched(stage)

    @check("P09", traffic=True)
    def test_p09_every_type_makes_the_round_trip(self, stage: Stage) -> None:
        """For each field that can be written, values of its type are stored and read back equal.

        Why: a type that is sent in a form that the backend only half understands is wrong in every record.
        Mend: look up how the backend writes this type: numbers as text where JSON would round them, date-times with
        their zone, choices by code, several values as a list.
        """
        require_types_round_trip(stage)

    @check("P11", traffic=True)
    def test_p11_one_key_twice_in_a_push_is_one_record(self, stage: Stage) -> None:
        """One key twice in a push is stored once at most, and the verdicts say what became of it.

        Why: core never does it; if a mistake in core ever does, it must not double a record.
        Mend: refuse such a push before any request, with `Unavailable`.
        """
        require_one_record_for_one_key(stage)

    @check("P12", sources=ANYWHERE, traffic=True)
    def test_p12_the_request_is_not_changed(self, stage: Stage) -> None:
        """A push leaves its request, its settings and its credentials as they were.

        Why: core keeps the request to find out which records may have been written.
        Mend: build new dicts from `record.fields`; never write into what you were given.
        """
        require_request_untouched(stage)

    @check("P13", traffic=True)
    def test_p13_the_byte_limit_is_held(self, stage: Stage) -> None:
        """No request has a body of more bytes than `request_bytes`, whatever the text is made of.

        Why: Japanese text takes three bytes a character and more when escaped; a request that is too large is refused
        as a whole, on the days with the longest mails.
        Mend: measure the encoded bytes of what is really sent, envelope and commas included, not characters; begin a
        new request before the limit is passed.
        """
        require_bytes_held(stage)

    @check("P15", traffic=True)
    def test_p15_ids_and_links_lead_to_the_record(self, stage: Stage) -> None:
        """The id is the backend's for this record, and the link leads there: on an allowed host, one for each record.

        Why: people click on it, from the ticket, to see what was stored.
        Mend: take the id from the answer; build the link from settings, target and id, or leave it out.
        """
        require_ids_and_links(stage)

    @check("P16", sources=ANYWHERE, traffic=True)
    def test_p16_no_more_requests_than_declared(self, stage: Stage) -> None:
        """A push takes as many requests as `request_size` says, unless bytes force more.

        Why: core takes a push's requests from the day's budget before it is sent, and counts by `request_size`.
        Mend: fill each request up to `request_size`; ask nothing beside the writes; send nothing twice.
        """
        require_few_requests(stage)
