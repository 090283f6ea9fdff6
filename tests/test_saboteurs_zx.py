"""Checks Z and X pass what is good, and find every plugin that is broken on purpose, for the right reason."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from saboteurs import PROVEN, chosen, isolation, security
from saboteurs.rewriting import Change, rewritten

from renkei.spec import PushReport
from renkei.testing.contract.catalogue import CHECKS
from renkei.testing.contract.leaks import scraps
from renkei.testing.contract.proving import kills
from renkei.testing.contract.running import run_check, staged
from renkei.testing.contract.saboteurs import Saboteur, damaged
from renkei.testing.contract.spy import Said
from renkei.testing.contract.subject import Subject, find
from renkei.testing.kit import Kit

OURS = sorted(id for id in CHECKS if id[0] in "ZX")
SABOTEURS = {saboteur.name: saboteur for saboteur in (*security.SABOTEURS, *isolation.SABOTEURS)}

# A part of what is seen, which proves that the defect itself was found.
SEEN = {
    ("TokenLogger", "Z01"): "a log line of 'renkei.plugin.template' at DEBUG shows",
    ("OwnClient", "Z04"): "looked up north-wind.atelier-crm.example:443",
    ("OwnClient", "R01"): "beside `ctx.http`",
    ("PathInjector", "Z07"): "crm_discover for the id 'no/such': the path has another form",
    ("HeaderLogger", "Z01"): "a log line of 'renkei.plugin.template' at DEBUG shows",
    ("DisguisedLogger", "Z01"): "a log line of 'atelier' at INFO shows",
    ("Printer", "Z01"): "stdout shows",
    ("Warner", "Z01"): "a warning shows",
    ("FileKeeper", "Z01"): "/atelier-token' shows",
    ("Repeater", "Z01"): "the answer of crm_push shows",
    ("Annotator", "Z01"): "what crm_authenticate raised shows",
    ("TokenInAddress", "Z01"): "the address of a request of crm_",
    ("TokenInLabel", "Z01"): "the answer of crm_authenticate shows good client_secret (in part)",
    ("SecretHint", "Z01"): "the answer of crm_authenticate shows good client_secret (its beginning or end)",
    ("SecretDigest", "Z01"): "the answer of crm_authenticate shows good client_secret (a digest of it)",
    ("ChainedRequest", "Z01"): "what crm_authenticate raised shows",
    ("SecretRecord", "Z01"): "a stored record shows",
    ("ValueLogger", "Z02"): "a log line of 'renkei.plugin.template' at INFO shows the value of field",
    ("RefusalLogger", "Z02"): "a log line of 'renkei.plugin.template' at WARNING shows the value of field 'subject'",
    ("LinkFollower", "Z04"): "somebody-else.atelier-crm.example was asked",
    ("TellTaleSocket", "Z04"): "looked up stats.atelier-crm.example:443",
    ("QueryPaster", "Z07"): "crm_verify for the id",
    ("CursorPaster", "Z07"): "the query has the parameters",
    ("Tidier", "Z07"): "reports records as stored in 'inquiries?x=1'",
    ("LooseSearch", "Z07"): "and there is none",
    ("HeaderPaster", "Z07"): "the header 'x-table' holds a line break",
    ("LoopBlocker", "X03"): "ms, waiting",
    ("BusyLoop", "X03"): "ms, computing",
    ("SlowMapper", "X03"): "crm_map held its thread",
    ("LockWaiter", "X03"): "ms, waiting",
    ("SocketWaiter", "X03"): "crm_push held the event loop",
    ("LastContext", "X01"): "carried a secret of the other one",
    ("FirstToken", "X01"): "carried a secret of the other one",
    ("Rememberer", "X04"): "api.KEPT",
    ("ProcessChanger", "X04"): "the environment variable 'ATELIER_BUSY'",
    ("LoopRunner", "X06"): "in one with an event loop",
    ("StatsTeller", "Z04"): "crm_discover asked 'usage-stats.atelier-crm.example' whatever the settings",
    ("LargeFileKeeper", "Z02"): "/atelier-cache' was written and holds more than",
    ("LockHolder", "X01"): "held the event loop past its deadline",
    ("TaskLeaver", "X04"): "the task 'sleep'",
}


@pytest.fixture(scope="module", params=PROVEN)
def good(request: pytest.FixtureRequest) -> Iterator[tuple[Subject, Kit]]:
    subject = find(request.param)
    kit = subject.kit()
    yield subject, kit
    kit.close()


@pytest.fixture(scope="module")
def template() -> Subject:
    return find("template")


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a saboteur does to this process ends with the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("ATELIER_BUSY", "")
    monkeypatch.delenv("ATELIER_BUSY")
    before = list(logging.root.handlers)
    yield
    logging.root.handlers[:] = before


@pytest.mark.parametrize("id", OURS)
def test_a_good_plugin_passes(good: tuple[Subject, Kit], id: str) -> None:
    outcome = run_check(id, *good)

    assert (outcome.word, outcome.seen) == ("passed", "")


@pytest.mark.parametrize(
    ("saboteur", "id"),
    [
        pytest.param(one, id, id=f"{one.name}-{id}")
        for one in chosen(SABOTEURS.values())
        for id in one.killed_by
        if id in OURS
    ],
)
def test_each_saboteur_is_found_for_what_it_does(template: Subject, saboteur: Saboteur, id: str) -> None:
    outcome = kills(saboteur, template, ids=(id,))[id]

    assert outcome.word == "failed", outcome.seen
    assert SEEN[saboteur.name, id] in outcome.seen
    assert "not-a-real-secret" not in outcome.seen


SOURCES = {
    "eval": "def f(x):\n    return eval(x)\n",
    "an alias of eval": "f = eval\n",
    "getattr on builtins": "import builtins\nf = getattr(builtins, 'ev' + 'al')\n",
    "os.environ under another name": "from os import environ as e\nTOKEN = e.get('TOKEN')\n",
    "os.getenv": "import os as o\nx = o.getenv('x')\n",
    "pickle": "import pickle\n",
    "an import by text": "import importlib\nm = importlib.import_module('socket')\n",
    "__import__": "m = __import__('subprocess')\n",
    "a client of its own": "import httpx\n\n\ndef f():\n    return httpx.AsyncClient()\n",
    "a client under another name": "from httpx import Client as C\n\n\ndef f():\n    return C()\n",
    "no certificates": "def f(make):\n    return make(verify=False)\n",
    "a program": "import subprocess\n",
    "os.system": "from os import system as run\nrun('true')\n",
    "ctypes": "import ctypes\n",
    "sys.modules": "import sys\nx = sys.modules['os']\n",
    "core": "from renkei.plugins import guard\n",
    "a broken file": "def f(:\n",
}
HARMLESS = """
import http
import os.path
import re
from urllib.parse import quote

import httpx

from renkei import spec

PATTERN = re.compile("a")
STATUS = http.HTTPStatus.OK


def f(client: httpx.AsyncClient, compile: object) -> httpx.Response | None:
    return None
"""


def _with_file(subject: Subject, path: Path) -> Subject:
    assert subject.module is not None
    bad = damaged(subject.module)
    bad.__name__, bad.__file__ = path.stem, str(path)
    return subject.instead(bad)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_source_that_reaches_for_something_dangerous_is_found(template: Subject, tmp_path: Path, name: str) -> None:
    path = tmp_path / "acme.py"
    path.write_text(SOURCES[name], encoding="utf-8")

    outcome = run_check("Z09", _with_file(template, path), template.kit())

    assert outcome.word == "failed", outcome.seen
    assert outcome.seen.startswith("acme")


def test_harmless_source_is_left_alone(template: Subject, tmp_path: Path) -> None:
    path = tmp_path / "acme.py"
    path.write_text(HARMLESS, encoding="utf-8")

    assert run_check("Z09", _with_file(template, path), template.kit()).word == "passed"


CASSETTES = {
    "a mail address": ("owner: tanaka@north-wind.co.jp\n", "a mail address outside of the example domains in line 1"),
    "an address": ("seen:\nfrom: 10.1.2.3\n", "the address of a machine in line 2"),
    "a long address": ("from: fe80::1\n", "the address of a machine in line 1"),
    "a phone number": ("call: 06-6123-4567\n", "a phone number in line 1"),
    "a phone number abroad": ("call: +81 6 6123 4567\n", "a phone number in line 1"),
    "a header": ("headers:\n  Authorization:\n  - Bearer abcdefgh\n", "a header 'authorization' with a value"),
    "a token of a header": ("headers:\n  x-acme-api-token: [abcdefgh]\n", "a header 'x-acme-api-token'"),
    "a secret": ("body: client_secret=not-a-real-secret\n", "shows good client_secret"),
    "a secret in base64": ("body: bm90LWEtcmVhbC1zZWNyZXQ=\n", "shows good client_secret"),
}
NOBODYS = """
at: '2026-01-01T03:04:05+09:00'
id: '0012'
version: 1.2.3
mail: customer+1@mail.example
phone: 03-0000-0001
from: 192.0.2.1
authorization: placeholder-good-token
"""


@pytest.mark.parametrize("name", sorted(CASSETTES))
def test_a_cassette_that_tells_of_somebody_is_found(template: Subject, tmp_path: Path, name: str) -> None:
    text, seen = CASSETTES[name]
    (tmp_path / "p01.yaml").write_text(text, encoding="utf-8")

    outcome = run_check("Z10", template, _kit_with(template, tmp_path))

    assert outcome.word == "failed", outcome.seen
    assert seen in outcome.seen


def test_a_cassette_that_tells_of_nobody_passes(template: Subject, tmp_path: Path) -> None:
    (tmp_path / "p01.yaml").write_text(NOBODYS, encoding="utf-8")

    outcome = run_check("Z10", template, _kit_with(template, tmp_path))

    assert (outcome.word, outcome.seen) == ("passed", "")


def _kit_with(subject: Subject, folder: Path) -> Kit:
    class WithCassettes(subject.kit):  # type: ignore[misc, name-defined]  # a class found by its entry point
        cassettes = folder

    made: Kit = WithCassettes()
    return made


def test_a_secret_that_is_too_short_to_be_looked_for_is_the_kits_fault(template: Subject) -> None:
    class Short(template.kit):  # type: ignore[misc, name-defined]  # a class found by its entry point
        def wrong_credentials(self) -> dict[str, str]:
            return {**super().wrong_credentials(), "client_secret": "abc"}

    outcome = run_check("Z01", template, Short())

    assert outcome.word == "failed"
    assert "'wrong client_secret' has fewer than 8 characters" in outcome.seen


def test_letters_that_are_anybodys_words_are_nobodys_secret() -> None:
    innocent = "the client_secret of a simulated account"

    assert list(scraps("simulated-sample-secret", 6, innocent)) == ["simulated-", "-secret"]
    assert list(scraps("zq93kfy1mm2p", 6, innocent)) == ["zq93kf", "y1mm2p"]
    assert list(scraps("client_secret", 6, innocent)) == []


def test_a_push_is_told_its_own_report_beside_another_one(template: Subject) -> None:
    class Crowded(list[Said]):
        """After each push, somebody else's is heard, too."""

        def append(self, said: Said) -> None:
            super().append(said)
            if said.hook == "crm_push":
                others = said.request.model_copy(update={"records": ()})
                super().append(Said(hook="crm_push", request=others, answer=PushReport(verdicts=())))

    with staged(template, template.kit()) as stage:
        stage.heard = Crowded()
        pushed = stage.good.push(stage.good.records(2))

    assert set(pushed.words().values()) == {"created"}


CHANGES = {
    "the decimal context": ("decimal", "decimal.getcontext().prec = 7", "the decimal context"),
    "logging": ("logging", "logging.getLogger().addHandler(logging.StreamHandler())", "the logger 'root'"),
    "a thread": ("threading", "threading.Thread(target=threading.Event().wait, args=(20,), daemon=True).start()",
                 "the thread"),
    "random numbers": ("random", "random.random()", "the state of random"),
    "a time-out of sockets": ("socket", "socket.setdefaulttimeout(10)", "the sockets' time-out"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_what_is_left_behind_is_named(template: Subject, name: str) -> None:
    import decimal
    import socket

    module, line, seen = CHANGES[name]
    mapped = "    return records.to_wire(request)"
    bad = rewritten(Change("backend", mapped, f"    import {module}\n    {line}\n{mapped}"))

    with decimal.localcontext():
        outcome = run_check("X04", template.instead(bad), template.kit())
    socket.setdefaulttimeout(None)

    assert outcome.word == "failed", outcome.seen
    assert seen in outcome.seen
