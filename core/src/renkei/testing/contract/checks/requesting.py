"""What a push does with its request, and what its report says of where the records are."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit

from renkei.spec import BackendError, OutcomeUnknown, PushReport, PushRequest, Verdict
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.storing import few, seed_others
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.saboteurs.making import damaged
from renkei.testing.contract.stage import Stage

_NOT_OF_AN_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")


def require_request_untouched(stage: Stage) -> None:
    """What the hook was given is afterwards what it was.

    Raises:
        Broken: it is not.
    """
    good = stage.good
    records = good.records(few(stage), start=720)
    before = [repr(record) for record in records]
    given = repr((good.options, good.settings.model_dump(), good.schema))
    credentials = good.credentials.model_dump() if good.credentials is not None else None
    pushed = good.push(records)
    pushed.require_ours()
    require(pushed.report is not None, "crm_push gave no report for good records")
    require([repr(record) for record in pushed.records] == before, "crm_push changed the records of its request")
    require([repr(record) for record in records] == before, "crm_push changed the records that it was given")
    now = good.credentials.model_dump() if good.credentials is not None else None
    unchanged = repr((good.options, good.settings.model_dump(), good.schema)) == given and now == credentials
    require(unchanged, "crm_push changed the settings, options, credentials or the schema that it was given")


def require_one_record_for_one_key(stage: Stage) -> None:
    """A push in which one record is there twice: refused before any request, or stored once.

    Core refuses such a push by itself, so the record is doubled between core and the plugin's hook.

    Raises:
        Broken: it was stored twice, or nobody knows.
    """
    schema = stage.good.schema
    require(schema.field(stage.kit.key_field), f"discovery does not show the key field {stage.kit.key_field!r}")
    assert stage.subject.module is not None
    heard: list[PushReport | BackendError | object] = []
    with Stage(stage.subject.instead(_doubling(stage.subject.module, heard)), stage.kit, stage.site) as doubled:
        before = len(doubled.read())
        count = min(2, stage.manifest.limits.push_size)
        pushed = doubled.good.push(doubled.good.records(count, start=710))
        keys = doubled.stored_keys()[before:]
        twice = sorted({one for one in keys if keys.count(one) > 1})
        require(not twice, f"a record that was in the push twice was stored {len(keys)} times")
        said = heard[0] if heard else None
        require(
            isinstance(said, (PushReport, BackendError)), "crm_push neither reported nor raised a BackendError for it"
        )
        if isinstance(said, BackendError):
            require(not isinstance(said, OutcomeUnknown), "crm_push raised OutcomeUnknown for one key twice")
            require(
                not pushed.exchanges and not keys, "crm_push sent requests and then raised an error for one key twice"
            )
        elif isinstance(said, PushReport):
            _require_defined(said.verdicts, pushed, keys)


def require_ids_and_links(stage: Stage) -> None:
    """Ids are the probe's, links lead to an allowed host, each to one record.

    Raises:
        Broken: they do not.
    """
    seed_others(stage, start=731)
    pushed = stage.good.push(stage.good.records(few(stage), start=741)).require_all_created()
    held = {record.id: record.values.get(stage.kit.key_field) for record in stage.read()}
    links: dict[str, str] = {}
    for one in pushed.keys:
        verdict = pushed.said(one)
        id, link = getattr(verdict, "id", ""), getattr(verdict, "link", None)
        require(
            held.get(id) == one, f"the id {id!r} that is reported for {one!r} is not that of the record that holds it"
        )
        if link is not None:
            _require_good_link(stage, link)
            links[id] = link
    require(len(set(links.values())) == len(links), "several records have one link")
    for id, link in links.items():
        named = set(_NOT_OF_AN_ID.split(link)).intersection(links)
        require(not named or id in named, "the link of one record leads to another one")
    require(len(links) in (0, len(pushed.keys)), "some records have a link, and others have none")


def _require_good_link(stage: Stage, link: str) -> None:
    parts = urlsplit(link)
    host = (parts.hostname or "").lower()
    require(parts.scheme in ("http", "https") and host, "a link is no address on the web")
    asked = {exchange.request.url.host for exchange in stage.wire.exchanges}
    known = host in asked or any(_fits(host, pattern) for pattern in stage.manifest.hosts)
    require(known, f"a link leads to {host!r}, which is none of the manifest's hosts and was never asked")
    require(parts.username is None and parts.password is None, "a link holds a user's name or a password")
    secret = any(value in link for value in stage.secrets().values())
    require(not secret, "a link holds a secret")


def _fits(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _require_defined(verdicts: tuple[Verdict, ...], pushed: Pushed, keys: list[str]) -> None:
    told = {verdict.key for verdict in verdicts}
    require(told == set(pushed.keys), "one key twice in a push: some key has no verdict, or one that was never pushed")
    for one in pushed.keys:
        words = [verdict.verdict for verdict in verdicts if verdict.key == one]
        won = sum(word in ("created", "updated") for word in words)
        require("unknown" not in words, "one key twice in a push: the verdict is 'unknown', and all was answered")
        require(
            (won > 0) == (one in keys),
            f"one key twice in a push: the verdicts are {words}, which is not what is stored",
        )


def _doubling(good: ModuleType, heard: list[Any]) -> ModuleType:
    """*good*, given its first record twice; what it says is noted, and core is told each verdict once."""

    async def crm_push(ctx: Any, request: PushRequest) -> PushReport:
        doubled = request.model_copy(update={"records": (*request.records, request.records[0])})
        try:
            report = await good.crm_push(ctx=ctx, request=doubled)
        except BaseException as error:
            heard.append(error)
            raise
        heard.append(report)
        first = {verdict.key: verdict for verdict in reversed(report.verdicts)}
        return PushReport(verdicts=tuple(first.values()), stopped_by=report.stopped_by)

    return damaged(good, push=crm_push)
