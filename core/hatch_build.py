"""Puts the sample that `renkei new-plugin` starts from into what is built.

It is developed beside core, as a plugin like any other, where a build of core alone cannot reach it. So the sdist takes
a copy to where the wheel will have it; a wheel takes it from there when it is built from an sdist, and from the
checkout otherwise. An editable install has no copy: `renkei.scaffold.sample` finds the folder in the checkout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# As in `renkei.scaffold.sample`, which cannot be imported while it is being built.
PARTS = (".github", ".gitignore", "README.md", "pyproject.toml", "src", "tests")


class SampleHook(BuildHookInterface):
    """Adds the parts by name: what lies about beside them in a checkout is nobody else's business."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before each target is built; *version* is `editable` where nothing is to be copied."""
        root = Path(self.root)
        sample = root.parent / "plugins" / "_template"
        if version == "editable" or (root / "src" / "renkei" / "scaffold" / "template").is_dir():
            return
        if not sample.is_dir():
            raise FileNotFoundError(f"{sample}: build renkei from a whole checkout, or from its sdist.")
        folder = "src/renkei/scaffold/template" if self.target_name == "sdist" else "renkei/scaffold/template"
        for part in PARTS:
            build_data["force_include"][str(sample / part)] = f"{folder}/{part}"
