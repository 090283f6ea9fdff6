"""`renkei-kintone simulate`: the simulator as a server."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from renkei_kintone.simulator.domain import Kintone, load, sample

_TOKENS = """\
tokens of the shipped sample:
  simulated-add-only-token           app 1, "add records" only: all that a sync needs
  simulated-view-only-token          app 1, cannot add
  simulated-token-without-permissions  app 1, can do nothing
  simulated-token-before-update-app  app 1, "update app" not pressed yet: refused
  simulated-customer-token           app 2, view and add

control, below /_sim (not part of kintone): POST faults, GET records?app=1, GET requests, POST reset.
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
        from renkei_kintone.simulator import serving
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is missing; install renkei-kintone[simulator]")
    try:
        listening = serving.bind(options.port)
    except OSError as error:
        return _fail(f"port {options.port} on 127.0.0.1 cannot be used: {error.strerror}")
    # The server answers a signal by ending in order, then raises it again: by then the work is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    url = serving.url_of(listening, options.prefix)
    with listening:
        serving.run(kintone, listening, options.prefix, lambda: _announce(kintone, url, as_json=options.json))
    return 0


def _announce(kintone: Kintone, url: str, *, as_json: bool) -> None:
    if as_json:
        line = json.dumps({"url": url, "tokens": list(kintone.tokens)}, ensure_ascii=False)
    else:
        apps = ", ".join(f"{app.id} {app.name}" for app in kintone.apps.values())
        line = f"kintone simulator at {url} (apps: {apps})"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _fail(sentence: str) -> int:
    sys.stderr.write(f"renkei-kintone: {sentence}\n")
    return 2


def _prefix(text: str) -> str:
    stripped = text.strip("/")
    return f"/{stripped}" if stripped else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="renkei-kintone", description="Tools of renkei's kintone plugin.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    simulate = commands.add_parser(
        "simulate",
        help="serve a simulated kintone on 127.0.0.1",
        description="Serve a simulated kintone on 127.0.0.1 until interrupted. Prints its URL once it listens.",
        epilog=_TOKENS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    simulate.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    simulate.add_argument("--file", type=Path, help="JSON file of apps and tokens (default: the shipped sample)")
    simulate.add_argument("--prefix", type=_prefix, default="", help="serve below this path, such as /demo")
    simulate.add_argument("--json", action="store_true", help="print the URL and the tokens as one JSON object")
    return parser
