"""A copy of the template with a few words of its source changed: for defects deep inside of it."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

import renkei_template

# In the order in which they import each other.
_MODULES: Final = ("codes", "settings", "manifest", "fields", "answers", "api", "records", "backend")
_HOME: Final = Path(renkei_template.__file__).parent
_copies = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Change:
    """*old* becomes *new*, wherever it stands in *module*; it has to stand there."""

    module: str
    old: str
    new: str


def rewritten(*changes: Change) -> ModuleType:
    """The template's backend, from a copy of its modules with these *changes*."""
    name = f"damaged_template_{next(_copies)}"
    package = ModuleType(name)
    package.__path__ = []
    sys.modules[name] = package
    for module in _MODULES:
        setattr(package, module, _copied(name, module, [change for change in changes if change.module == module]))
    backend: ModuleType = package.backend
    return backend


def with_changes(*changes: Change) -> Callable[[ModuleType], ModuleType]:
    """Damage for `module_saboteur`: whatever the good module is, the changed copy."""
    return lambda _good: rewritten(*changes)


def _copied(package: str, module: str, changes: list[Change]) -> ModuleType:
    path = _HOME / f"{module}.py"
    source = path.read_text(encoding="utf-8")
    for change in changes:
        assert change.old in source, f"the template's {module}.py no longer has {change.old!r}"
        source = source.replace(change.old, change.new)
    name = f"{package}.{module}"
    spec = importlib.util.spec_from_loader(name, loader=None)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    made.__file__ = str(path)
    sys.modules[name] = made  # where pydantic looks for a model's names
    exec(compile(source.replace("renkei_template", package), str(path), "exec"), vars(made))
    return made
