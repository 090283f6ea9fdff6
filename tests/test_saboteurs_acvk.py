"""Checks A, C, V, K03, K04 and K07: good plugins pass them, and each saboteur is found for what it does."""

from __future__ import annotations

import pytest
from saboteurs import PROVEN, authentication, capabilities, chosen, kits, schema

from renkei.spec import TargetSchema
from renkei.testing.contract.catalogue import CHECKS
from renkei.testing.contract.proving import kills
from renkei.testing.contract.running import run_check
from renkei.testing.contract.saboteurs import WRAPPERS, damaged
from renkei.testing.contract.subject import find

OURS = sorted(id for id in CHECKS if id[0] in "ACV" or id in ("K03", "K04", "K07"))
SABOTEURS = [
    *authentication.SABOTEURS,
    *schema.SABOTEURS,
    *capabilities.SABOTEURS,
    *kits.SABOTEURS,
]

# A part of what is seen, which proves that the defect itself was found.
SEEN = {
    ("AuthAsTransient", "A02"): "crm_authenticate raised Unavailable instead of AuthenticationFailed",
    ("AuthAsTransient", "E14"): "Unavailable instead of AuthenticationFailed",
    ("AuthAsTransient", "A04"): "with expired credentials, raised Unavailable",
    ("TransientAsAuth", "A07"): "raised AuthenticationFailed instead of Unavailable",
    ("ProbeWriter", "A08"): "changed the records of target 'inquiries'",
    ("GrantedLiar", "A03"): "the account calls it granted",
    ("DeniedAsBadCredentials", "A03"): "raised AuthenticationFailed instead of PermissionDenied",
    ("NamelessDenial", "A03"): "without a resource",
    ("DeniedAsBadRecords", "A03"): "its report is not stopped by anything",
    ("SessionKeeper", "A02"): "after good credentials, answered as if all were well",
    ("AskTwice", "A02"): "sent 2 requests",
    ("TrustingCredentials", "A02"): "with earlier credentials at hand, answered as if all were well",
    ("RefreshLoop", "A04"): "crm_refresh sent 3 requests although it was refused",
    ("HiddenRefresh", "A04"): "with expired credentials, answered as if all were well",
    ("RefreshEcho", "A04"): "raised AuthenticationFailed where nothing is wrong",
    ("RefreshEcho", "A05"): "gave the old credentials back",
    ("ExpiringOrphan", "A04"): "credentials that expire, and 'refresh' is not declared",
    ("ExpiringOrphan", "A06"): "credentials that expire, and 'refresh' is not declared",
    ("TrustingOutage", "A07"): "answered as if all were well although every request met",
    ("LaneProbeWriter", "A08"): "changed the records of target 'visits'",
    ("TokenSharer", "A09"): "sent what is 'first''s",
    ("FirstPageOnly", "C04"): "36 of 136 fields are not told",
    ("WritableLiar", "C07"): "field 'serial' is called writable",
    ("StaleSchema", "C08"): "is this answer from a cache?",
    ("StaleSchema", "E15"): "discovery does not show the field",
    ("StaleSchema", "C04"): "1 of 17 fields are not told",
    ("LastPageLost", "C04"): "5 of 20 fields are not told",
    ("CodesOnlyFingerprint", "C08"): "stands still although what is told of the fields changed",
    ("OrderedFingerprint", "C08"): "when fields come in another order",
    ("MissingAsOutage", "C09"): "raised Unavailable instead of TargetNotFound",
    ("WrongTable", "C09"): "crm_push asked about a missing target, and nothing was raised",
    ("UnheardType", "C02"): "have a type that nobody has heard of",
    ("GenerousLengths", "C03"): "is said to hold 400, and such a record was not stored",
    ("WrongUnit", "C03"): "is said to hold at most 200, and the backend stored it all the same",
    ("NeverRequired", "C03"): "another one is required, too",
    ("NeverRequired", "C07"): "with its required fields alone was not stored",
    ("AlwaysRequired", "C03"): "is called required, and the backend stored it all the same",
    ("UniqueLiar", "C03"): "the schema calls ['delivery_key'] so",
    ("DefaultLiar", "C03"): "another one is required, too",
    ("DefaultLiar", "C07"): "with its required fields alone was not stored",
    ("LabelTrimmer", "C06"): "is told as 'spaces around'",
    ("ShiftingCodes", "C01"): "described in another way each time",
    ("ShiftingCodes", "C08"): "another one although nothing changed",
    ("OpenChoices", "C03"): "is said to take other choices, too",
    ("TimidWriter", "C03"): "field 'body' is called not writable, and the backend stored it",
    ("CapabilityBraggart", "V04"): "'files' is declared, and no field",
    ("VerifyYesMan", "V02"): "is not there, and crm_verify says present",
    ("ReferenceBraggart", "V04"): "'references' is declared, and no field",
    ("FileEater", "V04"): "has nothing against a value for field 'suite_field' of type files",
    ("ClaimingFileEater", "V04"): "a value for field 'more', whose capability is declared, was not kept",
    ("RowEater", "V04"): "a value for field 'more', whose capability is declared, was not kept",
    ("CaseBlindVerify", "V02"): "which differs in case",
    ("AbsentOnError", "V02"): "says absent instead of cannot_tell",
    ("MemoryVerify", "V02"): "every record was deleted, and crm_verify says",
    ("FirstPageOfKeys", "V02"): "is there, and crm_verify says absent",
    ("NeverTells", "V02"): "is there, and crm_verify says cannot_tell",
    ("AnyFieldVerify", "V02"): "that holds the key in field 'subject'",
    ("FixedFieldVerify", "V02"): "asked for the key field 'subject', crm_verify says absent of a key that stands there",
    ("FirstPageVerify", "V02"): "does not see 'rk001000contractsuite' among 8 keys that differ from it in case",
    ("EmptyPageVerify", "V02"): "an empty page said that there was more, and crm_verify says absent",
    ("NoTableNoRecords", "V02"): "crm_verify met: an empty 404, and says absent instead of cannot_tell",
    ("NoTableNoRecords", "C09"): "crm_verify asked about a missing target",
    ("LastToken", "A09"): "crm_discover of connection 'first' sent what is 'second''s",
    ("EmptyProbe", "A08"): "sent a POST to the address at which crm_push stores records",
    ("NarrowTarget", "K04"): "the kit's second_target 'empty' has no field 'delivery_key' (key_field)",
    ("NarrowTarget", "A09"): "the kit's second_target 'empty' has no field 'delivery_key' (key_field)",
    ("OwnWords", "S04"): "let the kit's bad_settings() use a value that is not among them",
    ("HalfList", "V01"): "and not from the top",
    ("GhostList", "V01"): "listed target 'archive' raised TargetNotFound",
    ("FirstPageOfTargets", "V01"): "target 'visits' is not listed",
    ("ShuffledUpgrade", "V03"): "changes again what it changed before",
    ("BlindProbe", "K04"): "120 records were seeded, and the probe sees others",
    ("YesSimulator", "K03"): "sent without credentials",
    ("MinuteReader", "A06"): "seconds later than the backend's answer says",
    ("EndForgetter", "A06"): "says how long its token is good, and no `expires_at` is told",
    ("OpenDoor", "K03"): "sent without credentials",
    ("Undemanding", "K03"): "without its required field 'subject'",
    ("AnyTable", "K03"): "for a target that it does not know",
    ("Unshakeable", "K03"): "a record after revoke_credentials()",
    ("MildPoison", "K03"): "with the values of poison()",
    ("EchoProbe", "K04"): "does not see a record that was written",
    ("KeyProbe", "K04"): "does not see what was seeded into",
    ("LazyReset", "K04"): "other fields than on the first day",
}


@pytest.mark.parametrize("backend", PROVEN)
@pytest.mark.parametrize("id", OURS)
def test_a_good_plugin_passes(backend, id):
    subject = find(backend)
    kit = subject.kit()

    outcome = run_check(id, subject, kit)

    kit.close()
    assert (outcome.word, outcome.seen) == ("passed", "")


@pytest.mark.parametrize("saboteur", chosen(SABOTEURS), ids=lambda saboteur: saboteur.name)
def test_a_saboteur_is_found_for_what_it_does(saboteur):
    outcomes = kills(saboteur, find("template"))

    assert {id: outcome.word for id, outcome in outcomes.items()} == dict.fromkeys(saboteur.killed_by, "failed")
    for id, outcome in outcomes.items():
        assert SEEN[saboteur.name, id] in outcome.seen


def test_no_saboteur_is_left_out_here():
    assert set(SEEN) == {(saboteur.name, id) for saboteur in SABOTEURS for id in saboteur.killed_by}


@pytest.mark.parametrize("backend", ["template", "kintone"])
def test_a_push_that_sends_nothing_is_missed_on_the_wire(backend):
    null_writer = next(saboteur for saboteur in WRAPPERS if saboteur.name == "NullWriter")

    outcome = kills(null_writer, find(backend), ids=("K07",))["K07"]

    assert outcome.word == "failed"
    assert "crm_push sent no request" in outcome.seen


def test_hidden_lookups_without_a_warning_are_found():
    subject = find("kintone")
    good = subject.module

    async def discover(ctx, request):
        schema = await good.crm_discover(ctx, request)
        return TargetSchema(target=schema.target, label=schema.label, fields=schema.fields)

    silent = subject.instead(damaged(good, discover=discover))

    outcome = run_check("C07", silent, subject.kit())

    assert outcome.word == "failed"
    assert "discovery has no warning" in outcome.seen
