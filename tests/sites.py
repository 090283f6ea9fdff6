"""Folders of installed distributions, as pip would leave them, for processes that a test starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BACKENDS = "renkei.backends.v1"
KITS = "renkei.kits.v1"


@dataclass
class Site:
    """One such folder; it goes in front of what is installed."""

    folder: Path
    _count: int = field(default=0)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def install(self, backend: str, modules: dict[str, str], *, kit: str = "", version: str = "0.1.0") -> None:
        """A distribution `renkei-<backend>` with these modules; `<backend>_plugin` is the backend's."""
        name = f"renkei-{backend}"
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        requires = "Requires-Dist: renkei>=0.1,<1\nRequires-Dist: renkei-template\n"
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")
        entries = f"[{BACKENDS}]\n{backend} = {backend}_plugin\n" + (f"[{KITS}]\n{backend} = {kit}\n" if kit else "")
        (info / "entry_points.txt").write_text(entries)
        files = []
        for module, source in modules.items():
            (self.folder / f"{module}.py").write_text(textwrap.dedent(source))
            files.append(f"{module}.py,,")
        (info / "RECORD").write_text("\n".join(files) + "\n")

    def renkei(self, *arguments: str, cwd: Path) -> tuple[int, Any, str]:
        """Run a command with `--json`: exit code, what it printed, what it said on standard error."""
        path = os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            [sys.executable, "-m", "renkei", "--json", *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr
