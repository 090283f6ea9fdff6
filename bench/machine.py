"""The machine and the versions that the numbers belong to."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("renkei", "renkei-kintone", "sqlalchemy", "pydantic", "pydantic-core", "httpx", "httpcore", "pluggy")


def facts(directory: Path) -> dict[str, str]:
    """What one needs to know to compare two runs."""
    load = " ".join(f"{one:.2f}" for one in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return {
        "at": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}, {_processor()}",
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "load at the start": load,
        "file system": _file_system(directory),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": sqlite3.sqlite_version,
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def _file_system(directory: Path) -> str:
    """Its type; on a tmpfs a flush costs nothing, and durable writes cannot be measured."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    place = directory.resolve()
    fitting = [(mount[1], mount[2]) for mount in mounts if place.is_relative_to(mount[1])]
    kind = max(fitting, key=lambda mount: len(mount[0]))[1] if fitting else "unknown"
    return f"{kind} (nothing is durable here: choose another --directory)" if kind in ("tmpfs", "ramfs") else kind
