"""Which of the hosts that are asked follow from a connection's own settings (check Z04)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from renkei.spec import RenkeiError
from renkei.testing.contract.broken import require
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.living import calls, tried
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Act, Exchange, Forward

_LOG_IN: Final = ("crm_authenticate", "crm_refresh")
_EVERY_REQUEST: Final = 10**6
_NUMBERS: Final = (910_001, 920_000)
_LEAST: Final = 2  # characters of a part that tells something
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_NEXT: Final = str.maketrans(_LETTERS + _LETTERS.upper(), "bcdefghijklmnopqrstuvwxyza" + "BCDEFGHIJKLMNOPQRSTUVWXYZA")


@dataclass(slots=True)
class _Answers:
    """What the backend answered to one connection, to be given again to another one."""

    given: list[tuple[str, bytes, httpx.Response]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def kept(self) -> Act:
        """The backend answers, and its answer is kept."""

        async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
            self.asked.append((exchange.hook, exchange.request.url.host))
            answer = await forward()
            self.given.append((exchange.hook, exchange.target, answer))
            return answer

        act.__name__ = "an answer that is kept"
        return act

    def again(self, asked: list[tuple[str, str]]) -> Act:
        """Whoever asks gets what was answered to the same request before; *asked* is filled with hooks and hosts."""

        async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
            asked.append((exchange.hook, exchange.request.url.host))
            ours = [one for one in self.given if one[0] == exchange.hook]
            place = sum(hook == exchange.hook for hook, _host in asked) - 1
            same = [one for one in ours if one[1] == exchange.target] or ours[place : place + 1] or ours[-1:]
            if not same:
                return httpx.Response(404)
            whole = same[0][2]
            return httpx.Response(whole.status_code, headers=whole.headers.raw, content=whole.content)

        act.__name__ = "the answer of another connection"
        return act


def require_hosts_of_the_connection(stage: Stage) -> None:
    """With other settings, other hosts are asked.

    A host may be asked whatever the settings say where the manifest names it in full, or where the answer to a log-in
    names it. Of the rest, each has to go where the settings point: the same calls are made with settings in which the
    part that a host is made of is another one, and are answered as before.

    Raises:
        Broken: a host is asked all the same.
    """
    for connection in (stage.good, stage.second):
        _require_hosts_follow(stage, connection)


def _require_hosts_follow(stage: Stage, connection: Connection) -> None:
    answers = _Answers()
    _lives(stage, connection, answers.kept(), connection)
    told = b"\n".join(answer.content for hook, _target, answer in answers.given if hook in _LOG_IN)
    in_full = {host.lower() for host in stage.manifest.hosts if not host.startswith("*.")}
    doubtful = sorted({host for _hook, host in answers.asked} - in_full)
    doubtful = [host for host in doubtful if host.encode() not in told]
    elsewhere = [_asked_by(stage, connection, other, answers) for other in _others(stage, connection.typed, doubtful)]
    for host in doubtful:
        by = sorted({hook for hook, where in answers.asked if where == host})
        moved = any(host not in {where for _hook, where in asked} for asked in elsewhere)
        require(
            moved or (not elsewhere and _is_in_settings(stage, connection, host)),
            f"{', '.join(by)} asked {host!r} whatever the settings of connection {connection.name!r} say, and the "
            "manifest does not name that host in full",
        )


def _asked_by(
    stage: Stage, connection: Connection, typed: Mapping[str, Any], answers: _Answers
) -> list[tuple[str, str]]:
    """Hooks and hosts of a connection with the settings *typed*, which gets the answers that *connection* got."""
    other = stage.connection(typed, target=connection.target, options={}, name=connection.name)
    other.options, other.credentials, other.account = connection.options, connection.credentials, connection.account
    asked: list[tuple[str, str]] = []
    _lives(stage, other, answers.again(asked), connection)
    return asked


def _lives(stage: Stage, connection: Connection, act: Act, model: Connection) -> None:
    """Every hook once, each request meeting *act*; the records are those of *model*."""
    credentials, start = connection.credentials, _NUMBERS[connection is not model]
    records = [model.wire_record(model.values(start + at), key=key(start + at)) for at in range(2)]
    asks = calls(stage, connection, lambda: records)
    stage.wire.play(act, on="any", times=_EVERY_REQUEST)
    try:
        for ask in asks.values():
            tried(ask)
    finally:
        stage.wire.calm()
        if connection is not model:
            connection.credentials = credentials


def _others(stage: Stage, typed: Mapping[str, Any], hosts: list[str]) -> Iterator[dict[str, Any]]:
    """*typed* with a part of it changed that one of *hosts* may be made of; only what can be parsed."""
    for name, value in typed.items():
        for other in dict.fromkeys(_changed(stage, name, value, hosts)):
            made = {**typed, name: other}
            try:
                stage.backend.parse_settings(made)
            except RenkeiError:
                continue
            yield made


def _changed(stage: Stage, name: str, value: Any, hosts: list[str]) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    choices = _choices(stage, name)
    yield from (one for one in choices if one != value)
    if choices or not isinstance(value, str) or len(value) < _LEAST:
        return
    for host in hosts:
        if host in value.lower():
            first, dot, rest = host.partition(".")
            yield value.lower().replace(host, f"{first.translate(_NEXT)}{dot}{rest}")
        elif value.lower() in host:
            yield value.translate(_NEXT)
        else:
            for label in host.split("."):
                if len(label) > _LEAST and label in value.lower():
                    yield value.lower().replace(label, label.translate(_NEXT))


def _choices(stage: Stage, name: str) -> list[Any]:
    schema = stage.manifest.settings.model_json_schema()
    found = schema.get("properties", {}).get(name, {})
    reference = str(found.get("$ref", "")).rpartition("/")[2]
    return list({**found, **schema.get("$defs", {}).get(reference, {})}.get("enum", ()))


def _is_in_settings(stage: Stage, connection: Connection, host: str) -> bool:
    """Whether *host* has to do with the settings, as far as can be read off them."""
    texts = [text.lower() for text in connection.typed.values() if isinstance(text, str) and len(text) >= _LEAST]
    patterns = [one[1:] for one in stage.manifest.hosts if one.startswith("*.") and host.endswith(one[1:])]
    own = host.removesuffix(max(patterns, key=len, default=""))
    return any(text in own or own in text for text in texts)
