"""What a plugin's distribution consists of and what it declares, read without importing anything of it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from renkei.plugins.scan import Claim
from renkei.testing.contract.subject import Subject

# What `renkei.spec` itself stands on: whoever has it has these.
_WITH_THE_SPEC: Final = ("pluggy", "pydantic", "httpx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import statement.

    Attributes:
        module: what is imported, dotted.
        names: what is taken from it; empty for a plain `import`.
        place: `file:line`.
        optional: inside a `try` that goes on without it, or for type checkers only.
    """

    module: str
    names: tuple[str, ...]
    place: str
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One module's source."""

    module: str
    path: Path

    def imports(self) -> list[Import]:
        """Its import statements, those inside of functions included."""
        try:
            tree = ast.parse(self.path.read_bytes(), filename=str(self.path))
        except (SyntaxError, ValueError):
            return []  # it cannot be imported either, and that is found elsewhere
        return list(_imports_in(tree, self, optional=False))


def metadata_of(claim: Claim) -> Distribution | None:
    """The distribution that makes *claim*."""
    found = getattr(claim.entry_point, "dist", None)
    if isinstance(found, Distribution):
        return found
    try:
        return distribution(claim.distribution)
    except PackageNotFoundError:
        return None


def search_path(claim: Claim) -> list[str]:
    """Where to look for its modules: `sys.path`, and in front the folder it is installed in, should that lack."""
    found = metadata_of(claim)
    folder = str(found.locate_file("")) if found is not None else ""
    path = [entry or str(Path.cwd()) for entry in sys.path]
    return path if not folder or _is_on_path(folder) else [folder, *path]


def own_names(claim: Claim) -> list[str]:
    """Top-level names of its modules."""
    found = metadata_of(claim)
    shipped = _names_shipped(found) if found is not None else set()
    return sorted({claim.entry_point.module.split(".")[0], *shipped})


def admitted(claim: Claim) -> list[str]:
    """Top-level modules that may be imported: its own, and those of all that its distribution requires."""
    return sorted({*own_names(claim), "renkei", *_modules_of(_closure(claim.requires))})


def declared(claim: Claim) -> frozenset[str]:
    """The same, without what only comes along because renkei itself happens to require it."""
    direct = [line for line in claim.requires if _name(line) != "renkei"]
    return frozenset({*own_names(claim), "renkei", *_modules_of(_closure((*direct, *_WITH_THE_SPEC)))})


def source_files(subject: Subject, *, test_only: bool = False) -> list[SourceFile]:
    """The plugin's modules, without (or, if asked for, only) what its kit calls `test_only`."""
    found = []
    for name in own_names(subject.claim):
        for file in _files_below(name, search_path(subject.claim)):
            if _is_below(file.module, subject.kit.test_only) is test_only:
                found.append(file)
    return found


def _is_on_path(folder: str) -> bool:
    wanted = Path(folder).resolve()
    return any(Path(entry).resolve() == wanted for entry in sys.path if entry)


def _is_below(module: str, names: Collection[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def _files_below(name: str, path: list[str]) -> Iterator[SourceFile]:
    spec: ModuleSpec | None = PathFinder.find_spec(name, path) or find_spec(name)
    if spec is None:
        return
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders and spec.origin is not None and spec.origin.endswith(".py"):
        yield SourceFile(module=name, path=Path(spec.origin))
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            parts = (name, *file.relative_to(folder).with_suffix("").parts)
            yield SourceFile(module=".".join(parts[:-1] if parts[-1] == "__init__" else parts), path=file)


def _imports_in(node: ast.AST, file: SourceFile, *, optional: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = optional or _is_optional(node, child)
        for module, names in _imported_by(child, file):
            place = f"{file.path.name}:{getattr(child, 'lineno', 0)}"
            yield Import(module=module, names=names, place=place, optional=inside)
        yield from _imports_in(child, file, optional=inside)


def _imported_by(node: ast.AST, file: SourceFile) -> Iterator[tuple[str, tuple[str, ...]]]:
    match node:
        case ast.Import():
            yield from ((alias.name, ()) for alias in node.names)
        case ast.ImportFrom():
            yield _absolute(node, file), tuple(alias.name for alias in node.names)
        case ast.Call() if module := _imported_by_call(node):
            yield module, ()


def _absolute(statement: ast.ImportFrom, file: SourceFile) -> str:
    if not statement.level:
        return statement.module or ""
    package = file.module.split(".")
    if file.path.stem != "__init__":
        package = package[:-1]
    kept = package[: len(package) - statement.level + 1]
    return ".".join([*kept, *filter(None, [statement.module])])


def _imported_by_call(call: ast.Call) -> str:
    named = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if named not in ("import_module", "__import__") or not call.args:
        return ""
    first = call.args[0]
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _is_optional(parent: ast.AST, child: ast.AST) -> bool:
    if isinstance(parent, ast.Try) and child in parent.body:
        return any(_catches_missing(handler.type) for handler in parent.handlers)
    return isinstance(parent, ast.If) and child in parent.body and "TYPE_CHECKING" in ast.dump(parent.test)


def _catches_missing(caught: ast.expr | None) -> bool:
    words = ("ImportError", "ModuleNotFoundError", "Exception")
    return caught is None or any(f"'{word}'" in ast.dump(caught) for word in words)


@cache
def _by_distribution() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for module, names in packages_distributions().items():
        for name in names:
            found.setdefault(canonicalize_name(name), set()).add(module)
    return {name: frozenset(modules) for name, modules in found.items()}


def _modules_of(names: Collection[str]) -> set[str]:
    found: set[str] = set()
    for name in names:
        # An editable install lists no files: its modules are taken to be called as it is.
        found |= _by_distribution().get(name, frozenset()) | {name.replace("-", "_")}
        try:
            found |= _names_shipped(distribution(name))
        except PackageNotFoundError:
            continue
    return found


def _names_shipped(found: Distribution) -> set[str]:
    names = set((found.read_text("top_level.txt") or "").split())
    for file in found.files or ():
        if file.suffix == ".py" and ".." not in file.parts:
            names.add(file.parts[0].removesuffix(".py"))
    return {name for name in names if name.isidentifier()}


def _closure(requires: Collection[str]) -> set[str]:
    """Normal names of all that *requires* asks for, and what that asks for."""
    seen: set[tuple[str, str]] = set()
    waiting = [(line, "") for line in requires]
    while waiting:
        line, extra = waiting.pop()
        wanted = _applying(line, extra)
        for asked in ("", *(wanted.extras if wanted else ())):
            step = (canonicalize_name(wanted.name), asked) if wanted else ("", "")
            if wanted is None or step in seen:
                continue
            seen.add(step)
            waiting += [(further, asked) for further in _requires_of(wanted.name)]
    return {name for name, _ in seen}


def _applying(line: str, extra: str) -> Requirement | None:
    """The requirement in *line*, None where its marker leaves it out here."""
    try:
        wanted = Requirement(line)
        applies = wanted.marker is None or wanted.marker.evaluate({"extra": extra})
    except (InvalidRequirement, ValueError):
        return None
    return wanted if applies else None


def _requires_of(name: str) -> list[str]:
    try:
        return list(distribution(name).requires or ())
    except PackageNotFoundError:
        return []


def _name(line: str) -> str:
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line)
    return canonicalize_name(found[1]) if found else ""
