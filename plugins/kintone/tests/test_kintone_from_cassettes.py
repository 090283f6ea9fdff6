"""The plugin against recorded traffic alone, and how a domain of one's own is recorded.

`plugins/kintone/tests/cassettes` was recorded from the simulator with `renkei verify kintone --record`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from renkei.testing.contract.anonymous import keeps_answer_header, keeps_request_header, telling
from renkei.testing.contract.cassettes import recording, replaying
from renkei.testing.contract.catalogue import expected
from renkei.testing.contract.leaks import disguises
from renkei.testing.contract.running import run_check
from renkei.testing.contract.sources import Site, live_site, simulator_of
from renkei.testing.contract.subject import NotProvable, Subject, find
from renkei_kintone.kit import KintoneKit
from renkei_kintone.simulator import Kintone, sample, serve
from renkei_kintone.simulator.domain import Token

CASSETTES = Path(__file__).parent / "cassettes"
LIVE = {
    "RENKEI_KINTONE_LIVE_SUBDOMAIN": "canary-company",
    "RENKEI_KINTONE_LIVE_APP_ID": "1",
    "RENKEI_KINTONE_LIVE_API_TOKEN": "canary-add-and-view-token",
    "RENKEI_KINTONE_LIVE_DELETE_TOKEN": "canary-delete-token",
}
FILES = sorted(CASSETTES.glob("*.yaml"))
PLAYED = expected("cassette", prove=False)


@pytest.fixture(scope="module")
def kit() -> KintoneKit:
    return KintoneKit()


@pytest.fixture(scope="module")
def subject() -> Subject:
    return find("kintone")


class Nowhere(httpx.AsyncBaseTransport):
    """A kintone that must not be asked."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise AssertionError("a replayed check asked the simulator")


def test_there_is_a_cassette_for_each_check_that_can_be_played_and_no_other() -> None:
    assert [path.stem.upper() for path in FILES] == PLAYED


@pytest.mark.block_network
@pytest.mark.parametrize("id", PLAYED)
def test_a_check_passes_from_its_cassette_alone(id: str, subject: Subject, kit: KintoneKit) -> None:
    away = replace(simulator_of(kit), inner=lambda _network: Nowhere())

    ended = run_check(id, subject, kit, replaying(CASSETTES, id, away))

    assert (ended.word, ended.seen) == ("passed", "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_cassette_holds_no_secret_nobody_and_harmless_headers_alone(path: Path, kit: KintoneKit) -> None:
    text = path.read_text(encoding="utf-8")
    typed = [kit.good_settings(), kit.second_settings(), kit.wrong_credentials()]
    secrets = {one[name] for one in typed for name in ("api_token", "lookup_tokens") if name in one}

    assert list(telling(text)) == []
    assert not [form for secret in secrets for form in disguises(secret).values() if form in text.encode()]
    assert not re.search("canary|simulated-", text)
    for turn in yaml.safe_load(text)["interactions"]:
        assert [name for name in turn["request"]["headers"] if not keeps_request_header(name)] == []
        assert [name for name in turn["response"]["headers"] if not keeps_answer_header(name)] == []


def test_cassettes_are_written_for_people_to_read() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FILES]

    assert any("対応履歴" in text for text in texts)
    assert not [text[:80] for text in texts if r"\u" in text]
    assert sum(len(text) for text in texts) < 600_000


# -- a domain of one's own; here the simulator stands in its place -----------------------------------------------------


@pytest.fixture
def company() -> Iterator[tuple[Kintone, Mapping[str, str]]]:
    """A domain and the environment that names it; its app has no field whose values only that domain knows."""
    kintone = sample()
    fields = kintone.apps["1"].fields
    for code in [code for code, item in fields.items() if item["type"].endswith("_SELECT") and "options" not in item]:
        del fields[code]
    del fields["顧客コード"], fields["顧客ランク"]
    kintone.hosts = frozenset({"canary-company.cybozu.com"})
    for name, permissions in (("API_TOKEN", {"add", "view"}), ("DELETE_TOKEN", {"delete"})):
        token = LIVE[f"RENKEI_KINTONE_LIVE_{name}"]
        kintone.tokens[token] = Token(token, "1", frozenset(permissions))
    with serve(kintone) as url:
        yield (
            kintone,
            {**LIVE, "RENKEI_KINTONE_LIVE_MAY_VIEW": "yes", "RENKEI_ROUTES": f"canary-company.cybozu.com={url}"},
        )


def routed(site: Site, url: str) -> Site:
    """*site*, reached as core reaches a host that is routed."""
    from renkei.testing.contract.sources import Forwarding

    return replace(site, inner=lambda _network: Forwarding(url))


@pytest.mark.parametrize("id", ["P01", "K07"])
def test_a_live_domain_is_recorded_cleaned_up_and_played_again(
    id: str, company: tuple[Kintone, Mapping[str, str]], subject: Subject, kit: KintoneKit, tmp_path: Path
) -> None:
    kintone, environment = company
    live = live_site(kit, environment)
    there = routed(live, environment["RENKEI_ROUTES"].partition("=")[2])

    recorded = run_check(id, subject, kit, recording(tmp_path, id, there))
    assert recorded.word == "passed", recorded.seen
    pushed = sum(one.records or 0 for one in kintone.requests if one.method == "POST")
    played = run_check(id, subject, kit, replaying(tmp_path, id, simulator_of(kit)))

    assert played.word == "passed", played.seen
    assert pushed > 0
    assert kintone.values() == []
    text = (tmp_path / f"{id.lower()}.yaml").read_text(encoding="utf-8")
    assert not [name for name, value in LIVE.items() if "TOKEN" in name and value in text]
    assert list(telling(text)) == []


def test_records_that_cannot_be_deleted_are_told_with_what_to_tick(
    company: tuple[Kintone, Mapping[str, str]], kit: KintoneKit
) -> None:
    kintone, environment = company
    kintone.tokens[LIVE["RENKEI_KINTONE_LIVE_DELETE_TOKEN"]] = Token("", "1", frozenset({"add"}))

    with pytest.raises(RuntimeError, match="tick 'Delete records'"):
        live_site(kit, environment).clean_up(["1"])


@pytest.mark.parametrize("missing", LIVE)
def test_a_live_domain_that_is_half_named_is_none(missing: str, kit: KintoneKit) -> None:
    environment: dict[str, Any] = {name: value for name, value in LIVE.items() if name != missing}

    with pytest.raises(NotProvable, match="names no live account"):
        live_site(kit, environment)
