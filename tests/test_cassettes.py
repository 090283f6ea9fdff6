"""Recorded traffic holds nothing of anybody, and answers as the simulator did, without it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from renkei.testing.contract.anonymous import telling, without_people
from renkei.testing.contract.broken import Broken, broken
from renkei.testing.contract.cassettes import placeholder, recording, replaying
from renkei.testing.contract.connection import key
from renkei.testing.contract.errand import Errand, Order
from renkei.testing.contract.leaks import disguises
from renkei.testing.contract.running import run_check, staged
from renkei.testing.contract.sources import Site, simulator_of
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.subject import NotProvable, Subject, find
from renkei.testing.kit import Kit

# One worker: what its tests share is expensive to make.
pytestmark = pytest.mark.xdist_group("cassettes")

SECRET = "canary+secret/of=nobody"
ISSUED = "canary-issued-token-7f3a"


class Nowhere(httpx.AsyncBaseTransport):
    """A network that must not be asked."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise AssertionError("a replayed check asked the network")


def a_site(answer: Any) -> Site:
    """A site where *answer* makes an answer of a request."""
    return Site(
        source="live",
        settings={"workspace": "north-wind", "secret": SECRET},
        target="t1",
        options={"stage": "受付"},
        inner=lambda _network: httpx.MockTransport(answer),
    )


def talk(site: Site, *requests: httpx.Request, secrets: dict[str, str] | None = None) -> list[httpx.Response]:
    """What is answered over *site*, whose traffic ends well."""
    known = {"good secret": SECRET} if secrets is None else secrets
    assert site.witness is not None
    site.witness.begin(lambda: known)

    async def ask() -> list[httpx.Response]:
        transport = site.inner(Nowhere())
        try:
            answers = []
            for request in requests:
                answer = await transport.handle_async_request(request)
                await answer.aread()
                answers.append(answer)
            return answers
        finally:
            await transport.aclose()

    answers = asyncio.run(ask())
    site.witness.end(passed=True)
    return answers


def post(path: str = "/records", json: Any = None, **headers: str) -> httpx.Request:
    return httpx.Request("POST", f"https://crm.example{path}", json=json or {"a": 1, "b": 2}, headers=headers)


def only_file(folder: Path) -> str:
    (path,) = folder.iterdir()
    return path.read_text(encoding="utf-8")


def plain(request: httpx.Request) -> httpx.Response:
    return httpx.Response(201, json={"id": "r1"}, headers={"x-rate-limit-remaining": "7", "set-cookie": "session=abcd"})


@pytest.fixture(scope="module", params=["template", "kintone"])
def good(request: pytest.FixtureRequest) -> Iterator[tuple[Subject, Kit]]:
    subject = find(request.param)
    kit = subject.kit()
    yield subject, kit
    kit.close()


def works(stage: Stage) -> list[Any]:
    """Everything that a connection does when all is well; what came back."""
    connection = stage.good
    seen: list[Any] = [connection.account and connection.account.id, connection.schema.fields]
    if stage.supports("refresh"):
        connection.refresh()
    seen.append(connection.discover().fields)
    seen.append(connection.push(connection.records(3)).require_all_created().words())
    if stage.supports("verify"):
        seen.append(connection.verify(key(1), key(9)))
    return seen


def test_what_was_recorded_is_played_without_the_simulator(good: tuple[Subject, Kit], tmp_path: Path) -> None:
    subject, kit = good
    with staged(subject, kit, recording(tmp_path, "P01", simulator_of(kit))) as stage:
        recorded = works(stage)

    away = replace(simulator_of(kit), inner=lambda _network: Nowhere())
    with staged(subject, kit, replaying(tmp_path, "P01", away)) as stage:
        played = works(stage)

    assert played == recorded
    assert stage.site.source == "cassette"
    assert kit.read(kit.target) == []


def test_no_secret_and_nothing_of_anybody_is_recorded(good: tuple[Subject, Kit], tmp_path: Path) -> None:
    subject, kit = good
    with staged(subject, kit, recording(tmp_path, "P01", simulator_of(kit))) as stage:
        works(stage)
        stage.second.discover()
        secrets = stage.secrets()

    text = only_file(tmp_path)
    assert not [
        name for name, secret in secrets.items() for form in disguises(secret).values() if form in text.encode()
    ]
    assert list(telling(text)) == []
    assert "uthorization" not in text
    assert len(text) < 80_000


def test_a_recorded_check_passes_again_from_its_cassette(good: tuple[Subject, Kit], tmp_path: Path) -> None:
    subject, kit = good

    first = run_check("P01", subject, kit, recording(tmp_path, "P01", simulator_of(kit)))
    second = run_check("P01", subject, kit, replaying(tmp_path, "P01", simulator_of(kit)))

    assert (first.word, second.word) == ("passed", "passed"), (first.seen, second.seen)


def test_a_request_that_was_never_recorded_is_named(good: tuple[Subject, Kit], tmp_path: Path) -> None:
    subject, kit = good
    with staged(subject, kit, recording(tmp_path, "P01", simulator_of(kit))) as stage:
        assert stage.good.schema.fields

    with (
        pytest.raises(Broken, match=r"p01\.yaml holds no answer, or no further one, for: POST "),
        staged(subject, kit, replaying(tmp_path, "P01", simulator_of(kit))) as stage,
    ):
        stage.good.push(stage.good.records(1))


def test_a_check_that_did_not_pass_leaves_no_cassette(good: tuple[Subject, Kit], tmp_path: Path) -> None:
    subject, kit = good

    with pytest.raises(Broken), staged(subject, kit, recording(tmp_path, "P01", simulator_of(kit))) as stage:
        broken(f"{stage.good.name} broke")

    assert list(tmp_path.iterdir()) == []


def test_a_missing_cassette_is_not_provable(tmp_path: Path) -> None:
    with pytest.raises(NotProvable, match=r"There is no cassette p02\.yaml: record it"):
        replaying(tmp_path, "P02", a_site(plain))


def test_a_damaged_cassette_is_not_provable(tmp_path: Path) -> None:
    (tmp_path / "p02.yaml").write_text("!!python/object/apply:os.system [true]", encoding="utf-8")

    with pytest.raises(NotProvable, match=r"p02\.yaml cannot be read"):
        replaying(tmp_path, "P02", a_site(plain))


def test_only_harmless_headers_are_recorded(tmp_path: Path) -> None:
    request = post(**{"Authorization": f"Bearer {SECRET}", "X-Acme-Token": SECRET, "User-Agent": "renkei"})

    talk(recording(tmp_path, "P01", a_site(plain)), request)

    text = only_file(tmp_path)
    assert "content-type" in text
    assert "x-rate-limit-remaining" in text
    for name in ("authorization", "token", "cookie", "user-agent", "canary"):
        assert name not in text.lower()


@pytest.mark.parametrize("place", ["query", "form", "JSON", "JSON in JSON"])
def test_a_secret_becomes_its_placeholder_wherever_it_is_plain(tmp_path: Path, place: str) -> None:
    url = "https://crm.example/records"
    requests = {
        "query": httpx.Request("GET", url, params={"key": SECRET}),
        "form": httpx.Request("POST", url, data={"key": SECRET}),
        "JSON": httpx.Request("POST", url, json={"key": SECRET}),
        "JSON in JSON": httpx.Request("POST", url, json={"key": f'{{"inner": "{SECRET}"}}'}),
    }

    talk(recording(tmp_path, "P01", a_site(plain)), requests[place])

    assert "placeholder-good-secret" in only_file(tmp_path)
    # Played to somebody who has another secret of the same name.
    site = replaying(tmp_path, "P01", a_site(plain))
    again = {
        "query": httpx.Request("GET", url, params={"key": "another-secret"}),
        "form": httpx.Request("POST", url, data={"key": "another-secret"}),
        "JSON": httpx.Request("POST", url, json={"key": "another-secret"}),
        "JSON in JSON": httpx.Request("POST", url, json={"key": '{"inner": "another-secret"}'}),
    }
    (answer,) = talk(site, again[place], secrets={"good secret": "another-secret"})
    assert answer.json() == {"id": "r1"}


def test_what_the_backend_gave_is_found_by_its_placeholder_again(tmp_path: Path) -> None:
    login, use = post("/login"), post("/use", {"token": ISSUED})
    issued = {"good secret": SECRET, "token number 1": ISSUED}

    def give(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"token": ISSUED} if request.url.path == "/login" else {"id": "r1"})

    talk(recording(tmp_path, "P01", a_site(give)), login, use, secrets=issued)

    assert ISSUED not in only_file(tmp_path)
    given = placeholder("token number 1")
    first, second = talk(
        replaying(tmp_path, "P01", a_site(plain)),
        post("/login"),
        post("/use", {"token": given}),
        secrets={"good secret": SECRET, "first token": given},
    )
    assert first.json() == {"token": given}
    assert second.json() == {"id": "r1"}


def test_a_secret_that_no_placeholder_can_stand_for_is_not_written(tmp_path: Path) -> None:
    hidden = disguises(SECRET)["in base64 (shifted by 0)"].decode()

    with pytest.raises(NotProvable, match="it would hold 'good secret' \\(in base64"):
        talk(recording(tmp_path, "P01", a_site(plain)), post(json={"basic": hidden + "aaaa"}))

    assert list(tmp_path.iterdir()) == []


def test_the_order_of_keys_and_a_random_boundary_do_not_count(tmp_path: Path) -> None:
    def upload() -> httpx.Request:
        return httpx.Request("POST", "https://crm.example/files", files={"file": ("a.txt", b"content")})

    one = httpx.Request("GET", "https://crm.example/records?a=1&b=2")
    talk(recording(tmp_path, "P01", a_site(plain)), post(json={"a": 1, "b": 2}), upload(), one)

    other = httpx.Request("GET", "https://another.example/records?b=2&a=1")
    answers = talk(replaying(tmp_path, "P01", a_site(plain)), upload(), other, post(json={"b": 2, "a": 1}))
    assert [answer.status_code for answer in answers] == [201, 201, 201]


@pytest.mark.parametrize(
    "request_",
    [
        post("/other"),
        post("/records?x=1"),
        post(json={"a": 1}),
        httpx.Request("PUT", "https://crm.example/records", json={"a": 1, "b": 2}),
    ],
    ids=["path", "query", "body", "method"],
)
def test_another_request_is_not_answered(tmp_path: Path, request_: httpx.Request) -> None:
    talk(recording(tmp_path, "P01", a_site(plain)), post())

    with pytest.raises(httpx.ConnectError):
        talk(replaying(tmp_path, "P01", a_site(plain)), request_)


def test_each_answer_is_given_once_and_in_order(tmp_path: Path) -> None:
    numbers = iter(range(1, 9))
    talk(recording(tmp_path, "P01", a_site(lambda _: httpx.Response(200, json={"id": next(numbers)}))), post(), post())

    site = replaying(tmp_path, "P01", a_site(plain))
    assert [answer.json()["id"] for answer in talk(site, post(), post())] == [1, 2]
    with pytest.raises(httpx.ConnectError):
        talk(site, post())


def test_a_replay_is_for_the_account_that_was_recorded(tmp_path: Path) -> None:
    talk(recording(tmp_path, "P01", a_site(plain)), post())
    mine = replace(a_site(plain), settings={"workspace": "mine", "secret": "mine-alone"}, target="t9", options={})

    site = replaying(tmp_path, "P01", replace(mine, settings={**mine.settings, "may_search": True}))

    assert site.settings == {"workspace": "north-wind", "secret": "mine-alone"}
    assert (site.target, site.options) == ("t1", {"stage": "受付"})


def test_people_and_machines_are_replaced() -> None:
    text = "tanaka@north-wind.co.jp, 06-6123-4567, +81 6 6123 4567, 10.1.2.3, fe80::1, a@mail.example, 12:34:56, 1.2.3"

    cleaned = without_people(text)

    assert list(telling(cleaned)) == []
    assert "a@mail.example" in cleaned
    assert cleaned.endswith("12:34:56, 1.2.3")
    assert without_people(cleaned) == cleaned


def test_a_long_text_without_an_address_is_cleaned_before_anybody_loses_patience() -> None:
    assert without_people("x" * 400_000) == "x" * 400_000  # minutes, where each letter may begin an address


@pytest.mark.parametrize(("id", "recorded"), [("P01", True), ("E03", False)])
def test_only_what_can_be_played_is_recorded(
    good: tuple[Subject, Kit], tmp_path: Path, id: str, *, recorded: bool
) -> None:
    subject, kit = good

    site = Errand(order=Order(backend=subject.id, record=str(tmp_path)), subject=subject).site(kit, id)

    assert (site.witness is not None) is recorded


def test_letters_of_all_languages_are_recorded_as_they_are(tmp_path: Path) -> None:
    talk(recording(tmp_path, "P01", a_site(lambda _: httpx.Response(200, text='{"label": "対応履歴"}'))), post())

    assert "対応履歴" in only_file(tmp_path)
