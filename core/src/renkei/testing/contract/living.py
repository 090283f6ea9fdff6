"""What happens to a connection in its life, good and bad, for checks that watch what a plugin says meanwhile.

Whether each step is answered rightly is for other checks; here anything may come back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from renkei.plugins import PluginFault
from renkei.spec import RenkeiError, Value, WireRecord
from renkei.testing.contract import acts
from renkei.testing.contract.broken import Broken
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.leaks import shown
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Act, Exchange, Forward

Ask = Callable[[], Any]
Records = Callable[[int, int], list[WireRecord]]
"""Good wire records: how many, and the number of the first."""

_FAILURES = (401, 403, 404, 409, 429, 500, 503)


def tried(ask: Ask) -> BaseException | None:
    """Do it, and keep what it raises."""
    try:
        ask()
    except (RenkeiError, PluginFault, Broken, ValueError) as error:
        return error
    return None


def calls(stage: Stage, connection: Connection, records: Ask) -> dict[str, Ask]:
    """One call of each hook that the plugin has, by its name; *records* gives fresh ones for a push."""
    known: dict[str, Ask] = {
        "crm_authenticate": lambda: connection.authenticate(target=connection.target),
        "crm_list_targets": connection.targets,
        "crm_discover": connection.discover,
        "crm_push": lambda: connection.push(records()),
        "crm_verify": lambda: connection.verify(key(1), key(999_999)),
        "crm_refresh": connection.refresh,
    }
    optional = ("crm_list_targets", "crm_verify", "crm_refresh")
    return {hook: ask for hook, ask in known.items() if hook not in optional or stage.supports(hook[4:])}


def stored_records(stage: Stage) -> list[tuple[str, str]]:
    """What the probe reads in both targets, each record shown."""
    targets = dict.fromkeys((stage.kit.target, stage.kit.second_target))
    return [("a stored record", shown(record)) for target in targets for record in stage.kit.read(target)]


class Life:
    """A connection's life on *stage*.

    Args:
        stage: fresh.
        extra: field code → value that each record holds instead of the suite's own.
    """

    def __init__(self, stage: Stage, extra: Mapping[str, Value] | None = None) -> None:
        self._stage = stage
        self._extra = dict(extra or {})
        self._number = 0

    def record(self) -> WireRecord:
        """A record that was not pushed before."""
        self._number += 1
        values = {**self._stage.good.values(self._number), **self._extra}
        return self._stage.good.wire_record(values, key=key(self._number))

    def poisoned(self) -> WireRecord:
        """A record that the simulator refuses; a good one where `crm_map` refuses it."""
        self._number += 1
        good, kit = self._stage.good, self._stage.kit
        values = kit.poison({**good.values(self._number), **self._extra})
        made = good.map(values, key=key(self._number))
        return made.record or self.record()

    def well(self, connection: Connection | None = None) -> None:
        """Everything works."""
        connection = connection or self._stage.good
        for ask in calls(self._stage, connection, lambda: [self.record() for _ in range(3)]).values():
            tried(ask)

    def mapped_badly(self) -> None:
        """Values that no field takes, and texts that are too long."""
        good = self._stage.good
        for field in good.schema.fields:
            odd = {**good.values(self._number + 1), field.code: "あ" * 20_000}
            tried(lambda odd=odd: good.map(odd, key=key(0)))  # type: ignore[misc]  # bound now

    def refused(self) -> None:
        """A record that is refused among others, the answer as the simulator gives it and with an echo in it."""
        for act in (None, echoed_within(), echoed_within(status=400)):
            if act is not None:
                self._stage.wire.play(act, on="any", hook="crm_push", times=9)
            tried(lambda: self._stage.good.push([self.record(), self.poisoned(), self.record()]))
            self._stage.wire.calm()

    def failing(self) -> None:
        """Each hook meets each kind of failure."""
        for hook, ask in calls(self._stage, self._stage.good, lambda: [self.record(), self.record()]).items():
            for act in failures():
                self._stage.wire.play(act, on="any", hook=hook, times=9)
                tried(ask)
                self._stage.wire.calm()

    def failing_later(self) -> None:
        """The first request of each hook is answered, and the second meets a failure."""
        for hook, ask in calls(self._stage, self._stage.good, lambda: [self.record(), self.record()]).items():
            for act in (acts.lost(applied=True), acts.answer(500, ""), echo(400), echo(500)):
                self._stage.wire.play(act, on="any", hook=hook, after=1, times=9)
                tried(ask)
                self._stage.wire.calm()

    def wrong(self) -> None:
        """Credentials that nobody knows, also where the answer repeats them."""
        kit = self._stage.kit
        connection = self._stage.connection(kit.wrong_credentials(), name="wrong")
        tried(connection.authenticate)
        for act in (echoed_within(), echo(401)):
            self._stage.wire.play(act, on="any", times=9)
            tried(connection.authenticate)
            self._stage.wire.calm()

    def ended(self) -> None:
        """What was given expires, a permission is taken, and at last nothing is known any more."""
        stage, kit = self._stage, self._stage.kit
        asks = calls(stage, stage.good, lambda: [self.record()])
        steps: list[Ask] = [kit.expire_credentials] if stage.supports("refresh") else []
        for step in (*steps, kit.revoke_permission, kit.revoke_credentials):
            step()
            for ask in asks.values():
                tried(ask)


def failures() -> Iterator[Act]:
    """What may come back instead of the right answer."""
    for status in _FAILURES:
        yield acts.answer(status, {"error": {"code": "refused", "message": "Refused."}, "code": "REFUSED_01"})
        yield echo(status)
    yield from (echo(200), echo(400), echo(400, plain=True), echo(500, plain=True), echoed_within())
    yield from (acts.page(200), acts.page(502), acts.cut(), acts.redirect(), acts.broken_off())
    yield from (acts.lost(applied=True), acts.lost(applied=False, how=httpx.ReadError), acts.unreachable())


def echo(status: int, *, plain: bool = False) -> Act:
    """An answer that repeats the whole request, as a backend does that is being debugged."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        if plain:
            return httpx.Response(status, headers={"content-type": "text/plain"}, content=_dump(exchange).encode())
        said = _dump(exchange)
        body = {
            "code": said,
            "message": said,
            "error": {"code": "bad_request", "message": said, "detail": said, "field": said},
            "errors": [{"code": said, "message": said}],
            "id": said,
            "link": f"https://echo.example/?said={said}",
        }
        return httpx.Response(status, json=body)

    act.__name__ = f"{status} with an echo"
    return act


def echoed_within(status: int | None = None) -> Act:
    """The simulator's own refusal, in whose sentences the request is repeated between quotes."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        whole = await forward()
        try:
            data = json.loads(whole.content)
        except ValueError:
            return whole
        if whole.status_code < 400:  # what is said of fields and records is shown to people, and rightly
            return whole
        content = json.dumps(_with_echo(data, json.dumps(_dump(exchange))), ensure_ascii=False).encode()
        return httpx.Response(status or whole.status_code, headers=acts._kept(whole), content=content)

    act.__name__ = "an answer with an echo in it"
    return act


_LINK_NAMES = re.compile(r"next|link|url|uri|href|location", re.IGNORECASE)


def pointing_to(host: str) -> Act:
    """The simulator's answer, in which every address, and every link to a next page, leads to *host*."""

    async def act(exchange: Exchange, forward: Forward) -> httpx.Response:
        whole = await forward()
        url = f"https://{host}{exchange.request.url.raw_path.decode()}"
        headers = [*acts._kept(whole), ("link", f'<{url}>; rel="next"'), ("location", url), ("content-location", url)]
        try:
            data = json.loads(whole.content)
        except ValueError:
            return httpx.Response(whole.status_code, headers=headers, content=whole.content)
        content = json.dumps(_pointing(data, "", host, url), ensure_ascii=False).encode()
        return httpx.Response(whole.status_code, headers=headers, content=content)

    act.__name__ = "an answer that points elsewhere"
    return act


def _pointing(data: Any, name: str, host: str, url: str) -> Any:
    match data:
        case dict():
            changed = {key: _pointing(value, key, host, url) for key, value in data.items()}
            # Where lists are, a link to the next page may be: under one of the names that APIs give it.
            more = {"next": url, "@odata.nextLink": url, "next_page": url} if _has_list(data) else {}
            return {**more, **changed}
        case list():
            return [_pointing(item, name, host, url) for item in data]
        case str() if data.startswith(("https://", "http://")):
            return f"https://{host}/{data.partition('://')[2].partition('/')[2]}"
        case str() | None if _LINK_NAMES.search(name):
            return url
        case _:
            return data


def _has_list(data: dict[str, Any]) -> bool:
    return any(isinstance(value, list) for value in data.values())


def _dump(exchange: Exchange) -> str:
    """The request as text, what authenticates it first: whoever shows a beginning of it shows that."""
    plain = ("host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "content-type")
    headers = sorted(exchange.request.headers.multi_items(), key=lambda item: item[0] in plain)
    lines = [f"{name}: {value}" for name, value in headers]
    return "\n".join((*lines, exchange.body.decode("utf-8", "replace"), str(exchange.request.url)))


def _with_echo(data: Any, said: str) -> Any:
    match data:
        case dict():
            return {key: _with_echo(value, said) for key, value in data.items()}
        case list():
            return [_with_echo(item, said) for item in data]
        case str() if _is_sentence(data):
            return f"{data} {said}"
        case _:
            return data


def _is_sentence(text: str) -> bool:
    # Codes, ids and addresses stay as they are: an answer without them would not be understood at all.
    return any(sign in text for sign in " 。、") or text.endswith((".", "!"))
