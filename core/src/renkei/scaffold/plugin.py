"""A new plugin's folder: decided first, then written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from renkei.scaffold.names import Names, NotPossible
from renkei.scaffold.renaming import renamed
from renkei.scaffold.sample import read_sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be written.

    Attributes:
        folder: absolute; called like the distribution.
        files: path within the folder, with slashes → text.
    """

    names: Names
    folder: Path
    files: Mapping[str, str]


def plan(names: Names, into: Path) -> Plan:
    """The plugin called *names*, in a folder of its own in *into*.

    Raises:
        NotPossible: there is something else in its place.
    """
    folder = Path(os.path.abspath(into)) / names.distribution  # noqa: PTH100  # resolve() would follow links
    for above in folder.parents:
        if above.exists() and not above.is_dir():
            raise NotPossible(
                ja=f"{above} はフォルダーではありません。別のフォルダーを指定してください。",
                en=f"{above} is not a folder; name another one.",
            )
    if os.path.lexists(folder) and not _is_empty_folder(folder):
        raise _occupied(folder)
    return Plan(names=names, folder=folder, files=renamed(read_sample(), names))


def write(plan: Plan) -> None:
    """Write the folder: beside its place first, then put there in one step.

    Interrupted, or without room or permission, it leaves neither the folder nor those that were made above it.

    Raises:
        NotPossible: somebody else has taken the place in between.
        OSError: the folder cannot be written to.
    """
    above = plan.folder.parent
    made = [folder for folder in (above, *above.parents) if not folder.exists()]
    # Not mkdtemp: what that makes is for one user alone, and would stay so.
    draft = above / f".{plan.folder.name}.{secrets.token_hex(4)}"
    try:
        for path, text in plan.files.items():
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_text(text, encoding="utf-8", newline="\n")
        draft.rename(plan.folder)
    except BaseException as error:
        _remove(draft, made)
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise _occupied(plan.folder) from None
        raise


def _remove(draft: Path, made: list[Path]) -> None:
    shutil.rmtree(draft, ignore_errors=True)
    for folder in made:
        with suppress(OSError):  # somebody else has put something there
            folder.rmdir()


def _is_empty_folder(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())


def _occupied(folder: Path) -> NotPossible:
    return NotPossible(
        ja=f"{folder} はすでに存在します。削除するか、--into で別のフォルダーを指定してください。",
        en=f"{folder} is there already; remove it, or name another folder with --into.",
    )
