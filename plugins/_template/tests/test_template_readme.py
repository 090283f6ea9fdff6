from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from renkei import spec
from renkei_template import backend, manifest

HOME = Path(__file__).parents[1]
README = (HOME / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_python_sample_is_true(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    for sample in blocks("python"):
        exec(compile(sample, "README.md", "exec"), {})  # the sample is ours


def test_the_hook_table_lists_each_hook_as_it_is():
    rows = dict(re.findall(r"^\| `(crm_\w+)` \| (\w+ \| \w+) \|", README, re.MULTILINE))

    assert rows == {
        name: f"{'async' if name in spec.ASYNC_HOOKS else 'sync'} | "
        f"{'required' if name in spec.REQUIRED_HOOKS else 'optional'}"
        for name in dir(backend)
        if name.startswith("crm_")
    }


def test_every_module_that_is_named_exists():
    for name in re.findall(r"`(\w+\.py|simulator/)`", README):
        assert (HOME / "src" / backend.__package__ / name).exists(), name


ERROR_BODY = {"error": {"code": "some_code"}}
ROWS = [
    ("201 and an id", httpx.Response(201, json={"id": "rec_1"})),
    ("422 and a code, or 413", httpx.Response(422, json=ERROR_BODY)),
    ("422 and a code, or 413", httpx.Response(413)),
    *(
        ("422 `unknown_field`, `read_only_field`, `unknown_stage`", httpx.Response(422, json={"error": {"code": code}}))
        for code in ("unknown_field", "read_only_field", "unknown_stage")
    ),
    ("another 4xx without a reason", httpx.Response(418)),
    ("401", httpx.Response(401)),
    ("403", httpx.Response(403)),
    ("404", httpx.Response(404)),
    ("409, or 503 with an error object", httpx.Response(409)),
    ("409, or 503 with an error object", httpx.Response(503, json=ERROR_BODY)),
    ("429", httpx.Response(429)),
    ("429", httpx.Response(429, json={"error": {"code": "daily_quota"}})),
    ("anything else, or nothing", httpx.Response(503)),
    ("anything else, or nothing", httpx.Response(200, json={"id": "rec_1"})),
]


@pytest.mark.parametrize(("row", "response"), ROWS)
def test_the_failure_table_tells_what_the_plugin_does(world, records, row, response):
    credentials = world.credentials
    world.wire.inner = httpx.MockTransport(lambda _request: response)

    report = world.push(records(2), credentials=credentials)

    (said,) = re.findall(rf"^\| {re.escape(row)} \| `(\w+)` \| (.*) \|$", README, re.MULTILINE)
    stopped = type(report.stopped_by).__name__ if report.stopped_by else "goes on"
    assert report.verdicts[0].verdict == said[0]
    assert stopped in said[1]


def test_each_row_of_the_failure_table_is_tried():
    rows = re.findall(r"^\| (.*?) \| `\w+` \| (?:goes on|stops: .*) \|$", README, re.MULTILINE)

    assert set(rows) == {row for row, _response in ROWS}


def test_the_address_in_the_route_is_one_that_the_manifest_allows():
    (host,) = re.findall(r"RENKEI_ROUTES=([^=]+)=", README)

    assert host.endswith(manifest.MANIFEST.hosts[0].removeprefix("*"))
