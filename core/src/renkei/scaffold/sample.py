"""The sample that a new plugin starts from: in the wheel beside this module, in a checkout where it is developed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from renkei.scaffold.names import NotPossible

# What a new plugin gets of the sample's folder. Its LICENSE stays behind: the author chooses.
# `core/hatch_build.py` puts the same into the wheel, and a test compares the two.
PARTS = (".github", ".gitignore", "README.md", "pyproject.toml", "src", "tests")

_SHIPPED = Path(__file__).parent / "template"
# core/src/renkei/scaffold/sample.py
_DEVELOPED = Path(__file__).parents[4] / "plugins" / "_template"


def read_sample() -> Mapping[str, str]:
    """Path within the sample, with slashes → text, sorted.

    Raises:
        NotPossible: this installation has no sample.
    """
    for folder in (_SHIPPED, _DEVELOPED):
        if (folder / "pyproject.toml").is_file():
            return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in _files(folder)}
    raise NotPossible(
        ja="このrenkeiにはプラグインのひな形が含まれていません。renkeiをインストールし直してください。",
        en="This installation of renkei lacks the sample that plugins start from; install renkei again.",
    )


def _files(folder: Path) -> Iterator[Path]:
    for part in PARTS:
        found = folder / part
        # pip compiles what it installs, and the tests leave caches in a checkout.
        yield from sorted(
            path
            for path in ([found] if found.is_file() else found.rglob("*"))
            if path.is_file() and not any(_is_cache(name) for name in path.relative_to(folder).parts)
        )


def _is_cache(name: str) -> bool:
    return name == "__pycache__" or name.endswith((".pyc", ".egg-info", "_cache"))
