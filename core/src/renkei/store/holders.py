"""Which process holds SQLite's write lock, as far as this machine tells."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LOCKS = Path("/proc/locks")
# Where SQLite locks to write, after "WAL-mode File Format" and "File Locking" on sqlite.org: a byte of the wal-index,
# and with a rollback journal the RESERVED byte of the database itself.
_WAL_WRITE = 120
_RESERVED = 0x40000001


@dataclass(frozen=True, slots=True)
class Holder:
    """A process.

    Attributes:
        name: its program's.
        state: a letter of proc(5): `R`, `S`, `D`; `T` and `t` mean that it has been stopped.
    """

    pid: int
    name: str
    state: str

    @property
    def is_this_process(self) -> bool:
        """Whether it is the one that asks."""
        return self.pid == os.getpid()

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has halted it, so that it will not let go by itself."""
        return self.state in ("T", "t")

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name}, state {self.state})"


def holder_of(database: Path) -> Holder | None:
    """Who holds the write lock; None where nobody does or it cannot be told (another system, another container).

    Read from the kernel's list. Asking by fcntl would need the file opened once more, and closing it again would drop
    every lock that SQLite has on it in this process.
    """
    for file, byte in ((database.with_name(database.name + "-shm"), _WAL_WRITE), (database, _RESERVED)):
        try:
            status = file.stat()
        except OSError:
            continue
        for pid in _writers(f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}", byte):
            return _process(pid)
    return None


def _writers(inode: str, byte: int) -> Iterator[int]:
    try:
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        # 1: POSIX  ADVISORY  WRITE 5606 fe:00:2220081 120 120; one that waits has an arrow before the second word
        words = line.split()
        if len(words) == 8 and words[1] == "POSIX" and words[3] == "WRITE" and words[5] == inode:
            ends = float("inf") if words[7] == "EOF" else int(words[7])
            if int(words[6]) <= byte <= ends:
                yield int(words[4])


def _process(pid: int) -> Holder:
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    except OSError:
        return Holder(pid, "?", "?")
    return Holder(pid, name, rest.split()[0])
