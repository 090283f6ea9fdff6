"""The checks D, M and S pass what is good, and find every plugin that is broken on purpose, for the right reason."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from pydantic import ConfigDict, SecretBytes, field_validator
from saboteurs import chosen, loading, manifests, settings
from saboteurs.loading import installed_copy

from renkei import spec
from renkei.spec import Limits, Refusal, Text
from renkei.testing.contract.catalogue import CHECKS
from renkei.testing.contract.imported import imported
from renkei.testing.contract.proving import kills
from renkei.testing.contract.running import Outcome, run_check
from renkei.testing.contract.saboteurs import Saboteur, damaged, described
from renkei.testing.contract.subject import Subject, find
from renkei.testing.kit import Kit
from renkei_template.settings import AtelierSettings

IDS = sorted(id for id in CHECKS if id[0] in "DMS")
SABOTEURS = (*loading.SABOTEURS, *manifests.SABOTEURS, *settings.SABOTEURS)
SEEN = {
    (28, "D06"): "crm_push must be async def",
    (30, "D06"): "crm_push has a parameter with a default",
    (31, "D05"): "crm_psuh is no hook",
    (32, "D02"): "network (socket.getaddrinfo at backend.py",
    (32, "D10"): "raised SystemExit at backend.py",
    (33, "D04"): "'template' is claimed more than once",
    (100, "D02"): "environment read (CRM_REGION at backend.py",
    (101, "D02"): "httpx.AsyncClient.send was replaced",
    (102, "D01"): "needs 'sortedcontainers'",
    (103, "D01"): "'sortedcontainers' (backend.py",
    (104, "D03"): "'renkei.plugins.guard' (backend.py",
    (105, "D03"): "loads starlette",
    (106, "D06"): "crm_map returned a coroutine",
    (35, "M05"): "'upgrade' is supported, and crm_upgrade is not there",
    (107, "M10"): "refusals describe an empty body with status 500",
    (108, "M10"): "refusals also describe the answer to a write that was applied",
    (109, "M10"): "a key that was sent twice is there 2 times",
    (423, "M10"): "refusals also describe a web framework's object with status 500",
    (110, "M10"): "unknown_fields is 'ignored', but a record with a field that was deleted was not stored",
    (23, "S04"): "at 'client_secret'): the refusal repeats what was typed",
    (23, "S10"): "the error shows client_secret",
    (111, "S02"): "['client_secret'], which is not a SecretStr",
    (112, "S02"): "puts good client_secret into the address",
    (113, "S02"): "'x-api-key' carries the setting 'client_id'",
    (114, "S04"): "(at 'client_id') is accepted",
    (115, "S04"): "the problems name ['workspace'] instead",
    (116, "S04"): "repeats a part of what was typed",
    (117, "S10"): "the error shows client_secret",
    (118, "S10"): "str shows client_secret",
}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def template() -> Iterator[tuple[Subject, Kit]]:
    subject = find("template")
    kit = subject.kit()
    yield subject, kit
    kit.close()


@pytest.fixture(scope="module")
def kintone() -> Iterator[tuple[Subject, Kit]]:
    subject = find("kintone")
    kit = subject.kit()
    yield subject, kit
    kit.close()


@pytest.fixture(scope="module")
def copy(template: tuple[Subject, Kit]) -> Subject:
    """The template installed as another distribution, undamaged."""
    return installed_copy(template[0], "undamaged")


@pytest.mark.parametrize("id", IDS)
def test_the_template_passes(template: tuple[Subject, Kit], id: str) -> None:
    outcome = run_check(id, *template)

    assert (outcome.word, outcome.seen) == ("passed", "")


@pytest.mark.parametrize("id", IDS)
def test_kintone_passes(kintone: tuple[Subject, Kit], id: str) -> None:
    outcome = run_check(id, *kintone)

    assert (outcome.word, outcome.seen) == ("passed", "")


@pytest.mark.parametrize("id", IDS)
def test_a_copy_that_is_installed_as_the_saboteurs_are_passes(copy: Subject, id: str) -> None:
    outcome = run_check(id, copy, copy.kit())

    assert (outcome.word, outcome.seen) == ("passed", "")


@pytest.mark.parametrize("saboteur", chosen(SABOTEURS), ids=lambda saboteur: saboteur.name)
def test_each_saboteur_is_killed_for_what_it_does(template: tuple[Subject, Kit], saboteur: Saboteur) -> None:
    outcomes = kills(saboteur, *template)

    assert {id: outcome.word for id, outcome in outcomes.items()} == dict.fromkeys(saboteur.killed_by, "failed")
    for id, outcome in outcomes.items():
        assert SEEN[saboteur.number, id] in outcome.seen


def test_every_required_check_of_these_letters_kills_somebody() -> None:
    required = {id for id in IDS if CHECKS[id].required}

    assert required == {"D02", "D04", "D05", "D06", "D10", "M10", "S02", "S04", "S10"}
    assert required <= {id for saboteur in SABOTEURS for id in saboteur.killed_by}


# Defects beside the saboteurs, each a lie of the same kind.


def copied(template: tuple[Subject, Kit], **changes: Any) -> Subject:
    return installed_copy(template[0], f"defect_{next(_numbers)}", **changes)


def seen_in(subject: Subject, id: str) -> str:
    outcome = run_check(id, subject, subject.kit())
    assert outcome.word == "failed", outcome
    return outcome.seen


def seen_with(template: tuple[Subject, Kit], id: str, **changes: Any) -> str:
    """What check *id* sees in the template with another manifest."""
    module = template[0].module
    assert module is not None
    return seen_in(template[0].instead(described(module, **changes)), id)


@pytest.mark.parametrize("statuses", [(), (500, 503), (503, 504)])
def test_an_error_object_is_described_only_with_statuses_that_the_kit_shows(
    template: tuple[Subject, Kit], statuses: tuple[int, ...]
) -> None:
    seen = seen_with(template, "M10", refusals=(Refusal(statuses=statuses, json_key="error"),))

    assert "by no word of the kit's does the backend itself refuse so" in seen


def module_of(template: tuple[Subject, Kit]) -> ModuleType:
    assert template[0].module is not None
    return template[0].module


def test_an_import_that_fails_an_assertion_is_named(template: tuple[Subject, Kit]) -> None:
    subject = copied(template, top="assert 1 > 2", here=False)

    assert "raised AssertionError at backend.py" in seen_in(subject, "D10")


def test_an_import_that_ends_the_process_without_an_exception_is_named(template: tuple[Subject, Kit]) -> None:
    subject = copied(template, top="import os\nos._exit(0)", here=False)

    assert "ended the whole process, with exit code 0" in seen_in(subject, "D10")


def test_a_module_that_cannot_be_imported_fails_the_checks_and_crashes_none(template: tuple[Subject, Kit]) -> None:
    subject = copied(template, top="raise ImportError('no')", here=False)
    outcomes: list[Outcome] = [run_check(id, subject, subject.kit()) for id in IDS]

    assert {outcome.id for outcome in outcomes if outcome.word == "crashed"} == set()
    assert {outcome.id for outcome in outcomes if outcome.word == "passed"} == {"D01", "D02", "D03", "D08"}


def test_whatever_an_import_changes_is_noted(template: tuple[Subject, Kit], tmp_path: Any) -> None:
    done = [
        f"open({str(tmp_path / 'cache')!r}, 'w').close()",
        "import time; time.sleep(0)",
        "print('hello')",
        "import logging; logging.getLogger('acme').warning('hello'); logging.basicConfig()",
        "import warnings; warnings.simplefilter('ignore')",
        "import decimal; decimal.getcontext().prec = 9",
        "import os; os.environ['ACME'] = '1'; os.umask(os.umask(0))",
        "import socket; socket.setdefaulttimeout(9)",
        "import subprocess; subprocess.run(['true'])",
        "import sys; sys.path.append('/nowhere')",
    ]

    seen = "\n".join(imported(copied(template, top="\n".join(done), here=False)).done)

    assert [kind for kind in _KINDS if kind not in seen] == []


_KINDS = (
    "file write (cache at backend.py",
    "sleep (sleep at backend.py",
    "printing (to standard output at backend.py",
    "log line (logger 'acme' at backend.py",
    "logging change (the root logger",
    "warning change (warnings.filters",
    "change of the process (the decimal context",
    "environment change (os.environ",
    "change of the process (the sockets' default timeout",
    "process (subprocess.Popen at backend.py",
    "change of the process (sys.path",
)


def test_an_import_that_computes_for_seconds_is_too_slow(template: tuple[Subject, Kit]) -> None:
    top = "import time\n_end = time.process_time() + 1.1\nwhile time.process_time() < _end:\n    pass"

    assert "seconds of processor time" in seen_in(copied(template, top=top, here=False), "D02")


def test_an_optional_import_that_is_missed_is_no_defect(template: tuple[Subject, Kit]) -> None:
    top = "try:\n    import sortedcontainers\nexcept ImportError:\n    sortedcontainers = None"
    subject = copied(template, top=top)

    assert [run_check(id, subject, subject.kit()).seen for id in ("D01", "D02", "D10")] == ["", "", ""]


def test_a_distribution_that_also_claims_another_id_is_refused(
    template: tuple[Subject, Kit], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = copied(template, claims=("kintone",))
    distribution = getattr(subject.claim.entry_point, "dist")  # noqa: B009  # typeshed does not know it
    monkeypatch.syspath_prepend(str(distribution.locate_file("")))

    assert "it also claims the id 'kintone', which belongs to renkei-kintone" in seen_in(subject, "D04")


@pytest.mark.parametrize(
    ("requirement", "seen"),
    [
        ("renkei==0.1.0", "exact pins"),
        ("renkei>=0.1", "has no upper bound"),
        ("renkei<1", "has no lower bound"),
        ("renkei>=7,<8", "leaves out the installed renkei"),
        ("renkei-tools>=1", "does not require renkei"),
    ],
)
def test_a_requirement_that_leaves_no_room_is_refused(
    template: tuple[Subject, Kit], requirement: str, seen: str
) -> None:
    assert seen in seen_in(copied(template, requires=(requirement,)), "D08")


def test_another_version_in_the_manifest_is_refused(template: tuple[Subject, Kit]) -> None:
    assert "the distribution has version '0.1.0', the manifest says '0.2.0'" in seen_with(
        template, "M04", version="0.2.0"
    )


def test_a_manifest_that_differs_from_call_to_call_is_refused(template: tuple[Subject, Kit]) -> None:
    good, calls = module_of(template), itertools.count(1)

    def crm_describe() -> spec.Manifest:
        manifest: spec.Manifest = good.crm_describe()
        return manifest.model_copy(update={"settles_within": timedelta(seconds=next(calls))})

    assert "differently the second time" in seen_in(template[0].instead(damaged(good, describe=crm_describe)), "M01")


def test_a_manifest_that_differs_from_process_to_process_is_refused(template: tuple[Subject, Kit]) -> None:
    bottom = """
import os as _os
MANIFEST = MANIFEST.model_copy(update={"settles_within": timedelta(seconds=1 + _os.getpid() % 86000)})
"""

    assert "in another process the manifest differs in settles_within" in seen_in(
        copied(template, bottom=bottom), "M01"
    )


def test_a_manifest_past_the_models_own_checks_is_refused(template: tuple[Subject, Kit]) -> None:
    good = module_of(template)

    def crm_describe() -> spec.Manifest:
        manifest: spec.Manifest = good.crm_describe()
        fields = {name: getattr(manifest, name) for name in spec.Manifest.model_fields}
        return spec.Manifest.model_construct(**{**fields, "hosts": ("*",)})

    assert "not valid at hosts" in seen_in(template[0].instead(damaged(good, describe=crm_describe)), "M02")


@pytest.mark.parametrize(
    ("id", "changes", "seen"),
    [
        ("M06", {"settles_within": timedelta(0)}, "settles_within is 0:00:00"),
        ("M06", {"limits": Limits(push_size=1, request_size=2, concurrency=1)}, "a push only 1"),
        ("M07", {"hosts": ("*.atelier-crm.example", "*.co.jp")}, "'*.co.jp' is a public suffix"),
        ("M07", {"hosts": ("*.atelier-crm.example", "*.amazonaws.com")}, "anybody can get a host under"),
        ("M08", {"name": Text(ja="<b>Atelier</b>", en="Atelier")}, "the name holds HTML"),
        ("M08", {"sentences": {"refused": Text(ja="Refused.", en="Refused.")}}, "'refused' is not in Japanese"),
        ("M10", {"refusals": ()}, "the backend's own 503 for 'maintenance'"),
        ("M10", {"refusals": (Refusal(json_key="message"),)}, "a cloud gateway's object"),
        ("M10", {"refusals": (Refusal(statuses=(503,)),)}, "an empty body with status 503"),
        ("M10", {"refusals": (Refusal(statuses=(200, 503), json_key="error"),)}, "which no refusal has"),
    ],
)
def test_a_manifest_that_cannot_be_true_is_refused(
    template: tuple[Subject, Kit], id: str, changes: dict[str, Any], seen: str
) -> None:
    assert seen in seen_with(template, id, **changes)


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"atomicity": "record"}, "one bad record kept the others of its request from being stored"),
        ({"uniqueness": "none"}, "discovery calls the key field unique"),
        ({"unknown_fields": "refused"}, "a record with a field that was deleted was stored"),
    ],
)
def test_a_manifest_that_kintone_contradicts_is_refused(
    kintone: tuple[Subject, Kit], changes: dict[str, Any], seen: str
) -> None:
    assert seen in seen_with(kintone, "M10", **changes)


class Loose(AtelierSettings):
    model_config = ConfigDict(extra="ignore")


class Drifting(AtelierSettings):
    @field_validator("client_id", mode="after")
    @classmethod
    def _longer(cls, value: str) -> str:
        return f"{value}-"


class Asking(AtelierSettings):
    @field_validator("workspace", mode="after")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            socket.getaddrinfo(f"{value}.atelier-crm.example", 443)
        except OSError:
            return value
        return value


class Exploding(AtelierSettings):
    @field_validator("client_secret", mode="before")
    @classmethod
    def _explode(cls, value: Any) -> Any:
        if not isinstance(value, str):
            raise KeyError(value)
        return value


class Blaming(AtelierSettings):
    @classmethod
    def parse(cls, raw: Any) -> Any:
        try:
            return super().parse(raw)
        except spec.SettingsError as error:
            found = error.problems
        raise spec.SettingsError([*found, found[0].model_copy(update={"field": "workspace"})])


class Chained(AtelierSettings):
    @classmethod
    def parse(cls, raw: Any) -> Any:
        try:
            return super().parse(raw)
        except spec.SettingsError as error:
            raise error from ValueError(f"refused: {dict(raw)}")


class Address(AtelierSettings):
    @property
    def token_url(self) -> str:
        return f"{self.origin}?secret={self.client_secret.get_secret_value()}"


class Pickled(AtelierSettings):
    def __reduce__(self) -> Any:
        return (dict, (self.revealed(),))


class InBytes(AtelierSettings):
    client_secret: SecretBytes = spec.setting(  # type: ignore[assignment]  # that is the defect
        ja="シークレット", en="Client secret", help_ja="作成時に表示されます。", help_en="Shown when it is made."
    )


@pytest.mark.parametrize(
    ("id", "model", "seen"),
    [
        ("S01", Loose, "admits its own fields alone"),
        ("S03", Drifting, "parsing the parsed form changes client_id"),
        ("S04", Exploding, "raised KeyError"),
        ("S05", Blaming, "instead of 'client_id' alone"),
        ("S06", Loose, "an unknown setting is accepted"),
        ("S09", Asking, "looked up north-wind.atelier-crm.example"),
        ("S10", Chained, "the error shows client_secret"),
        ("S10", Address, "the property 'token_url' shows client_secret"),
        ("S10", Pickled, "a pickle shows client_secret"),
        ("S10", Exploding, "the error shows what was typed"),
    ],
)
def test_settings_that_misread_or_show_are_refused(
    template: tuple[Subject, Kit], id: str, model: type[spec.Settings], seen: str
) -> None:
    assert seen in seen_with(template, id, settings=model)


def test_a_secret_that_core_does_not_know_as_one_is_refused(template: tuple[Subject, Kit]) -> None:
    good = module_of(template)
    authenticate = good.crm_authenticate

    async def crm_authenticate(ctx: Any, request: Any) -> spec.Account:
        typed = {**dict(ctx.settings), "client_secret": ctx.settings.client_secret.get_secret_value().decode()}
        context = type(ctx)(**{**_parts_of(ctx), "settings": AtelierSettings.parse(typed)})
        account: spec.Account = await authenticate(context, request)
        return account

    bad = damaged(described(good, settings=InBytes), authenticate=crm_authenticate)

    assert "['client_secret'], which is not a SecretStr" in seen_in(template[0].instead(bad), "S02")


def _parts_of(context: Any) -> dict[str, Any]:
    return {name: getattr(context, name) for name in type(context).__dataclass_fields__}


def test_a_public_name_beside_a_secret_is_no_defect(template: tuple[Subject, Kit]) -> None:
    good = module_of(template)
    authenticate = good.crm_authenticate

    async def crm_authenticate(ctx: Any, request: Any) -> spec.Account:
        secret = ctx.settings.client_secret.get_secret_value()
        pairs = {"x-auth-user": ctx.settings.client_id, "x-auth-key": secret}
        await ctx.http.get(f"{ctx.settings.origin}/v2/workspace", headers=pairs)
        signed = f"HMAC Credential={ctx.settings.client_id}, Signature={'0a1b2c3d' * 8}"
        await ctx.http.get(f"{ctx.settings.origin}/v2/workspace", headers={"authorization": signed})
        account: spec.Account = await authenticate(ctx, request)
        return account

    subject = template[0].instead(damaged(good, authenticate=crm_authenticate))

    outcome = run_check("S02", subject, template[1])
    assert (outcome.word, outcome.seen) == ("passed", "")


def test_a_password_that_is_no_secret_is_refused_beside_one_that_is(template: tuple[Subject, Kit]) -> None:
    good = module_of(template)
    authenticate = good.crm_authenticate

    async def crm_authenticate(ctx: Any, request: Any) -> spec.Account:
        secret = ctx.settings.client_secret.get_secret_value()
        pairs = {"authorization": f"Bearer {secret}", "x-password": ctx.settings.client_id}
        await ctx.http.get(f"{ctx.settings.origin}/v2/workspace", headers=pairs)
        account: spec.Account = await authenticate(ctx, request)
        return account

    bad = damaged(good, authenticate=crm_authenticate)

    assert "'x-password' carries" in seen_in(template[0].instead(bad), "S02")


def test_a_key_that_is_the_same_for_all_connections_is_refused(template: tuple[Subject, Kit]) -> None:
    good = module_of(template)
    authenticate = good.crm_authenticate

    async def crm_authenticate(ctx: Any, request: Any) -> spec.Account:
        await ctx.http.get(f"{ctx.settings.origin}/v2/workspace", headers={"x-app-secret": "the-same-for-everybody"})
        account: spec.Account = await authenticate(ctx, request)
        return account

    assert "is the same for two connections" in seen_in(
        template[0].instead(damaged(good, authenticate=crm_authenticate)), "S02"
    )
