"""Checks Z: secrets and people's data show nowhere, and nothing that is sent can be turned against the backend."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from renkei.spec import Account, FieldType, TargetList, TargetSchema, Value, VerifyReport
from renkei.testing.contract import values
from renkei.testing.contract.anonymous import telling
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.capturing import Listening
from renkei.testing.contract.catalogue import ANYWHERE, check
from renkei.testing.contract.checks.injecting import (
    ODD,
    require_cursors_in_place,
    require_in_place,
    require_keys_in_place,
    require_targets_in_place,
    some_parent,
)
from renkei.testing.contract.checks.leading import (
    STRANGER,
    lead_astray,
    neighbours,
    require_allowed,
    server_of,
    well,
)
from renkei.testing.contract.checks.owning_hosts import require_hosts_of_the_connection
from renkei.testing.contract.desk import desk, files_in
from renkei.testing.contract.leaks import SHORTEST, Needles, exception_texts, shown
from renkei.testing.contract.living import Life, stored_records
from renkei.testing.contract.source import findings_in, sources_of
from renkei.testing.contract.spy import Said
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.watching import ways_out
from renkei.testing.contract.wire import Exchange

# Of a secret that a kit types, chosen by people, and of a token, where few characters may be there by chance.
_TYPED_LEAST = 6
_GIVEN_LEAST = 8


class SecurityChecks:
    """Checks Z."""

    @check("Z01", traffic=True)
    def test_z01_secrets_show_nowhere(self, stage: Stage) -> None:
        """A secret of a connection is in the requests that need it and nowhere else, in no disguise.

        That is: in no log line at any level, no output, no warning, no file, no answer or error of a hook, no address
        of a request, no record, and nothing that the engine stores or says, also where the backend repeats it.

        Why: logs, error reports and databases are read, copied and kept by people and systems that no customer has
        trusted with the key to their CRM.
        Mend: reveal a secret only where a request is built, put it into a header or body and never into an address,
        log and raise sentences of your own instead of requests, headers, answers and other libraries' exceptions, and
        raise outside of `except` blocks that caught something with a request in it. No first or last letters of one
        either, and no digest. A kit's secret that is made of words may be found where nobody leaked it: use another.
        """
        stage.heard = errors = Overheard()
        with tempfile.TemporaryDirectory() as folder:
            with Listening() as heard:
                told = _lived_with_an_engine(stage, Path(folder))
                _lived(stage)
            needles = _secrets(stage, hints=True)
            leaks = [
                *needles.found_in(heard.texts()),
                *needles.found_in(
                    (
                        *told,
                        *errors.raised,
                        *_said(stage.heard),
                        *_addresses(stage.wire.exchanges),
                        *files_in(Path(folder)),
                    )
                ),
            ]
        require(not leaks, "; ".join(dict.fromkeys(map(str, leaks[:6]))))

    @check("Z02", traffic=True)
    def test_z02_no_personal_data_in_the_log(self, stage: Stage) -> None:
        """What records hold is in no log line at INFO or above, no output, no warning and no file.

        Why: those lines are kept for years and read by people who may not see a customer's name or mail.
        Mend: log how many records, which fields and which codes; never values, bodies or the backend's own words.
        Details for your own work go to DEBUG.
        """
        canaries = _canaries(stage)
        with Listening() as heard:
            life = Life(stage, canaries)
            life.well()
            life.refused()
            life.failing()
        needles = Needles({f"the value of field {code!r}": text for code, text in _texts(canaries)}, parts=False)
        leaks = needles.found_in(heard.texts(level=logging.INFO))
        require(not leaks, "; ".join(dict.fromkeys(map(str, leaks[:6]))))

    @check("Z04", traffic=True)
    def test_z04_only_hosts_of_the_manifest_are_asked(self, stage: Stage) -> None:
        """Every request goes through `ctx.http` to a host that the manifest allows, wherever an answer points.

        Where an answer to a read names another host, even one that the manifest's pattern allows, no request goes
        there: `*.crm.example` holds the servers of other customers, too. And a host that is asked follows from the
        connection's own settings, or from the answer to its log-in, unless the manifest names it in full.

        Why: a key that is sent to whatever host an answer, or a mistyped setting, names is a key given away.
        Mend: send everything with `ctx.http`; build addresses from the settings; of a link to the next page take the
        path and query alone, and only where its host is the one you asked.
        """
        with ways_out(server_of(stage)) as found:
            well(stage)
            usual = {exchange.request.url.host for exchange in stage.wire.exchanges}
            for host in (STRANGER, *neighbours(stage, usual)):
                with stage.wire.since_now() as exchanges:
                    lead_astray(stage, host)
                astray = sorted({exchange.request.url.host for exchange in exchanges} - usual)
                require(not astray, f"an answer that named another host was followed: {', '.join(astray)} was asked")
            require_hosts_of_the_connection(stage)
            Life(stage).ended()
        require(not found, f"the plugin went past ctx.http: it {'; it '.join(map(str, found[:3]))}")
        require_allowed(stage)

    @check("Z07", traffic=True)
    def test_z07_nothing_breaks_out_of_its_place(self, stage: Stage) -> None:
        """Ids, field codes, delivery keys and cursors stay what they are, whatever they hold.

        With `/ ? # % .. " ' ( ) & =`, line breaks or letters of any script in one of them, a request keeps the form
        that it has for a plain one; nothing of another target is read or written, and no record is said to be there
        that is not.

        Why: an id that is pasted into an address or a filter reaches places and records that nobody was allowed to.
        Mend: in a path `quote(id, safe="")`, and refuse `.` and `..`; in a query give httpx `params={…}`; in a body
        build data and let `json` write it; in a filter language escape as its documentation says, or refuse.
        """
        require_targets_in_place(stage)
        if stage.supports("list_targets"):
            require_in_place(
                stage,
                "crm_list_targets",
                lambda id: stage.good.targets(parent=id),
                some_parent(stage),
                [one for one in ODD if one],
            )
        if stage.supports("verify"):
            require_keys_in_place(stage)
        require_cursors_in_place(stage)

    @check("Z09", sources=ANYWHERE)
    def test_z09_the_source_reaches_for_nothing_dangerous(self, stage: Stage) -> None:
        """The plugin's source runs no data as code, starts no programs, reads no environment and opens no sockets.

        Why: what is not in the source needs no trust. Core's guard is no sandbox, and reviewers read what they can.
        Mend: use `ctx.http` for requests, settings for what differs between installations, `json` for data, and
        leave certificates alone. Modules for tests alone belong into the kit's `test_only`.
        """
        module = stage.subject.module
        if module is None:
            broken(f"the plugin cannot be loaded: {stage.subject.broken}")
        for name, path in sources_of(module, _shipped_files(stage), stage.kit.test_only):
            try:
                found = findings_in(path.read_text(encoding="utf-8"), name)
            except (OSError, SyntaxError, ValueError) as error:
                broken(f"{name} cannot be read as Python ({type(error).__name__})")
            require(not found, "; ".join(map(str, found[:6])))

    @check("Z10", sources=ANYWHERE)
    def test_z10_cassettes_hold_nothing_of_anybody(self, stage: Stage) -> None:
        """Recorded traffic holds no secret, no header that authenticates, no address and no phone number.

        Why: cassettes are committed and published, and what was once published cannot be taken back.
        Mend: record with `renkei verify --record`, which replaces all that, and revoke what was published already.
        """
        folder = stage.kit.cassettes
        if folder is None:
            return
        require(folder.is_dir(), "the kit names a folder of cassettes that is not there")
        needles = _secrets(stage)
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            content = path.read_bytes()
            found = [*map(str, needles.found(path.name, content)), *telling(content.decode("utf-8", "replace"))]
            require(not found, f"{path.name}: {'; '.join(found[:4])}")


class Overheard(list[Said]):
    """What hooks said, with the words of what they raised: core takes the chain off an error before it passes it on."""

    def __init__(self) -> None:
        super().__init__()
        self.raised: list[tuple[str, str]] = []

    def append(self, said: Said) -> None:
        """One more."""
        super().append(said)
        if said.error is not None:
            self.raised += [(f"what {said.hook} raised", text) for text in exception_texts(said.error)]


def _lived_with_an_engine(stage: Stage, folder: Path) -> list[tuple[str, bytes | str]]:
    stage.good.schema  # noqa: B018  # whoever cannot connect at all fails here, with a sentence
    with desk(stage, folder) as at_the_desk:
        at_the_desk.lives()
        said = [("what the engine answers", text) for text in at_the_desk.said]
        return [*said, *stored_records(stage)]


def _lived(stage: Stage) -> None:
    stage.kit.reset()
    for connection in (stage.good, stage.second):
        connection.authenticate()
    life = Life(stage)
    life.well()
    life.well(stage.second)
    life.mapped_badly()
    life.refused()
    life.failing()
    life.failing_later()
    life.wrong()
    life.ended()


def _secrets(stage: Stage, *, hints: bool = False) -> Needles:
    """All secrets there were; *hints*: with the few characters that tell of one, and what is made from it.

    Raises:
        Broken: one of the kit's is too short to be looked for.
    """
    typed = {name: secret for name, secret in stage.secrets().items() if not secret.startswith("https://")}
    wrong = stage.kit.wrong_credentials()
    for setting in sorted(stage.manifest.settings.secret_fields()):
        if isinstance(wrong.get(setting), str) and wrong[setting]:
            typed[f"wrong {setting}"] = wrong[setting]
    innocent = _public(stage, typed.values())
    # What a backend gives may be a word or a number beside the token; what a kit types is a secret.
    theirs = {name for name in typed if name.partition(" ")[0] in ("good", "second", "wrong")}
    kept = {name: secret for name, secret in typed.items() if len(secret) >= SHORTEST or name in theirs}
    least = {name: _TYPED_LEAST if name in theirs else _GIVEN_LEAST for name in kept} if hints else {}
    try:
        return Needles(kept, innocent=innocent, least=least)
    except ValueError as short:
        broken(
            f"the kit's secret {str(short)!r} has fewer than {SHORTEST} characters and would be found in any text: "
            "let the simulator use longer ones"
        )


def _public(stage: Stage, secrets: Iterable[str]) -> str:
    """What anybody may read: settings that are no secrets, the manifest, the words of the contract itself, names of
    modules, and what the backend says by itself.
    """
    texts = [shown(connection.settings.public()) for connection in (stage.good, stage.second)]
    texts += [stage.manifest.model_dump_json(), getattr(stage.subject.module, "__name__", ""), *stage.kit.test_only]
    texts += [json.dumps(model.model_json_schema()) for model in (Account, TargetSchema, TargetList, VerifyReport)]
    texts += dict.fromkeys(one.answer.decode("utf-8", "replace") for one in stage.wire.exchanges)
    whole = "\n".join(texts)
    for secret in sorted(secrets, key=len, reverse=True):
        whole = whole.replace(secret, "\n")
    return whole


def _said(heard: list[Said]) -> Iterator[tuple[str, str]]:
    """All that the hooks answered, and how what they were given shows itself."""
    for one in heard:
        yield from ((f"the answer of {one.hook}", text) for text in _shown(one.answer))
        yield from (("the repr of a context", text) for text in _shown(one.context))


def _shown(thing: Any) -> list[str]:
    if thing is None:
        return []
    texts = [shown(thing), shown(thing, str), shown(thing, lambda one: one.model_dump_json())]
    stopped_by = getattr(thing, "stopped_by", None)
    if isinstance(stopped_by, BaseException):
        texts += exception_texts(stopped_by)
    settings = getattr(thing, "settings", None)
    return [*texts, shown(settings, lambda one: one.model_dump_json())] if settings is not None else texts


def _addresses(exchanges: list[Exchange]) -> Iterator[tuple[str, str]]:
    for exchange in exchanges:
        yield f"the address of a request of {exchange.hook}", str(exchange.request.url)


def _shipped_files(stage: Stage) -> list[Path]:
    """Python files that the plugin's distribution says it has installed."""
    found = stage.subject.distribution
    return [Path(str(file.locate())) for file in (found.files or ()) if found] if found is not None else []


# People.


_PERSON: Mapping[FieldType, str] = {
    FieldType.TEXT: "連名 カナリア太郎",
    FieldType.LONG_TEXT: "カナリアの苦情：先週の荷物が届きません。",
    FieldType.HTML: "カナリアの苦情：先週の荷物が届きません。",
    FieldType.EMAIL: "canary.person@mail.example",
    FieldType.PHONE: "03-0000-4471",
    FieldType.URL: "https://desk.example/canary-person",
}


def _canaries(stage: Stage) -> dict[str, Value]:
    """Values that belong to a person, for every field that can hold one."""
    kit = stage.kit
    return {
        field.code: values.fitted(
            field, f"{_PERSON[field.type]} {field.code}" if _is_free(field.type) else _PERSON[field.type]
        )
        for field in values.settable(stage.good.schema, kit.examples)
        if field.type in _PERSON and field.code != kit.key_field and field.code not in {*kit.examples, *kit.filled}
    }


def _is_free(kind: FieldType) -> bool:
    return kind in (FieldType.TEXT, FieldType.LONG_TEXT)


def _texts(canaries: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    return ((code, text) for code, text in canaries.items() if isinstance(text, str) and len(text) >= SHORTEST)
