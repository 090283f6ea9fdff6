"""The simulator behind a real socket on loopback: faults, control, page, command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from renkei_kintone.simulator import Kintone, sample, serve
from renkei_kintone.simulator.command import main

HEADERS = {"X-Cybozu-API-Token": "simulated-add-only-token"}


class Served:
    def __init__(self, kintone: Kintone, url: str) -> None:
        self.kintone = kintone
        self.url = url
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=20)

    def add(self, *subjects: str) -> httpx.Response:
        records = [{"件名": {"value": subject}} for subject in subjects]
        return self.http.post("/k/v1/records.json", json={"app": 1, "records": records}, headers=HEADERS)

    def order(self, **fault: Any) -> httpx.Response:
        return self.http.post("/_sim/faults", json=fault)

    def stored(self) -> list[str]:
        answer = self.http.get("/_sim/records", params={"app": "1"}).json()
        assert answer["total"] == len(answer["records"])
        return [record["values"]["件名"] for record in answer["records"]]


@pytest.fixture
def served() -> Iterator[Served]:
    kintone = sample()
    with serve(kintone) as url:
        world = Served(kintone, url)
        with world.http:
            yield world


@pytest.mark.parametrize(
    ("kind", "status", "kind_of_body", "stored"),
    [
        ("before_apply_503", 503, "text/plain", 0),
        ("before_apply_502", 502, "text/html", 0),
        ("429", 429, "application/json", 0),
        ("da02", 400, "application/json", 0),
        ("error", 400, "application/json", 0),
        ("html_200", 200, "text/html", 0),
        ("unknown_subdomain", 404, "text/html", 0),
        ("ip_restriction", 403, "text/html", 0),
        ("broken_json", 200, "application/json", 1),
        ("applied_then_504", 504, "text/html", 1),
        ("slow", 200, "application/json", 1),
    ],
)
def test_11_to_14_a_fault_answers_as_ordered_and_only_once(
    served: Served, kind: str, status: int, kind_of_body: str, stored: int
) -> None:
    assert served.order(kind=kind).status_code == 200

    struck = served.add("a")

    assert struck.status_code == status
    assert struck.headers["Content-Type"].startswith(kind_of_body)
    assert len(served.stored()) == stored
    assert served.add("b").status_code == 200


@pytest.mark.parametrize(("kind", "stored"), [("cut", []), ("applied_then_cut", ["a"])])
def test_13_a_connection_is_cut_before_or_after_the_request_is_applied(
    served: Served, kind: str, stored: list[str]
) -> None:
    served.order(kind=kind)

    with pytest.raises(httpx.RemoteProtocolError):
        served.add("a")

    assert served.stored() == stored


@pytest.mark.parametrize(("at", "stored"), [("before_apply", []), ("after_apply", ["a"])])
def test_13_an_answer_never_comes(served: Served, at: str, stored: list[str]) -> None:
    served.order(kind="hang", at=at, path="/records.json")
    served.http.timeout = httpx.Timeout(20, read=0.5)

    with pytest.raises(httpx.ReadTimeout):
        served.add("a")

    served.http.timeout = httpx.Timeout(20)
    assert served.stored() == stored


def test_14_broken_json_is_cut_in_half(served: Served) -> None:
    served.order(kind="broken_json")

    with pytest.raises(json.JSONDecodeError):
        served.add("a").json()


@pytest.mark.parametrize("at", ["before_apply", "after_apply"])
def test_14_a_slow_answer_waits_at_its_moment(served: Served, at: str) -> None:
    waited: list[tuple[float, int]] = []

    async def sleep(seconds: float) -> None:
        waited.append((seconds, len(served.kintone.values())))

    served.kintone.sleep = sleep
    served.order(kind="slow", seconds=30, at=at)

    assert served.add("a").status_code == 200
    assert waited == [(30, 0 if at == "before_apply" else 1)]


def test_11_a_429_says_how_long_to_wait_where_it_is_told_to(served: Served) -> None:
    served.order(kind="429", retry_after="7", times=2)

    assert [served.add("a").headers["Retry-After"] for _ in range(2)] == ["7", "7"]
    assert served.add("a").status_code == 200


def test_11_more_requests_at_once_than_allowed_are_refused(served: Served) -> None:
    started, release = Event(), Event()

    async def sleep(_: float) -> None:
        started.set()
        await asyncio.to_thread(release.wait, 20)

    served.kintone.concurrency = 1
    served.kintone.sleep = sleep
    served.order(kind="slow", path="/app.json")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(httpx.get, f"{served.url}/k/v1/app.json?id=1", headers=HEADERS, trust_env=False, timeout=20)
        assert started.wait(20)

        refused = served.add("a")

        release.set()
        assert slow.result().status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (429, "GAIA_TO04")
    assert (refused.headers["X-ConcurrencyLimit-Limit"], refused.headers["X-ConcurrencyLimit-Running"]) == ("1", "2")


def test_11_a_crowd_is_refused_beyond_the_limit_and_only_then(served: Served) -> None:
    """Many real connections at once: each request takes its time, so that they are at once."""
    arrived, release = Event(), Event()
    waiting: list[float] = []

    async def sleep(seconds: float) -> None:
        waiting.append(seconds)
        if len(waiting) == 5:
            arrived.set()
        await asyncio.to_thread(release.wait, 20)

    served.kintone.concurrency, served.kintone.latency, served.kintone.sleep = 5, 0.25, sleep
    with ThreadPoolExecutor(5) as pool:
        crowd = [pool.submit(served.add, str(number)) for number in range(5)]
        assert arrived.wait(20)

        refused = [served.add("late") for _ in range(3)]

        release.set()
        answers = [request.result() for request in crowd]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert {(answer.status_code, answer.headers["X-ConcurrencyLimit-Running"]) for answer in refused} == {(429, "6")}
    assert waiting == [0.25] * 5
    assert sorted(served.stored()) == list("01234")


def test_a_fault_waits_for_its_path_its_method_and_its_turn(served: Served) -> None:
    served.order(kind="da02", after=1, path="/records.json", method="POST")

    assert served.http.get("/k/v1/app.json?id=1", headers=HEADERS).status_code == 200
    assert [served.add(subject).status_code for subject in "abc"] == [200, 400, 200]
    assert served.stored() == ["a", "c"]


def test_an_answer_is_given_word_for_word(served: Served) -> None:
    served.order(kind="answer", status=418, body="短い", content_type="text/plain; charset=utf-8")

    struck = served.add("a")

    assert (struck.status_code, struck.text) == (418, "短い")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "earthquake"},
        {},
        {"kind": "429", "until": 3},
        {"kind": "429", "times": "3"},
        {"kind": "429", "times": True},
        {"kind": "slow", "at": "later"},
        {"kind": "signal"},
        "429",
    ],
)
def test_a_fault_that_does_not_exist_is_refused_with_the_reason(served: Served, fault: Any) -> None:
    response = served.http.post("/_sim/faults", json=fault)

    assert response.status_code == 400
    assert response.json()["error"]
    assert served.http.get("/_sim/faults").json() == []


@pytest.mark.parametrize(
    ("at", "stored", "answered"), [("before_apply", 1, 1), ("after_apply", 2, 1), ("after_answer", 2, 2)]
)
def test_a_signal_ends_another_process_at_the_moment_ordered(
    served: Served, at: str, stored: int, answered: int
) -> None:
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, served.url], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    with victim:
        served.order(kind="signal", pid=victim.pid, signal=signal.SIGKILL, at=at, after=1)
        out, _ = victim.communicate("go\n", timeout=60)

    assert victim.returncode == -signal.SIGKILL
    assert len(served.stored()) == stored
    # An answer that was sent in full may still find its reader dead.
    assert out.count("200") in ({answered} if at != "after_answer" else {1, 2})


_VICTIM = """
import signal, sys, httpx
sys.stdin.readline()
headers = {"X-Cybozu-API-Token": "simulated-add-only-token"}
with httpx.Client(base_url=sys.argv[1], trust_env=False, headers=headers) as http:
    for subject in "ab":
        answer = http.post("/k/v1/records.json", json={"app": 1, "records": [{"件名": {"value": subject}}]})
        print(answer.status_code, flush=True)
    signal.pause()  # no third request races with the signal
"""


def test_a_signal_to_a_process_that_has_ended_is_no_error(served: Served) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    served.order(kind="signal", pid=gone.pid, at="after_answer")

    assert served.add("a").status_code == 200


def test_the_log_of_requests_holds_no_header_and_no_query(served: Served) -> None:
    served.order(kind="applied_then_cut", after=1, path="/records.json")
    served.http.get("/k/v1/app.json?id=1", headers=HEADERS)
    served.add("a", "b")
    with pytest.raises(httpx.RemoteProtocolError):
        served.add("c")

    log = served.http.get("/_sim/requests").json()

    assert [(entry["method"], entry["path"], entry["status"], entry["records"]) for entry in log] == [
        ("GET", "/k/v1/app.json", 200, None),
        ("POST", "/k/v1/records.json", 200, 2),
        ("POST", "/k/v1/records.json", None, 1),
    ]
    assert log[2]["fault"] == "applied_then_cut"
    assert "simulated" not in json.dumps(log)


def test_stored_records_are_listed_with_the_fields_asked_for(served: Served) -> None:
    served.add("a", "b")

    listed = served.http.get("/_sim/records", params={"app": "1", "fields": "件名"}).json()

    assert listed["name"] == "対応履歴"
    assert listed["records"] == [{"id": "1", "values": {"件名": "a"}}, {"id": "2", "values": {"件名": "b"}}]
    assert served.http.get("/_sim/records?app=9").status_code == 404


def test_a_reset_forgets_records_faults_and_log(served: Served) -> None:
    served.add("a")
    served.order(kind="429")

    served.http.post("/_sim/reset")

    assert served.stored() == []
    assert served.http.get("/_sim/faults").json() == served.http.get("/_sim/requests").json() == []


def test_the_page_shows_what_is_stored_and_escapes_it(served: Served) -> None:
    served.add("<script>alert(1)</script>", "件名その2")

    page = served.http.get("/").text

    assert "対応履歴" in page
    assert "連携キー" in page
    assert "件名その2" in page
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_prefix_is_kept(tmp_path: Path) -> None:
    kintone = sample()
    with serve(kintone, prefix="/demo") as url, httpx.Client(trust_env=False) as http:
        assert url.endswith("/demo")
        assert http.get(f"{url}/k/v1/app.json?id=1", headers=HEADERS).json()["name"] == "対応履歴"
        assert http.get(f"{url}/_sim/requests").json()[0]["path"] == "/k/v1/app.json"
        assert http.get(url.removesuffix("/demo") + "/k/v1/app.json?id=1", headers=HEADERS).status_code == 404


def test_https_is_trusted_by_those_who_have_its_authority_and_by_nobody_else(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    with serve(sample(), host_name="localhost", ca_file=ca_file) as url:
        trusting = ssl.create_default_context(cafile=str(ca_file))

        name = httpx.get(f"{url}/k/v1/app.json?id=1", headers=HEADERS, trust_env=False, verify=trusting).json()["name"]
        address = url.replace("localhost", "127.0.0.1")
        by_address = httpx.get(f"{address}/k/v1/app.json?id=1", headers=HEADERS, trust_env=False, verify=trusting)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(url, trust_env=False)

    assert url.startswith("https://localhost:")
    assert name == by_address.json()["name"] == "対応履歴"
    assert "PRIVATE" not in ca_file.read_text()


def test_13_a_connection_is_cut_over_https_too(tmp_path: Path) -> None:
    kintone = sample()
    kintone.order("applied_then_cut")
    ca_file = tmp_path / "ca.pem"
    body = {"app": 1, "records": [{"件名": {"value": "a"}}]}
    with serve(kintone, ca_file=ca_file) as url:
        trusting = ssl.create_default_context(cafile=str(ca_file))
        with pytest.raises(httpx.TransportError):
            httpx.post(f"{url}/k/v1/records.json", json=body, headers=HEADERS, trust_env=False, verify=trusting)

    assert len(kintone.values()) == 1


def test_a_certificate_leaves_no_key_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with serve(sample(), ca_file=tmp_path / "ca.pem"):
        left = [path.name for path in tmp_path.rglob("*")]

    assert left == ["ca.pem"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_when_it_listens_and_ends_when_asked(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "renkei_kintone.simulator", "simulate", "--json", "--prefix", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        name = httpx.get(f"{announced['url']}/k/v1/app.json?id=1", headers=HEADERS, trust_env=False).json()["name"]
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=30)

    assert name == "対応履歴"
    assert announced["tokens"][0] == "simulated-add-only-token"
    assert process.returncode == 0
    assert err == ""


def test_the_command_speaks_https_with_switches_and_names_the_file_to_trust() -> None:
    options = ["--https", "--host-name", "localhost", "--language", "en", "--unsure", "other_apps_token_status=400"]
    command = [sys.executable, "-m", "renkei_kintone.simulator", "simulate", "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        trusting = ssl.create_default_context(cafile=announced["ca_file"])
        refused = httpx.get(f"{announced['url']}/k/v1/app.json?id=2", headers=HEADERS, trust_env=False, verify=trusting)
        process.terminate()
        _, err = process.communicate(timeout=30)

    assert announced["url"].startswith("https://localhost:")
    assert (refused.status_code, refused.json()["message"][:13]) == (400, "The API token")
    assert (process.returncode, err) == (0, "")
    assert not Path(announced["ca_file"]).exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--unsure", "weather=fine"], "weather"),
        (["--unsure", "no-such-file.json"], "no-such-file.json"),
        (["--ca-file", "no-such-folder/ca.pem"], "no-such-folder"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        assert main(["simulate", *options]) == 2
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}", '{"apps": [{"id": 1}], "tokens": []}'])
def test_the_command_refuses_a_file_that_describes_nothing(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "apps.json"
    file.write_text(text)

    assert main(["simulate", "--file", str(file)]) == 2
    assert "cannot be used" in capsys.readouterr().err


def test_the_command_refuses_a_port_that_is_taken(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--port", served.url.rsplit(":", 1)[1]]) == 2
    assert "127.0.0.1" in capsys.readouterr().err


def test_the_commands_help_names_the_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])

    said = capsys.readouterr().out
    assert all(token in said for token in sample().tokens)


def test_the_simulator_and_the_plugin_import_nothing_of_each_other() -> None:
    source = Path(__file__).parents[1] / "src" / "renkei_kintone"
    simulator = [path.read_text() for path in (source / "simulator").glob("*.py")]
    plugin = [path.read_text() for path in source.glob("*.py") if path.name != "kit.py"]  # the kit is a test

    imported = {
        line.split()[1] for text in simulator for line in text.splitlines() if line.strip().startswith("from renkei")
    }
    assert all(name.startswith("renkei_kintone.simulator") for name in imported)
    assert not any("simulator" in line for text in plugin for line in text.splitlines() if " import " in line)


def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_error_of_the_simulators(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    host, _, port = served.url.removeprefix("http://").partition(":")
    head = "POST /k/v1/file.json HTTP/1.1\r\nHost: x\r\nX-Cybozu-API-Token: simulated-add-only-token\r\n"
    form = "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n--b\r\n"

    with socket.create_connection((host, int(port)), timeout=20) as leaving:
        leaving.sendall((head + form).encode())
    for _ in range(100):
        assert served.http.get("/_sim/requests").status_code == 200
        if served.kintone.requests:
            break

    assert [(one.path, one.status) for one in served.kintone.requests] == [("/k/v1/file.json", None)]
    assert not [record for record in caplog.records if record.exc_info]
