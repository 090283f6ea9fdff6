"""A secret goes into the vault and into requests, and shows nowhere else, in no disguise."""

from __future__ import annotations

import base64
import dataclasses
import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from processes import ADMIN, CONNECTION, INBOX, SETTINGS, TENANT, Desk, action, child, command_line, desk, rules

from renkei import spec
from renkei.engine import Renkei
from renkei.engine.connections import Refused
from renkei.plugins.calls import Call
from renkei_kintone.simulator import Token

# Signs in it that URLs and JSON write differently: a disguise that changes nothing would prove nothing.
CANARY = 'CANARY-not-a-token/7c1e+"5d\\90b2f4a8'
SECOND = 'CANARY-the-second-one/3a9d+"e1\\77c0b6d5'
WRONG = 'CANARY-of-nobody/0f4b+"c8\\12e9a7d3'
CANARIES = (CANARY, SECOND, WRONG)


def disguises(secret: str) -> dict[str, bytes]:
    """The secret as it could be written, by the name of the disguise."""
    raw = secret.encode()
    found = {
        "raw": raw,
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "URL": quote(secret, safe="").encode(),
        "path": quote(secret).encode(),
        "form": quote_plus(secret).encode(),
        "JSON": json.dumps(secret)[1:-1].encode(),
        "JSON in JSON": json.dumps(json.dumps(secret)[1:-1])[1:-1].encode(),
        "repr": repr(secret)[1:-1].encode(),
        "UTF-16": secret.encode("utf-16-le"),
        "backwards": raw[::-1],
    }
    for shift in range(3):
        # The letters at both ends depend on their neighbours; those between are the secret's alone.
        inner = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]
        found[f"base64, shifted by {shift}"] = inner
        found[f"URL-safe base64, shifted by {shift}"] = inner.replace(b"+", b"-").replace(b"/", b"_")
    return found


def assert_hidden(where: str, shown: bytes | str) -> None:
    data = shown.encode("utf-8", "surrogatepass") if isinstance(shown, str) else shown
    found = [
        f"{name}: {secret[:16]}…" for secret in CANARIES for name, form in disguises(secret).items() if form in data
    ]
    assert not found, f"{where} shows {found}"


def test_the_search_itself_finds_each_disguise() -> None:
    for name, form in disguises(CANARY).items():
        with pytest.raises(AssertionError, match="somewhere shows"):
            assert_hidden("somewhere", b"before" + form + b"behind")
        assert len(form) > 20, name


class Everything(logging.Handler):
    """Keeps all that could be written of a log record: the text, what it was made of, extras, tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.shown: list[str] = []
        self.loggers: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.loggers.add(record.name)
        self.shown += [self.format(record), repr(record.__dict__), str(record.args)]


@pytest.fixture
def everything() -> Iterator[Everything]:
    handler = Everything()
    names = ("", "renkei", "httpx", "httpcore", "httpcore.connection", "httpcore.http11", "sqlalchemy", "asyncio")
    levels = {name: logging.getLogger(name).level for name in names}
    logging.getLogger().addHandler(handler)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        logging.getLogger().removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@pytest.fixture
def canary_desk(tmp_path: Path, everything: Everything) -> Iterator[Desk]:
    """A helpdesk whose tokens are canaries, and which does not wait long after a failure."""
    soon = timedelta(milliseconds=200)
    with desk(tmp_path, settles_within=soon, first_retry=soon / 4, longest_retry=soon) as ready:
        for token in (CANARY, SECOND):
            ready.kintone.tokens[token] = Token(token, "1", frozenset({"add"}))
        yield ready


def settings(token: str) -> dict[str, str]:
    return {**SETTINGS, "api_token": token}


def refused(ask: Callable[[], object], *kinds: type[Exception]) -> str:
    """All that an error which must come can be made to show, chain included."""
    with pytest.raises(kinds) as caught:
        ask()
    error = caught.value
    # Not the caller's own locals, which hold what the caller typed.
    told = [str(error), repr(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error)]
    return "\n".join(told)


def live(desk: Desk) -> list[str]:
    """Add, renew, create, record, deliver, fail; what the door said on the way."""
    renkei = desk.renkei
    connections = renkei.connections
    said = [
        refused(lambda: _add(renkei, WRONG), Refused),
        refused(lambda: _add(renkei, f"{CANARY}\u3042"), spec.SettingsError),
        refused(lambda: _add(renkei, CANARY, app_id="none"), spec.SettingsError),
        refused(lambda: _add(renkei, CANARY, surplus=CANARY), spec.SettingsError),
        refused(lambda: _add(renkei, CANARY, app_id="2"), Refused),
        repr(_add(renkei, CANARY)),
        refused(lambda: connections.renew(TENANT, ADMIN, CONNECTION, settings={"api_token": WRONG}), Refused),
        repr(connections.renew(TENANT, ADMIN, CONNECTION, settings={"api_token": SECOND})),
        repr(connections.test(TENANT, ADMIN, CONNECTION)),
    ]
    desk.set_up()
    said += [repr(desk.renkei.record(TENANT, INBOX, action(number))) for number in range(30)]
    for fault in ("before_apply_503", "429", "html_200", "cut", "broken_json", "applied_then_504"):
        desk.kintone.order(fault, path="/records.json")
    assert renkei.work_until_idle(timeout=30)
    assert renkei.ledger(TENANT).delivered == 30
    assert desk.kintone.faults.waiting() == ()
    desk.kintone.tokens.pop(SECOND)
    said += [repr(desk.renkei.record(TENANT, INBOX, action(number))) for number in range(100, 110)]
    renkei.work_until_idle(timeout=10)
    assert renkei.integrations.show(TENANT, ADMIN, INBOX).lane == "blocked"
    return said + answers(renkei)


def _add(renkei: Renkei, token: str, **more: str) -> object:
    typed = {**settings(token), **more}
    return renkei.connections.add(TENANT, ADMIN, CONNECTION, backend="kintone", settings=typed)


def answers(renkei: Renkei) -> list[str]:
    """Everything that can be asked."""
    asked: list[Any] = [
        renkei.connections.all(TENANT, ADMIN),
        renkei.integrations.all(TENANT, ADMIN),
        renkei.integrations.show(TENANT, ADMIN, INBOX),
        renkei.ledger(TENANT),
        renkei.log(TENANT, INBOX),
        renkei.why(TENANT, "A-00000"),
        renkei.status_for(TENANT, INBOX, ["A-00000", "A-00105"]),
        renkei.audit(TENANT),
        renkei.health(),
        renkei.backends(),
    ]
    return [repr(answer) for answer in asked] + [str(answer) for answer in asked]


def test_the_token_is_in_no_log_file_error_or_answer(canary_desk: Desk, everything: Everything, tmp_path: Path) -> None:
    said = live(canary_desk)

    assert_hidden("what was said", "\n".join(said))
    assert_files_hide(tmp_path)
    assert_hidden("the log", "\n".join(everything.shown))
    assert "renkei.delivery" in everything.loggers
    canary_desk.renkei.close()
    assert_files_hide(tmp_path)


def assert_files_hide(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"renkei.db", "renkei.db.key"} <= {path.name for path in files}
    for path in files:
        assert_hidden(path.name, path.read_bytes())


def test_what_holds_the_token_in_memory_does_not_show_it(canary_desk: Desk) -> None:
    renkei = canary_desk.renkei
    _add(renkei, CANARY)
    parts = renkei._parts
    backend = parts.registry.backend("kintone")
    with parts.store.read() as reading:
        row = renkei.connections._row(reading, TENANT, CONNECTION)
    session = parts.session(backend, TENANT, row.id)
    context = spec.Context(
        settings=session.settings,
        credentials=spec.Credentials(values={"token": CANARY}),
        http=None,
        clock=parts.clock,
        log=logging.getLogger("renkei"),
        remaining=lambda: None,
        open_file=None,
    )

    held: list[Any] = [renkei, parts, parts.store, parts.store.vault, backend, row, session, session.sealed]
    held += [session.settings, session.call(), context, context.credentials, Call(settings=session.settings)]
    for thing in held:
        shown = f"{thing!r} {thing!s} {thing:} {[thing]}"
        assert_hidden(type(thing).__name__, shown)
    assert_hidden("dumped settings", session.settings.model_dump_json() + repr(session.settings.model_dump()))
    assert_hidden("a connection as data", repr(dataclasses.asdict(renkei.connections.get(TENANT, ADMIN, CONNECTION))))


def test_a_backend_that_repeats_the_token_in_its_answer_does_not_spread_it(
    canary_desk: Desk, everything: Everything, tmp_path: Path
) -> None:
    renkei = canary_desk.renkei
    echo = {"message": f"the token {CANARY} is odd", "status": 400}
    canary_desk.kintone.order("error", path="/app.json", code="GAIA_XX98", times=5, **echo)
    said = [refused(lambda: _add(renkei, CANARY), Refused)]
    canary_desk.kintone.faults.clear()
    _add(renkei, CANARY)
    canary_desk.set_up()
    renkei.record(TENANT, INBOX, action(1))
    canary_desk.kintone.order("error", path="/records.json", code="GAIA_XX99", times=20, **echo)
    renkei.work_until_idle(timeout=3)
    said += [repr(renkei.log(TENANT, INBOX)), repr(renkei.why(TENANT, "A-00001"))]

    assert {entry.path for entry in canary_desk.kintone.requests if entry.fault} == {
        "/k/v1/app.json",
        "/k/v1/records.json",
    }
    assert_hidden("what was said", "\n".join(said))
    assert_files_hide(tmp_path)
    assert_hidden("the log", "\n".join(everything.shown))


def test_no_command_shows_the_token(canary_desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "mapping.json"
    file.write_text(rules().model_dump_json())
    actions = tmp_path / "actions.jsonl"
    soon = datetime.now(UTC) + timedelta(minutes=1)  # the commands before it take their time
    actions.write_text("\n".join(json.dumps(action(number, soon)) for number in range(3)))
    add = ("connections", "add", "kintone", "--name", CONNECTION, "--set", "subdomain=demo", "--set", "app_id=1")
    token = ("--secret", "api_token=env:TOKEN")

    told = [
        _renkei(canary_desk, WRONG, *add, *token, fails=True),
        _renkei(canary_desk, CANARY, *add, *token),
        _renkei(canary_desk, WRONG, "connections", "renew", CONNECTION, *token, fails=True),
        _renkei(canary_desk, SECOND, "connections", "renew", CONNECTION, *token),
        _renkei(canary_desk, "", "connections", "list"),
        _renkei(canary_desk, "", "integrations", "add", INBOX, "--connection", CONNECTION, "--mapping", str(file)),
        _renkei(canary_desk, "", "record", str(actions), "--inbox", INBOX),
        _renkei(canary_desk, "", "work", "--until-idle"),
        _renkei(canary_desk, "", "log", INBOX),
    ]

    assert_hidden("a command", "\n".join(told))
    assert sum(canary_desk.stored().values()) == 3
    assert_files_hide(tmp_path)


def _renkei(desk: Desk, token: str, *arguments: str, fails: bool = False) -> str:
    """What a command writes, with logs at DEBUG; TOKEN is how it comes by its secret."""
    command = [sys.executable, "-m", "renkei", "--json", "--log-level", "debug", "--tenant", TENANT, "--as", ADMIN]
    with child([*command, *arguments], env={**command_line(desk), "TOKEN": token}, stdin=subprocess.DEVNULL) as process:
        written, complaints = process.communicate(timeout=60)
    assert (process.returncode != 0) is fails, complaints
    return written + complaints
