"""What the checks G and P find, and that they find it for the right reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from saboteurs import EVERYTHING, PROVEN, chosen, keyed, mapping, pushing
from saboteurs.rewriting import Change, rewritten

from renkei import spec
from renkei.testing import Kit
from renkei.testing.contract.catalogue import CHECKS
from renkei.testing.contract.running import run_check
from renkei.testing.contract.saboteurs import WRAPPERS, Saboteur, damaged, described
from renkei.testing.contract.subject import Subject, find
from renkei_kintone import push as kintone_push
from renkei_kintone import verdicts as kintone_verdicts

IDS = sorted(id for id in CHECKS if id[0] in "GP")

# Number of the saboteur and check → what has to stand in the sentence about what was seen.
SEEN = {
    (1, "P02"): "without a 2xx answer",
    (2, "P01"): "0 verdicts for record",
    (2, "P02"): "no verdict for",
    (3, "P01"): "0 verdicts for record",
    (4, "P01"): "a verdict for unknown 'somebodyelses'",
    (10, "P06"): "was sent in 2 requests of one push",
    (10, "P16"): "1 records took 2 requests instead of 1",
    (11, "P06"): "a record whose key is taken was called 'created'",
    (20, "G02"): "field 'amount'",
    (20, "P09"): "field 'amount'",
    (48, "P02"): "'duplicate'",
    (48, "P06"): "'duplicate'",
    (49, "P06"): "",  # by the kind of backend: see below
    (52, "G02"): "read None",
    (52, "P02"): "differs from what was sent in the fields ['page']",
    (140, "G02"): "one character too many",
    (141, "G02"): "' a@b.example ', read 'a@b.example'",
    (142, "G02"): r"sent 'e\u0301', read '\xe9'",
    (142, "G05"): ": sent ",
    (142, "P09"): "field 'subject'",
    (143, "G02"): "field 'happened_at', instant 1",
    (143, "P02"): "in the fields ['happened_at']",
    (143, "P09"): "field 'happened_at'",
    (144, "G02"): "read 'normal'",
    (144, "G03"): "a choice that is not there in field 'channel': crm_map had nothing against it",
    (145, "G02"): "read None",
    (146, "G01"): "which the request's schema does not have",
    (146, "G02"): "which the request's schema does not have",
    (147, "G04"): "a value was sent for the field 'channel', for which there was none",
    (147, "P07"): "has no default, and the stored record holds a value there",
    (148, "G01"): "something else of record",
    (149, "G02"): "the schema says so: ",
    (409, "G02"): "a number of 29 digits where the request's schema allows 38",
    (150, "P05"): "a push of 51 records, one more than push_size, sent 51 requests",
    (151, "P13"): "where the manifest says at most 65536",
    (152, "P02"): "is that of the record that holds",
    (152, "P15"): "is not that of the record that holds it",
    (153, "P02"): "stopped by SchemaDrift",
    (154, "P02"): "the option 'stage' of the target changes nothing",
    (155, "P03"): "a push without records sent",
    (155, "P16"): "1 records took 10 requests instead of 1",
    (156, "P11"): "a record that was in the push twice was stored 3 times",
    (157, "P12"): "changed the records of its request",
    (158, "P15"): "several records have one link",
    (159, "P02"): "holds 'RK001001CONTRACTSUITE' as its key",
    (427, "P06"): "it reports 3 records as stored by 1 requests",
    (455, "G02"): "no value for the field 'subject', where it is required,: crm_map had nothing against it",
    (456, "P02"): "record 41 of a push of 50: 0 requests that carry it",
    (456, "P04"): "good records were not stored: rk400041contractsuite not_stored",
    (457, "P02"): "record 21 of a push of 50: 2 requests that carry it instead of one",
    (457, "P04"): "50 records were pushed and reported as stored",
    (159, "P06"): "'RK000601CONTRACTSUITE'",
}

_OWN = (*mapping.SABOTEURS, *pushing.SABOTEURS)
_ROUND_ANY = tuple(saboteur for saboteur in WRAPPERS if saboteur.number in (1, 2, 3, 4, 10, 48, 49))
_PAIRS = [(saboteur, id) for saboteur in (*_ROUND_ANY, *chosen(_OWN)) for id in saboteur.killed_by if id in IDS]


@pytest.fixture(scope="module")
def proven() -> Iterator[Callable[[str], tuple[Subject, Kit]]]:
    made: dict[str, tuple[Subject, Kit]] = {}

    def of(name: str) -> tuple[Subject, Kit]:
        if name not in made:
            subject = find(name)
            made[name] = (subject, subject.kit())
        return made[name]

    yield of
    for _subject, kit in made.values():
        kit.close()


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("backend", PROVEN)
def test_a_good_plugin_passes(backend, id, proven):
    outcome = run_check(id, *proven(backend))

    assert (outcome.word, outcome.seen) == ("passed", "")


@pytest.mark.parametrize(("saboteur", "id"), _PAIRS, ids=[f"{one.name}-{id}" for one, id in _PAIRS])
def test_each_saboteur_is_found_for_what_it_does(saboteur: Saboteur, id: str, proven):
    subject, kit = proven("template")

    outcome = run_check(id, saboteur.damage(subject), kit)

    assert outcome.word == "failed", outcome
    assert SEEN[saboteur.number, id] in outcome.seen


@pytest.mark.parametrize(("saboteur", "id"), [(one, id) for one in _ROUND_ANY for id in one.killed_by if id in IDS])
def test_saboteurs_round_any_plugin_are_found_round_kintone(saboteur: Saboteur, id: str, proven):
    subject, kit = proven("kintone")

    assert run_check(id, saboteur.damage(subject), kit).word == "failed"


@pytest.mark.parametrize(
    ("backend", "seen"),
    [
        ("template", "added records with the keys ['', '', '']"),
        ("kintone", "a record whose key is taken was called 'created'"),
    ],
)
def test_a_record_without_its_key_is_found_whether_or_not_the_backend_looks_at_keys(backend, seen, proven):
    subject, kit = proven(backend)
    dropper = next(saboteur for saboteur in WRAPPERS if saboteur.name == "KeyDropper")

    assert seen in run_check("P06", dropper.damage(subject), kit).seen


# Defects that are on no list: what else a careless author does.

_KNOWN_CHOICES = "if value not in {choice.code for choice in field.choices}:"
_CODE_OR_LABEL = "if not any(value in (choice.code, choice.label) for choice in field.choices):"
_NOT_MEASURED = Change("records", "len(body_of(fields, request.options)) > REQUEST_BYTES", "False")
_GUESSED_TARGET = Change(
    "backend",
    "post_record(ctx, request.target,",
    "post_record(ctx, {'visits': 'visits'}.get(request.target, 'inquiries'),",
)

CARELESS = {
    "BoolTaker": (
        "G02",
        [Change("records", "not isinstance(value, int) or isinstance(value, bool)", "not isinstance(value, int)")],
        "field 'replies', a boolean instead",
    ),
    "LowerCaser": (
        "G02",
        [Change("records", "    return value\n\n\ndef _text", "    return value.lower()\n\n\ndef _text")],
        "sent 'First.Last+tag@Mail.Example', read 'first.last+tag@mail.example'",
    ),
    "SecondKeeper": (
        "G02",
        [Change("records", 'timespec="microseconds"', 'timespec="seconds"')],
        "field 'happened_at'",
    ),
    "DateOfAnInstant": (
        "G02",
        [Change("records", "or isinstance(value, datetime):", "or False:")],
        "field 'due', a date-time",
    ),
    "SystemWriter": (
        "G02",
        [Change("records", "if not field.writable:", "if False:")],
        "field 'serial', which cannot be written",
    ),
    "VagueProblem": (
        "G02",
        [Change("records", "return Problem(field=code,", 'return Problem(field="record",')],
        "the problems name ['record']",
    ),
    "LabelTaker": (
        "G03",
        [Change("records", _KNOWN_CHOICES, _CODE_OR_LABEL)],
        "a choice's label in field",
    ),
    "ChoiceBeliever": ("G03", [Change("records", _KNOWN_CHOICES, "if False:")], "crm_map had nothing against it"),
    "ExponentSender": (
        "P09",
        [Change("records", 'plain = format(value, "f")', 'plain = f"{float(value):.10g}"')],
        "the backend refused values that the schema allows",
    ),
    "FullPushRefuser": (
        "P04",
        [Change("backend", "if len(request.records) > PUSH_SIZE:", "if len(request.records) >= PUSH_SIZE:")],
        "good records were not stored",
    ),
    "LargeSender": (
        "P05",
        [Change("backend", "if len(body) > REQUEST_BYTES:", "if False:"), _NOT_MEASURED],
        "where the manifest says at most 65536",
    ),
    "OneByteMore": (
        "P13",
        [Change("backend", "len(body) > REQUEST_BYTES", "len(body) > REQUEST_BYTES + 1"), _NOT_MEASURED],
        "a body of 65537 bytes",
    ),
    "TargetGuesser": ("P02", [_GUESSED_TARGET], "stored in a target that is not there"),
}


@pytest.mark.parametrize("name", CARELESS)
def test_what_a_careless_author_does_is_found(name, proven):
    id, changes, seen = CARELESS[name]
    subject, kit = proven("template")

    outcome = run_check(id, subject.instead(rewritten(*changes)), kit)

    assert (outcome.word, seen in outcome.seen) == ("failed", True), outcome


def _denied_uniqueness(good: ModuleType) -> ModuleType:
    async def crm_discover(ctx: Any, request: spec.DiscoverRequest) -> spec.TargetSchema:
        schema: spec.TargetSchema = await good.crm_discover(ctx, request)
        fields = tuple(field.model_copy(update={"unique": False}) for field in schema.fields)
        return spec.TargetSchema(target=schema.target, label=schema.label, fields=fields)

    return damaged(described(good, uniqueness="none"), discover=crm_discover)


@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        (lambda good: described(good, uniqueness="none"), "unique, while the manifest says uniqueness='none'"),
        (_denied_uniqueness, "good records were not stored"),
    ],
)
def test_a_backend_that_enforces_keys_cannot_be_called_one_that_does_not(damage, seen, proven):
    subject, kit = proven("kintone")

    outcome = run_check("P06", subject.instead(damage(subject.module)), kit)

    assert (outcome.word, seen in outcome.seen) == ("failed", True), outcome


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (True, "whose value in the unique field '受付番号' is taken was called 'duplicate'"),
        (False, "a record whose key is taken was called 'rejected'"),
    ],
)
def test_a_duplicate_is_an_error_on_the_key_field_and_nothing_else(answer, seen, proven, monkeypatch):
    monkeypatch.setattr(kintone_verdicts, "_is_taken", lambda *_args: answer)

    outcome = run_check("P06", *proven("kintone"))

    assert (outcome.word, seen in outcome.seen) == ("failed", True), outcome


SEEN_IN_KINTONE = {
    "AnyKeyError": "a record with a key that is too long was called 'duplicate': its key is fresh",
    "LongKeyTaken": "a record with a key that is too long was called 'duplicate': its key is fresh",
    "UniqueOrNot": "a key that is too long, in a schema whose key field is not unique, was called 'duplicate'",
    "JapaneseReader": "when the answer says so in other words, 'Ein Satz in einer anderen Sprache.'",
    "SignLoser": "field '金額', number ",
    "FifteenDigits": "field '金額', all its digits",
    "ManyCondemner": "records that nothing is wrong with were refused: rk000003contractsuite",
    "CrowdOfDuplicates": "record 2 of 100, 3 of which have a taken key, was called 'duplicate', and its key is fresh",
    "FirstDigit": "records that nothing is wrong with were refused",
    "FirstFifty": "and 'suspect' at the end of one of 100",
    "Quoter": "shows the bad value of field '受付番号' (its beginning or end), in its `message`",
    "LookupOfferer": "what was sent for them was not kept: ['前回の件名', '拠点住所']",
    "FirstTwenty": "field '操作ユーザ', a plain value",
    "UserFolder": "in the fields ['操作ユーザ']",
    "RawHtml": "field '本文HTML', a script: it is sent as it came",
}


@pytest.mark.parametrize(
    "saboteur", keyed.KINTONE if EVERYTHING else keyed.KINTONE[::3], ids=lambda saboteur: saboteur.name
)
def test_a_defect_of_keys_or_rich_text_is_found_in_kintone(saboteur: Saboteur, proven):
    subject, kit = proven("kintone")
    (id,) = saboteur.killed_by

    outcome = run_check(id, saboteur.damage(subject), kit)

    assert (outcome.word, SEEN_IN_KINTONE[saboteur.name] in outcome.seen) == ("failed", True), outcome


def test_a_copy_of_kintone_without_a_change_is_as_good(proven):
    subject, kit = proven("kintone")
    copy = subject.instead(rewritten(of="renkei_kintone"))

    assert [run_check(id, copy, kit).word for id in ("P06", "Z03")] == ["passed", "passed"]


def test_words_for_a_taken_key_make_no_duplicate_of_another_refusal(proven, monkeypatch):
    taken = "値がほかのレコードと重複しています。"
    monkeypatch.setattr(
        kintone_verdicts, "_is_taken", lambda *args: args[3][0].messages == (taken,) or args[3][0].field == args[1]
    )

    assert "was called 'duplicate'" in run_check("P06", *proven("kintone")).seen


@pytest.mark.parametrize("more", [1, 30])
def test_an_envelope_that_is_not_counted_is_found_to_the_byte(more, proven, monkeypatch):
    made = kintone_push.requests_of
    monkeypatch.setattr(
        kintone_push,
        "requests_of",
        lambda encoded, envelope, *, most_bytes: made(encoded, envelope, most_bytes=most_bytes + more),
    )

    outcome = run_check("P13", *proven("kintone"))

    assert (outcome.word, "a request had a body of" in outcome.seen) == ("failed", True), outcome


def test_ids_in_another_order_are_found_in_one_request_of_many(proven, monkeypatch):
    ids = kintone_verdicts._ids
    monkeypatch.setattr(kintone_verdicts, "_ids", lambda answer, count: ids(answer, count)[::-1])

    assert "is that of the record that holds" in run_check("P02", *proven("kintone")).seen
