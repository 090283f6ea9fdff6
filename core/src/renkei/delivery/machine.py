"""Who holds a lease: this machine's boot, this process, this worker. A process that is gone holds nothing."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

_SEPARATOR = "|"


def owner() -> str:
    """A name for a worker of this process, unlike any before and after it."""
    return _SEPARATOR.join((_machine(), str(os.getpid()), _started(os.getpid()), secrets.token_hex(4)))


def is_gone(name: str) -> bool:
    """Whether *name* is a worker of a process on this machine that has certainly ended.

    False for workers elsewhere, in another container, or where the machine does not tell.
    """
    parts = name.split(_SEPARATOR)
    if len(parts) != 4 or parts[0] != _machine():
        return False
    started = _started(int(parts[1]))
    # A process id is used again in time; with another start time it is another process.
    return started != parts[2] if Path("/proc/self/stat").exists() else False


def _machine() -> str:
    boot = _read(Path("/proc/sys/kernel/random/boot_id")) or socket.gethostname()
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        namespace = ""
    return f"{boot}{namespace}"


def _started(pid: int) -> str:
    # Fields behind the command's closing bracket; the state is the first of them, the start time the twentieth.
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in ("Z", "X"):
        return ""
    return fields[19]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
