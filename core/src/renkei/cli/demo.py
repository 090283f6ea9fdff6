"""`renkei demo`: the whole job in one command, against a simulator on this machine."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from renkei.cli.commands import command, done
from renkei.cli.exits import Exit
from renkei.cli.failures import CommandError
from renkei.cli.scope import Scope


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "demo")(demo)


def demo(
    scope: Scope,
    actions: Annotated[int, typer.Option("--actions", min=1, help="How many sample actions.")] = 60,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Keep the database in this folder, to look around afterwards.")
    ] = None,
) -> None:
    """Watch ticket actions become kintone records: a simulated kintone, an inbox, and sample actions.

    Nothing leaves this machine, and nothing is left behind without --keep. Exit code 0 only if every action was
    recorded and delivered.
    """
    from renkei.cli.demo_stage import Stage
    from renkei.cli.simulated import simulator
    from renkei.cli.tour import Tour
    from renkei.engine import Renkei

    with _folder(keep) as folder, _ending_in_order(), simulator() as kintone:
        with Renkei(str(folder / "renkei.db"), routes={"demo.cybozu.com": kintone.url}) as engine:
            tour = Tour(Stage(scope.out), engine, kintone, scope.actor)
            told = tour.run(actions)
            tour.where_next(folder if keep else None)
        if scope.json:
            scope.out.document(told, indent=None)
    done(Exit.OK if told["complete"] else Exit.FAILED)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        made = tempfile.mkdtemp(prefix="renkei-demo-")
        try:
            yield Path(made)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return
    if (keep / "renkei.db").exists():
        raise CommandError(
            ja=f"{keep} にはすでに renkei.db があります。別のフォルダーを指定してください。",
            en=f"{keep} holds a renkei.db already; name another folder.",
        )
    keep.mkdir(parents=True, exist_ok=True)
    yield keep


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does: the simulator is stopped and the folder removed."""

    def end(*_: Any) -> None:
        sys.exit(128 + signal.SIGTERM)

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not the main thread: whoever runs us there handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
