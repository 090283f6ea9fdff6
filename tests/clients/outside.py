"""kintone's own clients, which others wrote: installed once, and run against the simulator as a process of its own.

They allow plain http only to the name `localhost`, so the simulator is told that name.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

HERE = Path(__file__).parent
INSTALLED = HERE.parent.parent / "build" / "clients"
FULL = "simulated-full-token"
ADD = "simulated-add-only-token"
CUSTOMER = "simulated-customer-token"
GUEST = "simulated-guest-space-token"
PASSWORD = {"username": "Administrator", "password": "simulated-password"}
SECONDS_TO_INSTALL = 120
LEAST_NODE = 20

calls: Counter[str] = Counter()
"""How often each method of the JavaScript client and each command of the other was called in this process."""


class NotHere(Exception):
    """The clients cannot be run on this machine; the text says why."""


class Refused(Exception):
    """What the JavaScript client threw."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(f"{told['class']}: {told['message']}")
        self.told = told


# -- installing


def installed() -> Path:
    """The folder with both clients, installed by npm if they are not there yet.

    Raises:
        NotHere: Node or npm is missing or too old, or npm got nothing within the time.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NotHere(f"{program} is not installed")
    if int(_printed("node", "--version").lstrip("v").partition(".")[0]) < LEAST_NODE:
        raise NotHere(f"Node is older than {LEAST_NODE}, which kintone's clients need")
    # Another set of versions is another folder, so that a finished one is never changed.
    folder = INSTALLED / hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    if not folder.is_dir():
        _install(folder)
    return folder


def _install(folder: Path) -> None:
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=INSTALLED, ignore_cleanup_errors=True) as room:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / name, room)
        try:
            # With the environment as it is: it may name the proxy that npm needs.
            subprocess.run(
                ["npm", "ci", "--loglevel=error"], cwd=room, check=True, capture_output=True, timeout=SECONDS_TO_INSTALL
            )
        except subprocess.TimeoutExpired:
            raise NotHere(f"npm did not install kintone's clients within {SECONDS_TO_INSTALL} seconds") from None
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {error.returncode}"]
            raise NotHere(f"npm could not install kintone's clients: {said[0]}") from None
        # At once, and with all in it: whoever sees the folder may use it.
        if not folder.exists():
            Path(room).rename(folder)
            Path(room).mkdir()


def versions(folder: Path) -> dict[str, str]:
    """Of Node, npm, and the clients."""
    found = {name: _printed(name, "--version") for name in ("node", "npm")}
    inner = "@kintone/cli/node_modules/@kintone/rest-api-client"
    for name in ("@kintone/rest-api-client", "@kintone/cli", inner):
        found[name] = json.loads((folder / "node_modules" / name / "package.json").read_text())["version"]
    found[f"{inner.rpartition('/node_modules/')[2]} within @kintone/cli"] = found.pop(inner)
    return found


def _printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


# -- running


def environment(**more: str) -> dict[str, str]:
    """What a child process gets: no proxy, and no setting of kintone's clients from this machine."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ} | more


class Outside:
    """A simulator, both clients, and the simulator's control."""

    def __init__(self, folder: Path, simulator: dict[str, Any], driver: subprocess.Popen[str]) -> None:
        self.folder = folder
        self._driver = driver
        self.url: str = simulator["url"]
        self._trusted: str | None = simulator.get("ca_file")
        verify = ssl.create_default_context(cafile=self._trusted) if self._trusted else False
        self._http = httpx.Client(base_url=self.url, trust_env=False, timeout=60, verify=verify)

    # The JavaScript client: its own names, `record.addRecords`, and its own parameters.

    def __call__(self, call: str, token: str | list[str] | None = FULL, **params: Any) -> Any:
        """The value of one call; what the client throws is raised as `Refused`."""
        return self.with_options(call, {"auth": {"apiToken": token}}, **params)

    def with_options(self, call: str, options: Mapping[str, Any], **params: Any) -> Any:
        """As a call, with these options of the client."""
        (came,) = self.at_once([(call, options, params)])
        if "error" in came:
            raise Refused(came["error"])
        return came["value"]

    def at_once(self, made: list[tuple[str, Mapping[str, Any], dict[str, Any]]]) -> list[dict[str, Any]]:
        """What came of several calls that were made at the same time."""
        calls.update(call for call, _, _ in made)
        lines = [
            {"call": call, "options": {"baseUrl": self.url, **options}, "params": params}
            for call, options, params in made
        ]
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        self._driver.stdin.write(json.dumps(lines) + "\n")
        self._driver.stdin.flush()
        came: list[dict[str, Any]] = json.loads(self._driver.stdout.readline())
        return came

    def refused(self, call: str, token: str | list[str] | None = FULL, **params: Any) -> dict[str, Any]:
        """What the client throws at a call that is refused."""
        with pytest.raises(Refused) as thrown:
            self(call, token, **params)
        return thrown.value.told

    # The command line.

    def cli(
        self,
        *arguments: str | Path,
        login: tuple[str, ...] = ("--api-token", FULL),
        encoding: str = "utf-8",
        trusts: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run `cli-kintone record …`, which prints in *encoding*."""
        calls[f"cli-kintone record {arguments[0]}"] += 1
        program = self.folder / "node_modules" / "@kintone" / "cli" / "cli.js"
        command = ["node", program, "record", *arguments, "--base-url", self.url, *login]
        trusting = {"NODE_EXTRA_CA_CERTS": self._trusted} if self._trusted and trusts else {}
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, timeout=120, env=environment(**trusting), check=False
        )
        # What it reports is UTF-8 whatever the encoding of the file.
        return subprocess.CompletedProcess(
            command, done.returncode, done.stdout.decode(encoding), done.stderr.decode("utf-8")
        )

    # The simulator's control, which is no part of kintone.

    def stored(self, *fields: str, app: int = 1) -> list[dict[str, Any]]:
        """The values of all stored records, by their numbers."""
        answer = self._http.get("/_sim/records", params={"app": app, "fields": ",".join(fields)}).json()
        return [record["values"] for record in answer["records"]]

    def requests(self) -> list[tuple[str, str, int, int | None]]:
        """Method, path, status, and the number of records of each request so far."""
        kept = ("method", "path", "status", "records")
        return [tuple(entry[name] for name in kept) for entry in self._http.get("/_sim/requests").json()]  # type: ignore[misc]

    def control(self, path: str, **data: Any) -> Any:
        """One order to the simulator."""
        answer = self._http.post(f"/_sim/{path}", json=data)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def close(self) -> None:
        """Close the connection to the simulator's control."""
        self._http.close()

    def afresh(self) -> None:
        """Forget all records, and turn back what a test may have turned."""
        self.control("reset")
        self.control("switches", basic=None, concurrency=100, latency=0, language="ja", follow_browser=False)


@contextmanager
def ready(*switches: str) -> Iterator[Outside]:
    """A simulator that was started with *switches*, and a process of the JavaScript client."""
    folder = installed()
    with ExitStack() as stack:
        simulating = [
            sys.executable,
            "-m",
            "renkei_kintone.simulator",
            "simulate",
            "--json",
            "--host-name",
            "localhost",
        ]
        simulator = stack.enter_context(_process([*simulating, *switches]))
        assert simulator.stdout is not None
        said = json.loads(simulator.stdout.readline())
        trusting = {"NODE_EXTRA_CA_CERTS": said["ca_file"]} if "ca_file" in said else {}
        driver = stack.enter_context(_process(["node", str(HERE / "driver.mjs"), str(folder)], **trusting))
        outside = Outside(folder, said, driver)
        stack.callback(outside.close)
        yield outside


@contextmanager
def _process(command: list[str], **more: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=environment(**more)
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
