"""`renkei-kintone simulate`: the simulator as a server."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from renkei_kintone.simulator import switches
from renkei_kintone.simulator.domain import Kintone, load, sample
from renkei_kintone.simulator.unsure import from_texts

_EPILOG = """\
tokens of the shipped sample:
{tokens}
user of the sample, with all rights: Administrator, password simulated-password

control, below /_sim (not part of kintone): faults, records, requests, counts, switches, tokens, apps, reset.
A page with the stored records is at /.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 after an orderly end and 2 where nothing could be started."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        kintone = load(options.file) if options.file else sample()
    except (OSError, ValueError) as error:
        return _fail(f"the file of apps and tokens cannot be used: {error}")
    try:
        _turn(kintone, options)
    except (OSError, ValueError) as error:
        return _fail(f"a switch cannot be set so: {error}")
    with ExitStack() as stack:
        return _serve(kintone, options, stack)


def _turn(kintone: Kintone, options: argparse.Namespace) -> None:
    """Set the switches that were given."""
    names = ("language", "basic", "concurrency", "latency", "follow_browser", "old_statuses")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    switches.turn(kintone, given)
    kintone.unsure = from_texts(options.unsure)


def _serve(kintone: Kintone, options: argparse.Namespace, stack: ExitStack) -> int:
    try:
        from renkei_kintone.simulator import serving
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is missing; install renkei-kintone[simulator]")
    try:
        listening = stack.enter_context(serving.bind(options.port))
    except OSError as error:
        return _fail(f"port {options.port} on 127.0.0.1 cannot be used: {error.strerror}")
    # The server answers a signal by ending in order, then raises it again: by then the work is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    place = serving.Place(options.prefix, options.host_name, _ca_file(options, stack))
    announced = place.url(listening), place.ca_file
    try:
        serving.run(kintone, listening, place, lambda: _announce(kintone, *announced, as_json=options.json))
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is missing; install renkei-kintone[simulator]")
    except OSError as error:
        return _fail(f"the certificate cannot be written to {place.ca_file}: {error.strerror}")
    return 0


def _ca_file(options: argparse.Namespace, stack: ExitStack) -> Path | None:
    """Where the certificate's authority goes; without a wish, to a file that is gone in the end."""
    if options.ca_file is not None:
        return Path(options.ca_file).absolute()
    if not options.https:
        return None
    return Path(stack.enter_context(TemporaryDirectory(prefix="renkei-kintone-"))) / "simulator-ca.pem"


def _announce(kintone: Kintone, url: str, ca_file: Path | None, *, as_json: bool) -> None:
    if as_json:
        trusted = {} if ca_file is None else {"ca_file": str(ca_file)}
        line = json.dumps({"url": url, "tokens": list(kintone.tokens), **trusted}, ensure_ascii=False)
    else:
        apps = ", ".join(f"{app.id} {app.name}" for app in kintone.apps.values())
        line = f"kintone simulator at {url} (apps: {apps})"
        line += "" if ca_file is None else f"\nclients have to trust {ca_file}"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _fail(sentence: str) -> int:
    sys.stderr.write(f"renkei-kintone: {sentence}\n")
    return 2


def _prefix(text: str) -> str:
    stripped = text.strip("/")
    return f"/{stripped}" if stripped else ""


def _sample_tokens() -> str:
    """The tokens of the sample, one a line, with what each may do."""
    lines = []
    for token in sample().tokens.values():
        may = ", ".join(sorted(token.permissions)) or "nothing"
        waits = "" if token.deployed else '; "update app" not pressed yet: refused'
        lines.append(f"  {token.value:38} app {token.app}: {may}{waits}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="renkei-kintone", description="Tools of renkei's kintone plugin.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    simulate = commands.add_parser(
        "simulate",
        help="serve a simulated kintone on 127.0.0.1",
        description="Serve a simulated kintone on 127.0.0.1 until interrupted. Prints its URL once it listens.",
        epilog=_EPILOG.format(tokens=_sample_tokens()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    simulate.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    simulate.add_argument("--file", type=Path, help="JSON file of apps and tokens (default: the shipped sample)")
    simulate.add_argument("--prefix", type=_prefix, default="", help="serve below this path, such as /demo")
    simulate.add_argument("--json", action="store_true", help="print the URL and the tokens as one JSON object")
    simulate.add_argument("--host-name", default="127.0.0.1", help="name in the URL, such as localhost")
    simulate.add_argument("--https", action="store_true", help="speak https, with a self-made certificate")
    simulate.add_argument("--ca-file", type=Path, help="speak https, and write what clients have to trust to this file")
    _add_switches(simulate)
    return parser


def _add_switches(simulate: argparse.ArgumentParser) -> None:
    simulate.add_argument("--language", choices=("ja", "en"), help="of the messages (default: ja)")
    simulate.add_argument("--follow-browser", action="store_true", default=None, help="obey Accept-Language")
    simulate.add_argument("--old-statuses", action="store_true", default=None, help="answer 520 as older servers did")
    simulate.add_argument("--basic", metavar="LOGIN:PASSWORD", help="ask for Basic authentication")
    simulate.add_argument("--concurrency", type=int, help="requests at once before 429 (default: 100)")
    simulate.add_argument("--latency", type=float, metavar="SECONDS", help="let every request take that long")
    simulate.add_argument(
        "--unsure",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another answer to what is not known of kintone, or a JSON file of answers; may be given again",
    )
