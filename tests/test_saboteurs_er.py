"""The checks E and R find what they are there for, for the right reason, and nothing in plugins that are sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from saboteurs import PROVEN, chosen, crowds, failure, manners, resources
from saboteurs.rewriting import Change, rewritten

from renkei.testing.contract.catalogue import CHECKS
from renkei.testing.contract.proving import kills
from renkei.testing.contract.running import run_check
from renkei.testing.contract.saboteurs import WRAPPERS, Saboteur
from renkei.testing.contract.subject import find
from renkei_template import backend
from renkei_template.kit import AtelierKit

IDS = sorted(id for id in CHECKS if id[0] in "ER")
HAND_WRITTEN = (*crowds.SABOTEURS, *failure.SABOTEURS, *manners.SABOTEURS, *resources.SABOTEURS)
OURS = {saboteur.name: saboteur for saboteur in WRAPPERS if saboteur.number in (6, 7, 8, 50)}

# What the check has to have seen, by saboteur and check.
SEEN = {
    ("ChunkAmnesiac", "E10"): "which was won, became 'unknown'",
    ("ChunkAmnesiac", "E14"): "was won before the credentials were lost",
    ("SuspectHider", "E01"): "a refusal that names no record and no reason (400) made 'rejected'",
    ("WrongFieldNamer", "E01"): "is named as refused, and what is wrong is in subject",
    ("SuspectMisnamer", "E01"): "of a refusal that says nothing (400), field",
    ("FieldForgetter", "E01"): "the answer names field subject, and the verdict of the record names none",
    ("CodeForgetter", "E01"): "is rejected without a code",
    ("OffByOne", "E01"): "is stored and reported as 'rejected'",
    ("OffByOne", "E02"): "is stored and reported as 'rejected'",
    ("OffByOne", "E03"): "is stored and reported as 'rejected'",
    ("OffByOne", "E04"): "is stored and reported as 'rejected'",
    ("RejectionSpreader", "E01"): "is stored and reported as 'rejected'",
    ("RejectionSpreader", "E12"): "is stored and reported as 'rejected'",
    ("PoisonBlocker", "E01"): "stopped the whole lane with SchemaDrift",
    ("MachineClock", "E05"): "GMT is told as 0:00:00 instead of 0:01:30",
    ("SecondsOnly", "E05"): "GMT is told as None instead of 0:01:30",
    ("Milliseconds", "E05"): "Retry-After: 37 is told as 0:00:00.037000",
    ("HeaderNeeder", "E06"): "crm_push raised KeyError",
    ("NegativePause", "E06"): "not readable is told to last -1 day",
    ("LimitAsOutage", "E05"): "a 429 to crm_authenticate: Unavailable instead of RateLimited",
    ("LimitAsOutage", "E06"): "a 429 to crm_authenticate, Retry-After None: Unavailable",
    ("GatewayOptimist", "E07"): "a 502 to a write",
    ("TeapotWaiter", "E07"): "a 501 to crm_authenticate",
    ("OutageAsMissing", "E08"): "TargetNotFound instead of Unavailable",
    ("GoesOn", "E10"): "after the second request was lost, 1 more were sent",
    ("GoesOn", "E05"): "2 more requests were sent after it",
    ("SilentStop", "E09"): "no error instead of OutcomeUnknown",
    ("SilentStop", "E10"): "no error instead of OutcomeUnknown",
    ("IdInventor", "E11"): "under an id that nobody gave",
    ("IdInventor", "E13"): "under the id of another record, or of none",
    ("StatusBeliever", "E13"): "under the id of another record, or of none",
    ("NoIdNoRecord", "E11"): "is reported as 'suspect', and it may be stored",
    ("NoIdNoRecord", "E13"): "was sent, accepted, and reported as 'suspect'",
    ("HiddenRetry", "E18"): "was sent 2 times",
    ("HiddenRetry", "R04"): "no answer, ever to a push",
    ("AuthAsTransientInPush", "E14"): "Unavailable instead of AuthenticationFailed",
    ("BodyEcho", "E20"): "the error AuthenticationFailed, crm_push, a 401 that repeats the request",
    ("StaleSchemaInDrift", "E15"): "was deleted, and discovery still shows it",
    ("OneFingerprint", "E15"): "was deleted, and the fingerprint is the same",
    ("DriftAsRejection", "E15"): "is 'rejected': no record is to blame",
    ("DriftAsDenied", "E15"): "PermissionDenied instead of SchemaDrift",
    ("DropsUnknown", "E15"): "the backend refuses unknown fields, and record",
    ("UnknownFieldsLiar", "E15"): "stopped by SchemaDrift",
    ("NotSentEater", "E16"): "crm_push made Unavailable of it",
    ("NotSentBlamer", "E16"): "is 'rejected'",
    ("QuotaAsRate", "E16"): "RateLimited instead of QuotaExhausted",
    ("QuotaWithoutEnd", "E16"): "says neither `resets_at` nor `retry_after`",
    ("QuotaWithoutZone", "E16"): "`resets_at` has no zone",
    ("LockAsRejection", "E17"): "locked to a push: record 'rk000001contractsuite' is reported as 'rejected'",
    ("LockAsDenied", "E17"): "PermissionDenied instead of Unavailable",
    ("EagerRetry", "E18"): "was sent 2 times",
    ("EagerRetry", "E05"): "1 more requests were sent after it",
    ("ReadsTwice", "E18"): "it asked the same again",
    ("PolitePause", "E18"): "a 429 to a write: crm_push waited for time to pass",
    ("SleepByAnotherName", "E18"): "crm_push waited for time to pass",
    ("ThreadHolder", "E18"): "crm_discover waited for time to pass",
    ("RawErrors", "E19"): "raised JSONDecodeError",
    ("BodyInVerdict", "E20"): "the verdict 'suspect', a 400 that repeats the request",
    ("ValueTeller", "E20"): "shows the value of field 'subject'",
    ("CodeFromAnswer", "E20"): ", in its `code`",
    ("OwnSocket", "R01"): "203.0.113.7:443, beside `ctx.http`",
    ("OwnResolver", "R01"): "looked up telemetry.invalid:443",
    ("Telemetry", "R01"): "sent to 203.0.113.7:514",
    ("ProgramRunner", "R01"): "started the program",
    ("Flood", "R02"): "50 requests were under way at once, and the manifest declares 4",
    ("Only429", "R03"): "asks to wait 75 seconds, and Unavailable tells None",
    ("DeadlineIgnorer", "R04"): "it passed its deadline and was cancelled",
    ("OwnPatience", "R04"): "it passed its deadline and was cancelled",
    ("CancelSwallower", "R05"): "after it was cancelled, crm_push sent 1 more requests",
    ("Hoarder", "R06"): "blocks of memory more are held",
    ("FoursForgetter", "E05"): "a 429, to request 2 of a push of 50: record 'rk000001contractsuite' is stored and",
    ("FoursForgetter", "E09"): "to request 2 of a push of 50: record 'rk000001contractsuite' is stored and reported",
    ("FoursForgetter", "E14"): "to request 2 of a push of 50: record 'rk000001contractsuite' is stored and reported",
    ("FoursForgetter", "E17"): "locked, to request 2 of a push of 50: record 'rk000001contractsuite' is stored and",
    ("FivesForgetter", "E05"): "a 429, to request 27 of a push of 50: record 'rk000026contractsuite' is stored and",
    ("FivesForgetter", "E09"): "to request 27 of a push of 50: record 'rk000026contractsuite' is stored and reported",
    ("FivesForgetter", "E10"): "to request 27 of a push of 50: record 'rk000026contractsuite' is stored and reported",
    ("FivesForgetter", "E14"): "to request 27 of a push of 50: record 'rk000026contractsuite' is stored and reported",
    ("FivesForgetter", "E17"): "locked, to request 27 of a push of 50: record 'rk000026contractsuite' is stored and",
    ("OwnBreakdown", "E07"): "a 500 to a write (JSON): record 'rk000028contractsuite' is reported as 'not_stored'",
    ("TooLargeWaiter", "E07"): "a 413 to a write: Unavailable instead of",
    ("StageBlamer", "E15"): "an option names what the backend does not know any more, and record",
    ("RedirectForgiver", "E11"): "a redirect (302): the record is reported as 'not_stored', and it may be stored",
}
SEEN_OF_WRAPPERS = {
    ("template", "AllOrNothingLiar", "E01"): "is stored and reported as 'rejected'",
    ("kintone", "AllOrNothingLiar", "E01"): "records that nothing is wrong with were refused",
    ("template", "PoisonSwallower", "E01"): "'created' without a 2xx answer",
    ("template", "PoisonSwallower", "E12"): "'created' without a 2xx answer",
    ("kintone", "PoisonSwallower", "E01"): "'created' without a 2xx answer",
    ("kintone", "PoisonSwallower", "E12"): "'created' without a 2xx answer",
    ("template", "OptimisticTimeout", "E09"): "is reported as 'not_stored' instead of 'unknown'",
    ("kintone", "OptimisticTimeout", "E09"): "is reported as 'not_stored' instead of 'unknown'",
    ("template", "PartialForgetter", "E10"): "which was won, became 'not_stored'",
    ("kintone", "PartialForgetter", "E10"): "which was won, became 'not_stored'",
    ("template", "PartialForgetter", "E14"): "is stored and reported as 'not_stored'",
    ("kintone", "PartialForgetter", "E14"): "is stored and reported as 'not_stored'",
}


@pytest.mark.parametrize("backend", PROVEN)
@pytest.mark.parametrize("id", IDS)
def test_a_sound_plugin_passes(id: str, backend: str) -> None:
    subject = find(backend)

    outcome = run_check(id, subject, subject.kit())

    assert (outcome.word, outcome.seen) == ("passed", "")


@pytest.mark.parametrize("saboteur", chosen(HAND_WRITTEN), ids=lambda saboteur: saboteur.name)
def test_a_saboteur_is_found_by_the_checks_named_and_for_its_defect(saboteur: Saboteur) -> None:
    outcomes = kills(saboteur, find("template"))

    assert {id: outcome.word for id, outcome in outcomes.items()} == dict.fromkeys(saboteur.killed_by, "failed")
    for id, outcome in outcomes.items():
        assert SEEN[saboteur.name, id] in outcome.seen


@pytest.mark.parametrize(("backend", "name", "id"), SEEN_OF_WRAPPERS)
def test_a_saboteur_round_any_plugin_is_found(backend: str, name: str, id: str) -> None:
    outcome = kills(OURS[name], find(backend), ids=[id])[id]

    assert outcome.word == "failed"
    assert SEEN_OF_WRAPPERS[backend, name, id] in outcome.seen


class NoLockKit(AtelierKit):
    """Of a backend that has no word for a lock."""

    answers: ClassVar = {name: said for name, said in AtelierKit.answers.items() if name != "locked"}


def test_a_lock_is_played_only_in_words_that_the_kit_has() -> None:
    sound = replace(find("template"), kit=NoLockKit)
    saboteur = next(one for one in HAND_WRITTEN if one.name == "LockAsRejection")

    assert run_check("E17", sound, NoLockKit()).word == "passed"
    assert kills(saboteur, sound)["E17"].word == "passed"  # nobody knows what a 409 means there


IN_PARALLEL = """    verdicts: list[spec.Verdict] = []
    stopped_by: spec.BackendError | None = None
    for at in range(0, len(request.records), 4):
        four = request.records[at : at + 4] if stopped_by is None else ()
        told = await __import__("asyncio").gather(*(_store(ctx, request, one) for one in four), return_exceptions=True)
        for record, said in zip(four, told, strict=True):
            if isinstance(said, spec.BackendError):
                stopped_by = stopped_by or said
                lost = isinstance(said, spec.OutcomeUnknown)
                verdicts.append((spec.Unknown if lost else spec.NotStored)(key=record.key))
            else:
                verdicts.append(said)
    verdicts += ["""


def test_a_plugin_that_sends_in_parallel_and_tells_the_truth_passes() -> None:
    good = find("template")
    source = (Path(backend.__file__)).read_text(encoding="utf-8")
    loop = source[source.index("    verdicts: list[spec.Verdict] = []") :]
    loop = loop[: loop.index("    verdicts += [") + len("    verdicts += [")]
    parallel = good.instead(rewritten(Change("backend", loop, IN_PARALLEL)))

    outcomes = [run_check(id, parallel, parallel.kit()) for id in ("E05", "E09", "E10", "E14", "E17")]

    assert [(outcome.word, outcome.seen) for outcome in outcomes] == [("passed", "")] * 5


class StaleKit(AtelierKit):
    """It gives options that the simulator knows."""

    stale_options: ClassVar = {"stage": "受付"}


class UnparsedKit(AtelierKit):
    """It gives options that nobody can parse."""

    stale_options: ClassVar = {"stage": "two\nlines"}


@pytest.mark.parametrize(
    ("kit", "seen"),
    [(StaleKit, "does the simulator know them?"), (UnparsedKit, "have to be such as parse")],
)
def test_stale_options_that_are_none_are_the_kits_fault(kit: type[AtelierKit], seen: str) -> None:
    outcome = run_check("E15", replace(find("template"), kit=kit), kit())

    assert (outcome.word, seen in outcome.seen) == ("failed", True), outcome


def test_every_wrapper_of_ours_is_looked_at_with_every_check_it_names() -> None:
    named = {(name, id) for name, saboteur in OURS.items() for id in saboteur.killed_by}

    assert named == {(name, id) for _backend, name, id in SEEN_OF_WRAPPERS}
