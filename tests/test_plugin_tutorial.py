"""The plugin tutorial, run as a reader would: its files written, its commands typed, its output compared."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import pytest

# One worker: what its tests share is expensive to make.
pytestmark = pytest.mark.xdist_group("tutorial")

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "plugin-tutorial.md"
CRM_PAGE = ROOT / "examples" / "hibari" / "API.md"

# What a reader has otherwise: where their checkout is, and port 8123 free.
CHECKOUT, PORT = "RENKEI=~/renkei ", "8123"
SECOND_TERMINAL = "In a second terminal, in the same folder and environment:"
END_OF_OUTPUT = "-- end of output --"
PATIENCE = 240.0

# The line before a block says what the block is.
BLOCK = re.compile(
    r"(?:^(?P<before>[^\n]+)\n\n?)?^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
NAMED = re.compile(r"(?P<change>In )?`(?P<path>[\w./-]+)`:")
ENVIRONMENT = ("PYTHON", "PYTEST", "RENKEI", "VIRTUAL_ENV", "COV_", "COVERAGE")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of the page, with what it is said to print."""

    typed: str
    shown: list[str]


def commands_of(text: str) -> list[Command]:
    """A line that begins with `$ ` is typed; a here-document follows it to its end; all else is output."""
    found: list[Command] = []
    lines = iter(text.splitlines())
    for line in lines:
        if not line.startswith("$ "):
            found[-1].shown.append(line)
            continue
        typed = [line.removeprefix("$ ")]
        if typed[0].endswith("<<END"):
            typed += [*iter(lambda: next(lines), "END"), "END"]
        found.append(Command(typed="\n".join(typed), shown=[]))
    return found


def plain(line: str) -> str:
    """*line* without what depends on a terminal's width: runs of blanks and of rules count as one."""
    return re.sub(r"─+", "─", " ".join(line.split()))


def agree(shown: list[str], printed: list[str]) -> bool:
    """Whether *printed* is what the page shows; `…` is anything within a line, and alone any number of lines."""
    pattern = ""
    for said in filter(None, map(plain, shown)):
        within = r"[^\n]*".join(map(re.escape, said.split("…")))
        pattern += r"(?:[^\n]*\n)*?" if said == "…" else f"{within}\n"
    lines = [plain(line) for line in printed]
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines if line)) is not None


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def change(path: Path, diff: str) -> None:
    lines = diff.splitlines(keepends=True)
    assert all(line[0] in "-+" for line in lines)
    old, new = ("".join(line[1:] for line in lines if line[0] == sign) for sign in "-+")
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} does not hold exactly once:\n{old}"
    write(path, text.replace(old, new))


class Terminal:
    """A shell that stays open, as a reader's does."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def type(self, text: str) -> None:
        """Type a line, and not wait for anything."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{text}\n")
        self._shell.stdin.flush()

    def lines(self) -> Iterator[str]:
        """What is printed, as it comes; ends with the shell, which ends when patience does."""
        assert self._shell.stdout is not None
        with_patience = Timer(PATIENCE, self.close)
        with_patience.start()
        try:
            for line in self._shell.stdout:
                yield line.removesuffix("\n")
        finally:
            with_patience.cancel()

    def run(self, command: str) -> tuple[list[str], int]:
        """What *command* prints, and its exit code."""
        self.type(f"{{ {command}\n}} </dev/null\nprintf '\\n%s %s\\n' '{END_OF_OUTPUT}' $?")
        printed: list[str] = []
        for line in self.lines():
            if line.startswith(END_OF_OUTPUT):
                return printed, int(line.rpartition(" ")[2])
            printed.append(line)
        raise AssertionError(f"{command!r} did not end; it printed {printed}")

    def close(self) -> None:
        """End the shell and what it started."""
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()
        for stream in (self._shell.stdin, self._shell.stdout):
            assert stream is not None
            stream.close()


class Reader:
    """Somebody who does what the page says, from top to bottom."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home
        self.done = 0
        self._port = str(free_port())
        self._terminals = [Terminal(home, environment(home))]

    def follow(self, page: str) -> None:
        """Do all of it."""
        for block in BLOCK.finditer(page):
            before, text = block["before"] or "", block["text"]
            named = NAMED.fullmatch(before)
            if block["language"] == "console" and before == SECOND_TERMINAL:
                self._serve(commands_of(text))
            elif block["language"] == "console":
                for command in commands_of(text):
                    self._type(command)
            elif named is None:
                raise AssertionError(f"nobody can tell what to do with the block after {before!r}")
            elif named["change"]:
                change(self.folder / named["path"], text)
            else:
                write(self.folder / named["path"], text)
            self.done += 1

    def close(self) -> None:
        """Close the terminals."""
        for terminal in self._terminals:
            terminal.close()

    def _type(self, command: Command) -> None:
        # What fails on the page says so there.
        fails = any(line.startswith("Error:") or " FAILED" in line for line in command.shown)
        printed, code = self._terminals[0].run(self._as_here(command.typed))
        shown = [self._as_here(line) for line in command.shown]
        whole = "\n".join(printed)
        assert agree(shown, printed), f"$ {command.typed}\nprinted:\n{whole}\nand the page shows:\n" + "\n".join(shown)
        assert (code != 0) == fails, f"$ {command.typed}\nended with {code}:\n{whole}"
        self._after(command.typed)

    def _after(self, typed: str) -> None:
        if typed.startswith("cd "):
            self.folder /= typed.removeprefix("cd ")
        if typed == "python3 -m venv .venv":
            lend_packages(self.home)

    def _serve(self, commands: list[Command]) -> None:
        (command,) = commands
        terminal = Terminal(self.folder, environment(self.home))
        self._terminals.append(terminal)
        terminal.type(
            f"export RENKEI={shlex.quote(str(ROOT))}; . ../.venv/bin/activate; {self._as_here(command.typed)}"
        )
        lines = terminal.lines()
        printed = [next(lines) for _line in command.shown]
        assert printed == [self._as_here(line) for line in command.shown]

    def _as_here(self, text: str) -> str:
        return text.replace(CHECKOUT, f"RENKEI={shlex.quote(str(ROOT))} ").replace(PORT, self._port)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def environment(home: Path) -> dict[str, str]:
    """This process's, without what leads to the checkout or to somebody's database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT)}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "PIP_CONSTRAINT": (ROOT / "constraints.txt").as_uri(),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "TMPDIR": str(home),
    }


def lend_packages(home: Path) -> None:
    """Let the reader's environment have what this one has, renkei and its plugins excepted, instead of fetching it."""
    lent = home / "lent"
    lent.mkdir()
    for item in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if item.suffix != ".pth" and not item.name.startswith(("renkei", "_editable", "__editable__", "pip")):
            (lent / item.name).symlink_to(item)
    (site,) = (home / ".venv" / "lib").glob("python*/site-packages")
    (site / "lent.pth").write_text(f"{lent}\n")


@pytest.fixture
def reader() -> Iterator[Reader]:
    # Where a space is, something is quoted wrongly; and not below tmp_path, whose names are long.
    with tempfile.TemporaryDirectory(prefix="an afternoon ", ignore_cleanup_errors=True) as home:
        reading = Reader(Path(home).resolve())
        try:
            yield reading
        finally:
            reading.close()


# A minute and a half at most where nothing else runs; the limit is for machines on which much does.
@pytest.mark.timeout(900)
def test_who_does_what_the_page_says_ends_with_a_proven_plugin(reader: Reader) -> None:
    reader.follow(PAGE.read_text(encoding="utf-8"))

    report = json.loads((reader.folder / "contract-report.json").read_text(encoding="utf-8"))
    assert (report["backend"], report["complete"], report["passed"]) == ("hibari", True, True)
    assert reader.done > 30


def test_the_pages_code_is_as_strict_tools_want_it(tmp_path: Path) -> None:
    for block in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        named = NAMED.fullmatch(block["before"] or "")
        if named and named["path"].endswith(".py"):
            (change if named["change"] else write)(tmp_path / named["path"], block["text"])
    shutil.copytree(CRM_PAGE.parent / "hibari_crm", tmp_path / "src" / "renkei_hibari" / "simulator")

    mypy = ["mypy", "--strict", "--cache-dir", "cache", "--config-file", os.devnull, "src/renkei_hibari"]
    for tool in (mypy, ["ruff", "format", "--isolated", "--line-length", "120", "--check", "src", "tries"]):
        done = subprocess.run(
            [sys.executable, "-m", *tool],
            cwd=tmp_path,
            env={**os.environ, "MYPYPATH": "src"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_vendor_is_quoted_with_stands_on_the_vendors_page() -> None:
    vendor = " ".join(CRM_PAGE.read_text(encoding="utf-8").split())
    steps = PAGE.read_text(encoding="utf-8").partition("## 2. ")[2]

    quoted = [" ".join(text.split()) for text in re.findall(r"“(.*?)”", steps, re.DOTALL)]

    assert len(quoted) > 15
    assert [text for text in quoted if text not in vendor] == []


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["one", "two"], ["one"]),
        (["one"], ["one", "two"]),
        ([], ["a warning"]),
        (["passed, … s"], ["failed, 3 s"]),
        (["…", "delivered 1"], ["delivered 10"]),
        (["a (b)"], ["a b"]),
    ],
)
def test_output_that_the_page_does_not_show_is_found(shown: list[str], printed: list[str]) -> None:
    assert not agree(shown, printed)


def test_a_page_may_leave_out_what_varies() -> None:
    assert agree(["…", "id … state", "────", "…"], ["", "Next:", " id   42  state ", "──────────"])
