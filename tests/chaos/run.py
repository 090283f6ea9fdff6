"""`make chaos`: what becomes of every action while processes are killed and frozen and the backend lies."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

# As a script, this folder would come first in the path, and its modules would stand beside everybody's.
sys.path[0] = str(Path(__file__).parents[1])

from chaos import ablations  # noqa: E402
from chaos.database import NewPlace, databases  # noqa: E402
from chaos.plan import plan  # noqa: E402
from chaos.report import run  # noqa: E402
from chaos.without import RULES  # noqa: E402
from renkei.plugins import Registry  # noqa: E402


def is_well(told: dict[str, Any]) -> bool:
    """Whether everything that is promised held, and everything that was planned was done."""
    nothing = (
        "lost",
        "doubled",
        "misjudged",
        "strangers",
        "doubtful_unexplained",
        "kills_missing",
        "broken_looks",
        "host_errors",
    )
    return (
        told["drained"]
        and not any(told[name] for name in nothing)
        and told["recorded"] == told["actions"] == told["ledger"]["recorded"]
        and told["found"] + told["doubtful"] - told["doubtful_stored"] == told["recorded"]
        and not (told["key"] and told["doubtful"])
    )


def one(options: argparse.Namespace, new_place: NewPlace, *, keyed: bool, rule: str | None) -> dict[str, Any]:
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="renkei-chaos-", ignore_cleanup_errors=True) as folder:
        if options.keep:
            options.keep.mkdir(parents=True)
            folder = str(options.keep)
        made = plan(options.seed, kills=options.kills, actions=options.actions, keyed=keyed)
        made = replace(made, blows=()) if options.no_faults else made
        return run(
            new_place(Path(folder)),
            made,
            actions=options.actions,
            seed=options.seed,
            keyed=keyed,
            rule=rule,
            say=lambda line: _say(options, line),
        )


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 where nothing was lost or doubled."""
    options = _parser().parse_args(arguments)
    # Whoever ends the command ends a database server with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    few = options.ablations
    options.actions = options.actions if options.actions is not None else 4_000 if few else 100_000
    options.kills = options.kills if options.kills is not None else 24 if few else 200
    with tempfile.TemporaryDirectory() as empty:
        _import_everything(empty)
        with databases(postgresql=options.postgresql) as new_place:
            many = options.races is not None or options.ablations
            return _tables(options, new_place) if many else _one_run(options, new_place)


def _one_run(options: argparse.Namespace, new_place: NewPlace) -> int:
    told = one(options, new_place, keyed=not options.no_key, rule=options.without)
    well = is_well(told)
    sys.stdout.write(json.dumps({**told, "well": well}, ensure_ascii=False) + "\n" if options.json else _in_lines(told))
    return 0 if well else 1


def _in_lines(told: dict[str, Any]) -> str:
    """One line for each thing that was counted."""

    def shown(value: Any) -> str:
        if isinstance(value, dict):
            return ", ".join(f"{name} {shown(inner)}" for name, inner in value.items()) or "none"
        return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)

    lines = [f"{name.replace('_', ' '):>22}  {shown(value)}" for name, value in told.items() if name != "examples"]
    lines += [f"{name:>22}  {', '.join(ids)}" for name, ids in told["examples"].items() if ids]
    return "\n".join(lines) + "\n"


def _tables(options: argparse.Namespace, new_place: NewPlace) -> int:
    """The races alone, or the whole table of rules; 0 where the rules in place lose and double nothing."""

    def say(line: str) -> None:
        _say(options, line)

    if options.races is not None:
        found: dict[str, Any] = {"runs": {}, "races": ablations.races(new_place, say, rule=options.races)}
    else:
        found = ablations.table(new_place, actions=options.actions, kills=options.kills, seed=options.seed, say=say)
    sys.stdout.write(json.dumps(found) + "\n" if options.json else ablations.as_markdown(found))
    whole = [*found["runs"].get("", {}).values(), *(race["with"] for race in found["races"])]
    return int(any(one["lost"] or one["doubled"] for one in whole))


def _say(options: argparse.Namespace, line: str) -> None:
    if not options.json:
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


def _import_everything(empty: str) -> None:
    """Before anybody is forked: a worker that was killed is then back within milliseconds."""
    # Nobody speaks TLS here, and every new process would read all trusted certificates.
    os.environ["SSL_CERT_DIR"] = empty
    import uvicorn  # noqa: F401

    Registry().states()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--actions", type=int, help="how many are recorded (default: 100000)")
    parser.add_argument("--kills", type=int, help="kill -9 of workers, all windows alike (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="what the plan depends on (default: 1)")
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL that is started for the run")
    parser.add_argument("--no-key", action="store_true", help="no unique field in the target")
    parser.add_argument("--no-faults", action="store_true", help="no request goes wrong but by a kill")
    parser.add_argument("--without", choices=list(RULES), metavar="RULE", help=f"take a rule out: {', '.join(RULES)}")
    parser.add_argument("--ablations", action="store_true", help="take out each rule in turn; takes 4000 actions each")
    parser.add_argument(
        "--races",
        nargs="?",
        const="",
        choices=["", *RULES],
        metavar="RULE",
        help="the races of that table, or a rule's",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--keep", type=Path, help="keep database, notes and logs in this new folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
